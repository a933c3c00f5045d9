"""The rows of risk units, as kernels see them."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.book import UNKNOWN
from shockgrid.market.padding import pad_axis
from shockgrid.numerics.shapes import AnyArray, Float, Int
from shockgrid.numerics.size_bucket import size_bucket


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnitRows:
    """Risk units of accounts.

    Attributes:
        unit: Index into ``RiskUnits.names``.
        spot_mode: Of the account, index into ``SPOT_MODES``.
        currency_row: Row of the balance of the coin that may hedge this unit, -1 for none.
        spot_fill: Change of that balance if the order book's spot orders filled; 0 for the positions.
        spot_limit: The most spot that may be used as a hedge, coin; infinity without a limit.
        entry_value: ``[row, N_VALUES]`` value of the positions at their entry prices, where each is booked.
    """

    unit: Int[AnyArray, " row"]
    spot_mode: Int[AnyArray, " row"]
    currency_row: Int[AnyArray, " row"]
    spot_fill: Float[AnyArray, " row"]
    spot_limit: Float[AnyArray, " row"]
    entry_value: Float[AnyArray, "row value"]


def pad_rows(values: np.ndarray, fill: float) -> np.ndarray:
    """Pad to a size bucket with at least one padding row, which padding lanes read."""
    values = values.astype(np.int32) if values.dtype.kind == "i" else values
    return pad_axis(values, size_bucket(len(values) + 1), fill)


def pad_units(units: UnitRows) -> UnitRows:
    """Pad rows as ``pad_rows`` does."""
    return UnitRows(
        unit=pad_rows(units.unit, 0),
        spot_mode=pad_rows(units.spot_mode, 0),
        currency_row=pad_rows(units.currency_row, UNKNOWN),
        spot_fill=pad_rows(units.spot_fill, 0.0),
        spot_limit=pad_rows(units.spot_limit, 0.0),
        entry_value=pad_axis(units.entry_value, size_bucket(len(units.unit) + 1), 0.0, axis=0),
    )

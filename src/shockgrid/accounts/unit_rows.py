"""The rows of risk units, as kernels see them."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.market_holdings import UNKNOWN
from shockgrid.numerics.shapes import AnyArray, Float, Int
from shockgrid.numerics.size_bucket import pad_axis


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


def join_units(first: UnitRows, second: UnitRows) -> UnitRows:
    """Rows of both (NumPy), one after the other."""
    columns = {name: np.concatenate([values, getattr(second, name)]) for name, values in vars(first).items()}
    return UnitRows(**columns)


def pad_units(units: UnitRows, n: int) -> UnitRows:
    """Pad to ``n`` rows, more than there are: padding lanes read the first row of padding."""
    return UnitRows(
        unit=pad_axis(units.unit, n, 0),
        spot_mode=pad_axis(units.spot_mode, n, 0),
        currency_row=pad_axis(units.currency_row, n, UNKNOWN),
        spot_fill=pad_axis(units.spot_fill, n, 0.0),
        spot_limit=pad_axis(units.spot_limit, n, 0.0),
        entry_value=pad_axis(units.entry_value, n, 0.0, axis=0),
    )

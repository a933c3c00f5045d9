"""The table of everything linear in the quantity held: one row an instrument, named columns; and its sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.numerics.ragged import RaggedPlan, map_ragged
from shockgrid.numerics.shapes import AnyArray, Array, Float

P = TypeVar("P")
R = TypeVar("R")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LinearRisks:
    """Columns that add up with the signed quantity. A leading instrument, row or lane axis stands before each.

    Attributes:
        price_vol: P&L in the price and volatility grid, USD: move by move, the volatility columns of each.
        extreme: P&L in the two extreme moves, USD.
        decay: Loss of value over the decay horizon, USD.
        rates: Rate sensitivity times the two factor loadings, USD.
        denominations: Cash delta by quote currency, USD.
        greeks: Delta in coin, gamma in USD per 1 %, theta in USD per day, vega in USD per point.
        tenor_delta: Cash delta by tenor slot, USD.
        tenor_vega: Vega by tenor slot times the slot's point shock, USD.
    """

    price_vol: Float[AnyArray, "*row cell"]
    extreme: Float[AnyArray, "*row 2"]
    decay: Float[AnyArray, "*row 1"]
    rates: Float[AnyArray, "*row 2"]
    denominations: Float[AnyArray, "*row 3"]
    greeks: Float[AnyArray, "*row 4"]
    tenor_delta: Float[AnyArray, "*row tenor"]
    tenor_vega: Float[AnyArray, "*row tenor"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GrossRisks:
    """Columns that add up with the absolute netted quantity, by side where the side matters.

    Attributes:
        charge_long, charge_short: Liquidation charge of one contract held long or short, USD.
        size: Gross size of one contract, USD.
    """

    charge_long: Float[AnyArray, "*row"]
    charge_short: Float[AnyArray, "*row"]
    size: Float[AnyArray, "*row"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Exposures:
    """Of one contract of each instrument."""

    linear: LinearRisks
    gross: GrossRisks


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RiskSums:
    """Of the positions of one row: the linear columns summed, the gross charge and the gross size."""

    linear: LinearRisks
    charge_usd: Float[AnyArray, "*row"]
    size_usd: Float[AnyArray, "*row"]


def sum_rows(exposures: Exposures, plan: RaggedPlan, finish: Callable[[RiskSums, P], R], row_data: P) -> R:
    """Sum exposures over the positions of each row and ``finish`` them while they are in cache.

    Args:
        exposures: By instrument.
        plan: Instruments and quantities of each row.
        finish: ``(RiskSums with a lane axis, row_data) -> pytree of [lane, ...]``.
        row_data: What ``finish`` needs of its rows, as for ``map_ragged``.
    """
    table = linear_table(exposures.linear)
    gross = exposures.gross
    long_table = jnp.stack([gross.charge_long, gross.size], axis=1)
    short_table = jnp.stack([gross.charge_short, gross.size], axis=1)

    def term(column: Array, weight: Array) -> tuple[Array, Array]:
        bought, sold = jnp.maximum(weight, 0.0)[:, None], jnp.maximum(-weight, 0.0)[:, None]
        return weight[:, None] * table[column], bought * long_table[column] + sold * short_table[column]

    def finish_sums(sums: tuple[Array, Array], data: P) -> R:
        linear, gross_sums = sums
        return finish(RiskSums(split_linear(linear, exposures.linear), gross_sums[:, 0], gross_sums[:, 1]), data)

    return map_ragged(plan, term, finish_sums, row_data)


def linear_table(risks: LinearRisks) -> Float[Array, "row column"]:
    """All linear columns side by side, in the order of the fields."""
    fields = [getattr(risks, name) for name in LinearRisks.__dataclass_fields__]
    return jnp.concatenate([f.reshape(f.shape[0], -1) for f in fields], axis=1)


def split_linear(sums: Float[AnyArray, "*row column"], like: LinearRisks) -> LinearRisks:
    """Sums of a ``linear_table`` as named fields, those of ``like``."""
    # No reshape to [row, move, vol_column]: XLA would copy the columns before it reads them.
    fields = [getattr(like, name) for name in LinearRisks.__dataclass_fields__]
    widths = [int(np.prod(f.shape[1:])) for f in fields]
    return LinearRisks(*jnp.split(sums, np.cumsum(widths)[:-1].tolist(), axis=-1))

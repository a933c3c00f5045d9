"""MR1: the worst of seven price moves times three volatility states (okx_computation.md section 3).

Cells are a list of numbers, not an array: XLA then computes them where they are read, many times faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from shockgrid.numerics.fold import fold
from shockgrid.numerics.shapes import Array, Float, Int
from shockgrid.scenarios.grid import VOL_COLUMNS

TIE_TOLERANCE = 1e-12
"""Cells closer than this fraction of the unit's gross size are equal."""

STATE_COLUMNS = ((0, 1), (2,), (3, 4))
"""Volatility columns (``stress.scenarios``) of each state: up and down in points and in percent."""


def pnl_cells(
    derivatives_pnl: Float[Array, " cell"], spot_usd: Float[Array, ""], moves: Float[Array, " move"]
) -> list[Float[Array, ""]]:
    """The 21 cells, state by state: P&L of derivatives and spot in use, the smaller of the shock in points and percent.

    Args:
        derivatives_pnl: Of the unit, by move and volatility column, flat.
        spot_usd: Value of the spot in use.
        moves: Relative price moves.
    """
    spot = [spot_usd * moves[m] for m in range(len(moves))]
    return [
        fold(jnp.minimum, [derivatives_pnl[m * len(VOL_COLUMNS) + column] for column in columns]) + spot[m]
        for columns in STATE_COLUMNS
        for m in range(len(moves))
    ]


def mr1(cells: Sequence[Float[Array, ""]], gross_usd: Float[Array, ""]) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """The charge, and the cell that makes it.

    Among equal cells the first counts: cells stand in the rule's order of preference (``stress.scenarios``).
    """
    worst = fold(jnp.minimum, cells)
    equal = worst + TIE_TOLERANCE * gross_usd
    place = jnp.full_like(worst, len(cells) - 1, jnp.int32)
    for k in reversed(range(len(cells) - 1)):
        place = jnp.where(cells[k] <= equal, k, place)
    return jnp.maximum(-worst, 0.0), place

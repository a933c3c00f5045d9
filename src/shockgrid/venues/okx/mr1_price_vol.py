"""MR1: the worst of seven price moves times three volatility states (okx_computation.md section 3)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Float, Int
from shockgrid.stress.scenarios import UNCHANGED

TIE_TOLERANCE = 1e-12
"""Cells closer than this fraction of the unit's gross size are equal."""


def pnl_grid(
    derivatives_pnl: Float[Array, "move vol_column"], spot_usd: Float[Array, ""], moves: Float[Array, " move"]
) -> Float[Array, "vol_state move"]:
    """The 21 cells: P&L of derivatives and spot in use, the smaller one of the shock in points and in percent.

    Args:
        derivatives_pnl: Of the unit, by move and volatility column.
        spot_usd: Value of the spot in use.
        moves: Relative price moves.
    """
    pnl = derivatives_pnl + (spot_usd * moves)[:, None]
    up = jnp.minimum(pnl[:, 0], pnl[:, 1])
    down = jnp.minimum(pnl[:, 3], pnl[:, 4])
    return jnp.stack([up, pnl[:, UNCHANGED], down])


def mr1(grid: Float[Array, "vol_state move"], gross_usd: Float[Array, ""]) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """The charge, and the cell of ``grid.ravel()`` that makes it.

    Among equal cells the first counts: cells stand in the rule's order of preference (``stress.scenarios``).
    """
    worst = jnp.min(grid)
    is_worst = grid.ravel() <= worst + TIE_TOLERANCE * gross_usd
    return jnp.maximum(-worst, 0.0), jnp.argmax(is_worst)

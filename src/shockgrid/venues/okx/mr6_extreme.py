"""MR6: half the loss in an extreme move, volatility unchanged (okx_computation.md section 3)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Float


def mr6(
    derivatives_pnl: Float[Array, " direction"],
    spot_usd: Float[Array, ""],
    move: Float[Array, ""],
    loss_fraction: Float[Array, ""],
) -> Float[Array, ""]:
    """The worse of the two directions.

    Args:
        derivatives_pnl: Of the unit, up and down.
        spot_usd: Value of the spot in use.
        move: Size of the move.
        loss_fraction: Share of the loss that counts.
    """
    up, down = derivatives_pnl[0] + spot_usd * move, derivatives_pnl[1] - spot_usd * move
    return loss_fraction * jnp.maximum(-jnp.minimum(up, down), 0.0)

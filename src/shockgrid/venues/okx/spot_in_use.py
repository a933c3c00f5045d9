"""Spot that hedges derivatives of the same coin (okx_computation.md section 2)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Float


def spot_in_use(
    delta_coin: Float[Array, ""], spot_equity: Float[Array, ""], limit: Float[Array, ""]
) -> Float[Array, ""]:
    """Coins of spot that enter the risk unit: against the derivatives' delta, as far as both and the limit reach.

    Args:
        delta_coin: Of the unit's derivatives.
        spot_equity: The account's equity in the coin without option value; negative if borrowed.
        limit: The user's, infinity without one.
    """
    used = jnp.minimum(jnp.minimum(jnp.abs(spot_equity), jnp.abs(delta_coin)), limit)
    offsets = spot_equity * delta_coin < 0.0
    return jnp.where(offsets, jnp.sign(spot_equity) * used, 0.0)

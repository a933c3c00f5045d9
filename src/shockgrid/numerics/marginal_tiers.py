"""Amounts charged slice by slice, as income tax is."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Float


def marginal_tiers(
    amount: Float[Array, ""], upper: Float[Array, " tier"], rate: Float[Array, " tier"]
) -> Float[Array, ""]:
    """``sum_i rate_i * (min(amount, upper_i) - upper_(i-1))+`` with ``upper_(-1) = 0``.

    Args:
        amount: Not negative.
        upper: Ascending upper bounds; infinity for the last tier and for padding after it.
        rate: Rate of each tier; 0 for padding.
    """
    total, lower = jnp.zeros_like(amount), jnp.zeros_like(amount)
    # One tier after the other rather than a reduction, which XLA rounds differently for different numbers of rows.
    for tier in range(upper.shape[0]):
        # Not maximum(min(amount, upper) - lower, 0): after the last tier, infinity - infinity would be NaN.
        in_tier = jnp.where(amount > lower, jnp.minimum(amount, upper[tier]) - jnp.minimum(lower, amount), 0.0)
        total, lower = total + rate[tier] * in_tier, upper[tier]
    return total

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
    lower = jnp.concatenate([jnp.zeros_like(upper[:1]), upper[:-1]])
    # Not maximum(min(amount, upper) - lower, 0): with padding, infinity - infinity would be NaN.
    slices = jnp.where(amount > lower, jnp.minimum(amount, upper) - jnp.minimum(lower, amount), 0.0)
    return jnp.sum(rate * slices)

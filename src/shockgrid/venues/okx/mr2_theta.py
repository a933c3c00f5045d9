"""MR2: what the unit's options lose in a day (okx_computation.md section 3; modelled)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Float


def mr2(decay_usd: Float[Array, ""]) -> Float[Array, ""]:
    """The loss of value of the net option book over the horizon; a book that gains pays nothing."""
    return jnp.maximum(decay_usd, 0.0)

"""MR3: volatility moves that are not parallel over expiries (okx_computation.md section 3; modelled)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.fold import total
from shockgrid.numerics.shapes import Array, Float


def mr3(shocked_vega_usd: Float[Array, " tenor"], kappa: Float[Array, ""]) -> Float[Array, ""]:
    """``kappa (sum |x_e| - |sum x_e|) / 2``: a share of the vega that a parallel shift would let offset.

    Args:
        shocked_vega_usd: ``x_e``, net vega of each expiry times its point shock.
        kappa: The share.
    """
    offset = total(jnp.abs(shocked_vega_usd)) - jnp.abs(total(shocked_vega_usd))
    # Rounding can leave the difference of two equal sums below zero.
    return kappa * jnp.maximum(offset, 0.0) / 2.0

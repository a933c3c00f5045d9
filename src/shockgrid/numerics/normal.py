"""The standard normal distribution.

``erfc`` rather than ``jax.scipy.special.ndtr``: it is several times faster on CPU in float64 and keeps relative
accuracy in the lower tail, which the out-of-the-money side of an option needs.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax.lax import erfc

from shockgrid.numerics.shapes import Array, Float

_SQRT_HALF = math.sqrt(0.5)
_DENSITY_AT_ZERO = 1.0 / math.sqrt(2.0 * math.pi)


def normal_cdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Probability below ``x``."""
    return 0.5 * erfc(-x * _SQRT_HALF)


def normal_pdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Density at ``x``."""
    return _DENSITY_AT_ZERO * jnp.exp(-0.5 * x * x)

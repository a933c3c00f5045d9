"""The standard normal distribution.

``erfc`` rather than ``jax.scipy.special.ndtr``: it is several times faster on CPU in float64 and keeps relative
accuracy in the lower tail, which the out-of-the-money side of an option needs.

``mills_ratio`` is for formulas that need several tail probabilities at once: an upper tail is ``normal_pdf(t)`` times
it, so that two tails whose densities are proportional, as those of an option are, share one exponential.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax.lax import erfc

from shockgrid.numerics.shapes import Array, Float

_SQRT_HALF = math.sqrt(0.5)
_DENSITY_AT_ZERO = 1.0 / math.sqrt(2.0 * math.pi)

_MILLS_DOUBLE_P = (
    1472494.8091707916,
    2534888.3434779355,
    2154725.4767297986,
    1172355.9528946076,
    448534.9941079832,
    125627.12575148814,
    26070.939305278454,
    3966.544012282135,
    425.4926618785885,
    29.311668016877654,
    1.0,
)
_MILLS_DOUBLE_Q = (
    1174880.874099736,
    2959967.5828469507,
    3493494.1884319647,
    2555299.1027701944,
    1290343.1239072853,
    473764.94761836564,
    129535.04643663195,
    26494.43196705561,
    3995.8556802996104,
    426.4926618785871,
    29.311668016877658,
    1.0,
)
_MILLS_SINGLE_P = (
    338.22285703178875,
    379.2924930079212,
    203.25169951413815,
    63.172703548181765,
    11.422193512005228,
    1.0,
)
_MILLS_SINGLE_Q = (
    269.86279597902177,
    517.9509588010678,
    440.50542356291237,
    214.67266661996894,
    64.17271763691441,
    11.4221934871723,
    1.0,
)


def normal_cdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Probability below ``x``."""
    return 0.5 * erfc(-x * _SQRT_HALF)


def normal_pdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Density at ``x``."""
    return _DENSITY_AT_ZERO * jnp.exp(-0.5 * x * x)


def mills_ratio(t: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Upper tail over density, ``(1 - N(t)) / n(t)``, for ``t`` from 0 to 1e6.

    A ratio of two polynomials ``P(t) / Q(t)`` that equals the function at the Chebyshev nodes of
    ``y = (t - c) / (t + c)``, which maps zero to infinity onto -1 to 1, and behaves as ``1/t`` far out. Degrees 10 and
    11 with ``c = 3.2`` are within 4.9e-17 of it relatively, degrees 5 and 6 with ``c = 2.4`` (for float32) within 4e-9.
    All coefficients are positive, so nothing cancels and rounding adds a few units in the last place.
    """
    single = jnp.asarray(t).dtype == jnp.float32
    p, q = (_MILLS_SINGLE_P, _MILLS_SINGLE_Q) if single else (_MILLS_DOUBLE_P, _MILLS_DOUBLE_Q)
    return _polynomial(p, t) / _polynomial(q, t)


def _polynomial(coefficients: tuple[float, ...], t: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Horner's rule, from the constant term up; the leading coefficient is 1."""
    value = t + coefficients[-2]
    for coefficient in reversed(coefficients[:-2]):
        value = value * t + coefficient
    return value

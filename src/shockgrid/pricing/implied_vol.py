"""Black-76 volatility from a price, to the rounding of the price.

Only the out-of-the-money side is inverted: the intrinsic value is taken off, and what is left is divided by the most it
can be. That fraction ``u`` depends on ``x = |ln(K/F)|`` and the deviation ``s = vol sqrt T`` alone, as
``black76.out_of_the_money_fraction`` says. The plan is that of P. Jaeckel, Let's be rational (2015): a closed first
guess for either half of the prices, then a fixed number of Householder steps of fourth order on a function of the price
that is nearly straight. Here that function is ``ln u`` below ``u = 1/2`` and ``ln(1 - u)`` above, so there are two
cases instead of his four. The guesses are this file's own, and are derived where they stand.

Nothing depends on the data but numbers, so a million options are one loop without branches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.normal import mills_ratio
from shockgrid.numerics.shapes import AnyArray, Array, Bool, Float, Int

STATUS = ("ok", "at_intrinsic", "below_intrinsic", "above_maximum", "no_time", "not_positive", "not_finite")
"""What a status code means: ``STATUS[code]``.

At the intrinsic value the volatility is 0; from ``below_intrinsic`` on there is none. A price at its maximum (1 coin
for a call, K/F coins for a put) is ``above_maximum`` as well. ``not_positive`` speaks of the forward and the strike.
"""

_STEPS = 3
"""Householder steps. Two are enough for ``|ln(K/F)| < 5``, three for all ratios that float64 can hold."""
_DENSITY_AT_ZERO = 1.0 / math.sqrt(2.0 * math.pi)
_SERIES_HALF_DEVIATION = 0.1
_SERIES_DISTANCE = 2.0
_SERIES_TERMS = 6
"""Terms of the series that replaces a difference which cancels; the seventh is below 1e-17 of the first."""
_ROUNDINGS = 4.0
"""Roundings by which a price may lie below its intrinsic value and still count as at it."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ImpliedVol:
    """Volatility for each price, and why where there is none.

    Attributes:
        vol: Annualised; 0 where the price is intrinsic, NaN where the status is neither of the first two.
        status: Place in ``STATUS``.
    """

    vol: Float[AnyArray, "*s"]
    status: Int[AnyArray, "*s"]


def implied_vol(
    value_coin: Float[Array, "*s"],
    forward: Float[Array, "*s"],
    strike: Float[Array, "*s"],
    years: Float[Array, "*s"],
    is_call: Bool[Array, "*s"],
) -> ImpliedVol:
    """The volatility at which ``black76.value_coin`` is the price. Elementwise; nothing is raised.

    In float64 an out-of-the-money price gives the volatility to 1e-14 relatively, down to the smallest normal number.
    What an in-the-money price holds of its time value, and a price near its maximum of its distance to it, is rounded
    to 1e-16 of the price, so there the volatility is as uncertain as ``1e-16 price / vega``. In float32 the same holds
    with 6e-8 for 1e-16, and an out-of-the-money price by ``value_coin`` comes back to 1e-4.

    Args:
        value_coin: Undiscounted, in coin per coin of underlying; a value in USD divided by the forward.
        forward: USD, above 0.
        strike: USD, above 0.
        years: Time to expiry in years, above 0.
        is_call: Call, else put.
    """
    ratio = strike / forward
    is_out_call = strike >= forward
    between = jnp.where(is_out_call, strike - forward, forward - strike)
    is_out = is_call == is_out_call
    least = jnp.where(is_out, 0.0, between / forward)
    most = jnp.where(is_call, 1.0, ratio)
    rounding = jnp.where(is_out, 0.0, _ROUNDINGS * jnp.finfo(ratio.dtype).eps * jnp.maximum(ratio, 1.0))
    status = _status(value_coin, least - rounding, least, most, forward, strike, years)
    is_ok = status == _code("ok")
    # Where there is nothing to find, a harmless option is solved instead, so that no NaN reaches a derivative.
    scale = jnp.minimum(1.0, ratio)
    low, high = (jnp.where(is_ok, part / scale, 0.5) for part in (value_coin - least, most - value_coin))
    gap = jnp.where(is_ok, between / jnp.minimum(forward, strike), 0.0)
    vol = implied_deviation(jnp.log1p(gap), low, high) / jnp.sqrt(jnp.where(is_ok, years, 1.0))
    none = jnp.where(status == _code("at_intrinsic"), 0.0, jnp.nan)
    return ImpliedVol(jnp.where(is_ok, vol, none), status)


def _status(
    value: Float[Array, "*s"],
    least_allowed: Float[Array, "*s"],
    least: Float[Array, "*s"],
    most: Float[Array, "*s"],
    forward: Float[Array, "*s"],
    strike: Float[Array, "*s"],
    years: Float[Array, "*s"],
) -> Int[Array, "*s"]:
    """The first reason that applies, in the order of the list."""
    reasons = {
        "not_finite": ~jnp.isfinite(value + forward + strike + years),
        "not_positive": (forward <= 0.0) | (strike <= 0.0),
        "no_time": years <= 0.0,
        "below_intrinsic": value < least_allowed,
        "at_intrinsic": value <= least,
        "above_maximum": value >= most,
    }
    return jnp.select(list(reasons.values()), [_code(name) for name in reasons], _code("ok"))


def implied_deviation(x: Float[Array, "*s"], low: Float[Array, "*s"], high: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Deviation ``s = vol sqrt T`` at which an out-of-the-money option is worth a fraction of its maximum.

    Args:
        x: Distance from the strike, ``|ln(K/F)|``, 0 or more.
        low: The fraction, above 0.
        high: One minus the fraction, above 0; an argument of its own, because near 1 the fraction does not hold it.
    """
    # At the strike itself x is too small to matter, but not 0, which the guess divides by.
    x = jnp.maximum(x, math.sqrt(jnp.finfo(x.dtype).tiny))
    is_high = low > 0.5
    log_target = jnp.log(jnp.where(is_high, high, low))
    s = jnp.where(is_high, _guess_high(x, log_target), _guess_low(x, log_target))
    for _ in range(_STEPS):
        # At the solution a step does not depend on where it started: the last one alone has the whole derivative.
        s = _householder_step(jax.lax.stop_gradient(s), x, log_target, is_high)
    return s


def _guess_low(x: Float[Array, "*s"], log_fraction: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Deviation of a fraction below 1/2, to 41 %.

    With ``h = x / s``, the fraction of a small deviation is Bachelier's, ``x n(h) (1 - h R(h)) / h``. So
    ``ln(n(0) x / u)`` is ``ln h`` for small ``h`` and ``h^2 / 2`` with logarithms for large ones, and
    ``L = ln(1 + n(0) x / u)`` runs from ``h`` to ``h^2 / 2``: hence ``h = L / sqrt(1 + L / 2)``. For large deviations
    the density is ``n(h) exp(x/2 - t^2 / 2)`` with ``t = x / (2 h)``: ``x / 2`` is put into ``L``, and what is found
    is ``h^2 + t^2`` (``both`` squared), of which ``x = 2 h t`` is a known share: a quadratic for ``h^2``.
    """
    log_ratio = jnp.logaddexp(0.0, jnp.log(_DENSITY_AT_ZERO * x) - log_fraction + 0.5 * x)
    stretch = 1.0 + 0.5 * log_ratio
    both = log_ratio / jnp.sqrt(stretch)
    # No square of x or log_ratio is formed: at the strike they are so small that it would be 0.
    share = stretch * (x / log_ratio) / log_ratio
    h = both * jnp.sqrt(0.5 + 0.5 * jnp.sqrt(jnp.maximum(1.0 - share * share, 0.0)))
    return x / h


def _guess_high(x: Float[Array, "*s"], log_rest: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Deviation of a fraction above 1/2 from its distance to 1, to 11 %.

    With ``a = t - h`` and ``b = t + h = sqrt(a^2 + 2 x)`` the distance is ``N(-a) (1 + R(b) / R(a))``. The ratio of
    Mills ratios is between 0 (far from the strike) and 1 (at it), here ``1 / (1 + sqrt(2 x))``. Then ``a`` is a normal
    quantile, of which ``L = -ln(2 N(-a))`` is ``2 n(0) a`` for small ``a`` and ``a^2 / 2`` for large ones.
    """
    root = jnp.sqrt(2.0 * x)
    log_tail = jnp.maximum(jnp.log1p(1.0 / (1.0 + root)) - math.log(2.0) - log_rest, 0.0)
    slope = 0.5 / _DENSITY_AT_ZERO
    a = slope * log_tail / jnp.sqrt(1.0 + 0.5 * slope * slope * log_tail)
    return a + jnp.sqrt(a * a + 2.0 * x)


def _householder_step(
    s: Float[Array, "*s"], x: Float[Array, "*s"], log_target: Float[Array, "*s"], is_high: Bool[Array, "*s"]
) -> Float[Array, "*s"]:
    """One step of fourth order on ``ln u`` or ``ln(1 - u)`` (A. S. Householder, 1970, section 4.4).

    The derivatives by ``s`` are ``u' = n(a)``, ``u'' / u' = a b / s`` and
    ``u''' / u' = (a b / s)^2 - 1/4 - 3 x^2 / s^4``, with ``a = h - t`` and ``b = h + t``. Written with the reciprocal
    of the logarithm's own derivative, a step has one division.
    """
    per_s = 1.0 / s
    h, t = x * per_s, 0.5 * s
    a = h - t
    over_density = _over_density(h, t, is_high)
    miss = -0.5 * a * a + jnp.log(_DENSITY_AT_ZERO * over_density) - log_target
    width = jnp.where(is_high, -1.0, 1.0).astype(s.dtype) * over_density
    curve = a * (h + t) * per_s
    third = curve * curve - 0.25 - 3.0 * (h * per_s) ** 2
    second_term = miss * (1.0 - curve * width)
    third_term = miss * miss * (width * width * third - 3.0 * curve * width + 2.0)
    return s - miss * width * (1.0 + 0.5 * second_term) / (1.0 + second_term + third_term / 6.0)


def _over_density(h: Float[Array, "*s"], t: Float[Array, "*s"], is_high: Bool[Array, "*s"]) -> Float[Array, "*s"]:
    """The fraction, or its distance to 1, over the density ``n(h - t)``, without cancellation.

    The fraction is ``R(a) - R(b)`` where ``a = h - t`` is positive, and ``1 / n(a) - R(-a) - R(b)`` elsewhere.
    """
    a, b = h - t, h + t
    in_doubt, is_close = a >= 0.0, (t < _SERIES_HALF_DEVIATION) & (h * t < 0.5 * _SERIES_DISTANCE)
    # Cases are weights of 0 and 1, not choices between values: a loop with such choices gets branches, and is slow.
    doubt, close, high = (jnp.where(case, 1.0, 0.0).astype(a.dtype) for case in (in_doubt, is_close, is_high))
    sign = 2.0 * doubt - 1.0
    tails = sign * mills_ratio(sign * a) - mills_ratio(b)
    certain = _reciprocal_density(a)
    series = _mills_difference(close * h, close * t)
    by_tails = (1.0 - high) * (1.0 - close)
    weight_of_certain = high * doubt + by_tails * (1.0 - doubt)
    return weight_of_certain * certain + (by_tails - high) * tails + (1.0 - high) * close * series


def _reciprocal_density(a: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """``1 / n(a)``, which stops growing where it would soon overflow: there it has weight 0."""
    most = jnp.log(jnp.finfo(a.dtype).max) - 10.0
    return jnp.exp(jnp.minimum(0.5 * a * a, most)) / _DENSITY_AT_ZERO


def _mills_difference(h: Float[Array, "*s"], t: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """``R(h - t) - R(h + t)`` for small ``t`` by Taylor's series, whose terms of even order cancel.

    ``R' = h R - 1`` gives the coefficients ``c_(n+1) = (h c_n + c_(n-1)) / (n + 1)``.
    """
    before = mills_ratio(h)
    now = h * before - 1.0
    total, power = now * t, t
    for n in range(1, 2 * _SERIES_TERMS - 1, 2):
        even = (h * now + before) / (n + 1)
        before, now = even, (h * even + now) / (n + 2)
        power = power * t * t
        total = total + now * power
    return -2.0 * total


def _code(name: str) -> int:
    return STATUS.index(name)

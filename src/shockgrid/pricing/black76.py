"""European options on a forward, undiscounted (F. Black, The pricing of commodity contracts, 1976).

Values are in coin, i.e. divided by the forward, as coin-settled options are quoted: call ``N(d1) - (K/F) N(d2)``, put
``(K/F) N(-d2) - N(-d1)``. The out-of-the-money side is computed and the other follows by parity, which keeps float32
within 3e-7. At zero time or zero volatility the value is the payoff. All functions but the grid are elementwise.

The out-of-the-money call and put are one function. With ``s = vol sqrt T``, ``h = |ln(K/F)| / s`` and ``t = s / 2``,
either is worth ``min(1, K/F)`` times ``N(t - h) - exp(2 h t) N(-t - h)``. Because ``n(h - t) = exp(2 h t) n(h + t)``,
that is ``n(h - t) (R(h - t) - R(h + t))`` with the Mills ratio ``R(x) = N(-x) / n(x)``: both normal distributions share
one exponential (P. Jaeckel, Let's be rational, 2015, does the same with a scaled erfc).
"""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.normal import mills_ratio, normal_cdf, normal_pdf
from shockgrid.numerics.shapes import Array, Bool, Float

_TINY = 1e-30
"""Stands for a deviation of zero in a division, and is above zero in float32 too."""
_FAR = 1e6
"""Deviations from the strike at which an option is worth nothing."""


def d1_d2(
    forward: Float[Array, "*s"], strike: Float[Array, "*s"], vol: Float[Array, "*s"], years: Float[Array, "*s"]
) -> tuple[Float[Array, "*s"], Float[Array, "*s"]]:
    """``d1 = (ln(F/K) + vol^2 T / 2) / (vol sqrt T)`` and ``d2 = d1 - vol sqrt T``.

    Without deviation both are plus or minus infinity (huge), at the strike 0.
    """
    deviation = vol * jnp.sqrt(years)
    log_moneyness = jnp.log(forward / strike)
    d = log_moneyness / jnp.maximum(deviation, _TINY)
    return d + 0.5 * deviation, d - 0.5 * deviation


def value_coin(
    forward: Float[Array, "*s"],
    strike: Float[Array, "*s"],
    vol: Float[Array, "*s"],
    years: Float[Array, "*s"],
    is_call: Bool[Array, "*s"],
) -> Float[Array, "*s"]:
    """Value in coin per coin of underlying.

    Args:
        forward: USD, above 0.
        strike: USD, above 0.
        vol: Annualised, 0 or more.
        years: Time to expiry in years, 0 or more.
        is_call: Call, else put.
    """
    ratio = strike / forward
    deviation = vol * jnp.sqrt(years)
    is_out_call, distance = _out_of_the_money(ratio)
    fraction = out_of_the_money_fraction(distance / jnp.maximum(deviation, _TINY), 0.5 * deviation)
    return _value_from_fraction(fraction, ratio, is_out_call, is_call)


def value_grid_coin(
    forward: Float[Array, "instrument move"],
    strike: Float[Array, " instrument"],
    vol: Float[Array, "instrument vol_column"],
    years: Float[Array, " instrument"],
    is_call: Bool[Array, " instrument"],
) -> Float[Array, "instrument move vol_column"]:
    """``value_coin`` of every option at every forward and volatility, in coin per coin of underlying.

    The logarithm and the out-of-the-money side are found once for each instrument and move, the square root once for
    each instrument, the reciprocal of the deviation once for each instrument and volatility; a cell is left with one
    exponential and two ratios of polynomials. Units and limits as in ``value_coin``, to 1e-15 of the larger of 1 and
    the value.
    """
    ratio = strike[:, None] / forward
    deviation = vol * jnp.sqrt(years)[:, None]
    is_out_call, distance = _out_of_the_money(ratio)
    per_deviation = 1.0 / jnp.maximum(deviation, _TINY)
    h, t = jnp.broadcast_arrays(distance[:, :, None] * per_deviation[:, None, :], 0.5 * deviation[:, None, :])
    fraction = out_of_the_money_fraction(h, t)
    per_cell = jnp.broadcast_arrays(ratio[:, :, None], is_out_call[:, :, None], is_call[:, None, None], fraction)
    return _value_from_fraction(fraction, *per_cell[:3])


def out_of_the_money_fraction(h: Float[Array, "*s"], t: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Value of an out-of-the-money option as a fraction of the most it can be worth, from 0 to 1.

    Args:
        h: Distance from the strike in deviations, ``|ln(K/F)| / s``, 0 or more. Beyond 1e6 it counts as 1e6, where
            the value is 0 in either precision and no square of it overflows.
        t: Half the deviation, ``s / 2``, 0 or more.
    """
    h = jnp.minimum(h, _FAR)
    a, b = h - t, h + t
    # Where a < 0 the option is likely to end in the money, and 1 - N(a) stands for N(-a). Choosing between constants
    # only keeps the loop free of branches, which makes float32 four times as fast on CPU.
    sign, certain = jnp.where(a < 0.0, -1.0, 1.0), jnp.where(a < 0.0, 1.0, 0.0)
    sign, certain = sign.astype(a.dtype), certain.astype(a.dtype)
    tails = normal_pdf(a) * (sign * mills_ratio(sign * a) - mills_ratio(b))
    return jnp.maximum(certain + tails, 0.0)


def _out_of_the_money(ratio: Float[Array, "*s"]) -> tuple[Bool[Array, "*s"], Float[Array, "*s"]]:
    """Whether the call is out of the money at ``K/F`` (else the put is), and ``|ln(K/F)|``.

    A sign and not ``abs``, whose derivative at the strike is 0.
    """
    is_out_call = ratio >= 1.0
    return is_out_call, jnp.where(is_out_call, 1.0, -1.0) * jnp.log(ratio)


def _value_from_fraction(
    fraction: Float[Array, "*s"], ratio: Float[Array, "*s"], is_out_call: Bool[Array, "*s"], is_call: Bool[Array, "*s"]
) -> Float[Array, "*s"]:
    """Scale the out-of-the-money side to coin, and step to the other side by parity where that is asked for."""
    most = jnp.where(is_out_call, 1.0, ratio)
    intrinsic = jnp.where(is_call == is_out_call, 0.0, jnp.where(is_out_call, ratio - 1.0, 1.0 - ratio))
    return most * fraction + intrinsic


def value_usd(
    forward: Float[Array, "*s"],
    strike: Float[Array, "*s"],
    vol: Float[Array, "*s"],
    years: Float[Array, "*s"],
    is_call: Bool[Array, "*s"],
) -> Float[Array, "*s"]:
    """Undiscounted value in USD per coin of underlying: the value in coin times the forward."""
    return forward * value_coin(forward, strike, vol, years, is_call)


def forward_delta(d1: Float[Array, "*s"], is_call: Bool[Array, "*s"]) -> Float[Array, "*s"]:
    """``N(d1)`` for a call, ``N(d1) - 1`` for a put."""
    sign = jnp.where(is_call, 1.0, -1.0)
    return sign * normal_cdf(sign * d1)


def vega_coin(d1: Float[Array, "*s"], years: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Change of the value in coin per 1.00 of volatility, ``n(d1) sqrt(T)``."""
    return normal_pdf(d1) * jnp.sqrt(years)

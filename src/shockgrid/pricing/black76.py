"""European options on a forward, undiscounted (F. Black, The pricing of commodity contracts, 1976).

All functions are elementwise. Values are in coin, i.e. divided by the forward, as coin-settled options are quoted:
call ``N(d1) - (K/F) N(d2)``, put ``(K/F) N(-d2) - N(-d1)``. The out-of-the-money side is computed and the other
follows by parity, which keeps float32 within 3e-7. At zero time or zero volatility the value is the payoff.
"""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.normal import normal_cdf, normal_pdf
from shockgrid.numerics.shapes import Array, Bool, Float

_TINY = 1e-30
"""Stands for a deviation of zero in a division, and is above zero in float32 too."""


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
    d1, d2 = d1_d2(forward, strike, vol, years)
    ratio = strike / forward
    sign = jnp.where(ratio >= 1.0, 1.0, -1.0)  # the out-of-the-money side is the call where K >= F
    out = sign * (normal_cdf(sign * d1) - ratio * normal_cdf(sign * d2))
    wants_call = is_call == (sign > 0)
    return jnp.where(wants_call, jnp.maximum(out, 0.0), jnp.maximum(out, 0.0) + jnp.abs(1.0 - ratio))


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

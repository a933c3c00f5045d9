"""Option Greeks in OKX's two conventions, in closed form (okx_portfolio_margin.md section 2.5).

**BS**: the Greeks of the USD value at spot index ``S``. The forward fixes the rate: ``r = q + ln(F/S) / T``.
**PA** (price-adjusted): the Greeks of the coin value, per relative move of the price.
With ``F = S`` and no yield the BS Greeks are Deribit's. Below one day to expiry both thetas are the decay over the
time that is left (scaled by the days left).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.normal import normal_cdf, normal_pdf
from shockgrid.numerics.shapes import Array, Bool, Float
from shockgrid.pricing.black76 import d1_d2, value_coin

_TINY = 1e-30
_DAYS_PER_YEAR = 365.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Greeks:
    """Value and Greeks of one option on one coin.

    Attributes:
        value: USD in BS, coin in PA.
        delta: Coin.
        gamma: BS: change of delta per USD. PA: per relative move of 1.
        vega: Per volatility point, USD or coin.
        theta: Per day (or over the rest of the last day), USD or coin.
        rho: BS: USD per percentage point of the rate at fixed yield. PA: coin.
    """

    value: Float[Array, "*s"]
    delta: Float[Array, "*s"]
    gamma: Float[Array, "*s"]
    vega: Float[Array, "*s"]
    theta: Float[Array, "*s"]
    rho: Float[Array, "*s"]


def greeks_bs(
    spot: Float[Array, "*s"],
    forward: Float[Array, "*s"],
    strike: Float[Array, "*s"],
    vol: Float[Array, "*s"],
    years: Float[Array, "*s"],
    is_call: Bool[Array, "*s"],
    carry_yield: Float[Array, "*s"] | float = 0.0,
) -> Greeks:
    """Black-Scholes-Merton value and Greeks in USD.

    Args:
        spot: Index, USD.
        forward: Of the option's expiry, USD.
        strike: USD.
        vol: Annualised.
        years: Time to expiry.
        is_call: Call, else put.
        carry_yield: Continuous yield ``q`` of the coin.
    """
    d1, d2 = d1_d2(forward, strike, vol, years)
    w = jnp.where(is_call, 1.0, -1.0)
    rate = carry_yield + jnp.log(forward / spot) / jnp.maximum(years, _TINY)
    spot_pv, strike_pv = spot * jnp.exp(-carry_yield * years), strike * jnp.exp(-rate * years)
    in_the_money, density = normal_cdf(w * d2), normal_pdf(d1)
    root, decay_time = jnp.sqrt(years), jnp.minimum(1.0, _DAYS_PER_YEAR * years)
    theta_year = (
        -0.5 * spot_pv * density * vol / jnp.maximum(root, _TINY)
        - w * rate * strike_pv * in_the_money
        + w * carry_yield * spot_pv * normal_cdf(w * d1)
    )
    return Greeks(
        value=spot_pv * value_coin(forward, strike, vol, years, is_call),
        delta=w * spot_pv / spot * normal_cdf(w * d1),
        gamma=spot_pv * density / (spot * spot * jnp.maximum(vol * root, _TINY)),
        vega=spot_pv * density * root / 100.0,
        theta=theta_year / _DAYS_PER_YEAR * decay_time,
        rho=w * strike_pv * in_the_money * years / 100.0,
    )


def greeks_pa(
    spot: Float[Array, "*s"],
    forward: Float[Array, "*s"],
    strike: Float[Array, "*s"],
    vol: Float[Array, "*s"],
    years: Float[Array, "*s"],
    is_call: Bool[Array, "*s"],
    carry_yield: Float[Array, "*s"] | float = 0.0,
) -> Greeks:
    """Price-adjusted value and Greeks in coin; arguments as for ``greeks_bs``.

    ``delta_PA = delta_BS - v`` and ``gamma_PA = S gamma_BS - 2 delta_PA`` with ``v`` the value in coin; theta is that
    of the coin value at a fixed forward.
    """
    bs = greeks_bs(spot, forward, strike, vol, years, is_call, carry_yield)
    d1, _ = d1_d2(forward, strike, vol, years)
    value, yield_factor = bs.value / spot, jnp.exp(-carry_yield * years)
    delta = bs.delta - value
    decay_time = jnp.minimum(1.0, _DAYS_PER_YEAR * years)
    theta_year = -0.5 * yield_factor * normal_pdf(d1) * vol / jnp.maximum(jnp.sqrt(years), _TINY) + carry_yield * value
    return Greeks(
        value=value,
        delta=delta,
        gamma=spot * bs.gamma - 2.0 * delta,
        vega=bs.vega / spot,
        theta=theta_year / _DAYS_PER_YEAR * decay_time,
        rho=bs.rho / spot,
    )

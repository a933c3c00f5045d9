"""What one contract is sensitive to, apart from the grid: okx_computation.md section 1.

Everything is per contract and linear in the quantity held.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import N_VALUES, Contracts
from shockgrid.numerics.normal import normal_cdf, normal_pdf
from shockgrid.numerics.shapes import Array, Float
from shockgrid.pricing import black76, linear
from shockgrid.scenarios.columns import in_column

DAYS_PER_YEAR = 365.0
_TINY = 1e-30


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sensitivities:
    """Of one contract of each instrument.

    Attributes:
        cash_delta_usd: Change in USD per relative move of 1.
        delta_coin: Cash delta over the index.
        size_usd: Gross size: of an option that of its underlying.
        value_usd: Value of an option, ``mult * v * I``; 0 otherwise.
        vega_usd: Per volatility point.
        gamma_usd: Change of the cash delta per 1 % move.
        rate_usd: Per 1.00 of annual rate.
        theta_usd: Change of value over one day, price and volatility unchanged.
        decay_usd: Loss of value over the decay horizon.
    """

    cash_delta_usd: Float[Array, " instrument"]
    delta_coin: Float[Array, " instrument"]
    size_usd: Float[Array, " instrument"]
    value_usd: Float[Array, " instrument"]
    vega_usd: Float[Array, " instrument"]
    gamma_usd: Float[Array, " instrument"]
    rate_usd: Float[Array, " instrument"]
    theta_usd: Float[Array, " instrument"]
    decay_usd: Float[Array, " instrument"]


def sensitivities(contracts: Contracts, snapshot: Snapshot, decay_days: Float[Array, ""]) -> Sensitivities:
    """Sensitivities of every contract.

    Args:
        contracts: The terms.
        snapshot: The market, without leading axes.
        decay_days: Horizon of the decay, in days.
    """
    option, index = contracts.is_option, snapshot.index_usd[contracts.coin_currency[contracts.coin]]
    forward, strike, years, vol = snapshot.forward, contracts.strike, snapshot.years, snapshot.vol
    scale = jnp.where(option, contracts.contract_value * index, 0.0)
    d1, d2 = black76.d1_d2(forward, strike, vol, years)
    sign = jnp.where(contracts.is_call, 1.0, -1.0)
    value = black76.value_coin(forward, strike, vol, years, contracts.is_call)

    def value_after(days: Array | float) -> Array:
        later = jnp.maximum(years - days / DAYS_PER_YEAR, 0.0)
        return black76.value_coin(forward, strike, vol, later, contracts.is_call)

    deviation = jnp.maximum(vol * jnp.sqrt(years), _TINY)
    delta_one = _delta_one_usd(contracts, snapshot)
    cash_delta = jnp.where(option, scale * black76.forward_delta(d1, contracts.is_call), delta_one)
    return Sensitivities(
        cash_delta_usd=cash_delta,
        delta_coin=cash_delta / index,
        size_usd=jnp.where(option, scale, delta_one),
        value_usd=scale * value,
        vega_usd=scale * black76.vega_coin(d1, years) / 100.0,
        gamma_usd=scale * normal_pdf(d1) / (forward * deviation) * index / 100.0,
        rate_usd=scale * sign * (strike / forward) * normal_cdf(sign * d2) * years,
        theta_usd=scale * (value_after(1.0) - value),
        decay_usd=scale * (value - value_after(decay_days)),
    )


def _delta_one_usd(contracts: Contracts, snapshot: Snapshot) -> Float[Array, " instrument"]:
    settle_usd = snapshot.index_usd[contracts.settle]
    cash_delta = linear.cash_delta_usd(contracts.contract_value, snapshot.mark, settle_usd)
    return jnp.where(contracts.is_inverse, contracts.contract_value, cash_delta)


def contract_values(contracts: Contracts, snapshot: Snapshot) -> Float[Array, "instrument value"]:
    """Value of one contract at its mark in the settlement currency, where it is booked.

    Inverse contracts are worth ``-ctVal / mark`` coin, all others ``ctVal * mark``; differences of these are P&L.
    """
    size, mark = contracts.contract_value, snapshot.mark
    value = jnp.where(contracts.is_inverse, -size / jnp.where(contracts.is_inverse, mark, 1.0), size * mark)
    return in_column(value, contracts.value_slot, N_VALUES)

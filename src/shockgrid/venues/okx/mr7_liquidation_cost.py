"""MR7: what closing all derivatives of the unit would cost, more per unit as it grows: the floor of its margin.

okx_computation.md section 3. Gross: every netted position pays, none offsets another.
"""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import PERPETUAL_TENOR, Contracts
from shockgrid.numerics.marginal_tiers import marginal_tiers
from shockgrid.numerics.shapes import Array, Float
from shockgrid.scenarios.sensitivities import Sensitivities
from shockgrid.venues.okx.rule_tables import ContractRules

FUNDINGS_PER_DAY = 3.0
"""A funding rate is per 8 hours."""


def contract_charges(
    contracts: Contracts, snapshot: Snapshot, risk: Sensitivities, rules: ContractRules
) -> tuple[Float[Array, " instrument"], Float[Array, " instrument"]]:
    """Raw charge of one contract held long, and held short, in USD.

    Linear and inverse: a rate on the cash delta, and of perpetuals the funding that the side would pay in
    ``funding_days``. Options: the fee, and slippage by delta or vega with a floor.
    """
    charge = rules.option_charge
    delta_usd = jnp.abs(risk.cash_delta_usd)
    fee = jnp.minimum(charge.fee_index * risk.size_usd, charge.fee_premium * risk.value_usd)
    slippage = jnp.maximum(charge.delta * delta_usd, charge.vega_points * risk.vega_usd)
    delta_one = rules.liquidation_rate[contracts.coin] * delta_usd

    is_perpetual = contracts.tenor == PERPETUAL_TENOR
    funding = jnp.where(is_perpetual, delta_usd * FUNDINGS_PER_DAY * rules.funding_days, 0.0)

    def side(floor: Array, funding_rate: Array) -> Array:
        option = fee + jnp.maximum(slippage, floor * risk.size_usd)
        return jnp.where(contracts.is_option, option, delta_one + funding * jnp.maximum(funding_rate, 0.0))

    return side(charge.floor, snapshot.funding_rate), side(charge.short_floor, -snapshot.funding_rate)


def mr7(
    raw_usd: Float[Array, ""], upper_usd: Float[Array, " tier"], multiplier: Float[Array, " tier"]
) -> Float[Array, ""]:
    """The raw charge with each slice of it multiplied."""
    return marginal_tiers(raw_usd, upper_usd, multiplier)

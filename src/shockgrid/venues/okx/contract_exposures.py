"""Every contract under OKX's scenarios and charges: the table that positions are multiplied with."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import DENOMINATIONS, Contracts
from shockgrid.scenarios.columns import in_column
from shockgrid.scenarios.exposures import Exposures, GrossRisks, LinearRisks
from shockgrid.scenarios.grid import UNCHANGED, point_shock, shocked_vols, signed_moves
from shockgrid.scenarios.revaluation import scenario_pnl
from shockgrid.scenarios.sensitivities import DAYS_PER_YEAR, sensitivities
from shockgrid.venues.okx.mr5_rates import factor_loadings
from shockgrid.venues.okx.mr7_liquidation_cost import contract_charges
from shockgrid.venues.okx.rule_tables import ContractRules


def contract_exposures(contracts: Contracts, snapshot: Snapshot, rules: ContractRules) -> Exposures:
    """Price every contract once under every scenario.

    Args:
        contracts: The terms.
        snapshot: The market, without leading axes.
        rules: Looked up for this universe's coins.
    """
    days = snapshot.years * DAYS_PER_YEAR
    n_tenors = snapshot.tenor_years.shape[-1]
    risk = sensitivities(contracts, snapshot, rules.decay_days)
    vols = shocked_vols(snapshot.vol, days, rules.vol_shocks)
    extreme_steps = jnp.stack([jnp.zeros_like(rules.extreme_move), rules.extreme_move], axis=1)
    pnl = partial(scenario_pnl, contracts, snapshot, at_moved_index=rules.structure == "v2")
    price_vol = pnl(signed_moves(rules.price_steps), vols, UNCHANGED)
    extreme = pnl(signed_moves(extreme_steps), snapshot.vol[:, None], 0)
    charge_long, charge_short = contract_charges(contracts, snapshot, risk, rules)
    linear = LinearRisks(
        price_vol=price_vol.reshape(len(price_vol), -1),
        extreme=extreme[:, 1:, 0],
        decay=risk.decay_usd[:, None],
        rates=risk.rate_usd[:, None] * factor_loadings(days, rules),
        denominations=in_column(risk.cash_delta_usd, contracts.denomination, len(DENOMINATIONS)),
        greeks=jnp.stack([risk.delta_coin, risk.gamma_usd, risk.theta_usd, risk.vega_usd], axis=1),
        tenor_delta=in_column(risk.cash_delta_usd, contracts.tenor, n_tenors),
        tenor_vega=in_column(risk.vega_usd * 100.0 * point_shock(rules.vol_shocks, days), contracts.tenor, n_tenors),
    )
    return Exposures(linear, GrossRisks(charge_long, charge_short, risk.size_usd))

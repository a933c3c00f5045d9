"""Rulebook numbers as arrays: padded tiers, groups looked up, and derivatives through the whole margin."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import shockgrid as sg
from shockgrid.accounts.account_rows import plan_rows
from shockgrid.market.padding import pad_market
from shockgrid.venues.okx.margin import margin_result
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_lookup import padded_rule_tables, rule_tables


def test_groups_are_looked_up_by_coin_and_currency(rules):
    tables = rule_tables(rules, ["BTC", "LTC", "SOL", ""], ["USDC", "ETH", "NEW"])
    # SOL is in the new list B, which MR1 takes since December 2025; "" is padding.
    assert tables.contracts.price_steps[:, 3].tolist() == [0.12, 0.18, 0.18, 0.25]
    assert tables.contracts.extreme_move.tolist() == [0.24, 0.36, 0.36, 0.50]
    assert tables.contracts.liquidation_rate.tolist() == [0.0045, 0.007, 0.007, 0.01]
    assert tables.currencies.borrow_upper[0].tolist() == [1e5, 2e5, 5e5, 1e6, 2e6, 3e6]
    assert tables.currencies.borrow_upper[1].tolist() == [500, 1000, 1500, 1500, 1500, 1500]
    assert np.isinf(tables.currencies.borrow_upper[2]).all()
    assert tables.currencies.borrow_step.tolist() == [1e6, 500, np.inf]
    assert tables.currencies.haircut_rate[:, 0].tolist() == [1.0, 1.0, 0.5]
    assert tables.depeg.factors.max() == 0.40


@pytest.fixture(scope="module")
def kernel_inputs(rules):
    market = sg.synthetic_market(strikes_per_expiry=4, expiries=3)
    accounts = sg.synthetic_accounts(market, 40)
    plan = plan_rows(accounts, market, risk_units(market.universe, "v2")).plan
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    return contracts, snapshot, tables, plan


@pytest.mark.parametrize("name", ["vega_term_kappa", "rate_pc1"])
def test_derivatives_reach_the_rulebooks_numbers(x64, kernel_inputs, name):
    """Forward mode, against a finite difference: sums run as loops of a length only known at run time."""
    contracts, snapshot, tables, plan = kernel_inputs

    def total_imr(value):
        holder = tables.contracts if hasattr(tables.contracts, name) else tables
        changed = dataclasses.replace(holder, **{name: value})
        if holder is not tables:
            changed = dataclasses.replace(tables, contracts=changed)
        return jnp.sum(margin_result(contracts, snapshot, changed, plan).accounts.imr_usd[:40])

    at = jnp.asarray(getattr(tables.contracts if hasattr(tables.contracts, name) else tables, name))
    step = 1e-6
    _, derivative = jax.jvp(total_imr, (at,), (jnp.ones_like(at),))
    difference = (total_imr(at + step) - total_imr(at - step)) / (2 * step)
    assert float(derivative) > 0
    assert float(derivative) == pytest.approx(float(difference), rel=1e-5)

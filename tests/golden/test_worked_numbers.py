"""The worked numbers of docs/rules.md that no other golden test holds."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

import shockgrid as sg
from shockgrid.venues.okx.mr3_vega_term import mr3
from shockgrid.venues.okx.mr5_rates import factor_loadings, mr5
from shockgrid.venues.okx.rule_lookup import rule_tables
from tests.documents import accounts_of, market_of


def test_mr2_of_a_call_on_its_last_day(rules):
    option = {"id": "C", "kind": "option", "coin": "BTC", "settle": "BTC", "contract_value": 1, "mark": 0.0125}
    terms = {"expiry": "2025-02-02T08:00:00Z", "strike": 1e5, "right": "call", "forward": 1e5, "vol": 0.6}
    market = {"format": "shockgrid.market/1", "time": "2025-02-01T08:00:00Z", "index": {"BTC-USD": 1e5}}
    account = {"id": "a", "positions": [{"instrument": "C", "quantity": 10}]}
    report = sg.margin(market_of({**market, "instruments": [option | terms]}), accounts_of(account), rules)
    assert report.units.mr2[0] == pytest.approx(12_528.44, abs=0.005)


def test_mr3_of_two_expiries(x64, rules):
    assert float(mr3(jnp.asarray([30e3, -20e3]), jnp.asarray(rules["mr3.kappa"]))) == 10e3


def test_mr5_at_a_quarter(x64, rules):
    pricing = rule_tables(rules, ["BTC"], ["BTC"]).contracts
    assert float(mr5(100e3 * factor_loadings(jnp.asarray([91.25]), pricing)[0])) == pytest.approx(3_750, rel=1e-12)

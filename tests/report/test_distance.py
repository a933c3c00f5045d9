"""At the prices that ``margin_distance`` finds, the account margined anew stands at the level."""

from __future__ import annotations

import jax
import pytest

import shockgrid as sg
from shockgrid.market.padding import pad_market
from shockgrid.report.distance import margin_distance
from shockgrid.scenarios.shock import shock
from shockgrid.venues.okx.margin import evaluate_accounts, margin_result
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from tests.conftest import ROOT

RATIO_TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def report(rules):
    market = sg.read_market(ROOT / "examples" / "market.json")
    return sg.margin(market, sg.read_accounts(ROOT / "examples" / "accounts.json"), rules)


@pytest.fixture(scope="module")
def distances(report):
    return {account: margin_distance(report, account) for account in report.inputs.ids}


def result_of(market, report):
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, report.rules, contracts, snapshot)
    with jax.enable_x64(True):
        result = margin_result(contracts, snapshot, tables, report.rows.plan)
        return jax.device_get(result).accounts


def ratio_after(report, account, moves):
    """With the entry prices planned today, as a held position has them."""
    market = shock(report.market, price=moves)
    result = result_of(market, report)
    return result.margin_ratio[report.inputs.ids.tolist().index(account)]


def test_at_the_found_price_the_ratio_is_the_level(report, distances):
    found = 0
    for account, distance in distances.items():
        for level in (distance.warning, distance.liquidation):
            for price in level.prices:
                for move in (m for m in (price.down, price.up) if m is not None):
                    found += 1
                    at = ratio_after(report, account, {price.currency: move})
                    assert at == pytest.approx(level.ratio, abs=RATIO_TOLERANCE), (account, price)
                    nearer, farther = (
                        ratio_after(report, account, {price.currency: m}) > level.ratio
                        for m in (move * (1 - 1e-3), move * (1 + 1e-3))
                    )
                    assert nearer != farther, (account, price)
    assert found > 10


def test_distance_in_equity(report, distances):
    for row in report.accounts.itertuples():
        required = row.mmr_usd + report.rules["ratio.liability_fee"] * (row.liability_usd + row.borrow_mmr_usd)
        for level in (distances[row.account].warning, distances[row.account].liquidation):
            if required == 0:
                assert level.equity_usd is None
            else:
                assert (row.equity_usd - level.equity_usd) / required == pytest.approx(level.ratio, rel=1e-12)


def test_accounts_of_usual_size_share_a_compilation(report, distances):
    before = evaluate_accounts._cache_size()
    for account in report.inputs.ids:
        margin_distance(report, account)
    assert evaluate_accounts._cache_size() == before


def test_every_coin_of_a_unit_is_moved(report, distances):
    for account, distance in distances.items():
        units = set(report.units.unit[report.units.account == account])
        assert units <= {price.currency for price in distance.warning.prices}


def test_unknown_account(report):
    with pytest.raises(sg.InputError, match="an account of the report, found 'nobody'"):
        margin_distance(report, "nobody")

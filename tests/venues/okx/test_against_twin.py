"""The kernel against the slow twin, written by someone who had only the rule text."""

from __future__ import annotations

import math

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.reference.okx import margin as twin_margin
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_accounts, random_market

ACCOUNTS_PER_SEED = 40
# In every run 120 accounts of each structure and the odd versions; each version on further seeds in the long tests.
CASES = [
    *(("okx/v2-2025-12-04", seed) for seed in range(3)),
    *(("okx/v1-2024-06-05", seed) for seed in range(3)),
    ("okx/v1-2022-08-24", 3),
    ("okx/v2-2024-12-30", 4),
    *(pytest.param((version, seed), marks=pytest.mark.long) for version in VERSIONS for seed in (5, 6, 7, 9)),
    *(pytest.param(("okx/v2-2025-12-04", seed), marks=pytest.mark.long) for seed in range(10, 21)),
]

RELATIVE = 1e-9
OF_GROSS = 1e-13
"""Where a figure is a difference of sums that cancel, it can be no better than rounding of the gross size."""


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    version, seed = request.param
    document = random_market(seed)
    accounts = random_accounts(document, seed, ACCOUNTS_PER_SEED)
    report = sg.margin(market_of(document), accounts_of(*accounts), sg.load_rulebook(version))
    twins = {a["id"]: twin_margin(document, a, VERSIONS[version]) for a in accounts}
    return report, twins, gross_sizes(document, accounts)


def gross_sizes(document, accounts):
    """Roughly what each account holds in USD: the scale of rounding."""
    size = {}
    for i in document["instruments"]:
        inverse = i["settle"] == i["coin"] and i["kind"] != "option"
        size[i["id"]] = i["contract_value"] * (1.0 if inverse else document["index"][i["coin"] + "-USD"])
    return {
        a["id"]: sum(abs(p["quantity"]) * size[p["instrument"]] for p in a.get("positions", []))
        + sum(abs(v) * document["index"].get(c + "-USD", 1.0) for c, v in a.get("balances", {}).items())
        for a in accounts
    }


def close(found, expected, gross):
    return found == expected or math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=OF_GROSS * gross)


def test_account_figures(case):
    report, twins, gross = case
    for row in report.accounts.to_dict("records"):
        expected = twins[row["account"]]["account"]
        for column, value in expected.items():
            if isinstance(value, str | bool):
                assert row[column] == value, (row["account"], column)
            else:
                assert close(row[column], value, gross[row["account"]]), (row["account"], column, row[column], value)


def test_unit_figures(case):
    report, twins, gross = case
    rows = {(r["account"], r["unit"]): r for r in report.units.to_dict("records")}
    assert set(rows) == {(a, u) for a, twin in twins.items() for u in twin["units"]}
    for (account, unit), row in rows.items():
        expected = twins[account]["units"][unit]
        assert {"mr1", "mr9", "mmr_usd", "spot_in_use", "vega_usd", "upl_usd"} <= set(expected)
        for column, value in expected.items():
            if not isinstance(value, str) and column != "worst_price_move":
                assert close(row[column], value, gross[account]), (account, unit, column, row[column], value)


def test_worst_cell_and_dominant_component(case):
    report, twins, gross = case
    for row in report.units.to_dict("records"):
        expected = twins[row["account"]]["units"][row["unit"]]
        if expected["mmr_usd"] > RELATIVE * gross[row["account"]]:
            assert row["dominant"] == expected["dominant"]
        if expected["mr1"] > RELATIVE * gross[row["account"]]:
            assert (row["worst_price_move"], row["worst_vol_state"]) == pytest.approx(
                (expected["worst_price_move"], expected["worst_vol_state"])
            )


def test_every_scenario_cell(case):
    report, twins, gross = case
    for row in report.scenarios.to_dict("records"):
        cells = twins[row["account"]]["scenarios"]
        expected = cells[row["unit"], row["price_move"], row["vol_state"]]
        assert close(row["pnl_usd"], expected, gross[row["account"]]), (row, expected)


def test_the_random_accounts_reach_what_they_should(case):
    """Guards the guard: a generator that lost a kind of account would make the other tests pass for nothing."""
    report, _, _ = case
    units, accounts = report.units, report.accounts
    assert set(report.market.universe.kinds) == {0, 1, 2}
    assert (units.spot_in_use != 0).any() == (report.rules.name != "okx/v1-2021-12-24")
    assert (units.mr9 > 0).any() == (report.rules.structure == "v2")
    assert (units.mr2 > 0).any()
    assert (units.imr_usd > 1.3001 * units.mmr_usd).any(), "no order that raises the initial margin"
    assert (accounts.borrow_mmr_usd > 0).any()
    assert len(accounts) > units.account.nunique(), "no empty account"

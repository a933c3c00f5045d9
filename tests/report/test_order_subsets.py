"""Initial margin over every subset of a unit's orders, against the slow twin and against the three books."""

from __future__ import annotations

import math

import pytest

import shockgrid as sg
from shockgrid.accounts import order_subsets
from tests.documents import accounts_of, market_of
from tests.reference.okx import margin as twin_margin
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_market, random_order_accounts

CASES = [
    ("okx/v2-2025-12-04", 0),
    pytest.param(("okx/v1-2024-06-05", 1), marks=pytest.mark.long),
    pytest.param(("okx/v1-2023-07-12", 2), marks=pytest.mark.long),
    *(pytest.param((version, seed), marks=pytest.mark.long) for version in VERSIONS for seed in (3, 4)),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    version, seed = request.param
    document = random_market(seed)
    entries = random_order_accounts(document, seed, 50)
    return version, document, entries, market_of(document), accounts_of(*entries)


def imr_of(report):
    return {(r["account"], r["unit"]): r["imr_usd"] for r in report.units.to_dict("records")}


def test_against_the_twin(case):
    version, document, entries, market, accounts = case
    found = imr_of(sg.margin(market, accounts, sg.load_rulebook(version), orders="every_subset"))
    rows = 0
    for entry in entries:
        for unit, expected in twin_margin(document, entry, VERSIONS[version], "every_subset")["units"].items():
            rows += 1
            assert math.isclose(found[entry["id"], unit], expected["imr_usd"], rel_tol=1e-9, abs_tol=1e-6), entry["id"]
    assert rows == len(found) > 50


@pytest.mark.long
def test_no_subset_asks_for_less_than_the_three_books(case):
    version, _, _, market, accounts = case
    rules = sg.load_rulebook(version)
    exact, three = (imr_of(sg.margin(market, accounts, rules, orders=o)) for o in ("every_subset", "three_books"))
    assert all(exact[key] >= three[key] * (1 - 1e-12) for key in three)
    assert any(exact[key] > three[key] * 1.001 for key in three), "no account in which it matters"


@pytest.mark.long
def test_batches_change_nothing(case, monkeypatch):
    version, _, _, market, accounts = case
    rules = sg.load_rulebook(version)
    whole = imr_of(sg.margin(market, accounts, rules, orders="every_subset"))
    monkeypatch.setattr(order_subsets, "BATCH_ROWS", 64)
    # Batches of another size are another program, in which XLA may round the last bit otherwise.
    assert imr_of(sg.margin(market, accounts, rules, orders="every_subset")) == pytest.approx(whole, rel=1e-14)


def many_orders(market, n):
    name = next(i for i in market.universe.ids if i.startswith("BTC-USDT"))
    return {"id": "many", "orders": [{"instrument": name, "quantity": 1 + k, "price": 1e5} for k in range(n)]}


@pytest.mark.long
def test_sixteen_orders_of_a_unit_are_the_most(rules):
    market = market_of(random_market(0))
    sixteen = sg.margin(market, accounts_of(many_orders(market, 16)), rules, orders="every_subset")
    three = sg.margin(market, accounts_of(many_orders(market, 16)), rules)
    assert sixteen.accounts.imr_usd[0] == pytest.approx(three.accounts.imr_usd[0], rel=1e-12), "all buys are the worst"
    with pytest.raises(sg.InputError, match=r"accounts\[0\].orders: expected at most 16 orders in unit BTC"):
        sg.margin(market, accounts_of(many_orders(market, 17)), rules, orders="every_subset")


def test_the_report_says_which_it_is(rules):
    market = market_of(random_market(0))
    report = sg.margin(market, accounts_of(many_orders(market, 3)), rules, orders="every_subset")
    assert report.manifest["orders"] == "every_subset"
    assert "the worst that filling any of its orders could do" in " ".join(str(report.explain("many")).split())
    with pytest.raises(sg.InputError, match="three_books or every_subset"):
        sg.margin(market, accounts_of(many_orders(market, 3)), rules, orders="all")

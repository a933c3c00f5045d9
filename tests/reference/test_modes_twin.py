"""Multi-currency mode against the slow twin, which has its own numbers."""

from __future__ import annotations

import math
from random import Random

import pytest

import shockgrid as sg
from shockgrid.builder.mode_comparison import compare_modes
from tests.documents import accounts_of, market_of
from tests.reference.borrowing_rules import BorrowRules
from tests.reference.modes import compare
from tests.reference.parameters import VERSIONS
from tests.reference.random_borrowers import random_borrowers
from tests.reference.random_documents import random_accounts, random_order_accounts
from tests.reference.random_markets import random_market

# Seeds whose accounts reach every kind of row; the last test holds them to it.
CASES = [("okx/v2-2025-12-04", 0), ("okx/v2-2025-12-04", 1), ("okx/v1-2024-06-05", 4)]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    version, seed = request.param
    document = random_market(seed)
    entries = random_accounts(document, seed, 28) + random_order_accounts(document, seed, 12)
    entries += random_borrowers(document, seed, 12)
    rng = Random(f"leverage-{seed}")
    names = [row["id"] for row in document["instruments"] if row["kind"] != "option"]
    # Two thirds have one, some above what any tier allows.
    leverage = {name: rng.choice((1.0, 3.0, 10.0, 33.3, 125.0)) for name in names if rng.random() < 0.67}
    found = compare_modes(market_of(document), accounts_of(*entries), sg.load_rulebook(version), leverage=leverage)
    expected = {e["id"]: compare(document, e, leverage, VERSIONS[version], BorrowRules()) for e in entries}
    return found, expected


def close(found, expected, gross):
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected or math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12 * gross)


def test_positions(case):
    comparison, twins = case
    assert len(comparison.positions) == sum(len(twin["positions"]) for twin in twins.values()) > 150
    for row in comparison.positions.to_dict("records"):
        twin = twins[row["account"]]["positions"][row["instrument"]]
        for name, expected in twin.items():
            assert close(row[name], expected, twin["imr_usd"]), (row["account"], row["instrument"], name)
        for name in ("mmr", "imr"):
            assert close(row[f"{name}_rate"] * row["notional_usd"], twin[f"{name}_usd"], 0.0)


def test_accounts(case):
    comparison, twins = case
    for row in comparison.accounts.to_dict("records"):
        twin = twins[row["account"]]["account"]
        gross = abs(row["equity_usd"]) + row["imr_usd"]
        for name, expected in twin.items():
            assert close(row[name], expected, gross), (row["account"], name)
        assert row["allowed"] == (row["s_code"] == 0) == (row["why"] == ""), row["account"]
        assert row["pm_allowed"] == (row["pm_why"] == ""), row["account"]


def test_every_kind_of_row_and_every_code_occurs(case):
    comparison, _ = case
    rows = comparison.positions
    is_option = rows["instrument"].str.endswith(("-C", "-P"))
    assert rows["tier"][~is_option].max() > 5
    assert rows["option_factor"].max() > 1.02
    assert (rows["order_imr_usd"][is_option] > 0).any()
    assert (rows["order_imr_usd"][~is_option] > 0).any()
    assert (rows["mmr_usd"][is_option & (rows["quantity"] > 0)] == 0).any()
    assert set(comparison.accounts["s_code"]) == {0, 1, 3, 4}
    assert set(comparison.accounts["pm_allowed"]) == {False, True}


def test_sums_of_positions_are_those_of_accounts(case):
    comparison, _ = case
    totals = comparison.positions.groupby("account")[["mmr_usd", "imr_usd", "order_imr_usd"]].sum()
    frame = comparison.accounts.set_index("account").loc[totals.index]
    assert frame["derivatives_mmr_usd"].to_numpy() == pytest.approx(totals["mmr_usd"].to_numpy(), rel=1e-12)
    imr = (totals["imr_usd"] + totals["order_imr_usd"]).to_numpy()
    assert frame["derivatives_imr_usd"].to_numpy() == pytest.approx(imr, rel=1e-12)

"""Marginal margin: against accounts whose document lacks the position."""

from __future__ import annotations

import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.reference.hand_markets import holding
from tests.reference.random_documents import random_accounts, random_market

SEED, COUNT = 9, 28


@pytest.fixture(scope="module")
def document():
    return random_market(SEED)


@pytest.fixture(scope="module")
def entries(document):
    """Random ones, and one that holds a perpetual against nearly as much of a future in the same quote."""
    future = next(r["id"] for r in document["instruments"] if r["kind"] == "future" and r["id"].startswith("BTC-USDT-"))
    hedge = holding({"BTC-USDT-SWAP": 1000.0, future: -990.0}, balances={"USDT": 1e6}) | {"id": "hedge"}
    return [*random_accounts(document, SEED, COUNT), hedge]


@pytest.fixture(scope="module", params=["okx/v2-2025-12-04", pytest.param("okx/v1-2024-06-05", marks=pytest.mark.long)])
def report(document, entries, request):
    return sg.margin(market_of(document), accounts_of(*entries), sg.load_rulebook(request.param))


@pytest.fixture(scope="module")
def marginal(report):
    return sg.marginal_margin(report)


def test_it_is_what_leaving_the_position_out_of_the_document_saves(entries, report, marginal):
    """All rows of the instrument go, their profits and values with them; balances, orders and limits stay."""
    by_id, without = {entry["id"]: entry for entry in entries}, []
    rows = marginal.to_dict("records")
    for i, row in enumerate(rows):
        entry = by_id[row["account"]]
        kept = [p for p in entry["positions"] if p["instrument"] != row["instrument"]]
        without.append(entry | {"id": str(i), "positions": kept})
    found = sg.margin(report.market, accounts_of(*without), report.rules).accounts.mmr_usd
    whole = report.accounts.set_index("account").mmr_usd
    for row, mmr_without in zip(rows, found, strict=True):
        mmr = whole[row["account"]]
        tolerance = 1e-9 * max(mmr, mmr_without)
        assert row["marginal_mmr_usd"] == pytest.approx(mmr - mmr_without, abs=tolerance), row
    assert len(rows) > 60
    assert (marginal.marginal_mmr_usd > 0).any()
    assert (marginal.marginal_mmr_usd < 0).any()


def test_it_is_the_positions_frame_with_a_column_more(report, marginal):
    assert marginal.columns[-1] == "marginal_mmr_usd"
    pd.testing.assert_frame_equal(marginal.drop(columns="marginal_mmr_usd"), report.positions)


def test_one_account_is_as_among_all(report, marginal):
    expected = marginal[marginal.account == "hedge"].reset_index(drop=True)
    assert len(expected) == 2
    for asked in ("hedge", ["hedge"]):
        pd.testing.assert_frame_equal(sg.marginal_margin(report, asked), expected, rtol=1e-12)


def test_each_side_of_a_hedge_reduces_margin(report, marginal):
    mmr = report.accounts.set_index("account").mmr_usd["hedge"]
    by_name = marginal[marginal.account == "hedge"].set_index("instrument").marginal_mmr_usd
    assert (by_name < -mmr).all(), "each side alone is charged more than twice as much"


def test_an_account_without_positions_has_no_rows(report):
    empty = report.inputs.ids[0]
    assert empty not in report.positions.account.tolist()
    found = sg.marginal_margin(report, empty)
    assert len(found) == 0
    assert found.columns.tolist() == [*report.positions.columns, "marginal_mmr_usd"]


def test_an_unknown_account_is_refused(report):
    with pytest.raises(sg.InputError) as caught:
        sg.marginal_margin(report, [report.inputs.ids[0], "nobody"])
    assert caught.value.found == "'nobody'"

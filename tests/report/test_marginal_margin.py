"""Marginal margin: against accounts whose document lacks the position."""

from __future__ import annotations

import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.properties.books import DOCUMENT
from tests.reference.hand_markets import holding
from tests.reference.random_documents import random_accounts, random_market

SEED, COUNT = 9, 42


@pytest.fixture(scope="module")
def document():
    return random_market(SEED)


@pytest.fixture(scope="module")
def entries(document):
    return random_accounts(document, SEED, COUNT)


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
    assert len(rows) > 100
    assert (marginal.marginal_mmr_usd > 0).any()
    assert (marginal.marginal_mmr_usd < 0).any()


def test_it_is_the_positions_frame_with_a_column_more(report, marginal):
    assert marginal.columns[-1] == "marginal_mmr_usd"
    pd.testing.assert_frame_equal(marginal.drop(columns="marginal_mmr_usd"), report.positions)


def test_some_accounts_are_as_among_all(report, marginal):
    several = [report.inputs.ids[k] for k in (31, 3)]  # perpetuals
    for asked, wanted in ((several, several), (several[0], several[:1])):
        expected = marginal[marginal.account.isin(wanted)].reset_index(drop=True)
        pd.testing.assert_frame_equal(sg.marginal_margin(report, asked), expected, rtol=1e-12)
        assert len(expected) > 0


def test_a_hedge_reduces_margin(rules):
    """Of one lot long and one short in the same denomination, each alone is charged what MR1 and MR4 ask of it."""
    held = holding({"BTC-USDT-SWAP": 100.0, "BTC-USDT-250131": -10.0}, balances={"USDT": 1e6})
    report = sg.margin(market_of(DOCUMENT), accounts_of(held), rules)
    by_name = sg.marginal_margin(report).set_index("instrument").marginal_mmr_usd
    alone = [
        sg.margin(report.market, accounts_of(held | {"positions": [p]}), rules).accounts.mmr_usd[0]
        for p in held["positions"]
    ]
    mmr = report.accounts.mmr_usd[0]
    assert by_name["BTC-USDT-SWAP"] == pytest.approx(mmr - alone[1], rel=1e-9)
    assert by_name["BTC-USDT-250131"] == pytest.approx(mmr - alone[0], rel=1e-9)
    assert (by_name < -10e3).all()


def test_accounts_without_positions_have_no_rows(rules):
    report = sg.margin(market_of(DOCUMENT), accounts_of({"id": "a", "balances": {"USDT": 5.0}}), rules)
    found = sg.marginal_margin(report)
    assert len(found) == 0
    assert found.columns.tolist() == [*report.positions.columns, "marginal_mmr_usd"]
    assert len(sg.marginal_margin(report, "a")) == 0


def test_an_unknown_account_is_refused(report):
    with pytest.raises(sg.InputError) as caught:
        sg.marginal_margin(report, [report.inputs.ids[0], "nobody"])
    assert caught.value.found == "'nobody'"

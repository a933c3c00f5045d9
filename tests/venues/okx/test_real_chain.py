"""A real option chain, all expiries, with generated accounts on it, against the twin."""

from __future__ import annotations

import json

import pytest

import shockgrid as sg
from tests.reference.okx import margin as twin_margin
from tests.reference.parameters import VERSIONS

CHAIN = "data/options/deribit_btc_eod_chain_2021-06_2021-07.parquet"
N_ACCOUNTS = 500


@pytest.fixture(scope="module")
def documents(shared, tmp_path_factory):
    """The chain and the accounts as native files: what the twin reads is what a user would see."""
    folder = tmp_path_factory.mktemp("chain")
    market = sg.read_market(shared / CHAIN, snapshot="2021-06-15", index={"USDT-USD": 0.9998})
    accounts = sg.synthetic_accounts(market, N_ACCOUNTS, seed=15)
    sg.write_market(market, folder / "market.json")
    sg.write_accounts(accounts, folder / "accounts.json")
    return market, accounts, folder


def test_the_chain_is_whole(documents):
    market, accounts, _ = documents
    assert len(market.universe) == 408
    assert len(set(market.universe.expiry)) == 10
    assert len(market.derived) == 3
    assert len(accounts) == N_ACCOUNTS


def test_five_hundred_accounts_agree_with_the_twin(documents, rules):
    market, accounts, folder = documents
    report = sg.margin(market, accounts, rules)
    document = json.loads((folder / "market.json").read_text())
    entries = json.loads((folder / "accounts.json").read_text())["accounts"]
    rows = report.accounts.set_index("account").to_dict("index")
    units = report.units.set_index(["account", "unit"]).to_dict("index")
    assert len(entries) == N_ACCOUNTS
    for entry in entries:
        twin = twin_margin(document, entry, VERSIONS[rules.name])
        row = rows[entry["id"]]
        # Where thousands of USD cancel, 1e-8 USD is rounding of the gross size.
        for column, value in twin["account"].items():
            expected = value if isinstance(value, str | bool) else pytest.approx(value, rel=1e-9, abs=1e-8)
            assert row[column] == expected, (entry["id"], column)
        for unit, figures in twin["units"].items():
            for column in ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7", "mr9", "mmr_usd", "imr_usd", "upl_usd"):
                found = units[entry["id"], unit][column]
                assert found == pytest.approx(figures[column], rel=1e-9, abs=1e-8), (entry["id"], column)

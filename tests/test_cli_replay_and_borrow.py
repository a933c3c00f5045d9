"""``margin --rulebook`` with several, ``--orders``, and ``borrow``."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.cli import app, main
from tests.documents import accounts_of, market_of

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-06-20T12:30:00Z",
    "index": {"BTC-USD": 1e5, "BTC-USDT": 1e5, "USDT-USD": 1.0},
    "instruments": [
        {"id": "T", "kind": "perpetual", "coin": "BTC", "settle": "USDT", "contract_value": 0.01, "mark": 1e5},
        {"id": "I", "kind": "perpetual", "coin": "BTC", "settle": "BTC", "contract_value": 100, "mark": 1e5},
    ],
}
ACCOUNTS = [
    {
        "id": "hedged[/]",
        "balances": {"USDT": 20e3},
        "positions": [{"instrument": "T", "quantity": 100}, {"instrument": "I", "quantity": -1000}],
        "orders": [{"instrument": "T", "quantity": 5, "price": 1e5}, {"instrument": "I", "quantity": -5, "price": 1e5}],
    },
    {"id": "owes", "auto_borrow": False, "balances": {"USDT": -50e3, "BTC": 2}},
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    (tmp_path / "market.json").write_text(json.dumps(MARKET))
    document = {"format": "shockgrid.accounts/1", "accounts": ACCOUNTS}
    (tmp_path / "accounts.json").write_text(json.dumps(document))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def printed(capsys):
    def run(*words):
        with pytest.raises(SystemExit) as stop:
            app([*words])
        assert stop.value.code == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(capsys, monkeypatch):
    """The one line of an error, exit code 2."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["shockgrid", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    return run


FILES = ("market.json", "accounts.json")


@pytest.mark.usefixtures("files")
def test_all_versions_are_a_table(printed):
    text = printed("margin", *FILES, "--rulebook", "all")
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("okx/")]
    assert [row[0] for row in rows] == sg.list_rulebooks()
    mmr = sg.margin(market_of(MARKET), accounts_of(*ACCOUNTS), rulebooks="all").accounts.groupby("rulebook").mmr_usd
    for row in rows:
        assert f"{mmr.sum()[row[0]]:,.0f}" in row
    assert "2 accounts under 11 rule versions, market of 2025-06-20T12:30:00Z" in text


@pytest.mark.usefixtures("files")
@pytest.mark.long
def test_two_versions_as_json_and_as_files(printed):
    two = ("--rulebook", "okx/v1-2024-06-05", "--rulebook", "okx/v2-2024-12-30")
    document = json.loads(printed("margin", *FILES, *two, "--json"))
    assert [entry["rulebook"] for entry in document["manifest"]["rulebooks"]] == list(two[1::2])
    assert len(document["accounts"]) == 4
    assert len(document["changes"]) == 2
    assert "frames and manifest written to out" in printed("margin", *FILES, *two, "--out", "out")
    assert len(pd.read_parquet("out/changes.parquet")) == 2


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("words", "name"),
    [(("--html", "x.html"), "--html"), (("--at", "2025-01-01"), "--at"), (("--orders", "every_subset"), "--orders")],
)
def test_options_of_one_rulebook_only(refused, words, name):
    assert f"{name}: expected no such option with several rulebooks" in refused(
        "margin", *FILES, "--rulebook", "all", *words
    )


@pytest.mark.usefixtures("files")
def test_every_subset_of_orders(printed):
    both = ("three_books", "every_subset")
    three, every = (json.loads(printed("margin", *FILES, "--json", "--orders", orders)) for orders in both)
    assert (three["manifest"]["orders"], every["manifest"]["orders"]) == both
    assert every["accounts"][0]["imr_usd"] >= three["accounts"][0]["imr_usd"]


@pytest.mark.usefixtures("files")
def test_debts_are_shown(printed):
    text = printed("borrow", "show", *FILES)
    (row,) = [line.split() for line in text.splitlines() if line.startswith(" owes ")]
    # 30,000 above the quota cost a 24th of 0.043728 % an hour; 32,000 would be bought back.
    assert row == ["owes", "USDT", "50,000", "0", "1,000", "0.5466", "32,000"]
    rows = json.loads(printed("borrow", "show", *FILES, "--json"))["currencies"]
    assert {r["currency"] for r in rows if r["account"] == "owes"} == {"BTC", "USDT"}
    assert [r["borrow_limit"] for r in rows] == [None] * len(rows)


@pytest.mark.usefixtures("files")
def test_interest_is_accrued(printed):
    text = printed("borrow", "accrue", *FILES, "after.json", "--hours", "24")
    assert "2 accounts with 24 hours of interest written to after.json" in text
    balances = json.loads(Path("after.json").read_text())["accounts"][1]
    assert balances["accrued_interest"] == {"USDT": pytest.approx(30e3 * 0.00043728, rel=1e-12)}


@pytest.mark.usefixtures("files")
def test_debts_are_converted(printed):
    text = printed("borrow", "convert", *FILES, "--out", "after")
    assert "1 account converts in 1 trade under" in text
    assert "accounts after the conversion written to after" in text
    after = sg.margin(market_of(MARKET), sg.read_accounts("after"), sg.load_rulebook("okx")).currencies
    owed = after[(after.account == "owes") & (after.currency == "USDT")]
    assert owed.liability.tolist() == [pytest.approx(18e3, rel=1e-9)]
    plan = json.loads(printed("borrow", "convert", *FILES, "--json"))
    assert plan["steps"][0]["sold_currency"] == "BTC"
    assert plan["accounts"][0]["converted_usd"] == pytest.approx(32e3, rel=1e-9)


@pytest.mark.usefixtures("files")
def test_orders_are_checked(printed, refused):
    assert "the open orders of 2 accounts would be taken" in printed("borrow", "check", *FILES)
    account = {**ACCOUNTS[1], "orders": [{"instrument": "BTC-USDT", "quantity": -3, "price": 1e5}]}
    Path("accounts.json").write_text(json.dumps({"format": "shockgrid.accounts/1", "accounts": [account]}))
    assert "accounts[0].orders: expected orders within the account's BTC" in refused("borrow", "check", *FILES)


@pytest.mark.usefixtures("files")
def test_nothing_to_sell_is_one_line(refused):
    account = {"id": "a", "auto_borrow": False, "balances": {"USDT": -50e3}}
    Path("accounts.json").write_text(json.dumps({"format": "shockgrid.accounts/1", "accounts": [account]}))
    assert "expected something to sell for 32,000 USDT" in refused("borrow", "convert", *FILES)

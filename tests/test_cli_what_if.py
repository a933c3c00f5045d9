"""The commands that move markets, edit accounts, and look for limits and reasons."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.cli import app, main
from tests.conftest import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

MARKET = str(ROOT / "examples" / "market.json")
ACCOUNTS = str(ROOT / "examples" / "accounts.json")
BOTH = (MARKET, ACCOUNTS)
TRADER = "directional-000001"
SWAP = "BTC-USDT-SWAP"


@pytest.fixture
def printed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

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
        return capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def library(rules):
    market, accounts = sg.read_market(MARKET), sg.read_accounts(ACCOUNTS)
    return market, accounts, rules


def test_a_moved_market_is_written_and_says_what_moved(printed, library, tmp_path):
    out = tmp_path / "crash.json"
    moves = ("--price.BTC", "-0.15", "--vol.BTC", "0.1", "--peg.USDT", "-0.03", "--time", "0.1")
    text = printed("shock", MARKET, str(out), *moves)
    assert "price of BTC moved by -15.0000%" in text
    expected = sg.shock(library[0], price={"BTC": -0.15}, vol={"BTC": 0.1}, peg={"USDT": -0.03}, time=0.1)
    found = sg.read_market(out)
    assert found.time == expected.time
    assert found.index["BTC-USDT"] == expected.index["BTC-USDT"]
    assert found.snapshot.mark.tolist() == expected.snapshot.mark.tolist()


def test_a_time_to_go_to_may_be_named(printed, tmp_path):
    printed("shock", MARKET, str(tmp_path / "later.json"), "--time", "2025-06-20T18:00:00Z")
    assert str(sg.read_market(tmp_path / "later.json").time).startswith("2025-06-20T18:00")


STRESSES = """
format = "shockgrid.stress/1"
[[stress]]
name = "crash"
price = { BTC = -0.3, XRP = -0.5 }
"""


@pytest.fixture
def stresses(tmp_path):
    path = tmp_path / "stresses.toml"
    path.write_text(STRESSES)
    return str(path)


def test_stresses_as_a_table_as_json_and_as_files(printed, library, stresses, tmp_path):
    table = printed("stress", *BOTH, stresses)
    assert "crash" in table
    assert "not in this market, so not moved: price.XRP" in table
    document = json.loads(printed("stress", *BOTH, stresses, "--json", "--out", str(tmp_path / "out")))
    market, accounts, rules = library
    expected = sg.stress(market, accounts, rules, stresses)
    assert [row["pnl_usd"] for row in document["totals"]] == pytest.approx(expected.totals.pnl_usd.tolist(), rel=1e-9)
    assert document["manifest"]["not_listed"] == ["crash: price.XRP"]
    assert len(pd.read_parquet(tmp_path / "out" / "accounts.parquet")) == len(expected.accounts)


def test_a_what_if_in_words_is_that_of_the_library(printed, library):
    words = ("--account", TRADER, "--add", f"{SWAP}=-50@100000", "--balance.USDT", "1000", "--price.BTC", "-0.1")
    document = json.loads(printed("what-if", *BOTH, *words, "--json"))
    trade = {"account": TRADER, "instrument": SWAP, "quantity": -50, "average_price": 100_000}
    paid = [{"account": TRADER, "currency": "USDT", "amount": 1000}]
    expected = sg.what_if(*library, add=[trade], balances=paid, shock={"price": {"BTC": -0.1}}).accounts
    expected = expected.loc[expected.account == TRADER].set_index("figure").after
    found = {row["figure"]: row["after"] for row in document["accounts"]}
    assert found == pytest.approx(expected.to_dict(), rel=1e-9)


@pytest.mark.parametrize(
    "words",
    [
        ("--close", "all"),
        ("--remove", "BTC-USD-260327"),
        ("--order", f"{SWAP}=5@90000"),
        ("--no-auto-borrow",),
        ("--to-rulebook", "okx/v2-2025-01-15"),
    ],
)
def test_other_edits_print_a_table(printed, words):
    text = printed("what-if", *BOTH, "--account", TRADER, *words)
    assert f"{TRADER}: okx/v2-2025-12-04 to" in text
    assert "margin_ratio" in text


def test_edits_may_stand_in_a_file(printed, library, tmp_path):
    path = tmp_path / "edits.json"
    path.write_text(json.dumps({"close": "all", "settings": {"auto_borrow": False}}))
    found = json.loads(printed("what-if", *BOTH, "--edits", str(path), "--json", "--out", str(tmp_path / "out")))
    expected = sg.what_if(*library, close="all", settings={"auto_borrow": False}).accounts
    assert [row["after"] for row in found["accounts"]][:2] == pytest.approx(expected.after.tolist()[:2], rel=1e-12)
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {"accounts.parquet", "units.parquet", "manifest.json"}


def test_limits_are_those_of_the_library(printed, library):
    found = json.loads(printed("max-quantity", *BOTH, SWAP, "--ratio", "3", "--account", TRADER, "--json"))
    market, accounts, rules = library
    expected = sg.max_quantity(market, accounts, rules, SWAP, ratio=3, account=TRADER)
    assert [row["quantity"] for row in found] == expected.quantity.tolist()
    table = printed("max-quantity", *BOTH, SWAP, "--ratio", "3", "--account", TRADER, "--side", "sell")
    assert "ratio of 300%" in table
    assert " sell " in table
    assert " buy " not in table


def test_liquidation_prices_are_those_of_the_library(printed, library):
    found = json.loads(printed("liquidation-price", *BOTH, "--account", TRADER, "--coin", "BTC", "--json"))
    (price,) = sg.liquidation_price(*library, account=TRADER, coin="BTC").down_price_usd
    assert found[0]["down_price_usd"] == pytest.approx(price, rel=1e-9)
    assert "BTC" in printed("liquidation-price", *BOTH, "--account", TRADER)


def test_a_curve_as_a_table_as_json_as_files_and_as_a_page(printed, tmp_path):
    words = ("curve", *BOTH, "--account", TRADER)
    page, folder = tmp_path / "curve.html", tmp_path / "out"
    table = printed(*words, "--html", str(page), "--out", str(folder))
    assert table.count("BTC") == 20
    assert (
        len(json.loads(printed(*words, "--json"))["points"]) == 191 == len(pd.read_parquet(folder / "points.parquet"))
    )
    assert TRADER in page.read_text()


def test_marginal_margin_is_that_of_the_library(printed, library):
    found = json.loads(printed("marginal", *BOTH, "--account", TRADER, "--json"))
    expected = sg.marginal_margin(sg.margin(*library), TRADER)
    assert [row["marginal_mmr_usd"] for row in found] == pytest.approx(expected.marginal_mmr_usd.tolist(), rel=1e-9)
    assert "marginal USD" in printed("marginal", *BOTH, "--account", TRADER)


def test_an_attribution_of_one_account_and_of_all(printed, tmp_path):
    words = ("attribute", *BOTH, "--rulebook-after", "okx/v2-2025-01-15")
    one = printed(*words, "--account", "market_maker-000005", "--html", str(tmp_path / "why.html"))
    assert "rulebook" in one
    assert "margin_ratio" in one
    everyone = printed(*words, "--out", str(tmp_path / "out"))
    assert "margin_ratio" not in everyone  # ratios of several accounts do not add up
    document = json.loads(printed(*words, "--json"))
    assert document["manifest"]["changed"] == ["rulebook"]
    assert "market_maker-000005" in (tmp_path / "why.html").read_text()
    assert len(pd.read_parquet(tmp_path / "out" / "contributions.parquet")) == len(document["contributions"])


def test_modes_are_compared(printed, library):
    document = json.loads(printed("compare-modes", *BOTH, "--leverage", "5", "--json"))
    expected = sg.compare_modes(*library, leverage=5).accounts
    assert [row["imr_usd"] for row in document["accounts"]] == pytest.approx(expected.imr_usd.tolist(), rel=1e-9)
    assert "may switch into multi-currency margin" in printed("compare-modes", *BOTH)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("shock", MARKET, "x.json", "--price.BTC", "-1"), "shock: price.BTC: expected a move above -1"),
        (("what-if", *BOTH, "--add", SWAP + "=x"), "--add: expected INSTRUMENT=QUANTITY"),
        (("what-if", *BOTH, "--order", SWAP + "=1"), "--order: expected INSTRUMENT=QUANTITY@PRICE"),
        (("what-if", *BOTH, "--edits", "nowhere.json"), "nowhere.json: file: expected a readable file"),
        (("what-if", *BOTH, "--account", "nobody", "--add", SWAP + "=1"), "add[0].account: expected the id"),
        (("attribute", *BOTH), "--market-after, --accounts-after or --rulebook-after"),
        (("curve", *BOTH, "--html", "x.html"), "margin_curve: account: expected one of"),
        (("max-quantity", *BOTH, "NOPE", "--ratio", "3"), "instrument: expected an instrument of the market"),
        (("liquidation-price", *BOTH, "--account", TRADER, "--coin", "ZZZ"), "coin: expected a coin of"),
        (("stress", *BOTH, "nowhere.toml"), "nowhere.toml: file: expected a readable file"),
    ],
)
def test_bad_input_is_one_line(refused, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert message in " ".join(refused(*words).split())


@pytest.mark.parametrize("content", ["[1]", '{"ad": []}', "{"])
def test_a_file_of_edits_is_checked(refused, tmp_path, content):
    path = tmp_path / "edits.json"
    path.write_text(content)
    assert "edits.json" in refused("what-if", *BOTH, "--edits", str(path))

"""``margin`` over several rulebooks, ``--orders`` and ``borrow``: what is printed, and every refusal in one line."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.cli import app, main

# Cyclopts suspects a mistake where a test leaves it the words of the command line, as ``main`` does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

EXPIRY = "2025-03-28T08:00:00Z"


def option(name, right):
    row = {"id": name, "kind": "option", "coin": "BTC", "settle": "BTC", "contract_value": 1, "mark": 0.05}
    return row | {"expiry": EXPIRY, "strike": 1e5, "right": right, "forward": 1e5, "vol": 0.5}


MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-01-20T14:55:00Z",
    "index": {"BTC-USD": 1e5, "BTC-USDT": 1e5, "ETH-USD": 4e3, "USDT-USD": 1.0},
    "instruments": [
        {"id": "T", "kind": "perpetual", "coin": "BTC", "settle": "USDT", "contract_value": 0.01, "mark": 1e5},
        option("C", "call"),
        option("P", "put"),
    ],
}
TRADER = {
    "id": "trader",
    "balances": {"USDT": 1e6},
    "positions": [{"instrument": "T", "quantity": 10}],
    # Selling the call and buying the put bet on the same fall; with all sells, or all buys, the two are apart.
    "orders": [{"instrument": "C", "quantity": -2, "price": 0.05}, {"instrument": "P", "quantity": 2, "price": 0.05}],
}
DEBTOR = {"id": "debtor", "auto_borrow": False, "balances": {"BTC": -3, "ETH": 200}}
NEAR_LIMIT = {"id": "[/near]", "balances": {"USDT": -9_500, "ETH": 50}, "borrow_limits": {"USDT": 10_000}}
FILES = ("market.json", "accounts.json")


def write_accounts(*accounts):
    Path("accounts.json").write_text(json.dumps({"format": "shockgrid.accounts/1", "accounts": list(accounts)}))


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """The market and the accounts, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "130")
    Path("market.json").write_text(json.dumps(MARKET))
    write_accounts(TRADER, DEBTOR, NEAR_LIMIT)


@pytest.fixture
def printed(capsys):
    """Run the command line with these words and return what it printed; it must succeed."""

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            app(list(words))
        captured = capsys.readouterr()
        assert (done.value.code, captured.err) == (0, "")
        return captured.out

    return run


@pytest.fixture
def refused(capsys, monkeypatch):
    """Run the installed command's function and return its one line; nothing else may be printed."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["shockgrid", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        assert (done.value.code, captured.out) == (2, "")
        assert re.fullmatch(r"error [^\n]+\n", captured.err)
        return captured.err.removeprefix("error ").strip()

    return run


def margined(**more):
    return sg.margin(sg.read_market("market.json"), sg.read_accounts("accounts.json"), **more)


# -- several rulebooks ------------------------------------------------------------------------------------------------

TWO = ("okx/v2-2024-12-30", "okx/v2-2025-01-06")
WITH_TWO = ("--rulebook", TWO[0], "--rulebook", TWO[1])


def test_a_row_counts_statuses_and_tells_the_change_from_the_row_above(printed):
    text = printed("margin", *FILES, *WITH_TWO)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()[:1] and "okx/" in line}
    assert list(rows) == list(TWO)
    report = margined(rulebooks=TWO)
    totals = [report[name].accounts[["mmr_usd", "imr_usd"]].sum() for name in TWO]
    for name, total in zip(TWO, totals, strict=True):
        counts = report[name].accounts.status.value_counts()
        assert rows[name][:3] == [str(counts.get(s, 0)) for s in ("safe", "warning", "liquidation")]
        assert rows[name][3] == f"{total.mmr_usd:,.0f}"
        assert rows[name][-1] == f"{total.imr_usd:,.0f}"
    assert len(rows[TWO[0]]) == 5, "the first has no change"
    assert rows[TWO[1]][4] == f"{totals[1].mmr_usd / totals[0].mmr_usd - 1:+.1%}"
    assert text.startswith("3 accounts under 2 rule versions, market of 2025-01-20T14:55:00Z\n")


def test_json_and_files_hold_the_frames(printed):
    document = json.loads(printed("margin", *FILES, *WITH_TWO, "--json", "--out", "kept"))
    report = margined(rulebooks=TWO)
    assert set(document) == {"manifest", "accounts", "units", "changes"}
    assert document["manifest"] == report.manifest
    for name in ("accounts", "units", "changes"):
        frame = getattr(report, name)
        assert [list(row) for row in document[name]] == [list(frame.columns)] * len(frame)
        pd.testing.assert_frame_equal(pd.read_parquet(f"kept/{name}.parquet"), frame, check_exact=True)
    assert json.loads(Path("kept/manifest.json").read_text()) == report.manifest


def test_a_rulebook_of_ones_own_has_a_row(printed):
    Path("mine.toml").write_text(
        f'format = "shockgrid.rulebook/1"\nextends = "{TWO[1]}"\nversion = "mine"\nmr7.rate.value.A = 0.0625\n'
    )
    text = printed("margin", *FILES, "--rulebook", TWO[1], "--rulebook", "mine.toml")
    assert re.findall(r"okx/\S+", text)[:2] == [TWO[1], "okx/mine"]


def test_the_table_tells_what_is_overridden_and_modelled(printed):
    """As that of one rulebook does (formats.md: "Reports name what is overridden, in the summary")."""
    Path("mine.toml").write_text(
        f'format = "shockgrid.rulebook/1"\nextends = "{TWO[1]}"\nversion = "mine"\nmr7.rate.value.A = 0.0625\n'
    )
    text = printed("margin", *FILES, "--rulebook", TWO[1], "--rulebook", "mine.toml")
    assert "mr7.rate.A = 0.0625 overrides 0.0045" in text
    assert "modelling choices" in text


@pytest.mark.parametrize(
    ("option", "value"),
    [("--html", "x.html"), ("--at", "2025-01-10"), ("--orders", "every_subset"), ("--okx-request", "r.json")],
)
@pytest.mark.parametrize("rulebooks", [("--rulebook", "all"), WITH_TWO])
def test_what_takes_one_rulebook_only(refused, option, value, rulebooks):
    message = f"shockgrid margin: {option}: expected no such option with several rulebooks, found {value}"
    assert refused("margin", *FILES, *rulebooks, option, value) == message
    assert not Path("x.html").exists()


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ((*FILES, "--rulebook", TWO[0], "--rulebook", TWO[0]), "margin: rulebooks: expected each version once"),
        ((*FILES, "--rulebook", "okx", "--rulebook", "okx/v2-2025-12-04"), "margin: rulebooks: expected each version"),
        ((*FILES, "--rulebook", "all", "--rulebook", "okx"), "shockgrid margin: --rulebook: expected all by itself"),
        ((*FILES, "--rulebook", TWO[0], "--rulebook", "okx/v9"), "okx/v9: name: expected one of okx"),
        ((*FILES, "--rulebook", TWO[0], "--rulebook", "no.toml"), "no.toml: "),
        (("market.json", "--rulebook", "all"), "shockgrid margin: accounts: expected a file or folder of accounts"),
        (("market.json", "none.json", "--rulebook", "all"), "none.json: file: expected a .json file"),
        ((*FILES, "--orders", "all"), 'Invalid value "all" for --orders.'),
    ],
)
def test_mistakes_in_what_is_asked_for(refused, words, start):
    assert refused("margin", *words).startswith(start)


# -- orders -----------------------------------------------------------------------------------------------------------


def test_every_subset_finds_what_three_books_miss(printed):
    three, every = (
        json.loads(printed("margin", *FILES, "--json", "--orders", orders))
        for orders in ("three_books", "every_subset")
    )
    imr = [document["accounts"][0]["imr_usd"] for document in (three, every)]
    assert imr[1] > 1.01 * imr[0]
    rules = sg.load_rulebook("okx")
    expected = [margined(rules=rules, orders=o).accounts.imr_usd[0] for o in ("three_books", "every_subset")]
    # pandas writes ten decimals.
    assert imr == pytest.approx(expected, rel=0, abs=1e-9)


# -- borrow -----------------------------------------------------------------------------------------------------------


def test_show_lists_debts_alone_and_json_everything(printed):
    text = printed("borrow", "show", *FILES)
    assert text.startswith("2 debts under okx/v2-2025-12-04")
    rows = [line.split() for line in text.splitlines() if line.startswith((" debtor", " [/near]"))]
    assert rows == [
        ["debtor", "BTC", "3", "0", "9,000", "1.666e-05", "2.1"],
        ["[/near]", "USDT", "9,500", "0", "190", "0.1731", "500"],
    ]
    found = json.loads(printed("borrow", "show", *FILES, "--json"))
    frame = margined(rules=sg.load_rulebook("okx")).currencies
    assert found["manifest"]["rulebook"] == "okx/v2-2025-12-04"
    assert [list(row) for row in found["currencies"]] == [list(frame.columns)] * len(frame)
    limits = {row["currency"]: row["borrow_limit"] for row in found["currencies"] if row["account"] == "[/near]"}
    assert limits == {"ETH": None, "USDT": 10_000.0}


def test_show_takes_the_rulebook_of_a_time(printed):
    assert "under okx/v2-2025-01-06" in printed("borrow", "show", *FILES, "--at", "2025-01-10")


def test_amounts_just_below_ten_thousand_are_readable(printed):
    write_accounts(TRADER, DEBTOR, {**NEAR_LIMIT, "balances": {"USDT": -9_999.7, "ETH": 50}})
    text = printed("borrow", "show", *FILES)
    assert "e+" not in text


@pytest.mark.parametrize("out", ["after.json", "after"])
def test_accrue_writes_either_form(printed, out):
    """From 14:55, 65 minutes reach 15:00 and 16:00."""
    text = printed("borrow", "accrue", *FILES, out, "--hours", str(65 / 60))
    assert text == f"3 accounts with 1.08333 hours of interest written to {out}\n"
    sg.write_accounts(sg.read_accounts(out), "again.json")
    entries = json.loads(Path("again.json").read_text())["accounts"]
    assert [entry.get("accrued_interest") for entry in entries] == [
        None,
        {"BTC": pytest.approx(2 * 2 * 0.00019992 / 24, rel=1e-12)},
        {"USDT": pytest.approx(2 * 9_500 * 0.00043728 / 24, rel=1e-12)},
    ]
    expected = {k: v for k, v in DEBTOR.items() if k != "balances"}
    assert {k: entries[1][k] for k in expected} == expected


def test_convert_prints_its_steps_and_changes_nothing_without_out(printed):
    before = Path("accounts.json").read_bytes()
    text = printed("borrow", "convert", *FILES)
    assert "2 accounts convert in 2 trades under okx/v2-2025-12-04" in " ".join(text.split())
    rows = [line.split() for line in text.splitlines() if line.startswith((" debtor", " [/near]"))]
    sold = 210e3 / 0.999**2
    assert rows == [
        ["debtor", f"{sold / 4e3:.4g}", "ETH", "2.1", "BTC", f"{sold - 210e3:.4g}", "0"],
        ["[/near]", f"{500 / 0.999 / 4e3:.4g}", "ETH", "500", "USDT", f"{500 / 0.999 - 500:.4g}", "0"],
    ]
    assert Path("accounts.json").read_bytes() == before
    assert sorted(p.name for p in Path().iterdir()) == ["accounts.json", "market.json"]


def test_convert_as_json_prints_json_alone_and_writes_the_accounts(printed):
    document = json.loads(printed("borrow", "convert", *FILES, "--json", "--out", "after.json"))
    assert set(document) == {"manifest", "accounts", "steps"}
    assert [row["reason"] for row in document["steps"]] == ["above the interest-free quota", "near the borrow limit"]
    frame = sg.margin(
        sg.read_market("market.json"), sg.read_accounts("after.json"), sg.load_rulebook("okx")
    ).currencies.set_index(["account", "currency"])
    assert frame.liability["debtor", "BTC"] == pytest.approx(0.9, rel=1e-9)
    assert frame.liability["[/near]", "USDT"] == pytest.approx(9_000, rel=1e-9)


def test_check_says_that_all_pass(printed):
    assert printed("borrow", "check", *FILES) == "the open orders of 3 accounts would be taken\n"


SELL = {"orders": [{"instrument": "BTC-USDT", "quantity": -3, "price": 1e5}]}


@pytest.mark.parametrize(
    ("account", "message"),
    [
        (
            {"auto_borrow": False, "balances": {"BTC": 1}, **SELL},
            "orders within the account's BTC, without auto-borrow, found 2 BTC to borrow",
        ),
        (
            {"balances": {"BTC": 1}, "borrow_limits": {"BTC": 1.5}, **SELL},
            "orders that borrow at most 1.5 BTC (borrow_limits), found 2 BTC to borrow",
        ),
        (
            {"balances": {"BTC": 0.1}, **SELL},
            "orders whose initial margin the adjusted equity of 10,000.00 USD covers, found 29,000.00 USD",
        ),
    ],
)
def test_check_refuses_in_one_line(refused, account, message):
    write_accounts(TRADER, DEBTOR, {"id": "wrong", **account})
    assert (
        refused("borrow", "check", *FILES) == f"accounts.json: accounts[2].orders: expected {message} (account 'wrong')"
    )


HOURS = "accrue_interest: hours: expected a number from 0 to 1,000,000, found"


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (("accrue", *FILES, "after.json", "--hours", "-1"), f"{HOURS} -1.0"),
        (("accrue", *FILES, "after.json", "--hours", "nan"), f"{HOURS} nan"),
        (("accrue", *FILES, "after.json", "--hours", "soon"), 'Invalid value for --hours: unable to convert "soon"'),
        (("accrue", *FILES, "after.json"), 'Command "borrow accrue" parameter --hours requires an argument.'),
        (("accrue", *FILES, "--hours", "1"), 'Command "borrow accrue" parameter --out requires an argument.'),
        (("accrue", *FILES, "after.txt", "--hours", "1"), "after.txt: file: expected a path that ends in .json, or a"),
        (("convert", *FILES, "--out", "after.txt"), "after.txt: file: expected a path that ends in .json, or a folder"),
        (("convert", *FILES, "--rulebook", "okx/v9"), "okx/v9: name: expected one of okx"),
        (("show", *FILES, "--rulebook", "okx/v1-2024-06-05", "--at", "2024-07-01"), "okx/v1-2024-06-05: at: "),
        (("check", "market.json", "none.json"), "none.json: file: expected a .json file or a folder"),
        (("show", "none.json", "accounts.json"), "none.json: file: expected a .json file"),
        (("lend", *FILES), 'Unknown command "lend"'),
    ],
)
def test_mistakes_of_borrow(refused, words, start):
    assert refused("borrow", *words).startswith(start)


def test_an_account_with_nothing_to_sell_stops_the_conversion_and_writes_nothing(refused):
    write_accounts(TRADER, {**DEBTOR, "balances": {"BTC": -3}})
    expected = "accounts[1].balances: expected something to sell for 2.1 BTC that must be bought back, found nothing"
    expected += " (account 'debtor')"
    assert refused("borrow", "convert", *FILES, "--out", "after.json") == f"accounts.json: {expected}"
    assert not Path("after.json").exists()

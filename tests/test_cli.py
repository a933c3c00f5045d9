"""The command line: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.cli import app, main
from tests.documents import accounts_of, market_of

# Cyclopts suspects a mistake where a test leaves it the words of the command line, as ``main`` does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-06-20T12:00:00Z",
    "index": {"BTC-USD": 104e3, "BTC-USDT": 104.03e3, "USDT-USD": 0.9997},
    "instruments": [
        {
            "id": "BTC-USDT-SWAP",
            "kind": "perpetual",
            "coin": "BTC",
            "settle": "USDT",
            "contract_value": 0.01,
            "mark": 104.02e3,
        }
    ],
}


def account(name, usdt, contracts=10):
    return {
        "id": name,
        "balances": {"USDT": usdt},
        "positions": [{"instrument": "BTC-USDT-SWAP", "quantity": contracts}],
    }


# MR1 of 10 contracts is 0.1 * 104,030 * 12 % = 1,248 USDT: the second is the nearest, the last has no ratio.
ACCOUNTS = [account("far", 50e3), account("nearest", 1000), account("near", 2000), {"id": "idle"}]


def accounts_document(*accounts):
    return {"format": "shockgrid.accounts/1", "accounts": list(accounts)}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The market and the accounts, in the working directory."""
    (tmp_path / "market.json").write_text(json.dumps(MARKET))
    (tmp_path / "accounts.json").write_text(json.dumps(accounts_document(*ACCOUNTS)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture
def printed(capsys):
    """Run the command line with these words and return what it printed; it must succeed."""

    def run(*tokens: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            app(list(tokens))
        assert done.value.code == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return run


@pytest.fixture
def refused(capsys, monkeypatch):
    """Run the installed command's function on bad input and return its message."""

    def run(*tokens: str) -> str:
        monkeypatch.setattr(sys, "argv", ["shockgrid", *tokens])
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        assert done.value.code == 2
        assert captured.out == ""
        return captured.err

    return run


# -- margin -----------------------------------------------------------------------------------------------------------


def test_table_lists_accounts_from_the_nearest_on(files, printed):
    text = printed("margin", "market.json", "accounts.json")
    assert re.findall(r"^ ?(far|nearest|near|idle) ", text, re.MULTILINE) == ["nearest", "near", "far", "idle"]
    (row,) = [line for line in text.splitlines() if line.split()[:1] == ["nearest"]]
    expected = sg.margin(market_of(MARKET), accounts_of(*ACCOUNTS), sg.load_rulebook("okx")).accounts.iloc[1]
    assert row.split()[1:4] == [
        f"{expected.margin_ratio:.0%}",
        f"{expected.equity_usd:,.0f}",
        f"{expected.mmr_usd:,.0f}",
    ]
    assert "BTC -12% vol up" in row
    assert "4 accounts under okx/v2-2025-12-04, market of 2025-06-20T12:00:00Z" in text
    assert "2 safe   1 warning   1 liquidation" in text
    assert "modelling choices" in text, "the user must be told"


def test_margin_of_accounts_without_positions_is_printed(files, printed):
    Path("accounts.json").write_text(json.dumps(accounts_document({"id": "idle"})))
    assert "idle" in printed("margin", "market.json", "accounts.json")
    Path("accounts.json").write_text(json.dumps(accounts_document()))
    assert "0 accounts under" in printed("margin", "market.json", "accounts.json")


def test_names_are_printed_as_they_are_when_they_look_like_markup(files, printed):
    """Rich reads ``[red]`` in a string as a colour, and fails on ``[/]``."""
    names = ["desk[red]", "desk[/]", "[bold]"]
    Path("accounts.json").write_text(json.dumps(accounts_document(*(account(name, 5000) for name in names))))
    text = printed("margin", "market.json", "accounts.json")
    for name in names:
        assert name in text


def test_json_holds_the_frames(files, printed):
    document = json.loads(printed("margin", "market.json", "accounts.json", "--json"))
    assert set(document) == {"manifest", "accounts", "units"}
    assert document["manifest"]["rulebook"] == "okx/v2-2025-12-04"
    rows = {row["account"]: row for row in document["accounts"]}
    assert list(rows) == ["far", "nearest", "near", "idle"]
    report = sg.margin(market_of(MARKET), accounts_of(*ACCOUNTS), sg.load_rulebook("okx"))
    assert list(document["accounts"][0]) == list(report.accounts.columns)
    assert list(document["units"][0]) == list(report.units.columns)
    # pandas writes ten decimals.
    assert rows["near"]["mmr_usd"] == pytest.approx(report.accounts.mmr_usd[2], rel=0, abs=1e-10)
    assert rows["idle"]["margin_ratio"] is None, "infinity has no JSON"


def test_out_writes_the_frames(files, printed):
    printed("margin", "market.json", "accounts.json", "--out", "kept/report")
    report = sg.margin(sg.read_market("market.json"), sg.read_accounts("accounts.json"), sg.load_rulebook("okx"))
    for name in ("accounts", "units", "scenarios", "positions"):
        frame = pd.read_parquet(files / "kept" / "report" / f"{name}.parquet")
        pd.testing.assert_frame_equal(frame, getattr(report, name), check_exact=True)
    assert json.loads(Path("kept/report/manifest.json").read_text()) == report.manifest


def test_installed_command_prints_the_table_and_ends_with_0(files):
    command = Path(sysconfig.get_path("scripts")) / "shockgrid"
    done = subprocess.run(
        [command, "margin", "market.json", "accounts.json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "nearest" in done.stdout
    assert done.stderr == ""


# -- bad input --------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_one_line_and_code_2(files, refused):
    message = refused("margin", "no such market.json", "accounts.json")
    assert message.count("\n") == 1
    assert message.startswith("error no such market.json: file: expected ")


def test_a_mistake_in_a_file_is_one_line_with_its_place_and_code_2(files, refused):
    wrong = {"id": "a", "positions": [{"instrument": "NO-SUCH-" + 40 * "LONG-" + "SWAP", "quantity": 1}]}
    Path("accounts.json").write_text(json.dumps(accounts_document(*ACCOUNTS, wrong)))
    message = refused("margin", "market.json", "accounts.json")
    assert message.count("\n") == 1
    assert message.startswith("error accounts.json: accounts[4].positions[0].instrument: expected an instrument of ")
    assert message.endswith("LONG-SWAP'\n")


def test_an_unknown_rulebook_is_one_line_and_code_2(files, refused):
    message = refused("margin", "market.json", "accounts.json", "--rulebook", "okx/v9")
    assert message.count("\n") == 1
    assert "okx/v9" in message


def test_a_message_is_printed_as_it_is_when_it_looks_like_markup(files, refused):
    folder = files / "data[old]"
    folder.mkdir()
    wrong = {"id": "a", "positions": [{"instrument": "[/][bold]X", "quantity": 1}]}
    (folder / "accounts.json").write_text(json.dumps(accounts_document(wrong)))
    message = refused("margin", "market.json", "data[old]/accounts.json")
    assert message.startswith("error data[old]/accounts.json: accounts[0].positions[0].instrument: ")
    assert message.endswith("'[/][bold]X'\n")


# -- generate ---------------------------------------------------------------------------------------------------------


def test_generated_files_read_back(files, printed):
    printed("generate", "market", "made.json", "--seed", "3", "--strikes-per-expiry", "8", "--expiries", "2")
    printed("generate", "accounts", "made.json", "people", "--count", "5", "--seed", "4")
    market, accounts = sg.read_market("made.json"), sg.read_accounts("people")
    assert set(accounts.positions.instrument.names) <= set(market.universe.ids)
    assert len(accounts) == 5


# -- help -------------------------------------------------------------------------------------------------------------


def commands(parent=app, words=()) -> dict[tuple[str, ...], object]:
    """Every command that does something, by the words that call it."""
    found = {}
    for name in parent:
        if not name.startswith("-"):
            child = parent[name]
            found |= commands(child, (*words, name))
            if child.default_command is not None:
                found[(*words, name)] = child
    return found


def test_the_walk_over_commands_finds_them():
    """Guards the next tests."""
    assert {("margin",), ("generate", "market"), ("generate", "accounts")} <= set(commands())


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_every_command_shows_an_example(printed, words):
    text = " ".join(printed(*words, "--help").split())
    assert f"Example: shockgrid {' '.join(words)} " in f"{text} "


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_every_command_explains_every_option(words):
    arguments = commands()[words].assemble_argument_collection(parse_docstring=True)
    unexplained = [argument.name for argument in arguments if argument.show and not argument.parameter.help]
    assert unexplained == []


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_example_in_the_help_is_a_command_that_parses(words):
    text = commands()[words].default_command.__doc__
    (example,) = re.findall(r"^\s*Example: shockgrid (.*)$", text, re.MULTILINE)
    command, *_ = app.parse_args(shlex.split(example), exit_on_error=False, print_error=False)
    assert command is commands()[words].default_command


def test_help_lists_the_commands(printed):
    text = printed("--help")
    assert "margin" in text
    assert "generate" in text

"""``shockgrid convert`` and ``shockgrid rulebook``, and that no form loses anything."""

from __future__ import annotations

import json
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import shockgrid as sg
from shockgrid.cli import app, main
from tests.documents import accounts_of, market_of
from tests.reference.random_documents import random_accounts, random_market

# Cyclopts suspects a mistake where a test leaves it the words of the command line, as ``main`` does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

ROOT = Path(__file__).parent.parent


def run(*tokens: str) -> None:
    try:
        app([str(token) for token in tokens])
    except SystemExit as done:
        if done.code:
            raise


def test_a_market_goes_to_parquet_and_back_unchanged(tmp_path, capsys):
    run("convert", "market", ROOT / "examples/market.json", tmp_path / "market")
    run("convert", "market", tmp_path / "market", tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (ROOT / "examples/market.json").read_bytes()
    assert f"market written to {tmp_path / 'again.json'}" in capsys.readouterr().out


def test_accounts_go_to_parquet_and_back_unchanged(tmp_path, capsys):
    run("convert", "accounts", ROOT / "examples/accounts.json", tmp_path / "accounts")
    run("convert", "accounts", tmp_path / "accounts", tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (ROOT / "examples/accounts.json").read_bytes()
    assert "12 accounts written to" in capsys.readouterr().out


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_native_to_parquet_to_native_to_json_loses_nothing(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("round")
    document = random_market(seed)
    market, accounts = market_of(document), accounts_of(*random_accounts(document, seed, 6))
    sg.write_market(market, folder / "first.json")
    sg.write_accounts(accounts, folder / "accounts-first.json")
    sg.write_market(sg.read_market(folder / "first.json"), folder / "market")
    sg.write_accounts(sg.read_accounts(folder / "accounts-first.json"), folder / "accounts")
    sg.write_market(sg.read_market(folder / "market"), folder / "second.json")
    sg.write_accounts(sg.read_accounts(folder / "accounts"), folder / "accounts-second.json")
    for name in ("{}.json", "accounts-{}.json"):
        first, second = (json.loads((folder / name.format(n)).read_text()) for n in ("first", "second"))
        assert first == second
    assert {i["id"]: i for i in json.loads((folder / "first.json").read_text())["instruments"]} == {
        i["id"]: i for i in document["instruments"]
    }


def test_rulebooks_are_listed_shown_and_validated(tmp_path, capsys):
    run("rulebook", "list")
    assert "okx/v2-2025-01-15  in force from 2025-01-15 08:00 UTC" in capsys.readouterr().out
    run("rulebook", "show", "okx", "--at", "2025-12-04")
    assert capsys.readouterr().out == (ROOT / "docs/parameters.md").read_text()
    file = ROOT / "src/shockgrid/rulebooks/okx/v2-2025-01-15.toml"
    run("rulebook", "validate", file)
    assert "okx/v2-2025-01-15 is valid, 64 parameters" in capsys.readouterr().out


def test_a_rulebook_with_a_wrong_number_is_refused_in_one_line(tmp_path, capsys, monkeypatch):
    text = (ROOT / "src/shockgrid/rulebooks/okx/v2-2025-01-15.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("[mr3.kappa]", "[mr3.kapa]"))
    monkeypatch.setattr("sys.argv", ["shockgrid", "rulebook", "validate", str(tmp_path / "mine.toml")])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "mr3.kap" in error

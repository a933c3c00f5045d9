"""The command line on what OKX users have: payload folders and position-builder requests; and ``explain``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shockgrid.cli import app

# Cyclopts suspects a mistake where a test leaves it the words of the command line, as ``main`` does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

ROOT = Path(__file__).parent.parent
SWAPS = (("BTC-USDT-SWAP", "0.01", "BTC", "97093.7"), ("LTC-USDT-SWAP", "1", "LTC", "102"))
INDEX = {"BTC-USDT": "97078.9", "LTC-USDT": "101.9951", "BTC-USD": "97032.2", "LTC-USD": "101.89"}
TIME = "1736936801642"


@pytest.fixture
def okx_folder(tmp_path):
    """The market of OKX's position-builder example as its public payloads."""
    instruments = [
        {"instId": name, "instType": "SWAP", "ctVal": size, "ctMult": "1", "ctType": "linear", "ctValCcy": coin}
        | {"settleCcy": "USDT", "uly": f"{coin}-USDT", "instFamily": f"{coin}-USDT", "state": "live", "expTime": ""}
        | {"lotSz": "0.01", "tickSz": "0.1", "optType": "", "stk": "", "listTime": "1573557408000"}
        for name, size, coin, _ in SWAPS
    ]
    marks = [{"instId": n, "instType": "SWAP", "markPx": mark, "ts": TIME} for n, _, _, mark in SWAPS]
    index = {**INDEX, "USDT-USD": "0.99954", "USDC-USD": "1"}
    tickers = [{"instId": pair, "idxPx": price, "ts": TIME} for pair, price in index.items()]
    for name, rows in (("instruments", instruments), ("mark_price", marks), ("index_tickers", tickers)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"code": "0", "msg": "", "data": rows}))
    return tmp_path


def run(*tokens: object) -> None:
    try:
        app([str(token) for token in tokens])
    except SystemExit as done:
        if done.code:
            raise


def test_a_position_builder_request_gets_okxs_reply(okx_folder, shared, capsys):
    examples = shared / "vectors/okx_examples"
    run("margin", "--okx-request", examples / "position_builder_v2_request.json", "--market", okx_folder)
    reply = json.loads(capsys.readouterr().out)
    expected = json.loads((examples / "position_builder_v2_response.json").read_text())["payload"]
    assert reply.keys() == expected.keys()
    for field in ("totalMmr", "totalImr", "eq", "marginRatio", "borrowMmr", "derivMmr", "acctLever", "upl", "ts"):
        assert float(reply["data"][0][field]) == pytest.approx(float(expected["data"][0][field]), rel=1e-9)


def test_a_folder_of_payloads_converts_to_the_native_form(okx_folder, tmp_path, capsys):
    run("convert", "market", okx_folder, tmp_path / "market.json")
    market = json.loads((tmp_path / "market.json").read_text())
    assert market["time"] == "2025-01-15T10:26:41.642Z"
    assert {i["id"]: i["mark"] for i in market["instruments"]} == {"BTC-USDT-SWAP": 97093.7, "LTC-USDT-SWAP": 102}
    assert market["index"]["USDT-USD"] == 0.99954
    assert "market written to" in capsys.readouterr().out


@pytest.mark.parametrize("form", [(), ("--markdown",)])
def test_explain_tells_an_accounts_story(capsys, monkeypatch, form):
    monkeypatch.setenv("COLUMNS", "110")
    examples = ROOT / "examples"
    run("explain", examples / "market.json", examples / "accounts.json", "market_maker-000005", *form)
    text = capsys.readouterr().out
    for words in ("market_maker-000005", "Unit DOGE", "Borrowing (MR8)", "Distance to warning", "Modelled parameters"):
        assert words in text
    assert ("| " in text) == bool(form)


def test_margin_writes_a_page(tmp_path, capsys):
    examples = ROOT / "examples"
    run("margin", examples / "market.json", examples / "accounts.json", "--html", tmp_path / "report.html")
    assert "<html" in (tmp_path / "report.html").read_text()[:300]
    assert f"page written to {tmp_path / 'report.html'}" in capsys.readouterr().out

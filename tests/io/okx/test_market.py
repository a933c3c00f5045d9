"""Public OKX payloads join into a market, and what is wrong with one is named."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scipy.stats import norm

import shockgrid as sg
from shockgrid.errors import InputError
from shockgrid.io.exchange.payload import read_rows
from shockgrid.io.okx.instruments import read_instruments
from shockgrid.io.okx.market import read_okx_market
from shockgrid.io.okx.position_builder import read_position_builder_request
from shockgrid.io.okx.prices import OptionSummary, quotes
from tests.io.okx.okx_documents import (
    FOLDER,
    OPTION,
    PUT,
    SPOT,
    SWAP,
    TS,
    changed,
    folder_of,
    index,
    mark,
    reply,
    summary,
    written,
)

MARKS, INDEX, SUMMARIES = (FOLDER[key] for key in ("mark_price", "index_tickers", "opt_summary"))
OLD = str(int(TS) - 61_000)


def refused(path, name: str, place: str, expected: str, **options) -> InputError:
    with pytest.raises(InputError) as caught:
        read_okx_market(path, **options)
    assert caught.value.file.endswith(name)
    assert caught.value.path == place
    assert expected in caught.value.expected
    return caught.value


def row_of(market, name: str) -> dict:
    row = list(market.table.id).index(name)
    keys = ("kind", "coin", "settle", "contract_value", "mark", "expiry", "strike", "right", "forward", "vol")
    return {key: getattr(market.table, key)[row] for key in keys}


def test_terms_and_prices(tmp_path):
    market = read_okx_market(folder_of(tmp_path))
    assert market.time == np.datetime64("2025-01-15T10:26:41.642")
    assert market.index["LTC-USDT"] == 101.9951
    swap, inverse, future, call = (
        row_of(market, name) for name in ("BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USD-250328", OPTION["instId"])
    )
    assert (swap["kind"], swap["coin"], swap["settle"], swap["contract_value"]) == ("perpetual", "BTC", "USDT", 0.01)
    assert (inverse["settle"], inverse["contract_value"], inverse["mark"]) == ("BTC", 100, 97040)
    assert (future["kind"], future["expiry"]) == ("future", np.datetime64("2025-03-28T08:00:00"))
    assert (call["contract_value"], call["strike"], call["right"]) == (0.01, 100000, "call")
    assert (call["mark"], call["forward"], call["vol"]) == (0.0953, 98400, 0.58)
    first = list(market.table.id).index("BTC-USDT-SWAP")
    assert market.table.details["lot"][first] == 0.01
    assert market.table.details["listed"][first] == np.datetime64("2019-11-12T11:16:48")


def test_option_without_mark_is_priced_from_its_volatility(tmp_path):
    market = read_okx_market(folder_of(tmp_path))
    assert market.derived == ("mark of 1 option: Black-76 of the mark volatility",)
    call, put = row_of(market, OPTION["instId"]), row_of(market, PUT["instId"])
    # Undiscounted, in coin: P = K/F N(-d2) - N(-d1).
    years = (np.datetime64("2025-03-28T08:00:00.000") - market.time).astype(int) / (365 * 86_400_000)
    deviation = 0.58 * np.sqrt(years)
    d1 = np.log(98400 / 100000) / deviation + deviation / 2
    expected = 100000 / 98400 * norm.cdf(deviation - d1) - norm.cdf(-d1)
    assert put["mark"] == pytest.approx(expected, rel=1e-12)
    assert call["mark"] == 0.0953


def test_published_option_summary_gives_the_published_mark(tmp_path):
    # opt_summary_2025.json: lever 5.667014536025402 = 1 / mark.
    option = OPTION | {"instId": "BTC-USD-251226-100000-C", "expTime": "1766736000000"}
    row = summary(option["instId"], "112782.12029616143501", "0.4335822639833618", "1752086420763")
    folder_of(
        tmp_path,
        instruments_swap=[],
        instruments_futures=[],
        instruments_option=[option],
        opt_summary=[row],
        mark_price=[],
        index_tickers=[index("BTC-USD", "109513.5", "1752086420763")],
    )
    market = read_okx_market(tmp_path)
    assert market.table.mark[0] == pytest.approx(1 / 5.667014536025402, rel=1e-4)


def test_builder_example_from_payloads(tmp_path, rules):
    """okx_portfolio_margin.md section 13: payloads in, the published margins out."""
    market = read_okx_market(folder_of(tmp_path))
    body = {
        "inclRealPosAndEq": False,
        "simPos": [
            {"pos": "-10", "instId": "BTC-USDT-SWAP", "avgPx": "100000"},
            {"pos": "10", "instId": "LTC-USDT-SWAP", "avgPx": "8000"},
        ],
        "simAsset": [{"ccy": "USDT", "amt": "100"}],
        "greeksType": "CASH",
    }
    request = read_position_builder_request(body)
    account = sg.margin(market, request.accounts, rules).accounts.iloc[0]
    assert account["mmr_usd"] == pytest.approx(2946.5480841048, rel=1e-9)
    assert account["imr_usd"] == pytest.approx(9643.45070718144, rel=1e-9)
    assert account["equity_usd"] == pytest.approx(-78553.21888979999, rel=1e-9)


def test_margin_of_all_kinds(tmp_path, rules):
    market = read_okx_market(folder_of(tmp_path))
    positions = [{"pos": "5", "instId": name} for name in market.table.id]
    body = {"inclRealPosAndEq": False, "simPos": positions, "simAsset": [{"ccy": "BTC", "amt": "2"}]}
    account = sg.margin(market, read_position_builder_request(body).accounts, rules).accounts.iloc[0]
    assert account["mmr_usd"] > 0
    assert account["equity_usd"] == pytest.approx(2 * 97032.2, rel=0.05)


def test_files_may_be_given_one_by_one(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "mark_price.json").rename(tmp_path / "mark-price-all.json")
    written(tmp_path / "balance.json", {"code": "1"})
    files = [path for path in tmp_path.glob("*.json") if path.name != "balance.json"]
    assert len(read_okx_market(files).table) == len(read_okx_market(tmp_path).table) == 6
    with pytest.raises(InputError, match="a name like instruments"):
        read_okx_market([*files, tmp_path / "balance.json"])


def test_a_time_may_be_given(tmp_path):
    market = read_okx_market(folder_of(tmp_path), time="2025-01-15T11:00:00Z")
    assert market.time == np.datetime64("2025-01-15T11:00")
    refused(tmp_path, str(tmp_path), "time", "an ISO 8601 time with its zone", time="2025-01-15")


def test_not_live_and_not_derivative_are_left_out_with_a_note(tmp_path):
    folder_of(tmp_path, instruments_swap=[SWAP, SPOT, SWAP | {"instId": "GONE", "state": "suspend"}])
    market = read_okx_market(tmp_path)
    assert "GONE" not in market.table.id
    assert market.derived[:2] == (
        "1 spot or margin pair left out: no derivative",
        "1 instrument left out: state suspend",
    )


@pytest.mark.parametrize(
    ("name", "rows", "place", "expected"),
    [
        ("instruments_swap", changed([SWAP], 0, ctVal=None), "data[0].ctVal", "a number"),
        ("instruments_swap", changed([SWAP], 0, ctVal=""), "data[0].ctVal", "a number"),
        ("instruments_swap", changed([SWAP], 0, ctVal="1_0"), "data[0].ctVal", "a number"),
        ("instruments_swap", changed([SWAP], 0, ctValCcy="USD"), "data[0].ctValCcy", "BTC"),
        ("instruments_swap", changed([SWAP], 0, ctType=""), "data[0].ctType", "one of linear, inverse"),
        ("instruments_swap", changed([SWAP], 0, instType="EVENTS"), "data[0].instType", "one of SWAP, FUTURES"),
        ("instruments_swap", changed([SWAP], 0, instFamily="", uly=""), "data[0].instFamily", "a family"),
        ("instruments_option", changed([OPTION], 0, stk=""), "data[0].stk", "a number"),
        ("instruments_option", changed([OPTION], 0, optType="X"), "data[0].optType", "C or P"),
        ("instruments_option", changed([OPTION], 0, expTime=""), "data[0].expTime", "a time in milliseconds"),
        ("instruments_option", changed([OPTION], 0, settleCcy="USD"), "data[0].settleCcy", "BTC, the coin"),
        ("mark_price", changed(MARKS, 1, markPx=""), "data[1].markPx", "a number for LTC-USDT-SWAP"),
        ("mark_price", changed(MARKS, 1, markPx=None), "data[1].markPx", "a number"),
        ("mark_price", changed(MARKS, 1, markPx="high"), "data[1].markPx", "a number"),
        ("mark_price", changed(MARKS, 1, ts=""), "data[1].ts", "a time in milliseconds"),
        ("mark_price", changed(MARKS, 1, ts=OLD), "data[1].ts", "within 60 s of the newest, 2025-01-15T10:26:41.642Z"),
        ("mark_price", [*MARKS, MARKS[0]], "data[5].instId", "each id once"),
        ("index_tickers", changed(INDEX, 0, idxPx=""), "data[0].idxPx", "an index price of BTC-USD"),
        ("index_tickers", changed(INDEX, 4, ts=OLD), "data[4].ts", "within 60 s"),
        ("opt_summary", changed(SUMMARIES, 1, markVol=""), "data[1].markVol", "a number for BTC-USD-250328-100000-P"),
        ("opt_summary", changed(SUMMARIES, 1, fwdPx=None), "data[1].fwdPx", "a number"),
        ("opt_summary", changed(SUMMARIES, 0, ts=OLD), "data[0].ts", "within 60 s"),
    ],
)
def test_a_mistake_is_named(tmp_path, name, rows, place, expected):
    refused(folder_of(tmp_path, **{name: rows}), f"{name}.json", place, expected)


@pytest.mark.parametrize(
    ("name", "rows", "place"),
    [
        ("mark_price", MARKS[1:], "instruments_swap.json"),
        ("index_tickers", INDEX[1:], "instruments_futures.json"),
        ("opt_summary", SUMMARIES[1:], "instruments_option.json"),
    ],
)
def test_an_unpriced_instrument_is_named_or_left_out(tmp_path, name, rows, place):
    folder_of(tmp_path, **{name: rows})
    error = refused(tmp_path, place, "data[0].instId", f"in {name}*.json")
    assert "BTC-USD" in error.found
    market = read_okx_market(tmp_path, drop_unpriced=True)
    assert len(market.table) < 6
    assert "left out without a mark, index price, forward or volatility" in " ".join(market.derived)


def test_an_index_given_by_the_caller_goes_first(tmp_path):
    folder_of(tmp_path, index_tickers=changed(INDEX[:4], 0, ts=OLD))
    market = read_okx_market(tmp_path, index={"USDT-USD": 0.9995, "BTC-USD": 97000.0})
    assert (market.index["USDT-USD"], market.index["BTC-USD"]) == (0.9995, 97000.0)


def test_an_unneeded_empty_index_price_is_told(tmp_path):
    folder_of(tmp_path, index_tickers=[*INDEX, index("DOGE-USD", "")])
    assert "index DOGE-USD left out" in read_okx_market(tmp_path).derived[0]


def test_any_age_is_taken_on_request(tmp_path):
    folder_of(tmp_path, mark_price=changed(MARKS, 1, ts=OLD))
    assert len(read_okx_market(tmp_path, max_age_s=None).table) == 6


def test_what_the_market_refuses_names_the_payload(tmp_path):
    folder_of(tmp_path, mark_price=changed(MARKS, 0, markPx="0"))
    refused(tmp_path, str(tmp_path), "mark_price.json data[0].markPx", "a finite number above 0")
    folder_of(tmp_path, opt_summary=changed(SUMMARIES, 1, markVol="0"))
    refused(tmp_path, str(tmp_path), "opt_summary.json data[1].markVol", "a finite number above 0")


def test_replies_that_are_none(tmp_path):
    folder_of(tmp_path, mark_price=reply(code="50011", msg="Too Many Requests"))
    error = refused(tmp_path, "mark_price.json", "code", "a reply that succeeded")
    assert "Too Many Requests" in error.found
    folder_of(tmp_path, mark_price={"code": "0"})
    refused(tmp_path, "mark_price.json", "data", "a list of objects")
    (tmp_path / "mark_price.json").write_text("{")
    refused(tmp_path, "mark_price.json", "line 1 column 2", "valid JSON")


def test_folders_that_are_none(tmp_path):
    refused(tmp_path, str(tmp_path), "file", "instruments*.json")
    refused(tmp_path / "absent", "absent", "file", "a folder with")
    folder_of(tmp_path, instruments_swap=[], instruments_futures=[], instruments_option=[], index_tickers=[])
    refused(tmp_path, str(tmp_path), "time", "a price")


@pytest.mark.parametrize(("name", "kept"), [("swap", 3), ("futures", 6), ("option", 4)])
def test_shared_instruments(shared, name, kept):
    notes: list[str] = []
    rows = read_rows(shared / "vectors" / "okx_examples" / f"instruments_{name}.json", "")
    assert len(read_instruments(rows, notes)) == kept
    assert notes == []


def test_shared_spot_instrument_is_no_derivative(shared):
    notes: list[str] = []
    assert read_instruments(read_rows(shared / "vectors" / "okx_examples" / "instrument_spot.json", ""), notes) == []
    assert notes == ["1 spot or margin pair left out: no derivative"]


def test_shared_examples_join(shared, tmp_path):
    """The captured instruments of December 2024 with prices made up for them."""
    names = []
    for kind in ("swap", "futures", "option"):
        file = shutil.copy(shared / "vectors" / "okx_examples" / f"instruments_{kind}.json", tmp_path)
        names += [row.values["instId"] for row in read_rows(file, "")]
    ts = "1734350400000"
    pairs = ["BTC-USD", "BTC-USDT", "ETH-USD", "ETH-USDT", "USDT-USD"]
    prices = ["106000", "106010", "3900", "3901", "0.9999"]
    rows = [index(pair, price, ts) for pair, price in zip(pairs, prices, strict=True)]
    written(tmp_path / "index_tickers.json", reply(*rows))
    futures = [name for name in names if name[-1] not in "CP" or "SWAP" in name]
    written(tmp_path / "mark_price.json", reply(*[mark(name, "106000", ts) for name in futures]))
    options = [name for name in names if name not in futures]
    written(tmp_path / "opt_summary.json", reply(*[summary(name, "106100", "0.55", ts) for name in options]))
    market = read_okx_market(tmp_path)
    assert len(market.table) == 13
    assert (market.table.mark > 0).all()


@pytest.mark.parametrize("name", ["opt_summary", "opt_summary_2025"])
def test_shared_option_summaries(shared, name):
    found = quotes(OptionSummary, read_rows(shared / "vectors" / "okx_examples" / f"{name}.json", ""))
    assert all(0.4 < quote.price.vol < 1.6 for quote in found.values())
    assert all(quote.row.path.startswith("payload") for quote in found.values())

"""Deribit replies join into a market; numbers of shared/vectors/deribit_tickers.json in Deribit's own form."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.errors import InputError
from shockgrid.io.deribit.market import read_deribit_market
from shockgrid.pricing.coin_values import coin_values
from tests.documents import accounts_of

TS = 1654161839367
EXPIRY = 1664524800000  # 2022-09-30T08:00:00Z
CALL = {
    "instrument_name": "BTC-30SEP22-60000-C",
    "kind": "option",
    "is_active": True,
    "base_currency": "BTC",
    "quote_currency": "BTC",
    "settlement_currency": "BTC",
    "settlement_period": "month",
    "contract_size": 1.0,
    "min_trade_amount": 0.1,
    "tick_size": 0.0005,
    "expiration_timestamp": EXPIRY,
    "creation_timestamp": 1632988800000,
    "strike": 60000.0,
    "option_type": "call",
}
FUTURE = {key: value for key, value in CALL.items() if key not in ("strike", "option_type")} | {
    "instrument_name": "BTC-30SEP22",
    "kind": "future",
    "instrument_type": "reversed",
    "contract_size": 10.0,
    "min_trade_amount": 10.0,
    "tick_size": 2.5,
}
PERPETUAL = FUTURE | {
    "instrument_name": "BTC-PERPETUAL",
    "settlement_period": "perpetual",
    "expiration_timestamp": 32503708800000,
}
COMBO = {"instrument_name": "BTC-FS-30SEP22_PERP", "kind": "future_combo", "is_active": True}
LINEAR = PERPETUAL | {
    "instrument_name": "BTC_USDC-PERPETUAL",
    "settlement_currency": "USDC",
    "contract_size": 0.001,
    "min_trade_amount": 0.001,
}
INSTRUMENTS = [CALL, FUTURE, PERPETUAL, COMBO, CALL | {"instrument_name": "GONE", "is_active": False}]


def ticker(name: str, mark: float, **fields: object) -> dict:
    return {"instrument_name": name, "timestamp": TS, "mark_price": mark, "index_price": 29939.43} | fields


TICKERS = [
    ticker("BTC-30SEP22-60000-C", 0.0084, mark_iv=67.7, underlying_price=30220.5),
    ticker("BTC-30SEP22", 30220.5),
    ticker("BTC-PERPETUAL", 29941.2, timestamp=TS + 500, index_price=29940.0, current_funding=0.0),
]


def rpc(result: object) -> dict:
    return {"jsonrpc": "2.0", "result": result, "usIn": 1, "usOut": 2}


def folder_of(path: Path, instruments: list[dict] | None = None, tickers: list[dict] | None = None) -> Path:
    (path / "instruments_btc.json").write_text(json.dumps(rpc(INSTRUMENTS if instruments is None else instruments)))
    (path / "tickers.json").write_text(json.dumps([rpc(row) for row in (TICKERS if tickers is None else tickers)]))
    return path


def changed(rows: list[dict], row: int, **fields: object) -> list[dict]:
    rows = copy.deepcopy(rows)
    rows[row].update(fields)
    rows[row] = {key: value for key, value in rows[row].items() if value != "absent"}
    return rows


def refused(path, place: str, expected: str, **options) -> InputError:
    with pytest.raises(InputError) as caught:
        read_deribit_market(path, **options)
    assert caught.value.path == place
    assert expected in caught.value.expected
    return caught.value


def test_terms_and_prices(tmp_path):
    market = read_deribit_market(folder_of(tmp_path))
    table = market.table
    assert table.id.tolist() == ["BTC-30SEP22-60000-C", "BTC-30SEP22", "BTC-PERPETUAL"]
    assert table.kind.tolist() == ["option", "future", "perpetual"]
    assert table.settle.tolist() == ["BTC"] * 3
    assert table.contract_value.tolist() == [1, 10, 10]
    assert table.details["lot"].tolist() == [0.1, 1, 1]
    assert table.mark.tolist() == [0.0084, 30220.5, 29941.2]
    assert table.vol[0] == pytest.approx(0.677)
    assert (table.forward[0], table.strike[0], table.right[0]) == (30220.5, 60000, "call")
    assert np.isnan(table.forward[1:]).all()
    assert table.expiry[0] == np.datetime64("2022-09-30T08:00")
    assert np.isnat(table.expiry[2])
    assert market.time == np.datetime64(TS + 500, "ms")
    assert market.index["BTC-USD"] == 29940.0
    assert market.derived == (
        "1 instrument left out: kind future_combo",
        "1 instrument left out: not active",
        "index BTC-USD = 29940: newest index_price, of 3",
    )


def test_mark_agrees_with_the_volatility(tmp_path):
    market = read_deribit_market(folder_of(tmp_path))
    t, years = market.table, market.snapshot.years[market.order == 0]
    model = coin_values(t.forward[:1], t.strike[:1], t.vol[:1], years, np.array([True]))
    # A four-digit mark: within half a tick of 0.0001 and a little (deribit_tickers.json, suggested_tolerance).
    assert model[0] == pytest.approx(0.0084, abs=1.6e-4)


def test_margin_runs(tmp_path, rules):
    market = read_deribit_market(folder_of(tmp_path))
    held = [{"instrument": name, "quantity": -2} for name in market.table.id]
    report = sg.margin(market, accounts_of({"id": "a", "balances": {"BTC": 1}, "positions": held}), rules)
    assert report.accounts["mmr_usd"].iloc[0] > 0


def test_book_summaries(tmp_path):
    summaries = [{key: value for key, value in row.items() if key != "index_price"} for row in TICKERS[:2]]
    summaries = [row | {"creation_timestamp": TS, "estimated_delivery_price": 29939.43} for row in summaries]
    folder_of(tmp_path, instruments=[CALL, FUTURE], tickers=[])
    (tmp_path / "book_summary_option.json").write_text(json.dumps(rpc(summaries)))
    market = read_deribit_market(tmp_path)
    assert market.index["BTC-USD"] == 29939.43
    assert market.derived == ("index BTC-USD = 29939.43: newest estimated_delivery_price, no index_price, of 2",)


def test_linear_perpetuals_and_options(tmp_path):
    option = CALL | {"instrument_name": "BTC_USDC-30SEP22-60000-C", "settlement_currency": "USDC"}
    linear = ticker("BTC_USDC-PERPETUAL", 29945.0, index_price=29944.0)
    folder_of(tmp_path, [PERPETUAL, LINEAR, option], [TICKERS[2], linear])
    refused(tmp_path, "[1].result.index_price", "an index price USDC-USD")
    market = read_deribit_market(tmp_path, index={"USDC-USD": 0.9999})
    assert market.table.contract_value.tolist() == [10, 0.001]
    assert market.index["BTC-USDC"] == 29944.0
    assert market.derived[0] == "1 instrument left out: options settled in USDC"


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"contract_size": "absent"}, "contract_size", "a number"),
        ({"kind": "spread"}, "kind", "one of option, future"),
        ({"strike": None}, "strike", "a number"),
        ({"option_type": "C"}, "option_type", "call or put"),
        ({"expiration_timestamp": "soon"}, "expiration_timestamp", "a time in milliseconds"),
    ],
)
def test_a_mistake_in_instruments_is_named(tmp_path, changes, key, expected):
    folder_of(tmp_path, instruments=changed(INSTRUMENTS, 0, **changes))
    refused(tmp_path, f"result[0].{key}", expected)


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"mark_price": "absent"}, "mark_price", "a number"),
        ({"mark_price": ""}, "mark_price", "a number for BTC-30SEP22-60000-C"),
        ({"mark_iv": "absent"}, "mark_iv", "a number for BTC-30SEP22-60000-C"),
        ({"underlying_price": None}, "underlying_price", "a number for"),
        ({"timestamp": TS - 61_000}, "timestamp", "within 60 s"),
        ({"timestamp": "absent"}, "timestamp", "a time in milliseconds"),
        ({"instrument_name": "BTC-30SEP22"}, "instrument_name", "each instrument once"),
    ],
)
def test_a_mistake_in_tickers_is_named(tmp_path, changes, key, expected):
    row = 1 if key == "instrument_name" else 0
    refused(folder_of(tmp_path, tickers=changed(TICKERS, 0, **changes)), f"[{row}].result.{key}", expected)


def test_an_unpriced_instrument_is_named_or_left_out(tmp_path):
    folder_of(tmp_path, tickers=TICKERS[1:])
    refused(tmp_path, "result[0].instrument_name", "in ticker*.json or book_summary*.json")
    market = read_deribit_market(tmp_path, drop_unpriced=True)
    assert market.table.id.tolist() == ["BTC-30SEP22", "BTC-PERPETUAL"]
    assert "1 left out without a mark" in market.derived[-1]


def test_any_age_is_taken_on_request(tmp_path):
    folder_of(tmp_path, tickers=changed(TICKERS, 0, timestamp=TS - 61_000))
    assert len(read_deribit_market(tmp_path, max_age_s=None).table) == 3


def test_what_the_market_refuses_names_the_reply(tmp_path):
    folder_of(tmp_path, tickers=changed(TICKERS, 0, mark_iv=0))
    refused(tmp_path, "tickers.json [0].result.mark_iv", "a finite number above 0")


def test_replies_that_are_none(tmp_path):
    folder_of(tmp_path)
    path = tmp_path / "tickers.json"
    path.write_text(json.dumps({"jsonrpc": "2.0", "error": {"code": 10028, "message": "too_many_requests"}}))
    assert "too_many_requests" in refused(tmp_path, "error", "succeeded").found
    path.write_text(json.dumps({"jsonrpc": "2.0"}))
    refused(tmp_path, "result", "an object or a list")
    path.write_text(json.dumps([rpc([1])]))
    refused(tmp_path, "[0].result[0]", "an object")
    path.write_text("3")
    refused(tmp_path, "top level", "a reply")


def test_shared_tickers_in_deribit_form(shared, tmp_path):
    """Every verified ticker of the vectors, one market each: the mark is Black-76 of the volatility."""
    cases = json.loads((shared / "vectors" / "deribit_tickers.json").read_text())["cases"]
    cases = [c for c in cases if c.get("status") == "verified" and c.get("index_price") and "ts_ms" in c]
    assert len(cases) >= 5
    for case in cases:
        coin, day, strike, right = case["instrument"].split("-")
        expiry = np.datetime64(_iso(day), "ms").astype(int) + 8 * 3_600_000
        terms = {"instrument_name": case["instrument"], "strike": float(strike), "expiration_timestamp": int(expiry)}
        terms |= {"option_type": "call" if right == "C" else "put"}
        terms |= {"base_currency": coin, "settlement_currency": coin}
        keys = ("mark_iv", "underlying_price", "index_price")
        row = ticker(case["instrument"], case["mark_price"], timestamp=case["ts_ms"], **{k: case[k] for k in keys})
        market = read_deribit_market(folder_of(tmp_path, [CALL | terms], [row]))
        t = market.table
        model = coin_values(t.forward, t.strike, t.vol, market.snapshot.years, t.right == "call")
        assert model[0] == pytest.approx(case["mark_price"], abs=1.6e-4), case["instrument"]


def _iso(day: str) -> str:
    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    number, month, year = day[:-5], day[-5:-2], day[-2:]
    return f"20{year}-{months.index(month) + 1:02d}-{int(number):02d}"

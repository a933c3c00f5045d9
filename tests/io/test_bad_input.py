"""Bad input is refused with the file, the place in it and what was expected there."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shockgrid.errors import InputError
from shockgrid.io.native import read_accounts, read_market, write_accounts, write_market

MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-01-15T10:26:41.642Z",
    "index": {"BTC-USD": 97032.2, "BTC-USDT": 97078.9, "USDT-USD": 0.99954},
    "instruments": [
        {"id": "PERP", "kind": "perpetual", "coin": "BTC", "settle": "USDT", "contract_value": 0.01, "mark": 97093.7},
        {
            "id": "CALL",
            "kind": "option",
            "coin": "BTC",
            "settle": "BTC",
            "contract_value": 0.01,
            "mark": 0.0953,
            "expiry": "2025-03-28T08:00:00Z",
            "strike": 100000,
            "right": "call",
            "forward": 98400.0,
            "vol": 0.58,
        },
        {
            "id": "FUTURE",
            "kind": "future",
            "coin": "BTC",
            "settle": "BTC",
            "contract_value": 100,
            "mark": 98500.0,
            "expiry": "2025-03-28T08:00:00Z",
        },
    ],
}
ACCOUNTS = {
    "format": "shockgrid.accounts/1",
    "accounts": [
        {"id": "first", "balances": {"USDT": 1.0}},
        {
            "id": "second",
            "spot_mode": "spot_coin",
            "auto_borrow": False,
            "balances": {"USDT": 250000.0, "BTC": -1.5},
            "accrued_interest": {"BTC": 0.0003},
            "spot_limits": {"BTC": 10},
            "borrow_limits": {"BTC": 5},
            "positions": [
                {"instrument": "PERP", "quantity": 1},
                {"instrument": "FUTURE", "quantity": -10, "average_price": 100000},
            ],
            "orders": [{"instrument": "PERP", "quantity": 5, "price": 95000}],
        },
    ],
}
ABSENT = object()
POSITIVE = "finite number above 0"


def refused(read, path, place: str, expected: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(path)
    error = caught.value
    assert error.file == str(path)
    assert error.path == place
    assert expected in error.expected
    assert str(error).startswith(f"{path}: {place}: expected ")
    return error


def changed(document, *steps, to):
    """A copy of a document with one value replaced, added or taken away."""
    new = copy.deepcopy(document)
    node = new
    for step in steps[:-1]:
        node = node[step]
    if to is ABSENT:
        del node[steps[-1]]
    else:
        node[steps[-1]] = to
    return new


ROW, OPTION = ("instruments", 0), ("instruments", 1)
MARKET_MISTAKES = [
    # what is said of the document itself
    (("format",), "shockgrid.market/2", "format", "shockgrid.market/1"),
    (("format",), "shockgrid.accounts/1", "format", "shockgrid.market/1"),
    (("format",), ABSENT, "format", "shockgrid.market/1"),
    (("time",), ABSENT, "time", "ISO 8601 time with its zone"),
    (("time",), "2025-01-15T10:26:41", "time", "ISO 8601 time with its zone"),
    (("time",), "2025-01-15", "time", "ISO 8601 time with its zone"),
    (("time",), 1736936801, "time", "ISO 8601 time with its zone"),
    (("index",), ABSENT, "index", "numbers by currency or pair"),
    (("index",), [], "index", "numbers by currency or pair"),
    (("instruments",), {}, "instruments", "a list of instruments"),
    (("instruments", 0), "PERP", "instruments[0]", "an object"),
    (("venue",), "okx", "venue", "one of the keys format, time, index, instruments"),
    # index prices
    (("index", "BTC-USD"), ABSENT, "index.BTC-USD", "an index price, needed by instruments[0].id (PERP)"),
    (("index", "BTC-USDT"), ABSENT, "index.BTC-USDT", "an index price, needed by instruments[0].id (PERP)"),
    (("index", "USDT-USD"), ABSENT, "index.USDT-USD", "an index price, needed by instruments[0].id (PERP)"),
    (("index", "BTC-USD"), math.nan, "index.BTC-USD", "a finite number"),
    (("index", "BTC-USD"), math.inf, "index.BTC-USD", "a finite number"),
    (("index", "BTC-USD"), -1, "index.BTC-USD", "a finite price above 0"),
    (("index", "BTC-USD"), 0, "index.BTC-USD", "a finite price above 0"),
    (("index", "BTC-USD"), "97032.2", "index.BTC-USD", "a finite number"),
    (("index", "USD-USD"), 1.01, "index.USD-USD", "1"),
    (("index", "BTCUSD"), 1.01, "index.BTCUSD", "a pair A-B"),
    # what a contract is
    ((*ROW, "id"), ABSENT, "instruments[0].id", "a non-empty string"),
    ((*ROW, "id"), "", "instruments[0].id", "a non-empty string"),
    ((*ROW, "id"), 7, "instruments[0].id", "a non-empty string"),
    ((*OPTION, "id"), "PERP", "instruments[1].id", "ids that occur once"),
    ((*ROW, "kind"), "swap", "instruments[0].kind", "one of perpetual, future, option"),
    ((*ROW, "kind"), "future", "instruments[0].expiry", "an expiry time"),
    ((*ROW, "kind"), None, "instruments[0].kind", "one of perpetual, future, option"),
    ((*ROW, "settle"), "EUR", "instruments[0].settle", "the coin (inverse) or one of USDT, USDC, USD"),
    ((*OPTION, "settle"), "USDT", "instruments[1].settle", "coin-settled"),
    ((*OPTION, "right"), "Call", "instruments[1].right", "one of call, put"),
    ((*OPTION, "right"), ABSENT, "instruments[1].right", "call or put"),
    ((*OPTION, "strike"), ABSENT, "instruments[1].strike", POSITIVE),
    ((*ROW, "strike"), 100000, "instruments[0].strike", "options only"),
    ((*OPTION, "expiry"), ABSENT, "instruments[1].expiry", "an expiry time"),
    ((*OPTION, "expiry"), "28MAR25", "instruments[1].expiry", "ISO 8601 time with its zone"),
    ((*OPTION, "expiry"), "2025-02-30T08:00:00Z", "instruments[1].expiry", "ISO 8601 time with its zone"),
    ((*ROW, "expiry"), "2025-03-28T08:00:00Z", "instruments[0].expiry", "no expiry of a perpetual"),
    ((*ROW, "contract_value"), 0, "instruments[0].contract_value", POSITIVE),
    ((*ROW, "contract_size"), 1, "instruments[0].contract_size", "one of the keys id, kind, coin"),
    # what it costs
    ((*ROW, "mark"), ABSENT, "instruments[0].mark", "a finite number"),
    ((*ROW, "mark"), math.nan, "instruments[0].mark", "a finite number"),
    ((*ROW, "mark"), -1, "instruments[0].mark", POSITIVE),
    ((*ROW, "mark"), True, "instruments[0].mark", "a finite number"),
    ((*ROW, "mark"), 10**400, "instruments[0].mark", "a finite number"),
    ((*OPTION, "mark"), -0.1, "instruments[1].mark", "a finite number, 0 or more"),
    ((*OPTION, "vol"), ABSENT, "instruments[1].vol", POSITIVE + " for a live option"),
    ((*OPTION, "vol"), 0, "instruments[1].vol", POSITIVE + " for a live option"),
    ((*OPTION, "vol"), math.nan, "instruments[1].vol", "a finite number"),
    ((*OPTION, "vol"), None, "instruments[1].vol", "a finite number"),
    ((*OPTION, "forward"), ABSENT, "instruments[1].forward", POSITIVE + " for a live option"),
    ((*ROW, "spread_frac"), -0.1, "instruments[0].spread_frac", "a finite number, 0 or more"),
    ((*ROW, "listed"), "yesterday", "instruments[0].listed", "ISO 8601 time with its zone"),
]
SECOND = ("accounts", 1)
POSITION = (*SECOND, "positions", 1)
ACCOUNT_MISTAKES = [
    (("format",), "shockgrid.accounts/2", "format", "shockgrid.accounts/1"),
    (("format",), "shockgrid.market/1", "format", "shockgrid.accounts/1"),
    (("accounts",), ABSENT, "accounts", "a list of accounts"),
    (("version",), 1, "version", "one of the keys format, accounts"),
    ((*SECOND, "id"), ABSENT, "accounts[1].id", "a non-empty string"),
    ((*SECOND, "id"), "first", "accounts[1].id", "ids that occur once"),
    ((*SECOND, "name"), "x", "accounts[1].name", "one of the keys id, spot_mode"),
    ((*SECOND, "spot_mode"), "spot", "accounts[1].spot_mode", "one of derivatives_only, spot_usdt"),
    ((*SECOND, "auto_borrow"), 1, "accounts[1].auto_borrow", "true or false"),
    ((*SECOND, "balances"), [], "accounts[1].balances", "numbers by currency or pair"),
    ((*SECOND, "balances", "BTC"), math.nan, "accounts[1].balances.BTC", "a finite number"),
    ((*SECOND, "balances", "BTC"), "1", "accounts[1].balances.BTC", "a finite number"),
    ((*SECOND, "accrued_interest", "BTC"), -1, "accounts[1].accrued_interest.BTC", "0 or more"),
    ((*SECOND, "spot_limits", "BTC"), -1, "accounts[1].spot_limits.BTC", "0 or more"),
    ((*SECOND, "borrow_limits", "BTC"), -1, "accounts[1].borrow_limits.BTC", "0 or more"),
    ((*SECOND, "positions"), {}, "accounts[1].positions", "a list of positions"),
    ((*POSITION, "instrument"), ABSENT, "accounts[1].positions[1].instrument", "a non-empty string"),
    ((*POSITION, "quantity"), ABSENT, "accounts[1].positions[1].quantity", "a finite number"),
    ((*POSITION, "quantity"), math.inf, "accounts[1].positions[1].quantity", "a finite number"),
    ((*POSITION, "quantity"), "5", "accounts[1].positions[1].quantity", "a finite number"),
    ((*POSITION, "average_price"), 0, "accounts[1].positions[1].average_price", "a finite price above 0"),
    ((*POSITION, "average_price"), None, "accounts[1].positions[1].average_price", "a finite number"),
    ((*POSITION, "side"), "buy", "accounts[1].positions[1].side", "one of the keys instrument, quantity"),
    ((*SECOND, "orders", 0, "price"), ABSENT, "accounts[1].orders[0].price", "a price"),
    ((*SECOND, "orders", 0, "price"), 0, "accounts[1].orders[0].price", "a finite price above 0"),
]


@pytest.mark.parametrize(("steps", "value", "place", "expected"), MARKET_MISTAKES)
def test_a_mistake_in_a_market_document_is_located(tmp_path, steps, value, place, expected):
    path = tmp_path / "market.json"
    path.write_text(json.dumps(changed(MARKET, *steps, to=value)))
    refused(read_market, path, place, expected)


@pytest.mark.parametrize(("steps", "value", "place", "expected"), ACCOUNT_MISTAKES)
def test_a_mistake_in_an_accounts_document_is_located(tmp_path, steps, value, place, expected):
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps(changed(ACCOUNTS, *steps, to=value)))
    refused(read_accounts, path, place, expected)


@pytest.mark.parametrize("read", [read_market, read_accounts])
@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        (b"", "top level", "document"),
        (b" \n", "top level", "document"),
        (b'{"format": ', "line 1 column 12", "valid JSON"),
        (b'{"format": "x",\n  time: 3}', "line 2 column 3", "valid JSON"),
        (b"{} {}", "line 1 column 4", "valid JSON"),
        (b"[]", "top level", "an object"),
        (b'"text"', "top level", "an object"),
        (b'{"format": "\xff"}', "byte 12", "UTF-8 text"),
        (b'{"format": 1, "format": 2}', "format", "each key once"),
        (b"[" * 100_000, "top level", "document"),
        (b'{"format": ' + b"1" * 5000 + b"}", "top level", "numbers of ordinary length"),
    ],
)
def test_what_is_no_document_is_located(tmp_path, read, text, place, expected):
    path = tmp_path / "document.json"
    path.write_bytes(text)
    refused(read, path, place, expected)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('[{"id": "a"}, {"id": "b", "balances": {"BTC": 1, "BTC": 2}}]', "accounts[1].balances.BTC"),
        ('[{"id": "b", "balances": {"BTC": 1}, "balances": {"BTC": 1, "BTC": 2}}]', "accounts[0].balances.BTC"),
        ('[{"id": "b", "balances": {"BTC": 1, "BTC": 2}, "balances": {}}]', "accounts[0].balances"),
    ],
)
def test_the_last_of_two_equal_keys_does_not_win(tmp_path, body, place):
    path = tmp_path / "accounts.json"
    path.write_text(f'{{"format": "shockgrid.accounts/1", "accounts": {body}}}')
    assert "repeated" in refused(read_accounts, path, place, "each key once").found


def test_an_error_shows_what_was_found(tmp_path):
    path = tmp_path / "market.json"
    for value, found in (("shockgrid.market/2", '"shockgrid.market/2"'), ("x" * 500, '"xxx'), (ABSENT, "nothing")):
        path.write_text(json.dumps(changed(MARKET, "format", to=value)))
        error = refused(read_market, path, "format", "shockgrid.market/1")
        assert error.found.startswith(found)
        assert len(error.found) <= 60


@pytest.mark.parametrize("read", [read_market, read_accounts])
def test_paths_that_hold_nothing_readable(tmp_path, read):
    refused(read, tmp_path / "none.json", "file", ".json file")
    (tmp_path / "market.csv").write_text("id")
    refused(read, tmp_path / "market.csv", "file", ".json file")
    (tmp_path / "empty").mkdir()
    refused(read, tmp_path / "empty", "folder", "at least one of")


def test_paths_that_cannot_be_written(tmp_path, folder):
    market = read_market(folder)
    for name in ("market.csv", "market.parquet"):
        refused(lambda path: write_market(market, path), tmp_path / name, "file", "ends in .json, or a folder")
    (tmp_path / "file").write_text("")
    refused(lambda path: write_market(market, path), tmp_path / "file", "file", "ends in .json, or a folder")
    refused(lambda path: write_market(market, path), tmp_path / "file" / "x", "file", "can be written")


@pytest.fixture
def folder(tmp_path):
    """A market and accounts as Parquet."""
    folder = tmp_path / "tables"
    for document, read, write in ((MARKET, read_market, write_market), (ACCOUNTS, read_accounts, write_accounts)):
        path = tmp_path / "document.json"
        path.write_text(json.dumps(document))
        write(read(path), folder)
    return folder


def with_cell(row, column, value):
    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field(column)
        values = table.column(column).to_pylist()
        values[row] = value
        return table.set_column(table.column_names.index(column), column, pa.array(values, field.type))

    return change


def with_column(column, values):
    def change(table: pa.Table) -> pa.Table:
        rest = table.drop_columns([column]) if column in table.column_names else table
        return rest if values is ABSENT else rest.append_column(column, values)

    return change


def doubled(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table])


EARLY = pd.Timestamp("2025-01-14T00:00:00Z")
THREE = pa.array([1.0, 2.0, 3.0])
PARQUET_MISTAKES = [
    ("instruments", with_cell(2, "id", "PERP"), "instruments.parquet row 2 column id", "ids that occur once"),
    ("instruments", with_cell(2, "id", None), "instruments.parquet row 2 column id", "a value"),
    ("instruments", with_cell(0, "kind", "swap"), "instruments.parquet row 0 column kind", "one of perpetual, future"),
    ("instruments", with_cell(1, "settle", "USDT"), "instruments.parquet row 1 column settle", "coin-settled"),
    ("instruments", with_cell(1, "right", "C"), "instruments.parquet row 1 column right", "call or put"),
    ("instruments", with_cell(0, "mark", None), "instruments.parquet row 0 column mark", "a value"),
    ("instruments", with_cell(0, "mark", math.nan), "instruments.parquet row 0 column mark", "a finite number"),
    ("instruments", with_cell(0, "mark", -1.0), "instruments.parquet row 0 column mark", POSITIVE),
    ("instruments", with_cell(1, "vol", None), "instruments.parquet row 1 column vol", POSITIVE),
    ("instruments", with_cell(1, "vol", 0.0), "instruments.parquet row 1 column vol", POSITIVE),
    ("instruments", with_cell(1, "vol", math.inf), "instruments.parquet row 1 column vol", "a finite number"),
    ("instruments", with_cell(1, "time", EARLY), "instruments.parquet row 1 column time", "one time for all rows"),
    ("instruments", with_cell(1, "time", None), "instruments.parquet row 1 column time", "a value"),
    (
        "instruments",
        with_column("venue", pa.array(["x"] * 3)),
        "instruments.parquet column venue",
        "one of the columns",
    ),
    ("instruments", with_column("mark", ABSENT), "instruments.parquet column mark", "the column"),
    ("instruments", with_column("mark", pa.array(["1"] * 3)), "instruments.parquet column mark", "a column of numbers"),
    ("instruments", with_column("id", THREE), "instruments.parquet column id", "a column of strings"),
    ("instruments", with_column("expiry", THREE), "instruments.parquet column expiry", "timestamps with a time zone"),
    (
        "instruments",
        with_column("expiry", pa.array(np.array(["2026-01-01"] * 3, "datetime64[ms]"))),
        "instruments.parquet column expiry",
        "timestamps with a time zone",
    ),
    ("index", with_cell(0, "price", math.nan), "index.parquet row 0 column price", "a finite number"),
    ("index", with_cell(0, "price", None), "index.parquet row 0 column price", "a value"),
    ("index", with_cell(0, "price", -1.0), "index.BTC-USD", "a finite price above 0"),
    ("index", lambda table: table.slice(1), "index.BTC-USD", "needed by instruments.parquet row 0 column id"),
    ("index", lambda table: table.slice(0, 2), "index.USDT-USD", "needed by instruments.parquet row 0 column id"),
    ("index", doubled, "index.parquet row 3 column pair", "each pair once"),
    ("index", with_cell(0, "time", EARLY), "index.parquet row 0 column time", "one time for all rows"),
    ("positions", with_cell(1, "quantity", None), "positions.parquet row 1 column quantity", "a value"),
    ("positions", with_cell(1, "quantity", math.nan), "positions.parquet row 1 column quantity", "a finite number"),
    ("positions", with_cell(1, "average_price", 0.0), "positions.parquet row 1 column average_price", "price above 0"),
    ("positions", with_cell(1, "average_price", math.nan), "positions.parquet row 1 column average_price", "finite"),
    ("positions", with_cell(1, "account", None), "positions.parquet row 1 column account", "a value"),
    ("positions", with_cell(1, "account", ""), "positions.parquet row 1 column account", "an account id"),
    ("positions", with_column("quantity", pa.array([True] * 2)), "positions.parquet column quantity", "numbers"),
    ("positions", with_column("side", pa.array(["a"] * 2)), "positions.parquet column side", "one of the columns"),
    (
        "positions",
        with_column("time", pa.array([EARLY, EARLY + pd.Timedelta("1D")], pa.timestamp("ms", "UTC"))),
        "positions.parquet row 1 column time",
        "one time for all rows",
    ),
    ("balances", doubled, "balances.parquet row 3 column currency", "each currency once an account"),
    ("balances", with_cell(2, "accrued_interest", -1.0), "balances.parquet row 2 column accrued_interest", "0 or more"),
    ("orders", with_cell(0, "price", None), "orders.parquet row 0 column price", "a value"),
    ("orders", with_cell(0, "price", 0.0), "orders.parquet row 0 column price", "a finite price above 0"),
    ("orders", with_column("price", ABSENT), "orders.parquet column price", "the column"),
    ("limits", with_cell(0, "spot_limit", -1.0), "limits.parquet row 0 column spot_limit", "0 or more"),
    ("limits", doubled, "limits.parquet row 1 column coin", "each coin once an account"),
    ("settings", doubled, "settings.parquet row 2 column account", "each account once"),
    (
        "settings",
        with_cell(1, "spot_mode", "all"),
        "settings.parquet row 1 column spot_mode",
        "one of derivatives_only",
    ),
    ("settings", with_column("auto_borrow", pa.array([1, 0])), "settings.parquet column auto_borrow", "booleans"),
]


@pytest.mark.parametrize(("name", "change", "place", "expected"), PARQUET_MISTAKES)
def test_a_mistake_in_a_parquet_table_is_located(folder, name, change, place, expected):
    file = folder / f"{name}.parquet"
    pq.write_table(change(pq.read_table(file)), file)
    refused(read_market if name in ("instruments", "index") else read_accounts, folder, place, expected)


@pytest.mark.parametrize("name", ["instruments", "index", "positions", "settings"])
@pytest.mark.parametrize("damage", ["empty", "text", "cut", "torn"])
def test_a_damaged_parquet_file_is_named(folder, name, damage):
    file = folder / f"{name}.parquet"
    whole = file.read_bytes()
    torn = whole[:4] + bytes(byte ^ 0xFF for byte in whole[4:60]) + whole[60:]
    file.write_bytes({"empty": b"", "text": b"id,kind\n", "cut": whole[: len(whole) // 2], "torn": torn}[damage])
    read = read_market if name in ("instruments", "index") else read_accounts
    refused(read, folder, f"{name}.parquet", "a readable Parquet file")


def test_text_that_is_not_utf8_is_no_readable_table(folder):
    wrong = pa.array([b"\xff", b"ok"]).view(pa.binary())
    table = pq.read_table(folder / "settings.parquet")
    table = table.set_column(0, "account", pa.Array.from_buffers(pa.string(), 2, wrong.buffers()))
    pq.write_table(table, folder / "settings.parquet")
    refused(read_accounts, folder, "settings.parquet", "a readable Parquet file")


def test_two_columns_of_one_name_are_refused(folder):
    table = pq.read_table(folder / "orders.parquet")
    pq.write_table(table.append_column("price", pa.array([1.0])), folder / "orders.parquet")
    refused(read_accounts, folder, "orders.parquet column price", "one column of that name")


def test_a_misspelt_table_does_not_vanish(folder):
    (folder / "positions.parquet").rename(folder / "postions.parquet")
    refused(read_accounts, folder, "postions.parquet", "one of the tables instruments, index, settings, positions")


def test_a_folder_of_accounts_is_no_market(folder):
    for name in ("instruments", "index"):
        (folder / f"{name}.parquet").unlink()
    error = refused(read_market, folder, "folder", "at least one of instruments.parquet, index.parquet")
    assert "balances, limits" in error.found


def test_tables_without_rows_have_no_time(folder):
    for name in ("instruments", "index"):
        pq.write_table(pq.read_table(folder / f"{name}.parquet").slice(0, 0), folder / f"{name}.parquet")
    refused(read_market, folder, "column time", "a time")


def test_snapshots_are_for_option_chains(folder):
    refused(lambda path: read_market(path, snapshot="2025-01-15"), folder, "snapshot", "option chain")

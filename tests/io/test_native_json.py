"""Native JSON: what is read, what is written, and that nothing changes on the way."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from shockgrid.accounts.holdings import SPOT_MODES
from shockgrid.io.native import read_accounts, read_market, write_accounts, write_market

MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-01-15T10:26:41.642Z",
    "index": {"BTC-USD": 97032.2, "BTC-USDT": 97078.9, "USDT-USD": 0.99954},
    "instruments": [
        {
            "id": "BTC-USDT-SWAP",
            "kind": "perpetual",
            "coin": "BTC",
            "settle": "USDT",
            "contract_value": 0.01,
            "mark": 97093.7,
            "lot": 1,
            "funding_rate": -0.0001,
            "listed": "2020-01-01T00:00:00Z",
        },
        {
            "id": "BTC-USD-250328-100000-C",
            "kind": "option",
            "coin": "BTC",
            "settle": "BTC",
            "contract_value": 0.01,
            "mark": 0.1 + 0.2,
            "expiry": "2025-03-28T08:00:00Z",
            "strike": 100000,
            "right": "call",
            "forward": 98400.0,
            "vol": 1 / 3,
        },
        {
            "id": "BTC-USD-SWAP",
            "kind": "perpetual",
            "coin": "BTC",
            "settle": "BTC",
            "contract_value": 100,
            "mark": 97e3,
        },
    ],
}
ACCOUNTS = {
    "format": "shockgrid.accounts/1",
    "accounts": [
        {"id": "empty"},
        {
            "id": "desk-7",
            "spot_mode": "spot_coin",
            "auto_borrow": False,
            "balances": {"USDT": 250000.0, "BTC": -1.5},
            "accrued_interest": {"BTC": 0.0003, "ETH": 1e-9},
            "spot_limits": {"BTC": 10},
            "borrow_limits": {"ETH": 5, "BTC": 0},
            "positions": [
                {"instrument": "BTC-USDT-SWAP", "quantity": -10, "average_price": 100000},
                {"instrument": "BTC-USD-SWAP", "quantity": 2.5},
            ],
            "orders": [{"instrument": "BTC-USDT", "quantity": 5, "price": 95000}],
        },
        {"id": "desk-8", "positions": [{"instrument": "BTC-USDT-SWAP", "quantity": 1}]},
    ],
}


@pytest.fixture
def market_file(tmp_path):
    path = tmp_path / "market.json"
    path.write_text(json.dumps(MARKET))
    return path


@pytest.fixture
def accounts_file(tmp_path):
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps(ACCOUNTS))
    return path


def test_a_market_is_read_in_file_order_with_absent_values_marked(market_file):
    market = read_market(market_file)
    assert market.time == np.datetime64("2025-01-15T10:26:41.642")
    assert market.index == MARKET["index"] | {"USD-USD": 1.0}
    assert market.table.id.tolist() == ["BTC-USDT-SWAP", "BTC-USD-250328-100000-C", "BTC-USD-SWAP"]
    assert market.table.vol[1] == 1 / 3
    assert np.isnan(market.table.vol[[0, 2]]).all()
    assert np.isnat(market.table.expiry).tolist() == [True, False, True]
    assert market.table.right.tolist() == ["", "call", ""]
    assert set(market.table.details) == {"lot", "funding_rate", "listed"}
    assert market.table.details["lot"][0] == 1.0
    assert market.table.details["listed"][0] == np.datetime64("2020-01-01")
    assert market.derived == ()


def test_times_in_other_zones_are_converted(tmp_path):
    path = tmp_path / "market.json"
    path.write_text(json.dumps(MARKET | {"time": "2025-01-15T12:26:41.642+02:00"}))
    assert read_market(path).time == np.datetime64("2025-01-15T10:26:41.642")


def test_a_market_without_instruments_is_one_of_spot(tmp_path):
    path = tmp_path / "market.json"
    path.write_text(json.dumps(MARKET | {"instruments": []}))
    market = read_market(path)
    assert len(market.table) == 0
    assert market.universe.currencies == ("BTC", "USD", "USDT")


def test_accounts_are_read_in_columns(accounts_file):
    accounts = read_accounts(accounts_file)
    assert accounts.ids.tolist() == ["empty", "desk-7", "desk-8"]
    assert [SPOT_MODES[mode] for mode in accounts.spot_mode] == ["spot_usdt", "spot_coin", "spot_usdt"]
    assert accounts.auto_borrow.tolist() == [True, False, True]
    positions = accounts.positions
    assert positions.account.tolist() == [1, 1, 2]
    assert [positions.instrument.names[code] for code in positions.instrument.codes] == [
        "BTC-USDT-SWAP",
        "BTC-USD-SWAP",
        "BTC-USDT-SWAP",
    ]
    assert positions.quantity.tolist() == [-10, 2.5, 1]
    assert np.array_equal(positions.average_price, [100000, np.nan, np.nan], equal_nan=True)
    assert accounts.balances.currency.names == ("USDT", "BTC", "ETH")
    assert accounts.balances.amount.tolist() == [250000, -1.5, 0]
    assert accounts.balances.accrued_interest.tolist() == [0, 0.0003, 1e-9]
    assert accounts.limits.coin.names == ("BTC", "ETH")
    assert np.array_equal(accounts.limits.spot_limit, [10, np.nan], equal_nan=True)
    assert accounts.limits.borrow_limit.tolist() == [0, 5]
    assert accounts.orders.price.tolist() == [95000]


@pytest.mark.parametrize(
    ("table", "row", "column", "path"),
    [
        ("accounts", 2, "id", "accounts[2].id"),
        ("positions", 1, "quantity", "accounts[1].positions[1].quantity"),
        ("positions", 2, "instrument", "accounts[2].positions[0].instrument"),
        ("positions", 2, "", "accounts[2].positions[0]"),
        ("orders", 0, "price", "accounts[1].orders[0].price"),
        ("balances", 1, "amount", "accounts[1].balances.BTC"),
        ("balances", 2, "accrued_interest", "accounts[1].accrued_interest.ETH"),
        ("limits", 0, "spot_limit", "accounts[1].spot_limits.BTC"),
        ("limits", 1, "borrow_limit", "accounts[1].borrow_limits.ETH"),
    ],
)
def test_rows_are_named_by_their_place_in_the_document(accounts_file, table, row, column, path):
    source = read_accounts(accounts_file).source
    assert source.file == str(accounts_file)
    assert source.locate(table, row, column) == path
    # Sources travel to worker processes with what they describe.
    assert pickle.loads(pickle.dumps(source)).locate(table, row, column) == path


def test_a_written_market_is_the_same_document_without_defaults(market_file, tmp_path):
    written = tmp_path / "new" / "market.json"
    write_market(read_market(market_file), written)
    document = json.loads(written.read_text())
    assert document == MARKET
    assert [list(row) for row in document["instruments"]] == [list(row) for row in MARKET["instruments"]]
    lines = written.read_text().splitlines()
    assert len(lines) == 6 + len(MARKET["instruments"]) + 1
    assert sum('"kind"' in line for line in lines) == 3


def test_written_accounts_are_the_same_document_without_defaults(accounts_file, tmp_path):
    written = tmp_path / "out.json"
    write_accounts(read_accounts(accounts_file), written)
    document = json.loads(written.read_text())
    # An interest without a balance comes back with a balance of nothing.
    expected = json.loads(json.dumps(ACCOUNTS))
    expected["accounts"][1]["balances"]["ETH"] = 0.0
    assert document == expected
    assert sum('"quantity"' in line for line in written.read_text().splitlines()) == 4


def test_writing_is_stable(accounts_file, market_file, tmp_path):
    for read, write, first in (
        (read_market, write_market, market_file),
        (read_accounts, write_accounts, accounts_file),
    ):
        once, twice = tmp_path / "once.json", tmp_path / "twice.json"
        write(read(first), once)
        write(read(once), twice)
        assert once.read_text() == twice.read_text()


def test_names_of_any_script_survive(tmp_path):
    name = 'счёт "1"\\ \u2028 口座'
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps({"format": "shockgrid.accounts/1", "accounts": [{"id": name}]}))
    write_accounts(read_accounts(path), path)
    assert read_accounts(path).ids.tolist() == [name]


def test_a_byte_order_mark_is_no_error(accounts_file):
    accounts_file.write_bytes(b"\xef\xbb\xbf" + accounts_file.read_bytes())
    assert len(read_accounts(accounts_file)) == 3

"""Netting of what accounts hold and order."""

from __future__ import annotations

import numpy as np
import pytest

from shockgrid.accounts.book import POSITIONS, WITH_BUYS, WITH_SELLS, net_book
from shockgrid.accounts.currency_rows import currency_rows
from shockgrid.accounts.market_holdings import resolve_holdings
from shockgrid.venues.okx.risk_units import risk_units
from tests.documents import accounts_of, market_of

EXPIRY = "2025-09-26T08:00:00Z"


def instrument(name, kind, settle, size, mark, **more):
    row = {"id": name, "kind": kind, "coin": "BTC", "settle": settle, "contract_value": size, "mark": mark}
    return row | more


OPTION = {"expiry": EXPIRY, "strike": 110e3, "right": "put", "forward": 105e3, "vol": 0.5}
MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-06-20T12:00:00Z",
    "index": {"BTC-USD": 104e3, "BTC-USDT": 104.1e3, "ETH-USD": 2.5e3, "USDT-USD": 0.9997},
    "instruments": [
        instrument("LINEAR", "perpetual", "USDT", 0.01, 104e3),
        instrument("INVERSE", "perpetual", "BTC", 100, 103e3),
        instrument("OPTION", "option", "BTC", 0.01, 0.06, **OPTION),
        instrument("WORTHLESS", "option", "BTC", 0.01, 0.0, **OPTION),
    ],
}


@pytest.fixture(scope="module")
def market():
    return market_of(MARKET)


def position(name, quantity, price=None):
    return {"instrument": name, "quantity": quantity} | ({} if price is None else {"average_price": price})


def order(name, quantity, price):
    return {"instrument": name, "quantity": quantity, "price": price}


def net_of(market, accounts):
    return net_book(resolve_holdings(accounts, market), market, risk_units(market.universe, "v2"))


def entries(book, market) -> dict[tuple[int, str], tuple[float, ...]]:
    """Quantities in the three order books, by account and instrument."""
    names = market.universe.ids[book.instrument]
    return {(int(a), n): tuple(q) for a, n, q in zip(book.account, names, book.quantity.T.tolist(), strict=True)}


def test_positions_net_by_account_and_instrument(market):
    held = [position("OPTION", 2), position("LINEAR", 5), position("OPTION", -3), position("LINEAR", -5)]
    book = net_of(market, accounts_of({"id": "a", "positions": held}, {"id": "b", "positions": held[:1]}))
    assert entries(book, market) == {(0, "LINEAR"): (0.0,) * 3, (0, "OPTION"): (-1.0,) * 3, (1, "OPTION"): (2.0,) * 3}


def test_entries_are_sorted_by_account_then_instrument(market):
    names = ["WORTHLESS", "OPTION", "LINEAR", "INVERSE"]
    accounts = [{"id": f"{k}", "positions": [position(n, 1) for n in names[k:] + names[:k]]} for k in range(3)]
    book = net_of(market, accounts_of(*accounts))
    key = book.account * len(market.universe) + book.instrument
    assert len(key) == 12
    assert (np.diff(key) > 0).all()


def test_buys_and_sells_fill_in_books_of_their_own(market):
    """Side is the sign of the quantity (okx_computation.md section 4)."""
    orders = [order("LINEAR", 4, 1e5), order("LINEAR", -1, 1.1e5), order("LINEAR", 3, 9e4), order("INVERSE", -7, 1e5)]
    book = net_of(market, accounts_of({"id": "a", "positions": [position("LINEAR", -10)], "orders": orders}))
    found = entries(book, market)
    assert found == {(0, "LINEAR"): (-10.0, -3.0, -11.0), (0, "INVERSE"): (0.0, 0.0, -7.0)}
    assert (POSITIONS, WITH_BUYS, WITH_SELLS) == (0, 1, 2)


def test_orders_leave_the_entry_value_alone(market):
    entry = {"id": "a", "positions": [position("LINEAR", 2, 1e5)]}
    without = net_of(market, accounts_of(entry)).entry_value
    ordered = net_of(market, accounts_of(entry | {"orders": [order("LINEAR", 9, 5e4)]})).entry_value
    assert without.tolist() == ordered.tolist() == [2 * 0.01 * 1e5]


@pytest.mark.parametrize(
    ("name", "price", "value"),
    [
        ("LINEAR", 1e5, 0.01 * 1e5),
        ("LINEAR", None, 0.01 * 104e3),
        # An inverse contract is worth -ctVal / price coin, so that a long gains ctVal * (1/avgPx - 1/mark).
        ("INVERSE", 1e5, -100 / 1e5),
        ("INVERSE", None, -100 / 103e3),
        ("OPTION", 0.05, 0.01 * 0.05),
        ("OPTION", None, 0.01 * 0.06),
        ("WORTHLESS", None, 0.0),
    ],
)
def test_entry_value_is_at_the_average_price_or_else_at_the_mark(market, name, price, value):
    book = net_of(market, accounts_of({"id": "a", "positions": [position(name, -3, price)]}))
    # One rounding of the product and one of the quotient.
    assert book.entry_value.tolist() == [pytest.approx(-3 * value, rel=1e-15)]


def test_entry_values_of_parts_add_up(market):
    held = [position("INVERSE", 2, 1e5), position("INVERSE", -5, 9e4), position("INVERSE", 1)]
    book = net_of(market, accounts_of({"id": "a", "positions": held}))
    expected = -100 * (2 / 1e5 - 5 / 9e4 + 1 / 103e3)
    assert book.entry_value.tolist() == [pytest.approx(expected, rel=1e-14)]


def test_option_buys_freeze_their_premium_in_the_coin(market):
    """At the order's price; sells, and orders in other contracts, freeze none."""
    orders = [order("LINEAR", 1, 1e5), order("OPTION", 20, 0.055), order("OPTION", -5, 0.07), order("BTC-USDT", 1, 1e5)]
    holdings = resolve_holdings(accounts_of({"id": "a"}, {"id": "b", "orders": orders}), market)
    rows = currency_rows(holdings, market, net_book(holdings, market, risk_units(market.universe, "v2")))
    names = [market.universe.currencies[c] for c in rows.currency]
    frozen = {(int(a), name): amount for a, name, amount in zip(rows.account, names, rows.frozen, strict=True)}
    assert frozen == {(1, "BTC"): pytest.approx(20 * 0.01 * 0.055), (1, "USDT"): 1e5}


def test_spot_orders_are_kept_apart(market):
    """Also in pairs without USD, and in a coin that has no contract."""
    orders = [order("BTC-USDT", 0.5, 1e5), order("LINEAR", 1, 1e5), order("ETH-BTC", -2, 0.024)]
    holdings = resolve_holdings(accounts_of({"id": "a", "orders": orders}), market)
    spot, currencies = holdings.spot_orders, market.universe.currencies
    assert spot.account.tolist() == [0, 0]
    assert [currencies[c] for c in spot.base] == ["BTC", "ETH"]
    assert [currencies[c] for c in spot.quote] == ["USDT", "BTC"]
    assert spot.quantity.tolist() == [0.5, -2]
    assert spot.price.tolist() == [1e5, 0.024]
    assert entries(net_book(holdings, market, risk_units(market.universe, "v2")), market) == {
        (0, "LINEAR"): (0.0, 1.0, 0.0)
    }


def test_nothing_held_is_no_entry(market):
    book = net_of(market, accounts_of({"id": "a"}))
    assert book.quantity.shape == (3, 0)
    assert len(book.account) == len(book.instrument) == len(book.entry_value) == 0

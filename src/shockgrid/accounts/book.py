"""What accounts hold in the instruments of one market, netted by account and instrument.

Three order books stand side by side: the positions, the positions with all buy orders filled, and with all sell
orders filled (okx_computation.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels
from shockgrid.errors import InputError
from shockgrid.market.clock import time_text
from shockgrid.market.market import Market

POSITIONS, WITH_BUYS, WITH_SELLS = 0, 1, 2
"""The order books: first axis of ``Book.quantity``."""

UNKNOWN = -1


@dataclass(frozen=True)
class SpotOrders:
    """Open orders in spot pairs: ``quantity`` of base for ``price`` each in quote; currencies as universe indices."""

    account: np.ndarray
    base: np.ndarray
    quote: np.ndarray
    quantity: np.ndarray
    price: np.ndarray


@dataclass(frozen=True)
class ContractOrders:
    """Open orders in contracts: ``entry`` of the book that each is netted into, and its signed quantity."""

    entry: np.ndarray
    quantity: np.ndarray


@dataclass(frozen=True)
class Book:
    """Netted holdings, sorted by account, then instrument.

    Attributes:
        account, instrument: Of each entry.
        quantity: ``[3, entry]`` signed contracts in each order book.
        entry_value: ``[entry]`` what the positions were worth at their entry prices, in the settlement currency:
            ``sum q * (value of one contract at its average price)``. A position without an average price counts at
            today's mark, so that its unrealised P&L is zero.
        option_buys: Premium of the option buy orders in coin, ``[order]``, with ``option_buy_account`` and
            ``option_buy_currency``.
        contract_orders: Orders in contracts, one by one.
        spot_orders: Orders in spot pairs.
    """

    account: np.ndarray
    instrument: np.ndarray
    quantity: np.ndarray
    entry_value: np.ndarray
    option_buys: np.ndarray
    option_buy_account: np.ndarray
    option_buy_currency: np.ndarray
    contract_orders: ContractOrders
    spot_orders: SpotOrders


def net_book(accounts: Accounts, market: Market) -> Book:
    """Resolve names and net.

    Raises:
        InputError: An instrument that the market does not list or that has expired; a spot order in a pair of
            unknown currencies.
    """
    universe = market.universe
    positions, orders = accounts.positions, accounts.orders
    place = {name: i for i, name in enumerate(universe.ids.tolist())}
    held = _resolve(positions.instrument, place)
    _require_known(accounts, market, "positions", positions.instrument, held == UNKNOWN)
    ordered = _resolve(orders.instrument, place)
    spot = ordered == UNKNOWN
    base, quote = _spot_pairs(accounts, market, spot)
    _require_live(accounts, market, "positions", positions.instrument, held)
    _require_live(accounts, market, "orders", orders.instrument, ordered)
    with np.errstate(over="ignore"):
        entry_value = positions.quantity * _contract_value_at(market, held, positions.average_price)
    account, instrument, quantity, value, of_order = _net(
        np.concatenate([positions.account, orders.account[~spot]]),
        np.concatenate([held, ordered[~spot]]),
        positions.quantity,
        orders.quantity[~spot],
        entry_value,
        len(universe),
    )
    option_buy = ~spot & (orders.quantity > 0)
    option_buy[option_buy] = universe.contracts.is_option[ordered[option_buy]]
    bought = ordered[option_buy]
    return Book(
        account,
        instrument,
        quantity,
        value,
        option_buys=orders.quantity[option_buy] * universe.contracts.contract_value[bought] * orders.price[option_buy],
        option_buy_account=orders.account[option_buy],
        option_buy_currency=universe.contracts.settle[bought],
        contract_orders=ContractOrders(of_order, orders.quantity[~spot]),
        spot_orders=SpotOrders(orders.account[spot], base, quote, orders.quantity[spot], orders.price[spot]),
    )


def _resolve(names: Labels, place: dict[str, int]) -> np.ndarray:
    """Universe index of each row's name, ``UNKNOWN`` where there is none."""
    return np.array([place.get(name, UNKNOWN) for name in names.names], np.int64)[names.codes]


def _require_known(accounts: Accounts, market: Market, table: str, names: Labels, bad: np.ndarray) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        source = accounts.source
        where = source.locate(table, row, "instrument")
        known = f"an instrument of the market {market.source.file}"
        if table == "orders":
            known += ", or a spot pair of two of its currencies"
        raise InputError(source.file, where, known, repr(names.names[names.codes[row]]))


def _require_live(accounts: Accounts, market: Market, table: str, names: Labels, instrument: np.ndarray) -> None:
    expiry = market.universe.expiry
    expired = ~np.isnat(expiry) & (expiry <= market.time)
    bad = (instrument != UNKNOWN) & expired[instrument] if len(expired) else np.zeros(len(instrument), bool)
    if bad.any():
        row = int(np.argmax(bad))
        where = accounts.source.locate(table, row, "instrument")
        expiry_text = time_text(expiry[instrument[row]])
        found = f"{names.names[names.codes[row]]!r}, expired {expiry_text}"
        expected = f"an instrument live at the market's time {time_text(market.time)}"
        raise InputError(accounts.source.file, where, expected, found)


def _spot_pairs(accounts: Accounts, market: Market, spot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Base and quote currency of the orders that are in no instrument."""
    names = accounts.orders.instrument
    place = {name: i for i, name in enumerate(market.universe.currencies)}

    def currencies(name: str) -> tuple[int, int]:
        base, _, quote = name.partition("-")
        return (UNKNOWN, UNKNOWN) if base == quote else (place.get(base, UNKNOWN), place.get(quote, UNKNOWN))

    pairs = np.array([currencies(name) for name in names.names], np.int64).reshape(-1, 2)[names.codes]
    _require_known(accounts, market, "orders", names, spot & (pairs == UNKNOWN).any(axis=1))
    return pairs[spot, 0], pairs[spot, 1]


def _contract_value_at(market: Market, instrument: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Value of one contract in its settlement currency at a price, at the mark where the price is NaN."""
    price = np.where(np.isnan(price), market.snapshot.mark[instrument], price)
    contracts = market.universe.contracts
    size = contracts.contract_value[instrument]
    with np.errstate(divide="ignore", over="ignore"):  # an option's mark may be 0; sg.margin refuses what overflows
        return np.where(contracts.is_inverse[instrument], -size / price, size * price)


def _net(
    account: np.ndarray,
    instrument: np.ndarray,
    held: np.ndarray,
    ordered: np.ndarray,
    entry_value: np.ndarray,
    n_instruments: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One entry for each account and instrument that is held or ordered; last, the entry of each order."""
    key = account.astype(np.int64) * max(n_instruments, 1) + instrument
    unique, entry = np.unique(key, return_inverse=True)
    n, n_held = len(unique), len(held)

    def total(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.bincount(rows, values, minlength=n) if len(rows) else np.zeros(n)

    of_position, of_order = entry[:n_held], entry[n_held:]
    positions = total(of_position, held)
    buys = total(of_order, np.maximum(ordered, 0.0))
    sells = total(of_order, np.minimum(ordered, 0.0))
    quantity = np.stack([positions, positions + buys, positions + sells])
    return (
        (unique // max(n_instruments, 1)).astype(np.int32),
        (unique % max(n_instruments, 1)).astype(np.int32),
        quantity,
        total(of_position, entry_value),
        of_order,
    )

"""What accounts hold in the instruments of one market, netted by account and instrument.

Three order books stand side by side: the positions, the positions with all buy orders filled, and with all sell
orders filled (okx_computation.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.market_holdings import MarketHoldings
from shockgrid.market.market import Market
from shockgrid.numerics.ordering import compact, stable_order

POSITIONS, WITH_BUYS, WITH_SELLS = 0, 1, 2
"""The order books: first axis of ``Book.quantity``."""


@dataclass(frozen=True)
class Book:
    """Netted holdings of a block of accounts, sorted by account, then instrument.

    Attributes:
        account, instrument: Of each entry.
        quantity: ``[3, entry]`` signed contracts in each order book.
        entry_value: ``[entry]`` what the positions were worth at their entry prices, in the settlement currency:
            ``sum q * (value of one contract at its average price)``. A position without an average price counts at
            today's mark, so that its unrealised P&L is zero.
        order_entry: Entry that each contract order is netted into, in the order of the orders.
    """

    account: np.ndarray
    instrument: np.ndarray
    quantity: np.ndarray
    entry_value: np.ndarray
    order_entry: np.ndarray


def net_book(holdings: MarketHoldings, market: Market) -> Book:
    """Net positions and orders of a block of accounts."""
    positions, orders = holdings.positions, holdings.contract_orders
    n_instruments = max(len(market.universe), 1)
    dtype = compact(len(holdings) * n_instruments)
    key = np.concatenate(
        [
            rows.account.astype(dtype) * dtype(n_instruments) + rows.instrument.astype(dtype)
            for rows in (positions, orders)
        ]
    )
    entry, unique = _entries(key)
    of_position, of_order = entry[: len(positions)], entry[len(positions) :]
    n = len(unique)
    quantity = np.broadcast_to(_totals(of_position, positions.quantity, n), (3, n))
    if len(orders):
        buys = _totals(of_order, np.maximum(orders.quantity, 0.0), n)
        sells = _totals(of_order, np.minimum(orders.quantity, 0.0), n)
        quantity = np.stack([quantity[POSITIONS], quantity[POSITIONS] + buys, quantity[POSITIONS] + sells])
    with np.errstate(over="ignore"):
        value = positions.quantity * _contract_value_at(market, positions.instrument, positions.average_price)
    account, instrument = np.divmod(unique, n_instruments)
    return Book(
        account.astype(np.int32),
        instrument.astype(np.int32),
        quantity,
        _totals(of_position, value, n),
        of_order,
    )


def _entries(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The entry of each key, and the distinct keys in order."""
    order = stable_order(key)
    ordered = key[order]
    first = np.ones(len(key), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    entry = np.empty(len(key), np.int64)  # what ``bincount`` takes without a copy
    entry[order] = np.cumsum(first) - 1
    return entry, ordered[first]


def _totals(rows: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(rows, values, minlength=n) if len(rows) else np.zeros(n)


def _contract_value_at(market: Market, instrument: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Value of one contract in its settlement currency at a price, at the mark where the price is NaN."""
    contracts = market.universe.contracts
    absent = np.isnan(price)
    if absent.any():
        price = np.where(absent, market.snapshot.mark[instrument], price)
    size = contracts.contract_value[instrument]
    inverse = np.flatnonzero(contracts.is_inverse[instrument])
    with np.errstate(divide="ignore", over="ignore"):  # sg.margin refuses what overflows
        value = size * price
        value[inverse] = -size[inverse] / price[inverse]
    return value

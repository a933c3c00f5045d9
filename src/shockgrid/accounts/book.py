"""What accounts hold in the instruments of one market, netted by account and instrument, unit by unit.

Three order books stand side by side: the positions, the positions with all buy orders filled, and with all sell
orders filled (okx_computation.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.market_holdings import MarketHoldings
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.market.market import Market
from shockgrid.numerics.ordering import compact, run_begins, stable_order

POSITIONS, WITH_BUYS, WITH_SELLS = 0, 1, 2
"""The order books: first axis of ``Book.quantity``."""


@dataclass(frozen=True)
class Book:
    """Netted holdings of a block of accounts, sorted by account, then risk unit, then instrument.

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


@dataclass(frozen=True)
class _Netting:
    """Which rows make which entry: positions, then orders, of one key.

    Attributes:
        order: Rows in the order of their keys, equal ones as they came.
        first: Where the rows of each entry begin among them.
        rest: Where its other rows are, for the few that have any.
    """

    order: np.ndarray
    first: np.ndarray
    rest: np.ndarray

    def entry_at(self, place: np.ndarray) -> np.ndarray:
        """The entry of the rows at places of ``order``."""
        return np.searchsorted(self.first, place, side="right") - 1

    def total(self, values: np.ndarray) -> np.ndarray:
        """Of values of the positions, the total of each entry."""
        ordered = np.append(values, np.zeros(len(self.order) - len(values)))[self.order]
        total = ordered[self.first]
        np.add.at(total, self.entry_at(self.rest), ordered[self.rest])
        return total

    def entry_of_orders(self, n: int) -> np.ndarray:
        """The entries of the orders, the last ``n`` rows."""
        n_positions = len(self.order) - n
        place = np.flatnonzero(self.order >= n_positions)
        entry = np.empty(n, np.int64)
        entry[self.order[place] - n_positions] = self.entry_at(place)
        return entry


def net_book(holdings: MarketHoldings, market: Market, risk_units: RiskUnits) -> Book:
    """Net positions and orders of a block of accounts."""
    positions, orders = holdings.positions, holdings.contract_orders
    n_instruments = max(len(market.universe), 1)
    dtype = compact(len(holdings) * n_instruments)
    key = np.concatenate(
        [
            rows.account.astype(dtype) * dtype(n_instruments) + risk_units.place_of_instrument[rows.instrument]
            for rows in (positions, orders)
        ],
        dtype=dtype,
    )
    order = stable_order(key)
    key = key[order]
    begins = run_begins(key)
    netting = _Netting(order, np.flatnonzero(begins), np.flatnonzero(~begins))
    of_order = netting.entry_of_orders(len(orders))
    with np.errstate(over="ignore"):
        value = positions.quantity * contract_value_at(market, positions.instrument, positions.average_price)
    key = key[netting.first]
    account = key // dtype(n_instruments)
    return Book(
        account.astype(np.int32),
        risk_units.instruments[key - account * dtype(n_instruments)],
        _with_orders(netting.total(positions.quantity), of_order, orders.quantity),
        netting.total(value),
        of_order,
    )


def _with_orders(positions: np.ndarray, entry: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    """``[3, entry]`` the order books."""
    if not len(entry):
        return np.broadcast_to(positions, (3, len(positions)))
    books = np.stack([positions] * 3)
    np.add.at(books[WITH_BUYS], entry, np.maximum(quantity, 0.0))
    np.add.at(books[WITH_SELLS], entry, np.minimum(quantity, 0.0))
    return books


def contract_values(market: Market) -> np.ndarray:
    """``[instrument]`` value of one contract at its mark, in its settlement currency."""
    every = np.arange(len(market.universe))
    return contract_value_at(market, every, np.full(len(every), np.nan))


def contract_value_at(market: Market, instrument: np.ndarray, price: np.ndarray) -> np.ndarray:
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

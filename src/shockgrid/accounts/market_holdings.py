"""What accounts hold in the terms of one market: names looked up, rows sorted by account, arrays alone.

Sorted rows make a block of accounts a slice of every table, and blocks are what everything after works on: they fit
caches, run side by side, and bound memory.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels
from shockgrid.errors import InputError
from shockgrid.market.clock import time_text
from shockgrid.market.market import Market
from shockgrid.numerics.ordering import stable_order

UNKNOWN = -1

BLOCK_ENTRIES = 1 << 18
"""Rows of tables in a block, about: 8,000 accounts of 20 positions. Its arrays then stay in a core's share of cache."""

LEAST_ENTRIES = 1 << 16
"""Blocks smaller than this are not worth a thread of their own."""

BLOCK_GRAIN = 16
"""Accounts that blocks do not cut apart."""

ACCOUNT_ENTRIES = 8
"""What an account costs apart from its rows, in rows."""

T = TypeVar("T", bound="_Rows")


@dataclass(frozen=True)
class _Rows:
    """Columns of a table, sorted by ``account``."""

    account: np.ndarray

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True)
class HeldContracts(_Rows):
    """Positions; ``instrument`` is an index into ``Universe.ids``, ``average_price`` NaN where none was given."""

    instrument: np.ndarray
    quantity: np.ndarray
    average_price: np.ndarray


@dataclass(frozen=True)
class ContractOrders(_Rows):
    """Open orders in contracts, with signed quantities."""

    instrument: np.ndarray
    quantity: np.ndarray
    price: np.ndarray


@dataclass(frozen=True)
class SpotOrders(_Rows):
    """Open orders in spot pairs: ``quantity`` of base for ``price`` each in quote; currencies as universe indices."""

    base: np.ndarray
    quote: np.ndarray
    quantity: np.ndarray
    price: np.ndarray


@dataclass(frozen=True)
class HeldCurrencies(_Rows):
    """Balances; ``amount`` is less accrued interest."""

    currency: np.ndarray
    amount: np.ndarray


@dataclass(frozen=True)
class UserLimits(_Rows):
    """Limits by coin, NaN where there is none."""

    currency: np.ndarray
    spot_limit: np.ndarray
    borrow_limit: np.ndarray


_TABLES = ("positions", "contract_orders", "spot_orders", "balances", "limits")


@dataclass(frozen=True)
class MarketHoldings:
    """A block of accounts.

    Attributes:
        first: Place of the first account among all; accounts are counted from it.
        positions, contract_orders, spot_orders, balances, limits: What they have.
        spot_mode, auto_borrow: By account.
    """

    first: int
    positions: HeldContracts
    contract_orders: ContractOrders
    spot_orders: SpotOrders
    balances: HeldCurrencies
    limits: UserLimits
    spot_mode: np.ndarray
    auto_borrow: np.ndarray

    def __len__(self) -> int:
        return len(self.spot_mode)

    def blocks(self, entries: int = BLOCK_ENTRIES, least: int = 1) -> list[MarketHoldings]:
        """Blocks of about equal work, in order; one where there are no accounts.

        Args:
            entries: Rows of tables in a block; ``BLOCK_GRAIN`` accounts with more are a block by themselves.
            least: How many blocks there should be, as far as each then has ``LEAST_ENTRIES``.
        """
        edge = np.append(np.arange(0, len(self), BLOCK_GRAIN), len(self))
        starts = {name: np.searchsorted(getattr(self, name).account, edge) for name in _TABLES}
        work = sum(starts.values()) + ACCOUNT_ENTRIES * edge
        n_blocks = max(-(-int(work[-1]) // entries), min(least, int(work[-1]) // LEAST_ENTRIES))
        if n_blocks <= 1:
            return [self]
        cuts = np.searchsorted(work, work[-1] * np.arange(1, n_blocks) / n_blocks)
        cuts = np.unique(np.concatenate([[0], cuts, [len(edge) - 1]]))
        return [
            self._block(int(edge[a]), int(edge[b]), {name: slice(start[a], start[b]) for name, start in starts.items()})
            for a, b in pairwise(cuts)
        ]

    def _block(self, first: int, last: int, parts: dict[str, slice]) -> MarketHoldings:
        tables = {name: _cut(getattr(self, name), part, first) for name, part in parts.items()}
        return replace(
            self,
            first=self.first + first,
            spot_mode=self.spot_mode[first:last],
            auto_borrow=self.auto_borrow[first:last],
            **tables,
        )


def _cut(rows: T, part: slice, first: int) -> T:
    columns = {field.name: getattr(rows, field.name)[part] for field in fields(rows)}
    return replace(rows, **columns | {"account": columns["account"] - first})


def resolve_holdings(accounts: Accounts, market: Market) -> MarketHoldings:
    """Look up every name of a set of accounts.

    Raises:
        InputError: An instrument that the market does not list or that has expired; a spot order in a pair of
            unknown currencies; a balance or limit in a currency without an index price.
    """
    p, o, b, limits = accounts.positions, accounts.orders, accounts.balances, accounts.limits
    place = {name: i for i, name in enumerate(market.universe.ids.tolist())}
    held = _coded(p.instrument, place)
    _require_known(accounts, market, "positions", p.instrument, held)
    ordered = _coded(o.instrument, place)
    pairs = _spot_pairs(accounts, market)
    _require_known(accounts, market, "orders", o.instrument, np.maximum(ordered, pairs.min(axis=1)))
    _require_live(accounts, market, "positions", p.instrument, held)
    _require_live(accounts, market, "orders", o.instrument, ordered)
    balance_currency = resolve_currencies(accounts, market, "balances", "currency", b.currency)
    limit_currency = resolve_currencies(accounts, market, "limits", "coin", limits.coin)
    spot = ordered[o.instrument.codes] == UNKNOWN
    base, quote = pairs[o.instrument.codes[spot]].T
    contract = o.instrument.codes[~spot]
    return MarketHoldings(
        first=0,
        positions=_sorted(HeldContracts(p.account, held[p.instrument.codes], p.quantity, p.average_price)),
        contract_orders=_sorted(ContractOrders(o.account[~spot], ordered[contract], o.quantity[~spot], o.price[~spot])),
        spot_orders=_sorted(SpotOrders(o.account[spot], base, quote, o.quantity[spot], o.price[spot])),
        balances=_sorted(HeldCurrencies(b.account, balance_currency, b.amount - b.accrued_interest)),
        limits=_sorted(UserLimits(limits.account, limit_currency, limits.spot_limit, limits.borrow_limit)),
        spot_mode=accounts.spot_mode,
        auto_borrow=accounts.auto_borrow,
    )


def _sorted(rows: T) -> T:
    """By account, rows of one account in the order in which they came."""
    account = rows.account
    if (account[1:] >= account[:-1]).all():
        return rows
    order = stable_order(account)
    return replace(rows, **{field.name: getattr(rows, field.name)[order] for field in fields(rows)})


def _coded(names: Labels, place: dict[str, int]) -> np.ndarray:
    """Universe index of each name of a vocabulary, ``UNKNOWN`` where there is none."""
    return np.array([place.get(name, UNKNOWN) for name in names.names], np.int32)


def _require_known(accounts: Accounts, market: Market, table: str, names: Labels, index: np.ndarray) -> None:
    """Names that no row uses may be unknown."""
    unknown = index == UNKNOWN
    if unknown.any() and (bad := unknown[names.codes]).any():
        row, source = int(np.argmax(bad)), accounts.source
        where = source.locate(table, row, "instrument")
        known = f"an instrument of the market {market.source.file}"
        if table == "orders":
            known += ", or a spot pair of two of its currencies"
        raise InputError(source.file, where, known, repr(names.names[names.codes[row]]))


def _require_live(accounts: Accounts, market: Market, table: str, names: Labels, index: np.ndarray) -> None:
    expiry = market.universe.expiry
    expired = np.append(~np.isnat(expiry) & (expiry <= market.time), False)[index]
    if expired.any() and (bad := expired[names.codes]).any():
        row = int(np.argmax(bad))
        where = accounts.source.locate(table, row, "instrument")
        expiry_text = time_text(expiry[index[names.codes[row]]])
        found = f"{names.names[names.codes[row]]!r}, expired {expiry_text}"
        expected = f"an instrument live at the market's time {time_text(market.time)}"
        raise InputError(accounts.source.file, where, expected, found)


def _spot_pairs(accounts: Accounts, market: Market) -> np.ndarray:
    """``[name, 2]`` base and quote currency of each name that orders use, both ``UNKNOWN`` where it is no pair."""
    place = {name: i for i, name in enumerate(market.universe.currencies)}

    def currencies(name: str) -> tuple[int, int]:
        base, _, quote = name.partition("-")
        known = base != quote and base in place and quote in place
        return (place[base], place[quote]) if known else (UNKNOWN, UNKNOWN)

    return np.array([currencies(name) for name in accounts.orders.instrument.names], np.int32).reshape(-1, 2)


def resolve_currencies(accounts: Accounts, market: Market, table: str, column: str, names: Labels) -> np.ndarray:
    """Universe index of each row's currency.

    Raises:
        InputError: A currency without an index price in USD.
    """
    index = _coded(names, {name: i for i, name in enumerate(market.universe.currencies)})
    of_row = index[names.codes] if len(index) else np.zeros(len(names), np.int32)
    if (of_row == UNKNOWN).any():
        row = int(np.argmax(of_row == UNKNOWN))
        name, source = names.names[names.codes[row]], accounts.source
        expected = f"a currency with an index price ({name}-USD) in the market {market.source.file}"
        raise InputError(source.file, source.locate(table, row, column), expected, repr(name))
    return of_row

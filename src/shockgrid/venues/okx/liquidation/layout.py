"""Books of many accounts (NumPy, on the host): entries of what each holds and of what could hedge it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.account_rows import AccountRows
from shockgrid.accounts.book import POSITIONS
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.market.liquidity import liquidity, liquidity_order
from shockgrid.market.market import Market
from shockgrid.market.padding import currency_bucket
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.numerics.ordering import place_in_group, places_in_order
from shockgrid.venues.okx.liquidation.book import Book, Holdings
from shockgrid.venues.okx.rule_tables import SpotTables

LEAST_ENTRIES, STEP = 32, 4
"""Books of up to so many entries share a compilation, then those of up to four times as many, and so on."""

ENTRIES_PER_UNIT = 8
"""Room for so many units has a book of so many times as many entries."""


@dataclass(frozen=True)
class LaidBooks:
    """Books of one size.

    Attributes:
        account: Which account each is of.
        book: ``[account, ...]``.
        joins: ``[account, unit]`` 1 where the spot of the coin enters the unit.
        held: ``[account, ...]``.
    """

    account: np.ndarray
    book: Book
    joins: np.ndarray
    held: Holdings


def lay_books(rows: AccountRows, market: Market, spot: SpotTables) -> list[LaidBooks]:
    """Lay out accounts, those of similar size together.

    Args:
        rows: The accounts.
        market: Where they trade.
        spot: What of an account's spot may enter its units.
    """
    hedges = _hedges(rows.risk_units, market)
    entries = _entries(rows, hedges, len(market.universe))
    n_entries = np.bincount(entries.account, minlength=rows.n_accounts)
    n_units = np.bincount(rows.unit_account, minlength=rows.n_accounts)
    size = _size_class(np.maximum(n_entries, ENTRIES_PER_UNIT * n_units))
    places = [(int(n), np.flatnonzero(size == n)) for n in np.unique(size)]
    return [_laid(rows, market, spot, entries, hedges, chosen, n) for n, chosen in places]


@dataclass(frozen=True)
class _Hedges:
    """The most liquid perpetual or future of each unit of the market, -1 where there is none.

    Attributes:
        of_unit: ``[unit]``.
        of_denomination: ``[unit, denomination]``.
    """

    of_unit: np.ndarray
    of_denomination: np.ndarray


def _hedges(units: RiskUnits, market: Market) -> _Hedges:
    found, contracts, n_units = liquidity(market), market.universe.contracts, len(units.names)
    order = liquidity_order(market, found)
    hedge = order[(found.tradable & ~contracts.is_option)[order]]
    unit = units.of_instrument[hedge].astype(np.int64)

    def first(group: np.ndarray, n: int) -> np.ndarray:
        """The first hedge, which is the most liquid, of each group."""
        present, place = np.unique(group, return_index=True)
        found = np.full(n, -1)
        found[present] = hedge[place]
        return found

    n = len(DENOMINATIONS)
    of_denomination = first(unit * n + contracts.denomination[hedge], n_units * n).reshape(n_units, n)
    return _Hedges(first(unit, n_units), of_denomination)


@dataclass(frozen=True)
class _Entries:
    """Of all accounts, sorted by account and unit row."""

    account: np.ndarray
    unit_row: np.ndarray
    instrument: np.ndarray
    quantity: np.ndarray
    entry_value: np.ndarray


def _entries(rows: AccountRows, hedges: _Hedges, n_instruments: int) -> _Entries:
    """What is held, and the most liquid hedge of each unit and denomination where it is not."""
    unit_row = np.repeat(np.arange(len(rows.unit)), np.diff(rows.start))
    offered = hedges.of_denomination[rows.unit]
    row, _ = np.nonzero(offered >= 0)
    instrument = offered[offered >= 0]
    new = ~np.isin(row * n_instruments + instrument, unit_row * n_instruments + rows.book.instrument)
    none = np.zeros(int(new.sum()))
    columns = [
        np.append(unit_row, row[new]),
        np.append(rows.book.instrument, instrument[new]),
        np.append(rows.book.quantity[POSITIONS], none),
        np.append(rows.book.entry_value, none),
    ]
    order = np.argsort(columns[0], kind="stable")
    unit_row, instrument, quantity, entry_value = (column[order] for column in columns)
    return _Entries(rows.unit_account[unit_row], unit_row, instrument, quantity, entry_value)


@dataclass(frozen=True)
class _Table:
    """Rows of some accounts, as a table with a row an account.

    Attributes:
        shape: Accounts, and places of each.
        rows: Which rows are theirs.
        account, place: Where each goes.
    """

    shape: tuple[int, int]
    rows: np.ndarray
    account: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, account: np.ndarray, at: np.ndarray, shape: tuple[int, int]) -> _Table:
        """Rows by the account of each, in ascending order; ``at`` is the table's row of every account, -1 for none."""
        rows = np.flatnonzero(at[account] >= 0)
        return cls(shape, rows, at[account[rows]], place_in_group(account[rows]))

    def __call__(self, values: np.ndarray, fill: float, dtype: type = float) -> np.ndarray:
        table = np.full(self.shape, fill, dtype)
        table[self.account, self.place] = values[self.rows]
        return table


def _laid(
    rows: AccountRows,
    market: Market,
    spot: SpotTables,
    entries: _Entries,
    hedges: _Hedges,
    chosen: np.ndarray,
    n_entries: int,
) -> LaidBooks:
    """Books of the chosen accounts, of so many entries each."""
    n, at, n_units = len(chosen), np.full(rows.n_accounts, -1), n_entries // ENTRIES_PER_UNIT
    at[chosen] = np.arange(n)
    entry = _Table.of(entries.account, at, (n, n_entries))
    unit = _Table.of(rows.unit_account, at, (n, n_units))
    mode = np.asarray(rows.units.spot_mode)
    held = Holdings(entry(entries.quantity, 0.0), entry(entries.entry_value, 0.0), _cash(rows, market, at, n))
    joins = unit(np.asarray(spot.joins)[mode], 0.0)
    return LaidBooks(chosen, _book(rows, market, spot, entries, hedges, entry, unit), joins, held)


def _book(
    rows: AccountRows,
    market: Market,
    spot: SpotTables,
    entries: _Entries,
    hedges: _Hedges,
    entry: _Table,
    unit: _Table,
) -> Book:
    contracts, units, mode = market.universe.contracts, rows.risk_units, np.asarray(rows.units.spot_mode)
    ids, names = places_in_order(market.universe.ids), places_in_order(np.array(units.names))
    last = np.iinfo(np.int32).max - 1
    ranks = [entry(ids[entries.instrument], last, np.int32), unit(names[rows.unit] + len(ids), last, np.int32)]
    of_entry, denomination = rows.unit[entries.unit_row], contracts.denomination[entries.instrument]
    coin = contracts.coin_currency[units.coin[rows.unit]]
    spot_currency = unit(np.where(units.joined_by_spot[rows.unit, mode], coin, -1), -1, np.int32)
    return Book(
        instrument=entry(entries.instrument, 0, np.int32),
        unit=entry(place_in_group(rows.unit_account)[entries.unit_row], 0, np.int32),
        rank=np.concatenate(ranks, axis=1),
        present=entry(np.ones(len(entries.account)), 0.0, bool),
        is_main=entry(hedges.of_unit[of_entry] == entries.instrument, 0.0, bool),
        is_main_of_denomination=entry(hedges.of_denomination[of_entry, denomination] == entries.instrument, 0.0, bool),
        unit_key=unit(rows.unit, 0, np.int32),
        spot_currency=spot_currency,
        joined_unit=_joined(market, rows, unit(rows.unit, -1, np.int32), spot_currency),
        spot_limit=unit(np.where(spot.user_limit > 0.0, np.asarray(rows.units.spot_limit), np.inf), 0.0),
        quote=np.full(unit.shape[0], _quote(market), np.int32),
    )


def _joined(market: Market, rows: AccountRows, unit_key: np.ndarray, spot_currency: np.ndarray) -> np.ndarray:
    """Of each unit the place of the unit that the spot of its coin joins, -1 for none or itself."""
    coin = np.where(unit_key >= 0, rows.risk_units.coin[unit_key], -1)
    currency = np.where(unit_key >= 0, market.universe.contracts.coin_currency[coin], -2)
    joins = (currency[:, :, None] == spot_currency[:, None, :]) & ~np.eye(unit_key.shape[1], dtype=bool)[None]
    return np.where(joins.any(axis=2), joins.argmax(axis=2), -1).astype(np.int32)


def _quote(market: Market) -> int:
    """What spot is traded against: the first of the denominations that has a price."""
    currencies = market.universe.currencies
    return next((currencies.index(name) for name in DENOMINATIONS if name in currencies), 0)


def _cash(rows: AccountRows, market: Market, at: np.ndarray, n: int) -> np.ndarray:
    cash = np.zeros((n, currency_bucket(len(market.universe.currencies))))
    mine = at[rows.currency_account] >= 0
    cash[at[rows.currency_account[mine]], rows.currency[mine]] = np.asarray(rows.currencies.balance)[mine]
    return cash


def _size_class(n: np.ndarray) -> np.ndarray:
    """The smallest of ``LEAST_ENTRIES`` times 1, ``STEP``, ``STEP**2``, ... that holds n."""
    size = np.full(len(n), LEAST_ENTRIES)
    while (size < n).any():
        size = np.where(size < n, size * STEP, size)
    return size

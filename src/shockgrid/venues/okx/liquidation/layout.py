"""Books of many accounts (NumPy, on the host): entries of what each holds and of what could hedge it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.account_rows import AccountRows
from shockgrid.accounts.book import POSITIONS
from shockgrid.market.liquidity import liquidity, liquidity_order
from shockgrid.market.market import Market
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.numerics.size_bucket import size_bucket
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
    entries = _entries(rows, market)
    n_entries = np.bincount(entries.account, minlength=rows.n_accounts)
    n_units = np.bincount(rows.unit_account, minlength=rows.n_accounts)
    size = _size_class(np.maximum(n_entries, ENTRIES_PER_UNIT * n_units))
    laid = []
    for n in np.unique(size):
        chosen = np.flatnonzero(size == n)
        width = int(n) // ENTRIES_PER_UNIT
        laid.append(_laid(rows, market, entries, chosen, int(n), width, spot))
    return laid


@dataclass(frozen=True)
class _Entries:
    """Of all accounts, sorted by account and unit row."""

    account: np.ndarray
    unit_row: np.ndarray
    instrument: np.ndarray
    quantity: np.ndarray
    entry_value: np.ndarray


def _entries(rows: AccountRows, market: Market) -> _Entries:
    """What is held, and the most liquid perpetual or future of each unit and denomination that is not."""
    held = rows.book.quantity[POSITIONS]
    unit_row = np.repeat(np.arange(len(rows.unit)), np.diff(rows.start))
    hedges = _main_hedges(rows, market)[rows.unit]
    row, _ = np.nonzero(hedges >= 0)
    instrument = hedges[hedges >= 0]
    n = len(market.universe)
    new = ~np.isin(row.astype(np.int64) * n + instrument, unit_row.astype(np.int64) * n + rows.book.instrument)
    row, instrument = row[new], instrument[new]
    none = np.zeros(len(row))
    columns = [
        np.append(unit_row, row),
        np.append(rows.book.instrument, instrument),
        np.append(held, none),
        np.append(rows.book.entry_value, none),
    ]
    order = np.argsort(columns[0], kind="stable")
    unit_row, instrument, quantity, entry_value = (column[order] for column in columns)
    return _Entries(rows.unit_account[unit_row], unit_row, instrument, quantity, entry_value)


def _main_hedges(rows: AccountRows, market: Market) -> np.ndarray:
    """``[unit, denomination]`` most liquid perpetual or future of each unit of the market, -1 where there is none."""
    found, contracts = liquidity(market), market.universe.contracts
    best = np.full((len(rows.risk_units.names), len(DENOMINATIONS)), -1)
    # The most liquid comes last and stays.
    for i in liquidity_order(market, found)[::-1]:
        if found.tradable[i] and not contracts.is_option[i]:
            best[rows.risk_units.of_instrument[i], contracts.denomination[i]] = i
    return best


def _laid(
    rows: AccountRows,
    market: Market,
    entries: _Entries,
    chosen: np.ndarray,
    n_entries: int,
    n_units: int,
    spot: SpotTables,
) -> LaidBooks:
    n, at = len(chosen), np.full(rows.n_accounts, -1)
    at[chosen] = np.arange(n)
    mine, units = np.flatnonzero(at[entries.account] >= 0), np.flatnonzero(at[rows.unit_account] >= 0)
    unit_of_row = _place_within(rows.unit_account)
    e = at[entries.account[mine]], _place_within(entries.account[mine])
    u = at[rows.unit_account[units]], unit_of_row[units]

    def entry(values: np.ndarray, fill: float, dtype: type = float) -> np.ndarray:
        table = np.full((n, n_entries), fill, dtype)
        table[e] = values[mine]
        return table

    def unit(values: np.ndarray, fill: float, dtype: type = float) -> np.ndarray:
        table = np.full((n, n_units), fill, dtype)
        table[u] = values[units]
        return table

    ids = np.argsort(np.argsort(market.universe.ids.astype(str), kind="stable")).astype(np.int32)
    names = np.argsort(np.argsort(np.array(rows.risk_units.names, str), kind="stable")).astype(np.int32)
    last = np.iinfo(np.int32).max - 1
    ranks = [entry(ids[entries.instrument], last, np.int32), unit(names[rows.unit] + len(ids), last, np.int32)]
    mode = np.asarray(rows.units.spot_mode)
    coin = market.universe.contracts.coin_currency[rows.risk_units.coin[rows.unit]]
    main, of_denomination = _are_main(rows, market, entries)
    spot_currency = unit(np.where(rows.risk_units.joined_by_spot[rows.unit, mode], coin, -1), -1, np.int32)
    limit = np.where(spot.user_limit > 0.0, np.asarray(rows.units.spot_limit), np.inf)
    book = Book(
        instrument=entry(entries.instrument, 0, np.int32),
        unit=entry(unit_of_row[entries.unit_row], 0, np.int32),
        rank=np.concatenate(ranks, axis=1),
        present=entry(np.ones(len(entries.account)), 0.0, bool),
        is_main=entry(main, 0.0, bool),
        is_main_of_denomination=entry(of_denomination, 0.0, bool),
        unit_key=unit(rows.unit, 0, np.int32),
        spot_currency=spot_currency,
        joined_unit=_joined(market, rows, unit(rows.unit, -1, np.int32), spot_currency),
        spot_limit=unit(limit, 0.0),
        quote=np.full(n, _quote(market), np.int32),
    )
    joins = unit(np.asarray(spot.joins)[mode], 0.0)
    held = Holdings(entry(entries.quantity, 0.0), entry(entries.entry_value, 0.0), _cash(rows, market, at, n))
    return LaidBooks(chosen, book, joins, held)


def _are_main(rows: AccountRows, market: Market, entries: _Entries) -> tuple[np.ndarray, np.ndarray]:
    """Whether an entry is the most liquid hedge of its unit, and of its unit and denomination."""
    by_denomination = _main_hedges(rows, market)
    place = np.empty(len(market.universe), np.int64)
    place[liquidity_order(market, liquidity(market))] = np.arange(len(place))
    rank = np.where(by_denomination >= 0, place[by_denomination], len(place)) if len(place) else by_denomination
    best = np.take_along_axis(by_denomination, rank.argmin(axis=1)[:, None], axis=1)[:, 0]
    unit = rows.unit[entries.unit_row]
    denomination = market.universe.contracts.denomination[entries.instrument]
    return best[unit] == entries.instrument, by_denomination[unit, denomination] == entries.instrument


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
    cash = np.zeros((n, size_bucket(len(market.universe.currencies))))
    mine = at[rows.currency_account] >= 0
    cash[at[rows.currency_account[mine]], rows.currency[mine]] = np.asarray(rows.currencies.balance)[mine]
    return cash


def _place_within(group: np.ndarray) -> np.ndarray:
    """Place of each row within its group; groups are consecutive."""
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1])) if len(group) else np.zeros(0, int)
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))


def _size_class(n: np.ndarray) -> np.ndarray:
    """The smallest of ``LEAST_ENTRIES`` times 1, ``STEP``, ``STEP**2``, ... that holds n."""
    size = np.full(len(n), LEAST_ENTRIES)
    while (size < n).any():
        size = np.where(size < n, size * STEP, size)
    return size

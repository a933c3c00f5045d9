"""Every subset of a unit's open orders, as rows: the exact worst that filling some of them could do.

``n`` orders make ``2^n`` books. Orders are told apart, not netted: each may fill or not by itself. Units with as many
orders are laid out together, in batches of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.account_rows import AccountRows
from shockgrid.accounts.book import POSITIONS
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.market_holdings import UNKNOWN
from shockgrid.accounts.unit_rows import UnitRows, pad_units
from shockgrid.errors import InputError
from shockgrid.numerics.ragged import SLICE_ROWS, RaggedPlan, pad_ragged, plan_ragged, ragged_shape
from shockgrid.numerics.size_bucket import size_bucket

MOST_ORDERS = 16
"""Of one unit: 65,536 books."""

BATCH_ROWS = 1 << 18


@dataclass(frozen=True)
class SubsetRows:
    """A batch of units, each with all subsets of its orders.

    Attributes:
        unit_row: Row of each unit among those of the positions.
        n_subsets: Rows of each unit, one after the other, the empty subset first.
        rows, plan: As for the positions, padded.
    """

    unit_row: np.ndarray
    n_subsets: int
    rows: UnitRows
    plan: RaggedPlan


@dataclass(frozen=True)
class _UnitOrders:
    """Orders of units, sorted by unit row.

    Attributes:
        unit_row: The unit of each.
        entry: Entry that of the book that it is in; ``UNKNOWN`` for a spot order.
        quantity: Signed contracts; 0 for a spot order.
        fill: Change of the unit's coin by a spot order; 0 for others.
    """

    unit_row: np.ndarray
    entry: np.ndarray
    quantity: np.ndarray
    fill: np.ndarray


def order_subsets(accounts: Accounts, rows: AccountRows, takes_spot_orders: np.ndarray) -> Iterator[SubsetRows]:
    """Lay out the subsets of all units that have orders, batch by batch.

    Args:
        accounts: Named in errors.
        rows: Their rows.
        takes_spot_orders: ``[spot mode]`` whether spot orders count in the unit that spot joins.

    Raises:
        InputError: A unit with more than ``MOST_ORDERS`` orders.
    """
    orders = _unit_orders(rows, takes_spot_orders)
    unit_row, first, count = np.unique(orders.unit_row, return_index=True, return_counts=True)
    _require_few(accounts, rows, unit_row, count)
    for n in np.unique(count).tolist():
        same = np.flatnonzero(count == n)
        for start in range(0, len(same), max(BATCH_ROWS >> n, 1)):
            batch = same[start : start + max(BATCH_ROWS >> n, 1)]
            place = first[batch][:, None] + np.arange(n)
            yield _batch(rows, unit_row[batch], orders, place)


def _require_few(accounts: Accounts, rows: AccountRows, unit_row: np.ndarray, count: np.ndarray) -> None:
    if (count > MOST_ORDERS).any():
        i = int(np.argmax(count > MOST_ORDERS))
        where = accounts.source.locate("accounts", rows.first + int(rows.unit_account[unit_row[i]]), "orders")
        name = rows.risk_units.names[rows.unit[unit_row[i]]]
        expected = f"at most {MOST_ORDERS} orders in unit {name} for every subset of them"
        raise InputError(accounts.source.file, where, expected, f"{count[i]:,}")


def _unit_orders(rows: AccountRows, takes_spot_orders: np.ndarray) -> _UnitOrders:
    entry = rows.book.order_entry
    unit_row = np.searchsorted(rows.start, entry, side="right") - 1
    spot_row, fill = _spot_fills(rows, takes_spot_orders)
    columns = (
        np.concatenate([unit_row, spot_row]),
        np.concatenate([entry, np.full(len(spot_row), UNKNOWN)]),
        np.concatenate([rows.order_quantity, np.zeros(len(spot_row))]),
        np.concatenate([np.zeros(len(entry)), fill]),
    )
    order = np.argsort(columns[0], kind="stable")
    return _UnitOrders(*(column[order] for column in columns))


def _spot_fills(rows: AccountRows, takes_spot_orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit row and change of its coin, for the base and for the quote of every spot order that touches a unit."""
    units, spot = rows.units, rows.spot_orders
    taking = (units.currency_row >= 0) & takes_spot_orders[units.spot_mode]
    unit_of_currency = np.full(len(rows.currency) + 1, UNKNOWN)
    unit_of_currency[units.currency_row[taking]] = np.flatnonzero(taking)
    found = []
    for currency, change in ((spot.base, spot.quantity), (spot.quote, -spot.quantity * spot.price)):
        unit = unit_of_currency[_currency_row(rows, spot.account, currency)]
        found.append((unit[unit >= 0], change[unit >= 0]))
    unit_row, fill = (np.concatenate(column) for column in zip(*found, strict=True))
    return unit_row, fill


def _currency_row(rows: AccountRows, account: np.ndarray, currency: np.ndarray) -> np.ndarray:
    """Row of each account and currency; every currency of an order has one."""
    width = int(max(rows.currency.max(initial=0), currency.max(initial=0))) + 1
    keys = rows.currency_account.astype(np.int64) * width + rows.currency
    return np.searchsorted(keys, account.astype(np.int64) * width + currency)


def _batch(rows: AccountRows, unit_row: np.ndarray, orders: _UnitOrders, place: np.ndarray) -> SubsetRows:
    """Units with equally many orders; ``place`` is ``[unit, order]`` into ``orders``."""
    m, n = place.shape
    filled = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1  # [subset, order]
    n_subsets = len(filled)
    length = rows.start[unit_row + 1] - rows.start[unit_row]
    offset = np.cumsum(length) - length
    entry = _runs(rows.start[unit_row], length)
    # Weight of every entry of the batch in every subset: what is held, and the orders of its instrument that fill.
    change = np.zeros((len(entry), n))
    in_contract = orders.entry[place] != UNKNOWN
    unit, k = np.nonzero(in_contract)
    local = orders.entry[place][in_contract] - rows.start[unit_row][unit] + offset[unit]
    change[local, k] = orders.quantity[place][in_contract]
    held = rows.book.quantity[POSITIONS][entry]
    weight = held[:, None] + change @ filled.T
    lengths = np.repeat(length, n_subsets)
    source = _runs(np.repeat(offset, n_subsets), lengths)
    subset = np.repeat(np.tile(np.arange(n_subsets), m), lengths)
    of_row = np.repeat(unit_row, n_subsets)
    units = rows.units
    subset_rows = UnitRows(
        unit=units.unit[of_row],
        spot_mode=units.spot_mode[of_row],
        currency_row=units.currency_row[of_row],
        spot_fill=(orders.fill[place] @ filled.T).ravel(),
        spot_limit=units.spot_limit[of_row],
        entry_value=units.entry_value[of_row],
    )
    instrument = rows.book.instrument[entry]
    plan = plan_ragged(np.append(0, np.cumsum(lengths)), instrument[source], weight[source, subset])
    return SubsetRows(
        unit_row,
        n_subsets,
        pad_units(subset_rows, size_bucket(len(of_row) + 1, SLICE_ROWS)),
        pad_ragged(plan, ragged_shape(plan)),
    )


def _runs(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """``start[0], start[0] + 1, ...`` for ``length[0]`` places, then those of the next."""
    return np.repeat(start - np.append(0, np.cumsum(length)[:-1]), length) + np.arange(int(length.sum()))

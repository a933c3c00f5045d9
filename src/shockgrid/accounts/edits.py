"""Accounts with positions and orders added or taken away; the originals stay as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels, Orders, Positions
from shockgrid.market.source import Source


@dataclass(frozen=True)
class Taken:
    """Parts of positions that were taken away, one entry a row that gave some.

    Attributes:
        account, instrument: Whose, and of what.
        quantity: Signed, as it was held.
        average_price: Entry price of the row; NaN where none was given.
    """

    account: np.ndarray
    instrument: tuple[str, ...]
    quantity: np.ndarray
    average_price: np.ndarray


def add_positions(
    accounts: Accounts, account: np.ndarray, instrument: Sequence[str], quantity: np.ndarray, average_price: np.ndarray
) -> Accounts:
    """Append rows of positions; ``average_price`` may be NaN."""
    p = accounts.positions
    positions = Positions(
        account=np.append(p.account, account).astype(np.int32),
        instrument=_append(p.instrument, instrument),
        quantity=np.append(p.quantity, quantity),
        average_price=np.append(p.average_price, average_price),
    )
    return dataclasses.replace(accounts, positions=positions, source=_unplaced(accounts))


def add_orders(
    accounts: Accounts, account: np.ndarray, instrument: Sequence[str], quantity: np.ndarray, price: np.ndarray
) -> Accounts:
    """Append open orders."""
    o = accounts.orders
    orders = Orders(
        account=np.append(o.account, account).astype(np.int32),
        instrument=_append(o.instrument, instrument),
        quantity=np.append(o.quantity, quantity),
        price=np.append(o.price, price),
    )
    return dataclasses.replace(accounts, orders=orders, source=_unplaced(accounts))


def net_quantity(accounts: Accounts, account: np.ndarray, instrument: Sequence[str]) -> np.ndarray:
    """Signed contracts that each account holds of an instrument, netted over its rows."""
    rows = _rows_by_key(accounts, set(instrument))
    quantity = accounts.positions.quantity
    return np.array(
        [quantity[rows.get(key, [])].sum() for key in zip(account.tolist(), instrument, strict=True)], float
    )


def take_positions(
    accounts: Accounts, account: np.ndarray, instrument: Sequence[str], quantity: np.ndarray
) -> tuple[Accounts, Taken]:
    """Take parts of positions away, from the rows that came last: what was just added goes first, and whole.

    Args:
        accounts: Who holds them.
        account: ``[part]`` whose.
        instrument: ``[part]`` of what.
        quantity: ``[part]`` signed as the position, no more than what is held net.
    """
    p, rows = accounts.positions, _rows_by_key(accounts, set(instrument))
    left, parts = p.quantity.copy(), []
    for key, wanted in zip(zip(account.tolist(), instrument, strict=True), quantity.tolist(), strict=True):
        side, missing = np.sign(wanted), abs(wanted)
        for row in reversed(rows.get(key, [])):
            # Rows on the other side net against the position: they stay.
            part = min(missing, max(side * left[row], 0.0))
            if part > 0:
                parts.append((row, side * part))
                left[row] -= side * part
                missing -= part
    taken_row = np.array([row for row, _ in parts], np.int64)
    kept = (left != 0) | (p.quantity == 0)
    positions = Positions(
        p.account[kept], Labels(p.instrument.codes[kept], p.instrument.names), left[kept], p.average_price[kept]
    )
    taken = Taken(
        account=p.account[taken_row],
        instrument=tuple(p.instrument.names[code] for code in p.instrument.codes[taken_row]),
        quantity=np.array([part for _, part in parts], float),
        average_price=p.average_price[taken_row],
    )
    return dataclasses.replace(accounts, positions=positions, source=_unplaced(accounts)), taken


def _rows_by_key(accounts: Accounts, instruments: set[str]) -> dict[tuple[int, str], list[int]]:
    """Rows of every account's positions in some instruments, in their order."""
    p = accounts.positions
    wanted = np.array([name in instruments for name in p.instrument.names], bool)
    rows: dict[tuple[int, str], list[int]] = {}
    if wanted.any():
        for row in np.flatnonzero(wanted[p.instrument.codes]).tolist():
            rows.setdefault((int(p.account[row]), p.instrument.names[p.instrument.codes[row]]), []).append(row)
    return rows


def _append(labels: Labels, names: Sequence[str]) -> Labels:
    place = {name: i for i, name in enumerate(labels.names)}
    codes = [place.setdefault(name, len(place)) for name in names]
    return Labels(np.append(labels.codes, codes).astype(np.int32), tuple(place))


def _unplaced(accounts: Accounts) -> Source:
    """Rows have moved: places are those of the tables here, no longer of the file that they came from."""
    return Source(accounts.source.file)

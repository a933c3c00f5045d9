"""Accounts with positions and orders added or taken away; the originals stay as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels, Orders, Positions
from shockgrid.market.source import Source

ROUNDING = 1e-12
"""Of a row: what is left after several parts of it were taken may differ from nothing by so much."""


@dataclass(frozen=True)
class Taken:
    """Parts of positions that were taken away, one entry a row that gave some.

    Attributes:
        account, instrument: Whose, and of what.
        quantity: Signed, as it was held.
        average_price: Entry price of the row; NaN where none was given.
        available: ``[part asked for]`` signed, what could have been taken when it was asked for.
        held: ``[part asked for]`` whether the account had rows of the instrument.
    """

    account: np.ndarray
    instrument: tuple[str, ...]
    quantity: np.ndarray
    average_price: np.ndarray
    available: np.ndarray
    held: np.ndarray


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


def take_positions(
    accounts: Accounts, account: np.ndarray, instrument: Sequence[str], quantity: np.ndarray, *, netted: bool
) -> tuple[Accounts, Taken]:
    """Take parts of positions away, one after the other, no more than is there.

    Args:
        accounts: Who holds them.
        account: ``[part]`` whose.
        instrument: ``[part]`` of what.
        quantity: ``[part]`` signed as what is held, from the rows of that side that came last: what was just added goes
            first, and whole. NaN for all rows of both sides.
        netted: Whether only what is held net may be taken, and all of it takes all rows; else what rows of that side
            hold.
    """
    p, rows = accounts.positions, _rows_by_key(accounts, set(instrument))
    left = p.quantity.copy()
    taken: list[tuple[int, float]] = []
    available, held = np.zeros(len(quantity)), np.zeros(len(quantity), bool)
    for part, key in enumerate(zip(account.tolist(), instrument, strict=True)):
        mine, wanted = rows.get(key, []), quantity[part]
        held[part], net = len(mine) > 0, left[mine].sum()
        side = np.sign(net if np.isnan(wanted) else wanted)
        of_side = np.maximum(side * left[mine], 0.0)
        available[part] = net if netted or not of_side.any() else side * of_side.sum()
        if np.isnan(wanted) or (netted and wanted == net):
            gone = left[mine]
        else:
            gone = side * _last_first(of_side, min(abs(wanted), max(side * available[part], 0.0)))
        rest = left[mine] - gone
        left[mine] = np.where(np.abs(rest) <= ROUNDING * np.abs(p.quantity[mine]), 0.0, rest)
        taken += [(row, x) for row, x in zip(mine, gone.tolist(), strict=True) if x != 0]
    taken_row = np.array([row for row, _ in taken], np.int64)
    kept = (left != 0) | (p.quantity == 0)
    positions = Positions(
        p.account[kept], Labels(p.instrument.codes[kept], p.instrument.names), left[kept], p.average_price[kept]
    )
    gone_parts = Taken(
        account=p.account[taken_row],
        instrument=tuple(p.instrument.names[code] for code in p.instrument.codes[taken_row]),
        quantity=np.array([x for _, x in taken], float),
        average_price=p.average_price[taken_row],
        available=available,
        held=held,
    )
    return dataclasses.replace(accounts, positions=positions, source=_unplaced(accounts)), gone_parts


def _last_first(held: np.ndarray, wanted: float) -> np.ndarray:
    """What each row gives, the last one first; all 0 or more."""
    after = np.append(np.cumsum(held[::-1])[::-1][1:], 0.0)
    return np.clip(wanted - after, 0.0, held)


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

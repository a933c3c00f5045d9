"""The order books of units: positions with all buy orders filled, and with all sell orders filled.

They are rows beside those of the positions, for units that orders could change (okx_computation.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.book import WITH_BUYS, WITH_SELLS, Book
from shockgrid.accounts.market_holdings import UNKNOWN
from shockgrid.accounts.unit_rows import UnitRows
from shockgrid.numerics.shapes import Float


@dataclass(frozen=True)
class OrderRows:
    """The units that orders could change: rows with all buys filled, then as many with all sells filled (NumPy).

    Attributes:
        units: As for the positions.
        start, instrument, quantity: CSR entries of the rows.
        buy_row, sell_row: The order rows of each unit row of the positions, -1 for none.
    """

    units: UnitRows
    start: np.ndarray
    instrument: np.ndarray
    quantity: np.ndarray
    buy_row: np.ndarray
    sell_row: np.ndarray


def order_rows(
    book: Book,
    fill: Float[np.ndarray, "order_book currency_row"],
    units: UnitRows,
    start: np.ndarray,
) -> OrderRows:
    """The books of all units that orders could change.

    Args:
        book: The netted holdings.
        fill: What spot orders would do to balances.
        units: The unit rows.
        start: Where the entries of each row begin in the book, and where the last ends.
    """
    n_rows = len(start) - 1
    changes = np.zeros(n_rows, bool)
    changes[np.searchsorted(start, book.order_entry, side="right") - 1] = True
    by_unit = [_at(fill[b], units.currency_row) for b in (WITH_BUYS, WITH_SELLS)]
    changed = np.flatnonzero(changes | (by_unit[0] != 0) | (by_unit[1] != 0))
    length = np.diff(start)[changed]
    entry = np.repeat(start[changed] - np.append(0, np.cumsum(length)[:-1]), length) + np.arange(length.sum())
    order_start = np.append(0, np.cumsum(np.tile(length, 2)))
    weight = np.concatenate([book.quantity[WITH_BUYS, entry], book.quantity[WITH_SELLS, entry]])
    unit_row = np.tile(changed, 2)
    buy_row = np.full(n_rows, UNKNOWN, np.int32)
    buy_row[changed] = np.arange(len(changed))
    return OrderRows(
        units=UnitRows(
            unit=units.unit[unit_row],
            spot_mode=units.spot_mode[unit_row],
            currency_row=units.currency_row[unit_row],
            spot_fill=np.concatenate([by_unit[0][changed], by_unit[1][changed]]),
            spot_limit=units.spot_limit[unit_row],
            entry_value=units.entry_value[unit_row],
        ),
        start=order_start,
        instrument=np.tile(book.instrument[entry], 2),
        quantity=weight,
        buy_row=buy_row,
        sell_row=np.where(buy_row >= 0, buy_row + len(changed), UNKNOWN).astype(np.int32),
    )


def _at(values: np.ndarray, row: np.ndarray) -> np.ndarray:
    """``values[row]``, 0 where the row is -1."""
    return np.append(values, 0.0)[row]

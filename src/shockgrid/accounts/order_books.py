"""The order books of units: positions with all buy orders filled, and with all sell orders filled.

They are rows beside those of the positions, for units that orders could change (okx_computation.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.book import POSITIONS, UNKNOWN, WITH_BUYS, WITH_SELLS, Book
from shockgrid.accounts.currency_rows import CurrencyRows
from shockgrid.accounts.unit_rows import UnitRows, pad_rows, pad_units
from shockgrid.numerics.ragged import RaggedPlan, plan_ragged
from shockgrid.numerics.shapes import AnyArray, Int


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OrderUnits:
    """The units that orders could change, in the books with all buys and with all sells filled.

    Attributes:
        rows, plan: As for the positions.
        buy_row, sell_row: The order rows of each unit row, -1 for none.
    """

    rows: UnitRows
    plan: RaggedPlan
    buy_row: Int[AnyArray, " row"]
    sell_row: Int[AnyArray, " row"]


def order_units(
    book: Book,
    currencies: CurrencyRows,
    units: UnitRows,
    entry_order: np.ndarray,
    start: np.ndarray,
) -> OrderUnits | None:
    """The books of all units that orders could change; None where there is no such unit.

    Args:
        book: The netted holdings.
        currencies: What spot orders would do to balances.
        units: The unit rows.
        entry_order: Entries of the book in the order of the unit rows.
        start: Where each row starts among them.
    """
    quantity = book.quantity[:, entry_order]
    entry_changes = (quantity != quantity[POSITIONS]).any(axis=0)
    n_rows = len(start) - 1
    row_of_entry = np.repeat(np.arange(n_rows), np.diff(start))
    changes = np.bincount(row_of_entry, entry_changes, minlength=n_rows) > 0
    fill = [_at(currencies.fill[b], units.currency_row) for b in (WITH_BUYS, WITH_SELLS)]
    changes |= (fill[0] != 0) | (fill[1] != 0)
    changed = np.flatnonzero(changes)
    if len(changed) == 0:
        return None
    length = np.diff(start)[changed]
    entry = np.repeat(start[changed] - np.append(0, np.cumsum(length)[:-1]), length) + np.arange(length.sum())
    order_start = np.append(0, np.cumsum(np.tile(length, 2)))
    weight = np.concatenate([quantity[WITH_BUYS, entry], quantity[WITH_SELLS, entry]])
    unit_row = np.tile(changed, 2)
    rows = UnitRows(
        unit=units.unit[unit_row],
        spot_mode=units.spot_mode[unit_row],
        currency_row=units.currency_row[unit_row],
        spot_fill=np.concatenate([fill[0][changed], fill[1][changed]]),
        spot_limit=units.spot_limit[unit_row],
        entry_value=units.entry_value[unit_row],
    )
    instrument = book.instrument[entry_order]
    buy_row = np.full(n_rows, UNKNOWN)
    buy_row[changed] = np.arange(len(changed))
    sell_row = np.where(buy_row >= 0, buy_row + len(changed), UNKNOWN)
    return OrderUnits(
        rows=pad_units(rows),
        plan=plan_ragged(order_start, np.tile(instrument[entry], 2), weight),
        buy_row=pad_rows(buy_row, UNKNOWN),
        sell_row=pad_rows(sell_row, UNKNOWN),
    )


def _at(values: np.ndarray, row: np.ndarray) -> np.ndarray:
    """``values[row]``, 0 where the row is -1."""
    return np.append(values, 0.0)[row]

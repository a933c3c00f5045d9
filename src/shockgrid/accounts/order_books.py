"""The order books of units: positions with all buy orders filled, and with all sell orders filled.

They are rows beside those of the positions, for units that orders could change (okx_computation.md section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.book import WITH_BUYS, WITH_SELLS, Book
from shockgrid.accounts.market_holdings import UNKNOWN
from shockgrid.accounts.unit_rows import UnitRows
from shockgrid.numerics.ragged import SLICE_ROWS, RaggedPlan, plan_ragged
from shockgrid.numerics.shapes import AnyArray, Float, Int


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
    fill: Float[np.ndarray, "order_book currency_row"],
    units: UnitRows,
    entry_order: np.ndarray,
    start: np.ndarray,
    lanes: int = SLICE_ROWS,
) -> OrderUnits:
    """The books of all units that orders could change.

    Args:
        book: The netted holdings.
        fill: What spot orders would do to balances.
        units: The unit rows.
        entry_order: Entries of the book in the order of the unit rows.
        start: Where each row starts among them.
        lanes: As for ``plan_ragged``.
    """
    n_rows = len(start) - 1
    place = np.empty(len(entry_order), np.int64)
    place[entry_order] = np.arange(len(entry_order))
    ordered = place[np.unique(book.order_entry)]
    changes = np.zeros(n_rows, bool)
    changes[np.searchsorted(start, ordered, side="right") - 1] = True
    by_unit = [_at(fill[b], units.currency_row) for b in (WITH_BUYS, WITH_SELLS)]
    changed = np.flatnonzero(changes | (by_unit[0] != 0) | (by_unit[1] != 0))
    length = np.diff(start)[changed]
    entry = np.repeat(start[changed] - np.append(0, np.cumsum(length)[:-1]), length) + np.arange(length.sum())
    order_start = np.append(0, np.cumsum(np.tile(length, 2)))
    in_book = entry_order[entry]
    weight = np.concatenate([book.quantity[WITH_BUYS, in_book], book.quantity[WITH_SELLS, in_book]])
    unit_row = np.tile(changed, 2)
    rows = UnitRows(
        unit=units.unit[unit_row],
        spot_mode=units.spot_mode[unit_row],
        currency_row=units.currency_row[unit_row],
        spot_fill=np.concatenate([by_unit[0][changed], by_unit[1][changed]]),
        spot_limit=units.spot_limit[unit_row],
        entry_value=units.entry_value[unit_row],
    )
    buy_row = np.full(n_rows, UNKNOWN, np.int32)
    buy_row[changed] = np.arange(len(changed))
    return OrderUnits(
        rows=rows,
        plan=plan_ragged(order_start, np.tile(book.instrument[in_book], 2), weight, lanes),
        buy_row=buy_row,
        sell_row=np.where(buy_row >= 0, buy_row + len(changed), UNKNOWN).astype(np.int32),
    )


def _at(values: np.ndarray, row: np.ndarray) -> np.ndarray:
    """``values[row]``, 0 where the row is -1."""
    return np.append(values, 0.0)[row]

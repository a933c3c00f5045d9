"""``sg.max_quantity``: how much of an instrument an account can trade before its margin ratio reaches a level."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from shockgrid.accounts.copies import copy_accounts
from shockgrid.accounts.entry_prices import entered_at_marks
from shockgrid.accounts.holdings import Accounts
from shockgrid.builder.chosen import checked_level, chosen_accounts
from shockgrid.builder.edited_accounts import Premiums, with_traded
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.report.margin import margin, margin_report
from shockgrid.venues.okx.block_margin import CommonShape
from shockgrid.venues.okx.rulebook import Rulebook

Side = Literal["buy", "sell", "both"]

DOUBLINGS = 50
"""Lots of the geometric grid: 1, 2, 4, ... up to the largest that whole numbers in a float64 hold apart."""

COLUMNS = ("account", "instrument", "side", "quantity", "lots", "ratio_before", "ratio", "ratio_next", "binds")


@dataclass(frozen=True)
class _Trades:
    """Every account with every instrument on every side.

    Attributes:
        account: Its place.
        instrument: Index into ``Universe.ids``.
        lot: Signed contracts of one lot.
    """

    account: np.ndarray
    instrument: np.ndarray
    lot: np.ndarray


def max_quantity(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    instrument: str | Iterable[str],
    *,
    ratio: float,
    side: Side = "both",
    account: str | Iterable[str] | None = None,
    premiums: Premiums = "paid",
) -> pd.DataFrame:
    """The largest trade at today's mark that keeps the margin ratio at a level or above.

    The far end of the feasible interval that holds 0: bracketed on the grid of 1, 2, 4, ... lots, then bisected on
    exact margin, in lots. An infeasible gap that lies between two neighbours of the grid is not seen.

    Args:
        market: From ``read_market``. A lot is ``lot`` of the instrument, one contract where it has none.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.
        instrument: An id or several.
        ratio: The level, 1 is 100 %.
        side: Buy, sell, or both.
        account: An id or several; all by default.
        premiums: Whether options are paid for, as for ``what_if``.

    Returns:
        One row an account, instrument and side: ``account, instrument, side, quantity`` (signed contracts), ``lots,
        ratio_before, ratio`` (after the trade), ``ratio_next`` (with one lot more), ``binds``; where the level never
        binds, quantity and lots are infinite and both ratios NaN.

    Raises:
        InputError: An account that is below the level already, an unknown account, instrument, side or level; as for
            ``margin``.
        ShockError: As for ``margin``.
    """
    if side not in get_args(Side):
        raise InputError("max_quantity", "side", "buy, sell or both", repr(side))
    if premiums not in get_args(Premiums):
        raise InputError("max_quantity", "premiums", "paid or ignored", repr(premiums))
    ratio = checked_level("max_quantity", ratio)
    today = entered_at_marks(accounts, market)
    trades = _trades(market, accounts, instrument, side, account)
    before = margin(market, today, rules).accounts.margin_ratio.to_numpy()
    _require_feasible(accounts, before[trades.account], trades, ratio)

    copies, shape = copy_accounts(today, trades.account), CommonShape()
    place, mark = np.arange(len(copies)), market.snapshot.mark[trades.instrument]

    def ratio_after(lots: np.ndarray) -> np.ndarray:
        after = with_traded(copies, market, place, trades.instrument, lots * trades.lot, mark, premiums)
        found = margin_report(market, after, rules, orders="three_books", precision="float64", shape=shape)
        return found.accounts.margin_ratio.to_numpy()

    low, high = _bracket(ratio_after, ratio, len(copies))
    binds = np.isfinite(high)
    low = _bisect(ratio_after, ratio, low, high)
    lots = np.where(binds, low, np.inf)
    at = [np.where(binds, ratio_after(low + more), np.nan) for more in (0.0, 1.0)]
    columns = (
        accounts.ids[trades.account],
        market.universe.ids[trades.instrument],
        np.where(trades.lot > 0, "buy", "sell"),
        # Whole lots read as they are traded: 52.55 and not 52.550000000000004.
        [float(f"{quantity:.15g}") for quantity in np.where(lots > 0, lots * trades.lot, 0.0)],
        lots,
        before[trades.account],
        *at,
        binds,
    )
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))).astype(dict.fromkeys(COLUMNS[:3], "str"))


def _trades(
    market: Market, accounts: Accounts, instrument: str | Iterable[str], side: Side, account: str | Iterable[str] | None
) -> _Trades:
    place = {name: i for i, name in enumerate(market.universe.ids.tolist())}
    names = [instrument] if isinstance(instrument, str) else list(instrument)
    for name in names:
        if name not in place:
            expected = f"an instrument of the market {market.source.file}"
            raise InputError("max_quantity", "instrument", expected, repr(name))
    signs = [sign for sign, what in ((1.0, "buy"), (-1.0, "sell")) if side in (what, "both")]
    grid = np.meshgrid(
        np.array(chosen_accounts("max_quantity", accounts, account), np.int64),
        np.array([place[name] for name in names], np.int64),
        np.array(signs),
        indexing="ij",
    )
    whose, what, sign = (x.ravel() for x in grid)
    lot = market.table.details.get("lot", np.full(len(place), np.nan))[market.order]
    return _Trades(whose, what, sign * np.where(np.isnan(lot) | (lot == 0), 1.0, lot)[what])


def _require_feasible(accounts: Accounts, before: np.ndarray, trades: _Trades, ratio: float) -> None:
    bad = ~(before >= ratio)
    if bad.any():
        i = int(np.argmax(bad))
        where = accounts.source.locate("accounts", int(trades.account[i]), "id")
        expected = f"accounts whose margin ratio is {ratio:.4%} or more before they trade"
        found = f"{accounts.ids[trades.account[i]]} at {before[i]:.4%}"
        raise InputError(accounts.source.file, where, expected, found)


def _bracket(ratio_after: Callable[[np.ndarray], np.ndarray], ratio: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Lots of each trade that keep the level, and twice as many that do not; infinity where none was found."""
    low, high = np.zeros(n), np.full(n, np.inf)
    lots = 1.0
    while np.isinf(high).any() and lots < 2.0**DOUBLINGS:
        open_, feasible = np.isinf(high), ratio_after(np.where(np.isinf(high), lots, low)) >= ratio
        low[open_ & feasible], high[open_ & ~feasible] = lots, lots
        lots *= 2.0
    return low, high


def _bisect(
    ratio_after: Callable[[np.ndarray], np.ndarray], ratio: float, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The most lots that keep the level; every trade is margined every time, so that one compilation serves all."""
    high = np.where(np.isinf(high), low, high)
    while ((high - low) > 1.0).any():
        middle = np.floor(0.5 * (low + high))
        feasible = ratio_after(middle) >= ratio
        low, high = np.where(feasible, middle, low), np.where(feasible, high, middle)
    return low

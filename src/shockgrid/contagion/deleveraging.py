"""Who pays what the fund cannot: profitable positions in the order of auto-deleveraging, then everyone (a model).

The order is that of the exchanges: profit over entry value, times leverage. A position gives up its profit at most, as
one that is closed at the bankrupt account's price would; what is left after all is taken from equity, pro rata.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Positions:
    """Open positions, one entry each.

    Attributes:
        account: Place of the account.
        instrument: Of the market.
        profit_usd: Unrealised.
        entry_usd: Size at entry, in USD.
        size_usd: Size today.
    """

    account: np.ndarray
    instrument: np.ndarray
    profit_usd: np.ndarray
    entry_usd: np.ndarray
    size_usd: np.ndarray


@dataclass(frozen=True)
class Assignment:
    """What each position gives up, and each account besides, in USD.

    Attributes:
        order: Places of the profitable positions, the first to pay first.
        score: ``[position]`` of all positions, 0 where there is no profit.
        of_position: ``[position]``.
        of_account: ``[account]`` taken from equity after all profits.
        unassigned: What no one can pay.
    """

    order: np.ndarray
    score: np.ndarray
    of_position: np.ndarray
    of_account: np.ndarray
    unassigned: float


def ranking_scores(positions: Positions, equity_usd: np.ndarray) -> np.ndarray:
    """Profit over entry value times leverage, of each position with a profit; 0 of all others.

    Args:
        positions: Open.
        equity_usd: ``[account]`` at marks; leverage is a position's size over it.
    """
    equity = equity_usd[positions.account]
    gains = (positions.profit_usd > 0.0) & (equity > 0.0) & (positions.entry_usd > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = positions.profit_usd / positions.entry_usd * positions.size_usd / equity
    return np.where(gains, score, 0.0)


def assign(loss_usd: float, positions: Positions, equity_usd: np.ndarray) -> Assignment:
    """Assign a loss.

    Args:
        loss_usd: To be paid, 0 or more.
        positions: Open.
        equity_usd: ``[account]`` at marks.
    """
    score = ranking_scores(positions, equity_usd)
    order = np.lexsort((positions.instrument, positions.account, -score))
    order = order[score[order] > 0.0]
    profit = _within_equity(positions, order, equity_usd)
    before = np.cumsum(profit) - profit
    taken = np.clip(loss_usd - before, 0.0, profit)
    of_position = np.zeros(len(score))
    of_position[order] = taken
    left = equity_usd - np.bincount(positions.account, of_position, minlength=len(equity_usd))
    able, rest = np.maximum(left, 0.0), max(loss_usd - taken.sum(), 0.0)
    share = min(rest / able.sum(), 1.0) if able.sum() > 0.0 else 0.0
    return Assignment(order, score, of_position, share * able, max(rest - share * able.sum(), 0.0))


def _within_equity(positions: Positions, order: np.ndarray, equity_usd: np.ndarray) -> np.ndarray:
    """Profits in order, none beyond what is left of its account's equity after those before it."""
    account = positions.account[order]
    by_account = np.argsort(account, kind="stable")
    sorted_account, profit = account[by_account], positions.profit_usd[order][by_account]
    before = np.cumsum(profit) - profit
    # Of the account alone: less what stood before its first position.
    before -= before[np.searchsorted(sorted_account, sorted_account)]
    within = np.empty(len(order))
    within[by_account] = np.clip(np.maximum(equity_usd, 0.0)[sorted_account] - before, 0.0, profit)
    return within

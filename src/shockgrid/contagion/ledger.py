"""Where the money is after every round, from totals over all accounts: the other side of what accounts' margins say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.book import contract_values
from shockgrid.market.market import Market


@dataclass(frozen=True)
class Totals:
    """Of all accounts together.

    Attributes:
        contracts: ``[instrument]`` net quantity held.
        equity: ``[currency]`` in each currency, at marks.
    """

    contracts: np.ndarray
    equity: np.ndarray


def value_of_moves(totals: Totals, before: Market, after: Market) -> float:
    """What a move of the market adds to the equity of all accounts together, in USD.

    What they hold of each currency is revalued; their contracts gain what those who hold the other side lose.

    Args:
        totals: Before the move.
        before: The market before.
        after: The market after, with the same instruments.
    """
    gains = totals.contracts * (contract_values(after) - contract_values(before))
    settle = before.universe.contracts.settle
    equity = totals.equity + np.bincount(settle, gains, minlength=len(totals.equity))
    return float(equity @ after.snapshot.index_usd - totals.equity @ before.snapshot.index_usd)

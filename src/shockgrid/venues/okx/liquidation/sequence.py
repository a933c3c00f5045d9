"""The whole process of accounts of one size: repayment, the contract stages in order, repayment again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shockgrid.market.market import Market
from shockgrid.venues.okx.liquidation.layout import LaidBooks
from shockgrid.venues.okx.liquidation.process import Process, StageLog, State, evaluate, run_stage
from shockgrid.venues.okx.liquidation.repayment import RepaymentLog, repay
from shockgrid.venues.okx.liquidation.stage import STAGES
from shockgrid.venues.okx.rulebook import Rulebook

ORDER = ("cancel_orders", "repayment", *STAGES, "final_repayment")
"""The stages in order. Version 1 has no ``ddh1``, and calls its ``ddh2`` DDH."""


@dataclass(frozen=True)
class Liquidated:
    """What became of accounts of one size.

    Attributes:
        books: Theirs.
        before, after: What they held, and its margin.
        logs: Of the stages, in order.
    """

    books: LaidBooks
    before: State
    after: State
    logs: tuple[StageLog | RepaymentLog, ...]


def liquidate_books(
    process: Process,
    books: LaidBooks,
    market: Market,
    rules: Rulebook,
    done: Callable[[str], object],
) -> Liquidated:
    """Run the process to its end.

    Args:
        process: What all accounts share.
        books: Theirs; all are liquidated.
        market: Where they trade.
        rules: Step fractions, and what repayment needs.
        done: Called with the name of each stage after it.
    """
    state, _ = evaluate(process, books, books.held)
    before, logs = state, []
    for stage in _stages(rules):
        below = state.now.account.margin_ratio <= process.stop_ratio
        if stage in STAGES:
            _, triggered = evaluate(process, books, state.held)
            fraction = float(rules[f"liquidation.{stage}_step_frac"])
            state, log = run_stage(stage, process, books, state, np.flatnonzero(triggered[stage] & below), fraction)
        else:
            state, log = repay(stage, process, books, state, below, market, rules)
        logs.append(log)
        done(stage)
    return Liquidated(books, before, state, tuple(logs))


def _stages(rules: Rulebook) -> list[str]:
    """What there is after orders are cancelled; version 1 has no DDH1."""
    return [s for s in ORDER[1:] if s not in STAGES or f"liquidation.{s}_step_frac" in rules.parameters]

"""A stage of the liquidation: phases, what counts as a candidate, which one is traded (LP, "A stage")."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.reference.liquidation_book import Book
from tests.reference.liquidation_margin import Margin, Memory, margined
from tests.reference.liquidation_rules import LiquidationRules
from tests.reference.liquidation_trades import Leg, Setting, traded
from tests.reference.parameters import Parameters

Item = TypeVar("Item")


@dataclass(frozen=True)
class View:
    """The account at one moment."""

    book: Book
    margin: Margin


Trade = tuple[View, list[dict]]  # the account after it, a row for each leg
# candidates of (setting, view when the stage began, view now, fraction, whole units); None: the trigger is false
Candidates = Callable[[Setting, View, View, float, bool], list[list[Leg]] | None]


@dataclass(frozen=True)
class Stage:
    """A stage's name, fraction of phases 0 and 2, number of phases, and its trigger and candidates."""

    name: str
    step_frac: float
    phases: int
    candidates: Candidates


@dataclass
class Process:
    """One account's liquidation so far."""

    setting: Setting
    now: View
    memory: Memory
    rows: list[dict] = field(default_factory=list)
    trail: list[View] = field(default_factory=list)  # after each step

    @property
    def rules(self) -> LiquidationRules:
        return self.setting.rules

    @property
    def parameters(self) -> Parameters:
        return self.setting.priced.parameters

    def is_over(self) -> bool:
        """The margin ratio is above the stop ratio, or the steps are used up."""
        return self.now.margin.ratio > self.rules.stop_ratio or len(self.trail) >= self.rules.most_steps

    def view(self, book: Book) -> View:
        return View(book, margined(book, self.setting.priced, self.memory))

    def relief(self, after: View) -> float:
        """By how much the shortfall falls."""
        stop = self.rules.stop_ratio
        return self.now.margin.shortfall(stop) - after.margin.shortfall(stop)

    def relieves(self, after: View) -> bool:
        """relief > 1e-12 * (|E| + R) of before."""
        before = self.now.margin
        return self.relief(after) > self.rules.least_relief_frac * (abs(before.equity) + before.required)

    def take(self, stage: str, trade: Trade) -> None:
        """Makes the trade; all its rows share the step and the margins of the whole."""
        after, rows = trade
        self.trail.append(after)
        before, then = self.now.margin, after.margin
        margins = {
            "mmr_before_usd": before.mmr, "mmr_after_usd": then.mmr,
            "ratio_before": before.ratio, "ratio_after": then.ratio,
        }  # fmt: skip
        self.rows += [{"step": len(self.trail), "stage": stage} | row | margins for row in rows]
        self.now = after


def largest(items: Iterable[Item], size: Callable[[Item], float], rules: LiquidationRules) -> Item:
    """Of the items within 1e-9 (relative) of the largest the first."""
    listed = list(items)
    top = max(size(item) for item in listed)
    return next(item for item in listed if size(item) >= top - rules.tie_frac * abs(top))


def run_stage(process: Process, stage: Stage) -> None:
    """Trades until the process is over, the trigger is false, or no candidate counts in the last phase."""
    start, phase = process.now, 0
    while phase < stage.phases and not process.is_over():
        sliced, whole_units = phase % 2 == 0, phase >= 2
        fraction = stage.step_frac if sliced else 1.0
        candidates = stage.candidates(process.setting, start, process.now, fraction, whole_units)
        if candidates is None:
            return
        trades = counting(process, candidates, process.rules.whole_below_usd if sliced else None)
        if trades:
            process.take(stage.name, best(process, trades))
            phase = 0
        else:
            phase += 1


def counting(process: Process, candidates: list[list[Leg]], least_mmr_relief: float | None) -> list[Trade]:
    """The candidates that lower the shortfall and, where that is asked for, the MMR by enough."""
    trades = []
    for legs in candidates:
        book, rows = traded(process.now.book, legs, process.setting)
        after = process.view(book)
        mmr_relief = process.now.margin.mmr - after.margin.mmr
        if process.relieves(after) and (least_mmr_relief is None or mmr_relief >= least_mmr_relief):
            trades.append((after, rows))
    return trades


def best(process: Process, trades: list[Trade]) -> Trade:
    """The first of those with the largest relief of the shortfall per USD of cost."""

    def score(trade: Trade) -> float:
        cost = sum(row["fee_usd"] + row["slippage_usd"] for row in trade[1])
        return process.relief(trade[0]) / max(cost, process.rules.least_cost_usd)

    return largest(trades, score, process.rules)

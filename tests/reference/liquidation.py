"""The liquidation of one account, the slow independent reference: native documents in, steps and outcome out.

Written from the rule text alone (cited as LP): orders are cancelled, debts repaid, then hedges, basis pairs and
positions are reduced stage by stage until the margin ratio is above the stop ratio.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.reference.borrowing_rules import BorrowRules
from tests.reference.liquidation_basis import basis_candidates
from tests.reference.liquidation_book import opened
from tests.reference.liquidation_hedges import ddh1_candidates, ddh2_candidates
from tests.reference.liquidation_margin import margined
from tests.reference.liquidation_market import PricedMarket
from tests.reference.liquidation_reduction import reduction_candidates
from tests.reference.liquidation_repayment import repay
from tests.reference.liquidation_rules import LiquidationRules
from tests.reference.liquidation_stages import Process, Stage, View, run_stage
from tests.reference.liquidation_trades import Setting, step_row
from tests.reference.parameters import V2_2025_01_15, Parameters


@dataclass(frozen=True)
class Result:
    """What became of the account."""

    steps: list[dict]  # one row a leg; the legs of a trade share their step
    outcome: str  # untouched, bankrupt, closed_out, recovered, stalled
    ratio_before: float
    ratio: float
    gross_before_usd: float
    gross_usd: float
    fund_loss_usd: float
    fees_usd: float
    slippage_usd: float
    quantities: dict[str, float]  # of every instrument with a position left
    entries: dict[str, float]
    balances: dict[str, float]
    trail: list[View]  # the account before all and after each step


def liquidate(
    market: dict,
    account: dict,
    parameters: Parameters = V2_2025_01_15,
    rules: LiquidationRules | None = None,
    conversion: BorrowRules | None = None,
) -> Result:
    """The liquidation of an account document on a market document."""
    return liquidate_in(PricedMarket(market, parameters), account, rules, conversion)


def liquidate_in(
    priced: PricedMarket, account: dict, rules: LiquidationRules | None = None, conversion: BorrowRules | None = None
) -> Result:
    """The same in a market whose contracts are priced once for many accounts."""
    setting = Setting(priced, rules or LiquidationRules(), conversion or BorrowRules())
    book, memory = opened(account, priced), {}
    start = View(book, margined(book, priced, memory))
    process = Process(setting, start, memory)
    entered = start.margin.ratio <= priced.parameters.liquidation_ratio
    if entered:
        cancel_orders(process, account)
        for run in stages(setting):
            run(process)
    return result(process, start, entered)


def cancel_orders(process: Process, account: dict) -> None:
    """One step for all orders; margins are of the positions alone, so that nothing else changes."""
    orders = account.get("orders", [])
    if orders:
        rows = [step_row("", order["instrument"], order["quantity"], order["price"], 0.0, 0.0) for order in orders]
        process.take("cancel_orders", (process.now, rows))


def stages(s: Setting) -> list[Callable[[Process], None]]:
    """What runs after the cancellation, in order; v1 has no ddh1."""
    is_v2, r = s.priced.parameters.structure == "v2", s.rules
    trading = [Stage("ddh1", r.ddh1_step_frac, 2, ddh1_candidates)] if is_v2 else []
    trading += [
        Stage("ddh2" if is_v2 else "ddh", r.ddh2_step_frac, 2, ddh2_candidates),
        Stage("basis", r.basis_step_frac, 2, basis_candidates),
        Stage("reduction", r.reduction_step_frac, 4, reduction_candidates),
    ]
    return [
        partial(repay, stage="repayment"),
        *(partial(run_stage, stage=stage) for stage in trading),
        partial(repay, stage="final_repayment"),
    ]


def result(process: Process, start: View, entered: bool) -> Result:
    """The account at the end."""
    end, rows = process.now, process.rows
    outcome = outcome_of(process, start) if entered else "untouched"
    return Result(
        steps=rows,
        outcome=outcome,
        ratio_before=start.margin.ratio,
        ratio=end.margin.ratio,
        gross_before_usd=start.margin.gross,
        gross_usd=end.margin.gross,
        fund_loss_usd=-end.margin.gross if outcome == "bankrupt" else 0.0,
        fees_usd=math.fsum(row["fee_usd"] for row in rows),
        slippage_usd=math.fsum(row["slippage_usd"] for row in rows),
        quantities={name: end.book.quantities[name] for name in end.book.held()},
        entries={name: end.book.entries[name] for name in end.book.held() if name in end.book.entries},
        balances=end.book.balances,
        trail=[start, *process.trail],
    )


def outcome_of(process: Process, start: View) -> str:
    """The first that holds (LP, "The end")."""
    margin, stop = process.now.margin, process.rules.stop_ratio
    if margin.ratio <= stop and margin.gross < 0.0:
        return "bankrupt"
    if start.book.held() and not process.now.book.held():
        return "closed_out"
    return "recovered" if margin.ratio > stop else "stalled"

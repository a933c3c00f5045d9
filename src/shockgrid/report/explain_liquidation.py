"""The liquidation of one account as text: where it stood, each stage and step, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from shockgrid.report.counted import counted
from shockgrid.report.explain_layout import Table
from shockgrid.report.plot_style import amount

if TYPE_CHECKING:
    from shockgrid.report.liquidation_report import LiquidationReport

_ENDS = {
    "untouched": "It is above 100 % and is left alone.",
    "recovered": "It is above the ratio at which liquidation stops.",
    "closed_out": "Nothing is left of its positions.",
    "bankrupt": "Its equity ended below zero.",
    "stalled": "What is left cannot be traded, or no trade helps.",
}


def explain_liquidation(report: LiquidationReport, account: str) -> str:
    """The story of an account.

    Args:
        report: From ``liquidate``.
        account: One of its accounts.
    """
    row = report.accounts.set_index("account").loc[account]
    steps = report.steps.loc[report.steps.account == account, :]
    lines = [
        f"{account}: {row.outcome} under {report.before.rules.name}",
        "",
        f"  margin ratio {_percent(row.ratio_before)} before, {_percent(row.margin_ratio)} after "
        f"{counted(int(row.steps), 'step')}",
        f"  equity at marks {amount(row.equity_before_usd)} USD before, {amount(row.equity_after_usd)} after: "
        f"fees {amount(row.fees_usd)}, slippage {amount(row.slippage_usd)}",
    ]
    for stage in steps.stage.unique():
        lines += ["", *_stage(stage, steps.loc[steps.stage == stage, :])]
    lines += ["", f"  {_ENDS[row.outcome]}"]
    if row.fund_loss_usd > 0:
        lines.append(f"  The fund pays {amount(row.fund_loss_usd)} USD.")
    lines.append("  Order of stages: OKX. Sizes of steps, costs and ties: modelled (liquidation.* of the rulebook).")
    return "\n".join(lines)


def _stage(stage: str, legs: pd.DataFrame) -> list[str]:
    first, last = legs.iloc[0], legs.iloc[-1]
    n = legs.step.nunique()
    title = f"  {stage}: {counted(n, 'step')}, ratio {_percent(first.ratio_before)} to {_percent(last.ratio_after)}"
    rows = [
        (
            str(leg["step"]),
            leg["unit"] or "-",
            f"{'buys' if leg['quantity'] > 0 else 'sells'} {abs(leg['quantity']):,.8g}",
            leg["instrument"],
            f"{leg['price']:,.8g}",
            amount(leg["fee_usd"] + leg["slippage_usd"], decimals=2),
            amount(leg["mmr_after_usd"]),
            _percent(leg["ratio_after"]),
        )
        for leg in legs.to_dict("records")
    ]
    columns = ("step", "unit", "trades", "of", "at", "cost USD", "MMR after", "ratio")
    return [title, f"    {'; '.join(legs.reason.unique())}", "", *Table(columns, tuple(rows), left=(1, 2, 3)).plain()]


def _percent(ratio: float) -> str:
    return "no margin" if ratio == float("inf") else f"{100.0 * ratio:,.1f} %"

"""Forced liquidation of 10,000 accounts of 20 positions after a crash: warm, compilation apart, checked.

Results are checked: every step lowers the shortfall, equity is conserved up to costs, and the accounts that are left
have the reported margin. There is no peer: no open tool plays this process; the slow twin of the tests takes 0.1 s an
account of that size.

    python -m benchmarks.liquidation
"""

from __future__ import annotations

import json
import resource
import time
from typing import Any

import numpy as np

import shockgrid as sg
from benchmarks.protocol import seconds, write
from shockgrid.venues.okx.liquidation.process import StageLog

ACCOUNTS = 10_000
SHOCKS: dict[str, dict[str, Any]] = {
    "crash": {"price": {"BTC": -0.15, "ETH": -0.20}, "vol": 0.10},
}
RUNS = 7


def main() -> None:
    """Measure, print and write ``results/liquidation.json``."""
    market = sg.synthetic_market(strikes_per_expiry=30, expiries=10)
    rules = sg.load_rulebook("okx")
    accounts = sg.synthetic_accounts(market, ACCOUNTS, mean_positions=20)
    results: dict[str, Any] = {"accounts": ACCOUNTS, "instruments": len(market.universe), "shocks": {}}
    for name, moves in SHOCKS.items():
        results["shocks"][name] = measure(market, accounts, rules, moves)
    results["peak_memory_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(results, indent=2))
    print("written to", write("liquidation", results))


def measure(market, accounts, rules, moves: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    report = sg.liquidate(market, accounts, rules, shock=moves)
    first = time.perf_counter() - start
    times = seconds(lambda: _frames(sg.liquidate(market, accounts, rules, shock=moves)), RUNS)
    steps = int(report.accounts.steps.sum())
    return {
        "first_call_s": first,
        "liquidated": len(report.entered),
        "outcomes": report.accounts.outcome.value_counts().to_dict(),
        "steps": steps,
        "with_frames": times,
        "steps_per_s": steps / times["median_s"],
        "checks": check(report),
    }


def check(report: sg.LiquidationReport) -> dict[str, float]:
    """The laws that the answer must obey."""
    logs = [log for part in report.parts for log in part.logs]
    margins = [log.turn if isinstance(log, StageLog) else log for log in logs]
    turns = [(around.before, around.after) for around in margins]
    relief = min(float((b.shortfall_usd - a.shortfall_usd).min()) for b, a in turns if len(a.mmr_usd))
    frame = report.accounts
    kept = frame.equity_before_usd - frame.fees_usd - frame.slippage_usd - frame.equity_after_usd
    left = sg.margin(report.before.market, report.after, report.before.rules).accounts
    known = np.isfinite(left.margin_ratio)
    apart = np.abs(left.margin_ratio[known] / frame.margin_ratio[known] - 1.0)
    return {
        "least_relief_usd": relief,
        "largest_equity_not_explained_usd": float(kept.abs().max()),
        "largest_relative_difference_of_ratio": float(apart.max()),
    }


def _frames(report: sg.LiquidationReport) -> None:
    _ = report.accounts, report.steps


if __name__ == "__main__":
    main()

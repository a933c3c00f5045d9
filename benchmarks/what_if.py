"""Marginal margin of all positions of 1,000 accounts, and liquidation prices, against one call for each question.

The peer is what a user would write without them: margin the account anew without the position, one call a position; and
a bisection on the shocked market, one call a price. Both are timed on a sample and given per question.

    python -m benchmarks.what_if
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import shockgrid as sg
from benchmarks.protocol import seconds, write

ACCOUNTS, SAMPLE = 1_000, 5
SEARCHED = 20
BISECTIONS = 40


def main() -> None:
    """Measure, print and write ``results/what_if.json``."""
    market = sg.synthetic_market(strikes_per_expiry=30, expiries=10)
    rules = sg.load_rulebook("okx")
    accounts = sg.synthetic_accounts(market, ACCOUNTS, mean_positions=20)
    results: dict[str, object] = {
        "instruments": len(market.universe),
        "marginal_margin": measure_marginal(market, accounts, rules),
        "liquidation_price": measure_prices(market, accounts, rules),
    }
    print(json.dumps(results, indent=2))
    print("written to", write("what_if", results))


def measure_marginal(market, accounts, rules) -> dict[str, Any]:
    report = sg.margin(market, accounts, rules)
    frame = sg.marginal_margin(report)
    ours = seconds(lambda: sg.marginal_margin(report))
    sample = frame.iloc[np.linspace(0, len(frame) - 1, SAMPLE).astype(int)]
    mmr = report.accounts.set_index("account").mmr_usd

    def one_by_one() -> list[float]:
        found = []
        for account, instrument, quantity in zip(sample.account, sample.instrument, sample.quantity, strict=True):
            removed = {"account": account, "instrument": instrument, "quantity": quantity}
            after = sg.what_if(market, accounts, rules, remove=[removed], premiums="ignored").after.accounts
            found.append(mmr[account] - after.set_index("account").mmr_usd[account])
        return found

    error = np.abs(np.array(one_by_one()) - sample.marginal_mmr_usd.to_numpy()) / mmr[sample.account].to_numpy()
    peer = seconds(one_by_one)
    per_position = ours["median_s"] / len(frame)
    return {
        "accounts": ACCOUNTS,
        "positions": len(frame),
        "all": ours,
        "one_by_one_per_position_s": peer["median_s"] / SAMPLE,
        "ratio_per_position": peer["median_s"] / SAMPLE / per_position,
        "largest_relative_difference": float(error.max()),
    }


def measure_prices(market, accounts, rules) -> dict[str, Any]:
    ids = accounts.ids[:SEARCHED].tolist()
    found = sg.liquidation_price(market, accounts, rules, account=ids)
    ours = seconds(lambda: sg.liquidation_price(market, accounts, rules, account=ids))
    moves = np.linspace(-0.5, 0.5, 7)
    one_call = seconds(lambda: [sg.margin(sg.shock(market, price={"BTC": m}), accounts, rules) for m in moves])
    crossings = int(found[["down_move", "up_move"]].notna().sum().sum())
    return {
        "searched": len(found),
        "crossings": crossings,
        "all": ours,
        "per_account_and_coin_s": ours["median_s"] / max(len(found), 1),
        "one_price_of_all_accounts_s": one_call["median_s"] / len(moves),
        "ratio_bisection_of_both_sides_over_ours": 2
        * BISECTIONS
        * one_call["median_s"]
        / len(moves)
        / ours["median_s"],
    }


if __name__ == "__main__":
    main()

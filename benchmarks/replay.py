"""A population under every rule version in one call, against a single version and against one call a version.

Warm, the median of nine runs; compile time apart; the answers compared.

    make bench
"""

from __future__ import annotations

import json
import time

import jax
import numpy as np

import shockgrid as sg
from benchmarks.protocol import seconds, write

ACCOUNTS = (1_000, 20_000)


def main() -> None:
    """Measure, print and write ``results/replay.json``."""
    market = sg.synthetic_market(strikes_per_expiry=30, expiries=10)
    rules = [sg.load_rulebook(name) for name in sg.list_rulebooks()]
    results: dict[str, object] = {"instruments": len(market.universe), "versions": len(rules), "accounts": {}}
    for count in ACCOUNTS:
        accounts = sg.synthetic_accounts(market, count, mean_positions=20)
        results["accounts"][str(count)] = measure(market, accounts, rules)
    results["every_subset_of_orders"] = subsets(market, rules[-1])
    print(json.dumps(results, indent=2))
    print("written to", write("replay", results))


def measure(market, accounts, rules) -> dict[str, object]:
    compiled: list[float] = []
    first = _counted(compiled, lambda: sg.margin(market, accounts, rulebooks=rules).accounts)
    replay = seconds(lambda: _frames(sg.margin(market, accounts, rulebooks=rules)))
    single = seconds(lambda: _frames(sg.margin(market, accounts, rules[-1])))
    one_by_one = seconds(lambda: [_frames(sg.margin(market, accounts, r)) for r in rules])
    report = sg.margin(market, accounts, rulebooks=rules)
    error = max(
        float(np.abs(report[r.name].accounts.mmr_usd - sg.margin(market, accounts, r).accounts.mmr_usd).max())
        for r in rules
    )
    return {
        "first_call_s": first,
        "compilations": len(compiled),
        "compile_s": sum(compiled),
        "replay": replay,
        "single_newest_version": single,
        "one_call_a_version": one_by_one,
        "ratio_replay_over_single": replay["median_s"] / single["median_s"],
        "ratio_one_by_one_over_replay": one_by_one["median_s"] / replay["median_s"],
        "largest_difference_usd": error,
    }


def subsets(market, rules) -> dict[str, object]:
    """Initial margin over every subset of the open orders of 20,000 accounts, against the three books."""
    accounts = sg.synthetic_accounts(market, 20_000, mean_positions=20)
    three = seconds(lambda: _frames(sg.margin(market, accounts, rules)))
    every = seconds(lambda: _frames(sg.margin(market, accounts, rules, orders="every_subset")))
    return {
        "orders": len(accounts.orders.quantity),
        "three_books": three,
        "every_subset": every,
        "ratio": every["median_s"] / three["median_s"],
    }


def _frames(report) -> None:
    _ = report.accounts, report.units


def _counted(compiled: list[float], function) -> float:
    """Seconds of a call, and in ``compiled`` those of each program that XLA compiled in it."""

    def listen(event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    start = time.perf_counter()
    function()
    taken = time.perf_counter() - start
    jax.monitoring.unregister_event_duration_listener(listen)
    return taken


if __name__ == "__main__":
    main()

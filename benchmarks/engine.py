"""The margin of many accounts: every stage, from loaded inputs to frames, cold starts, memory, precision, and peers.

Two populations: ``scattered`` hold anything of a few coins (``benchmarks.population``), ``archetypes`` trade as people
do (``sg.synthetic_accounts``). Every peer answers in the same run from the same inputs, and its answer is compared.
What a peer's time leaves out, ours does besides: initial margin with order books, Greeks, and the worst cell.

    python -m benchmarks.engine [--accounts 100000]
"""

from __future__ import annotations

import argparse
import json

import shockgrid as sg
from benchmarks import ceilings
from benchmarks.cold_start import cold_starts
from benchmarks.population import benchmark_market, scattered_accounts
from benchmarks.precision import float32_errors
from benchmarks.protocol import write
from benchmarks.races import race, slow_race, sums_alone
from benchmarks.stages import Case, compile_seconds, laid_case, rates, stages
from benchmarks.twin import twin_check

ACCOUNTS, MEAN_POSITIONS = 100_000, 20
COLD_ACCOUNTS = 1_000


def main() -> None:
    """Measure, print and write ``results/engine.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    results = measure(parser.parse_args().accounts)
    print(json.dumps(results, indent=2))
    print("written to", write("engine", results))


def measure(count: int) -> dict[str, object]:
    """All results for a number of accounts."""
    market, rules = benchmark_market(), sg.load_rulebook("okx")
    contracts = market.universe.contracts
    results: dict[str, object] = {
        "accounts": count,
        "instruments": len(market.universe),
        "options": int(contracts.is_option.sum()),
        "coins": len(market.universe.coins),
        "rulebook": rules.name,
        "populations": {},
    }
    scattered = laid_case(market, scattered_accounts(market, count), rules)
    results["compile"] = compile_seconds(scattered)
    results["populations"]["scattered"] = population(scattered)
    results["sum_alone"] = sums_alone(scattered)
    results["ceilings"] = ceilings.ceilings(results["sum_alone"]["columns"])
    results["floor"] = _floor(results["ceilings"], scattered, results["sum_alone"]["columns"])
    results["slow_peers"] = slow_race(market, rules)
    results["float32"] = float32_errors(market, rules)
    archetypes = sg.synthetic_accounts(market, count, mean_positions=MEAN_POSITIONS)
    del scattered
    results["populations"]["archetypes"] = population(laid_case(market, archetypes, rules))
    small = scattered_accounts(market, COLD_ACCOUNTS)
    results["cold_start"] = cold_starts(market, small)
    named = {"scattered": small, "archetypes": sg.synthetic_accounts(market, COLD_ACCOUNTS, mean_positions=20)}
    results["twin"] = {name: twin_check(market, accounts, rules) for name, accounts in named.items()}
    return results


def population(case: Case) -> dict[str, object]:
    """Stages, rates and peers of one population."""
    measured = stages(case)
    return {
        "positions": len(case.accounts.positions.quantity),
        "orders": len(case.accounts.orders.quantity),
        "units": sum(len(rows.unit) for rows in case.rows),
        "currency_rows": sum(len(rows.currency) for rows in case.rows),
        "blocks": len(case.rows),
        "stages": measured,
        **rates(case, measured),
        "peers": race(case, measured),
    }


def _floor(machine: dict[str, object], case: Case, columns: int) -> dict[str, object]:
    n = len(case.accounts)
    entries, units, currencies = (
        sum(len(x) for x in arrays) / n
        for arrays in (
            [rows.book.instrument for rows in case.rows],
            [rows.unit for rows in case.rows],
            [rows.currency for rows in case.rows],
        )
    )
    return ceilings.floor(machine, entries, units, currencies, columns)


if __name__ == "__main__":
    main()

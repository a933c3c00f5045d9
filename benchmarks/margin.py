"""Margin of 1,000 and 20,000 accounts of 20 positions on 1,500 instruments: warm, cold, compiled, and checked.

Peers, measured in the same run: SciPy's sparse product for the sum alone (the step that grows with positions), and the
slow twin of the tests for the whole (plain Python, account by account, on a sample and extrapolated).

    make bench
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import scipy.sparse

import shockgrid as sg
from benchmarks.protocol import process_seconds, seconds, write
from shockgrid.accounts.account_rows import plan_rows
from shockgrid.accounts.book import POSITIONS
from shockgrid.market.padding import pad_market
from shockgrid.numerics.ragged import ragged_sum
from shockgrid.venues.okx.margin import evaluate_accounts, price_contracts
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from tests.reference.okx import margin as twin_margin
from tests.reference.parameters import VERSIONS

ACCOUNTS = (1_000, 20_000)
MEAN_POSITIONS = 20
TWIN_SAMPLE = 40
COLD_RUNS = 7


def main() -> None:
    """Measure, print and write ``results/margin.json``."""
    market, rules = sg.synthetic_market(strikes_per_expiry=30, expiries=10), sg.load_rulebook("okx")
    results: dict[str, object] = {"instruments": len(market.universe), "precision": "float64", "accounts": {}}
    with tempfile.TemporaryDirectory() as folder:
        sg.write_market(market, Path(folder) / "market")
        for count in ACCOUNTS:
            accounts = sg.synthetic_accounts(market, count, mean_positions=MEAN_POSITIONS)
            sg.write_accounts(accounts, Path(folder) / f"accounts-{count}")
            sg.write_accounts(accounts, Path(folder) / f"accounts-{count}.json")
            results["accounts"][str(count)] = measure(market, accounts, rules, Path(folder), count)
        sg.write_market(market, Path(folder) / "market.json")
        results["check"] = check(market, rules, Path(folder))
    print(json.dumps(results, indent=2))
    print("written to", write("margin", results))


def measure(market, accounts, rules, folder: Path, count: int) -> dict[str, object]:
    rows = plan_rows(accounts, market, risk_units(market.universe, "v2"))
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    with jax.enable_x64(True):
        compile_s = {
            "price": _compile_seconds(price_contracts, contracts, snapshot, tables.contracts),
        }
        exposures = price_contracts(contracts, snapshot, tables.contracts)
        evaluate_args = (contracts, snapshot, tables, rows.plan, exposures)
        compile_s["evaluate"] = _compile_seconds(evaluate_accounts, *evaluate_args)
        on_device = jax.device_put(evaluate_args)
        warm = {
            "plan rows": seconds(lambda: plan_rows(accounts, market, risk_units(market.universe, "v2")).plan),
            "price contracts": seconds(lambda: price_contracts(contracts, snapshot, tables.contracts)),
            "evaluate accounts": seconds(lambda: evaluate_accounts(*on_device)),
        }
        sums = _sum_peer(market, rows, exposures)
    warm["margin with account and unit frames"] = seconds(lambda: _frames(sg.margin(market, accounts, rules)))
    cold = process_seconds(_cold_code(folder, count), COLD_RUNS)
    per_second = count / warm["margin with account and unit frames"]["median_s"]
    return {
        "positions": len(accounts.positions.account),
        "units": len(rows.unit),
        "warm": warm,
        "compile_s": compile_s,
        "cold_process": cold,
        "accounts_per_s_end_to_end": round(per_second),
        "accounts_per_s_arrays": round(count / warm["evaluate accounts"]["median_s"]),
        "sum_alone": sums,
    }


def _compile_seconds(function, *args) -> float:
    lowered = function.lower(*args)
    start = time.perf_counter()
    lowered.compile()
    return time.perf_counter() - start


def _frames(report) -> None:
    _ = report.accounts, report.units


def _cold_code(folder: Path, count: int) -> str:
    return (
        "import shockgrid as sg;"
        f"r = sg.margin(sg.read_market({str(folder / 'market')!r}),"
        f"sg.read_accounts({str(folder / f'accounts-{count}')!r}), sg.load_rulebook('okx'));"
        "r.accounts, r.units"
    )


def _sum_peer(market, rows, exposures) -> dict[str, object]:
    """The sum of the P&L grid over positions, ours and SciPy's, checked against each other."""
    book, universe = rows.book, market.universe
    unit_key = book.account.astype(np.int64) * len(universe.coins) + universe.contracts.coin[book.instrument]
    _, unit = np.unique(unit_key, return_inverse=True)
    table = np.asarray(exposures.linear.price_vol).reshape(len(exposures.gross.size), -1)
    shape = (len(rows.unit), len(table))
    matrix = scipy.sparse.csr_array((book.quantity[POSITIONS], (unit, book.instrument)), shape=shape)
    plan = jax.device_put(rows.plan.unit_plan)
    ours_function = jax.jit(ragged_sum)
    device_table = jax.device_put(table)
    error = np.abs(np.asarray(ours_function(plan, device_table))[: len(rows.unit)] - matrix @ table).max()
    ours, peer = seconds(lambda: ours_function(plan, device_table)), seconds(lambda: matrix @ table)
    return {
        "shockgrid": ours,
        "scipy_csr": peer,
        "ratio_scipy_over_shockgrid": peer["median_s"] / ours["median_s"],
        "largest_difference_usd": float(error),
        "columns": table.shape[1],
    }


def check(market, rules, folder: Path) -> dict[str, object]:
    """The answer, and the whole against the twin: account by account in plain Python, on a sample."""
    count = ACCOUNTS[0]
    document = json.loads((folder / "market.json").read_text())
    entries = json.loads((folder / f"accounts-{count}.json").read_text())["accounts"]
    sample = entries[:: count // TWIN_SAMPLE]
    start = time.perf_counter()
    twins = [twin_margin(document, entry, VERSIONS[rules.name])["account"]["mmr_usd"] for entry in sample]
    per_account_s = (time.perf_counter() - start) / len(sample)
    accounts = sg.read_accounts(folder / f"accounts-{count}.json")
    report = sg.margin(market, accounts, rules)
    found = report.accounts.set_index("account").mmr_usd[[entry["id"] for entry in sample]].to_numpy()
    ours = seconds(lambda: _frames(sg.margin(market, accounts, rules)))["median_s"] / count
    return {
        "sample": len(sample),
        "largest_relative_error_of_mmr": float(np.max(np.abs(found - twins) / np.maximum(np.abs(twins), 1e-9))),
        "twin_s_per_account": per_account_s,
        "shockgrid_s_per_account": ours,
        "ratio_twin_over_shockgrid_extrapolated": per_account_s / ours,
    }


if __name__ == "__main__":
    main()

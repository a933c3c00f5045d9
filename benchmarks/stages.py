"""The stages of a run, each by itself and together, on the same accounts."""

from __future__ import annotations

import ctypes
import gc
import time
from dataclasses import dataclass
from pathlib import Path

import jax

import shockgrid as sg
from benchmarks.protocol import seconds
from shockgrid.accounts.account_rows import AccountRows, lay_rows, pack_rows
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.market_holdings import MarketHoldings, resolve_holdings
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.accounts.row_plan import PlanShape, RowPlan, pad_plan, plan_shape
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.numerics.devices import Device, device_slots, map_on_devices, on_each_device
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.exposures import Exposures
from shockgrid.venues.okx.block_margin import CommonShape, joined, keyed
from shockgrid.venues.okx.margin import MarginResult, Precision, evaluate_accounts, price_contracts
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from shockgrid.venues.okx.rulebook import Rulebook

PRECISIONS: tuple[Precision, ...] = ("float64", "float32")
RUNS = 7


@dataclass(frozen=True)
class Case:
    """Accounts laid out for the kernels, block by block.

    Attributes:
        market, accounts, rules: What is margined.
        units: The market's risk units.
        priced: Contracts, snapshot and rule tables, padded.
        shared: The same and the exposures, on each device.
        rows: Of each block.
        plans: Padded to one shape, on the device.
        shape: Of the plans.
    """

    market: Market
    accounts: Accounts
    rules: Rulebook
    units: RiskUnits
    priced: tuple
    shared: dict[Device, tuple]
    rows: list[AccountRows]
    plans: list[RowPlan]
    shape: PlanShape

    @property
    def exposures(self) -> Exposures:
        """Of one contract of each instrument."""
        return next(iter(self.shared.values()))[3]

    def evaluate(self, plan: RowPlan, device: Device, precision: Precision = "float64") -> MarginResult:
        """The kernels of one block, to the end."""
        contracts, snapshot, tables, exposures = self.shared[device]
        found = evaluate_accounts(contracts, snapshot, tables, plan, exposures, precision=precision)
        return jax.block_until_ready(found)

    def kernels(self, threads: int, precision: Precision = "float64") -> list[MarginResult]:
        """The kernels of all blocks."""
        devices = device_slots()[:threads]
        return map_on_devices(lambda plan, device: self.evaluate(plan, device, precision), self.plans, devices)


def laid_case(market: Market, accounts: Accounts, rules: Rulebook) -> Case:
    """Lay out the accounts and price the contracts."""
    units = risk_units(market.universe, rules.structure)
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    rows = [lay_rows(part, market, units) for part in resolve_holdings(accounts, market).blocks()]
    packed = [pack_rows(r) for r in rows]
    with jax.enable_x64(True):
        exposures = price_contracts(contracts, snapshot, tables.contracts)
        shared = on_each_device((contracts, snapshot, tables, exposures), device_slots())
        shape = CommonShape().holding([plan_shape(plan) for plan in packed])
        plans = [jax.device_put(pad_plan(plan, shape)) for plan in packed]
    return Case(market, accounts, rules, units, (contracts, snapshot, tables), shared, rows, plans, shape)


def compile_seconds(case: Case) -> dict[str, float]:
    """Tracing, lowering and compiling pricing and evaluation, ahead of time and apart; nothing is warm."""
    contracts, snapshot, tables = case.priced
    evaluation = (contracts, snapshot, tables, case.plans[0], case.exposures)
    jax.clear_caches()
    with jax.enable_x64(True):
        return {
            "pricing_s": _compiled_in(price_contracts, (contracts, snapshot, tables.contracts)),
            "evaluation_s": _compiled_in(evaluate_accounts, evaluation),
            "evaluation_float32_s": _compiled_in(evaluate_accounts, evaluation, precision="float32"),
        }


def _compiled_in(function, args: tuple, **static: str) -> float:
    start = time.perf_counter()
    function.lower(*args, **static).compile()
    return time.perf_counter() - start


def stages(case: Case) -> dict[str, dict[str, float]]:
    """Seconds of every stage: on the host, in the kernels, and of whole calls."""
    return _host_stages(case) | _kernel_stages(case) | _calls(case)


def _host_stages(case: Case) -> dict[str, dict[str, float]]:
    market, accounts, units = case.market, case.accounts, case.units
    parts = resolve_holdings(accounts, market).blocks()
    packed = [pack_rows(rows) for rows in case.rows]
    return {
        "resolve names": seconds(lambda: resolve_holdings(accounts, market), RUNS),
        "lay rows, 1 thread": seconds(lambda: [lay_rows(part, market, units) and None for part in parts], RUNS),
        "pack rows, 1 thread": seconds(lambda: [pack_rows(rows) and None for rows in case.rows], RUNS),
        "pad plans, 1 thread": seconds(lambda: [pad_plan(p, case.shape) and None for p in packed], RUNS),
        "lay out, 1 thread": seconds(lambda: _lay_out(case, 1), RUNS),
        "lay out, 2 threads": seconds(lambda: _lay_out(case, 2), RUNS),
    }


def _lay_out(case: Case, threads: int) -> list[None]:
    """All host stages, as a run does them: names in one thread, then block after block in several."""
    parts = resolve_holdings(case.accounts, case.market).blocks()

    def lay(part: MarketHoldings, _: Device) -> None:
        pad_plan(pack_rows(lay_rows(part, case.market, case.units)), case.shape)

    return map_on_devices(lay, parts, device_slots()[:threads])


def _kernel_stages(case: Case) -> dict[str, dict[str, float]]:
    contracts, snapshot, tables = case.priced
    with jax.enable_x64(True):
        pricing = seconds(lambda: price_contracts(contracts, snapshot, tables.contracts))
    found = {"price contracts": pricing}
    threads = sorted({1, len(device_slots())})
    for precision in PRECISIONS:
        for n in threads:
            timed = seconds(lambda n=n, p=precision: case.kernels(n, p) and None, RUNS)
            found[f"kernels, {precision}, {n} thread{'s' * (n > 1)}"] = timed
    results = case.kernels(len(device_slots()))
    blocks = [keyed(r, rows) for r, rows in zip(results, case.rows, strict=True)]
    found["cut padding"] = seconds(lambda: [keyed(r, x) for r, x in zip(results, case.rows, strict=True)] and None)
    found["join blocks"] = seconds(lambda: joined(blocks) and None, RUNS)
    return found


def _calls(case: Case) -> dict[str, dict[str, float]]:
    market, accounts, rules = case.market, case.accounts, case.rules
    report = sg.margin(market, accounts, rules)

    def fresh() -> MarginReport:
        return MarginReport(market, accounts, rules, report.keys, report.exposures, report.result)

    return {
        "accounts frame": seconds(lambda: fresh().accounts, RUNS),
        "units frame": seconds(lambda: fresh().units, RUNS),
        "sg.margin": seconds(lambda: sg.margin(market, accounts, rules), RUNS),
        "sg.margin with frames": seconds(lambda: frames(sg.margin(market, accounts, rules)), RUNS),
    }


def frames(report: MarginReport) -> None:
    """Build the account and unit frames."""
    _ = report.accounts, report.units


def rates(case: Case, measured: dict[str, dict[str, float]]) -> dict[str, object]:
    """Accounts a second, by medians and by the fastest runs, and the memory that a run adds at its peak."""
    n, threads = len(case.accounts), len(device_slots())
    stage = {
        "unit and account arrays, float64": f"kernels, float64, {threads} thread{'s' * (threads > 1)}",
        "unit and account arrays, float32": f"kernels, float32, {threads} thread{'s' * (threads > 1)}",
        "from loaded inputs to arrays": "sg.margin",
        "from loaded inputs to frames": "sg.margin with frames",
    }
    per_second = {name: {k: n / measured[s][f"{k}_s"] for k in ("median", "min")} for name, s in stage.items()}
    peak = peak_growth(lambda: frames(sg.margin(case.market, case.accounts, case.rules)))
    return {"accounts_per_s": per_second, "peak_memory_growth_mb": peak, "bytes_per_account": 1e6 * peak / n}


def peak_growth(function) -> float | None:
    """Megabytes by which the peak of resident memory during a call exceeds what was resident before; Linux only.

    Memory that earlier calls freed goes back to the system first.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
        function()
        return (_resident("VmHWM") - before) / 1e3
    except OSError:
        return None


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name)))

"""``shockgrid bench``: how fast this machine margins accounts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from json import dumps
from typing import Annotated, Any

import jax
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

import shockgrid as sg
from shockgrid.errors import InputError
from shockgrid.numerics.devices import device_slots
from shockgrid.venues.okx.margin import Precision

RUNS = 7


def bench(
    accounts: int = 20_000,
    *,
    positions: float = 20.0,
    precision: Precision = "float64",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Margin an invented population on this machine: the first call, which compiles, then the median of seven.

    Against other programs: ``make bench`` in a checkout, docs/performance.md.

    Example: shockgrid bench 100000 --precision float32

    Parameters
    ----------
    accounts
        How many.
    positions
        Mean number of positions of an account.
    precision
        Of the sums over positions and the rules of units.
    json
        Print JSON instead of a table.
    """
    if accounts < 1:
        raise InputError("shockgrid bench", "accounts", "1 or more", accounts)
    market = sg.synthetic_market(strikes_per_expiry=29, expiries=10)
    population = sg.synthetic_accounts(market, accounts, mean_positions=positions)
    rules = sg.load_rulebook("okx")

    def arrays() -> sg.MarginReport:
        return sg.margin(market, population, rules, precision=precision)

    def frames() -> object:
        report = arrays()
        return report.accounts, report.units

    first = _seconds(arrays)
    found = {"arrays": _median(arrays), "arrays and frames": _median(frames)}
    facts = {
        "accounts": accounts,
        "positions": len(population.positions.account),
        "units": len(arrays().keys.unit),
        "instruments": len(market.universe),
        "precision": precision,
        "devices": [str(device) for device in device_slots()],
        "jax": jax.__version__,
        "first_call_s": first,
        "warm_s": found,
        "accounts_per_s": {name: accounts / median for name, median in found.items()},
    }
    print(dumps(facts, indent=2)) if json else _print(facts)


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _median(function: Callable[[], object]) -> float:
    return statistics.median(_seconds(function) for _ in range(RUNS))


def _print(facts: dict[str, Any]) -> None:
    title = f"{facts['accounts']:,} accounts, {facts['positions']:,} positions, {facts['units']:,} units, "
    title += f"{facts['instruments']:,} instruments, {facts['precision']}"
    table = Table(title=title, title_justify="left")
    for name in ("", "ms", "accounts/s"):
        table.add_column(name, justify="right" if name else "left")
    rows = {"first call, with compilation": facts["first_call_s"], **facts["warm_s"]}
    for name, seconds in rows.items():
        table.add_row(name, f"{1e3 * seconds:,.1f}", f"{facts['accounts'] / seconds:,.0f}")
    Console().print(table)
    print(f"jax {facts['jax']} on {len(facts['devices'])} at once: {', '.join(facts['devices'])}")

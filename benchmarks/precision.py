"""What float32 costs in accuracy where it hurts most: option books without delta, of a large gross size."""

from __future__ import annotations

import jax
import numpy as np

import shockgrid as sg
from benchmarks.population import HEDGED_GROSS_USD, hedged_accounts
from benchmarks.stages import PRECISIONS, laid_case
from shockgrid.market.market import Market
from shockgrid.numerics.devices import device_slots, map_on_devices
from shockgrid.venues.okx.margin import unit_grids
from shockgrid.venues.okx.rulebook import Rulebook

BOOKS = 2_000


def float32_errors(market: Market, rules: Rulebook) -> dict[str, object]:
    """Largest and median error of margins and of grid cells: in USD, of the gross size, of the margin."""
    probe = sg.margin(market, sg.synthetic_accounts(market, 1), rules)
    delta = np.asarray(probe.exposures.linear.denominations).sum(axis=1)
    accounts = hedged_accounts(market, delta, BOOKS)
    reports = [sg.margin(market, accounts, rules, precision=p) for p in PRECISIONS]
    exact, rounded = (report.result.units.mmr_usd for report in reports)
    error, cells = np.abs(rounded - exact), _cell_errors(market, accounts, rules)
    return {
        "books": BOOKS,
        "gross_usd": HEDGED_GROSS_USD,
        "median_mmr_usd": float(np.median(exact)),
        "mmr_error_usd": _spread(error),
        "mmr_error_of_gross": _spread(error / HEDGED_GROSS_USD),
        "mmr_error_of_mmr": _spread(error / exact),
        "cell_error_usd": _spread(cells),
        "cell_error_of_gross": _spread(cells / HEDGED_GROSS_USD),
        "cell_error_of_mmr": _spread(cells.max(axis=1) / exact),
        "dominant_differs": int((reports[0].result.units.dominant != reports[1].result.units.dominant).sum()),
    }


def _spread(error: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(error)), "p99": float(np.quantile(error, 0.99)), "max": float(error.max())}


def _cell_errors(market: Market, accounts, rules: Rulebook) -> np.ndarray:
    """``[unit row, cell]`` absolute difference of the grids in the two precisions."""
    case = laid_case(market, accounts, rules)

    def grids(dtype: str) -> np.ndarray:
        def run(plan, device) -> np.ndarray:
            contracts, snapshot, tables, exposures = case.shared[device]
            exposures = jax.tree.map(lambda x: x.astype(dtype), exposures)
            return np.asarray(unit_grids(contracts, snapshot, tables, plan, exposures))

        found = map_on_devices(run, case.plans, device_slots()[:1])
        return np.concatenate([g[: len(rows.unit)] for g, rows in zip(found, case.rows, strict=True)])

    exact, rounded = (grids(p) for p in PRECISIONS)
    return np.abs(rounded - exact).reshape(len(exact), -1)

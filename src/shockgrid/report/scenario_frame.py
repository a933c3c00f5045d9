"""``MarginReport.scenarios``: MR1's cells of every unit, computed when they are asked for."""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd

from shockgrid.accounts.account_rows import AccountRows
from shockgrid.accounts.row_plan import RowPlan
from shockgrid.market.padding import pad_market
from shockgrid.numerics.compiling import program_key
from shockgrid.numerics.devices import Device, device_slots, on_each_device
from shockgrid.report.frame_columns import names
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.grid import VOL_STATES
from shockgrid.venues.okx.block_margin import map_blocks
from shockgrid.venues.okx.margin import unit_grids
from shockgrid.venues.okx.rule_lookup import padded_rule_tables


def scenario_frame(report: MarginReport) -> pd.DataFrame:
    """21 rows a unit; price moves ascending, volatility up, unchanged, down."""
    moves = report.result.price_moves[report.keys.unit]
    order = np.argsort(moves, axis=1)
    moves = np.take_along_axis(moves, order, axis=1)
    pnl = np.take_along_axis(_grids(report), order[:, None, :], axis=2)
    n, n_states, n_moves = pnl.shape
    cells = n_states * n_moves
    account = np.repeat(report.keys.account, cells)
    return pd.DataFrame(
        {
            "account": names(report.inputs.ids, account),
            "unit": names(report.risk_units.names, np.repeat(report.keys.unit, cells)),
            "price_move": np.repeat(moves[:, None, :], n_states, axis=1).ravel(),
            "vol_state": names(VOL_STATES, np.tile(np.repeat(np.arange(n_states), n_moves), n)),
            "pnl_usd": pnl.ravel(),
        }
    )


def _grids(report: MarginReport) -> np.ndarray:
    """``[unit row, vol_state, move]`` in the order of the kernel's moves."""
    market = report.market
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, report.rules, contracts, snapshot)
    with jax.enable_x64(True):
        shared = on_each_device((contracts, snapshot, tables, report.exposures), device_slots())

    def run(rows: AccountRows, plan: RowPlan, device: Device) -> np.ndarray:
        contracts, snapshot, tables, exposures = shared[device]
        return np.asarray(unit_grids(contracts, snapshot, tables, plan, exposures))[: len(rows.unit)]

    program = program_key("scenarios", contracts, snapshot, tables, report.exposures)
    return np.concatenate(map_blocks(report.inputs, market, report.risk_units, run, program=program))

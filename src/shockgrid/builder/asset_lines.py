"""The asset lines of a reply: equity and margin of borrowing by currency."""

from __future__ import annotations

import jax
import numpy as np

from shockgrid.accounts.currency_rows import currency_rows
from shockgrid.accounts.row_plan import RowPlan
from shockgrid.io.okx.reply import AssetLine
from shockgrid.market.padding import pad_market
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.shapes import Array
from shockgrid.report.margin import padded_rule_tables
from shockgrid.report.margin_report import MarginReport
from shockgrid.stress.sensitivities import contract_values
from shockgrid.venues.okx import equity
from shockgrid.venues.okx.mr8_borrowing import borrow_margin_usd
from shockgrid.venues.okx.rule_tables import RuleTables

ALWAYS_LISTED = ("USDC", "USDT")
"""OKX's example lists USDC, of which the account has none and in which nothing settles."""


def asset_lines(report: MarginReport) -> tuple[AssetLine, ...]:
    """One line a currency, by name: what the account has or settles, the coins of its units, USDC and USDT.

    Args:
        report: Of one account.
    """
    units = report.units
    in_use = dict(zip(units["unit"].tolist(), units["spot_in_use"].tolist(), strict=True))
    lines = {name: AssetLine(name, 0.0, 0.0, 0.0) for name in (*ALWAYS_LISTED, *in_use)}
    rows = currency_rows(report.inputs, report.market, report.rows.book)
    owned, borrow_imr_usd = _by_currency(report)
    for row, currency in enumerate(rows.currency.tolist()):
        name = report.market.universe.currencies[currency]
        lines[name] = AssetLine(name, float(owned[row]), in_use.get(name, 0.0), float(borrow_imr_usd[row]))
    return tuple(lines[name] for name in sorted(lines))


def _by_currency(report: MarginReport) -> tuple[np.ndarray, np.ndarray]:
    """Equity in the currency and initial margin of borrowing in USD, of each currency row and of padding."""
    contracts, snapshot = pad_market(report.market.universe.contracts, report.market.snapshot)
    tables = padded_rule_tables(report.market, report.rules, len(contracts.coin_currency), snapshot.index_usd.shape[-1])
    with jax.enable_x64(True):
        owned, imr_usd = _currency_figures(contracts, snapshot, tables, report.rows.plan)
    return np.asarray(owned), np.asarray(imr_usd)


@jax.jit
def _currency_figures(
    contracts: Contracts, snapshot: Snapshot, tables: RuleTables, plan: RowPlan
) -> tuple[Array, Array]:
    values = equity.position_values(plan, contract_values(contracts, snapshot))
    _, owned = equity.currency_equity(plan, values)
    rows = plan.currencies
    borrow = jax.vmap(borrow_margin_usd, in_axes=(0, 0, 0, 0, None))
    _, _, imr_usd = borrow(owned, rows.frozen, snapshot.index_usd[rows.currency], rows.currency, tables)
    return owned, imr_usd

"""Margin rates of debts of any size, as MR8 has them."""

from __future__ import annotations

import jax
import numpy as np

from shockgrid.numerics.padded_rows import padded_rows
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.mr8_borrowing import borrow_rates
from shockgrid.venues.okx.rule_lookup import rule_tables

_rates = jax.jit(jax.vmap(borrow_rates, in_axes=(0, 0, None)))


def debt_rates(report: MarginReport, currency: np.ndarray, amount: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maintenance and initial rate of each debt under the rules of a report.

    Args:
        report: Its rules, and the currencies of its market.
        currency: ``[row]`` index into ``Universe.currencies``.
        amount: ``[row]`` owed, in the currency, 0 or more.
    """
    tables = rule_tables(report.rules, [""], report.market.universe.currencies)
    return padded_rows(lambda amount, currency: _rates(amount, currency, tables), amount, currency)

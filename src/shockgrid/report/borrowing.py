"""Debts of accounts on a market: the figures behind ``report.currencies``, interest and forced conversion."""

from __future__ import annotations

import jax
import numpy as np
import pandas as pd

from shockgrid.market.padding import currency_bucket
from shockgrid.numerics.size_bucket import pad_axis
from shockgrid.report.frame_columns import names
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.auto_borrow import Debts, debts
from shockgrid.venues.okx.borrowing_tables import borrowing_tables
from shockgrid.venues.okx.rule_lookup import padded_names

_debts = jax.jit(debts)


def debts_of(report: MarginReport) -> Debts:
    """Debts of every currency row of a report, without padding, in float64."""
    universe, rows = report.market.universe, report.rows
    tables = borrowing_tables(report.rules, padded_names(universe.currencies, _n_padded(report)))
    with jax.enable_x64(True):
        equity = pad_axis(report.result.currencies.equity, len(rows.plan.currencies.currency), 0.0)
        found = _debts(rows.plan, equity, tables)
        return jax.tree.map(lambda x: np.asarray(x)[: len(rows.currency)], found)


def currencies_frame(report: MarginReport) -> pd.DataFrame:
    """One row an account and currency that it has, owes, settles or freezes; see ``MarginReport.currencies``."""
    rows, figures, owed = report.rows, report.result.currencies, debts_of(report)
    held, price = rows.currencies, report.market.snapshot.index_usd[rows.currency]
    return pd.DataFrame(
        {
            "account": names(report.inputs.ids, rows.currency_account),
            "currency": names(report.market.universe.currencies, rows.currency),
            "balance": held.balance,
            "equity": figures.equity,
            "equity_usd": figures.equity * price,
            "counted_usd": figures.counted_usd,
            "frozen": held.frozen,
            "available": owed.available,
            "liability": owed.liability,
            "loss_liability": owed.loss_part,
            "potential_borrowing": np.maximum(held.frozen - figures.equity, 0.0),
            "borrow_limit": held.borrow_limit,
            "mmr_usd": figures.mmr_usd,
            "imr_usd": figures.imr_usd,
            "free_quota": owed.free_quota,
            "interest_bearing": owed.bearing,
            "interest_per_hour": owed.hourly_interest,
            "to_convert": owed.to_convert,
        }
    )


def _n_padded(report: MarginReport) -> int:
    return currency_bucket(len(report.market.universe.currencies))

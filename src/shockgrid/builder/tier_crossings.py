"""What of an account's figures comes from amounts that have left the tiers which they lay in before.

Three rules have tiers by amount: haircuts (marginal, by the USD value of a currency), margin of debts (one rate for the
whole amount) and the multipliers of MR7 (marginal, by the raw charge of a unit). For each the figure with the tier of
the amount before held for any amount is set against the figure as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
import pandas as pd

from shockgrid.builder.debt_rates import debt_rates
from shockgrid.numerics.marginal_tiers import marginal_tiers
from shockgrid.numerics.padded_rows import padded_rows
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.margin import required_usd
from shockgrid.venues.okx.rule_lookup import rule_tables

_totals = jax.jit(jax.vmap(marginal_tiers))


@dataclass(frozen=True)
class TieredAmounts:
    """The amounts that tiers go by, keyed by account (its place) and name.

    Attributes:
        value_usd: Value of each currency, 0 or more.
        debt: Owed of each currency, in the currency.
        charge_usd: Raw charge of each unit.
    """

    value_usd: pd.Series
    debt: pd.Series
    charge_usd: pd.Series


@dataclass(frozen=True)
class Crossings:
    """``[account]`` what tiers add, in USD: to adjusted equity, to MMR and to the denominator of the ratio."""

    equity_usd: np.ndarray
    mmr_usd: np.ndarray
    required_usd: np.ndarray


@dataclass(frozen=True)
class _Marginal:
    """Marginal tiers of each row: ``[row, tier]`` upper bounds, the last infinite, and rates."""

    upper: np.ndarray
    rate: np.ndarray

    def tier(self, amount: np.ndarray) -> np.ndarray:
        """Place of the tier that each amount ends in."""
        return np.minimum((amount[:, None] > self.upper).sum(axis=1), self.upper.shape[1] - 1)

    def total(self, amount: np.ndarray) -> np.ndarray:
        return padded_rows(_totals, amount, self.upper, self.rate)

    def amount(self, total: np.ndarray) -> np.ndarray:
        """The amount that is charged a total; rates above 0."""
        lower = np.hstack([np.zeros((len(total), 1)), self.upper[:, :-1]])
        at_upper = np.stack([self.total(bound) for bound in np.where(np.isinf(self.upper), 0.0, self.upper).T], axis=1)
        at_upper[np.isinf(self.upper)] = np.inf
        tier = np.minimum((total[:, None] > at_upper).sum(axis=1), self.upper.shape[1] - 1)
        row = np.arange(len(total))
        below = np.where(tier > 0, at_upper[row, tier - 1], 0.0)
        return lower[row, tier] + (total - below) / self.rate[row, tier]

    def crossing(self, amount: np.ndarray, before: np.ndarray) -> np.ndarray:
        """The total less what it were at the rate that ``before`` ended with; 0 where that is NaN."""
        was = np.where(np.isnan(before), amount, before)
        tier, row = self.tier(was), np.arange(len(was))
        held = self.total(was) + self.rate[row, tier] * (amount - was)
        return np.where(self.tier(amount) == tier, 0.0, self.total(amount) - held)


def tiered_amounts(report: MarginReport) -> TieredAmounts:
    """The amounts of a report."""
    rows, found = report.rows, report.result.currencies
    names = np.array(report.market.universe.currencies, object)[rows.currency]
    currencies = [rows.currency_account, names]
    units = [report.keys.account, np.array(report.risk_units.names, object)[report.keys.unit]]
    return TieredAmounts(
        value_usd=pd.Series(_values(report), currencies),
        debt=pd.Series(np.maximum(-found.equity, 0.0), currencies),
        charge_usd=pd.Series(_multipliers(report).amount(report.result.units.mr7), units),
    )


def crossings(report: MarginReport, before: TieredAmounts) -> Crossings:
    """What tiers add to the figures of a report, by its own rules, against the tiers of the amounts before.

    An account's currency or unit that was not there before has crossed nothing.
    """
    now, n = tiered_amounts(report), len(report.inputs)
    was = {name: getattr(before, name).reindex(getattr(now, name).index).to_numpy(float) for name in vars(now)}
    account, currency = report.rows.currency_account, report.rows.currency
    equity = _haircuts(report).crossing(now.value_usd.to_numpy(), was["value_usd"])
    debt = now.debt.to_numpy()
    rate, rate_before = (
        debt_rates(report, currency, amount)[0] for amount in (debt, np.where(np.isnan(was["debt"]), debt, was["debt"]))
    )
    debt_mmr = debt * report.market.snapshot.index_usd[currency] * (rate - rate_before)
    by_account = [np.bincount(account, x, n).astype(float) for x in (equity, debt_mmr)]
    units = np.bincount(report.keys.account, _unit_crossings(report, now, was["charge_usd"]), n).astype(float)
    fee = float(report.rules["ratio.liability_fee"])
    mmr = units + by_account[1]
    return Crossings(by_account[0], mmr, required_usd(mmr, np.zeros(n), by_account[1], fee))


def _unit_crossings(report: MarginReport, now: TieredAmounts, charge_before: np.ndarray) -> np.ndarray:
    """Of each unit's MMR: its floor is MR7."""
    u = report.result.units
    floor = u.mr7 - _multipliers(report).crossing(now.charge_usd.to_numpy(), charge_before)
    rest = np.maximum(np.maximum(u.mr1, u.mr2), u.mr6) + u.mr3 + u.mr4 + u.mr5 + u.mr9
    return np.maximum(rest, u.mr7) - np.maximum(rest, floor)


def _values(report: MarginReport) -> np.ndarray:
    price = report.market.snapshot.index_usd[report.rows.currency]
    return np.maximum(report.result.currencies.equity * price, 0.0)


def _haircuts(report: MarginReport) -> _Marginal:
    """Of each currency row."""
    tables = rule_tables(report.rules, [""], report.market.universe.currencies).currencies
    currency = report.rows.currency
    return _Marginal(tables.haircut_upper[currency], tables.haircut_rate[currency])


def _multipliers(report: MarginReport) -> _Marginal:
    """Of each unit row."""
    tables = rule_tables(report.rules, report.market.universe.coins, [""]).multipliers
    coin = report.risk_units.coin[report.keys.unit]
    return _Marginal(tables.upper[coin], tables.multiplier[coin])

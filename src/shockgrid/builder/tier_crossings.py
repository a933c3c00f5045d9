"""What of an account's figures comes from amounts that have left the tiers which they lay in before.

Three rules have tiers by amount: haircuts (marginal, by the USD value of a currency), margin of debts (one rate for the
whole amount) and the multipliers of MR7 (marginal, by the raw charge of a unit). For each the figure with the tier of
the amount before held for any amount is set against the figure as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.modes.mode_tables import borrow_table
from shockgrid.venues.okx.modes.position_tiers import tier_of, tier_rates
from shockgrid.venues.okx.rulebook import Rulebook


@dataclass(frozen=True)
class TieredAmounts:
    """The amounts that tiers go by.

    Attributes:
        value_usd: Value of each account and currency, 0 or more.
        debt: Owed by each account and currency, in the currency.
        charge_usd: Raw charge of each account and unit.
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


def tiered_amounts(report: MarginReport) -> TieredAmounts:
    """The amounts of a report."""
    currencies, rules = _currencies(report), report.rules
    units = report.units.set_index(["account", "unit"])
    charge = units.mr7.copy()
    for name, rows in units.groupby(level="unit", sort=False):
        tiers = _multipliers(rules, report.coin_of(str(name)))
        charge[rows.index] = tiers.amount(rows.mr7.to_numpy())
    return TieredAmounts(currencies.value_usd, currencies.debt, charge)


def crossings(report: MarginReport, before: TieredAmounts) -> Crossings:
    """What tiers add to the figures of a report, by its own rules, against the tiers of the amounts before.

    An account's currency or unit that was not there before has crossed nothing.
    """
    rules, ids = report.rules, report.inputs.ids
    equity, debts, charges = (pd.Series(0.0, index=ids) for _ in range(3))
    currencies = _currencies(report)
    for name, rows in currencies.groupby(level="currency", sort=False):
        was = [s.reindex(rows.index).to_numpy(float) for s in (before.value_usd, before.debt)]
        haircut = _haircut(rules, str(name)).crossing(rows.value_usd.to_numpy(), was[0])
        debt = _debt_crossing(rules, str(name), rows.debt.to_numpy(), was[1]) * rows.price_usd.to_numpy()
        account = rows.index.get_level_values("account")
        equity = equity.add(pd.Series(haircut, account), fill_value=0.0)
        debts = debts.add(pd.Series(debt, account), fill_value=0.0)
    units, now = report.units.set_index(["account", "unit"]), tiered_amounts(report).charge_usd
    for name, rows in units.groupby(level="unit", sort=False):
        tiers = _multipliers(rules, report.coin_of(str(name)))
        was = before.charge_usd.reindex(rows.index).to_numpy(float)
        floor = rows.mr7.to_numpy() - tiers.crossing(now.reindex(rows.index).to_numpy(float), was)
        rest = rows[["mr1", "mr2", "mr6"]].max(axis=1) + rows[["mr3", "mr4", "mr5", "mr9"]].sum(axis=1)
        crossed = np.maximum(rest.to_numpy(), rows.mr7.to_numpy()) - np.maximum(rest.to_numpy(), floor)
        charges = charges.add(pd.Series(crossed, rows.index.get_level_values("account")), fill_value=0.0)
    equity, debts, charges = (s.reindex(ids).to_numpy(float) for s in (equity, debts, charges))
    fee = float(rules["ratio.liability_fee"])
    return Crossings(equity, charges + debts, charges + debts * (1.0 + fee))


@dataclass(frozen=True)
class _Marginal:
    """Marginal tiers: knots and the total there, and the rate of each tier."""

    knots: np.ndarray
    totals: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, bounds: list[float], rates: list[float]) -> _Marginal:
        knots, by_tier = np.append(0.0, bounds), np.array(rates, float)
        return cls(knots, np.append(0.0, np.cumsum(np.diff(knots) * by_tier[:-1])), by_tier)

    def tier(self, amount: np.ndarray) -> np.ndarray:
        return np.clip(np.searchsorted(self.knots, amount, side="left") - 1, 0, len(self.rates) - 1)

    def total(self, amount: np.ndarray) -> np.ndarray:
        tier = self.tier(amount)
        return self.totals[tier] + self.rates[tier] * (amount - self.knots[tier])

    def amount(self, total: np.ndarray) -> np.ndarray:
        """The amount that is charged a total; rates above 0."""
        tier = np.clip(np.searchsorted(self.totals, total, side="left") - 1, 0, len(self.rates) - 1)
        return self.knots[tier] + (total - self.totals[tier]) / self.rates[tier]

    def crossing(self, amount: np.ndarray, before: np.ndarray) -> np.ndarray:
        """The total less what it were at the rate that ``before`` ended with; 0 where that is NaN."""
        known = ~np.isnan(before)
        was = np.where(known, before, 0.0)
        held = self.total(was) + self.rates[self.tier(was)] * (amount - was)
        same = self.tier(amount) == self.tier(was)
        return np.where(known & ~same, self.total(amount) - held, 0.0)


def _haircut(rules: Rulebook, currency: str) -> _Marginal:
    bounds, rates = (rules.of_each(f"haircut.{key}", [currency])[0] for key in ("bounds_usd", "rates"))
    return _Marginal.of(bounds, rates)


def _multipliers(rules: Rulebook, coin: str) -> _Marginal:
    bounds, rates = (rules.of_each(f"mr7.{key}", [coin])[0] for key in ("multiplier_bounds_usd", "multipliers"))
    return _Marginal.of(bounds, rates)


def _debt_crossing(rules: Rulebook, currency: str, debt: np.ndarray, before: np.ndarray) -> np.ndarray:
    """In the currency: the margin of debts less what it were at the rate of the tier before."""
    table = borrow_table(rules, currency)
    was = np.where(np.isnan(before), debt, before)
    now, then = (tier_rates(tier_of(x, table.bounds, table.step), table)[0] for x in (debt, was))
    return debt * (now - then)


def _currencies(report: MarginReport) -> pd.DataFrame:
    """``value_usd, debt, price_usd`` of every account and currency."""
    rows, found = report.rows, report.result.currencies
    price = report.market.snapshot.index_usd[rows.currency]
    names = np.array(report.market.universe.currencies, object)[rows.currency]
    index = pd.MultiIndex.from_arrays([report.inputs.ids[rows.currency_account], names], names=["account", "currency"])
    columns = {"value_usd": np.maximum(found.equity * price, 0.0), "debt": np.maximum(-found.equity, 0.0)}
    return pd.DataFrame(columns | {"price_usd": price}, index=index)

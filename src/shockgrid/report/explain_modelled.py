"""Which modelled parameters of a rulebook an account's figures rest on."""

from __future__ import annotations

import numpy as np

from shockgrid.market.universe import PERPETUAL_TENOR
from shockgrid.report.contributions import pair_charges, unit_book
from shockgrid.report.explain_currencies import CurrencyLine
from shockgrid.report.explain_layout import Section
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.rule_lookup import rule_tables

HEADINGS = {"borrow": "borrowing"}
BORROWING = ("bounds", "mmr_rates", "imr_rates", "step_amount", "step_rate", "rate_cap")
"""Parameters of ``borrow`` that margin rests on; the others are interest's."""


def modelled_section(report: MarginReport, units: list[dict], lines: list[CurrencyLine]) -> Section:
    """Parameters without a public figure behind components that are not zero for the account."""
    used = set().union(*(_of_unit(report, unit) for unit in units), *(_of_debt(report, line) for line in lines))
    every = report.rules.modelled
    keys = [key for key in every if key in used]
    if not keys:
        return Section("Modelled parameters", (f"None of the {len(every)} that {report.rules.name} has is used.",))
    by_component: dict[str, list[str]] = {}
    for key in keys:
        component = key.split(".")[0]
        by_component.setdefault(HEADINGS.get(component, component.upper()), []).append(key)
    return Section(
        f"Modelled parameters: {len(keys)} of the {len(every)} in {report.rules.name}",
        tuple(f"{name}: {', '.join(members)}" for name, members in by_component.items()),
    )


def _of_unit(report: MarginReport, unit: dict) -> set[str]:
    book = unit_book(report, unit["account"], unit["unit"])
    contracts = report.market.universe.contracts
    option = contracts.is_option[book.instrument]
    has_options, has_others = bool(option.any()), bool((~option).any())
    used = {key for key in report.rules.modelled if unit.get(key.split(".")[0], 0.0) > 0}
    if not has_options:
        used -= {key for key in used if key.startswith(("mr1.vol", "mr7.option"))}
    elif not _floor_binds(report, book.instrument[option]):
        used.discard("mr1.vol_floor")
    if not has_others:
        used.discard("mr7.rate")
    if not (~option & (contracts.tenor[book.instrument] == PERPETUAL_TENOR)).any():
        used.discard("mr7.funding_days")
    if (contracts.tenor[book.instrument] == PERPETUAL_TENOR).all():
        used.discard("mr4.basis_change")
    if not (book.quantity[option] < 0).any():
        used.discard("mr7.option.short_floor_frac")
    if not (book.quantity[option] > 0).any():
        used.discard("mr7.option.floor_frac")
    if "mr9.count_spot" in used and (unit["spot_in_use"] == 0 or not _spot_matters(report, book)):
        used.discard("mr9.count_spot")
    return {key for key in used if _modelled_for(report, key, report.coin_of(unit["unit"]))}


def _spot_matters(report: MarginReport, book) -> bool:
    table = rule_tables(report.rules, [""], []).depeg
    assert table is not None
    net = book.column("denominations").sum(axis=0)
    without, counted = (pair_charges(report, net + np.array([0.0, 0.0, x]), table)[1] for x in (0.0, book.spot_usd))
    return not np.array_equal(without, counted)


def _of_debt(report: MarginReport, line: CurrencyLine) -> set[str]:
    if line.liability_usd <= 0:
        return set()
    used = {key for key in report.rules.modelled if key in [f"borrow.{name}" for name in BORROWING]}
    if line.rate < report.rules["borrow.rate_cap"]:
        used.discard("borrow.rate_cap")
    return {key for key in used if _modelled_for(report, key, line.currency)}


def _modelled_for(report: MarginReport, key: str, name: str) -> bool:
    """Whether the value that applies to a coin or currency is modelled; groups may differ."""
    parameter = report.rules.parameters[key]
    group = report.rules.groupings[parameter.by].of(name) if parameter.by else ""
    return parameter.provenance_of(group) == "modelled"


def _floor_binds(report: MarginReport, options: np.ndarray) -> bool:
    """Whether a shocked volatility of one of these options is held up by the floor."""
    vol, days = report.market.snapshot.vol[options], 365.0 * report.market.snapshot.years[options]
    points, relative = (
        np.interp(days, report.rules["mr1.vol_shock_days"], report.rules[f"mr1.vol_shock_{name}"])
        for name in ("points", "relative")
    )
    return bool((np.minimum(vol - points, vol * (1.0 - relative)) < report.rules["mr1.vol_floor"]).any())

"""Accounts under many rulebooks: what ``sg.margin(..., rulebooks=...)`` runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

import jax
import numpy as np

from shockgrid.accounts.account_rows import AccountRows
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.row_plan import RowPlan
from shockgrid.errors import InputError
from shockgrid.io.rulebook_file import list_rulebooks, load_rulebook
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.numerics.compiling import program_key
from shockgrid.numerics.devices import Device, device_slots, on_each_device
from shockgrid.report.margin_checks import require_finite, require_usable
from shockgrid.report.margin_report import MarginReport
from shockgrid.report.replay_report import ReplayReport
from shockgrid.scenarios.exposures import Exposures
from shockgrid.venues.okx.block_margin import UnitKeys, joined, keyed, map_blocks
from shockgrid.venues.okx.margin import MarginResult
from shockgrid.venues.okx.replay import replay as replay_kernel
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from shockgrid.venues.okx.rule_tables import ContractRules, stacked
from shockgrid.venues.okx.rulebook import Rulebook, Structure

T = TypeVar("T")

Rulebooks: TypeAlias = Rulebook | str | os.PathLike[str] | Iterable[Rulebook | str | os.PathLike[str]]


def replay(market: Market, accounts: Accounts, rulebooks: Rulebooks) -> ReplayReport:
    """Margin the same accounts on the same market under several rulebooks, in float64.

    Pricing that versions share is done once, and each structure is one compiled program whatever the versions.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rulebooks: Rulebooks, their names or paths, or one of these; ``"all"`` for every packaged version.

    Returns:
        The report, versions in the order given.

    Raises:
        InputError: No rulebooks, two of one name, or what is none; otherwise as for ``margin``.
        ShockError: As for ``margin``.
    """
    rules = _rulebooks(rulebooks)
    reports: dict[str, MarginReport] = {}
    structures: dict[Structure, None] = dict.fromkeys(r.structure for r in rules)
    for structure in structures:
        same = [r for r in rules if r.structure == structure]
        for report in _structure_reports(market, accounts, same):
            reports[report.rules.name] = report
    return ReplayReport(tuple(reports[r.name] for r in rules))


def _rulebooks(given: Rulebooks) -> list[Rulebook]:
    if isinstance(given, str) and given == "all":
        given = list_rulebooks()
    rules = [_rulebook(entry) for entry in ([given] if isinstance(given, Rulebook | str | os.PathLike) else given)]
    if not rules:
        raise InputError("margin", "rulebooks", "at least one rulebook", "none")
    seen = [r.name for r in rules]
    repeated = next((name for name in seen if seen.count(name) > 1), None)
    if repeated is not None:
        raise InputError("margin", "rulebooks", "each version once", repr(repeated))
    return rules


def _rulebook(entry: object) -> Rulebook:
    if isinstance(entry, Rulebook):
        return entry
    if isinstance(entry, str | os.PathLike):
        return load_rulebook(entry)
    raise InputError("margin", "rulebooks", "rulebooks, names or paths", repr(entry))


def _structure_reports(market: Market, accounts: Accounts, rules: Sequence[Rulebook]) -> list[MarginReport]:
    """One report a rulebook, all of one structure."""
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = [padded_rule_tables(market, r, contracts, snapshot) for r in rules]
    for r, table in zip(rules, tables, strict=True):
        require_usable(market, r, table)
    pricings, pricing_of = _distinct([table.contracts for table in tables])
    with jax.enable_x64(True):
        inputs = (contracts, snapshot, stacked(pricings), stacked(tables), np.array(pricing_of))
        shared = on_each_device(inputs, device_slots())
    priced: list[Exposures] = []

    def run(rows: AccountRows, plan: RowPlan, device: Device) -> tuple[UnitKeys, MarginResult]:
        exposures, result = replay_kernel(*shared[device], plan)
        priced.append(exposures)
        return keyed(result, rows)

    units = risk_units(market.universe, rules[0].structure)
    keys, results = joined(map_blocks(accounts, market, units, run, program=program_key("replay", inputs)))
    exposures = jax.tree.map(np.asarray, jax.device_get(priced[0]))
    reports = []
    for version, (r, pricing) in enumerate(zip(rules, pricing_of, strict=True)):
        result = _entry(results, version)
        require_finite(accounts, result)
        reports.append(MarginReport(market, accounts, r, keys, _entry(exposures, pricing), result))
    return reports


def _entry(stack: T, place: int) -> T:
    return jax.tree.map(lambda x: x[place], stack)


def _distinct(rules: Sequence[ContractRules]) -> tuple[list[ContractRules], list[int]]:
    """The pricing rules that differ, and which of them each version has."""
    keys = [tuple((leaf.shape, leaf.tobytes()) for leaf in jax.tree.leaves(r)) for r in rules]
    first = {key: keys.index(key) for key in keys}
    place = {key: i for i, key in enumerate(first)}
    return [rules[i] for i in first.values()], [place[key] for key in keys]

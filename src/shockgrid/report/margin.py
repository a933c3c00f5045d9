"""``sg.margin``: from a market, accounts and a rulebook, or several, to a report."""

from __future__ import annotations

from typing import get_args, overload

import jax
import numpy as np

from shockgrid.accounts.account_rows import AccountRows
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.row_plan import RowPlan
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.numerics.compiling import program_key
from shockgrid.numerics.devices import Device, device_slots, on_each_device
from shockgrid.report.margin_checks import require_finite, require_usable
from shockgrid.report.margin_report import MarginReport, OrderBooks
from shockgrid.report.order_worst import worst_of_subsets
from shockgrid.report.replay import Rulebooks, replay
from shockgrid.report.replay_report import ReplayReport
from shockgrid.scenarios.exposures import Exposures
from shockgrid.venues.okx.block_margin import CommonShape, UnitKeys, joined, keyed, map_blocks
from shockgrid.venues.okx.margin import MarginResult, Precision, evaluate_accounts, price_contracts
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from shockgrid.venues.okx.rulebook import Rulebook


@overload
def margin(
    market: Market, accounts: Accounts, rules: Rulebook, *, orders: OrderBooks = ..., precision: Precision = ...
) -> MarginReport: ...


@overload
def margin(market: Market, accounts: Accounts, *, rulebooks: Rulebooks) -> ReplayReport: ...


def margin(
    market: Market,
    accounts: Accounts,
    rules: Rulebook | None = None,
    *,
    rulebooks: Rulebooks | None = None,
    orders: OrderBooks = "three_books",
    precision: Precision = "float64",
) -> MarginReport | ReplayReport:
    """Margin any number of accounts.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.
        rulebooks: Instead of ``rules``: several, or ``"all"``, for one table over versions.
        orders: How open orders enter the initial margin of a unit: the worst of ``three_books`` (none, all buys, all
            sells filled), or the exact worst over ``every_subset`` of them, of at most 16 orders a unit.
        precision: ``float32`` sums positions and applies the rules of units in single precision, which is faster and
            wrong by about 1e-7 of a unit's gross size (docs/performance.md).

    Returns:
        The report; its frames are built when first asked for. With ``rulebooks`` a ``ReplayReport``.

    Raises:
        InputError: A position or balance that the market cannot price, or so large that a figure overflows; neither or
            both of ``rules`` and ``rulebooks``; too many orders for every subset of them, or ``orders`` with
            ``rulebooks``.
        ShockError: A shock of the rulebook that would make a price of the market negative.
    """
    if (rules is None) == (rulebooks is None):
        raise InputError("margin", "rules", "either a rulebook or rulebooks=[...]", "both" if rules else "neither")
    if rules is not None and not isinstance(rules, Rulebook):
        raise InputError("margin", "rules", "a rulebook, from load_rulebook", repr(rules))
    for name, value, kind in (("orders", orders, OrderBooks), ("precision", precision, Precision)):
        choices = get_args(kind) if rules else get_args(kind)[:1]
        if value not in choices:
            expected = " or ".join(choices) + ("" if rules else ", with rulebooks=[...]")
            raise InputError("margin", name, expected, repr(value))
    if rules is None:
        return replay(market, accounts, [] if rulebooks is None else rulebooks)
    return margin_report(market, accounts, rules, orders=orders, precision=precision)


def margin_report(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    *,
    orders: OrderBooks,
    precision: Precision,
    shape: CommonShape | None = None,
) -> MarginReport:
    """Margin accounts under one rulebook; arguments as for ``margin``, and ``shape`` as for ``map_blocks``."""
    keys, exposures, result = evaluate(market, accounts, rules, orders, precision, shape)
    require_finite(accounts, result)
    return MarginReport(market, accounts, rules, keys, exposures, result, orders, precision)


def evaluate(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    orders: OrderBooks,
    precision: Precision,
    shape: CommonShape | None,
) -> tuple[UnitKeys, Exposures, MarginResult]:
    """Run the kernels and bring the arrays to the host.

    Args:
        market: The market.
        accounts: The accounts.
        rules: The rulebook.
        orders: As for ``margin``.
        precision: Likewise.
        shape: As for ``map_blocks``.

    Raises:
        InputError: As for ``margin``.
        ShockError: As for ``margin``.
    """
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    require_usable(market, rules, tables)
    subsets = orders == "every_subset"
    # float64 only inside: flipping the global flag would change the arrays of whoever imports us.
    with jax.enable_x64(True):
        exposures = price_contracts(contracts, snapshot, tables.contracts)
        shared = on_each_device((contracts, snapshot, tables, exposures), device_slots())

    def run(rows: AccountRows, plan: RowPlan, device: Device) -> tuple[UnitKeys, MarginResult]:
        contracts, snapshot, tables, exposures = shared[device]
        order_mmr = None
        if subsets:
            order_mmr = worst_of_subsets(accounts, contracts, snapshot, tables, rows, exposures)
        found = evaluate_accounts(contracts, snapshot, tables, plan, exposures, order_mmr, precision=precision)
        return keyed(found, rows)

    units = risk_units(market.universe, rules.structure)
    program = program_key(f"margin in {precision}, {orders}", contracts, snapshot, tables, exposures)
    keys, result = joined(map_blocks(accounts, market, units, run, program=program, whole=subsets, shape=shape))
    return keys, jax.tree.map(np.asarray, jax.device_get(exposures)), result

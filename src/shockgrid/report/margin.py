"""``sg.margin``: from a market, accounts and a rulebook, or several, to a report."""

from __future__ import annotations

from typing import get_args, overload

import jax
import numpy as np

from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.row_plan import AccountRows, plan_rows
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.report.margin_checks import require_finite, require_usable
from shockgrid.report.margin_report import MarginReport, OrderBooks
from shockgrid.report.order_worst import worst_of_subsets
from shockgrid.report.replay import Rulebooks, replay
from shockgrid.report.replay_report import ReplayReport
from shockgrid.stress.exposures import Exposures
from shockgrid.venues.okx.margin import MarginResult, evaluate_accounts, price_contracts
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from shockgrid.venues.okx.rulebook import Rulebook


@overload
def margin(market: Market, accounts: Accounts, rules: Rulebook, *, orders: OrderBooks = ...) -> MarginReport: ...


@overload
def margin(market: Market, accounts: Accounts, *, rulebooks: Rulebooks) -> ReplayReport: ...


def margin(
    market: Market,
    accounts: Accounts,
    rules: Rulebook | None = None,
    *,
    rulebooks: Rulebooks | None = None,
    orders: OrderBooks = "three_books",
) -> MarginReport | ReplayReport:
    """Margin any number of accounts, in float64.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.
        rulebooks: Instead of ``rules``: several, or ``"all"``, for one table over versions.
        orders: How open orders enter the initial margin of a unit: the worst of ``three_books`` (none, all buys, all
            sells filled), or the exact worst over ``every_subset`` of them, of at most 16 orders a unit.

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
    if orders not in get_args(OrderBooks) or (rules is None and orders != "three_books"):
        expected = " or ".join(get_args(OrderBooks)) if rules else "three_books, with rulebooks=[...]"
        raise InputError("margin", "orders", expected, repr(orders))
    if rules is None:
        return replay(market, accounts, [] if rulebooks is None else rulebooks)
    rows = plan_rows(accounts, market, risk_units(market.universe, rules.structure))
    exposures, result = evaluate(market, rows, rules, subsets_of=accounts if orders == "every_subset" else None)
    require_finite(accounts, result)
    return MarginReport(market, accounts, rules, rows, exposures, result, orders)


def evaluate(
    market: Market, rows: AccountRows, rules: Rulebook, *, subsets_of: Accounts | None = None
) -> tuple[Exposures, MarginResult]:
    """Run the kernels in float64 and bring the arrays to the host.

    Args:
        market: The market.
        rows: The rows of the accounts.
        rules: The rulebook.
        subsets_of: The accounts, where every subset of their orders counts.

    Raises:
        InputError: As for ``require_usable``.
        ShockError: As for ``margin``.
    """
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    require_usable(market, rules, tables)
    # float64 only inside: flipping the global flag would change the arrays of whoever imports us.
    with jax.enable_x64(True):
        exposures = price_contracts(contracts, snapshot, tables.contracts)
        order_mmr = None
        if subsets_of is not None:
            order_mmr = worst_of_subsets(subsets_of, contracts, snapshot, tables, rows, exposures)
        result = evaluate_accounts(contracts, snapshot, tables, rows.plan, exposures, order_mmr)
        return jax.tree.map(np.asarray, jax.device_get((exposures, result)))

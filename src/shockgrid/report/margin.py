"""``sg.margin``: from a market, accounts and a rulebook to a report."""

from __future__ import annotations

import jax
import numpy as np

from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.row_plan import AccountRows, plan_rows
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.margin import MarginResult, margin_result
from shockgrid.venues.okx.price_limits import require_positive_prices
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_tables import RuleTables, rule_tables
from shockgrid.venues.okx.rulebook import Rulebook


def margin(market: Market, accounts: Accounts, rules: Rulebook) -> MarginReport:
    """Margin any number of accounts, in float64.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.

    Returns:
        The report; its frames are built when first asked for.

    Raises:
        InputError: A position or balance that the market cannot price, or so large that a figure overflows.
        ShockError: A shock of the rulebook that would make a price of the market negative.
    """
    rows = plan_rows(accounts, market, risk_units(market.universe, rules.structure))
    result = evaluate(market, rows, rules)
    _require_finite(accounts, result)
    return MarginReport(market, accounts, rules, rows, result)


def _require_finite(accounts: Accounts, result: MarginResult) -> None:
    """Finite inputs can still overflow; a NaN must not end as a safe account."""
    figures = (result.accounts.equity_usd, result.accounts.gross_equity_usd, result.accounts.imr_usd)
    bad = ~np.isfinite(np.stack([figure[: len(accounts)] for figure in figures])).all(axis=0)
    if bad.any():
        row = int(np.argmax(bad))
        where = accounts.source.locate("accounts", row, "id")
        expected = "sizes and prices whose margin is a finite number"
        raise InputError(accounts.source.file, where, expected, repr(accounts.ids[row]))


def evaluate(market: Market, rows: AccountRows, rules: Rulebook) -> MarginResult:
    """Run the kernels in float64 and bring the arrays to the host.

    Raises:
        ShockError: As for ``margin``.
    """
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, len(contracts.coin_currency), snapshot.index_usd.shape[-1])
    require_positive_prices(market, tables)
    # float64 only inside: flipping the global flag would change the arrays of whoever imports us.
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, jax.device_get(margin_result(contracts, snapshot, tables, rows.plan)))


def padded_rule_tables(market: Market, rules: Rulebook, n_coins: int, n_currencies: int) -> RuleTables:
    """Rule tables whose coin and currency axes are padded like the market's."""
    coins, currencies = market.universe.coins, market.universe.currencies
    return rule_tables(
        rules, [*coins, *[""] * (n_coins - len(coins))], [*currencies, *[""] * (n_currencies - len(currencies))]
    )

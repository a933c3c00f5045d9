"""What a market must have for a rulebook, and a result before it is shown."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.venues.okx.margin import MarginResult
from shockgrid.venues.okx.price_limits import require_positive_prices
from shockgrid.venues.okx.rule_tables import RuleTables
from shockgrid.venues.okx.rulebook import Rulebook


def require_usable(market: Market, rules: Rulebook, tables: RuleTables) -> None:
    """Check that no shock makes a price negative, and that what the rules ask for is there.

    Raises:
        ShockError: A shock of the rulebook that would make a price of the market negative.
        InputError: A perpetual without a funding rate, where the rules count funding.
    """
    require_positive_prices(market, tables.contracts, rules.name)
    if tables.contracts.funding_days > 0:
        _require_funding_rates(market, rules)


def _require_funding_rates(market: Market, rules: Rulebook) -> None:
    table = market.table
    missing = (table.kind == "perpetual") & np.isnan(table.details.get("funding_rate", np.full(len(table), np.nan)))
    if missing.any():
        expected = f"a funding rate per 8 hours, which mr7.funding_days of {rules.name} needs"
        where = market.source.locate("instruments", int(np.argmax(missing)), "funding_rate")
        raise InputError(market.source.file, where, expected, "nothing")


def require_finite(accounts: Accounts, result: MarginResult) -> None:
    """Finite inputs can still overflow; a NaN must not end as a safe account.

    Raises:
        InputError: An account with a figure that is not finite.
    """
    figures = (result.accounts.equity_usd, result.accounts.gross_equity_usd, result.accounts.imr_usd)
    bad = ~np.isfinite(np.stack([figure[: len(accounts)] for figure in figures])).all(axis=0)
    if bad.any():
        row = int(np.argmax(bad))
        where = accounts.source.locate("accounts", row, "id")
        expected = "sizes and prices whose margin is a finite number"
        raise InputError(accounts.source.file, where, expected, repr(accounts.ids[row]))

"""In what order currencies are sold when debts must be bought back (okx_portfolio_margin.md section 11)."""

from __future__ import annotations

import numpy as np

from shockgrid.market.market import Market
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.venues.okx.rulebook import Rulebook


def first_discount_rates(market: Market, rules: Rulebook) -> np.ndarray:
    """``[currency]`` the discount rate of the first tier; what has a rate of 0 is not sold."""
    return np.array([tiers[0] for tiers in rules.of_each("haircut.rates", market.universe.currencies)])


def sale_order(market: Market, rules: Rulebook) -> np.ndarray:
    """Currencies in the order in which they are sold.

    Higher discount rates first, then USDT, USDC and USD, then coins by the volume of their contracts, then by name.
    """
    currencies, rates = market.universe.currencies, first_discount_rates(market, rules)
    stable = [DENOMINATIONS.index(c) if c in DENOMINATIONS else len(DENOMINATIONS) for c in currencies]
    # Names are sorted already, and the sort is stable.
    return np.lexsort((-_largest_volume(market), np.array(stable), -rates))


def _largest_volume(market: Market) -> np.ndarray:
    """Largest 24-hour volume among the contracts on each currency, 0 where none is given."""
    volume = np.zeros(len(market.universe.currencies))
    given = market.table.details.get("volume_24h_usd")
    if given is not None:
        of_contract = market.universe.contracts.coin_currency[market.universe.contracts.coin]
        np.maximum.at(volume, of_contract, np.nan_to_num(given[market.order]))
    return volume

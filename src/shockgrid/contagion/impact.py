"""What the liquidation orders of a round do to the price of each coin.

A square-root law: trading all of the depth moves the price by the band that the depth is quoted within. What stays of
the move is its average over the trade, two thirds, so that who trades pays on average what the price keeps (the fair
price condition of Farmer, Gerig, Lillo and Waelbroeck, 2013).
"""

from __future__ import annotations

import numpy as np

from shockgrid.market.liquidity import AVERAGE_OF_ROOT, liquidity
from shockgrid.market.market import Market


def coin_depths(market: Market) -> np.ndarray:
    """``[coin]`` depth of all perpetuals and futures on each coin, USD on one side; NaN where none is known."""
    found, contracts = liquidity(market), market.universe.contracts
    counts = found.tradable & ~contracts.is_option & ~np.isnan(found.depth_usd)
    n = len(market.universe.coins)
    total = np.bincount(contracts.coin[counts], found.depth_usd[counts], minlength=n)
    return np.where(np.bincount(contracts.coin[counts], minlength=n) > 0, total, np.nan)


def price_moves(traded_usd: np.ndarray, depth_usd: np.ndarray, band: float) -> np.ndarray:
    """Relative move of each coin's price that stays after a round, ``sign(V) 2/3 band sqrt(|V| / depth)``.

    Args:
        traded_usd: ``[coin]`` net cash delta bought, below zero for sold.
        depth_usd: ``[coin]`` above 0; infinity moves nothing.
        band: What the depth is quoted within, as a fraction.
    """
    return np.sign(traded_usd) * AVERAGE_OF_ROOT * band * np.sqrt(np.abs(traded_usd) / depth_usd)

"""What a market can take: lots, depth, what can be traded at all, and what a trade moves the price by."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from shockgrid.market.market import Market
from shockgrid.market.universe import KINDS
from shockgrid.numerics.ordering import places_in_order
from shockgrid.numerics.shapes import Array

AVERAGE_OF_ROOT = 2.0 / 3.0
"""Trading up a square-root impact curve pays, on average, two thirds of where it ends."""


@dataclass(frozen=True)
class Liquidity:
    """Of every instrument of a market, in the order of its universe (NumPy).

    Attributes:
        lot: Contracts; 1 where the market gives none.
        depth_usd: On one side within the band; NaN where the market gives none.
        half_spread: As a fraction of the mark; 0 where the market gives none.
        volume_usd: Of 24 hours; NaN where the market gives none.
        tradable: Listed, not halted or expired, and of a depth that is not zero.
    """

    lot: np.ndarray
    depth_usd: np.ndarray
    half_spread: np.ndarray
    volume_usd: np.ndarray
    tradable: np.ndarray


def liquidity(market: Market) -> Liquidity:
    """Read what the market says about its instruments."""
    n, order, details = len(market.universe), market.order, market.table.details

    def column(name: str) -> np.ndarray:
        return details[name][order] if name in details else np.full(n, np.nan)

    def time_column(name: str) -> np.ndarray:
        return details[name][order] if name in details else np.full(n, "NaT", "datetime64[ms]")

    lot, depth, spread = column("lot"), column("depth_usd"), column("spread_frac")
    expiry = market.universe.expiry
    # Comparisons with NaT are false: what has no such time is listed, not halted and does not expire.
    closed = (time_column("listed") > market.time) | (time_column("halted") <= market.time) | (expiry <= market.time)
    return Liquidity(
        lot=np.where(np.isnan(lot), 1.0, lot),
        depth_usd=depth,
        half_spread=np.nan_to_num(spread) / 2.0,
        volume_usd=column("volume_24h_usd"),
        tradable=~closed & (depth != 0.0),
    )


def liquidity_order(market: Market, found: Liquidity) -> np.ndarray:
    """Instruments, the most liquid first: by depth, then volume, then perpetuals before futures, then id.

    What has no depth, or no volume, comes after all that has one.
    """

    def falling(values: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(values), np.inf, -values)

    dated = market.universe.kinds != KINDS.index("perpetual")
    return np.lexsort(
        (places_in_order(market.universe.ids), dated, falling(found.volume_usd), falling(found.depth_usd))
    )


def impact_usd(volume_usd: Array, depth_usd: Array, half_spread: Array, band: Array) -> Array:
    """What a trade loses to the spread and to its own impact, ``V (spread / 2 + 2/3 band sqrt(V / depth))``.

    The price moves by the band when all of the depth is taken, and with the square root of what is taken.

    Args:
        volume_usd: What is traded, V.
        depth_usd: What lies within the band on one side, above 0.
        half_spread: Half the spread, as a fraction of the price.
        band: Relative move of the price, as a fraction.
    """
    return volume_usd * (half_spread + AVERAGE_OF_ROOT * band * jnp.sqrt(volume_usd / depth_usd))

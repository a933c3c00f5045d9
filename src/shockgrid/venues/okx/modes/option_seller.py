"""Margin of options sold, per coin of underlying, in the coin (okx_portfolio_margin.md section 19).

Options bought are paid for and need none.
"""

from __future__ import annotations

import numpy as np

from shockgrid.numerics.shapes import Bool, Float, Int
from shockgrid.venues.okx.modes.position_tiers import tier_of


def seller_factor(
    sold_coin: Float[np.ndarray, " row"], tier_size: Float[np.ndarray, " row"], factor_step: float
) -> tuple[Int[np.ndarray, " row"], Float[np.ndarray, " row"]]:
    """Tier of sellers, counted from 1, and the factor on their margin: ``1 + factor_step * (tier - 1)``.

    Args:
        sold_coin: Coins of underlying that each sells, positions and orders, not negative.
        tier_size: Width of a tier, upper bound included; 0: one tier for any amount.
        factor_step: Added by each tier after the first.
    """
    tier = np.ones(len(sold_coin), np.int64)
    for size in np.unique(tier_size[tier_size > 0]):
        rows = tier_size == size
        tier[rows] = tier_of(sold_coin[rows], np.array([size]), float(size))
    return tier, 1.0 + factor_step * (tier - 1)


def out_of_the_money_usd(
    is_call: Bool[np.ndarray, " row"], strike: Float[np.ndarray, " row"], forward: Float[np.ndarray, " row"]
) -> Float[np.ndarray, " row"]:
    """How far a strike is out of the money at the forward of its expiry, USD per coin; 0 in the money."""
    return np.maximum(np.where(is_call, strike - forward, forward - strike), 0.0)


def initial_margin(
    otm_usd: Float[np.ndarray, " row"],
    forward: Float[np.ndarray, " row"],
    mark: Float[np.ndarray, " row"],
    factor: Float[np.ndarray, " row"],
    floor: float,
    base: float,
) -> Float[np.ndarray, " row"]:
    """``max(a, b - OTM / F) * factor + mark``, per coin, in the coin.

    Args:
        otm_usd: Distance out of the money, USD per coin.
        forward: Of the option's expiry, USD per coin.
        mark: Of the option, coin per coin.
        factor: Of the seller's tier.
        floor: a.
        base: b.
    """
    return np.maximum(floor, base - otm_usd / forward) * factor + mark


def maintenance_margin(
    is_call: Bool[np.ndarray, " row"],
    mark: Float[np.ndarray, " row"],
    factor: Float[np.ndarray, " row"],
    rate: Float[np.ndarray, " row"],
) -> Float[np.ndarray, " row"]:
    """Call ``c * factor + mark``, put ``max(c, c * mark) * factor + mark``, per coin, in the coin.

    Args:
        is_call: Whether it is a call.
        mark: Of the option, coin per coin; of a put deep in the money it may be above 1.
        factor: Of the seller's tier.
        rate: c.
    """
    return np.where(is_call, rate, np.maximum(rate, rate * mark)) * factor + mark


def sell_order_margin(
    initial: Float[np.ndarray, " order"], price: Float[np.ndarray, " order"], least: float
) -> Float[np.ndarray, " order"]:
    """``max(initial margin - order price, least)``: what an order brings in counts toward its margin. In the coin."""
    return np.maximum(initial - price, least)

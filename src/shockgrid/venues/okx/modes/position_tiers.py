"""Perpetuals and futures: the rate of the tier that holds the whole position (okx_portfolio_margin.md section 19)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.numerics.shapes import Float, Int


@dataclass(frozen=True)
class TierTable:
    """Whole-amount tiers: not marginal, an amount takes one rate, its bound included in a tier.

    Attributes:
        bounds: ``[tier]`` ascending upper bounds of the amount; empty if one tier holds any amount.
        step: Width of each further tier; 0: there are none.
        mmr_rates, imr_rates: ``[tier]`` fractions of the notional, at least one of each.
        step_rate: Added to both rates by each further tier.
        rate_cap: No rate is above it.
        in_contracts: Whether the amount is a number of contracts, not USD.
    """

    bounds: Float[np.ndarray, " bound"]
    step: float
    mmr_rates: Float[np.ndarray, " tier"]
    imr_rates: Float[np.ndarray, " tier"]
    step_rate: float
    rate_cap: float
    in_contracts: bool = False


def tier_of(
    amount: Float[np.ndarray, "*row"], bounds: Float[np.ndarray, " bound"], step: float
) -> Int[np.ndarray, "*row"]:
    """Tier of each amount, counted from 1: ``tier - 1`` bounds lie below it.

    Args:
        amount: Not negative, in the unit of the bounds.
        bounds: Ascending upper bounds, each included in its tier.
        step: Width of the tiers beyond the last bound; 0: what is beyond lies in the last tier.
    """
    if len(bounds) == 0:
        return np.ones(amount.shape, np.int64)
    tier = 1 + np.searchsorted(bounds, amount, side="left")
    if step == 0:
        return np.minimum(tier, len(bounds))
    beyond = np.ceil(np.maximum(amount - bounds[-1], 0.0) / step)
    return np.where(tier > len(bounds), len(bounds) + beyond.astype(np.int64), tier)


def tier_rates(
    tier: Int[np.ndarray, "*row"], table: TierTable
) -> tuple[Float[np.ndarray, "*row"], Float[np.ndarray, "*row"]]:
    """Maintenance and least initial rate of each tier, as fractions of the notional.

    ``rate = min(rate of the last tier listed + step_rate * tiers beyond it, rate_cap)``.
    """
    listed = len(table.mmr_rates)
    beyond = table.step_rate * np.maximum(tier - listed, 0)
    place = np.minimum(tier, listed) - 1
    mmr_rate, imr_rate = (
        np.minimum(rates[place] + beyond, table.rate_cap) for rates in (table.mmr_rates, table.imr_rates)
    )
    return mmr_rate, imr_rate


def contract_rates(
    contracts: Float[np.ndarray, "*row"],
    notional_usd: Float[np.ndarray, "*row"],
    leverage: Float[np.ndarray, "*row"],
    table: TierTable,
) -> tuple[Int[np.ndarray, "*row"], Float[np.ndarray, "*row"], Float[np.ndarray, "*row"]]:
    """Tier, maintenance and initial rate of positions in perpetuals or futures of one table.

    ``maintenance = rate of the tier``, ``initial = max(1 / leverage, least rate of the tier)``, both times the
    notional: a leverage above what the tier allows counts as the highest that it does.

    Args:
        contracts: Number of contracts of each position, without its sign.
        notional_usd: Its notional.
        leverage: Set for it, 1 or more.
        table: Of all of them.
    """
    tier = tier_of(contracts if table.in_contracts else notional_usd, table.bounds, table.step)
    mmr_rate, least = tier_rates(tier, table)
    return tier, mmr_rate, np.maximum(1.0 / leverage, least)

"""Which candidate is traded: every one is valued by a margin of the account after it (docs/liquidation.md)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Bool, Float, Int
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.figures import (
    AccountFigures,
    Evaluation,
    Setting,
    account_figures,
    gross_charge,
    members,
    one_unit,
    own_spot,
)
from shockgrid.venues.okx.liquidation.trades import LiquidationRules, Trade, cash_changes, trade_costs
from shockgrid.venues.okx.unit_margin import TIE_TOLERANCE

LEAST_RELIEF = 1e-12
"""Of equity and required margin together: less is rounding."""

NOISE = 1e-14
"""Of the same: reliefs are differences of figures of that size, and this close they are equal."""

LEAST_COST_USD = 1e-6
"""What a trade that costs nothing counts as costing."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Candidates:
    """Trades that a stage proposes, one for each entry, and then for each unit, of the account.

    Attributes:
        trade: Of each.
        unit: Which of the account's units each trades in.
        valid: Whether there is such a candidate.
    """

    trade: Trade
    unit: Int[AnyArray, "*account anchor"]
    valid: Bool[AnyArray, "*account anchor"]


def first_largest(
    values: Float[Array, " row"],
    valid: Bool[Array, " row"],
    rank: Int[Array, " row"],
    noise: Float[Array, " row"] | float = 0.0,
) -> Array:
    """Place of the largest valid value; of those within 1e-9 of it (and their noise), of the first in rank."""
    largest = jnp.max(jnp.where(valid, values, -jnp.inf))
    near = valid & (values + noise >= largest - TIE_TOLERANCE * jnp.abs(largest))
    return jnp.argmin(jnp.where(near, rank, jnp.iinfo(rank.dtype).max))


def best_candidate(
    s: Setting,
    rules: LiquidationRules,
    held: Holdings,
    now: Evaluation,
    found: Candidates,
    least_mmr: Float[Array, ""],
) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """The candidate with the largest relief of the shortfall per USD of cost, and whether any counts.

    Args:
        s: The setting.
        rules: The process's numbers.
        held: Holdings now.
        now: Their margin.
        found: What the stage proposes.
        least_mmr: MMR that a candidate must relieve.
    """
    value = jax.vmap(_after_candidate, in_axes=(None, None, None, None, 0, 0))
    after, cost = value(s, rules, held, now, found.trade, found.unit)
    a = now.account
    relief, size = a.shortfall_usd - after.shortfall_usd, jnp.abs(a.equity_usd) + a.required_usd
    counts = found.valid & (relief > LEAST_RELIEF * size) & (a.mmr_usd - after.mmr_usd >= least_mmr)
    cost = jnp.maximum(cost, LEAST_COST_USD)
    return first_largest(relief / cost, counts, s.book.rank, NOISE * size / cost), jnp.any(counts)


def _after_candidate(
    s: Setting, rules: LiquidationRules, held: Holdings, now: Evaluation, trade: Trade, unit: Int[Array, ""]
) -> tuple[AccountFigures, Float[Array, ""]]:
    """Margin of the account after one candidate, and its cost: its exposures are added to the sums of its unit."""
    terms, q, dq = s.terms, held.quantity, trade.contracts
    costs = trade_costs(s, rules, q, trade)
    equity, cash = cash_changes(s, trade, costs)
    own = members(s)[unit]
    charge = jnp.sum(own * (gross_charge(q + dq, terms) - gross_charge(q, terms)))
    size = jnp.sum(own * (jnp.abs(q + dq) - jnp.abs(q)) * terms.size_usd)
    spot = own_spot(s, now.without_options + cash)
    linear = now.linear[unit] + dq @ terms.linear
    new = one_unit(s, linear, now.charge_usd[unit] + charge, now.size_usd[unit] + size, spot[unit], unit)
    change = new.mmr_usd - now.units.mmr_usd[unit]
    if s.shared.structure == "v1":
        # Cash in the coin that a trade moves may hedge another of the coin's units.
        other = s.book.joined_unit[unit]
        new = one_unit(s, now.linear[other], now.charge_usd[other], now.size_usd[other], spot[other], other)
        change += jnp.where(other >= 0, new.mmr_usd - now.units.mmr_usd[other], 0.0)
    total = jnp.sum(now.units.mmr_usd) + change
    return account_figures(s, total, now.equity + equity), costs.total

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
    own_spot,
    unit_margins,
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
    costs = trade_costs(s, rules, held.quantity, found.trade)
    equity, cash = cash_changes(s, found.trade, costs)
    mmr = now_total(now) + _mmr_changes(s, held, now, found, cash)
    after: AccountFigures = jax.vmap(account_figures, in_axes=(None, 0, 0))(s, mmr, now.equity[None, :] + equity)
    a = now.account
    relief = a.shortfall_usd - after.shortfall_usd
    counts = found.valid & (relief > LEAST_RELIEF * (jnp.abs(a.equity_usd) + a.required_usd))
    counts &= a.mmr_usd - after.mmr_usd >= least_mmr
    cost = jnp.maximum(costs.total, LEAST_COST_USD)
    noise = NOISE * (jnp.abs(a.equity_usd) + a.required_usd) / cost
    return first_largest(relief / cost, counts, s.book.rank, noise), jnp.any(counts)


def now_total(now: Evaluation) -> Float[Array, ""]:
    """MMR of all units."""
    return jnp.sum(now.units.mmr_usd)


def _mmr_changes(
    s: Setting, held: Holdings, now: Evaluation, found: Candidates, cash: Float[Array, "anchor currency"]
) -> Float[Array, " anchor"]:
    """Change of the MMR of all units by each candidate: its exposure rows are added to the sums of its unit."""
    terms, unit, dq = s.terms, found.unit, found.trade.contracts
    own = members(s)[unit]
    q = held.quantity[None, :]
    charge = jnp.sum(own * (gross_charge(q + dq, terms) - gross_charge(q, terms)), axis=1)
    size = jnp.sum(own * (jnp.abs(q + dq) - jnp.abs(q)) * terms.size_usd[None, :], axis=1)
    spot = own_spot(s, now.without_options[None, :] + cash)
    rows = jnp.arange(len(unit))
    after = unit_margins(
        s,
        now.linear[unit] + dq @ terms.linear,
        now.charge_usd[unit] + charge,
        now.size_usd[unit] + size,
        spot[rows, unit],
        unit,
    )
    change = after.mmr_usd - now.units.mmr_usd[unit]
    if s.shared.structure == "v2":
        return change
    # Cash in the coin that a trade moves may hedge another of the coin's units.
    joined = s.book.joined_unit[unit]
    other = unit_margins(
        s, now.linear[joined], now.charge_usd[joined], now.size_usd[joined], spot[rows, joined], joined
    )
    return change + jnp.where(joined >= 0, other.mmr_usd - now.units.mmr_usd[joined], 0.0)

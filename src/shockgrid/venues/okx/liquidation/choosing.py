"""Which candidate is traded: every one is valued by a margin of the account after it (docs/liquidation.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Bool, Float, Int
from shockgrid.venues.okx.liquidation.contract_terms import ContractTerms
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
from shockgrid.venues.okx.liquidation.moment import Moment
from shockgrid.venues.okx.liquidation.trades import Trade, cash_changes, terms_of, trade_costs
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
    """Trades that a stage proposes.

    Attributes:
        trades: One for each entry, and then one for the spot of each unit, of two legs at most.
        valid: Whether there is such a candidate.
        slices: Contracts of each entry in the trades of whole units.
        unit_valid: Whether each unit as a whole is a candidate.
    """

    trades: Trade
    valid: Bool[AnyArray, "*account anchor"]
    slices: Float[AnyArray, "*account entry"]
    unit_valid: Bool[AnyArray, "*account unit"]


def single_legs(s: Setting, contracts: Float[Array, " entry"], valid: Bool[Array, " entry"]) -> Candidates:
    """Candidates that trade one entry each."""
    n, n_units = len(contracts), s.book.unit_key.shape[0]
    entry = jnp.arange(n + n_units) % n
    legs = jnp.stack([jnp.pad(contracts, (0, n_units)), jnp.zeros(n + n_units)], axis=1)
    trades = Trade(jnp.stack([entry, jnp.zeros_like(entry)], axis=1), legs, jnp.zeros(n + n_units), s.book.unit[entry])
    return Candidates(trades, jnp.pad(valid, (0, n_units)), jnp.zeros(n), jnp.zeros(n_units, bool))


def with_partners(found: Candidates, partner: Int[Array, " anchor"], contracts: Float[Array, " anchor"]) -> Candidates:
    """The same with a second leg each; of entries alone where no more are given."""
    more = found.valid.shape[0] - len(partner)
    entry = found.trades.entry.at[:, 1].set(jnp.pad(partner, (0, more)))
    legs = found.trades.contracts.at[:, 1].set(jnp.pad(contracts, (0, more)))
    return replace(found, trades=replace(found.trades, entry=entry, contracts=legs))


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


def best_candidate(m: Moment, found: Candidates) -> tuple[Trade, Bool[Array, ""]]:
    """The candidate with the largest relief of the shortfall per USD of cost, and whether any counts.

    Args:
        m: The account.
        found: What the stage proposes.

    Returns:
        The trade, with a leg for every entry of the book.
    """
    s, a, n = m.setting, m.now.account, found.valid.shape[0]
    units = unit_trades(s, found.slices)
    few_legs = jax.vmap(lambda trade: _changed(m, trade, terms_of(s, trade.entry)))
    all_legs = jax.vmap(lambda trade: _changed(m, trade, s.terms))
    changed = jax.tree.map(lambda *x: jnp.concatenate(x), few_legs(found.trades), all_legs(units))
    after = jax.vmap(_after_candidate, in_axes=(None, None, 0))(s, m.now, changed)
    relief, size = a.shortfall_usd - after.shortfall_usd, jnp.abs(a.equity_usd) + a.required_usd
    least_mmr = jnp.where(m.whole, -jnp.inf, m.rules.whole_below_usd)
    counts = jnp.concatenate([found.valid, found.unit_valid])
    counts &= (relief > LEAST_RELIEF * size) & (a.mmr_usd - after.mmr_usd >= least_mmr)
    cost = jnp.maximum(changed.cost_usd, LEAST_COST_USD)
    n_entries = m.held.quantity.shape[0]
    rank = jnp.concatenate([s.book.rank, s.book.rank[n_entries:]])
    best = first_largest(relief / cost, counts, rank, NOISE * size / cost)
    of_unit = jax.tree.map(lambda x: x[jnp.maximum(best - n, 0)], units)
    legs = _spread(jax.tree.map(lambda x: x[jnp.minimum(best, n - 1)], found.trades), n_entries)
    return jax.tree.map(lambda x, y: jnp.where(best < n, x, y), legs, of_unit), jnp.any(counts)


def unit_trades(s: Setting, slices: Float[Array, " entry"]) -> Trade:
    """The slices of each unit's entries as one trade."""
    own = members(s)
    entry = jnp.broadcast_to(jnp.arange(len(slices)), own.shape)
    return Trade(entry, own * slices[None, :], jnp.zeros(len(own)), jnp.arange(len(own)))


def _spread(trade: Trade, n_entries: int) -> Trade:
    """A trade with a leg for every entry."""
    entry = jnp.arange(n_entries)
    at = (trade.entry[:, None] == entry[None, :]).astype(trade.contracts.dtype)
    return Trade(entry, trade.contracts @ at, trade.coins, trade.unit)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Changed:
    """What a trade makes of the sums of its unit, and of equity.

    Attributes:
        unit: The unit.
        linear, charge_usd, size_usd: Its sums after the trade.
        equity: Of each currency, after it.
        spot: Coins that may hedge each unit, after it.
        cost_usd: Of the trade.
    """

    unit: Int[AnyArray, "*trade"]
    linear: Float[AnyArray, "*trade column"]
    charge_usd: Float[AnyArray, "*trade"]
    size_usd: Float[AnyArray, "*trade"]
    equity: Float[AnyArray, "*trade currency"]
    spot: Float[AnyArray, "*trade unit"]
    cost_usd: Float[AnyArray, "*trade"]


def _changed(m: Moment, trade: Trade, terms: ContractTerms) -> _Changed:
    """Add the exposures of a trade's legs to the sums of its unit."""
    s, now, unit, q, dq = m.setting, m.now, trade.unit, m.held.quantity[trade.entry], trade.contracts
    costs = trade_costs(s, m.rules, m.held.quantity, trade, terms)
    equity, cash = cash_changes(s, trade, costs, terms)
    charge = jnp.sum(gross_charge(q + dq, terms) - gross_charge(q, terms))
    return _Changed(
        unit=unit,
        linear=now.linear[unit] + dq @ terms.linear,
        charge_usd=now.charge_usd[unit] + charge,
        size_usd=now.size_usd[unit] + jnp.sum((jnp.abs(q + dq) - jnp.abs(q)) * terms.size_usd),
        equity=now.equity + equity,
        spot=own_spot(s, now.without_options + cash),
        cost_usd=costs.total,
    )


def _after_candidate(s: Setting, now: Evaluation, after: _Changed) -> AccountFigures:
    """Margin of the account after one candidate."""
    unit = after.unit
    new = one_unit(s, after.linear, after.charge_usd, after.size_usd, after.spot[unit], unit)
    change = new.mmr_usd - now.units.mmr_usd[unit]
    if s.shared.structure == "v1":
        # Cash in the coin that a trade moves may hedge another of the coin's units.
        other = s.book.joined_unit[unit]
        new = one_unit(s, now.linear[other], now.charge_usd[other], now.size_usd[other], after.spot[other], other)
        change += jnp.where(other >= 0, new.mmr_usd - now.units.mmr_usd[other], 0.0)
    return account_figures(s, jnp.sum(now.units.mmr_usd) + change, after.equity)

"""Trades of one account: how large a leg may be, what it costs, and what it does to holdings (docs/liquidation.md)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.market.liquidity import impact_usd
from shockgrid.numerics.shapes import AnyArray, Array, Float, Int
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.contract_terms import ContractTerms
from shockgrid.venues.okx.liquidation.figures import Setting, in_currency, one_hot

WHOLE_LOTS = 1e-9
"""What is this close to the next lot, in lots, or to all that is held, relatively, is that."""

LEAST_SPOT_USD = 0.01
"""Less spot, or debt, than a cent is what rounding left, and is not traded."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LiquidationRules:
    """The numbers of the process; names as in the rulebook's group ``liquidation``.

    Attributes:
        step_frac: Of the stage that runs.
        trigger_frac: Of DDH2.
        spot_fee_frac, spot_slippage_frac: Costs of trading spot, those of forced conversion.
    """

    step_frac: Float[AnyArray, ""]
    trigger_frac: Float[AnyArray, ""]
    whole_below_usd: Float[AnyArray, ""]
    depth_band_frac: Float[AnyArray, ""]
    spot_fee_frac: Float[AnyArray, ""]
    spot_slippage_frac: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Trade:
    """Legs that are done at once, in one unit; of many trades with a trade axis in front.

    Attributes:
        entry: The entry of the book that each leg trades.
        contracts: Signed, of each leg.
        coins: Signed, of the spot of the unit's coin.
        unit: Which of the account's units.
    """

    entry: Int[AnyArray, "*trade leg"]
    contracts: Float[AnyArray, "*trade leg"]
    coins: Float[AnyArray, "*trade"]
    unit: Int[AnyArray, "*trade"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TradeCosts:
    """In USD, of each leg."""

    fee_usd: Float[AnyArray, "*trade leg"]
    slippage_usd: Float[AnyArray, "*trade leg"]
    spot_fee_usd: Float[AnyArray, "*trade"]
    spot_slippage_usd: Float[AnyArray, "*trade"]

    @property
    def total(self) -> Array:
        """Of the whole trade."""
        return jnp.sum(self.fee_usd + self.slippage_usd, axis=-1) + self.spot_fee_usd + self.spot_slippage_usd


def terms_of(s: Setting, entry: Int[Array, " leg"]) -> ContractTerms:
    """The terms of the entries that legs trade."""
    return jax.tree.map(lambda x: x[entry], s.terms)


def leg_size(wanted: Array, most: Array, terms: ContractTerms) -> Array:
    """Contracts that a leg trades: what is wanted, in lots, as far as what is held and the market's depth allow.

    All that is held may go whatever the lots; a lot of 0 allows any size. What is less than a lot is one lot, or
    nothing where that does not fit.

    Args:
        wanted: Contracts, 0 or more.
        most: What is held, where the leg reduces it; infinity elsewhere.
        terms: Of the entries.
    """
    limit = jnp.minimum(most, terms.room)
    size = jnp.minimum(wanted, limit)
    lot = jnp.where(terms.lot > 0.0, terms.lot, 1.0)
    lots = jnp.where(terms.lot > 0.0, jnp.minimum(jnp.floor(size / lot + WHOLE_LOTS) * lot, limit), size)
    lots = jnp.where(lots > 0.0, lots, jnp.where(terms.lot <= limit, terms.lot, 0.0))
    everything = size >= most * (1.0 - WHOLE_LOTS)
    return jnp.where(size <= 0.0, 0.0, jnp.where(everything, most, lots))


def trade_costs(
    s: Setting, rules: LiquidationRules, quantity: Float[Array, " entry"], trade: Trade, terms: ContractTerms
) -> TradeCosts:
    """Fee and slippage of each leg.

    Slippage is the impact on the depth, where it is known; elsewhere what MR7 charges the side held beyond the fee.

    Args:
        s: The setting.
        rules: The process's numbers.
        quantity: What is held before.
        trade: What is traded.
        terms: Of its legs.
    """
    traded, before = jnp.abs(trade.contracts), quantity[trade.entry]
    side = jnp.where(before == 0.0, trade.contracts, before)
    charge = jnp.where(side > 0.0, terms.charge_long, terms.charge_short)
    by_rule = traded * jnp.maximum(charge - terms.fee_usd, 0.0)
    known = ~jnp.isnan(terms.depth_usd)
    depth = jnp.where(known, terms.depth_usd, 1.0)
    by_depth = impact_usd(traded * terms.traded_usd, depth, terms.half_spread, rules.depth_band_frac)
    spot_usd = jnp.abs(trade.coins) * s.units.index_usd[trade.unit]
    return TradeCosts(
        fee_usd=traded * terms.fee_usd,
        slippage_usd=jnp.where(known, by_depth, by_rule),
        spot_fee_usd=rules.spot_fee_frac * spot_usd,
        spot_slippage_usd=rules.spot_slippage_frac * spot_usd,
    )


def cash_changes(
    s: Setting, trade: Trade, costs: TradeCosts, terms: ContractTerms
) -> tuple[Float[Array, " currency"], Float[Array, " currency"]]:
    """Change of each currency's equity, and of its equity without options, by a trade at today's marks."""
    place = jnp.arange(s.currency_usd.shape[0])
    settles = one_hot(terms.settle, len(place)).astype(s.currency_usd.dtype)
    cost = ((costs.fee_usd + costs.slippage_usd) / terms.settle_usd) @ settles
    premium = jnp.where(terms.is_option, trade.contracts * terms.value, 0.0) @ settles
    coin = jnp.where(place == s.book.spot_currency[trade.unit], trade.coins, 0.0)
    paid = trade.coins * s.units.index_usd[trade.unit] + costs.spot_fee_usd + costs.spot_slippage_usd
    equity = coin - jnp.where(place == s.book.quote, paid / s.currency_usd, 0.0) - cost
    return equity, equity - premium


def after_trade(s: Setting, held: Holdings, trade: Trade, costs: TradeCosts) -> Holdings:
    """Holdings after one trade: closing turns unrealised profit into cash, what is opened enters at the mark.

    Args:
        s: The setting.
        held: Before.
        trade: With a leg for every entry, in their order.
        costs: Of the trade.
    """
    terms, q, dq = s.terms, held.quantity, trade.contracts
    closes = q * dq < 0.0
    share = jnp.where(closes, jnp.minimum(jnp.abs(dq) / jnp.where(q == 0.0, 1.0, jnp.abs(q)), 1.0), 0.0)
    realised = jnp.where(terms.is_option, 0.0, share * (q * terms.value - held.entry_value))
    opened = jnp.where(closes, 0.0, dq * terms.value)
    _, change = cash_changes(s, trade, costs, terms)
    # Rows that net to zero hold nothing and may still have a gain: it stays where it is.
    gone = (dq == -q) & (q != 0.0)
    return Holdings(
        quantity=jnp.where(gone, 0.0, q + dq),
        entry_value=jnp.where(gone, 0.0, held.entry_value * (1.0 - share) + opened),
        cash=held.cash + change + in_currency(s, realised),
    )

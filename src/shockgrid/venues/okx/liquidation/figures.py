"""One account margined exactly, from what it holds (okx_computation.md sections 2 to 4)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Bool, Float, Int
from shockgrid.scenarios.exposures import LinearRisks, RiskSums, split_linear
from shockgrid.venues.okx.equity import adjusted_usd
from shockgrid.venues.okx.liquidation.book import Book, Holdings
from shockgrid.venues.okx.liquidation.contract_terms import ContractTerms
from shockgrid.venues.okx.margin import required_usd
from shockgrid.venues.okx.mr8_borrowing import borrow_margin_usd
from shockgrid.venues.okx.rule_tables import RuleTables
from shockgrid.venues.okx.unit_margin import SharedRules, UnitMargin, UnitRules, unit_components, unit_margin


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Setting:
    """What an account is margined with: the terms of its entries, the rules of its units, prices, and all tables.

    Attributes:
        like: Names the columns of ``ContractTerms.linear``.
        joins: 1 where the spot of the coin enters the unit.
        currency_usd: Price of every currency of the market.
        stop_ratio: The margin ratio at which liquidation ends.
    """

    book: Book
    terms: ContractTerms
    units: UnitRules
    joins: Float[AnyArray, "*account unit"]
    like: LinearRisks
    shared: SharedRules
    rules: RuleTables
    currency_usd: Float[AnyArray, " currency"]
    stop_ratio: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AccountFigures:
    """The margin of one account, in USD, and its distance from the end of liquidation.

    Attributes:
        shortfall_usd: ``stop_ratio * required - equity``.
    """

    equity_usd: Float[AnyArray, "*account"]
    gross_equity_usd: Float[AnyArray, "*account"]
    mmr_usd: Float[AnyArray, "*account"]
    required_usd: Float[AnyArray, "*account"]
    margin_ratio: Float[AnyArray, "*account"]
    shortfall_usd: Float[AnyArray, "*account"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Evaluation:
    """An account between two trades.

    Attributes:
        account: Its margin.
        units: Of its units.
        linear: Sums over the positions of each unit, side by side.
        charge_usd, size_usd: Likewise, gross.
        equity: Of every currency.
        without_options: Of every currency, without the value of options.
    """

    account: AccountFigures
    units: UnitMargin
    linear: Float[AnyArray, "*account unit column"]
    charge_usd: Float[AnyArray, "*account unit"]
    size_usd: Float[AnyArray, "*account unit"]
    equity: Float[AnyArray, "*account currency"]
    without_options: Float[AnyArray, "*account currency"]


def gross_charge(quantity: Array, terms: ContractTerms) -> Array:
    """MR7's raw charge of quantities held, by side."""
    return jnp.maximum(quantity, 0.0) * terms.charge_long + jnp.maximum(-quantity, 0.0) * terms.charge_short


def members(s: Setting) -> Float[Array, "unit entry"]:
    """1 where an entry belongs to a unit."""
    places = jnp.arange(s.book.unit_key.shape[-1])
    return ((s.book.unit[None, :] == places[:, None]) & s.book.present[None, :]).astype(s.currency_usd.dtype)


def in_currency(s: Setting, amount: Float[Array, " entry"]) -> Float[Array, " currency"]:
    """Amounts of entries, each in its settlement currency, by currency."""
    return amount @ one_hot(s.terms.settle, s.currency_usd.shape[0]).astype(amount.dtype)


def one_hot(place: Int[Array, " row"], n: int) -> Bool[Array, "row place"]:
    """True at each place."""
    return place[:, None] == jnp.arange(n)[None, :]


def evaluated(s: Setting, held: Holdings) -> Evaluation:
    """Margin what an account holds."""
    terms, of_unit = s.terms, members(s)
    linear = (of_unit * held.quantity[None, :]) @ terms.linear
    charge, size = (of_unit @ x for x in (gross_charge(held.quantity, terms), jnp.abs(held.quantity) * terms.size_usd))
    value = held.quantity * terms.value
    gain = jnp.where(terms.is_option, 0.0, value - held.entry_value)
    without = held.cash + in_currency(s, gain)
    equity = without + in_currency(s, jnp.where(terms.is_option, value, 0.0))
    rows = (linear, charge, size, own_spot(s, without), jnp.arange(s.book.unit_key.shape[0]))
    units = jax.vmap(one_unit, in_axes=(None, 0, 0, 0, 0, 0))(s, *rows)
    figures = account_figures(s, jnp.sum(units.mmr_usd), equity)
    return Evaluation(figures, units, linear, charge, size, equity, without)


def own_spot(s: Setting, without_options: Float[Array, " currency"]) -> Float[Array, " unit"]:
    """Coins that may hedge each unit."""
    return s.joins * jnp.where(s.book.spot_currency >= 0, without_options[s.book.spot_currency], 0.0)


def one_unit(
    s: Setting,
    linear: Float[Array, " column"],
    charge_usd: Float[Array, ""],
    size_usd: Float[Array, ""],
    spot: Float[Array, ""],
    unit: Int[Array, ""],
) -> UnitMargin:
    """Margin of a unit from the sums over its positions.

    Args:
        s: The setting.
        linear: Sums, side by side.
        charge_usd: Likewise gross.
        size_usd: Likewise.
        spot: Coins that may hedge.
        unit: Which of the account's units it is.
    """
    sums = RiskSums(split_linear(linear, s.like), charge_usd, size_usd)
    rules = jax.tree.map(lambda x: x[unit], s.units)
    return unit_margin(unit_components(sums, spot, s.book.spot_limit[unit], rules, s.shared))


def account_figures(s: Setting, derivatives_mmr: Float[Array, ""], equity: Float[Array, " currency"]) -> AccountFigures:
    """The account from the margin of its units and the equity of its currencies."""
    price, place = s.currency_usd, jnp.arange(equity.shape[0])
    borrow = jax.vmap(borrow_margin_usd, in_axes=(0, 0, 0, 0, None))
    borrow_mmr = jnp.sum(borrow(equity, jnp.zeros_like(equity), price, place, s.rules)[0])
    adjusted = jnp.sum(adjusted_usd(equity * price, place, s.rules))
    liability = jnp.sum(jnp.maximum(-equity, 0.0) * price)
    mmr = derivatives_mmr + borrow_mmr
    required = required_usd(mmr, liability, borrow_mmr, s.rules.liability_fee)
    nothing = required == 0.0
    return AccountFigures(
        equity_usd=adjusted,
        gross_equity_usd=jnp.sum(equity * price),
        mmr_usd=mmr,
        required_usd=required,
        margin_ratio=jnp.where(nothing, jnp.inf, adjusted / jnp.where(nothing, 1.0, required)),
        shortfall_usd=s.stop_ratio * required - adjusted,
    )

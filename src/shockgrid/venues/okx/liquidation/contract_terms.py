"""What trading one contract of each instrument means: cash, fees, slippage and room (docs/liquidation.md)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.book import contract_values
from shockgrid.market.liquidity import liquidity
from shockgrid.market.market import Market
from shockgrid.numerics.shapes import AnyArray, Bool, Float, Int
from shockgrid.numerics.size_bucket import pad_axis
from shockgrid.scenarios.exposures import Exposures, linear_table
from shockgrid.venues.okx.rulebook import Rulebook


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ContractTerms:
    """Of one contract of each instrument, or of each entry of a book.

    Attributes:
        linear: What adds up with the quantity, as in ``Exposures``, side by side.
        charge_long, charge_short: MR7's raw charge, USD.
        size_usd: Gross size.
        value: At the mark, in the settlement currency.
        delta_usd, delta_coin: Cash delta and delta.
        settle: Index into the market's currencies.
        settle_usd: Price of that currency.
        denomination, tenor: As in ``Contracts``.
        is_option: Options are paid for when they are traded.
        is_hedge: A perpetual or future that can be traded.
        tradable: Whether anything can be.
        lot: Contracts.
        traded_usd: What one trades for, in which depth and impact are measured: the premium of an option.
        fee_usd: Taker fee.
        depth_usd: NaN where it is not known.
        half_spread: As a fraction.
        room: The most contracts that one leg may trade; infinity where depth is not known.
    """

    linear: Float[AnyArray, "*entry column"]
    charge_long: Float[AnyArray, "*entry"]
    charge_short: Float[AnyArray, "*entry"]
    size_usd: Float[AnyArray, "*entry"]
    value: Float[AnyArray, "*entry"]
    delta_usd: Float[AnyArray, "*entry"]
    delta_coin: Float[AnyArray, "*entry"]
    settle: Int[AnyArray, "*entry"]
    settle_usd: Float[AnyArray, "*entry"]
    denomination: Int[AnyArray, "*entry"]
    tenor: Int[AnyArray, "*entry"]
    is_option: Bool[AnyArray, "*entry"]
    is_hedge: Bool[AnyArray, "*entry"]
    tradable: Bool[AnyArray, "*entry"]
    lot: Float[AnyArray, "*entry"]
    traded_usd: Float[AnyArray, "*entry"]
    fee_usd: Float[AnyArray, "*entry"]
    depth_usd: Float[AnyArray, "*entry"]
    half_spread: Float[AnyArray, "*entry"]
    room: Float[AnyArray, "*entry"]


def contract_terms(market: Market, rules: Rulebook, exposures: Exposures) -> ContractTerms:
    """Gather the terms of every instrument of a market (NumPy), padded as the exposures are.

    Args:
        market: Prices, and liquidity where it has any.
        rules: Fees and shares of depth, where the market does not give them.
        exposures: Of its instruments, padded, so that markets of similar size share a compilation.
    """
    c, s, found, n = market.universe.contracts, market.snapshot, liquidity(market), len(market.universe)
    padded_to = len(exposures.gross.size)
    exposures = jax.tree.map(lambda x: np.asarray(x)[:n], exposures)
    index = s.index_usd[c.coin_currency[c.coin]]
    delta_usd = exposures.linear.denominations.sum(axis=1)
    depth = np.where(found.tradable, found.depth_usd, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = contract_values(market)
        traded = np.where(c.is_option, value * index, np.abs(delta_usd))
        room = float(rules["liquidation.depth_frac"]) * depth / traded
    with jax.enable_x64(True):
        linear = np.asarray(linear_table(exposures.linear))
    terms = ContractTerms(
        linear=linear,
        charge_long=exposures.gross.charge_long,
        charge_short=exposures.gross.charge_short,
        size_usd=exposures.gross.size,
        value=value,
        delta_usd=delta_usd,
        delta_coin=delta_usd / index,
        settle=c.settle,
        settle_usd=s.index_usd[c.settle],
        denomination=c.denomination,
        tenor=c.tenor,
        is_option=c.is_option,
        is_hedge=found.tradable & ~c.is_option,
        tradable=found.tradable,
        lot=found.lot,
        traded_usd=traded,
        fee_usd=_fees_usd(market, rules, np.where(c.is_option, c.contract_value * index, traded), traded),
        depth_usd=depth,
        half_spread=found.half_spread,
        room=np.where(np.isnan(room), np.inf, room),
    )
    return jax.tree.map(lambda x: pad_axis(x, padded_to, 0, axis=0), terms)


def _fees_usd(market: Market, rules: Rulebook, size_usd: np.ndarray, traded_usd: np.ndarray) -> np.ndarray:
    """Taker fee of one contract: a rate on the value traded, for options on the underlying up to a share of premium."""
    is_option, details = market.universe.contracts.is_option, market.table.details
    rate = np.where(is_option, rules["liquidation.option_fee_frac"], rules["liquidation.future_fee_frac"])
    if "taker_fee_frac" in details:
        given = details["taker_fee_frac"][market.order]
        rate = np.where(np.isnan(given), rate, given)
    capped = np.minimum(rate * size_usd, float(rules["liquidation.option_fee_cap_frac"]) * traded_usd)
    return np.where(is_option, capped, rate * size_usd)

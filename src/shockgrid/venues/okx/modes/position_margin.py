"""Margin of every position by itself, nothing netted across instruments (okx_portfolio_margin.md section 19)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.book import POSITIONS, WITH_SELLS
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.shapes import Float, Int
from shockgrid.venues.okx.modes import option_seller
from shockgrid.venues.okx.modes.mode_tables import ModeTables
from shockgrid.venues.okx.modes.position_tiers import contract_rates


@dataclass(frozen=True)
class Holdings:
    """What accounts hold and have ordered, one row an account and instrument.

    Attributes:
        account, instrument: Of each row, sorted by account.
        quantity: Signed contracts: positions, with all buy orders filled, with all sell orders filled.
        order_row: Row of each order in a contract.
        order_quantity: Signed contracts.
        order_price: As an option's mark, coin per coin of underlying; not read for other contracts.
    """

    account: Int[np.ndarray, " row"]
    instrument: Int[np.ndarray, " row"]
    quantity: Float[np.ndarray, "3 row"]
    order_row: Int[np.ndarray, " order"]
    order_quantity: Float[np.ndarray, " order"]
    order_price: Float[np.ndarray, " order"]


@dataclass(frozen=True)
class PositionMargin:
    """Of each row of the holdings.

    Attributes:
        notional_usd: Size of the position: the cash delta of a perpetual or future, of an option its underlying.
        tier: Of the position or, for an option, of its seller; 0 where there is none.
        mmr_rate, imr_rate: Margin of the position as a fraction of its notional.
        option_factor: Of the seller's tier; NaN where no option is sold.
        mmr_usd, imr_usd: Margin of the position.
        order_imr_usd: Initial margin that open orders add.
    """

    notional_usd: Float[np.ndarray, " row"]
    tier: Int[np.ndarray, " row"]
    mmr_rate: Float[np.ndarray, " row"]
    imr_rate: Float[np.ndarray, " row"]
    option_factor: Float[np.ndarray, " row"]
    mmr_usd: Float[np.ndarray, " row"]
    imr_usd: Float[np.ndarray, " row"]
    order_imr_usd: Float[np.ndarray, " row"]


def position_margin(
    holdings: Holdings,
    contracts: Contracts,
    snapshot: Snapshot,
    size_usd: Float[np.ndarray, " instrument"],
    leverage: Float[np.ndarray, " instrument"],
    tables: ModeTables,
) -> PositionMargin:
    """Margin of every row.

    Args:
        holdings: The rows.
        contracts: Terms of the instruments.
        snapshot: Their prices.
        size_usd: Notional of one contract of each.
        leverage: Set for each, infinite for the highest that its tier allows; not read for options.
        tables: The numbers of the modes.
    """
    is_option = contracts.is_option[holdings.instrument]
    notional = np.abs(holdings.quantity) * size_usd[holdings.instrument]
    tier, mmr_rate, imr_rate = _contract_part(holdings, notional, leverage[holdings.instrument], tables, ~is_option)
    order_imr = (imr_rate * notional).max(axis=0) - imr_rate[POSITIONS] * notional[POSITIONS]
    tier, mmr_rate, imr_rate = tier[POSITIONS], mmr_rate[POSITIONS], imr_rate[POSITIONS]
    factor = np.full(len(is_option), np.nan)
    sold = _option_part(holdings, contracts, snapshot, tables)
    for array, values in ((tier, sold.tier), (mmr_rate, sold.mmr_rate), (imr_rate, sold.imr_rate)):
        array[sold.row] = values
    factor[sold.row] = sold.factor
    order_imr[sold.row] = sold.order_coin * snapshot.index_usd[contracts.settle[holdings.instrument[sold.row]]]
    size = notional[POSITIONS]
    return PositionMargin(
        notional_usd=size,
        tier=tier,
        mmr_rate=mmr_rate,
        imr_rate=imr_rate,
        option_factor=factor,
        mmr_usd=mmr_rate * size,
        imr_usd=imr_rate * size,
        order_imr_usd=order_imr,
    )


def _contract_part(
    holdings: Holdings,
    notional: Float[np.ndarray, "3 row"],
    leverage: Float[np.ndarray, " row"],
    tables: ModeTables,
    chosen: np.ndarray,
) -> tuple[Int[np.ndarray, "3 row"], Float[np.ndarray, "3 row"], Float[np.ndarray, "3 row"]]:
    """Tier and rates of perpetuals and futures in each order book; 0 in other rows and where nothing is held."""
    tier, mmr_rate, imr_rate = np.zeros(notional.shape, np.int64), np.zeros(notional.shape), np.zeros(notional.shape)
    of_row = tables.tier_table[holdings.instrument]
    for i, table in enumerate(tables.tiers):
        book, row = np.nonzero((chosen & (of_row == i))[None, :] & (notional > 0))
        contracts = np.abs(holdings.quantity[book, row])
        found = contract_rates(contracts, notional[book, row], leverage[row], table)
        tier[book, row], mmr_rate[book, row], imr_rate[book, row] = found
    return tier, mmr_rate, imr_rate


@dataclass(frozen=True)
class _Sold:
    """Rows of options that are sold or ordered to be; rates are 0 where the position itself is not short.

    Attributes:
        row: Among the holdings.
        tier, factor: Of the seller.
        mmr_rate, imr_rate: Coin per coin of the position, which is the fraction of its notional.
        order_coin: Initial margin of its orders to sell, in the coin.
    """

    row: np.ndarray
    tier: np.ndarray
    factor: np.ndarray
    mmr_rate: np.ndarray
    imr_rate: np.ndarray
    order_coin: np.ndarray


def _option_part(holdings: Holdings, contracts: Contracts, snapshot: Snapshot, tables: ModeTables) -> _Sold:
    option = tables.option
    sold_contracts = np.maximum(-holdings.quantity[WITH_SELLS], 0.0)
    row = np.flatnonzero(contracts.is_option[holdings.instrument] & (sold_contracts > 0))
    i = holdings.instrument[row]
    seller = holdings.account[row].astype(np.int64) * len(contracts.coin_currency) + contracts.coin[i]
    coins = _total_of_each(seller, sold_contracts[row] * contracts.contract_value[i])
    tier, factor = option_seller.seller_factor(coins, option.tier_size[i], option.factor_step)
    is_call, forward, mark = contracts.is_call[i], snapshot.forward[i], snapshot.mark[i]
    otm_usd = option_seller.out_of_the_money_usd(is_call, contracts.strike[i], forward)
    initial = option_seller.initial_margin(otm_usd, forward, mark, factor, option.floor, option.base)
    maintenance = option_seller.maintenance_margin(is_call, mark, factor, option.maintenance[i])
    is_short = holdings.quantity[POSITIONS][row] < 0
    return _Sold(
        row=row,
        tier=tier,
        factor=factor,
        mmr_rate=np.where(is_short, maintenance, 0.0),
        imr_rate=np.where(is_short, initial, 0.0),
        order_coin=_order_margin(holdings, contracts, row, initial, option.order_floor),
    )


def _total_of_each(key: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Of each row the total of all rows of its key."""
    _, place = np.unique(key, return_inverse=True)
    return np.bincount(place, amount).astype(float)[place]


def _order_margin(
    holdings: Holdings, contracts: Contracts, row: np.ndarray, initial: np.ndarray, least: float
) -> np.ndarray:
    """Initial margin of the orders to sell of each of these rows, in the coin, as far as they open a short position.

    A long position is closed by all orders to sell it alike, so that splitting or reordering them changes nothing.
    """
    place = np.full(holdings.quantity.shape[1], -1)
    place[row] = np.arange(len(row))
    of_order = place[holdings.order_row]
    sells = np.flatnonzero((of_order >= 0) & (holdings.order_quantity < 0))
    of_sell = of_order[sells]
    positions, with_sells = holdings.quantity[POSITIONS][row], holdings.quantity[WITH_SELLS][row]
    opening = np.maximum(-with_sells, 0.0) - np.maximum(-positions, 0.0)
    ordered = np.bincount(of_sell, -holdings.order_quantity[sells], minlength=len(row))
    share = opening / np.where(ordered > 0, ordered, 1.0)
    coins = (
        -holdings.order_quantity[sells] * share[of_sell] * contracts.contract_value[holdings.instrument[row]][of_sell]
    )
    per_coin = option_seller.sell_order_margin(initial[of_sell], holdings.order_price[sells], least)
    return np.bincount(of_sell, coins * per_coin, minlength=len(row)).astype(float)

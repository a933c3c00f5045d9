"""Balances, accrued interest and what orders freeze, by account and currency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.book import WITH_BUYS, WITH_SELLS, Book
from shockgrid.accounts.market_holdings import UNKNOWN, MarketHoldings
from shockgrid.market.market import Market


@dataclass(frozen=True)
class CurrencyRows:
    """One row for each account and currency in use, sorted by account, then currency.

    Attributes:
        account, currency: Of each row; ``currency`` indexes ``Universe.currencies``.
        balance: Amount less accrued interest, in the currency.
        frozen: What open orders would take: base of spot sells, quote of spot buys, premium of option buys.
        fill: ``[3, row]`` change of the balance if the spot orders of each order book filled.
        row_of: ``[account, currency]`` the row of each, -1 where there is none.
    """

    account: np.ndarray
    currency: np.ndarray
    balance: np.ndarray
    frozen: np.ndarray
    fill: np.ndarray
    row_of: np.ndarray


def currency_rows(holdings: MarketHoldings, market: Market, book: Book) -> CurrencyRows:
    """Gather every currency that an account has, owes, settles or freezes."""
    balances, spot = holdings.balances, holdings.spot_orders
    premium_account, premium_currency, premium = _option_premiums(holdings, market)
    used = np.zeros((len(holdings), len(market.universe.currencies)), bool)
    used[book.account, market.universe.contracts.settle[book.instrument]] = True
    for account, currency in (
        (balances.account, balances.currency),
        (spot.account, spot.base),
        (spot.account, spot.quote),
        (premium_account, premium_currency),
    ):
        used[account, currency] = True
    account, currency = np.nonzero(used)
    n = len(account)
    row_of = np.full(used.shape, UNKNOWN, np.int32)
    row_of[account, currency] = np.arange(n)

    def total(account: np.ndarray, currency: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        return np.bincount(row_of[account, currency], amounts, minlength=n) if len(account) else np.zeros(n)

    value = spot.quantity * spot.price
    frozen = (
        total(spot.account, spot.base, np.maximum(-spot.quantity, 0.0))
        + total(spot.account, spot.quote, np.maximum(value, 0.0))
        + total(premium_account, premium_currency, premium)
    )
    fill = np.zeros((3, n))
    for order_book, side in ((WITH_BUYS, spot.quantity > 0), (WITH_SELLS, spot.quantity < 0)):
        of_base = total(spot.account[side], spot.base[side], spot.quantity[side])
        fill[order_book] = of_base - total(spot.account[side], spot.quote[side], value[side])
    return CurrencyRows(
        account=account.astype(np.int32),
        currency=currency.astype(np.int32),
        balance=total(balances.account, balances.currency, balances.amount),
        frozen=frozen,
        fill=fill,
        row_of=row_of,
    )


def _option_premiums(holdings: MarketHoldings, market: Market) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Account, currency and premium in coin of every option buy order."""
    orders, contracts = holdings.contract_orders, market.universe.contracts
    buys = (orders.quantity > 0) & contracts.is_option[orders.instrument]
    bought = orders.instrument[buys]
    premium = orders.quantity[buys] * contracts.contract_value[bought] * orders.price[buys]
    return orders.account[buys], contracts.settle[bought], premium

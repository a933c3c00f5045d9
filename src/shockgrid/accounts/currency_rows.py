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
    n_currencies = len(market.universe.currencies)

    def place(account: np.ndarray, currency: np.ndarray) -> np.ndarray:
        return account.astype(np.int64) * n_currencies + currency

    of_balance, of_base = place(balances.account, balances.currency), place(spot.account, spot.base)
    of_quote, of_premium = place(spot.account, spot.quote), place(premium_account, premium_currency)
    used = np.zeros(len(holdings) * n_currencies, bool)
    for places in (
        place(book.account, market.universe.contracts.settle[book.instrument]),
        of_balance,
        of_base,
        of_quote,
        of_premium,
    ):
        used[places] = True
    occupied = np.flatnonzero(used)
    account, currency = np.divmod(occupied, max(n_currencies, 1))
    n = len(occupied)
    row_of = np.full(len(used), UNKNOWN, np.int32)
    row_of[occupied] = np.arange(n, dtype=np.int32)

    def total(places: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        return np.bincount(row_of[places], amounts, minlength=n) if len(places) else np.zeros(n)

    value = spot.quantity * spot.price
    frozen = total(of_base, np.maximum(-spot.quantity, 0.0)) + total(of_quote, np.maximum(value, 0.0))
    fill = np.zeros((3, n))
    for order_book, side in ((WITH_BUYS, spot.quantity > 0), (WITH_SELLS, spot.quantity < 0)):
        fill[order_book] = total(of_base[side], spot.quantity[side]) - total(of_quote[side], value[side])
    return CurrencyRows(
        account=account.astype(np.int32),
        currency=currency.astype(np.int32),
        balance=total(of_balance, balances.amount),
        frozen=frozen + total(of_premium, premium),
        fill=fill,
        row_of=row_of.reshape(len(holdings), n_currencies),
    )


def _option_premiums(holdings: MarketHoldings, market: Market) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Account, currency and premium in coin of every option buy order."""
    orders, contracts = holdings.contract_orders, market.universe.contracts
    buys = (orders.quantity > 0) & contracts.is_option[orders.instrument]
    bought = orders.instrument[buys]
    premium = orders.quantity[buys] * contracts.contract_value[bought] * orders.price[buys]
    return orders.account[buys], contracts.settle[bought], premium

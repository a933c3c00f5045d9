"""Balances, accrued interest and what orders freeze, by account and currency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.book import UNKNOWN, WITH_BUYS, WITH_SELLS, Book
from shockgrid.accounts.holdings import Accounts, Labels
from shockgrid.errors import InputError
from shockgrid.market.market import Market


@dataclass(frozen=True)
class CurrencyRows:
    """One row for each account and currency in use, sorted by account, then currency.

    Attributes:
        account, currency: Of each row; ``currency`` indexes ``Universe.currencies``.
        balance: Amount less accrued interest, in the currency.
        frozen: What open orders would take: base of spot sells, quote of spot buys, premium of option buys.
        fill: ``[3, row]`` change of the balance if the spot orders of each order book filled.
    """

    account: np.ndarray
    currency: np.ndarray
    balance: np.ndarray
    frozen: np.ndarray
    fill: np.ndarray


def currency_rows(accounts: Accounts, market: Market, book: Book) -> CurrencyRows:
    """Gather every currency that an account has, owes, settles or freezes.

    Raises:
        InputError: A balance in a currency without an index price.
    """
    n_currencies = len(market.universe.currencies)
    balances, spot = accounts.balances, book.spot_orders
    balance_currency = resolve_currencies(accounts, market, "balances", "currency", balances.currency)
    settle = np.asarray(market.universe.contracts.settle)[book.instrument]
    value = spot.quantity * spot.price
    sources = [
        (balances.account, balance_currency, balances.amount - balances.accrued_interest),
        (book.account, settle, np.zeros(len(settle))),
        (spot.account, spot.base, spot.quantity),
        (spot.account, spot.quote, -value),
        (book.option_buy_account, book.option_buy_currency, book.option_buys),
    ]
    key = np.concatenate([a.astype(np.int64) * n_currencies + c for a, c, _ in sources])
    unique, row = np.unique(key, return_inverse=True)
    of_balance, _, of_base, of_quote, of_premium = np.split(row, np.cumsum([len(a) for a, _, _ in sources])[:-1])
    n = len(unique)

    def total(rows: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        return np.bincount(rows, amounts, minlength=n) if len(rows) else np.zeros(n)

    fill = np.zeros((3, n))
    for order_book, side in ((WITH_BUYS, spot.quantity > 0), (WITH_SELLS, spot.quantity < 0)):
        fill[order_book] = total(of_base[side], spot.quantity[side]) - total(of_quote[side], value[side])
    return CurrencyRows(
        account=(unique // n_currencies).astype(np.int32),
        currency=(unique % n_currencies).astype(np.int32),
        balance=total(of_balance, sources[0][2]),
        frozen=total(of_base, np.maximum(-spot.quantity, 0.0))
        + total(of_quote, np.maximum(value, 0.0))
        + total(of_premium, book.option_buys),
        fill=fill,
    )


def resolve_currencies(accounts: Accounts, market: Market, table: str, column: str, names: Labels) -> np.ndarray:
    """Universe index of each row's currency.

    Raises:
        InputError: A currency without an index price in USD.
    """
    place = {name: i for i, name in enumerate(market.universe.currencies)}
    index = np.array([place.get(name, UNKNOWN) for name in names.names], np.int64)[names.codes]
    if (index == UNKNOWN).any():
        row = int(np.argmax(index == UNKNOWN))
        name, source = names.names[names.codes[row]], accounts.source
        expected = f"a currency with an index price ({name}-USD) in the market {market.source.file}"
        raise InputError(source.file, source.locate(table, row, column), expected, repr(name))
    return index

"""Checks that every reader of accounts ends with: what can be said without knowing the market."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels
from shockgrid.errors import InputError
from shockgrid.market.source import Source


def assemble_accounts(accounts: Accounts) -> Accounts:
    """Check a set of accounts and return it.

    Raises:
        InputError: A duplicate or empty account id; a number that is not finite; a price, limit or interest below
            zero; two balances or limits of one account in one currency.
    """
    source = accounts.source
    _check_ids(accounts)
    p, o, b, limits = accounts.positions, accounts.orders, accounts.balances, accounts.limits
    _check(source, "positions", "quantity", p.quantity, np.isfinite(p.quantity), "a finite number")
    expected, entry = "a finite price above 0", p.average_price
    _check(source, "positions", "average_price", entry, _absent_or_positive(entry), expected)
    _check(source, "orders", "quantity", o.quantity, np.isfinite(o.quantity), "a finite number")
    _check(source, "orders", "price", o.price, np.isfinite(o.price) & (o.price > 0), expected)
    _check(source, "balances", "amount", b.amount, np.isfinite(b.amount), "a finite number")
    interest = b.accrued_interest
    expected = "a finite number, 0 or more"
    _check(source, "balances", "accrued_interest", interest, np.isfinite(interest) & (interest >= 0), expected)
    for column in ("spot_limit", "borrow_limit"):
        values = getattr(limits, column)
        good = np.isnan(values) | (np.isfinite(values) & (values >= 0))
        _check(source, "limits", column, values, good, expected)
    _check_once(source, "balances", "currency", b.account, b.currency)
    _check_once(source, "limits", "coin", limits.account, limits.coin)
    return accounts


def _absent_or_positive(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) | (np.isfinite(values) & (values > 0))


def _check_ids(accounts: Accounts) -> None:
    source, ids = accounts.source, accounts.ids
    if len(ids) and (ids == "").any():
        raise InputError(source.file, source.locate("accounts", int(np.argmax(ids == "")), "id"), "an account id")
    if len(set(ids.tolist())) < len(ids):
        _, first = np.unique(ids.astype(str), return_index=True)
        repeated = np.ones(len(ids), bool)
        repeated[first] = False
        row = int(np.argmax(repeated))
        raise InputError(source.file, source.locate("accounts", row, "id"), "ids that occur once", repr(ids[row]))


def _check(source: Source, table: str, column: str, values: np.ndarray, good: np.ndarray, expected: str) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise InputError(source.file, source.locate(table, row, column), expected, values[row])


def _check_once(source: Source, table: str, column: str, account: np.ndarray, names: Labels) -> None:
    key = account.astype(np.int64) * max(len(names.names), 1) + names.codes
    ordered = np.sort(key)
    if (ordered[1:] == ordered[:-1]).any():
        _, first = np.unique(key, return_index=True)
        repeated = np.ones(len(key), bool)
        repeated[first] = False
        row = int(np.argmax(repeated))
        where = source.locate(table, row, column)
        raise InputError(source.file, where, f"each {column} once an account", repr(names.names[names.codes[row]]))

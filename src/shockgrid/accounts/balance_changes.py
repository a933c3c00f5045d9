"""Accounts after their balances changed: interest that accrued, currencies that were sold and bought."""

from __future__ import annotations

import dataclasses

import numpy as np

from shockgrid.accounts.holdings import Accounts, Balances, Labels
from shockgrid.market.source import Source


def with_balance_changes(
    accounts: Accounts,
    account: np.ndarray,
    currency: list[str],
    *,
    amount: np.ndarray,
    accrued_interest: np.ndarray,
) -> Accounts:
    """Add to balances and accrued interest; a currency that an account did not list is listed after.

    Args:
        accounts: Before.
        account: Index of the account of each change.
        currency: Its currency, by name.
        amount: Added to the balance, in the currency.
        accrued_interest: Added to the accrued interest, in the currency.
    """
    b = accounts.balances
    names = tuple(dict.fromkeys([*b.currency.names, *currency]))
    place = {name: i for i, name in enumerate(names)}
    old_code = np.array([place[name] for name in b.currency.names], np.int64)[b.currency.codes]
    new_code = np.array([place[name] for name in currency], np.int64)
    key = np.concatenate([b.account, account]).astype(np.int64) * max(len(names), 1)
    key += np.concatenate([old_code, new_code])
    unique, first, row = np.unique(key, return_index=True, return_inverse=True)
    # Rows of one account stay neighbours, in the order in which it lists its currencies.
    order = np.lexsort((first, unique // max(len(names), 1)))

    def total(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.bincount(row, np.concatenate([old, new]), minlength=len(unique)).astype(float)[order]

    balances = Balances(
        account=(unique // max(len(names), 1)).astype(np.int32)[order],
        currency=Labels((unique % max(len(names), 1)).astype(np.int32)[order], names),
        amount=total(b.amount, amount),
        accrued_interest=total(b.accrued_interest, accrued_interest),
    )
    # Rows have moved: places are those of the tables here, no longer of the file that they came from.
    return dataclasses.replace(accounts, balances=balances, source=Source(accounts.source.file))

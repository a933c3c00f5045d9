"""Copies of accounts: one alone, or one without each of its positions, which marginal margin is measured on."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.holdings import Accounts, Balances, Labels, Limits, Orders, Positions


def copy_accounts(accounts: Accounts, account: np.ndarray, without: list[str] | None = None) -> Accounts:
    """Copy accounts, each without its positions in one instrument where one is named.

    Args:
        accounts: The originals.
        account: ``[copy]`` which account to copy.
        without: ``[copy]`` the instrument to leave out; orders in it stay.

    Returns:
        The copies, in order; those without an instrument have ids that say so.
    """
    p, o, b, limits = accounts.positions, accounts.orders, accounts.balances, accounts.limits
    place = {name: code for code, name in enumerate(p.instrument.names)}
    left_out = np.array([place.get(name, -1) for name in without or [""] * len(account)], np.int64)
    rows, copy = _rows_of(p.account, account)
    kept = p.instrument.codes[rows] != left_out[copy]
    rows, copy = rows[kept], copy[kept]
    positions = Positions(copy, _take(p.instrument, rows), p.quantity[rows], p.average_price[rows])
    rows, copy = _rows_of(o.account, account)
    orders = Orders(copy, _take(o.instrument, rows), o.quantity[rows], o.price[rows])
    rows, copy = _rows_of(b.account, account)
    balances = Balances(copy, _take(b.currency, rows), b.amount[rows], b.accrued_interest[rows])
    rows, copy = _rows_of(limits.account, account)
    copied_limits = Limits(copy, _take(limits.coin, rows), limits.spot_limit[rows], limits.borrow_limit[rows])
    ids = accounts.ids[account]
    if without is not None:
        ids = np.array([f"{name} without {left}" for name, left in zip(ids, without, strict=True)], object)
    return Accounts(
        ids,
        positions,
        orders,
        balances,
        copied_limits,
        accounts.spot_mode[account],
        accounts.auto_borrow[account],
        accounts.declared[account],
        accounts.source,
    )


def _take(labels: Labels, rows: np.ndarray) -> Labels:
    return Labels(labels.codes[rows], labels.names)


def _rows_of(table_account: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table that belong to each wanted account, and the place in ``wanted`` that each is for."""
    order = np.argsort(table_account, kind="stable")
    start = np.searchsorted(table_account[order], wanted)
    count = np.searchsorted(table_account[order], wanted, side="right") - start
    copy = np.repeat(np.arange(len(wanted)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return order[np.repeat(start, count) + within], copy.astype(np.int32)

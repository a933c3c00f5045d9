"""Accounts after their holdings were replaced: what a liquidation leaves of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from shockgrid.accounts.holdings import Accounts, Balances, Labels, Orders, Positions
from shockgrid.market.source import Source

T = TypeVar("T", Positions, Orders, Balances)


@dataclass(frozen=True)
class NewHoldings:
    """What some accounts hold now, one entry a position and a currency.

    Attributes:
        position_account, instrument, quantity, average_price: As in ``Positions``.
        balance_account, currency, amount, accrued_interest: As in ``Balances``.
    """

    position_account: np.ndarray
    instrument: list[str]
    quantity: np.ndarray
    average_price: np.ndarray
    balance_account: np.ndarray
    currency: list[str]
    amount: np.ndarray
    accrued_interest: np.ndarray


def with_holdings(accounts: Accounts, changed: np.ndarray, new: NewHoldings) -> Accounts:
    """Accounts of which some hold something else now, and have no orders.

    Args:
        accounts: Before.
        changed: Places of the accounts whose holdings are replaced.
        new: What they hold, by place among all accounts.
    """
    p, o, b = accounts.positions, accounts.orders, accounts.balances
    kept = [~np.isin(table.account, changed) for table in (p, o, b)]
    positions = Positions(
        np.append(p.account[kept[0]], new.position_account).astype(np.int32),
        _labels(p.instrument, kept[0], new.instrument),
        np.append(p.quantity[kept[0]], new.quantity),
        np.append(p.average_price[kept[0]], new.average_price),
    )
    orders = Orders(o.account[kept[1]], _labels(o.instrument, kept[1], []), o.quantity[kept[1]], o.price[kept[1]])
    balances = Balances(
        np.append(b.account[kept[2]], new.balance_account).astype(np.int32),
        _labels(b.currency, kept[2], new.currency),
        np.append(b.amount[kept[2]], new.amount),
        np.append(b.accrued_interest[kept[2]], new.accrued_interest),
    )
    tables = {"positions": positions, "orders": orders, "balances": balances}
    sorted_tables = {name: _by_account(table) for name, table in tables.items()}
    return dataclasses.replace(accounts, **sorted_tables, source=Source(accounts.source.file))


def _labels(old: Labels, kept: np.ndarray, new: list[str]) -> Labels:
    return Labels.of([*(old.names[c] for c in old.codes[kept]), *new])


def _by_account(table: T) -> T:
    """Rows of one account next to each other."""
    columns: dict[str, Any] = vars(table)
    order = np.argsort(columns["account"], kind="stable")
    ordered: dict[str, Any] = {
        name: Labels(values.codes[order], values.names) if isinstance(values, Labels) else values[order]
        for name, values in columns.items()
    }
    return type(table)(**ordered)

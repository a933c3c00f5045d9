"""Accounts as a file lists them: positions, orders, balances, limits, settings. One entry an input row.

Columnar, because there may be millions: names are coded against a vocabulary, numbers are flat arrays, and
``account`` indexes ``Accounts.ids``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shockgrid.market.source import Source

SPOT_MODES = ("derivatives_only", "spot_usdt", "spot_usdc", "spot_coin")
DEFAULT_SPOT_MODE = "spot_usdt"


@dataclass(frozen=True)
class Labels:
    """A column of names: ``names[codes[i]]`` is the name in row ``i``."""

    codes: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Iterable[str]) -> Labels:
        """Code a sequence of names, numbered in order of first appearance."""
        place: dict[str, int] = {}
        codes = np.array([place.setdefault(v, len(place)) for v in values], np.int32)
        return cls(codes, tuple(place))

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True)
class Positions:
    """Signed contracts held. ``average_price`` is NaN where none was given (unrealised P&L is then zero)."""

    account: np.ndarray
    instrument: Labels
    quantity: np.ndarray
    average_price: np.ndarray


@dataclass(frozen=True)
class Orders:
    """Open orders: signed contracts, or coins for a spot pair such as ``BTC-USDT``; ``price`` in the quote."""

    account: np.ndarray
    instrument: Labels
    quantity: np.ndarray
    price: np.ndarray


@dataclass(frozen=True)
class Balances:
    """Amounts held, negative where borrowed, and interest accrued but not yet charged, in the currency."""

    account: np.ndarray
    currency: Labels
    amount: np.ndarray
    accrued_interest: np.ndarray


@dataclass(frozen=True)
class Limits:
    """User limits by coin: spot that may be used as a hedge, and borrowing; NaN where there is none."""

    account: np.ndarray
    coin: Labels
    spot_limit: np.ndarray
    borrow_limit: np.ndarray


@dataclass(frozen=True, repr=False)
class Accounts:
    """Any number of accounts. Build it with ``assemble_accounts``, which checks everything.

    Attributes:
        ids: Account ids, unique, in input order.
        spot_mode: Index into ``SPOT_MODES``, by account (version 1 rulebooks only).
        auto_borrow: By account.
        declared: Whether its user has declared to understand the mode, by account.
    """

    ids: np.ndarray
    positions: Positions
    orders: Orders
    balances: Balances
    limits: Limits
    spot_mode: np.ndarray
    auto_borrow: np.ndarray
    declared: np.ndarray
    source: Source = Source()

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        held, ordered = len(self.positions.quantity), len(self.orders.quantity)
        return f"Accounts({len(self)} accounts, {held} positions, {ordered} orders, from {self.source.file})"

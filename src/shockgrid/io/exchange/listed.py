"""One contract as an exchange lists it, in native units, and many of them as the table of a market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shockgrid.io.exchange.payload import Row
from shockgrid.market.market import InstrumentTable


@dataclass(frozen=True)
class Listed:
    """Terms of one contract, and the row they come from.

    Attributes:
        row: Where it stands in the payload.
        id, kind, coin, settle, right: As in the native format.
        contract_value: Coin per contract, multiplier included; USD for inverse contracts.
        expiry, listed: UTC, NaT where there is none.
        strike, lot, tick: NaN where there is none. ``lot`` in contracts.
    """

    row: Row
    id: str
    kind: str
    coin: str
    settle: str
    contract_value: float
    expiry: np.datetime64
    strike: float
    right: str
    lot: float
    tick: float
    listed: np.datetime64


def listed_table(
    contracts: Sequence[Listed], *, mark: np.ndarray, forward: np.ndarray, vol: np.ndarray
) -> InstrumentTable:
    """Join terms and prices, one entry a contract; forward and volatility are NaN where there is no option."""
    return InstrumentTable(
        id=texts(contracts, "id"),
        kind=texts(contracts, "kind"),
        coin=texts(contracts, "coin"),
        settle=texts(contracts, "settle"),
        contract_value=numbers(contracts, "contract_value"),
        mark=mark,
        expiry=times(contracts, "expiry"),
        strike=numbers(contracts, "strike"),
        right=texts(contracts, "right"),
        forward=forward,
        vol=vol,
        details={
            "lot": numbers(contracts, "lot"),
            "tick": numbers(contracts, "tick"),
            "listed": times(contracts, "listed"),
        },
    )


def texts(contracts: Sequence[Listed], key: str) -> np.ndarray:
    """One attribute of every contract as strings."""
    return np.array([getattr(contract, key) for contract in contracts], object)


def numbers(contracts: Sequence[Listed], key: str) -> np.ndarray:
    """One attribute of every contract as numbers."""
    return np.array([getattr(contract, key) for contract in contracts], float)


def times(contracts: Sequence[Listed], key: str) -> np.ndarray:
    """One attribute of every contract as times."""
    return np.array([getattr(contract, key) for contract in contracts], "datetime64[ms]")

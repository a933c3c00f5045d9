"""A market: what is traded, at what prices, when, and what had to be derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from shockgrid.market.clock import time_text
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.source import Source
from shockgrid.market.universe import Universe

DETAIL_COLUMNS = (
    "lot",
    "tick",
    "taker_fee_frac",
    "spread_frac",
    "depth_usd",
    "volume_24h_usd",
    "open_interest_usd",
    "funding_rate",
)
TIME_COLUMNS = ("listed", "halted")


@dataclass(frozen=True)
class InstrumentTable:
    """Instruments as a file lists them, one entry a row; what is absent is NaN, NaT or an empty string.

    Attributes:
        id, kind, coin, settle, right: Strings; ``kind`` one of perpetual, future, option; ``right`` call or put.
        contract_value: Coin per contract; for inverse contracts USD; options with the multiplier in it.
        mark, strike, forward, vol: As in the native format.
        expiry: UTC, ``datetime64[ms]``.
        details: Optional columns (lot, tick, fees, liquidity, ``listed``, ``halted``), as far as given.
    """

    id: np.ndarray
    kind: np.ndarray
    coin: np.ndarray
    settle: np.ndarray
    contract_value: np.ndarray
    mark: np.ndarray
    expiry: np.ndarray
    strike: np.ndarray
    right: np.ndarray
    forward: np.ndarray
    vol: np.ndarray
    details: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True, repr=False)
class Market:
    """One market at one time. Build it with ``assemble_market``, which checks everything.

    Attributes:
        time: Valuation time, UTC, ``datetime64[ms]``.
        index: Index prices as given, ``{"BTC-USD": 97032.2}``.
        table: The instruments in file order, as given.
        universe, snapshot: The same as sorted arrays (NumPy); ``order[i]`` is the table row of instrument ``i``.
        derived: One line for everything that was computed because the source did not give it.
    """

    time: np.datetime64
    index: Mapping[str, float]
    table: InstrumentTable
    universe: Universe
    snapshot: Snapshot
    order: np.ndarray
    derived: tuple[str, ...] = ()
    source: Source = Source()

    def __repr__(self) -> str:
        coins = ", ".join(self.universe.coins)
        return f"Market({len(self.table)} instruments on {coins} at {time_text(self.time)}, from {self.source.file})"

"""How the contracts of a market group into risk units, and which unit an account's spot may join."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class RiskUnits:
    """The risk units of a market (NumPy). The venue's rules make them: ``venues.okx.risk_units``.

    Attributes:
        names: Of every unit, ``BTC`` or ``BTC-USDT``.
        coin: ``[unit]`` index into ``Universe.coins``.
        of_instrument: ``[instrument]`` the unit of each.
        joined_by_spot: ``[unit, spot mode]`` whether spot of the coin enters the unit of an account in that mode.
        holds_coin_settled: ``[unit]`` whether contracts that settle in the coin belong to this unit of the coin.
    """

    names: tuple[str, ...]
    coin: np.ndarray
    of_instrument: np.ndarray
    joined_by_spot: np.ndarray
    holds_coin_settled: np.ndarray

    @cached_property
    def instruments(self) -> np.ndarray:
        """All instruments, unit after unit."""
        return np.argsort(self.of_instrument, kind="stable").astype(np.int32)

    @cached_property
    def place_of_instrument(self) -> np.ndarray:
        """The place of each among ``instruments``."""
        place = np.empty_like(self.instruments)
        place[self.instruments] = np.arange(len(place), dtype=np.int32)
        return place

"""The leverage that users set for perpetuals and futures, as they give it and by instrument."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

import numpy as np

from shockgrid.errors import InputError
from shockgrid.market.market import Market

Leverage = float | Mapping[str, float] | None
"""One for every contract, or one for each instrument named; None where none is set."""


def leverage_by_instrument(market: Market, leverage: Leverage) -> np.ndarray:
    """``[instrument]`` leverage of each perpetual and future; NaN where none is set, and for options.

    Raises:
        InputError: A leverage below 1, or no finite number; an instrument that is no perpetual or future of the market.
    """
    universe = market.universe
    found = np.full(len(universe), np.nan)
    if leverage is None:
        return found
    if not isinstance(leverage, Mapping):
        found[~universe.contracts.is_option] = _checked("leverage", leverage)
        return found
    place = {str(name): i for i, name in enumerate(universe.ids) if not universe.contracts.is_option[i]}
    for name, value in leverage.items():
        if name not in place:
            expected = f"perpetuals and futures of the market {market.source.file}"
            raise InputError("compare_modes", "leverage", expected, repr(name))
        found[place[name]] = _checked(f"leverage[{name!r}]", value)
    return found


def _checked(path: str, value: object) -> float:
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (math.isfinite(number) and number >= 1.0):
        expected = "a finite number of 1 or more, or such a number for each instrument by its id"
        raise InputError("compare_modes", path, expected, repr(value))
    return number

"""What every reader that joins payloads into a market decides: the time, the index prices, what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from shockgrid.errors import InputError
from shockgrid.io.schema import parse_time


def moment(time: str | datetime | None, latest: np.datetime64 | None, file: str) -> np.datetime64:
    """The valuation time: the one given, else that of the newest price.

    Raises:
        InputError: A time without its zone, or no time at all.
    """
    if time is None and latest is None:
        raise InputError(file, "time", "a price, or a time given by the caller", "neither")
    if time is None:
        return latest  # pyright: ignore[reportReturnType]
    if isinstance(time, datetime) and time.tzinfo is not None:
        return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "ms")
    try:
        return parse_time(time)
    except ValueError:
        raise InputError(file, "time", "an ISO 8601 time with its zone, e.g. 2025-03-28T08:00:00Z", time) from None


def needed_pairs(coin: str, settle: str) -> list[str]:
    """Index prices without which a contract has no value in USD."""
    pairs = [f"{coin}-USD"] if settle == coin else [f"{coin}-USD", f"{coin}-{settle}", f"{settle}-USD"]
    return [pair for pair in dict.fromkeys(pairs) if pair != "USD-USD"]


def keep_priced(
    shortcomings: Sequence[InputError | None], names: Sequence[str], *, drop: bool, notes: list[str]
) -> list[bool]:
    """Which instruments have all their prices; raises for the first that has not, or notes all of them."""
    bad = [(name, error) for name, error in zip(names, shortcomings, strict=True) if error]
    if bad and not drop:
        raise bad[0][1]
    if bad:
        shown = ", ".join(name for name, _ in bad[:5]) + (", ..." if len(bad) > 5 else "")
        notes.append(f"{len(bad)} left out without a mark, index price, forward or volatility: {shown}")
    return [error is None for error in shortcomings]

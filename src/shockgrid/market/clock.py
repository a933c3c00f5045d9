"""Times: UTC, to the millisecond; a year has 365 days."""

from __future__ import annotations

import numpy as np

YEAR_MS = 365 * 24 * 3600 * 1000


def years_between(start: np.datetime64, end: np.ndarray) -> np.ndarray:
    """Years from ``start`` to each time (``datetime64[ms]``), below zero for what lies before it."""
    return (end - start).astype("timedelta64[ms]").astype(np.int64) / YEAR_MS


def time_text(time: np.datetime64 | np.ndarray) -> str:
    """A time as documents write it: ``2025-03-28T08:00:00Z``, with milliseconds only where there are some."""
    return str(time.astype("datetime64[ms]")).removesuffix(".000") + "Z"

"""Expiries as crypto exchanges list them: daily, weekly, monthly, quarterly, at 08:00 UTC."""

from __future__ import annotations

import numpy as np

DAY = np.timedelta64(1, "D")
EXPIRY_HOUR = np.timedelta64(8, "h")
FRIDAY = 1  # 1970-01-01, day 0, was a Thursday
MAX_EXPIRIES = 16


def expiry_dates(now: np.datetime64, count: int) -> np.ndarray:
    """Expiry times, most important first, so that a coin with fewer expiries takes the first ones."""
    first = now.astype("datetime64[D]") + EXPIRY_HOUR
    first = (first if first > now else first + DAY).astype("datetime64[D]")
    day = [first + k * DAY for k in range(MAX_EXPIRIES)]
    week = [d for k in range(10) if (d := _next_friday(first + 2 * DAY) + 7 * k * DAY)]
    month = [d for d in _last_fridays(first) if d > first + 14 * DAY]
    quarter = [d for d in month if is_quarterly(d) and d > first + 45 * DAY]
    ranked = [day[0], quarter[0], week[0], quarter[2], month[0], day[1], quarter[1], week[1], month[1], week[2]]
    distinct = dict.fromkeys([*ranked, quarter[3], month[2], week[3], month[3], *day[2:]])
    return np.array(list(distinct)[:count], "datetime64[ms]") + EXPIRY_HOUR


def _next_friday(date: np.datetime64) -> np.datetime64:
    return date + (FRIDAY - date.astype(int)) % 7 * DAY


def _last_fridays(date: np.datetime64) -> list[np.datetime64]:
    months = date.astype("datetime64[M]") + np.arange(1, 17)
    return [_next_friday(month.astype("datetime64[D]") - 7 * DAY) for month in months]


def is_quarterly(expiry: np.datetime64) -> bool:
    """Whether it is the last Friday of a quarter."""
    date = expiry.astype("datetime64[D]")
    month = int(date.astype("datetime64[M]").astype(int)) % 12 + 1
    return month % 3 == 0 and date in _last_fridays(date)[:1]

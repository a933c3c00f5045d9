"""The rows of one snapshot of an option chain file, whichever of the known layouts it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from shockgrid.errors import InputError
from shockgrid.io.parquet_table import ParquetTable
from shockgrid.market.clock import time_text

# Names that a number has in the known layouts, and what it is divided by.
_NUMBERS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "strike": (("strike_usd", 1.0), ("strike_usdt", 1.0)),
    "vol": (("mark_iv_pct", 100.0), ("mark_iv", 1.0)),
    "forward": (("underlying_price_usd", 1.0),),
    "index": (("index_price_usd", 1.0),),
    "mark": (("mark_price_coin", 1.0), ("mark_price_usdt", 1.0)),
    "delta": (("delta", 1.0),),
    "open_interest": (("open_interest_btc", 1.0), ("open_interest_contracts", 1.0)),
    "volume": (("volume_24h_btc", 1.0), ("volume_24h_contracts", 1.0)),
}
_RIGHTS = {"C": "call", "P": "put", "call": "call", "put": "put"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True)
class Chain:
    """The rows of one snapshot; numbers are NaN and times NaT where the file has none.

    ``mark`` is in USD where ``mark_in_usd``; ``has_ids`` tells whether the ids are the file's own.
    """

    row: np.ndarray
    coin: np.ndarray
    id: np.ndarray
    expiry: np.ndarray
    right: np.ndarray
    strike: np.ndarray
    vol: np.ndarray
    forward: np.ndarray
    index: np.ndarray
    mark: np.ndarray
    delta: np.ndarray
    open_interest: np.ndarray
    volume: np.ndarray
    listed: np.ndarray
    mark_in_usd: bool
    has_ids: bool

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: np.ndarray) -> Chain:
        """Some of the rows."""
        columns = {key: value[rows] for key, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **columns)

    @property
    def is_call(self) -> np.ndarray:
        """Calls, else puts."""
        return self.right == "call"


def choose_snapshot(table: ParquetTable, snapshot: str | datetime | None) -> tuple[np.ndarray, np.datetime64 | None]:
    """Rows of the wanted snapshot, and its time; None where the file has a date and the caller gave no time of day."""
    has_times = table.has("snapshot_utc")
    times = table.times("snapshot_utc") if has_times else _dates(table)
    distinct = np.unique(times)
    wanted, time = distinct, None
    if snapshot is not None:
        time, unit = _moment(snapshot, table.file)
        step = f"datetime64[{unit if has_times else 'D'}]"
        wanted = distinct[distinct.astype(step) == time.astype(step)]
        time = None if unit == "D" else time
    if len(wanted) != 1:
        found = (
            "none chosen" if snapshot is None else repr(str(snapshot)) + (", which is several" if len(wanted) else "")
        )
        raise InputError(table.file, "snapshot", _listed(wanted if len(wanted) else distinct), found)
    return np.flatnonzero(times == wanted[0]), wanted[0] if has_times else time


def _listed(times: np.ndarray) -> str:
    shown = [time_text(time) for time in times]
    text = ", ".join(shown if len(shown) <= 8 else [*shown[:3], "...", shown[-1]])
    return f"one of {len(shown)} snapshots: {text}"


def _dates(table: ParquetTable) -> np.ndarray:
    column = "snapshot_date_approx"
    if not table.has(column):
        expected = "an option chain with snapshot_utc or snapshot_date_approx"
        raise InputError(table.file, "columns", expected, ", ".join(table.data.column_names))
    texts = table.texts(column)
    for row, text in enumerate(texts):
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise InputError(table.file, table.place(column, row), "a date such as 2024-05-24", repr(text))
    return texts.astype("datetime64[ms]")


def _moment(snapshot: str | datetime, file: str) -> tuple[np.datetime64, str]:
    """A time, and the unit of its last figure that was written."""
    text = snapshot.isoformat() if isinstance(snapshot, datetime) else str(snapshot)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(file, "snapshot", "an ISO 8601 time or day, e.g. 2021-06-15T04:00Z", repr(text)) from None
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    clock = re.split(r"[Z+-]", text[11:])[0]
    unit = "D" if not clock else "ms" if "." in clock else "hms"[clock.count(":")]
    return np.datetime64(moment, "ms"), unit


def chain_rows(table: ParquetTable, rows: np.ndarray) -> tuple[Chain, dict[str, str]]:
    """The chosen rows, and the file's name of every column."""
    numbers, columns = {}, {"id": "instrument", "expiry": "expiry_utc", "right": "option_type"}
    for key, names in _NUMBERS.items():
        column, divisor = next(((name, by) for name, by in names if table.has(name)), names[0])
        required = key in ("strike", "vol")
        if required and not table.has(column):
            expected = "an option chain with " + " or ".join(name for name, _ in names)
            raise InputError(table.file, "columns", expected, ", ".join(table.data.column_names))
        values = table.numbers(column, absent=None if key == "strike" else np.nan)
        numbers[key], columns[key] = values[rows] / divisor, column
    expiry, right = table.times("expiry_utc")[rows], _rights(table, rows)
    ids = table.texts("instrument")[rows] if table.has("instrument") else None
    coin = table.texts("currency")[rows] if ids is None or table.has("currency") else _first_parts(ids)
    chain = Chain(
        row=rows,
        coin=coin,
        id=_built_ids(coin, expiry, numbers["strike"], right) if ids is None else ids,
        expiry=expiry,
        right=right,
        listed=table.times("instrument_created_utc", optional=True)[rows],
        mark_in_usd=columns["mark"] == "mark_price_usdt",
        has_ids=ids is not None,
        **numbers,
    )
    return chain, columns


def _rights(table: ParquetTable, rows: np.ndarray) -> np.ndarray:
    texts = table.texts("option_type")[rows]
    for row, text in zip(rows, texts, strict=True):
        if text not in _RIGHTS:
            raise InputError(table.file, table.place("option_type", int(row)), "C or P", repr(text))
    return np.array([_RIGHTS[text] for text in texts], object)


def _first_parts(ids: np.ndarray) -> np.ndarray:
    return np.array([name.split("-")[0] for name in ids], object)


def _built_ids(coin: np.ndarray, expiry: np.ndarray, strike: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Names in Deribit's manner: ``BTC-1JUN21-30000-C``."""
    days = [day.item() for day in expiry.astype("datetime64[D]")]
    return np.array(
        [
            f"{c}-{day.day}{_MONTHS[day.month - 1]}{day:%y}-{k:.15g}-{r[0].upper()}"
            for c, day, k, r in zip(coin, days, strike, right, strict=True)
        ],
        object,
    )

"""Real option chains (one row an option and snapshot) as a market, with what the file lacks derived and told.

Four layouts are known, by their columns: Deribit end of day (own forward, no mark), Deribit with mark and index,
Deribit hourly (volatility and delta only), Binance (mark in USDT, delta). What is derived agrees with Black-76, the
model of the marks themselves: undiscounted, in coin ``v = N(d1) - (K/F) N(d2)``, years of 365 days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri

from shockgrid.errors import InputError
from shockgrid.io.native_parquet import ParquetTable
from shockgrid.io.schema import time_text
from shockgrid.market.assembly import YEAR_MS, assemble_market
from shockgrid.market.market import InstrumentTable, Market
from shockgrid.market.source import Source

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

DELTA_RANGE = (0.02, 0.98)
"""Call deltas that tell a forward; further out a rounded delta says little."""

PARITY_PAIRS = 9
"""Pairs nearest the money that tell an expiry's forward: there the rounding of both marks matters least."""

TIME_VALUE_COIN = 0.003
"""Least time value of a mark that tells the valuation time: thirty of Deribit's smallest steps."""


def read_option_chain(
    path: str | PathLike[str],
    *,
    snapshot: str | datetime | None = None,
    index: Mapping[str, float] | None = None,
    contract_value: float = 1.0,
    drop_unusable: bool = False,
) -> Market:
    """Read one snapshot of an option chain as a market of coin-settled options.

    What the file does not give is derived, and ``Market.derived`` says so, a line each:

    * forward: the row's own where given; else by expiry the median over what the deltas of the mark volatilities
      imply, ``F = K exp(d1 s - s^2/2)`` with ``d1 = N^-1(delta)`` and ``s = vol sqrt T``; else put-call parity of the
      marks. An expiry with too few
      rows for it is interpolated (log forward, linear in time, flat at the ends).
    * index: the median of the rows' index prices; else the forward of the shortest expiry.
    * mark: Black-76 of the mark volatility. A mark in USDT is divided by the forward, and the USDT-settled option read
      as a coin-settled one: a proxy for research.
    * time, where the file has only a date: the one at which marks and volatilities of the shortest expiry agree.

    Args:
        path: A Parquet file in one of the known layouts.
        snapshot: Which snapshot: ISO 8601 (UTC unless it has a zone) as finely as needed, e.g. ``2021-06-15`` for the
            only one of that day. May be left out where there is one. For a file with dates only, a time of day given
            here is the valuation time.
        index: Further index prices, e.g. ``{"USDT-USD": 0.9998}``; they go before those of the file.
        contract_value: Coin per contract; 1 at Deribit and Binance.
        drop_unusable: Leave out options that have expired at the snapshot or have no mark volatility, instead of
            refusing the file.

    Returns:
        The market.

    Raises:
        InputError: No such snapshot, or several; an unusable option; a file in no known layout; no way to derive a
            forward; and all that ``assemble_market`` refuses. Places read ``row 17 column mark_iv_pct``.
    """
    table = ParquetTable.open(Path(path), str(path))
    rows, time = _choose(table, snapshot)
    chain, columns = _chain(table, rows)
    notes: list[str] = []
    if time is None:
        time = _time_of_marks(chain, table)
        notes.append(
            f"time {time_text(time)}: where marks and volatilities of the shortest expiry agree; the file has a date"
        )
    chain = _usable(chain, time, columns, file=table.file, drop=drop_unusable, notes=notes)
    years = (chain.expiry - time).astype(np.int64) / YEAR_MS
    forward, front = _forwards(chain, years, table.file, notes)
    prices = _index(chain, front, index or {}, notes)
    mark = _marks(chain, forward, years, notes)
    instruments = _instruments(chain, forward, mark, prices, contract_value=contract_value, notes=notes)
    source = Source(table.file, _ChainPlaces(chain.row, columns))
    return assemble_market(time, prices, instruments, source=source, derived=tuple(notes))


@dataclass(frozen=True)
class _Chain:
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

    def take(self, rows: np.ndarray) -> _Chain:
        """Some of the rows."""
        columns = {key: value[rows] for key, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **columns)

    @property
    def is_call(self) -> np.ndarray:
        return self.right == "call"


@dataclass(frozen=True)
class _ChainPlaces:
    """Path of an instrument's cell in the chain file."""

    rows: np.ndarray
    columns: Mapping[str, str]

    def __call__(self, table: str, row: int, column: str) -> str:
        place = f"row {self.rows[row]}"
        return f"{place} column {self.columns.get(column, column)}" if column else place


def _choose(table: ParquetTable, snapshot: str | datetime | None) -> tuple[np.ndarray, np.datetime64 | None]:
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


def _chain(table: ParquetTable, rows: np.ndarray) -> tuple[_Chain, dict[str, str]]:
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
    chain = _Chain(
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


def _usable(
    chain: _Chain, time: np.datetime64, columns: Mapping[str, str], *, file: str, drop: bool, notes: list[str]
) -> _Chain:
    expired, no_vol = chain.expiry <= time, ~(chain.vol > 0)
    bad = expired | no_vol
    if bad.all():
        raise InputError(file, "snapshot", f"a live option with a mark volatility at {time_text(time)}", "none")
    if bad.any() and not drop:
        row, count = int(np.argmax(bad)), int(bad.sum())
        key, expected = (
            ("expiry", f"an expiry after {time_text(time)}") if expired[row] else ("vol", "a volatility above 0")
        )
        found = time_text(chain.expiry[row]) if expired[row] else chain.vol[row]
        place = f"row {chain.row[row]} column {columns[key]}"
        raise InputError(file, place, f"{expected} (drop_unusable=True leaves out {_options(count)})", found)
    if bad.any():
        reasons = f"{expired.sum()} expired at the snapshot, {(no_vol & ~expired).sum()} without a mark volatility"
        notes.append(f"{_options(int(bad.sum()))} left out: {reasons}")
    return chain.take(~bad)


def _forwards(chain: _Chain, years: np.ndarray, file: str, notes: list[str]) -> tuple[np.ndarray, dict[str, float]]:
    """Forward of every row, and of every coin's shortest expiry."""
    estimates, least, means = _estimates(chain, years, file)
    key = np.array([f"{coin} {expiry}" for coin, expiry in zip(chain.coin, chain.expiry, strict=True)])
    _, first, slot = np.unique(key, return_index=True, return_inverse=True)
    coin, expiry = chain.coin[first], chain.expiry[first]
    counts = np.bincount(slot, np.isfinite(estimates), len(first))
    unknown = counts < min(least, counts.max())
    curve = np.array([np.nan if unknown[i] else _median(estimates[slot == i]) for i in range(len(first))])
    for name in np.unique(coin):
        known, gap = (coin == name) & ~unknown, (coin == name) & unknown
        if not known.any():
            raise InputError(file, "columns", f"a way to derive a forward of {name}", f"none in {means}")
        at, has = expiry[gap].astype(np.int64), expiry[known].astype(np.int64)
        curve[gap] = np.exp(np.interp(at, has, np.log(curve[known])))
    own = chain.forward > 0
    if not own.all():
        between = f", {unknown.sum()} of them from its neighbours" if unknown.any() else ""
        notes.append(f"forward of {_options(int((~own).sum()))}: {means}, by expiry ({len(first)}{between})")
    front = {str(name): float(curve[coin == name][np.argmin(expiry[coin == name])]) for name in np.unique(coin)}
    return np.where(own, chain.forward, curve[slot]), front


def _estimates(chain: _Chain, years: np.ndarray, file: str) -> tuple[np.ndarray, int, str]:
    """What every row says about its expiry's forward (NaN: nothing), from the best source there is.

    Also how many rows an expiry needs to be believed, and the name of the source.
    """
    sources = (
        (np.where(chain.forward > 0, chain.forward, np.nan), 1, "median of the rows that have one"),
        # In its last hours an expiry has a strike or two in the range, and their forwards are off by up to 30 bp.
        (_delta_forwards(chain, years), 4, "median implied by the deltas of the mark volatilities"),
        (_parity_forwards(chain), 3, f"median by put-call parity of the {PARITY_PAIRS} pairs nearest the money"),
    )
    for estimates, least, name in sources:
        if np.isfinite(estimates).any():
            return estimates, least, name
    raise InputError(file, "columns", "underlying_price_usd, delta, or marks of puts and calls", "none to use")


def _delta_forwards(chain: _Chain, years: np.ndarray) -> np.ndarray:
    call_delta = np.where(chain.is_call, chain.delta, 1.0 + chain.delta)
    near = (call_delta > DELTA_RANGE[0]) & (call_delta < DELTA_RANGE[1])
    deviation = chain.vol * np.sqrt(years)
    d1 = ndtri(np.where(near, call_delta, np.nan))
    return chain.strike * np.exp(d1 * deviation - 0.5 * deviation**2)


def _parity_forwards(chain: _Chain) -> np.ndarray:
    estimates = np.full(len(chain), np.nan)
    terms = list(zip(chain.coin, chain.expiry, chain.strike, strict=True))
    puts = {term: row for row, term in enumerate(terms) if not chain.is_call[row]}
    gaps: dict[tuple[object, object], list[tuple[float, int]]] = {}
    for row in np.flatnonzero(chain.is_call):
        gap = chain.mark[row] - chain.mark[puts[terms[row]]] if terms[row] in puts else np.nan
        if np.isfinite(gap):
            gaps.setdefault(terms[row][:2], []).append((float(gap), int(row)))
    for pairs in gaps.values():
        for gap, row in sorted(pairs, key=lambda pair: abs(pair[0]))[:PARITY_PAIRS]:
            strike = chain.strike[row]
            estimates[row] = strike + gap if chain.mark_in_usd else strike / (1.0 - gap)
    return estimates


def _median(estimates: np.ndarray) -> float:
    finite = estimates[np.isfinite(estimates)]
    return float(np.median(finite)) if len(finite) else np.nan


def _index(chain: _Chain, front: Mapping[str, float], given: Mapping[str, float], notes: list[str]) -> dict[str, float]:
    prices = dict(given)
    for coin, forward in front.items():
        pair, quoted = f"{coin}-USD", chain.index[chain.coin == coin]
        if pair in given:
            continue
        prices[pair] = _median(quoted) if np.isfinite(quoted).any() else forward
        if np.isfinite(quoted).any():
            low, high = np.nanmin(quoted), np.nanmax(quoted)
            notes.append(f"index {pair} = {prices[pair]:.2f}: the median of the rows ({low:.2f} to {high:.2f})")
        else:
            notes.append(f"index {pair} = {forward:.2f}: the forward of the shortest expiry; the file has no index")
    return prices


def _marks(chain: _Chain, forward: np.ndarray, years: np.ndarray, notes: list[str]) -> np.ndarray:
    mark = chain.mark / forward if chain.mark_in_usd else chain.mark
    if chain.mark_in_usd:
        notes.append(
            f"{_options(len(chain))} settled in USDT read as coin-settled (a research proxy): USDT taken as USD, "
            "marks divided by the forward"
        )
    unknown = np.isnan(mark)
    if unknown.any():
        notes.append(f"mark of {_options(int(unknown.sum()))}: Black-76 of the mark volatility")
    return np.where(unknown, _black76(forward, chain.strike, chain.vol, years, chain.is_call), mark)


def _black76(
    forward: np.ndarray, strike: np.ndarray, vol: np.ndarray, years: np.ndarray, is_call: np.ndarray
) -> np.ndarray:
    # Not pricing.black76: that compiles anew for every number of rows, which takes longer than all else here.
    deviation = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    sign = np.where(is_call, 1.0, -1.0)
    return np.maximum(sign * (ndtr(sign * d1) - strike / forward * ndtr(sign * (d1 - deviation))), 0.0)


def _time_of_marks(chain: _Chain, table: ParquetTable) -> np.datetime64:
    """The time, to the minute, at which Black-76 of the volatilities gives the marks of the shortest expiry."""
    chain = chain.take(chain.vol > 0)
    forward, _ = _forwards(chain, np.full(len(chain), np.nan), table.file, [])
    mark = chain.mark / forward if chain.mark_in_usd else chain.mark
    payoff = np.maximum(np.where(chain.is_call, 1.0, -1.0) * (1.0 - chain.strike / forward), 0.0)
    telling = mark - payoff > TIME_VALUE_COIN
    if not telling.any():
        raise InputError(table.file, "snapshot", "a time of day (the file has a date, and no marks that tell more)")
    near = telling & (chain.expiry == chain.expiry[telling].min())
    chain, forward, mark = chain.take(near), forward[near], mark[near]
    years = (_deviation(chain, forward, mark) / chain.vol) ** 2
    return (chain.expiry[0] - np.timedelta64(int(np.median(years) * YEAR_MS), "ms")).astype("datetime64[m]")


def _deviation(chain: _Chain, forward: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """``vol sqrt T`` that gives the marks, by bisection."""
    low, high = np.full(len(chain), 1e-6), np.full(len(chain), 5.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        above = _black76(forward, chain.strike, middle, np.ones(len(chain)), chain.is_call) > mark
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


def _instruments(
    chain: _Chain,
    forward: np.ndarray,
    mark: np.ndarray,
    prices: Mapping[str, float],
    *,
    contract_value: float,
    notes: list[str],
) -> InstrumentTable:
    n, index = len(chain), np.array([prices[f"{coin}-USD"] for coin in chain.coin])
    if not chain.has_ids:
        notes.append(f"ids of {_options(n)}: from coin, expiry, strike and right")
    details = {"open_interest_usd": chain.open_interest * index, "volume_24h_usd": chain.volume * index}
    details = {key: values for key, values in details.items() if np.isfinite(values).any()}
    if details:
        notes.append(f"{' and '.join(details)}: coin amounts times the index")
    return InstrumentTable(
        id=chain.id,
        kind=np.full(n, "option", object),
        coin=chain.coin,
        settle=chain.coin,
        contract_value=np.full(n, float(contract_value)),
        mark=mark,
        expiry=chain.expiry,
        strike=chain.strike,
        right=chain.right,
        forward=forward,
        vol=chain.vol,
        details=details if np.isnat(chain.listed).all() else {**details, "listed": chain.listed},
    )


def _options(count: int) -> str:
    return f"{count} option" + ("s" if count != 1 else "")

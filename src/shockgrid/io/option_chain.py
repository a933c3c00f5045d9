"""Real option chains (one row an option and snapshot) as a market, with what the file lacks derived and told.

Four layouts are known, by their columns: Deribit end of day (own forward, no mark), Deribit with mark and index,
Deribit hourly (volatility and delta only), Binance (mark in USDT, delta). What is derived agrees with Black-76, the
model of the marks themselves: undiscounted, in coin ``v = N(d1) - (K/F) N(d2)``, years of 365 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path

import numpy as np

from shockgrid.errors import InputError
from shockgrid.io.chain_forward import chain_forwards, count_options, finite_median, time_of_marks
from shockgrid.io.chain_rows import Chain, chain_rows, choose_snapshot
from shockgrid.io.parquet_table import ParquetTable
from shockgrid.market.assembly import assemble_market
from shockgrid.market.clock import time_text, years_between
from shockgrid.market.market import InstrumentTable, Market
from shockgrid.market.source import Source
from shockgrid.pricing.coin_values import coin_values


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
    rows, time = choose_snapshot(table, snapshot)
    chain, columns = chain_rows(table, rows)
    notes: list[str] = []
    if time is None:
        time = time_of_marks(chain, table)
        notes.append(
            f"time {time_text(time)}: where marks and volatilities of the shortest expiry agree; the file has a date"
        )
    chain = _usable(chain, time, columns, file=table.file, drop=drop_unusable, notes=notes)
    years = years_between(time, chain.expiry)
    forward, front = chain_forwards(chain, years, table.file, notes)
    prices = _index(chain, front, index or {}, notes)
    mark = _marks(chain, forward, years, notes)
    instruments = _instruments(chain, forward, mark, prices, contract_value=contract_value, notes=notes)
    source = Source(table.file, _ChainPlaces(chain.row, columns))
    return assemble_market(time, prices, instruments, source=source, derived=tuple(notes))


@dataclass(frozen=True)
class _ChainPlaces:
    """Path of an instrument's cell in the chain file."""

    rows: np.ndarray
    columns: Mapping[str, str]

    def __call__(self, table: str, row: int, column: str) -> str:
        place = f"row {self.rows[row]}"
        return f"{place} column {self.columns.get(column, column)}" if column else place


def _usable(
    chain: Chain, time: np.datetime64, columns: Mapping[str, str], *, file: str, drop: bool, notes: list[str]
) -> Chain:
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
        raise InputError(file, place, f"{expected} (drop_unusable leaves out {count_options(count)})", found)
    if bad.any():
        reasons = f"{expired.sum()} expired at the snapshot, {(no_vol & ~expired).sum()} without a mark volatility"
        notes.append(f"{count_options(int(bad.sum()))} left out: {reasons}")
    return chain.take(~bad)


def _index(chain: Chain, front: Mapping[str, float], given: Mapping[str, float], notes: list[str]) -> dict[str, float]:
    prices = dict(given)
    for coin, forward in front.items():
        pair, quoted = f"{coin}-USD", chain.index[chain.coin == coin]
        if pair in given:
            continue
        prices[pair] = finite_median(quoted) if np.isfinite(quoted).any() else forward
        if np.isfinite(quoted).any():
            low, high = np.nanmin(quoted), np.nanmax(quoted)
            notes.append(f"index {pair} = {prices[pair]:.2f}: the median of the rows ({low:.2f} to {high:.2f})")
        else:
            notes.append(f"index {pair} = {forward:.2f}: the forward of the shortest expiry; the file has no index")
    return prices


def _marks(chain: Chain, forward: np.ndarray, years: np.ndarray, notes: list[str]) -> np.ndarray:
    mark = chain.mark / forward if chain.mark_in_usd else chain.mark
    if chain.mark_in_usd:
        notes.append(
            f"{count_options(len(chain))} settled in USDT read as coin-settled (a research proxy): USDT taken as USD, "
            "marks divided by the forward"
        )
    unknown = np.isnan(mark)
    if unknown.any():
        notes.append(f"mark of {count_options(int(unknown.sum()))}: Black-76 of the mark volatility")
    return np.where(unknown, coin_values(forward, chain.strike, chain.vol, years, chain.is_call), mark)


def _instruments(
    chain: Chain,
    forward: np.ndarray,
    mark: np.ndarray,
    prices: Mapping[str, float],
    *,
    contract_value: float,
    notes: list[str],
) -> InstrumentTable:
    n, index = len(chain), np.array([prices[f"{coin}-USD"] for coin in chain.coin])
    if not chain.has_ids:
        notes.append(f"ids of {count_options(n)}: from coin, expiry, strike and right")
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

"""Public OKX payloads joined into a market: instruments, marks, index tickers, option summaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from os import PathLike

import numpy as np

from shockgrid.errors import InputError
from shockgrid.io.exchange.joining import keep_priced, moment, needed_pairs
from shockgrid.io.exchange.listed import Listed, listed_table, numbers, texts, times
from shockgrid.io.exchange.payload import common_folder, joined_place, read_rows
from shockgrid.io.exchange.payload_files import payload_files
from shockgrid.io.exchange.quotes import Quote, check_fresh, newest
from shockgrid.io.okx.instruments import read_instruments
from shockgrid.io.okx.prices import OkxPrices
from shockgrid.market.assembly import assemble_market
from shockgrid.market.clock import years_between
from shockgrid.market.market import InstrumentTable, Market
from shockgrid.market.source import Source
from shockgrid.pricing.coin_values import coin_values

KINDS = ("instruments", "mark_price", "index_tickers", "opt_summary")


def read_okx_market(
    source: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    time: str | datetime | None = None,
    max_age_s: float | None = 60.0,
    index: Mapping[str, float] | None = None,
    drop_unpriced: bool = False,
) -> Market:
    """Join public OKX payloads into a market.

    A file's name tells what it holds; ``-`` may stand for ``_``. There may be several of each:

    * ``instruments*.json``: ``GET /api/v5/public/instruments`` (SWAP, FUTURES, OPTION)
    * ``mark_price*.json``: ``GET /api/v5/public/mark-price``
    * ``index_tickers*.json``: ``GET /api/v5/market/index-tickers``
    * ``opt_summary*.json``: ``GET /api/v5/public/opt-summary`` (where options are listed)

    An option without a mark price gets Black-76 of its mark volatility (``1 / lever`` is too coarse); what was
    computed or left out stands in ``Market.derived``.

    Args:
        source: A folder, whose other files are left alone, or the files.
        time: Valuation time, ISO 8601 with its zone; the time of the newest price where not given.
        max_age_s: Seconds by which a price may be older than the newest one; None for any age.
        index: Further index prices, e.g. ``{"USDT-USD": 0.9998}``; they go before those of the files.
        drop_unpriced: Leave out instruments that lack a mark, an index price, a forward or a volatility, and say so
            in ``Market.derived``, instead of refusing them.

    Returns:
        The market. Quantities count contracts.

    Raises:
        InputError: No such file; a reply with an error code; a missing or malformed field; a stale price; an
            instrument without prices; and all that ``assemble_market`` refuses. Places read ``data[3].markPx``, with
            the file's name before it where several files were joined.

    Examples:
        >>> read_okx_market("payloads/", max_age_s=None)  # doctest: +SKIP
    """
    files = payload_files(source, KINDS)
    name = common_folder(str(file) for found in files.values() for file in found)
    notes: list[str] = []
    instruments = read_instruments([row for file in files["instruments"] for row in read_rows(file, "")], notes)
    prices = OkxPrices.read(lambda kind: [row for file in files[kind] for row in read_rows(file, "")])
    levels = _index(prices, index or {}, notes)
    instruments = _priced(instruments, prices, levels, drop=drop_unpriced, notes=notes)
    used = _used(instruments, prices, index or {})
    check_fresh(used, max_age_s)
    now = moment(time, newest(used), name)
    table = _table(instruments, prices, now, notes)
    places = Source(name, _Places(instruments, prices))
    return assemble_market(now, levels, table, source=places, derived=tuple(notes))


def _index(prices: OkxPrices, given: Mapping[str, float], notes: list[str]) -> dict[str, float]:
    empty = sorted(pair for pair, quote in prices.index.items() if _empty(quote) and pair not in given)
    if empty:
        notes.append(f'index {", ".join(empty)} left out: idxPx is ""')
    return {pair: q.price.price for pair, q in prices.index.items() if not _empty(q)} | dict(given)


def _empty(quote: Quote) -> bool:
    return bool(quote.missing("idxPx"))


def _priced(
    instruments: list[Listed], prices: OkxPrices, levels: Mapping[str, float], *, drop: bool, notes: list[str]
) -> list[Listed]:
    found = [_shortcoming(instrument, prices, levels) for instrument in instruments]
    keep = keep_priced(found, [instrument.id for instrument in instruments], drop=drop, notes=notes)
    return [instrument for instrument, good in zip(instruments, keep, strict=True) if good]


def _shortcoming(instrument: Listed, prices: OkxPrices, levels: Mapping[str, float]) -> InputError | None:
    """The first price that an instrument lacks, as the error it makes."""
    option = instrument.kind == "option"
    if option and (lack := _lack(instrument, prices.options, "opt_summary", "fwdPx", "markVol")):
        return lack
    if not option and (lack := _lack(instrument, prices.marks, "mark_price", "markPx")):
        return lack
    for pair in needed_pairs(instrument.coin, instrument.settle):
        if pair not in levels:
            quote = prices.index.get(pair)
            if quote:
                return quote.row.error("idxPx", f"an index price of {pair}, needed by {instrument.id}")
            return instrument.row.error("instId", f"an instrument with an index price {pair} in index_tickers*.json")
    return None


def _lack(instrument: Listed, prices: Mapping[str, Quote], kind: str, *keys: str) -> InputError | None:
    quote = prices.get(instrument.id)
    if quote is None:
        what = " and ".join(keys)
        return instrument.row.error("instId", f"an instrument with {what} in {kind}*.json")
    key = quote.missing(*keys)
    return quote.row.error(key, f"a number for {instrument.id}") if key else None


def _has_mark(instrument: Listed, prices: OkxPrices) -> bool:
    return instrument.id in prices.marks and not prices.marks[instrument.id].missing("markPx")


def _used(instruments: list[Listed], prices: OkxPrices, given: Mapping[str, float]) -> list[Quote]:
    """Every quote that enters the market."""
    used: list[Quote] = [quote for pair, quote in prices.index.items() if pair not in given and not _empty(quote)]
    for instrument in instruments:
        if _has_mark(instrument, prices):
            used.append(prices.marks[instrument.id])
        if instrument.kind == "option":
            used.append(prices.options[instrument.id])
    return used


def _table(instruments: list[Listed], prices: OkxPrices, now: np.datetime64, notes: list[str]) -> InstrumentTable:
    summaries = [prices.options[i.id].price if i.kind == "option" else None for i in instruments]
    forward = np.array([summary.forward if summary else np.nan for summary in summaries], float)
    vol = np.array([summary.vol if summary else np.nan for summary in summaries], float)
    mark = np.array([prices.marks[i.id].price.mark if _has_mark(i, prices) else np.nan for i in instruments], float)
    unmarked = np.isnan(mark)
    if unmarked.any():
        count = int(unmarked.sum())
        notes.append(f"mark of {count} option{'s' * (count > 1)}: Black-76 of the mark volatility")
        mark = np.where(unmarked, _model_marks(instruments, forward, vol, now), mark)
    return listed_table(instruments, mark=mark, forward=forward, vol=vol)


def _model_marks(instruments: list[Listed], forward: np.ndarray, vol: np.ndarray, now: np.datetime64) -> np.ndarray:
    """Black-76 values in coin; NaN where there is no option."""
    years = np.maximum(years_between(now, times(instruments, "expiry")), 0.0)
    return coin_values(forward, numbers(instruments, "strike"), vol, years, texts(instruments, "right") == "call")


# Where the columns of the table stand in the payloads.
_KEYS = {
    "": "instId",
    "id": "instId",
    "kind": "instType",
    "coin": "instFamily",
    "settle": "settleCcy",
    "contract_value": "ctVal",
    "expiry": "expTime",
    "strike": "stk",
    "right": "optType",
    "lot": "lotSz",
    "tick": "tickSz",
    "listed": "listTime",
    "mark": "markPx",
    "forward": "fwdPx",
    "vol": "markVol",
}


@dataclass(frozen=True)
class _Places:
    """Path of an instrument's cell: ``instruments_swap.json data[3].ctVal``, ``mark_price.json data[0].markPx``."""

    instruments: list[Listed]
    prices: OkxPrices

    def __call__(self, table: str, row: int, column: str) -> str:
        instrument = self.instruments[row]
        holders: Mapping[str, Mapping[str, Quote]] = {
            "mark": self.prices.marks,
            "forward": self.prices.options,
            "vol": self.prices.options,
        }
        quote = holders.get(column, {}).get(instrument.id)
        return joined_place(quote.row if quote else instrument.row, _KEYS.get(column, column))

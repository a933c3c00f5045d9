"""Public Deribit replies joined into a market: instruments with tickers or book summaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from os import PathLike

import numpy as np
from pydantic import Field

from shockgrid.errors import InputError
from shockgrid.io.deribit.instruments import read_deribit_instruments
from shockgrid.io.deribit.payload import read_results
from shockgrid.io.exchange.joining import keep_priced, moment, needed_pairs
from shockgrid.io.exchange.listed import Listed, listed_table
from shockgrid.io.exchange.payload import MaybeNumber, Row, Text, Time, common_folder, joined_place, parse_row
from shockgrid.io.exchange.payload_files import payload_files
from shockgrid.io.exchange.quotes import Priced, Quote, check_fresh, newest
from shockgrid.market.assembly import assemble_market
from shockgrid.market.market import InstrumentTable, Market
from shockgrid.market.source import Source

KINDS = ("instruments", "ticker", "book_summary")


class _Prices(Priced):
    """What tickers and book summaries have in common."""

    id: Text = Field(alias="instrument_name")
    mark: MaybeNumber = Field(alias="mark_price")
    vol_percent: MaybeNumber = Field(np.nan, alias="mark_iv")
    forward: MaybeNumber = Field(np.nan, alias="underlying_price")
    index: MaybeNumber = Field(np.nan, alias="index_price")
    delivery: MaybeNumber = Field(np.nan, alias="estimated_delivery_price")


class _Ticker(_Prices):
    time: Time = Field(alias="timestamp")


class _Summary(_Prices):
    time: Time = Field(alias="creation_timestamp")


Quotes = dict[str, Quote[_Prices]]


def read_deribit_market(
    source: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    time: str | datetime | None = None,
    max_age_s: float | None = 60.0,
    index: Mapping[str, float] | None = None,
    drop_unpriced: bool = False,
) -> Market:
    """Join public Deribit replies into a market of coin-settled options, futures and perpetuals.

    A file's name tells what it holds; ``-`` may stand for ``_``. There may be several of each, and a file may hold a
    list of replies:

    * ``instruments*.json``: ``public/get_instruments``
    * ``ticker*.json``: ``public/ticker``, one instrument a reply
    * ``book_summary*.json``: ``public/get_book_summary_by_currency``, used where an instrument has no ticker

    ``mark_iv`` is in percent, ``underlying_price`` is the forward. The index of a coin is the newest ``index_price``
    of its tickers; book summaries have none, so that their ``estimated_delivery_price`` takes its place, and
    ``Market.derived`` says so.

    Args:
        source: A folder, whose other files are left alone, or the files.
        time: Valuation time, ISO 8601 with its zone; the time of the newest price where not given.
        max_age_s: Seconds by which a price may be older than the newest one; None for any age.
        index: Further index prices, e.g. ``{"USDC-USD": 0.9999}``; they go before those of the files.
        drop_unpriced: Leave out instruments that lack a mark, an index price, a forward or a volatility, and say so
            in ``Market.derived``, instead of refusing them.

    Returns:
        The market. Quantities count contracts: an option's coin amount over its contract size (1 for BTC), an inverse
        future's USD amount over 10 (BTC) or 1 (ETH).

    Raises:
        InputError: No such file; a reply with an error; a missing or malformed field; a stale price; an instrument
            without prices; and all that ``assemble_market`` refuses. Places read ``result[3].mark_price``, with the
            file's name before it where several files were joined.

    Examples:
        >>> read_deribit_market("payloads/", index={"USDT-USD": 0.9998})  # doctest: +SKIP
    """
    files = payload_files(source, KINDS)
    rows = {kind: [row for file in found for row in read_results(file)] for kind, found in files.items()}
    name = common_folder(str(file) for found in files.values() for file in found)
    notes: list[str] = []
    instruments = read_deribit_instruments(rows["instruments"], notes)
    quotes = _quotes(_Summary, rows["book_summary"], "creation_timestamp")
    quotes |= _quotes(_Ticker, rows["ticker"], "timestamp")
    mine = [i for i in instruments if i.id in quotes]
    check_fresh([quotes[i.id] for i in mine], max_age_s)
    levels = _index(mine, quotes, index or {}, notes)
    shortcomings = [_shortcoming(i, quotes, levels) for i in instruments]
    keep = keep_priced(shortcomings, [i.id for i in instruments], drop=drop_unpriced, notes=notes)
    priced = [i for i, good in zip(instruments, keep, strict=True) if good]
    now = moment(time, newest(quotes[i.id] for i in priced), name)
    places = Source(name, _Places(priced, quotes))
    return assemble_market(now, levels, _table(priced, quotes), source=places, derived=tuple(notes))


def _quotes(kind: type[_Prices], rows: Iterable[Row], time_key: str) -> Quotes:
    found: Quotes = {}
    for row in rows:
        quote = Quote(row, parse_row(kind, row), time_key)
        if quote.price.id in found:
            first = found[quote.price.id].row
            raise row.error("instrument_name", f"each instrument once (also at {first.file}: {first.path})")
        found[quote.price.id] = quote
    return found


def _index(instruments: list[Listed], quotes: Quotes, given: Mapping[str, float], notes: list[str]) -> dict[str, float]:
    levels: dict[str, float] = {}
    by_pair: dict[str, list[_Prices]] = {}
    for instrument in instruments:
        pair = f"{instrument.coin}-{'USD' if instrument.settle == instrument.coin else instrument.settle}"
        by_pair.setdefault(pair, []).append(quotes[instrument.id].price)
    for pair, prices in by_pair.items():
        if pair in given:
            continue
        for key in ("index", "delivery"):
            quoted = [price for price in prices if not np.isnan(getattr(price, key))]
            if quoted:
                levels[pair] = getattr(max(quoted, key=lambda price: price.time), key)
                what = "newest index_price" if key == "index" else "newest estimated_delivery_price, no index_price"
                notes.append(f"index {pair} = {levels[pair]:.8g}: {what}, of {len(quoted)}")
                break
    return levels | dict(given)


def _shortcoming(instrument: Listed, quotes: Quotes, levels: Mapping[str, float]) -> InputError | None:
    """The first price that an instrument lacks, as the error it makes."""
    quote = quotes.get(instrument.id)
    if quote is None:
        return instrument.row.error("instrument_name", "an instrument in ticker*.json or book_summary*.json")
    keys = ("mark_price", "mark_iv", "underlying_price") if instrument.kind == "option" else ("mark_price",)
    if key := quote.missing(*keys):
        return quote.row.error(key, f"a number for {instrument.id}")
    for pair in needed_pairs(instrument.coin, instrument.settle):
        if pair not in levels:
            return quote.row.error("index_price", f"an index price {pair}, here or given by the caller")
    return None


def _table(instruments: list[Listed], quotes: Quotes) -> InstrumentTable:
    prices = [quotes[i.id].price for i in instruments]
    option = np.array([i.kind == "option" for i in instruments], bool)
    forward = np.array([price.forward for price in prices], float)
    vol = np.array([price.vol_percent for price in prices], float) / 100
    return listed_table(
        instruments,
        mark=np.array([price.mark for price in prices], float),
        # The underlying price of a future, where one is written, is no term of it.
        forward=np.where(option, forward, np.nan),
        vol=np.where(option, vol, np.nan),
    )


_QUOTED = {"mark": "mark_price", "forward": "underlying_price", "vol": "mark_iv"}
_KEYS = {
    "": "instrument_name",
    "id": "instrument_name",
    "coin": "base_currency",
    "settle": "settlement_currency",
    "contract_value": "contract_size",
    "expiry": "expiration_timestamp",
    "right": "option_type",
    "lot": "min_trade_amount",
    "tick": "tick_size",
    "listed": "creation_timestamp",
}


@dataclass(frozen=True)
class _Places:
    """Path of an instrument's cell: ``instruments.json result[3].strike``, ``ticker_7.json result.mark_iv``."""

    instruments: list[Listed]
    quotes: Quotes

    def __call__(self, table: str, row: int, column: str) -> str:
        instrument = self.instruments[row]
        if column in _QUOTED:
            return joined_place(self.quotes[instrument.id].row, _QUOTED[column])
        return joined_place(instrument.row, _KEYS.get(column, column))

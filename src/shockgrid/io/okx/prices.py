"""Prices that OKX publishes: marks, index tickers, and the forward and mark volatility of each option."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import Field

from shockgrid.io.exchange.payload import MaybeNumber, Row
from shockgrid.io.exchange.quotes import Priced, Quote, quotes


class MarkPrice(Priced):
    """A row of ``GET /api/v5/public/mark-price``; ``markPx`` in coin for options."""

    mark: MaybeNumber = Field(alias="markPx")


class IndexTicker(Priced):
    """A row of ``GET /api/v5/market/index-tickers``: the price of A in B of the pair ``A-B``."""

    price: MaybeNumber = Field(alias="idxPx")


class OptionSummary(Priced):
    """A row of ``GET /api/v5/public/opt-summary``: forward in USD, mark volatility a year."""

    forward: MaybeNumber = Field(alias="fwdPx")
    vol: MaybeNumber = Field(alias="markVol")


@dataclass(frozen=True)
class OkxPrices:
    """All prices by instrument or pair."""

    marks: dict[str, Quote[MarkPrice]]
    index: dict[str, Quote[IndexTicker]]
    options: dict[str, Quote[OptionSummary]]

    @classmethod
    def read(cls, rows_of: Callable[[str], Iterable[Row]]) -> OkxPrices:
        """Read the rows of the payload kinds ``mark_price``, ``index_tickers`` and ``opt_summary``.

        Raises:
            InputError: A missing field, a malformed number or time, or an instrument priced twice.
        """
        return cls(
            quotes(MarkPrice, rows_of("mark_price")),
            quotes(IndexTicker, rows_of("index_tickers")),
            quotes(OptionSummary, rows_of("opt_summary")),
        )

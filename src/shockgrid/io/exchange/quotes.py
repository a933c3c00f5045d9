"""Prices with the place and the time they come from, and what makes one stale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from pydantic import Field

from shockgrid.errors import InputError
from shockgrid.io.exchange.payload import PayloadModel, Row, Text, Time, parse_row
from shockgrid.market.clock import time_text


class Priced(PayloadModel):
    """What every price has: the instrument or pair, and the time."""

    id: Text = Field(alias="instId")
    time: Time = Field(alias="ts")


Price = TypeVar("Price", bound=Priced)


@dataclass(frozen=True)
class Quote(Generic[Price]):
    """A price, where it stands, and the field that holds its time."""

    row: Row
    price: Price
    time_key: str = "ts"

    def missing(self, *keys: str) -> str:
        """The first of the payload's fields that is ``""`` here; empty where all are given."""
        return next((key for key in keys if self.row.values.get(key) in ("", None)), "")


def quotes(kind: type[Price], rows: Iterable[Row]) -> dict[str, Quote[Price]]:
    """Read rows of one kind of price.

    Raises:
        InputError: A missing field, a malformed number or time, or an instrument priced twice.
    """
    found: dict[str, Quote[Price]] = {}
    for row in rows:
        quote = Quote(row, parse_row(kind, row))
        if quote.price.id in found:
            first = found[quote.price.id].row
            raise row.error("instId", f"each id once (also at {first.file}: {first.path})")
        found[quote.price.id] = quote
    return found


def newest(used: Iterable[Quote]) -> np.datetime64 | None:
    """Time of the newest price, None of none."""
    return max((quote.price.time for quote in used), default=None)


def check_fresh(used: Iterable[Quote], max_age_s: float | None) -> None:
    """Refuse a price that is older than the newest by more than ``max_age_s``; None refuses nothing.

    Raises:
        InputError: A stale price, at its time.
    """
    listed = list(used)
    latest = newest(listed)
    if max_age_s is None or latest is None:
        return
    for quote in listed:
        age = (latest - quote.price.time) / np.timedelta64(1, "s")
        if age > max_age_s:
            expected = f"a price within {max_age_s:g} s of the newest, {time_text(latest)}"
            found = f"{time_text(quote.price.time)} ({age:.0f} s older)"
            raise InputError(quote.row.file, quote.row.place(quote.time_key), expected, found)

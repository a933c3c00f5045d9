"""Public instruments of OKX (``GET /api/v5/public/instruments``) as the terms of a market.

One contract is ``ctVal * ctMult`` in ``ctValCcy``: coin for linear contracts and options, USD for inverse contracts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from shockgrid.io.exchange.listed import Listed
from shockgrid.io.exchange.payload import (
    NO_TIME,
    MaybeNumber,
    MaybeTime,
    Number,
    PayloadModel,
    Row,
    Text,
    Time,
    parse_row,
)

_KINDS = {"SWAP": "perpetual", "FUTURES": "future", "OPTION": "option"}
_NOT_DERIVATIVES = ("SPOT", "MARGIN")
_RIGHTS = {"C": "call", "P": "put"}


class _Head(PayloadModel):
    id: Text = Field(alias="instId")
    type: Annotated[
        Literal["SWAP", "FUTURES", "OPTION", "SPOT", "MARGIN"],
        Field(alias="instType", description="one of SWAP, FUTURES, OPTION, SPOT, MARGIN"),
    ]
    state: Text


class _Derivative(PayloadModel):
    settle: Text = Field(alias="settleCcy")
    value: Number = Field(alias="ctVal")
    multiplier: Number = Field(alias="ctMult")
    value_currency: Text = Field(alias="ctValCcy")
    family: str = Field("", alias="instFamily", description="a family, e.g. BTC-USD")
    underlying: str = Field("", alias="uly", description="an underlying, e.g. BTC-USD")
    lot: MaybeNumber = Field(np.nan, alias="lotSz")
    tick: MaybeNumber = Field(np.nan, alias="tickSz")
    listed: MaybeTime = Field(NO_TIME, alias="listTime")


class _Linear(PayloadModel):
    type: Annotated[Literal["linear", "inverse"], Field(alias="ctType", description="one of linear, inverse")]


class _Dated(PayloadModel):
    expiry: Time = Field(alias="expTime")


class _Option(PayloadModel):
    strike: Number = Field(alias="stk")
    right: Annotated[Literal["C", "P"], Field(alias="optType", description="C or P")]


def read_instruments(rows: Iterable[Row], notes: list[str]) -> list[Listed]:
    """Read the derivatives among public instruments.

    Spot and margin pairs, and contracts whose ``state`` is not ``live``, are left out, and ``notes`` says so. The
    delisting time that OKX writes as ``expTime`` of a perpetual is no expiry and is not used.

    Args:
        rows: Rows of one or more replies.
        notes: Receives one line for each reason to leave something out.

    Returns:
        The contracts, in the order of the rows.

    Raises:
        InputError: A missing field, a ``""`` where a number is needed, an unknown instrument type; a contract value
            in another currency than its type has.
    """
    kept: list[Listed] = []
    pairs, states = 0, Counter[str]()
    for row in rows:
        head = parse_row(_Head, row)
        if head.type in _NOT_DERIVATIVES:
            pairs += 1
        elif head.state != "live":
            states[head.state] += 1
        else:
            kept.append(_instrument(row, head))
    if pairs:
        notes.append(f"{_counted(pairs, 'spot or margin pair')} left out: no derivative")
    notes += [f"{_counted(count, 'instrument')} left out: state {state}" for state, count in sorted(states.items())]
    return kept


def _instrument(row: Row, head: _Head) -> Listed:
    terms = parse_row(_Derivative, row)
    coin = (terms.family or terms.underlying).split("-")[0]
    if not coin:
        raise row.error("instFamily", "a family such as BTC-USD, here or as uly")
    _check_value_currency(row, head, terms, coin)
    option = parse_row(_Option, row) if head.type == "OPTION" else None
    return Listed(
        row=row,
        id=head.id,
        kind=_KINDS[head.type],
        coin=coin,
        settle=terms.settle,
        contract_value=terms.value * terms.multiplier,
        expiry=NO_TIME if head.type == "SWAP" else parse_row(_Dated, row).expiry,
        strike=option.strike if option else np.nan,
        right=_RIGHTS[option.right] if option else "",
        lot=terms.lot,
        tick=terms.tick,
        listed=terms.listed,
    )


def _check_value_currency(row: Row, head: _Head, terms: _Derivative, coin: str) -> None:
    inverse = head.type != "OPTION" and parse_row(_Linear, row).type == "inverse"
    expected = "USD" if inverse else coin
    if terms.value_currency != expected:
        what = "an option" if head.type == "OPTION" else "an inverse contract" if inverse else "a linear contract"
        raise row.error("ctValCcy", f"{expected}, the currency in which {what} of {coin} is sized")
    if (inverse or head.type == "OPTION") and terms.settle != coin:
        kind = "inverse contracts" if inverse else "options"
        raise row.error("settleCcy", f"{coin}, the coin ({kind} are coin-settled)")
    if head.type != "OPTION" and not inverse and terms.settle == coin:
        raise row.error("settleCcy", "a quote currency (the contract is linear)")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")

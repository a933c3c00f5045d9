"""Instruments of Deribit (``public/get_instruments``) as the terms of a market."""

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

_KINDS = "one of option, future, option_combo, future_combo, spot"


class _Head(PayloadModel):
    id: Text = Field(alias="instrument_name")
    kind: Annotated[Literal["option", "future", "option_combo", "future_combo", "spot"], Field(description=_KINDS)]
    active: Annotated[bool, Field(alias="is_active", strict=True, description="true or false")] = True


class _Terms(PayloadModel):
    coin: Text = Field(alias="base_currency")
    settle: Text = Field(alias="settlement_currency")
    value: Number = Field(alias="contract_size")
    period: str = Field("", alias="settlement_period", description="a settlement period, e.g. perpetual")
    expiry: Time = Field(alias="expiration_timestamp")
    minimum: MaybeNumber = Field(np.nan, alias="min_trade_amount")
    tick: MaybeNumber = Field(np.nan, alias="tick_size")
    listed: MaybeTime = Field(NO_TIME, alias="creation_timestamp")


class _Option(PayloadModel):
    strike: Number
    right: Annotated[Literal["call", "put"], Field(alias="option_type", description="call or put")]


def read_deribit_instruments(rows: Iterable[Row], notes: list[str]) -> list[Listed]:
    """Read the futures, perpetuals and coin-settled options among instruments.

    Combinations, spot pairs, inactive instruments and options settled in a stablecoin are left out, and ``notes``
    says so.

    Args:
        rows: Rows of one or more replies.
        notes: Receives one line for each reason to leave something out.

    Returns:
        The contracts, in the order of the rows.

    Raises:
        InputError: A missing or malformed field, or an unknown kind.
    """
    kept: list[Listed] = []
    left = Counter[str]()
    for row in rows:
        head = parse_row(_Head, row)
        if head.kind not in ("option", "future"):
            left[f"kind {head.kind}"] += 1
        elif not head.active:
            left["not active"] += 1
        else:
            instrument = _instrument(row, head)
            if head.kind == "option" and instrument.settle != instrument.coin:
                left[f"options settled in {instrument.settle}"] += 1
            else:
                kept.append(instrument)
    notes += [f"{count} instrument{'s' * (count > 1)} left out: {reason}" for reason, count in sorted(left.items())]
    return kept


def _instrument(row: Row, head: _Head) -> Listed:
    terms = parse_row(_Terms, row)
    option = parse_row(_Option, row) if head.kind == "option" else None
    perpetual = head.kind == "future" and terms.period == "perpetual"
    return Listed(
        row=row,
        id=head.id,
        kind="perpetual" if perpetual else head.kind,
        coin=terms.coin,
        settle=terms.settle,
        contract_value=terms.value,
        # A perpetual has an expiration in the year 3000.
        expiry=NO_TIME if perpetual else terms.expiry,
        strike=option.strike if option else np.nan,
        right=option.right if option else "",
        # Amounts are in coin, or in USD for inverse contracts: in the unit of the contract size.
        lot=terms.minimum / terms.value if terms.value > 0 else np.nan,
        tick=terms.tick,
        listed=terms.listed,
    )

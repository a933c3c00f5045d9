"""The two JSON documents of formats.md as pydantic checks them, and what is wrong with one in the words of an error.

Structure only: keys, types, enums, version. What a usable market or account is, ``assemble_market`` and
``assemble_accounts`` decide for every reader alike. Typed dictionaries and not models, because checking 400,000
positions then takes 0.3 s instead of 2 s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError, with_config
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from shockgrid.errors import InputError

MARKET_FORMAT = "shockgrid.market/1"
ACCOUNTS_FORMAT = "shockgrid.accounts/1"

_STRICT = ConfigDict(extra="forbid", strict=True)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)")


def parse_time(value: object) -> np.datetime64:
    """Read a time of a document.

    Args:
        value: ISO 8601 with its zone, e.g. ``2025-03-28T08:00:00Z``.

    Returns:
        The time in UTC, kept to the millisecond (``datetime64[ms]``).

    Raises:
        ValueError: The value is no string, no ISO 8601 time, or has no zone.
    """
    if not (isinstance(value, str) and _TIME.fullmatch(value)):
        raise ValueError("not an ISO 8601 time with its zone")
    try:
        return np.datetime64(datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None), "ms")
    except OverflowError:
        raise ValueError("a time out of range") from None


# The descriptions become the "expected ..." of an error.
Time = Annotated[
    Any, PlainValidator(parse_time), Field(description="an ISO 8601 time with its zone, e.g. 2025-03-28T08:00:00Z")
]
Number = Annotated[float, Field(allow_inf_nan=False, description="a finite number")]
Name = Annotated[str, Field(min_length=1, description="a non-empty string")]
Flag = Annotated[bool, Field(description="true or false")]
ByName = Annotated[dict[str, Number], Field(description="an object of numbers by currency or pair")]


@with_config(_STRICT)
class InstrumentRow(TypedDict):
    """One instrument; the order of the keys is the order in which they are written."""

    id: Name
    kind: Literal["perpetual", "future", "option"]
    coin: Name
    settle: Name
    contract_value: Number
    mark: Number
    expiry: NotRequired[Time]
    strike: NotRequired[Number]
    right: NotRequired[Literal["call", "put"]]
    forward: NotRequired[Number]
    vol: NotRequired[Number]
    lot: NotRequired[Number]
    tick: NotRequired[Number]
    taker_fee_frac: NotRequired[Number]
    spread_frac: NotRequired[Number]
    depth_usd: NotRequired[Number]
    volume_24h_usd: NotRequired[Number]
    open_interest_usd: NotRequired[Number]
    funding_rate: NotRequired[Number]
    listed: NotRequired[Time]
    halted: NotRequired[Time]


@with_config(_STRICT)
class MarketDocument(TypedDict):
    """``shockgrid.market/1``."""

    format: Literal["shockgrid.market/1"]
    time: Time
    index: ByName
    instruments: Annotated[list[InstrumentRow], Field(description="a list of instruments")]


@with_config(_STRICT)
class PositionRow(TypedDict):
    """Signed contracts held; without ``average_price`` their unrealised P&L is zero."""

    instrument: Name
    quantity: Number
    average_price: NotRequired[Number]


@with_config(_STRICT)
class OrderRow(TypedDict):
    """An open order: signed contracts, or coins where a spot pair is named."""

    instrument: Name
    quantity: Number
    price: Annotated[float, Field(allow_inf_nan=False, description="a price, a finite number")]


@with_config(_STRICT)
class AccountRow(TypedDict):
    """One account; everything but its id may be left out."""

    id: Name
    spot_mode: NotRequired[Literal["derivatives_only", "spot_usdt", "spot_usdc", "spot_coin"]]
    auto_borrow: NotRequired[Flag]
    declared: NotRequired[Flag]
    balances: NotRequired[ByName]
    accrued_interest: NotRequired[ByName]
    spot_limits: NotRequired[ByName]
    borrow_limits: NotRequired[ByName]
    positions: NotRequired[Annotated[list[PositionRow], Field(description="a list of positions")]]
    orders: NotRequired[Annotated[list[OrderRow], Field(description="a list of orders")]]


@with_config(_STRICT)
class AccountsDocument(TypedDict):
    """``shockgrid.accounts/1``."""

    format: Literal["shockgrid.accounts/1"]
    accounts: Annotated[list[AccountRow], Field(description="a list of accounts")]


_MARKET = TypeAdapter(MarketDocument)
_ACCOUNTS = TypeAdapter(AccountsDocument)


def check_market(document: object, file: str) -> MarketDocument:
    """Check a parsed market document.

    Raises:
        InputError: A missing or unknown key, a value of a wrong type, an unknown enum value or version.
    """
    return check_document(_MARKET, MarketDocument, document, file)


def check_accounts(document: object, file: str) -> AccountsDocument:
    """Check a parsed accounts document.

    Raises:
        InputError: A missing or unknown key, a value of a wrong type, an unknown enum value or version.
    """
    return check_document(_ACCOUNTS, AccountsDocument, document, file)


def readable_path(steps: Sequence[str | int]) -> str:
    """Name a place in a document: ``instruments[3].vol``; ``top level`` for the document itself."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".") or "top level"


def shown(value: object) -> str:
    """A found value as JSON writes it, cut to fit a line of text."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def check_document(adapter: TypeAdapter[Any], document_type: Any, document: object, file: str) -> Any:
    """Check a parsed document of any type whose fields have descriptions.

    Args:
        adapter: Of the type.
        document_type: The typed dictionary.
        document: What was parsed.
        file: Named in errors.

    Raises:
        InputError: A missing or unknown key, a value of a wrong type.
    """
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        # Errors come in the order of the keys, the version first: one is enough to act on.
        raise _input_error(error.errors(include_url=False)[0], document_type, file) from None


def _input_error(error: Any, document_type: Any, file: str) -> InputError:
    steps, found = error["loc"], shown(error["input"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(get_type_hints(_type_at(document_type, steps[:-1])))
        return InputError(file, readable_path(steps), f"one of the keys {known}", f"the unknown key {shown(steps[-1])}")
    if error["type"] == "missing":
        found = "nothing"
    return InputError(file, readable_path(steps), _expected(_type_at(document_type, steps)), found)


def _type_at(kind: Any, steps: Sequence[str | int]) -> Any:
    """The type that the schema gives to a place."""
    for step in steps:
        bare = _bare(kind)
        if get_origin(bare) in (list, dict):
            kind = get_args(bare)[-1]
        else:
            kind = get_type_hints(bare, include_extras=True)[str(step)]
    return _unwrapped(kind) if get_origin(kind) is NotRequired else kind


def _unwrapped(kind: Any) -> Any:
    return get_args(kind)[0]


def _bare(kind: Any) -> Any:
    while get_origin(kind) in (NotRequired, Annotated):
        kind = _unwrapped(kind)
    return kind


def _expected(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return next(str(note.description) for note in kind.__metadata__ if isinstance(note, FieldInfo))
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return ("one of " if len(choices) > 1 else "") + ", ".join(choices)
    return "an object"

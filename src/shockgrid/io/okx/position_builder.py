"""Requests to OKX's position builder (``POST /api/v5/account/position-builder``): what an account would hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.io.exchange.payload import MaybeNumber, Number, PayloadModel, Row, Text, load_document, parse_row
from shockgrid.io.okx.account import Asset, Holding, one_account
from shockgrid.io.schema import shown

GreeksType = Literal["BS", "PA", "CASH"]
_NAME = "position-builder"
_LOWEST_MOVE, _HIGHEST_MOVE = -0.99, 1.0


@dataclass(frozen=True)
class PositionBuilderRequest:
    """What a position-builder request asks for.

    Attributes:
        accounts: One account, ``position-builder``, with the simulated positions and assets.
        include_real: Whether the caller's own positions and assets are to be added. OKX then ignores simulated
            assets, so ``accounts`` has none.
        greeks_type: In which form the reply states Greeks: ``BS`` (Black-Scholes), ``PA`` (in coin) or ``CASH``.
        index_move: Relative move of the index prices before anything is computed, -0.99 to 1.
        derived: One line for everything in the body that does not enter ``accounts``.
    """

    accounts: Accounts
    include_real: bool
    greeks_type: GreeksType
    index_move: float
    derived: tuple[str, ...] = ()


class _Body(PayloadModel):
    level: Annotated[Literal["4"] | None, Field(alias="acctLv", description='"4" (portfolio margin), or no acctLv')] = (
        None
    )
    include_real: Annotated[bool, Field(alias="inclRealPosAndEq", strict=True, description="true or false")] = True
    greeks_type: Annotated[GreeksType, Field(alias="greeksType", description="one of BS, PA, CASH")] = "BS"
    index_move: MaybeNumber = Field(np.nan, alias="idxVol")


class _SimulatedPosition(PayloadModel):
    instrument: Text = Field(alias="instId")
    quantity: Number = Field(alias="pos")
    average_price: MaybeNumber = Field(np.nan, alias="avgPx")


class _SimulatedAsset(PayloadModel):
    currency: Text = Field(alias="ccy")
    amount: Number = Field(alias="amt")


def read_position_builder_request(
    path: str | PathLike[str] | Mapping[str, Any], case: int = 0
) -> PositionBuilderRequest:
    """Read the body of a position-builder request.

    A simulated position without ``avgPx`` is entered at today's mark, as at OKX. The ``lever`` of a position matters
    to multi-currency margin only and is not read.

    Args:
        path: A JSON file with a body, or with several as ``[{"case", "endpoint", "body"}]``, either also wrapped as
            ``payload``; or a parsed body.
        case: Which body, where there are several.

    Returns:
        The request.

    Raises:
        InputError: No such file or case; another account level than 4; a missing or malformed field; an ``idxVol``
            outside -0.99 to 1; an asset twice.
    """
    body = _body(path, case)
    settings = parse_row(_Body, body)
    if "mmrConfig" in body.values:
        # The trend-graph endpoint has its account level here.
        config = body.values["mmrConfig"]
        parse_row(_Body, Row(body.file, body.place("mmrConfig"), config if isinstance(config, Mapping) else {}))
    move = 0.0 if np.isnan(settings.index_move) else settings.index_move
    if not _LOWEST_MOVE <= move <= _HIGHEST_MOVE:
        raise body.error("idxVol", f"a move from {_LOWEST_MOVE} to {_HIGHEST_MOVE:g}")
    holdings, assets = _holdings(body), _assets(body)
    notes: tuple[str, ...] = ()
    if settings.include_real and assets:
        notes, assets = (f"simAsset ({len(assets)}) left out: OKX ignores it where real assets are included",), []
    accounts = one_account(_NAME, holdings, assets)
    return PositionBuilderRequest(accounts, settings.include_real, settings.greeks_type, move, notes)


def _body(path: str | PathLike[str] | Mapping[str, Any], case: int) -> Row:
    file, document = load_document(path, _NAME)
    steps = ""
    if isinstance(document, Mapping) and "payload" in document:
        steps, document = "payload", document["payload"]
    if isinstance(document, Sequence) and not isinstance(document, str):
        if not 0 <= case < len(document):
            expected = f"a case from 0 to {len(document) - 1}" if document else "a list of requests that is not empty"
            raise InputError(file, "case", expected, case)
        steps, document = f"{steps}[{case}]", document[case]
    elif case:
        raise InputError(file, "case", "case 0, there is one body", case)
    if isinstance(document, Mapping) and "body" in document:
        steps, document = f"{steps}.body" if steps else "body", document["body"]
    if not isinstance(document, Mapping):
        raise InputError(file, steps or "top level", "the body of a request, an object", shown(document))
    return Row(file, steps, document)


def _holdings(body: Row) -> list[Holding]:
    rows = body.rows("simPos") if "simPos" in body.values else []
    parsed = [(row, parse_row(_SimulatedPosition, row)) for row in rows]
    return [Holding(row, position.instrument, position.quantity, position.average_price) for row, position in parsed]


def _assets(body: Row) -> list[Asset]:
    rows = body.rows("simAsset") if "simAsset" in body.values else []
    parsed = [(row, parse_row(_SimulatedAsset, row)) for row in rows]
    return [Asset(row, asset.currency, asset.amount, key="amt") for row, asset in parsed]

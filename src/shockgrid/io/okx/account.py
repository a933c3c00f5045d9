"""Private OKX payloads as one account: balances (``/account/balance``) and positions (``/account/positions``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from shockgrid.accounts.assembly import assemble_accounts
from shockgrid.accounts.holdings import DEFAULT_SPOT_MODE, SPOT_MODES, Accounts, Balances, Labels, Limits, Positions
from shockgrid.accounts.holdings import Orders as OrderTable
from shockgrid.errors import InputError
from shockgrid.io.exchange.payload import (
    MaybeNumber,
    Number,
    PayloadModel,
    PayloadSource,
    Row,
    Text,
    common_folder,
    joined_place,
    parse_row,
    read_rows,
)
from shockgrid.market.source import Source


@dataclass(frozen=True)
class Holding:
    """A position: contracts and average price (NaN where none was given), and the row they come from."""

    row: Row
    instrument: str
    quantity: float
    average_price: float


@dataclass(frozen=True)
class Asset:
    """A balance: amount, interest accrued, limit of spot in use (NaN for none), the row and its amount's key."""

    row: Row
    currency: str
    amount: float
    interest: float = 0.0
    spot_limit: float = np.nan
    key: str = "cashBal"


class _PositionHead(PayloadModel):
    quantity: Number = Field(alias="pos")


class _Position(PayloadModel):
    type: Annotated[
        Literal["SWAP", "FUTURES", "OPTION"],
        Field(alias="instType", description="SWAP, FUTURES or OPTION (margin positions are outside portfolio margin)"),
    ]
    instrument: Text = Field(alias="instId")
    side: Annotated[Literal["net"], Field(alias="posSide", description="net, the position mode that this reader knows")]
    mode: Annotated[
        Literal["cross"],
        Field(alias="mgnMode", description="cross (isolated positions are outside portfolio margin)"),
    ]
    average_price: Number = Field(alias="avgPx")


class _Detail(PayloadModel):
    currency: Text = Field(alias="ccy")
    amount: Number = Field(alias="cashBal")
    interest: MaybeNumber = Field(0.0, alias="interest")
    spot_limit: MaybeNumber = Field(np.nan, alias="clSpotInUseAmt")


def read_okx_account(
    *,
    balance: PayloadSource | None = None,
    positions: PayloadSource | None = None,
    id: str = "okx",
    auto_borrow: bool = True,
) -> Accounts:
    """Read a trading account in portfolio margin mode.

    ``cashBal`` is the amount, below zero where a currency is borrowed, so that ``liab`` is not subtracted again;
    ``interest`` is the interest accrued; ``clSpotInUseAmt``, where set, is the limit of spot used as a hedge. Equity
    of trading bots and of isolated positions (``stgyEq``, ``isoEq``) belongs to no portfolio margin account and is not
    read. A position row with ``pos`` 0 holds nothing and is passed over.

    Args:
        balance: Reply of ``GET /api/v5/account/balance``, a file or the parsed object.
        positions: Reply of ``GET /api/v5/account/positions``, likewise.
        id: What the account is called.
        auto_borrow: Whether the account may borrow by itself; the payloads do not say.

    Returns:
        One account.

    Raises:
        InputError: Neither payload; a reply with an error code; a missing or malformed field; a margin position, an
            isolated one, or one in long/short mode; a currency twice.

    Examples:
        >>> read_okx_account(balance="balance.json", positions="positions.json")  # doctest: +SKIP
    """
    if balance is None and positions is None:
        raise InputError("<okx account>", "balance", "a balance or positions", "neither")
    assets = [] if balance is None else _assets(read_rows(balance, "balance"))
    holdings = [] if positions is None else _holdings(read_rows(positions, "positions"))
    return one_account(id, holdings, assets, auto_borrow=auto_borrow)


def one_account(name: str, holdings: list[Holding], assets: list[Asset], *, auto_borrow: bool = True) -> Accounts:
    """Build a set of one account.

    Raises:
        InputError: A number out of its range, or a currency twice.
    """
    limited = [asset for asset in assets if not np.isnan(asset.spot_limit)]
    files = [entry.row.file for entry in (*holdings, *assets)]
    return assemble_accounts(
        Accounts(
            ids=np.array([name], object),
            positions=Positions(
                _first(holdings),
                Labels.of(holding.instrument for holding in holdings),
                _numbers(holding.quantity for holding in holdings),
                _numbers(holding.average_price for holding in holdings),
            ),
            orders=OrderTable(_first([]), Labels.of([]), _numbers([]), _numbers([])),
            balances=Balances(
                _first(assets),
                Labels.of(asset.currency for asset in assets),
                _numbers(asset.amount for asset in assets),
                _numbers(asset.interest for asset in assets),
            ),
            limits=Limits(
                _first(limited),
                Labels.of(asset.currency for asset in limited),
                _numbers(asset.spot_limit for asset in limited),
                np.full(len(limited), np.nan),
            ),
            spot_mode=np.array([SPOT_MODES.index(DEFAULT_SPOT_MODE)], np.int32),
            auto_borrow=np.array([auto_borrow]),
            declared=np.ones(1, bool),
            source=Source(common_folder(files), _Places(holdings, assets, limited)),
        )
    )


def _assets(rows: list[Row]) -> list[Asset]:
    # A reply has one row with a list of details; a single detail, as the account channel pushes it, is taken too.
    details = [d for row in rows for d in ([row] if "ccy" in row.values else row.rows("details"))]
    return [_asset(row, parse_row(_Detail, row)) for row in details]


def _asset(row: Row, detail: _Detail) -> Asset:
    interest = 0.0 if np.isnan(detail.interest) else detail.interest
    return Asset(row, detail.currency, detail.amount, interest, detail.spot_limit)


def _holdings(rows: list[Row]) -> list[Holding]:
    held = []
    for row in rows:
        quantity = parse_row(_PositionHead, row).quantity
        if quantity:
            position = parse_row(_Position, row)
            held.append(Holding(row, position.instrument, quantity, position.average_price))
    return held


def _first(entries: list) -> np.ndarray:
    """Every entry belongs to the first account."""
    return np.zeros(len(entries), np.int32)


def _numbers(values: Iterable[float]) -> np.ndarray:
    return np.array(list(values), float)


_KEYS = {
    "": "",
    "instrument": "instId",
    "quantity": "pos",
    "average_price": "avgPx",
    "currency": "ccy",
    "coin": "ccy",
    "accrued_interest": "interest",
    "spot_limit": "clSpotInUseAmt",
}


@dataclass(frozen=True)
class _Places:
    """Path of a holding's cell: ``positions.json data[2].pos``, ``balance.json data[0].details[1].interest``."""

    holdings: list[Holding]
    assets: list[Asset]
    limited: list[Asset]

    def __call__(self, table: str, row: int, column: str) -> str:
        if table == "positions":
            return joined_place(self.holdings[row].row, _KEYS.get(column, column))
        if table in ("balances", "limits"):
            asset = (self.assets if table == "balances" else self.limited)[row]
            return joined_place(asset.row, asset.key if column == "amount" else _KEYS.get(column, column))
        return column or "top level"

"""OKX's position-builder reply: what it says, and how OKX writes it (okx_portfolio_margin.md section 13).

Format only. Who fills the record decides what the numbers mean. A number is written as the shortest decimal that reads
back the same, without exponent; ``None`` is OKX's empty string: not asked for, or not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

InstrumentType = Literal["SPOT", "SWAP", "FUTURES", "OPTION"]
VolShock = Literal["up", "unchange", "down"]
SCENARIO_KEYS: Mapping[VolShock, str] = {"unchange": "volSame", "down": "volShockDown", "up": "volShockUp"}
N_CHARGES = 9


@dataclass(frozen=True)
class AssetLine:
    """One currency: equity and spot in use in the currency, initial margin of borrowing in USD."""

    currency: str
    equity: float
    spot_in_use: float
    borrow_imr_usd: float


@dataclass(frozen=True)
class PositionLine:
    """One line of a risk unit: a position, or the spot in use.

    Attributes:
        amount: Signed contracts; for ``SPOT`` coins in use.
        average_price, mark, mark_before: As quoted; ``mark_before`` the move of the index, if one was asked for.
        float_pnl: In the settlement currency.
        delta: For ``SPOT`` the amount of the asset.
        gamma, theta, vega: None for ``SPOT``.
        side: ``net``; empty for ``SPOT``.
    """

    instrument: str
    instrument_type: InstrumentType
    amount: float
    average_price: float | None
    mark_before: float | None
    mark: float
    float_pnl: float | None
    notional_usd: float
    delta: float
    gamma: float | None
    theta: float | None
    vega: float | None
    side: Literal["net", "long", "short", ""]
    is_real: bool


@dataclass(frozen=True)
class WorstMove:
    """A cell of MR1's grid, or a direction of MR6, which has no volatility shock."""

    pnl_usd: float
    price_move: float
    vol_shock: VolShock | None = None


@dataclass(frozen=True)
class RiskUnitLine:
    """One risk unit, in USD; Greeks in the convention that was asked for.

    Attributes:
        charges_usd: MR1 to MR9.
        scenarios: MR1's P&L by volatility shock and price move.
        mmr_before, imr_before: Before the move of the index, if one was asked for.
    """

    unit: str
    mmr_before: float | None
    mmr: float
    imr_before: float | None
    imr: float
    upl: float
    charges_usd: tuple[float, ...]
    scenarios: Mapping[VolShock, Mapping[float, float]]
    mr1_worst: WorstMove
    mr6_worst: WorstMove
    delta: float
    gamma: float
    theta: float
    vega: float
    positions: tuple[PositionLine, ...]


@dataclass(frozen=True)
class PositionBuilderReply:
    """The whole reply, in USD.

    Attributes:
        margin_ratio: None if no margin is required.
        leverage: None if there is no equity.
        time_ms: Since 1970, UTC.
    """

    equity: float
    mmr: float
    imr: float
    borrow_mmr: float
    derivatives_mmr: float
    margin_ratio: float | None
    upl: float
    leverage: float | None
    time_ms: int
    assets: tuple[AssetLine, ...]
    units: tuple[RiskUnitLine, ...]


def format_position_builder_reply(record: PositionBuilderReply) -> dict[str, Any]:
    """The reply as OKX's JSON has it, keys in OKX's order.

    Args:
        record: Numbers are finite.
    """
    data = {
        "acctLever": number_text(record.leverage),
        "assets": [_asset(line) for line in record.assets],
        "borrowMmr": number_text(record.borrow_mmr),
        "derivMmr": number_text(record.derivatives_mmr),
        "eq": number_text(record.equity),
        "marginRatio": number_text(record.margin_ratio),
        "positions": [],  # filled in multi-currency mode only
        "riskUnitData": [_unit(line) for line in record.units],
        "totalImr": number_text(record.imr),
        "totalMmr": number_text(record.mmr),
        "ts": str(record.time_ms),
        "upl": number_text(record.upl),
    }
    return {"code": "0", "data": [data], "msg": ""}


def number_text(value: float | None) -> str:
    """The shortest decimal that reads back as the value: ``0.00001``, ``-10``, ``0``; empty for None."""
    if value is None:
        return ""
    # Adding zero turns -0.0 into 0.0.
    return np.format_float_positional(value + 0.0, trim="-")


def _asset(line: AssetLine) -> dict[str, str]:
    return {
        "availEq": number_text(line.equity),
        "borrowImr": number_text(line.borrow_imr_usd),
        "borrowMmr": "",  # deprecated by OKX
        "ccy": line.currency,
        "spotInUse": number_text(line.spot_in_use),
    }


def _unit(line: RiskUnitLine) -> dict[str, Any]:
    mr = {f"mr{k}": number_text(charge) for k, charge in zip(range(1, N_CHARGES + 1), line.charges_usd, strict=True)}
    return {
        "delta": number_text(line.delta),
        "gamma": number_text(line.gamma),
        "imrBf": number_text(line.imr_before),
        "imr": number_text(line.imr),
        "mmrBf": number_text(line.mmr_before),
        "mmr": number_text(line.mmr),
        "mr1": mr["mr1"],
        "mr1FinalResult": _worst(line.mr1_worst),
        "mr1Scenarios": {key: _row(line.scenarios[shock]) for shock, key in SCENARIO_KEYS.items()},
        **{key: mr[key] for key in ("mr2", "mr3", "mr4", "mr5", "mr6")},
        "mr6FinalResult": _worst(line.mr6_worst),
        **{key: mr[key] for key in ("mr7", "mr8", "mr9")},
        "portfolios": [_position(position) for position in line.positions],
        "riskUnit": line.unit,
        "theta": number_text(line.theta),
        "upl": number_text(line.upl),
        "vega": number_text(line.vega),
    }


def _row(cells: Mapping[float, float]) -> dict[str, str]:
    return {number_text(move): number_text(pnl) for move, pnl in cells.items()}


def _worst(worst: WorstMove) -> dict[str, str]:
    written = {"pnl": number_text(worst.pnl_usd), "spotShock": number_text(worst.price_move)}
    return written | ({} if worst.vol_shock is None else {"volShock": worst.vol_shock})


def _position(line: PositionLine) -> dict[str, str | bool]:
    return {
        "amt": number_text(line.amount),
        "avgPx": number_text(line.average_price),
        "delta": number_text(line.delta),
        "floatPnl": number_text(line.float_pnl),
        "gamma": number_text(line.gamma),
        "instId": line.instrument,
        "instType": line.instrument_type,
        "isRealPos": line.is_real,
        "markPxBf": number_text(line.mark_before),
        "markPx": number_text(line.mark),
        "notionalUsd": number_text(line.notional_usd),
        "posSide": line.side,
        "theta": number_text(line.theta),
        "vega": number_text(line.vega),
    }

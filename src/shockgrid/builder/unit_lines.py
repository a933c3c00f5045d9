"""The risk units of a reply, from the frames and arrays of a margin report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shockgrid.accounts.book import POSITIONS
from shockgrid.io.okx.reply import PositionLine, RiskUnitLine, VolShock, WorstMove
from shockgrid.report.margin_report import MarginReport

VOL_SHOCK: Mapping[str, VolShock] = {"up": "up", "unchanged": "unchange", "down": "down"}
TIE_TOLERANCE = 1e-12
"""Losses closer than this share of the unit's gross size are equal, as in MR1's grid."""


def unit_lines(
    report: MarginReport, positions: Mapping[str, Sequence[PositionLine]], before: MarginReport | None
) -> tuple[RiskUnitLine, ...]:
    """One line a risk unit, by coin.

    Args:
        report: Of one account.
        positions: The lines of each unit.
        before: The report before the move of the index, if one was asked for.
    """
    before_rows: list[dict[str, Any]] = [] if before is None else before.units.to_dict("records")
    lines = []
    for row, unit in enumerate(report.units.to_dict("records")):
        held = positions[unit["unit"]]
        derivatives = [line for line in held if line.instrument_type != "SPOT"]
        lines.append(
            RiskUnitLine(
                unit=unit["unit"],
                mmr_before=before_rows[row]["mmr_usd"] if before_rows else None,
                mmr=unit["mmr_usd"],
                imr_before=before_rows[row]["imr_usd"] if before_rows else None,
                imr=unit["imr_usd"],
                upl=unit["upl_usd"],
                charges_usd=tuple(unit[f"mr{k}"] for k in range(1, 10)),
                scenarios=_scenarios(report, unit["unit"]),
                mr1_worst=_mr1_worst(report, unit),
                mr6_worst=_mr6_worst(report, row, unit),
                **{name: _total(derivatives, name) for name in ("delta", "gamma", "theta", "vega")},
                positions=tuple(held),
            )
        )
    return tuple(lines)


def _total(lines: Sequence[PositionLine], name: str) -> float:
    return float(sum(getattr(line, name) for line in lines))


def _scenarios(report: MarginReport, unit: str) -> dict[VolShock, dict[float, float]]:
    cells = report.scenarios[report.scenarios["unit"] == unit]
    rows: dict[VolShock, dict[float, float]] = {shock: {} for shock in VOL_SHOCK.values()}
    for state, move, pnl in zip(cells["vol_state"], cells["price_move"], cells["pnl_usd"], strict=True):
        rows[VOL_SHOCK[state]][float(move)] = float(pnl)
    return rows


def _mr1_worst(report: MarginReport, unit: Mapping[str, Any]) -> WorstMove:
    shock, move = VOL_SHOCK[unit["worst_vol_state"]], unit["worst_price_move"]
    return WorstMove(_scenarios(report, unit["unit"])[shock][float(move)], move, shock)


def _mr6_worst(report: MarginReport, row: int, unit: Mapping[str, Any]) -> WorstMove:
    """The worse extreme move and its whole P&L, of which MR6 counts a share."""
    (move,) = report.rules.of_each("mr6.price_move", [unit["unit"]])
    book, coins = report.rows.book, report.market.universe.contracts.coin
    mine = coins[book.instrument] == report.rows.unit[row]
    instrument, quantity = book.instrument[mine], book.quantity[POSITIONS][mine]
    exposures, coin = report.exposures, report.market.universe.contracts.coin_currency[report.rows.unit[row]]
    spot_usd = unit["spot_in_use"] * report.market.snapshot.index_usd[coin]
    up, down = quantity @ np.asarray(exposures.linear.extreme)[instrument] + spot_usd * np.array([move, -move])
    gross = np.abs(quantity) @ np.asarray(exposures.gross.size)[instrument] + abs(spot_usd)
    if down < up - TIE_TOLERANCE * gross:
        return WorstMove(float(down), -move)
    return WorstMove(float(up), move)

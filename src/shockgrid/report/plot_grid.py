"""The 21 cells of a unit as a heatmap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from shockgrid.report import colours
from shockgrid.report.contributions import cell_contributions, unit_cells
from shockgrid.report.plot_style import AXIS, NUMBERS, amount, escaped, move_text, styled
from shockgrid.scenarios.grid import VOL_STATES

if TYPE_CHECKING:
    from shockgrid.report.margin_report import MarginReport

N_LARGEST = 5
_INSET = 0.48  # half a cell is 0.5; the outline lies inside


def plot_grid(report: MarginReport, account: str, unit: str) -> go.Figure:
    """P&L of a unit in the 21 cells of MR1, the worst outlined; hovering lists what contributes most.

    Args:
        report: From ``margin``.
        account: An account of the report.
        unit: A risk unit of it: a coin, in version 1 a coin and a settlement currency.

    Returns:
        A figure of one heatmap: rows volatility up, unchanged, down; columns price moves ascending. ``customdata``
        holds the contributions of each cell: the five largest, then the sum of the others.

    Raises:
        InputError: An account that the report does not hold, or a unit that the account does not have.
    """
    contributions = cell_contributions(report, account, unit)
    moves, pnl = unit_cells(report, account, unit)
    row = report.units.query("account == @account and unit == @unit").iloc[0]
    decimals = 2 if np.abs(pnl).max() < 100.0 else 0
    hover, parts = _contributors(contributions, unit, pnl, moves)
    figure = go.Figure(
        go.Heatmap(
            z=pnl,
            x=[move_text(move) for move in moves],
            y=list(VOL_STATES),
            text=[[amount(value, decimals=decimals) for value in line] for line in pnl],
            texttemplate="%{text}",
            textfont={"color": colours.OUTLINE_DARK},
            hovertext=hover,
            hoverinfo="text",
            customdata=parts,
            **_scale(pnl),
        )
    )
    worst = VOL_STATES.index(row["worst_vol_state"]), moves.index(row["worst_price_move"])
    _outline(figure, *worst)
    figure.update_xaxes(
        AXIS
        | {
            "ticks": "",
            "type": "category",
            "title_text": f"price move of {escaped(report.coin_of(unit))}",
            "showgrid": False,
        }
    )
    downwards = {
        "ticks": "",
        "type": "category",
        "title_text": "volatility",
        "autorange": "reversed",
        "showgrid": False,
    }
    figure.update_yaxes(AXIS | downwards)
    return styled(figure, f"{escaped(unit)} of {escaped(account)}: P&L by scenario, worst cell outlined", 340)


def _scale(pnl: np.ndarray) -> dict[str, object]:
    """Colours centred on zero."""
    largest = float(np.abs(pnl).max()) or 1.0
    bar = {"title": {"text": "P&L (USD)", "side": "right"}, "thickness": 10, "outlinewidth": 0} | NUMBERS
    scale = [list(stop) for stop in colours.LOSS_TO_GAIN]
    return {"colorscale": scale, "zmin": -largest, "zmax": largest, "xgap": 3, "ygap": 3, "colorbar": bar}


def _outline(figure: go.Figure, row: int, column: int) -> None:
    box = {"x0": column - _INSET, "x1": column + _INSET, "y0": row - _INSET, "y1": row + _INSET}
    for width, colour in ((6, colours.OUTLINE_LIGHT), (3, colours.OUTLINE_DARK)):
        figure.add_shape(type="rect", **box, line={"width": width, "color": colour}, fillcolor=colours.CLEAR)


def _contributors(
    contributions: pd.DataFrame, unit: str, pnl: np.ndarray, moves: list[float]
) -> tuple[list[list[str]], np.ndarray]:
    """Hover text of each cell, and ``[vol state, move, largest or others]`` contributions, padded with zeros."""
    hover = [[""] * len(moves) for _ in VOL_STATES]
    parts = np.zeros((*pnl.shape, N_LARGEST + 1))
    for _, rows in contributions.groupby(["vol_state", "price_move"], sort=False):
        state, move = rows["vol_state"].iloc[0], rows["price_move"].iloc[0]
        i, j = VOL_STATES.index(state), moves.index(move)
        ordered = rows.sort_values("pnl_usd", key=np.abs, ascending=False, kind="stable")
        names, values = ordered["instrument"].tolist(), ordered["pnl_usd"].to_numpy(float)
        lines = list(zip(names[:N_LARGEST], values[:N_LARGEST], strict=True))
        others = values[N_LARGEST:]
        parts[i, j, : len(lines)], parts[i, j, -1] = values[:N_LARGEST], others.sum()
        if len(others):
            lines.append((f"other {len(others)} position{'s' * (len(others) > 1)}", others.sum()))
        title = f"{unit} {move_text(move)}, volatility {state}"
        hover[i][j] = _listing([*lines, ("together", pnl[i, j])], title)
    return hover, parts


def _listing(lines: list[tuple[str, float]], title: str) -> str:
    """Names left, dollars right, in a monospaced hover label."""
    decimals = 2 if max(abs(value) for _, value in lines) < 100.0 else 0
    texts = [amount(value, decimals=decimals) for _, value in lines]
    left, right = max(len(name) for name, _ in lines), max(map(len, texts))
    rows = [f"{escaped(name.ljust(left))}  {text.rjust(right)}" for (name, _), text in zip(lines, texts, strict=True)]
    return "<br>".join([f"<b>{escaped(title)}, USD</b>", *rows[:-1], f"<b>{rows[-1]}</b>"])

"""How the components of each unit make an account's maintenance margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from shockgrid.report.contributions import account_place
from shockgrid.report.plot_parts import MARKET_MOVES, PART_NAMES, UNIT_PARTS, unit_parts
from shockgrid.report.plot_style import AXIS, LEGEND, USD_AXIS, amount, end_labels, escaped, part_marker, styled

if TYPE_CHECKING:
    from shockgrid.report.margin_report import MarginReport

BORROWING = "borrowing"
_ROOM_FOR_LABELS = 1.4


def plot_components(report: MarginReport, account: str) -> go.Figure:
    """A bar for each unit, stacked from the components that make its margin, and one for borrowing.

    Of MR1, MR2 and MR6 only the largest is drawn, because only it counts; MR7 is drawn as what its floor adds to the
    rest. So a bar ends at the unit's margin, and the bars together are the account's. The component that decides, by
    the column ``dominant``, is outlined.

    Args:
        report: From ``margin``.
        account: An account of the report.

    Returns:
        A figure with a bar trace for each component that has a part, and a trace of labels.

    Raises:
        InputError: An account that the report does not hold.
    """
    place = account_place(report, account)
    units = report.units.query("account == @account").sort_values("mmr_usd", ascending=False, kind="stable")
    borrowing = float(report.accounts["borrow_mmr_usd"].iloc[place])
    figure = go.Figure([bar for name in UNIT_PARTS if (bar := _bar(name, units)) is not None])
    if borrowing > 0:
        hover = f"<b>{BORROWING}</b><br>{PART_NAMES['mr8']}: {amount(borrowing)} USD"
        figure.add_trace(_trace("mr8", [borrowing], [BORROWING], [1.0], [hover]))
    labels = [amount(m) + _decider(d) for m, d in zip(units["mmr_usd"], units["dominant"], strict=True)]
    names, totals = [escaped(unit) for unit in units["unit"]], units["mmr_usd"].tolist()
    if borrowing > 0:
        names, totals, labels = [*names, BORROWING], [*totals, borrowing], [*labels, amount(borrowing)]
    figure.add_trace(end_labels(totals, names, labels))
    most = max(totals, default=0.0) or 1.0
    figure.update_xaxes(USD_AXIS | {"title_text": "maintenance margin (USD)", "range": [0, _ROOM_FOR_LABELS * most]})
    order = {"type": "category", "categoryorder": "array", "categoryarray": names[::-1], "title_text": "unit"}
    figure.update_yaxes(AXIS | order, showgrid=False)
    figure.update_layout(barmode="stack", bargap=0.35, legend=LEGEND)
    total = amount(float(report.accounts["mmr_usd"].iloc[place]))
    title = f"{escaped(account)}: what makes the margin of {total} USD"
    return styled(figure, title, 215 + 36 * len(names), bottom=105)


def _bar(name: str, units: pd.DataFrame) -> go.Bar | None:
    part = unit_parts(units)[name].to_numpy(float)
    if not (part > 0).any():
        return None
    widths = np.where((units["dominant"] == name) & (part > 0), 3.0, 0.5).tolist()
    hover = [_hover(name, row, value) for row, value in zip(units.to_dict("records"), part, strict=True)]
    return _trace(name, part.tolist(), [escaped(unit) for unit in units["unit"]], widths, hover)


def _trace(name: str, x: list[float], y: list[str], widths: list[float], hover: list[str]) -> go.Bar:
    return go.Bar(
        name=PART_NAMES[name],
        x=x,
        y=y,
        orientation="h",
        marker=part_marker(name, widths),
        hovertext=hover,
        hoverinfo="text",
        meta=name,
        showlegend=True,
    )


def _hover(name: str, unit: dict, part: float) -> str:
    lines = [f"<b>{escaped(unit['unit'])}</b>", f"{PART_NAMES[name]}: {amount(part)} USD"]
    if name in MARKET_MOVES:
        others = (f"{other.upper()} {amount(unit[other])}" for other in MARKET_MOVES if other != name)
        lines.append(f"not larger, so not added: {', '.join(others)}")
    if name == "mr7":
        lines.append(f"the floor: {amount(unit['mr7'])} USD")
    return "<br>".join([*lines, f"margin of the unit: {amount(unit['mmr_usd'])} USD"])


def _decider(dominant: str) -> str:
    return "" if dominant == "none" else f" · {dominant.upper()} decides"

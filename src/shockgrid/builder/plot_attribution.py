"""Waterfalls of what moved margin, equity and ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from shockgrid.builder.chosen import the_account
from shockgrid.report import colours
from shockgrid.report.plot_style import AXIS, USD_AXIS, escaped, styled

if TYPE_CHECKING:
    from shockgrid.builder.attribution import Attribution

PANELS = {"mmr_usd": "maintenance margin, USD", "equity_usd": "adjusted equity, USD", "margin_ratio": "margin ratio"}
"""Figures, each in a panel of its own whose axis need not begin at zero."""
UP, DOWN, TOTAL = colours.ORANGE, colours.BLUE, colours.COMPONENTS["mr8"]


def plot_attribution(attribution: Attribution, account: str | None) -> go.Figure:
    """One waterfall a figure: before, every factor that changed with its span over all orders, after.

    Args:
        attribution: From ``attribute``.
        account: By default the only one.

    Raises:
        InputError: An account that is not there, or none named where there are several.
    """
    name = the_account("attribute", attribution.before.inputs.ids.tolist(), account)
    figure = make_subplots(rows=len(PANELS), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    parts = attribution.contributions[attribution.contributions.account == name]
    totals = attribution.totals[attribution.totals.account == name].set_index("figure")
    for row, (number, words) in enumerate(PANELS.items(), start=1):
        mine: pd.DataFrame = parts.loc[
            (parts.figure == number) & (parts.factor.isin(attribution.changed) | (parts.change != 0))
        ]
        before, after = (float(totals.loc[number, side]) for side in ("before", "after"))  # pyright: ignore[reportArgumentType]
        if not np.isfinite([before, after]).all():
            continue
        figure.update_yaxes(range=_range(mine, before), title_text=words, row=row, col=1)
        figure.add_trace(_bars(mine, before, number), row=row, col=1)
        if (mine.high > mine.low).any():
            figure.add_trace(_whiskers(mine, before), row=row, col=1)
    figure.update_xaxes(AXIS)
    figure.update_yaxes(USD_AXIS)
    figure.update_yaxes(tickformat=".0%", row=len(PANELS), col=1)
    title = f"{escaped(name)}: what moved margin, equity and ratio"
    return styled(figure, title, 720).update_layout(showlegend=False)


def _range(parts: pd.DataFrame, before: float) -> list[float]:
    """Around what moved: the bars of the whole figures are cut off below, or the parts could not be seen."""
    start = before + np.append(0.0, np.cumsum(parts.change.to_numpy()))
    ends = np.concatenate([start, start[:-1] + parts.low.fillna(0.0), start[:-1] + parts.high.fillna(0.0)])
    room = 0.25 * float(np.ptp(ends)) or 0.1 * abs(before) or 1.0
    return [float(ends.min()) - room, float(ends.max()) + room]


def _bars(parts: pd.DataFrame, before: float, number: str) -> go.Waterfall:
    style = ".2%" if number == "margin_ratio" else ",.0f"
    nothing = {format(0.0, "+" + style), format(-0.0, "+" + style)}
    changes = parts.change.tolist()
    words = [format(x, "+" + style) for x in changes]
    return go.Waterfall(
        x=["before", *parts.factor, "after"],
        y=[before, *changes, 0.0],
        measure=["absolute", *["relative"] * len(parts), "total"],
        text=[
            format(before, style),
            *("0" if t in nothing else t for t in words),
            format(before + sum(changes), style),
        ],
        textposition="outside",
        textfont={"size": 10},
        constraintext="none",
        cliponaxis=False,
        increasing={"marker": {"color": UP}},
        decreasing={"marker": {"color": DOWN}},
        totals={"marker": {"color": TOTAL}},
        connector={"line": {"color": colours.GRID}},
        hovertemplate="%{x}: %{text}<extra></extra>",
    )


def _whiskers(parts: pd.DataFrame, before: float) -> go.Scatter:
    """From the least to the most that any order of the factors gives, at the end of each bar."""
    start = before + np.append(0.0, np.cumsum(parts.change.to_numpy())[:-1])
    end = start + parts.change.to_numpy()
    error = {"type": "data", "symmetric": False, "thickness": 1, "width": 4, "color": colours.TEXT}
    error |= {"array": start + parts.high.to_numpy() - end, "arrayminus": end - start - parts.low.to_numpy()}
    words = [f"any order: {low:+,.6g} to {high:+,.6g}" for low, high in zip(parts.low, parts.high, strict=True)]
    marker = {"size": 1, "color": colours.TEXT}
    template = "%{text}<extra></extra>"
    return go.Scatter(
        x=parts.factor, y=end, mode="markers", marker=marker, error_y=error, text=words, hovertemplate=template
    )

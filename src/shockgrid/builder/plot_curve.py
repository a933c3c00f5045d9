"""Margin ratio, equity and MMR against the price of a coin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from shockgrid.builder.chosen import the_account
from shockgrid.report import colours
from shockgrid.report.plot_style import AXIS, LEGEND, USD_AXIS, escaped, styled

if TYPE_CHECKING:
    from shockgrid.builder.margin_curve import MarginCurve

LINES = (colours.BLUE, colours.VERMILLION, colours.GREEN, colours.PURPLE, colours.ORANGE, colours.SKY)
HIGHEST = 10.0
"""Ratios above it are far from any level: the axis ends here."""


def plot_curve(curve: MarginCurve, account: str | None) -> go.Figure:
    """Above the margin ratio with the levels of warning and liquidation, below equity and MMR, one colour a coin.

    Args:
        curve: From ``margin_curve``.
        account: By default the only one.

    Raises:
        InputError: An account that the curve does not hold, or none named where it holds several.
    """
    name = the_account("margin_curve", curve.points.account.unique().tolist(), account)
    mine = curve.points[curve.points.account == name]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.5, 0.5])
    for i, (coin, points) in enumerate(mine.groupby("coin", sort=False)):
        colour, x = LINES[i % len(LINES)], points.price_move.to_numpy()
        at = zip(x.tolist(), points.price_usd.tolist(), strict=True)
        hover = [f"{escaped(str(coin))} {move:+.0%} at {price:,.6g} USD" for move, price in at]
        shared = {"x": x, "text": hover, "legendgroup": str(coin), "mode": "lines"}
        ratio = points.margin_ratio.replace(np.inf, np.nan).to_numpy()
        template = "%{text}<br>%{y:,.5~g}<extra></extra>"
        lines = (
            (1, ratio, escaped(str(coin)), {"color": colour, "width": 2}),
            (2, points.equity_usd, f"{escaped(str(coin))}: equity", {"color": colour, "width": 2}),
            (2, points.mmr_usd, f"{escaped(str(coin))}: MMR", {"color": colour, "width": 2, "dash": "dot"}),
        )
        for row, y, label, line in lines:
            trace = go.Scatter(**shared, y=y, name=label, line=line, hovertemplate=template, showlegend=row == 2)
            figure.add_trace(trace, row=row, col=1)
    for key, colour in (("warning", colours.STATUS["warning"]), ("liquidation", colours.STATUS["liquidation"])):
        level = float(curve.report.rules[f"ratio.{key}"])
        text = {"annotation_text": f"{key} {level:.0%}", "annotation_position": "top left"}
        figure.add_hline(level, line={"color": colour, "dash": "dash", "width": 1}, row=1, col=1, **text)  # pyright: ignore[reportArgumentType]
    figure.add_vline(0.0, line={"color": colours.GRID, "width": 1})
    finite = mine.margin_ratio.replace(np.inf, np.nan)
    top = min(max(1.1 * float(finite.max()), 3.5), HIGHEST) if finite.notna().any() else HIGHEST
    bottom = max(min(float(finite.min()), 0.0), -top) if finite.notna().any() else 0.0
    figure.update_xaxes(AXIS | {"tickformat": "+.0%"})
    figure.update_xaxes(title_text="move of the coin's price in USD, all others held", row=2, col=1)
    figure.update_yaxes(
        AXIS | {"tickformat": ".0%", "title_text": "margin ratio", "range": [bottom, top]}, row=1, col=1
    )
    figure.update_yaxes(USD_AXIS | {"title_text": "USD"}, row=2, col=1)
    figure.update_layout(legend=LEGEND)
    return styled(figure, f"{escaped(name)}: margin against price", 620, bottom=110)

"""A cascade by round: prices of coins, accounts that are liquidated, and who pays for the bankrupt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from shockgrid.report import colours
from shockgrid.report.plot_style import AXIS, LEGEND, USD_AXIS, styled

if TYPE_CHECKING:
    from shockgrid.report.cascade_report import CascadeReport

_LINES = (colours.BLUE, colours.ORANGE, colours.GREEN, colours.PURPLE, colours.SKY, colours.VERMILLION)
MOST_COINS = len(_LINES)


def plot_cascade(report: CascadeReport) -> go.Figure:
    """Above the prices of the coins that move most, relative to those before; below accounts and losses by round.

    Args:
        report: From ``cascade``.
    """
    titles = ("Price since the cascade began", "Accounts liquidated", "Losses of bankrupt accounts, USD")
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.09, subplot_titles=titles)
    figure.update_annotations(font_size=13, x=0.0, xanchor="left")
    prices, rounds = report.prices, report.rounds
    paths = (1.0 + prices.pivot_table(index="round", columns="coin", values="price_move")).cumprod() - 1.0
    largest = paths.abs().max().sort_values(ascending=False).index[:MOST_COINS]
    for colour, coin in zip(_LINES, largest, strict=False):
        line = {"color": colour, "width": 2}
        x, y = [0, *paths.index], [0.0, *paths[coin]]
        figure.add_trace(go.Scatter(x=x, y=y, name=str(coin), mode="lines+markers", line=line), row=1, col=1)
    bar = go.Bar(x=rounds["round"], y=rounds.liquidated, name="liquidated", marker_color=colours.TEXT, showlegend=False)
    figure.add_trace(bar, row=2, col=1)
    unpaid = rounds.loss_usd - rounds.fund_paid_usd
    for name, values, colour in (
        ("paid by the fund", rounds.fund_paid_usd, colours.SKY),
        ("not paid", unpaid, colours.VERMILLION),
    ):
        figure.add_trace(go.Bar(x=rounds["round"], y=values, name=name, marker_color=colour), row=3, col=1)
    figure.update_yaxes(AXIS | {"tickformat": ".1%"}, row=1, col=1)
    figure.update_yaxes(AXIS, row=2, col=1)
    figure.update_yaxes(USD_AXIS, row=3, col=1)
    figure.update_xaxes(AXIS | {"dtick": 1 if len(rounds) < 20 else None})
    figure.update_xaxes({"title": {"text": "round"}}, row=3, col=1)
    figure.update_layout(legend=LEGEND, barmode="stack", bargap=0.3)
    return styled(figure, f"Cascade of {len(rounds)} rounds", 640, bottom=90)

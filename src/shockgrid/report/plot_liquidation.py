"""The liquidation of one account: margin ratio by step, coloured by stage, and the delta of its units by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from shockgrid.report import colours
from shockgrid.report.plot_style import AXIS, LEGEND, USD_AXIS, escaped, styled

if TYPE_CHECKING:
    from shockgrid.report.liquidation_report import LiquidationReport

_UNIT_COLOURS = (colours.BLUE, colours.ORANGE, colours.GREEN, colours.PURPLE, colours.SKY, colours.VERMILLION)
_DASHES = ("solid", "dash", "dot", "dashdot")


def plot_liquidation(report: LiquidationReport, account: str) -> go.Figure:
    """Above the ratio after each step, below the cash delta of the derivatives of each unit.

    Args:
        report: From ``liquidate``.
        account: One that was liquidated.

    Returns:
        A figure with a bar trace for each stage and a line for each unit.
    """
    legs = report.steps.loc[report.steps.account == account, :]
    titles = ("Margin ratio after each step", "Cash delta of each unit's derivatives, USD")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.12, subplot_titles=titles)
    figure.update_annotations(font_size=13, x=0.0, xanchor="left")
    _add_ratios(figure, report, legs)
    _add_deltas(figure, report, account, legs)
    figure.update_yaxes(AXIS | {"tickformat": ".0%"}, row=1, col=1)
    figure.update_yaxes(USD_AXIS, row=2, col=1)
    figure.update_xaxes(AXIS | {"title": {"text": "step"}}, row=2, col=1)
    figure.update_xaxes(AXIS, row=1, col=1)
    figure.update_layout(legend=LEGEND, bargap=0.1)
    outcome = report.accounts.set_index("account").outcome[account].replace("_", " ")
    return styled(figure, f"Liquidation of {escaped(account)}: {outcome}", 560, bottom=100)


def _add_ratios(figure: go.Figure, report: LiquidationReport, legs: pd.DataFrame) -> None:
    last = legs.groupby("step").last()
    for stage in legs.stage.unique():
        rows = last[last.stage == stage]
        figure.add_trace(
            go.Bar(
                x=rows.index,
                y=rows.ratio_after.replace(np.inf, np.nan),
                name=stage.replace("_", " "),
                marker={"color": colours.STAGES[stage], "line": {"width": 0}},
                customdata=np.stack([rows.mmr_after_usd, rows.reason], axis=1),
                hovertemplate="step %{x}: %{y:.1%}<br>MMR %{customdata[0]:,.0f} USD<br>%{customdata[1]}<extra></extra>",
            ),
            row=1,
            col=1,
        )
    stop = float(report.before.rules["liquidation.stop_ratio"])
    for level, word, anchor in ((1.0, "liquidation", "top"), (stop, "stop", "bottom")):
        figure.add_hline(y=level, line={"color": colours.TEXT, "dash": "dot", "width": 1}, row=1, col=1)  # pyright: ignore[reportArgumentType]
        figure.add_annotation(
            x=1.0, xref="paper", xanchor="right", y=level, yref="y", yanchor=anchor, text=word, showarrow=False
        )


def _add_deltas(figure: go.Figure, report: LiquidationReport, account: str, legs: pd.DataFrame) -> None:
    universe = report.before.market.universe
    per_contract = dict(
        zip(universe.ids, report.before.exposures.linear.denominations.sum(axis=1)[: len(universe)], strict=True)
    )
    delta = legs.quantity * legs.instrument.map(per_contract).fillna(0.0)
    counts = legs.stage != "cancel_orders"
    start = report.before.units[report.before.units.account == account].set_index("unit").cash_delta_usd
    steps = np.arange(legs.step.max() + 1)
    for i, (unit, at_first) in enumerate(start.items()):
        moved = delta[counts & (legs.unit == unit)].groupby(legs.step).sum().reindex(steps, fill_value=0.0)
        style = {
            "color": _UNIT_COLOURS[i % len(_UNIT_COLOURS)],
            "dash": _DASHES[i // len(_UNIT_COLOURS) % len(_DASHES)],
        }
        line = go.Scatter(
            x=steps, y=at_first + moved.cumsum(), name=f"delta {unit}", mode="lines", line=style | {"shape": "hv"}
        )
        figure.add_trace(line, row=2, col=1)

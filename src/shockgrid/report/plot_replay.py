"""The same accounts under several rule versions: margin by component, and how each change spread over accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from shockgrid.report import colours
from shockgrid.report.contributions import account_place
from shockgrid.report.plot_parts import PART_NAMES, PARTS, UNIT_PARTS, unit_parts
from shockgrid.report.plot_style import AXIS, LEGEND, USD_AXIS, amount, end_labels, escaped, part_marker, styled

if TYPE_CHECKING:
    from shockgrid.report.margin_report import MarginReport
    from shockgrid.report.replay_report import ReplayReport

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
NOISE = 1e-9
"""Relative changes below it are rounding of sums in another order."""

_ROOM_FOR_LABELS = 1.45


def plot_account(report: ReplayReport, account: str) -> go.Figure:
    """A bar for each version, stacked from what makes the account's margin, with the margin ratio at its end.

    Args:
        report: From ``margin`` with ``rulebooks``.
        account: An account of the report.

    Returns:
        A figure with a bar trace for each component that has a part, and a trace of labels.

    Raises:
        InputError: An account that the report does not hold.
    """
    place = account_place(report.reports[0], account)
    parts = np.array([_account_parts(version, account, place) for version in report.reports])
    rows = [version.accounts.iloc[place] for version in report.reports]
    amounts = _amounts([float(row["mmr_usd"]) for row in rows])
    labels = [f"{text} · ratio {_ratio(row['margin_ratio'])}" for text, row in zip(amounts, rows, strict=True)]
    figure = go.Figure(_stack(parts, _names(report)))
    figure.add_trace(end_labels(parts.sum(axis=1).tolist(), _names(report), labels))
    _lay_out(figure, parts, report)
    title = f"{escaped(account)}: maintenance margin under {len(rows)} rule versions"
    return styled(figure, title, 200 + 34 * len(rows), bottom=105)


def plot_population(report: ReplayReport) -> go.Figure:
    """Left the margin of all accounts by version and component, right how each change spread over the accounts.

    The spread is over accounts with margin before the change: a bar from the 25 % to the 75 % quantile of the relative
    change, a line from 5 to 95 %, a dot at the median, and the number of accounts that pay more and less.

    Args:
        report: From ``margin`` with ``rulebooks``.
    """
    parts = np.array([_population_parts(version) for version in report.reports])
    n = len(report.reports[0].inputs)
    titles = (f"Maintenance margin of {n:,} accounts", "Change from the version before, by account")
    figure = make_subplots(
        rows=1, cols=2, column_widths=[0.56, 0.44], horizontal_spacing=0.03, shared_yaxes=True, subplot_titles=titles
    )
    figure.update_annotations(font_size=14, yshift=12)
    for bar in _stack(parts, _names(report)):
        figure.add_trace(bar, row=1, col=1)
    totals = parts.sum(axis=1).tolist()
    figure.add_trace(end_labels(totals, _names(report), _amounts(totals)), row=1, col=1)
    _lay_out(figure, parts, report)
    _add_spread(figure, report)
    return styled(figure, "", 210 + 34 * len(report.reports), bottom=115)


def _amounts(values: list[float]) -> list[str]:
    """US dollars, all in millions where one has to be."""
    if max(values) >= 1e8:
        return [f"{value / 1e6:,.1f}M" for value in values]
    return [amount(value) for value in values]


def _names(report: ReplayReport) -> list[str]:
    return [escaped(name) for name in report.rulebooks]


def _stack(parts: np.ndarray, names: list[str]) -> list[go.Bar]:
    """A bar trace for each of ``PARTS`` that is anywhere; ``parts`` is ``[version, part]`` in USD."""
    return [
        go.Bar(
            name=PART_NAMES[part],
            x=values,
            y=names,
            orientation="h",
            marker=part_marker(part),
            hovertext=[
                f"<b>{n}</b><br>{PART_NAMES[part]}: {amount(x)} USD" for n, x in zip(names, values, strict=True)
            ],
            hoverinfo="text",
            meta=part,
            showlegend=True,
        )
        for part, values in zip(PARTS, parts.T.tolist(), strict=True)
        if max(values) > 0
    ]


def _lay_out(figure: go.Figure, parts: np.ndarray, report: ReplayReport) -> None:
    most = float(parts.sum(axis=1).max()) or 1.0
    figure.update_layout(barmode="stack", bargap=0.3, legend=LEGEND)
    axis = {"title_text": "maintenance margin (USD)", "range": [0, _ROOM_FOR_LABELS * most]}
    figure.update_layout(xaxis=USD_AXIS | axis)
    order = {"type": "category", "categoryorder": "array", "categoryarray": _names(report)[::-1]}
    figure.update_yaxes(AXIS | order, showgrid=False)


def _account_parts(version: MarginReport, account: str, place: int) -> list[float]:
    """What makes an account's margin, in the order of ``PARTS``; adds up to it."""
    units = version.units.loc[version.units.account == account]
    return [*_sums(units), float(version.accounts["borrow_mmr_usd"].to_numpy(float)[place])]


def _population_parts(version: MarginReport) -> list[float]:
    return [*_sums(version.units), float(version.accounts["borrow_mmr_usd"].to_numpy(float).sum())]


def _sums(units: pd.DataFrame) -> list[float]:
    return unit_parts(units)[UNIT_PARTS].to_numpy(float).sum(axis=0).tolist()


@dataclass(frozen=True)
class _Spread:
    """How the relative change of one step is spread over accounts: ``QUANTILES``, and how many pay more and less."""

    name: str
    quantiles: np.ndarray
    more: int
    less: int

    @property
    def hover(self) -> str:
        low, quarter, median, three_quarters, high = self.quantiles
        return (
            f"<b>{self.name}</b><br>median {median:+.1%}<br>half of the accounts {quarter:+.1%} to "
            f"{three_quarters:+.1%}<br>nine of ten {low:+.1%} to {high:+.1%}<br>{self.more:,} more, {self.less:,} less"
        )


def _spreads(report: ReplayReport) -> list[_Spread]:
    found = []
    for name, step in report.changes.groupby("to", sort=False):
        change = step["change_frac"].dropna().to_numpy(float)
        if len(change):
            more, less = (int((sign * change > NOISE).sum()) for sign in (1.0, -1.0))
            found.append(_Spread(escaped(str(name)), np.quantile(change, QUANTILES), more, less))
    return found


def _add_spread(figure: go.Figure, report: ReplayReport) -> None:
    spreads = _spreads(report)
    if not spreads:
        return
    names, hover = [s.name for s in spreads], [s.hover for s in spreads]
    low, quarter, median, three_quarters, high = np.array([s.quantiles for s in spreads]).T
    line, quiet = {"color": colours.TEXT, "width": 1.5}, {"hoverinfo": "skip", "showlegend": False}
    for name, a, b in zip(names, low, high, strict=True):
        figure.add_trace(
            go.Scatter(x=[float(a), float(b)], y=[name, name], mode="lines", line=line, **quiet), row=1, col=2
        )
    told = {"y": names, "hovertext": hover, "hoverinfo": "text", "showlegend": False}
    box = {"orientation": "h", "marker": {"color": colours.SKY}}
    figure.add_trace(go.Bar(x=three_quarters - quarter, base=quarter, **box, **told), row=1, col=2)
    dot = {"color": colours.OUTLINE_DARK, "size": 7, "line": {"color": colours.OUTLINE_LIGHT, "width": 1}}
    figure.add_trace(go.Scatter(x=median, mode="markers", marker=dot, **told), row=1, col=2)
    span = float(high.max() - low.min()) or 1.0
    right = float(high.max()) + 0.04 * span
    texts = [f"{s.more:,} more, {s.less:,} less" for s in spreads]
    figure.add_trace(end_labels([right] * len(names), names, texts), row=1, col=2)
    limits = [float(low.min()) - 0.05 * span, right + 0.55 * span]
    axis = {"title_text": "relative change of the margin", "tickformat": "+.3~%", "range": limits, "zeroline": True}
    figure.update_xaxes(AXIS | axis | {"tickvals": _ticks(float(low.min()), float(high.max()))}, row=1, col=2)


def _ticks(low: float, high: float) -> list[float]:
    """About four round numbers between two; the counts to the right of them stand on no axis."""
    rough = (high - low or 1.0) / 4.0
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(k for k in (1.0, 2.0, 5.0, 10.0) if k * power >= rough)
    return [k * step for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _ratio(value: float) -> str:
    return "∞" if value == float("inf") else f"{value:,.0%}"

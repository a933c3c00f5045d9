"""Path sets as pictures: a fan over time, the distribution at the end, the correlation of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from shockgrid.report import colours
from shockgrid.report.plot_style import AXIS, LEGEND, escaped, styled

BANDS = ((0.01, 0.99, "98 %", 0.18), (0.05, 0.95, "90 %", 0.28), (0.25, 0.75, "50 %", 0.42))
"""Quantiles, share of the paths between them, and how opaque."""
BINS = 80


def plot_fan(values: np.ndarray, days: np.ndarray, column: str) -> go.Figure:
    """Quantiles of ``[path, step]`` over time: bands that hold 98, 90 and 50 % of the paths, and the median."""
    figure = go.Figure()
    for low, high, share, opacity in BANDS:
        bottom, top = np.quantile(values, (low, high), axis=0)
        edge = {"line": {"width": 0}, "hoverinfo": "skip", "legendgroup": share}
        figure.add_trace(go.Scatter(x=days, y=bottom, showlegend=False, **edge))
        band = {"fill": "tonexty", "fillcolor": f"rgba(0, 114, 178, {opacity})", "name": f"{share} of paths"}
        figure.add_trace(go.Scatter(x=days, y=top, **band, **edge))
    line = {"color": colours.BLUE, "width": 2}
    figure.add_trace(go.Scatter(x=days, y=np.median(values, axis=0), name="median", line=line))
    figure.update_xaxes(AXIS | {"title": {"text": "days"}}).update_yaxes(AXIS | {"title": {"text": _unit(column)}})
    figure.update_layout(legend=LEGEND)
    return styled(figure, f"{escaped(column)}: {len(values):,} paths", 420, bottom=90)


def plot_histogram(values: np.ndarray, column: str, days: float) -> go.Figure:
    """Distribution of ``[path]``, and the normal one of equal mean and deviation: tails show on the log scale."""
    counts, edges = np.histogram(values, BINS, density=True)
    centres = (edges[:-1] + edges[1:]) / 2
    mean, sd = float(values.mean(dtype=float)), float(values.std(dtype=float))
    figure = go.Figure(go.Bar(x=centres, y=counts, width=np.diff(edges), name="paths", marker_color=colours.SKY))
    if sd > 0:
        density = np.exp(-(((centres - mean) / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi))
        normal = {"name": "normal of equal mean and deviation", "line": {"color": colours.VERMILLION, "width": 2}}
        figure.add_trace(go.Scatter(x=centres, y=density, **normal))
    least = float(counts[counts > 0].min())
    figure.update_yaxes(AXIS | {"type": "log", "title": {"text": "density"}})
    figure.update_yaxes(range=[np.log10(least / 2), np.log10(counts.max() * 2)])
    figure.update_xaxes(AXIS | {"title": {"text": _unit(column)}}).update_layout(legend=LEGEND, bargap=0)
    return styled(figure, f"{escaped(column)} after {days:g} days: {len(values):,} paths", 420, bottom=90)


def plot_correlation(steps: np.ndarray, columns: Sequence[str]) -> go.Figure:
    """Correlation of ``[path, step, column]`` changes, as a heatmap; columns that never move are left out."""
    flat = steps.reshape(-1, steps.shape[-1]).astype(float)
    moving = np.flatnonzero(flat.std(axis=0) > 0)
    names = [escaped(columns[i]) for i in moving.tolist()]
    matrix = np.atleast_2d(np.corrcoef(flat[:, moving], rowvar=False))
    scale = [list(stop) for stop in colours.LOSS_TO_GAIN]
    heat = go.Heatmap(z=matrix, x=names, y=names, zmin=-1, zmax=1, colorscale=scale, texttemplate="%{z:.2f}")
    figure = go.Figure(heat.update(textfont={"color": colours.OUTLINE_DARK}, showscale=False))
    figure.update_yaxes(AXIS | {"autorange": "reversed"}).update_xaxes(AXIS)
    return styled(figure, "Correlation of the steps", 160 + 40 * len(names))


def _unit(column: str) -> str:
    return "log price over today's" if column.startswith("price.") else escaped(column)

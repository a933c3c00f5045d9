"""All accounts of a report at once: their margin ratios, and who holds how much margin of which kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from shockgrid.report import colours
from shockgrid.report.plot_parts import PART_NAMES, PARTS, UNIT_PARTS, unit_parts
from shockgrid.report.plot_style import AXIS, LEGEND, USD_AXIS, amount, end_labels, escaped, part_marker, styled
from shockgrid.venues.okx.margin import STATUS

if TYPE_CHECKING:
    from shockgrid.report.margin_report import MarginReport

_ARCHETYPE = re.compile(r"(.+)-\d+")
_MOST_ARCHETYPES = 20
_ONE_GROUP = "all accounts"
_ROOM_FOR_LABELS = 1.2
_BINS_BETWEEN = 4  # bins between the two limits, so that both are edges and no bin mixes statuses


def plot_population(report: MarginReport) -> go.Figure:
    """Left the distribution of margin ratios on a log axis, right margin by archetype and component.

    Infinite ratios (no margin) and those at or below zero have no place on a log axis; a note counts them. The
    archetype is what an id like ``covered_call-000123`` has before its last hyphen; if some ids look otherwise, or
    there are more than 20 archetypes, all accounts are one group.

    Args:
        report: From ``margin``.

    Returns:
        A figure with a bar trace for each status (x is the decimal logarithm of the ratio) and for each component.
    """
    n = len(report.accounts)
    titles = (f"Margin ratios of {n:,} account{'s' * (n != 1)}", "Margin by archetype and component")
    figure = make_subplots(rows=1, cols=2, column_widths=[0.46, 0.54], horizontal_spacing=0.13, subplot_titles=titles)
    figure.update_annotations(font_size=14, yshift=18)
    _add_ratios(figure, report)
    _add_archetypes(figure, report)
    figure.update_layout(barmode="stack", bargap=0.25, legend=LEGEND)
    return styled(figure, "", 420, bottom=115)


def archetypes(ids: Iterable[str]) -> list[str]:
    """The archetype of each account, or one group for all."""
    found = [_ARCHETYPE.fullmatch(name) for name in ids]
    names = [_ONE_GROUP if match is None else match[1] for match in found]
    mixed = None in found or len(set(names)) > _MOST_ARCHETYPES
    return [_ONE_GROUP] * len(found) if mixed else names


def _add_ratios(figure: go.Figure, report: MarginReport) -> None:
    ratio = report.accounts["margin_ratio"].to_numpy(float)
    drawn = np.isfinite(ratio) & (ratio > 0)
    limits = [report.rules["ratio.liquidation"], report.rules["ratio.warning"]]
    edges = _edges(ratio[drawn], *limits)
    status = report.accounts["status"].to_numpy(object)
    most = 1
    for name in STATUS[::-1]:
        # A ratio at a limit belongs below it, as its status does.
        bins = np.searchsorted(edges, ratio[drawn & (status == name)], side="left") - 1
        counts = np.bincount(bins, minlength=len(edges) - 1)
        filled = np.flatnonzero(counts)
        figure.add_trace(_ratio_bars(name, edges, filled, counts[filled]), row=1, col=1)
        most = max(most, int(counts.max()))
    for limit, text, anchor in zip(limits, ("liquidation", "warning"), ("right", "left"), strict=True):
        _limit_line(figure, float(np.log10(limit)), {"text": f"{text} {limit:.0%}", "xanchor": anchor})
    infinite, below = int(np.isposinf(ratio).sum()), int((ratio <= 0).sum())
    note = f"not drawn: {infinite:,} infinite (no margin), {below:,} at or below zero"
    title = f"margin ratio, log scale<br><span style='font-size:11px'>{note}</span>"
    figure.update_xaxes(AXIS | _ratio_axis(edges), title_text=title, row=1, col=1)
    span = {"range": [0, 1.05 * most]} | ({"dtick": 1} if most < 8 else {})
    figure.update_yaxes(AXIS | span, title_text="accounts", row=1, col=1)


def _ratio_axis(edges: np.ndarray) -> dict[str, object]:
    """Ticks at powers of ten, seven at most, on an axis of decimal logarithms."""
    ticks = np.arange(np.floor(np.log10(edges[0])), np.ceil(np.log10(edges[-1])) + 1)
    ticks = ticks[:: int(np.ceil(len(ticks) / 7))]
    texts = [f"{10.0 ** (tick + 2):,.6g}%" for tick in ticks]
    return {"tickvals": ticks.tolist(), "ticktext": texts, "range": np.log10(edges[[0, -1]]).tolist()}


def _limit_line(figure: go.Figure, x: float, label: dict[str, str]) -> None:
    """A dashed line over the left plot's full height, named above it."""
    line = {"color": colours.TEXT, "dash": "dash", "width": 1.5}
    figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, xref="x", yref="y domain", line=line)
    figure.add_annotation(
        label, x=x, xref="x", y=1, yref="y domain", yanchor="bottom", showarrow=False, font={"size": 11}
    )


def _edges(ratio: np.ndarray, low: float, high: float) -> np.ndarray:
    """Bin edges of equal width in the logarithm, with both limits among them and room for both labels."""
    width = np.log(high / low) / _BINS_BETWEEN if high > low > 0 else np.log(2.0)
    logs = np.log(np.append(ratio, [low / 10.0, high * 10.0]) / low) / width
    # One bin to spare on either side: rounding must not put the smallest or largest ratio outside.
    steps = np.arange(np.floor(logs.min()) - 1, np.ceil(logs.max()) + 2)
    edges = low * np.exp(width * steps)
    edges[steps == 0], edges[steps == _BINS_BETWEEN] = low, high if high > low else edges[steps == _BINS_BETWEEN]
    return edges


def _ratio_bars(status: str, edges: np.ndarray, filled: np.ndarray, counts: np.ndarray) -> go.Bar:
    logs = np.log10(edges)
    spans = [f"{edges[k]:.0%} to {edges[k + 1]:.0%}" for k in filled]
    return go.Bar(
        name=status,
        x=(logs[filled] + logs[filled + 1]) / 2.0,
        y=counts,
        width=0.94 * (logs[filled + 1] - logs[filled]),
        marker={"color": colours.STATUS[status]},
        hovertext=[f"<b>{span}</b><br>{n:,} accounts, {status}" for span, n in zip(spans, counts, strict=True)],
        hoverinfo="text",
        showlegend=False,
        meta=status,
    )


def _add_archetypes(figure: go.Figure, report: MarginReport) -> None:
    names, parts = _archetype_parts(report)
    names = [escaped(name) for name in names]
    for column, name in enumerate(PARTS):
        texts = [f"{PART_NAMES[name]}: {amount(value)} USD" for value in parts[:, column]]
        bar = go.Bar(
            name=PART_NAMES[name],
            x=parts[:, column],
            y=names,
            orientation="h",
            marker=part_marker(name),
            hovertext=[f"<b>{group}</b><br>{text}" for group, text in zip(names, texts, strict=True)],
            hoverinfo="text",
            meta=name,
        )
        figure.add_trace(bar, row=1, col=2)
    totals = parts.sum(axis=1).tolist()
    figure.add_trace(end_labels(totals, names, [amount(total) for total in totals]), row=1, col=2)
    span = {"range": [0, _ROOM_FOR_LABELS * (max(totals, default=0.0) or 1.0)]}
    figure.update_xaxes(USD_AXIS | span, title_text="maintenance margin (USD)", row=1, col=2)
    figure.update_yaxes(AXIS | {"type": "category"}, showgrid=False, row=1, col=2)


def _archetype_parts(report: MarginReport) -> tuple[list[str], np.ndarray]:
    """Archetypes by rising margin, and ``[archetype, part]`` USD, together the sum of the accounts' margins."""
    names, place = np.unique(np.array(archetypes(report.inputs.ids.tolist()), str), return_inverse=True)
    parts = np.zeros((len(names), len(PARTS)))
    np.add.at(parts[:, :-1], place[report.rows.unit_account], unit_parts(report.units)[UNIT_PARTS].to_numpy(float))
    np.add.at(parts[:, -1], place, report.accounts["borrow_mmr_usd"].to_numpy(float))
    order = np.argsort(parts.sum(axis=1), kind="stable")
    return names[order].tolist(), parts[order]

"""What all figures share: no template, no background, greys that suit light and dark pages, and how numbers read."""

from __future__ import annotations

import html

import plotly.graph_objects as go

from shockgrid.report import colours

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
AXIS = {
    "gridcolor": colours.GRID,
    "zerolinecolor": colours.GRID,
    "linecolor": colours.GRID,
    "automargin": True,
    "title_standoff": 10,
}
NUMBERS = {"exponentformat": "B", "separatethousands": True}
USD_AXIS = AXIS | NUMBERS
LEGEND = {
    "orientation": "h",
    "x": 0.02,
    "xref": "container",
    "xanchor": "left",
    "y": 0.01,
    "yref": "container",
    "yanchor": "bottom",
    "traceorder": "normal",
    "font_size": 12,
}
_MILLIONS_FROM = 1e8


def styled(figure: go.Figure, title: str, height: int, *, bottom: int = 60) -> go.Figure:
    """Give a figure the common look; ``title`` is already escaped."""
    hover = {"font": {"family": MONOSPACE, "size": 12, "color": colours.HOVER_TEXT}, "bgcolor": colours.HOVER}
    return figure.update_layout(
        template="none",
        title={"text": title, "x": 0, "xref": "paper", "xanchor": "left", "font_size": 15},
        font={"family": FONT, "size": 12, "color": colours.TEXT},
        paper_bgcolor=colours.CLEAR,
        plot_bgcolor=colours.CLEAR,
        hoverlabel=hover | {"align": "left"},
        margin={"l": 60, "r": 20, "t": 60, "b": bottom},
        height=height,
    )


def escaped(text: str) -> str:
    """Plotly reads a little HTML in its texts: names show as they are."""
    return html.escape(text, quote=False)


def amount(value: float, *, decimals: int = 0) -> str:
    """US dollars with thousands separators; in millions where whole dollars would not fit a cell."""
    if abs(value) >= _MILLIONS_FROM:
        return f"{value / 1e6:,.1f}M"
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text


def part_marker(name: str, widths: float | list[float] = 0.5) -> dict[str, object]:
    """How the bars of a component look; the floor of MR7 is hatched."""
    marker = {"color": colours.COMPONENTS[name], "line": {"width": widths, "color": colours.TEXT}}
    if name == "mr7":
        pattern = {"shape": "/", "bgcolor": colours.COMPONENTS[name], "fgcolor": colours.OUTLINE_DARK}
        marker["pattern"] = pattern | {"size": 6, "solidity": 0.15}
    return marker


def end_labels(totals: list[float], names: list[str], labels: list[str]) -> go.Scatter:
    """Texts at the right ends of horizontal bars."""
    return go.Scatter(
        x=totals,
        y=names,
        text=[f" {label}" for label in labels],
        mode="text",
        textposition="middle right",
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def move_text(move: float) -> str:
    """A price move such as ``+12%``; trailing digits only where there are some."""
    return f"{100.0 * move:+.6g}%" if move else "0%"

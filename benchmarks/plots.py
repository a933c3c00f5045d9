"""Plots of the results files for the documentation, as SVG: how cost grows, and ours against the peers.

python -m benchmarks.plots
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.protocol import RESULTS
from shockgrid.report import colours
from shockgrid.report.plot_style import FONT, escaped

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 74, 24, 62, 56
BAR, GAP, LABELS = 24, 14, 250


class Line(NamedTuple):
    """Points of a series, both positive; a guide is dashed and without markers."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]
    guide: bool = False


def main() -> None:
    """Write ``docs/images/performance-*.svg``."""
    scaling = json.loads((RESULTS / "scaling.json").read_text())
    engine = json.loads((RESULTS / "engine.json").read_text())
    axes = {"accounts": "accounts", "positions_per_account": "positions an account", "instruments": "instruments"}
    for name, label in axes.items():
        _write(f"performance-{name.replace('_', '-')}", scaling_plot(scaling[name], label))
    _write("performance-peers", peer_plot(engine))


def _write(name: str, svg: str) -> None:
    path = IMAGES / f"{name}.svg"
    path.write_text(svg)
    print("written to", path)


def scaling_plot(result: dict, label: str) -> str:
    """Seconds against size on logarithmic axes, with a line of proportional growth that ends where the steeper does."""
    points, axis = result["points"], result["axis"]
    x = [p[axis] for p in points]
    lines = []
    for name, colour, title in (
        ("margin", colours.BLUE, "margin to frames"),
        ("pricing", colours.ORANGE, "pricing"),
    ):
        slope = result["log_log_slope"][name]
        y = [p[name]["median_s"] for p in points]
        lines.append(Line(f"{title} (slope {slope:.2f})", colour, x, y))
    steepest = max(result["log_log_slope"], key=result["log_log_slope"].get)
    last = points[-1][steepest]["median_s"]
    lines.append(Line("proportional", colours.TEXT, x, [last * v / x[-1] for v in x], guide=True))
    return log_log(lines, f"Cost against {label}; slopes of the larger half of the points", label, "seconds")


def log_log(lines: Sequence[Line], title: str, x_label: str, y_label: str) -> str:
    """A plot with logarithmic axes; guides are cut at the frame."""
    drawn = [line for line in lines if not line.guide]
    x_low, x_high = _decades([v for line in drawn for v in line.x], whole=False)
    y_low, y_high = _decades([v for line in drawn for v in line.y], whole=True)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low)
        up = (math.log10(y) - y_low) / (y_high - y_low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = ['<clipPath id="frame">' + _rect(LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM) + "</clipPath>"]
    for k in range(math.ceil(x_low - 1e-9), math.floor(x_high + 1e-9) + 1):
        (x, top), (_, bottom) = at(10.0**k, 10.0**y_high), at(10.0**k, 10.0**y_low)
        parts += [_segment(x, top, x, bottom), _text(x, bottom + 18, f"{10.0**k:,.10g}", anchor="middle")]
    for k in range(round(y_low), round(y_high) + 1):
        (left, y), (right, _) = at(10.0**x_low, 10.0**k), at(10.0**x_high, 10.0**k)
        parts += [_segment(left, y, right, y), _text(left - 8, y + 4, f"{10.0**k:.10g}", anchor="end")]
    parts += [_drawn(line, [at(x, y) for x, y in zip(line.x, line.y, strict=True)]) for line in lines]
    parts += [_legend(lines)]
    parts += [_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label, anchor="middle")]
    parts += [_text(14, TOP - 10, y_label)]
    return _svg(parts, title, HEIGHT)


def _decades(values: Sequence[float], *, whole: bool) -> tuple[float, float]:
    low, high = math.log10(min(values)), math.log10(max(values))
    return (math.floor(low), math.ceil(high)) if whole else (low - 0.05 * (high - low), high + 0.05 * (high - low))


def _drawn(line: Line, places: list[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = ' stroke-dasharray="5 5"' if line.guide else ""
    drawn = (
        f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"{dash} clip-path="url(#frame)"/>'
    )
    if not line.guide:
        drawn += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{line.colour}"/>' for x, y in places)
    return drawn


def _legend(lines: Sequence[Line]) -> str:
    parts, x = [], float(LEFT)
    for line in lines:
        dash = ' stroke-dasharray="4 3"' if line.guide else ""
        parts.append(
            f'<line x1="{x}" y1="44" x2="{x + 20}" y2="44" stroke="{line.colour}" stroke-width="2.5"{dash}/>'
            + _text(x + 26, 48, line.name)
        )
        x += 26 + 6.2 * len(line.name) + 18
    return "".join(parts)


def peer_plot(engine: dict) -> str:
    """Accounts a second of ours and of every peer, from rows laid out to unit and account arrays."""
    n, peers = engine["accounts"], engine["populations"]["scattered"]["peers"]
    slow, better = engine["slow_peers"], peers["better_numpy"]
    threads = {1: "1 thread", 2: "2 threads"}
    bars = [
        ("numba, fused, 2 threads (ceiling)", n / peers["numba_fused_2_threads"]["median_s"], colours.GREEN),
        *(
            (f"shockgrid, {threads[k]}", n / peers[name]["median_s"], colours.BLUE)
            for k, name in ((2, "shockgrid_2_threads"), (1, "shockgrid_1_thread"))
        ),
        (f"SciPy + NumPy, blocked, {threads[1 + better.endswith('s')]}", n / peers[better]["median_s"], colours.ORANGE),
        ("pandas, merge and group", n / peers["pandas"]["median_s"], colours.ORANGE),
        ("QuantLib, grid alone *", slow["quantlib"]["extrapolated_accounts_per_s"], colours.PURPLE),
        ("pandas, account by account *", slow["account_loop"]["extrapolated_accounts_per_s"], colours.PURPLE),
    ]
    title = f"Unit and account margins of {n:,} accounts, {engine['instruments']:,} instruments, float64"
    return bar_chart(bars, title, "accounts a second, rows laid out beforehand; * extrapolated from a sample")


def bar_chart(bars: Sequence[tuple[str, float, str]], title: str, label: str) -> str:
    """Horizontal bars from zero, each with its value."""
    most, room = max(value for _, value, _ in bars), WIDTH - LABELS - 100
    parts = []
    for k, (name, value, colour) in enumerate(bars):
        y = TOP + k * (BAR + GAP)
        width = max(room * value / most, 1.0)
        parts += [_text(LABELS - 8, y + 16, name, anchor="end")]
        parts += [f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>']
        parts += [_text(LABELS + width + 8, y + 16, f"{_rounded(value):,}")]
    height = TOP + len(bars) * (BAR + GAP) + 34
    return _svg([*parts, _text(24, height - 14, label)], title, height)


def _rounded(value: float) -> int:
    digits = 3 - math.ceil(math.log10(value))
    return int(round(value, digits))


def _svg(parts: Sequence[str], title: str, height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="{escaped(FONT)}" font-size="12" fill="{colours.TEXT}" role="img">'
    )
    return "\n".join([head, f"<title>{escaped(title)}</title>", _text(24, 24, title, size=15), *parts, "</svg>\n"])


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escaped(text)}</text>'


def _rect(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _segment(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colours.TEXT}" opacity="0.28"/>'


if __name__ == "__main__":
    main()

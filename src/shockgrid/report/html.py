"""A margin report as one HTML file that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from rich.table import Table
from rich.text import Text

from shockgrid.errors import InputError
from shockgrid.market.clock import time_text
from shockgrid.report.contributions import account_place, cell_contributions
from shockgrid.report.margin_summary import STATUS_STYLE, drivers_table, nearest_table, usd
from shockgrid.report.plot_style import amount, move_text
from shockgrid.report.plots import plot_components, plot_grid, plot_population
from shockgrid.report.rulebook_changes import override_line
from shockgrid.rulebooks.value_checks import by_group

if TYPE_CHECKING:
    from shockgrid.report.margin_report import MarginReport

N_ACCOUNTS = 3
N_POSITIONS = 10
PROVENANCE = ("published", "corroborated", "inferred", "modelled")

# Nothing may be fetched: a browser that obeys this cannot reach the network from the page.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
_STYLE_STATUS = {style: status for status, style in STATUS_STYLE.items()}
_TITLE_HEIGHT = 30
_PLOT_MARGIN = {"t": 16, "l": 50, "r": 12}


def to_html(report: MarginReport, path: str | Path, *, accounts: str | Iterable[str] | None = None) -> None:
    """Write a report as a page: totals, the accounts nearest to liquidation, what drives margin, and some accounts.

    The file is about 2 MB whatever the number of accounts, holds everything it shows and loads nothing from elsewhere.

    Args:
        report: From ``margin``.
        path: The file to write; one that exists is replaced.
        accounts: An id or several to show in detail; the three nearest to liquidation by default.

    Raises:
        InputError: An account that the report does not hold, or a file that cannot be written.
    """
    page = html_page(report, accounts)
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), "file", "a file that can be written", error.strerror or "") from None


def html_page(report: MarginReport, accounts: str | Iterable[str] | None = None) -> str:
    """The page that ``to_html`` writes."""
    places = _places(report, accounts)
    figures = _Figures()
    body = [
        _header(report),
        "<main>",
        f'<div class="pair">{_section(nearest_table(report))}{_section(drivers_table(report))}</div>',
        f"<section><h2>Population</h2>{figures.add(plot_population(report), 'margin ratios and archetypes')}</section>",
        *(_account(report, place, figures) for place in places),
        "</main>",
        _footer(report),
    ]
    title = f"Margin report, {escape(report.rules.name)}, {time_text(report.market.time)}"
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>\n{_asset('plot_page.css')}</style>\n</head>\n<body>",
            *body,
            *figures.scripts,
            f'<script type="application/gzip" id="plotly">{_packed_plotly()}</script>',
            f"<script>\n{_asset('plot_page.js')}</script>\n</body>\n</html>\n",
        ]
    )


def _places(report: MarginReport, accounts: str | Iterable[str] | None) -> list[int]:
    if accounts is None:
        return report.accounts.nsmallest(N_ACCOUNTS, "margin_ratio", keep="first").index.tolist()
    return [account_place(report, account) for account in ([accounts] if isinstance(accounts, str) else accounts)]


class _Figures:
    """The figures of a page: a place each, and their data at its end."""

    def __init__(self) -> None:
        self.scripts: list[str] = []

    def add(self, figure: go.Figure, label: str) -> str:
        """Keep a figure and return the element in which the page's script draws it. Headings replace its title."""
        layout: dict[str, Any] = figure.to_dict()["layout"]
        name, height = f"figure-{len(self.scripts)}", layout["height"] - _TITLE_HEIGHT
        has_titles = "annotations" in layout  # of subplots; they stay
        figure.update_layout(title=None, height=height, margin=_PLOT_MARGIN | ({"t": 56} if has_titles else {}))
        # In a script element only "<" could end it or open a comment.
        data = str(figure.to_json()).replace("<", "\\u003c")
        self.scripts.append(f'<script type="application/json" id="{name}">{data}</script>')
        place = f'<div class="plot" data-figure="{name}" style="height:{height}px"></div>'
        return f'<figure role="img" aria-label="{escape(label)}">{place}</figure>'


def _header(report: MarginReport) -> str:
    a = report.accounts
    status_of = a["status"].to_numpy(object)
    cards = [("accounts", "", f"{len(a):,}")]
    cards += [(status, status, f"{int((status_of == status).sum()):,}") for status in STATUS_STYLE]
    sums = ("equity", "equity_usd"), ("maintenance margin", "mmr_usd"), ("initial margin", "imr_usd")
    cards += [
        (f"{label}, USD", "", usd(float(a[name].to_numpy(float).sum())))
        for label, name in (*sums, ("debt", "liability_usd"))
    ]
    items = "".join(f'<div class="{css}"><dt>{label}</dt><dd>{value}</dd></div>' for label, css, value in cards)
    n_units, n_positions = len(report.units), len(report.positions)
    return (
        f"<header><h1>Margin report</h1><p>Rulebook <b>{escape(report.rules.name)}</b> · market of "
        f"<time>{time_text(report.market.time)}</time> · {n_units:,} risk units · {n_positions:,} positions</p>"
        f'<dl class="totals">{items}</dl></header>'
    )


def _section(table: Table) -> str:
    """A table of the terminal summary, as HTML."""
    columns = [list(column.cells) for column in table.columns]
    right = [column.justify == "right" for column in table.columns]
    rows = [
        [_cell(cell, is_right) for cell, is_right in zip(row, right, strict=True)] for row in zip(*columns, strict=True)
    ]
    header = [(str(column.header), is_right) for column, is_right in zip(table.columns, right, strict=True)]
    return f"<section><h2>{escape(str(table.title))}</h2>{_table(header, rows)}</section>"


def _cell(cell: Any, is_right: bool, css: str = "") -> str:
    status = _STYLE_STATUS.get(str(cell.style), "") if isinstance(cell, Text) else ""
    names = " ".join(filter(None, ("number" if is_right else "", status, css)))
    return f'<td class="{names}">{escape(str(cell))}</td>' if names else f"<td>{escape(str(cell))}</td>"


def _table(header: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(
        f'<th scope="col"{" class=number" if is_right else ""}>{escape(name)}</th>' for name, is_right in header
    )
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _account(report: MarginReport, place: int, figures: _Figures) -> str:
    row = report.accounts.iloc[place]
    account, status = str(row["account"]), str(row["status"])
    ratio = "∞" if row["margin_ratio"] == float("inf") else f"{row['margin_ratio']:,.1%}"
    facts = f'<b class="{status}">{ratio}, {status}</b> · equity {amount(row["equity_usd"])} · '
    facts += f"maintenance {amount(row['mmr_usd'])} · initial {amount(row['imr_usd'])} · debt "
    facts += f"{amount(row['liability_usd'])} USD"
    heading = f"<h2><code>{escape(account)}</code><small>{facts}</small></h2>"
    units = report.units.query("account == @account")
    if len(units) == 0:
        bars = figures.add(plot_components(report, account), "components of the margin") if row["mmr_usd"] > 0 else ""
        return f'<section class="account">{heading}<p class="empty">No derivatives.</p>{bars}</section>'
    unit = units["unit"].iloc[int(np.argmax(units["mmr_usd"]))]
    components = figures.add(plot_components(report, account), "components of the margin by unit")
    grid = figures.add(plot_grid(report, account, unit), "profit and loss by scenario")
    return (
        f'<section class="account">{heading}<div class="pair">'
        f"<div><h3>What makes the margin, by unit</h3>{components}</div>"
        f"<div><h3>{escape(unit)}, the largest unit: P&amp;L by scenario, worst cell outlined</h3>{grid}</div></div>"
        f"{_positions(report, units)}</section>"
    )


def _positions(report: MarginReport, units: pd.DataFrame) -> str:
    """The positions of an account that move most in the worst cells of their units."""
    held = report.positions.loc[report.positions.account.isin(units.account)].set_index("instrument")
    moved = pd.concat([_worst_cell(report, unit) for unit in units.to_dict("records")])
    largest = moved.sort_values("pnl_usd", key=abs, ascending=False, kind="stable").head(N_POSITIONS)
    names = ("quantity", "mark", "cash delta, USD", "P&L in the unit's worst cell, USD")
    rows = []
    for name, cell, pnl_usd in zip(largest["instrument"], largest["cell"], largest["pnl_usd"], strict=True):
        texts = ["", "", ""]
        if name in held.index:
            p = held.loc[name]
            texts = [f"{p['quantity']:,.10g}", f"{p['mark']:,.6g}", amount(float(p["cash_delta_usd"]))]
        numbers = [*texts, amount(pnl_usd)]
        rows.append([_cell(name, False, "name"), _cell(cell, False), *(_cell(number, True) for number in numbers)])
    counted = f" ({len(rows)} of {len(moved)})" if len(moved) > len(rows) else ""
    header = [("instrument", False), ("worst cell", False), *((name, True) for name in names)]
    return f'<div class="positions"><h3>What moves most in the worst cells{counted}</h3>{_table(header, rows)}</div>'


def _worst_cell(report: MarginReport, unit: dict[Any, Any]) -> pd.DataFrame:
    """Columns ``instrument, cell, pnl_usd``: the contributions to the worst cell of a unit."""
    cells = cell_contributions(report, unit["account"], unit["unit"])
    worst = (cells["price_move"] == unit["worst_price_move"]) & (cells["vol_state"] == unit["worst_vol_state"])
    text = f"{unit['unit']} {move_text(unit['worst_price_move'])}, vol {unit['worst_vol_state']}"
    return cells.loc[worst, ["instrument", "pnl_usd"]].assign(cell=text)


def _footer(report: MarginReport) -> str:
    manifest: dict[str, Any] = report.manifest
    parameters = report.rules.parameters
    kinds = [{p.provenance_of(group) for group, _ in by_group(p)} for p in parameters.values()]
    counts = ", ".join(f"{sum(kind in k for k in kinds)} {kind}" for kind in PROVENANCE)
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    facts = [
        ("Market", f"{manifest['market']['file']}, {manifest['market']['time']}"),
        ("Accounts", f"{manifest['accounts']['file']}, {manifest['accounts']['count']:,}"),
        ("Rulebook", f"{report.rules.name}. {report.rules.summary}"),
        ("Provenance", f"{len(parameters)} parameters: {counts} (several for some groups)"),
        ("Computed", f"in {manifest['precision']} on {manifest['device']} with {versions}; figures by plotly.js (MIT)"),
        *(("Overridden", override_line(difference, report.rules.base.name)) for difference in report.rules.overrides),
        *(("Derived", line) for line in report.market.derived),
    ]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>" for name, text in facts)
    rows = [
        [_cell(key, False, "name"), _cell(parameters[key].unit, False), _cell(parameters[key].note, False, "text")]
        for key in report.rules.modelled
    ]
    table = _table([("parameter", False), ("unit", False), ("note", False)], rows)
    heading = f"{len(rows)} parameters are modelling choices, not published"
    return (
        f"<footer><section><h2>What the numbers rest on</h2><dl>{items}</dl>"
        f"<details><summary>{heading}</summary>{table}</details></section></footer>"
    )


@cache
def _packed_plotly() -> str:
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


@cache
def _asset(name: str) -> str:
    return files("shockgrid.report").joinpath(name).read_text(encoding="utf-8")

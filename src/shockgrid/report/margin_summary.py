"""A margin report on one screen: totals, who is near liquidation, what drives margin, what it rests on."""

from __future__ import annotations

import json

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shockgrid.market.clock import time_text
from shockgrid.report.counted import counted
from shockgrid.report.margin_report import MarginReport
from shockgrid.report.rulebook_changes import override_line
from shockgrid.venues.okx.rulebook import Rulebook

STATUS_STYLE = {"liquidation": "bold red", "warning": "yellow", "safe": "green"}
N_NEAREST = 10
COMPONENTS = ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7", "mr9")
COMPONENT_NAMES = {
    "mr1": "price and volatility",
    "mr2": "theta decay",
    "mr3": "vega term",
    "mr4": "basis",
    "mr5": "rates",
    "mr6": "extreme move",
    "mr7": "liquidation cost",
    "mr9": "stablecoin depeg",
}


def components(rules: Rulebook) -> tuple[str, ...]:
    """The components of a unit that a rulebook has: MR9 came with version 2."""
    return COMPONENTS if rules.structure == "v2" else COMPONENTS[:-1]


def print_summary(report: MarginReport, console: Console) -> None:
    """Print the report's summary."""
    console.print(_heading(report), soft_wrap=True)
    console.print(nearest_table(report))
    console.print(drivers_table(report))
    for line in report.market.derived:
        console.print(Text.assemble(("derived: ", "dim"), line), soft_wrap=True)
    for difference in report.rules.overrides:
        console.print(Text(override_line(difference, report.rules.base.name)), soft_wrap=True)
    n = len(report.rules.modelled)
    words = f"{n} parameters of {report.rules.name} are modelling choices, not published (docs/parameters.md)"
    console.print(Text(words, style="dim"), soft_wrap=True)


def _heading(report: MarginReport) -> Text:
    a = report.accounts
    counts = a.status.value_counts()
    text = Text(
        f"{counted(len(a), 'account')} under {report.rules.name}, market of {time_text(report.market.time)}\n",
        style="bold",
    )
    for status, style in reversed(STATUS_STYLE.items()):
        text.append(f"{counts.get(status, 0):,} {status}   ", style=style)
    text.append(f"equity {usd(a.equity_usd.sum())}   maintenance {usd(a.mmr_usd.sum())}   ")
    return text.append(f"initial {usd(a.imr_usd.sum())} USD\n")


def nearest_table(report: MarginReport) -> Table:
    """The accounts with the lowest margin ratios, and what makes most of each one's margin."""
    table = _table("Nearest to liquidation (USD)", "account")
    for name in ("ratio", "equity", "MMR", "debt"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("driven by")  # the one column that gives way on a narrow screen
    nearest = report.accounts.nsmallest(N_NEAREST, "margin_ratio", keep="first")
    units = report.units.loc[report.units.account.isin(nearest.account)]
    largest = units.sort_values(by="mmr_usd", kind="stable").drop_duplicates("account", keep="last")
    largest_unit = {unit["account"]: unit for unit in largest.to_dict("records")}
    for row in nearest.to_dict("records"):
        table.add_row(
            Text(row["account"]),  # an id may look like markup
            Text(_ratio(row["margin_ratio"]), style=STATUS_STYLE[row["status"]]),
            usd(row["equity_usd"]),
            usd(row["mmr_usd"]),
            usd(row["liability_usd"]),
            Text(_driver(row["borrow_mmr_usd"], largest_unit.get(row["account"]))),
        )
    return table


def _table(title: str, first_column: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(first_column, no_wrap=True)
    return table


def _ratio(value: float) -> str:
    return "∞" if value == float("inf") else f"{value:.0%}"


def _driver(borrow_mmr_usd: float, unit: dict | None) -> str:
    """What makes most of an account's margin: its largest unit's deciding component, or its debt."""
    if unit is None or borrow_mmr_usd > unit["mmr_usd"]:
        return "borrowing" if borrow_mmr_usd > 0 else ""
    if unit["dominant"] == "mr1":
        return f"{unit['unit']} {unit['worst_price_move']:+.0%} vol {unit['worst_vol_state']}"
    return f"{unit['unit']} {COMPONENT_NAMES.get(unit['dominant'], 'flat')}"


def drivers_table(report: MarginReport) -> Table:
    """Each component: its sum over units, and the margin of the units that it dominates."""
    units = report.units
    total = units.mmr_usd.sum()
    table = _table("What drives margin (USD)", "component")
    for name in ("sum", "units decided", "their MMR", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    decided = units.groupby("dominant").mmr_usd.agg(["size", "sum"])
    for name in components(report.rules):
        count, margin = (float(decided[column].get(name, 0.0)) for column in ("size", "sum"))
        share = f"{margin / total:.0%}" if total > 0 else ""
        label = f"{name.upper()} {COMPONENT_NAMES[name]}"
        table.add_row(label, usd(float(units[name].to_numpy().sum())), f"{int(count):,}", usd(margin), share)
    table.add_row("MR8 borrowing", usd(report.accounts.borrow_mmr_usd.sum()), "", "", "")
    return table


def usd(value: float) -> str:
    """Whole dollars with thousands separators."""
    return f"{value:,.0f}"


def summary_json(report: MarginReport) -> str:
    """The manifest and the account and unit frames as one JSON document; an infinite ratio is ``null``."""
    frames = {name: json.loads(getattr(report, name).to_json(orient="records")) for name in ("accounts", "units")}
    return json.dumps({"manifest": report.manifest, **frames}, indent=2)

"""A replay on one screen: what all accounts pay under each version."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shockgrid.market.clock import time_text
from shockgrid.report.counted import counted
from shockgrid.report.margin_summary import STATUS_STYLE, usd
from shockgrid.report.replay_report import ReplayReport
from shockgrid.report.rulebook_changes import override_line


def print_replay(report: ReplayReport, console: Console) -> None:
    """Print the summary of a replay."""
    first = report.reports[0]
    console.print(
        Text(
            f"{counted(len(first.inputs), 'account')} under {counted(len(report), 'rule version')}, "
            f"market of {time_text(first.market.time)}\n",
            style="bold",
        ),
        soft_wrap=True,
    )
    console.print(_versions_table(report))
    for version in report:
        for difference in version.rules.overrides:
            console.print(Text(override_line(difference, version.rules.base.name)), soft_wrap=True)
    for line in first.market.derived:
        console.print(Text.assemble(("derived: ", "dim"), line), soft_wrap=True)

    fewest, most = (f(len(version.rules.modelled) for version in report) for f in (min, max))
    words = f"{fewest} to {most}" if fewest < most else f"{most}"
    told = f"{words} parameters of these rulebooks are modelling choices, not published (shockgrid rulebook show NAME)"
    console.print(Text(told, style="dim"), soft_wrap=True)


def _versions_table(report: ReplayReport) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("rulebook", no_wrap=True)
    for name in ("safe", "warning", "liquidation", "MMR USD", "change", "IMR USD"):
        table.add_column(name, justify="right", no_wrap=True)
    before = None
    for version in report.reports:
        a = version.accounts
        counts, mmr = a.status.value_counts(), float(a.mmr_usd.sum())
        table.add_row(
            version.rules.name,
            *(Text(f"{counts.get(s, 0):,}", style=STATUS_STYLE[s]) for s in ("safe", "warning", "liquidation")),
            usd(mmr),
            f"{mmr / before - 1:+.1%}" if before else "",
            usd(float(a.imr_usd.sum())),
        )
        before = mmr
    return table

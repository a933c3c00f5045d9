"""``shockgrid margin --stream``: any number of accounts, with a bar that says how fast and how long."""

from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

import shockgrid as sg
from shockgrid.market.market import Market
from shockgrid.report.margin_report import OrderBooks
from shockgrid.venues.okx.margin import STATUS, Precision
from shockgrid.venues.okx.rulebook import Rulebook


class _Rate(ProgressColumn):
    """Accounts a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} accounts/s", style="progress.data.speed")


def stream_margin(
    market: Market, accounts: Path, rules: Rulebook, out: Path | None, *, orders: OrderBooks, precision: Precision
) -> None:
    """Margin a folder into a folder, showing progress on the error stream, and print what came out."""
    if out is None:
        raise sg.InputError("shockgrid margin", "--out", "a folder for the results of --stream", "none")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("margin", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        manifest = sg.margin_folder(market, accounts, rules, out, orders=orders, precision=precision, progress=show)
    print(f"{manifest['accounts']:,} accounts, {manifest['units']:,} units, {manifest['rulebook']}: {_statuses(out)}")
    print(f"accounts, units and manifest written to {out}")


def _statuses(out: Path) -> str:
    counts = dict.fromkeys(STATUS, 0)
    for batch in ds.dataset(out / "accounts").to_batches(columns=["status"]):
        for entry in batch.column("status").value_counts().to_pylist():
            counts[entry["values"]] += entry["counts"]
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())

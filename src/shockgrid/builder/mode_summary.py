"""A comparison of account modes on one screen: totals, where margin changes most, what it rests on."""

from __future__ import annotations

import numpy as np
from rich.console import Group
from rich.text import Text

from shockgrid.builder.mode_comparison import CHOICES, MODE_NAMES, ModeComparison
from shockgrid.market.clock import time_text
from shockgrid.report.counted import counted
from shockgrid.report.explain_layout import Money, Section, Table
from shockgrid.venues.okx.modes.precheck import LEVERAGE_UNSET, MARGIN_SHORT, MAY_SWITCH, UNMATCHED

N_ACCOUNTS = 10
SWITCH_WORDS = {MAY_SWITCH: "allowed", UNMATCHED: "repay first", LEVERAGE_UNSET: "set leverage", MARGIN_SHORT: "short"}


def plain(comparison: ModeComparison) -> str:
    """Plain text."""
    return "\n\n".join([_heading(comparison), *("\n".join(s.plain()) for s in _sections(comparison))])


def markdown(comparison: ModeComparison) -> str:
    """Markdown with pipe tables."""
    lines = [f"## {_heading(comparison)}", ""]
    return "\n".join([*lines, *(line for s in _sections(comparison) for line in s.markdown())])


def rich(comparison: ModeComparison) -> Group:
    """For a console."""
    return Group(Text(_heading(comparison), style="bold"), Text(), *(s.rich() for s in _sections(comparison)))


def _heading(comparison: ModeComparison) -> str:
    report = comparison.report
    who, when = counted(len(report.inputs), "account"), time_text(report.market.time)
    return f"{who} in {MODE_NAMES[comparison.mode]} and under {report.rules.name}, market of {when}"


def _sections(comparison: ModeComparison) -> list[Section]:
    frame = comparison.accounts
    n, allowed, back = len(frame), int(np.sum(frame["allowed"])), int(np.sum(frame["pm_allowed"]))
    sentences = (
        f"{allowed:,} of {counted(n, 'account')} may switch into {MODE_NAMES[comparison.mode]}; "
        f"from there {back:,} could enter portfolio margin.",
    )
    if n == 0:
        return [Section("Margin", sentences), _rests_on(comparison)]
    return [Section("Margin, where it changes most (USD)", sentences, (_table(comparison),)), _rests_on(comparison)]


def _table(comparison: ModeComparison) -> Table:
    frame = comparison.accounts
    change = np.abs(frame["imr_usd"].to_numpy(float) - frame["pm_imr_usd"].to_numpy(float))
    shown = frame.iloc[np.argsort(-change, kind="stable")[:N_ACCOUNTS]]
    largest = float(shown[["imr_usd", "pm_imr_usd", "mmr_usd", "pm_mmr_usd"]].to_numpy(float).max())
    money = Money.for_size(largest)
    columns = ("account", "MMR", "in PM", "IMR", "in PM", "ratio", "in PM", "switch")
    rows = tuple(
        (
            str(row["account"]),
            *(money(float(row[name])) for name in ("mmr_usd", "pm_mmr_usd", "imr_usd", "pm_imr_usd")),
            *(_ratio(float(row[name])) for name in ("margin_ratio", "pm_margin_ratio")),
            SWITCH_WORDS[int(row["s_code"])],
        )
        for row in shown.to_dict("records")
    )
    return Table(columns, rows, left=(0, 7))


def _rests_on(comparison: ModeComparison) -> Section:
    return Section(f"Modelled numbers of {comparison.mode_rules.name}, and choices", (*comparison.modelled, *CHOICES))


def _ratio(value: float) -> str:
    return "∞" if value == float("inf") else f"{value:.0%}"

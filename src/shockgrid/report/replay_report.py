"""The result of a replay: one table over rule versions, and what each change of the rules did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from shockgrid.errors import InputError
from shockgrid.report.frame_files import write_frames
from shockgrid.report.margin_report import MarginReport

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True, repr=False)
class ReplayReport:
    """The same accounts on the same market under several rulebooks.

    Attributes:
        reports: One a rulebook, in the order asked for.
    """

    reports: tuple[MarginReport, ...]

    @property
    def rulebooks(self) -> tuple[str, ...]:
        """Names, in the order asked for."""
        return tuple(report.rules.name for report in self.reports)

    def __len__(self) -> int:
        return len(self.reports)

    def __iter__(self) -> Iterator[MarginReport]:
        return iter(self.reports)

    def __contains__(self, rulebook: object) -> bool:
        return rulebook in self.rulebooks

    def __getitem__(self, rulebook: str) -> MarginReport:
        """The whole report of one version.

        Raises:
            InputError: A rulebook that was not asked for.
        """
        for report in self.reports:
            if report.rules.name == rulebook:
                return report
        raise InputError("replay", "rulebook", f"one of {', '.join(self.rulebooks)}", repr(rulebook))

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """``MarginReport.accounts`` of every version, one after the other; ``rulebook`` tells them apart."""
        return pd.concat([report.accounts for report in self.reports], ignore_index=True)

    @cached_property
    def units(self) -> pd.DataFrame:
        """``MarginReport.units`` of every version, with a column ``rulebook``."""
        return pd.concat([r.units.assign(rulebook=r.rules.name) for r in self.reports], ignore_index=True)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """What each step from one version to the next did to every account.

        Columns ``account, from, to, mmr_before_usd, mmr_after_usd, change_usd, change_frac, ratio_before, ratio_after,
        status_before, status_after``; ``change_frac`` is relative to the margin before, NaN where that is zero.
        """
        pairs = zip(self.reports, self.reports[1:], strict=False)
        frames = [_change(before, after) for before, after in pairs]
        return pd.concat(frames, ignore_index=True) if frames else _change(self.reports[0], self.reports[0]).iloc[:0]

    @property
    def manifest(self) -> dict[str, object]:
        """What the numbers rest on: those of each version's report, without what they share."""
        first = self.reports[0].manifest
        shared = {key: first[key] for key in first if key not in ("kind", "rulebook", "overrides", "modelled")}
        versions = [{key: r.manifest[key] for key in ("rulebook", "overrides", "modelled")} for r in self.reports]
        return {"kind": "shockgrid.replay_report/1", "rulebooks": versions, **shared}

    def __repr__(self) -> str:
        return f"ReplayReport({len(self.reports[0].inputs)} accounts, {', '.join(self.rulebooks)})"

    def plot_account(self, account: str) -> Figure:
        """An account's margin under every version, by component.

        Raises:
            InputError: An account that the report does not hold.
        """
        return import_module("shockgrid.report.plot_replay").plot_account(self, account)

    def plot_population(self) -> Figure:
        """The margin of all accounts under every version, and how each change spread over them."""
        return import_module("shockgrid.report.plot_replay").plot_population(self)

    def save(self, path: str | Path) -> None:
        """Write ``accounts``, ``units`` and ``changes`` as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {name: getattr(self, name) for name in ("accounts", "units", "changes")}, self.manifest)

    def to_json(self) -> str:
        """The manifest and the frames as one JSON document; an infinite ratio is ``null``."""
        frames = {
            name: json.loads(getattr(self, name).to_json(orient="records")) for name in ("accounts", "units", "changes")
        }
        return json.dumps({"manifest": self.manifest, **frames}, indent=2)


def _change(before: MarginReport, after: MarginReport) -> pd.DataFrame:
    was, now = before.accounts, after.accounts
    change = now.mmr_usd - was.mmr_usd
    return pd.DataFrame(
        {
            "account": was.account,
            "from": before.rules.name,
            "to": after.rules.name,
            "mmr_before_usd": was.mmr_usd,
            "mmr_after_usd": now.mmr_usd,
            "change_usd": change,
            "change_frac": np.where(was.mmr_usd > 0, change / was.mmr_usd.where(was.mmr_usd > 0), np.nan),
            "ratio_before": was.margin_ratio,
            "ratio_after": now.margin_ratio,
            "status_before": was.status,
            "status_after": now.status,
        }
    )

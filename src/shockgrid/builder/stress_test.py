"""``sg.stress``: accounts on markets that named stresses moved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from shockgrid.accounts.entry_prices import entered_at_marks
from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.io.stress_file import read_stresses
from shockgrid.market.market import Market
from shockgrid.report.frame_files import write_frames
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.named_stress import FAMILIES, Stress
from shockgrid.venues.okx.margin import STATUS
from shockgrid.venues.okx.rulebook import Rulebook

TODAY = "today"
"""Name of the row without a stress."""

_FIGURES = ["account", "equity_usd", "mmr_usd", "imr_usd", "margin_ratio", "status"]


@dataclass(frozen=True, repr=False)
class StressReport:
    """The same accounts today and under each stress.

    Attributes:
        today: Without a stress.
        stresses: As far as the market knows their names.
        reports: One a stress.
        not_listed: Moves of names that the market does not know, which could not be made: ``2020-03-12: price.SOL``.
    """

    today: MarginReport
    stresses: tuple[Stress, ...]
    reports: tuple[MarginReport, ...]
    not_listed: tuple[str, ...]

    def __getitem__(self, stress: str) -> MarginReport:
        """The whole report of one stress.

        Raises:
            InputError: A stress that was not asked for.
        """
        for one, report in zip(self.stresses, self.reports, strict=True):
            if one.name == stress:
                return report
        raise InputError("stress", "stress", f"one of {', '.join(s.name for s in self.stresses)}", repr(stress))

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row a stress and account, today's rows first.

        Columns ``stress, account, equity_usd, mmr_usd, imr_usd, margin_ratio, status, pnl_usd``; ``pnl_usd`` is the
        change of equity before haircuts against today.
        """
        before = self.today.accounts.gross_equity_usd
        frames = []
        for name, report in zip(self._names, (self.today, *self.reports), strict=True):
            frame = report.accounts
            pnl = frame.gross_equity_usd - before
            frames.append(frame[_FIGURES].assign(stress=name, pnl_usd=pnl)[["stress", *_FIGURES, "pnl_usd"]])
        return pd.concat(frames, ignore_index=True).astype({"stress": "str"})

    @cached_property
    def totals(self) -> pd.DataFrame:
        """One row a stress, today's first, over all accounts.

        Columns ``stress, pnl_usd, equity_usd, mmr_usd, safe, warning, liquidation`` (numbers of accounts by status),
        ``lowest_ratio, lowest_account``.
        """
        rows, n = [], len(self.today.inputs)
        for k, name in enumerate(self._names):
            frame = self.accounts.iloc[k * n : (k + 1) * n]
            counts = frame.status.value_counts()
            lowest = frame.loc[frame.margin_ratio.idxmin()] if len(frame) else None
            rows.append(
                {
                    "stress": name,
                    **{k: frame[k].sum() for k in ("pnl_usd", "equity_usd", "mmr_usd")},
                    **{status: int(counts.get(status, 0)) for status in STATUS},
                    "lowest_ratio": float("nan") if lowest is None else lowest.margin_ratio,
                    "lowest_account": "" if lowest is None else lowest.account,
                }
            )
        columns = ["stress", "pnl_usd", "equity_usd", "mmr_usd", *STATUS, "lowest_ratio", "lowest_account"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def _names(self) -> list[str]:
        return [TODAY, *(stress.name for stress in self.stresses)]

    @property
    def manifest(self) -> dict[str, object]:
        """What the numbers rest on."""
        stresses = [{"name": s.name, "source": s.source} for s in self.stresses]
        rest = {k: v for k, v in self.today.manifest.items() if k != "kind"}
        return {"kind": "shockgrid.stress_report/1", "stresses": stresses, "not_listed": list(self.not_listed), **rest}

    def save(self, path: str | Path) -> None:
        """Write ``accounts`` and ``totals`` as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {"accounts": self.accounts, "totals": self.totals}, self.manifest)

    def to_json(self) -> str:
        """The manifest and both frames as one JSON document; an infinite ratio is ``null``."""
        frames = {n: json.loads(str(getattr(self, n).to_json(orient="records"))) for n in ("totals", "accounts")}
        return json.dumps({"manifest": self.manifest, **frames}, indent=2)

    def __repr__(self) -> str:
        return f"StressReport({len(self.today.inputs)} accounts, {len(self.stresses)} stresses)"


def stress(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    stresses: str | Path | Iterable[Stress] | Mapping[str, Mapping[str, object]],
) -> StressReport:
    """Margin accounts today and under named stresses.

    Positions without an average price count as entered at today's mark. Of a stress, moves of names that the market
    does not know are left out, and ``not_listed`` says which.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.
        stresses: A TOML file (docs/formats.md), or ``Stress`` records, or ``{"crash": {"price": {"BTC": -0.3}}}``.

    Raises:
        InputError: As for ``read_stresses``, ``shock`` and ``margin``; no stress, or a name that occurs twice.
        ShockError: As for ``shock`` and ``margin``.
    """
    listed = [one.listed(market) for one in _read(stresses)]
    held = entered_at_marks(accounts, market)
    return StressReport(
        today=margin(market, held, rules),
        stresses=tuple(one for one, _ in listed),
        reports=tuple(margin(one.of(market), held, rules) for one, _ in listed),
        not_listed=tuple(f"{one.name}: {name}" for one, absent in listed for name in absent),
    )


def _read(stresses: str | Path | Iterable[Stress] | Mapping[str, Mapping[str, object]]) -> tuple[Stress, ...]:
    if isinstance(stresses, str | Path):
        return read_stresses(stresses)
    if isinstance(stresses, Mapping):
        try:
            stresses = [Stress(name, **moves) for name, moves in stresses.items()]  # pyright: ignore[reportArgumentType]
        except TypeError as error:
            raise InputError("stress", "stresses", "moves by price, vol, peg, basis and days", error) from None
    found = tuple(stresses)
    for one in found:
        if not all(isinstance(getattr(one, family), Mapping) for family in FAMILIES):
            raise InputError("stress", "stresses", "moves by name, such as price={'BTC': -0.3}", one)
    names = [one.name for one in found]
    if not found or len(set(names)) < len(names) or TODAY in names:
        raise InputError("stress", "stresses", f"one or more, of different names, none of them {TODAY}", names)
    return found

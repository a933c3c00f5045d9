"""``sg.attribute``: why margin, equity and ratio moved from one report to another."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from shockgrid.accounts.holdings import Accounts, Labels, Orders, Positions
from shockgrid.builder.mixed_market import MARKET_FACTORS, MarketPair
from shockgrid.builder.tier_crossings import crossings, tiered_amounts
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.report.frame_files import write_frames
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FACTORS = (*MARKET_FACTORS, "positions", "settings", "rulebook")
"""In the order in which they are moved from before to after."""
TIERS = "tier crossings"
SETTINGS = ("spot_mode", "auto_borrow", "declared")
FIGURES = ("mmr_usd", "equity_usd", "margin_ratio")

Moved = frozenset[str]


@dataclass(frozen=True, repr=False)
class Attribution:
    """The change between two reports, split over what changed.

    Attributes:
        before, after: The reports.
        changed: The factors that differ between them.
        contributions: Columns ``account, figure, factor, change, low, high``: for every account and figure all
            ``FACTORS`` and the tier crossings, which add up to the whole change. ``low`` and ``high`` are the least
            and the most that a factor could have been given by any order of the factors; NaN without spans.
    """

    before: MarginReport
    after: MarginReport
    changed: tuple[str, ...]
    contributions: pd.DataFrame

    @cached_property
    def totals(self) -> pd.DataFrame:
        """Columns ``account, figure, before, after, change``."""
        was, now = (r.accounts[list(FIGURES)].to_numpy().reshape(-1) for r in (self.before, self.after))
        ids = self.before.inputs.ids
        return pd.DataFrame(
            {
                "account": np.repeat(ids, len(FIGURES)),
                "figure": np.tile(np.array(FIGURES, object), len(ids)),
                "before": was,
                "after": now,
                "change": _difference(now, was),
            }
        ).astype({"account": "str", "figure": "str"})

    def plot(self, account: str | None = None) -> Figure:
        """A waterfall of each figure of an account, by default the only one.

        Raises:
            InputError: An account that is not there, or none named where there are several.
        """
        return import_module("shockgrid.builder.plot_attribution").plot_attribution(self, account)

    @property
    def manifest(self) -> dict[str, object]:
        """What the numbers rest on, and the order of the factors."""
        sides = {"before": self.before.manifest, "after": self.after.manifest}
        order = {"order": [*FACTORS, TIERS], "changed": list(self.changed)}
        return {"kind": "shockgrid.attribution/1", **order, **sides}

    def save(self, path: str | Path) -> None:
        """Write ``contributions`` and ``totals`` as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {"contributions": self.contributions, "totals": self.totals}, self.manifest)

    def to_json(self) -> str:
        """The manifest and both frames as one JSON document; what is not finite is ``null``."""
        frames = {n: json.loads(str(getattr(self, n).to_json(orient="records"))) for n in ("totals", "contributions")}
        return json.dumps({"manifest": self.manifest, **frames}, indent=2)

    def __repr__(self) -> str:
        return f"Attribution({len(self.before.inputs)} accounts, {', '.join(self.changed) or 'nothing changed'})"


def attribute(before: MarginReport, after: MarginReport, *, spans: bool = True) -> Attribution:
    """Split the change of MMR, equity and margin ratio over what changed between two reports.

    The accounts are margined anew with one factor after the other moved from before to after, in the order of
    ``FACTORS``: prices of coins, volatilities, time, stablecoins, basis, then positions (with orders, balances and
    limits), settings, and the rulebook. Throughout, amounts are held in the tiers that they lay in before
    (``tier_crossings``); what remains at the end is given to the tier crossings, so that nothing is left over. What
    expires on the way goes with time. A factor that did not change gives zero. Where nothing is required on the way,
    the ratio is carried on until something is again.

    Args:
        before: From ``margin``.
        after: Likewise, of the same accounts in the same order.
        spans: Also margin every combination of the factors that changed, for ``low`` and ``high``.

    Raises:
        InputError: Reports of different accounts; as for ``margin``.
        ShockError: As for ``margin``.
    """
    for name, report in (("before", before), ("after", after)):
        if not isinstance(report, MarginReport):
            raise InputError("attribute", name, "a report, from margin", repr(report))
    if before.inputs.ids.tolist() != after.inputs.ids.tolist():
        raise InputError("attribute", "after", "a report of the same accounts in the same order as before", repr(after))
    path = _Path(before, after)
    factors = [f for f in FACTORS if f in path.changed]
    order = [frozenset(factors[:n]) for n in range(len(factors) + 1)]
    states = _carried([*(path.at(moved) for moved in order), _figures(after)])
    nothing = np.zeros_like(states[0])
    parts = dict(zip([*factors, TIERS], map(_difference, states[1:], states), strict=True))
    change = [parts.get(f, nothing) for f in (*FACTORS, TIERS)]
    low = high = [np.full_like(nothing, np.nan)] * len(change)
    if spans:
        low, high = (
            [
                end(x, _span(path, f, factors, end)) if f in factors else x
                for f, x in zip((*FACTORS, TIERS), change, strict=True)
            ]
            for end in (np.fmin, np.fmax)
        )
    columns = {"change": change, "low": low, "high": high}
    return Attribution(before, after, tuple(factors), _tidy(before.inputs.ids, columns))


class _Path:
    """Figures ``[figure, account]`` of every state between two reports, each margined once."""

    def __init__(self, before: MarginReport, after: MarginReport) -> None:
        self._sides = (before, after)
        v1 = "v1" in (before.rules.structure, after.rules.structure)
        self._markets = MarketPair(before.market, after.market, listing_counts=v1)
        self._amounts = tiered_amounts(before)
        self._seen: dict[Moved, np.ndarray] = {frozenset(): _figures(before)}
        self.changed = {*self._markets.changed}
        self.changed |= {name for name, differs in _OTHER.items() if differs(before, after)}

    def step(self, moved: Moved, factor: str) -> np.ndarray:
        """What moving one factor more adds."""
        return _difference(self.at(moved | {factor}), self.at(moved))

    def at(self, moved: Moved) -> np.ndarray:
        """The figures with some factors moved, amounts held in their tiers before."""
        if moved not in self._seen:
            report = self._report(moved)
            crossed = crossings(report, self._amounts)
            required = report.required_usd - crossed.required_usd
            equity = report.result.accounts.equity_usd - crossed.equity_usd
            ratio = np.where(required > 0, equity / np.where(required > 0, required, 1.0), np.inf)
            self._seen[moved] = np.stack([report.result.accounts.mmr_usd - crossed.mmr_usd, equity, ratio])
        return self._seen[moved]

    def _report(self, moved: Moved) -> MarginReport:
        if moved == self.changed:
            return self._sides[1]
        held, set_ = (self._sides[name in moved].inputs for name in ("positions", "settings"))
        settings = {name: getattr(set_, name) for name in SETTINGS}
        names = [name for labels in (held.positions.instrument, held.orders.instrument) for name in labels.names]
        market = self._markets.at(moved, names)
        accounts = _without_expired(dataclasses.replace(held, **settings), market)
        side = self._sides["rulebook" in moved]
        return margin(market, accounts, side.rules, orders=side.orders, precision=side.precision)


def _figures(report: MarginReport) -> np.ndarray:
    return report.accounts[list(FIGURES)].to_numpy(float).T


def _difference(now: np.ndarray, was: np.ndarray) -> np.ndarray:
    """An infinite ratio that stays has not changed."""
    with np.errstate(invalid="ignore"):
        return np.where(now == was, 0.0, now - was)


def _carried(states: list[np.ndarray]) -> list[np.ndarray]:
    """The figures of states in their order, an infinite ratio with a finite one to come replaced by the one before."""
    carried = [states[0]]
    for i, state in enumerate(states[1:], 1):
        comes_back = np.isinf(state) & np.isfinite(states[i:]).any(axis=0)
        carried.append(np.where(comes_back, carried[-1], state))
    return carried


def _span(path: _Path, factor: str, factors: list[str], end: np.ufunc) -> np.ndarray:
    """The least or the most that a factor adds in any order."""
    others = [f for f in factors if f != factor]
    return end.reduce([path.step(moved, factor) for moved in _subsets(others)])


def _subsets(factors: list[str]) -> Iterator[Moved]:
    for n in range(len(factors) + 1):
        yield from map(frozenset, combinations(factors, n))


def _tidy(ids: np.ndarray, columns: dict[str, list[np.ndarray]]) -> pd.DataFrame:
    """Rows by account, figure, factor from ``[factor][figure, account]``."""
    names = (*FACTORS, TIERS)
    frame = {
        "account": np.repeat(ids, len(FIGURES) * len(names)),
        "figure": np.tile(np.repeat(np.array(FIGURES, object), len(names)), len(ids)),
        "factor": np.tile(np.array(names, object), len(ids) * len(FIGURES)),
    }
    values = {name: np.transpose(np.stack(parts), (2, 1, 0)).reshape(-1) for name, parts in columns.items()}
    return pd.DataFrame(frame | values).astype(dict.fromkeys(frame, "str"))


def _without_expired(accounts: Accounts, market: Market) -> Accounts:
    """Accounts without positions and orders in what has expired."""
    expiry = dict(zip(market.universe.ids.tolist(), market.universe.expiry, strict=True))

    def live(labels: Labels) -> np.ndarray:
        gone = [bool(expiry.get(name, np.datetime64("NaT")) <= market.time) for name in labels.names]
        return ~np.array(gone, bool)[labels.codes] if len(labels) else np.zeros(0, bool)

    p, o = accounts.positions, accounts.orders
    held, open_ = live(p.instrument), live(o.instrument)
    return dataclasses.replace(
        accounts,
        positions=Positions(p.account[held], _kept(p.instrument, held), p.quantity[held], p.average_price[held]),
        orders=Orders(o.account[open_], _kept(o.instrument, open_), o.quantity[open_], o.price[open_]),
    )


def _kept(labels: Labels, rows: np.ndarray) -> Labels:
    return Labels(labels.codes[rows], labels.names)


def _same_tables(before: Accounts, after: Accounts) -> bool:
    """Whether two sets of accounts hold, order and owe the same, row by row."""
    for name in ("positions", "orders", "balances", "limits"):
        pairs = zip(*(vars(getattr(accounts, name)).values() for accounts in (before, after)), strict=True)
        if not all(_same_column(*pair) for pair in pairs):
            return False
    return True


def _same_column(was: np.ndarray | Labels, now: np.ndarray | Labels) -> bool:
    if isinstance(was, Labels) and isinstance(now, Labels):
        was, now = (np.array([*x.names, ""], object)[x.codes] for x in (was, now))
        return np.array_equal(was, now)
    return np.array_equal(np.asarray(was), np.asarray(now), equal_nan=True)


_OTHER = {
    "positions": lambda before, after: not _same_tables(before.inputs, after.inputs),
    "settings": lambda before, after: any(
        not np.array_equal(getattr(before.inputs, name), getattr(after.inputs, name)) for name in SETTINGS
    ),
    "rulebook": lambda before, after: before.rules != after.rules,
}

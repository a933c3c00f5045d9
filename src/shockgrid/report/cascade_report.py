"""The record of a cascade: rounds, prices, what became of each account, and who paid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from shockgrid.contagion.deleveraging import Assignment, Positions
from shockgrid.report.cascade_round import Round
from shockgrid.report.frame_columns import names
from shockgrid.report.frame_files import write_frames
from shockgrid.report.liquidation_report import OUTCOMES
from shockgrid.report.margin_report import MarginReport

if TYPE_CHECKING:
    import plotly.graph_objects as go

FRAMES = ("rounds", "prices", "accounts", "deleveraging")


@dataclass(frozen=True, repr=False)
class CascadeReport:
    """A cascade of liquidations.

    Attributes:
        before: Margin of all accounts when it began.
        after: When it ended, the bankrupt without holdings, before anything is assigned.
        played: The rounds.
        fund_usd: What the fund held at first.
        positions: Open positions at the end.
        assigned: Who pays what the fund could not.
    """

    before: MarginReport
    after: MarginReport
    played: tuple[Round, ...]
    fund_usd: float
    positions: Positions
    assigned: Assignment

    @cached_property
    def rounds(self) -> pd.DataFrame:
        """One row a round: what was traded and paid, and where the money went.

        Columns ``round, liquidated, bankrupt, turnover_usd, fees_usd, slippage_usd, crowding_usd, equity_before_usd,
        loss_usd, fund_paid_usd, fund_usd, moved_usd, equity_after_usd, residual_usd``. Equity is that of all accounts
        at marks; ``moved_usd`` what the move of prices added to it, from totals; ``residual_usd`` is
        ``equity_after - (equity_before - fees - slippage - crowding + loss + moved)``: nothing but rounding.
        """
        rows, before, fund = [], float(self.before.accounts.gross_equity_usd.sum()), self.fund_usd
        for r in self.played:
            legs = r.liquidation.legs
            fund -= r.fund_paid_usd
            after = float(r.after.accounts.gross_equity_usd.sum())
            row = {
                "round": r.number,
                "liquidated": len(r.liquidation.entered),
                "bankrupt": int((r.loss_usd > 0).sum()),
                "turnover_usd": r.turnover_usd,
                "fees_usd": float(legs.fee_usd.sum()),
                "slippage_usd": float(legs.slippage_usd.sum()),
                "crowding_usd": float(r.crowding_usd.sum()),
                "equity_before_usd": before,
                "loss_usd": float(r.loss_usd.sum()),
                "fund_paid_usd": r.fund_paid_usd,
                "fund_usd": fund,
                "moved_usd": r.moved_usd,
                "equity_after_usd": after,
            }
            paid = row["fees_usd"] + row["slippage_usd"] + row["crowding_usd"]
            rows.append(row | {"residual_usd": after - (before - paid + row["loss_usd"] + r.moved_usd)})
            before = after
        return _frame(rows, _ROUND_COLUMNS)

    @cached_property
    def prices(self) -> pd.DataFrame:
        """One row a round and coin: ``round, coin, traded_usd, price_move, price_usd`` after the move."""
        rows = [
            {"round": r.number, "coin": coin, "traded_usd": traded, "price_move": move, "price_usd": price}
            for r in self.played
            for coin, traded, move, price in zip(
                r.after.market.universe.coins,
                r.traded_usd.tolist(),
                r.price_moves.tolist(),
                _coin_prices(r.after).tolist(),
                strict=True,
            )
        ]
        return _frame(rows, {"round": int, "coin": str, "traded_usd": float, "price_move": float, "price_usd": float})

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row an account, in input order.

        Columns ``account, outcome, first_round, rounds, ratio_before, margin_ratio, equity_before_usd,
        equity_after_usd, fees_usd, slippage_usd, crowding_usd, fund_loss_usd, deleveraged_usd, clawed_back_usd``.
        ``outcome`` is that of the last round in which it was liquidated, ``first_round`` 0 if in none;
        ``fund_loss_usd`` what it left unpaid; the last two are what it pays for others, not yet in
        ``equity_after_usd``.
        """
        ids, n = self.before.inputs.ids, len(self.before.inputs)
        outcome, first, count = np.full(n, "untouched", object), np.zeros(n, int), np.zeros(n, int)
        costs = {name: np.zeros(n) for name in ("fees_usd", "slippage_usd", "crowding_usd", "fund_loss_usd")}
        for r in self.played:
            frame, entered = r.liquidation.accounts, r.liquidation.entered
            outcome[entered] = frame.outcome.to_numpy()[entered]
            first[entered] = np.where(first[entered] == 0, r.number, first[entered])
            count[entered] += 1
            for name, values in (("fees_usd", frame.fees_usd), ("slippage_usd", frame.slippage_usd)):
                costs[name] += values.to_numpy()
            costs["crowding_usd"] += r.crowding_usd
            costs["fund_loss_usd"] += r.loss_usd
        outcome[costs["fund_loss_usd"] > 0] = "bankrupt"
        b, a = self.before.accounts, self.after.accounts
        return pd.DataFrame(
            {
                "account": names(ids),
                "outcome": names(OUTCOMES, np.array([OUTCOMES.index(word) for word in outcome], np.int64)),
                "first_round": first,
                "rounds": count,
                "ratio_before": b.margin_ratio.to_numpy(),
                "margin_ratio": a.margin_ratio.to_numpy(),
                "equity_before_usd": b.gross_equity_usd.to_numpy(),
                "equity_after_usd": a.gross_equity_usd.to_numpy(),
                **costs,
                "deleveraged_usd": np.bincount(self.positions.account, self.assigned.of_position, minlength=n),
                "clawed_back_usd": self.assigned.of_account,
            }
        )

    @cached_property
    def deleveraging(self) -> pd.DataFrame:
        """Profitable positions in the order in which they are deleveraged.

        Columns ``rank, account, instrument, score, profit_usd, assigned_usd``; ``score`` is profit over entry value
        times leverage.
        """
        p, order = self.positions, self.assigned.order
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(order) + 1),
                "account": names(self.before.inputs.ids, p.account[order]),
                "instrument": names(self.before.market.universe.ids, p.instrument[order]),
                "score": self.assigned.score[order],
                "profit_usd": p.profit_usd[order],
                "assigned_usd": self.assigned.of_position[order],
            }
        )

    @property
    def unassigned_usd(self) -> float:
        """Losses that no one can pay: beyond all profits and all equity."""
        return self.assigned.unassigned

    @property
    def manifest(self) -> dict[str, object]:
        """What it rests on: that of the margin before, and the fund. The cascade is a model of this project."""
        return self.before.manifest | {"kind": "shockgrid.cascade_report/1", "fund_usd": self.fund_usd}

    def __repr__(self) -> str:
        touched = int((self.accounts.outcome != "untouched").sum())
        rounds = len(self.played)
        return f"CascadeReport({rounds} rounds, {touched} of {len(self.accounts)} accounts liquidated)"

    def plot(self) -> go.Figure:
        """Prices by round above what was liquidated and who paid."""
        from shockgrid.report.plot_cascade import plot_cascade  # noqa: PLC0415 - plotly is slow to import

        return plot_cascade(self)

    def save(self, path: str | Path) -> None:
        """Write the frames as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {name: getattr(self, name) for name in FRAMES}, self.manifest)

    def to_json(self) -> str:
        """The manifest and the frames as one JSON document; a ratio without end is null."""
        frames = {name: json.loads(getattr(self, name).to_json(orient="records")) for name in FRAMES}
        return json.dumps({"manifest": self.manifest, **frames}, indent=2)


_ROUND_COLUMNS = {
    name: int if name in ("round", "liquidated", "bankrupt") else float
    for name in (
        "round",
        "liquidated",
        "bankrupt",
        "turnover_usd",
        "fees_usd",
        "slippage_usd",
        "crowding_usd",
        "equity_before_usd",
        "loss_usd",
        "fund_paid_usd",
        "fund_usd",
        "moved_usd",
        "equity_after_usd",
        "residual_usd",
    )
}


def _frame(rows: list[dict], columns: dict[str, type]) -> pd.DataFrame:
    """Rows as a frame whose columns have their types also when there are none."""
    return pd.DataFrame(rows, columns=list(columns)).astype({k: "str" if t is str else t for k, t in columns.items()})


def _coin_prices(report: MarginReport) -> np.ndarray:
    market = report.market
    return market.snapshot.index_usd[market.universe.contracts.coin_currency]

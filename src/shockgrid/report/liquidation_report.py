"""The record of a liquidation: frames of steps and of accounts, what is left of them, and the story of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.report.frame_columns import names
from shockgrid.report.frame_files import write_frames
from shockgrid.report.liquidation_steps import Legs, all_legs, cancelled_orders, steps_frame
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.liquidation.sequence import Liquidated

if TYPE_CHECKING:
    import plotly.graph_objects as go

OUTCOMES = ("untouched", "recovered", "closed_out", "bankrupt", "stalled")


@dataclass(frozen=True, repr=False)
class LiquidationReport:
    """What forced liquidation made of a set of accounts.

    Attributes:
        before: The accounts' margin before.
        entered: Places of the accounts that were liquidated.
        entries: These accounts as they came in.
        parts: What became of them.
        after: All accounts afterwards; those that were liquidated without orders.
    """

    before: MarginReport
    entered: np.ndarray
    entries: Accounts
    parts: tuple[Liquidated, ...]
    after: Accounts

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row a leg; legs of one trade share their ``step``, their margin and their ratios.

        Columns ``account, step, stage, unit, instrument, quantity, price, fee_usd, slippage_usd, mmr_before_usd,
        mmr_after_usd, ratio_before, ratio_after, reason``. ``instrument`` is a contract or, where spot is traded, a
        currency, whose price is in USD; ``quantity`` is signed, below zero for what is sold.
        """
        ids, b = self.entries.ids, self.before
        orders = cancelled_orders(self.entries.orders, self.parts, ids)
        return steps_frame(self.legs, orders, b.market, b.rules, ids, b.risk_units.names)

    @cached_property
    def legs(self) -> Legs:
        """The same as arrays, without the orders, stage by stage."""
        return all_legs(self.parts, self.before.market, self.before.rules)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row an account, in input order.

        Columns ``account, outcome, ratio_before, margin_ratio, equity_before_usd, equity_after_usd, fees_usd,
        slippage_usd, fund_loss_usd, steps``; equity is at marks, without haircuts, and what the fund pays is not in it.
        ``outcome``: ``untouched`` above a ratio of 1; ``recovered`` above the ratio at which liquidation stops;
        ``closed_out`` nothing is left; ``bankrupt`` equity ended below zero, the fund pays; ``stalled`` what is left
        cannot be traded, or no trade helps.
        """
        b, n = self.before.accounts, len(self.before.inputs)
        columns = {
            "ratio_before": b.margin_ratio.to_numpy().copy(),
            "margin_ratio": b.margin_ratio.to_numpy().copy(),
            "equity_before_usd": b.gross_equity_usd.to_numpy().copy(),
            "equity_after_usd": b.gross_equity_usd.to_numpy().copy(),
        }
        for part in self.parts:
            at, now = self.entered[part.books.account], part.after.now.account
            columns["margin_ratio"][at], columns["equity_after_usd"][at] = now.margin_ratio, now.gross_equity_usd
        totals = self.steps.groupby("account", sort=False).agg(
            fees_usd=("fee_usd", "sum"), slippage_usd=("slippage_usd", "sum"), steps=("step", "max")
        )
        totals = totals.reindex(self.before.inputs.ids).fillna(0.0)
        outcome = self._outcomes(n)
        loss = np.where(outcome == OUTCOMES.index("bankrupt"), np.maximum(-columns["equity_after_usd"], 0.0), 0.0)
        return pd.DataFrame(
            {
                "account": names(self.before.inputs.ids),
                "outcome": names(OUTCOMES, outcome),
                **columns,
                "fees_usd": totals.fees_usd.to_numpy(float),
                "slippage_usd": totals.slippage_usd.to_numpy(float),
                "fund_loss_usd": loss,
                "steps": totals.steps.to_numpy().astype(int),
            }
        )

    def _outcomes(self, n: int) -> np.ndarray:
        outcome, stop = np.zeros(n, np.int64), float(self.before.rules["liquidation.stop_ratio"])
        for part in self.parts:
            now = part.after.now.account
            had, has = ((state.held.quantity != 0.0).any(axis=1) for state in (part.before, part.after))
            below = now.margin_ratio <= stop
            cases = (below & (now.gross_equity_usd < 0.0), had & ~has, ~below)
            words = [OUTCOMES.index(word) for word in ("bankrupt", "closed_out", "recovered")]
            outcome[self.entered[part.books.account]] = np.select(cases, words, OUTCOMES.index("stalled"))
        return outcome

    @property
    def manifest(self) -> dict[str, object]:
        """What the process rests on: that of the margin before; all of ``liquidation.*`` but the order is modelled."""
        return self.before.manifest | {"kind": "shockgrid.liquidation_report/1"}

    def __repr__(self) -> str:
        counts = self.accounts.outcome.value_counts()
        words = ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if name in counts.index)
        return f"LiquidationReport({words or 'no accounts'}, {self.before.rules.name})"

    def explain(self, account: str) -> str:
        """The liquidation of one account, step by step, as text.

        Raises:
            InputError: An account that the report does not hold.
        """
        from shockgrid.report.explain_liquidation import explain_liquidation  # noqa: PLC0415 - imports this module

        self._require(account)
        return explain_liquidation(self, account)

    def plot(self, account: str) -> go.Figure:
        """Margin ratio by step, coloured by stage, above the delta of each unit by step.

        Raises:
            InputError: An account that was not liquidated.
        """
        from shockgrid.report.plot_liquidation import plot_liquidation  # noqa: PLC0415 - plotly is slow to import

        self._require(account)
        if not (self.steps.account == account).any():
            raise InputError("plot", "account", "an account that was liquidated", repr(account))
        return plot_liquidation(self, account)

    def _require(self, account: str) -> None:
        if account not in set(self.before.inputs.ids):
            raise InputError(self.before.inputs.source.file, "accounts", "an account of the report", repr(account))

    def save(self, path: str | Path) -> None:
        """Write ``steps`` and ``accounts`` as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {"steps": self.steps, "accounts": self.accounts}, self.manifest)

    def to_json(self) -> str:
        """The manifest and the frames as one JSON document; a ratio without end is null."""
        frames = {name: json.loads(getattr(self, name).to_json(orient="records")) for name in ("accounts", "steps")}
        return json.dumps({"manifest": self.manifest, **frames}, indent=2)

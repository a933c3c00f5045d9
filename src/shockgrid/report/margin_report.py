"""The result of a margin run: frames with fixed columns, what they rest on, and how to keep them.

Columns are those of ``docs/formats.md``; they exist also when a frame is empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import jax
import numpy as np
import pandas as pd

from shockgrid import __version__
from shockgrid.accounts.account_rows import AccountRows, plan_rows
from shockgrid.accounts.book import POSITIONS
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.market.clock import time_text
from shockgrid.market.market import Market
from shockgrid.report.frame_columns import constant, names
from shockgrid.report.frame_files import write_frames
from shockgrid.scenarios.exposures import Exposures
from shockgrid.scenarios.grid import VOL_STATES
from shockgrid.venues.okx.block_margin import UnitKeys
from shockgrid.venues.okx.margin import STATUS, MarginResult, Precision, required_usd
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rulebook import Rulebook
from shockgrid.venues.okx.unit_margin import DOMINANT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from shockgrid.report.explanation import Explanation

OrderBooks = Literal["three_books", "every_subset"]
"""How open orders enter initial margin."""

AGGREGATION = "xla, sliced ellpack"
"""How positions are summed (``numerics.ragged``)."""

ACCOUNT_NUMBERS = (
    "equity_usd",
    "gross_equity_usd",
    "derivatives_mmr_usd",
    "borrow_mmr_usd",
    "mmr_usd",
    "derivatives_imr_usd",
    "borrow_imr_usd",
    "imr_usd",
    "liability_usd",
    "margin_ratio",
)


@dataclass(frozen=True, repr=False)
class MarginReport:
    """Margin of a set of accounts.

    Attributes:
        market, inputs, rules: What was margined, under which rulebook.
        keys: Of the unit rows.
        exposures: Of one contract of each instrument.
        result: The arrays that the frames are made of.
        orders: How open orders entered the initial margin.
        precision: Of the sums over positions and of the rules of units.
    """

    market: Market
    inputs: Accounts
    rules: Rulebook
    keys: UnitKeys
    exposures: Exposures
    result: MarginResult
    orders: OrderBooks = "three_books"
    precision: Precision = "float64"

    @cached_property
    def rows(self) -> AccountRows:
        """The rows of all accounts, laid out when first asked for."""
        return plan_rows(self.inputs, self.market, self.risk_units)

    @cached_property
    def risk_units(self) -> RiskUnits:
        """The risk units of the market under the rules."""
        return risk_units(self.market.universe, self.rules.structure)

    @property
    def required_usd(self) -> np.ndarray:
        """``[account]`` the denominator of the margin ratio."""
        a = self.result.accounts
        return required_usd(a.mmr_usd, a.liability_usd, a.borrow_mmr_usd, float(self.rules["ratio.liability_fee"]))

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row an account, in input order."""
        figures = self.result.accounts
        frame = {"account": names(self.inputs.ids)} | {name: getattr(figures, name) for name in ACCOUNT_NUMBERS}
        enough = figures.gross_equity_usd >= self.rules["account.minimum_equity_usd"]
        return pd.DataFrame(
            frame
            | {
                "status": names(STATUS, figures.status),
                "eligible": self.inputs.declared & enough,
                "rulebook": constant(self.rules.name, len(self.inputs)),
            }
        )

    @cached_property
    def units(self) -> pd.DataFrame:
        """One row an account and risk unit, sorted by account (input order), then unit."""
        u, account, unit = self.result.units, self.keys.account, self.keys.unit
        vol_state, move = np.divmod(u.worst_cell, self.result.price_moves.shape[-1])
        frame = {"account": names(self.inputs.ids, account), "unit": names(self.risk_units.names, unit)}
        frame |= {f"mr{k}": getattr(u, f"mr{k}") for k in range(1, 8)}
        frame |= {
            "mr8": self.result.accounts.borrow_mmr_usd[account],
            "mr9": u.mr9,
            "mmr_usd": u.mmr_usd,
            "imr_usd": self.result.unit_imr_usd,
            "dominant": names(DOMINANT, u.dominant),
            "worst_price_move": self.result.price_moves[unit, move],
            "worst_vol_state": names(VOL_STATES, vol_state),
        }
        for name in ("spot_in_use", "delta_coin", "cash_delta_usd", "gamma_usd", "theta_usd", "vega_usd"):
            frame[name] = getattr(u, name)
        return pd.DataFrame(frame | {"upl_usd": self.result.unit_upl_usd})

    @cached_property
    def scenarios(self) -> pd.DataFrame:
        """MR1's 21 cells of every unit, computed when first asked for.

        Price moves ascending, volatility up, unchanged, down.
        """
        return import_module("shockgrid.report.scenario_frame").scenario_frame(self)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """The netted positions, with their size and direction in USD."""
        book, universe, snapshot = self.rows.book, self.market.universe, self.market.snapshot
        held = book.quantity[POSITIONS] != 0
        instrument = book.instrument[held]
        quantity = book.quantity[POSITIONS][held]
        cash_delta_usd = self.exposures.linear.denominations.sum(axis=1)
        return pd.DataFrame(
            {
                "account": names(self.inputs.ids, book.account[held]),
                "instrument": names(universe.ids, instrument),
                "quantity": quantity,
                "mark": snapshot.mark[instrument],
                "cash_delta_usd": quantity * cash_delta_usd[instrument],
            }
        )

    @cached_property
    def currencies(self) -> pd.DataFrame:
        """What accounts have and owe in each currency, in units of the currency where no ``_usd`` says otherwise.

        Columns ``account, currency, balance`` (less accrued interest), ``equity, equity_usd, counted_usd`` (after
        haircuts), ``frozen`` (by orders), ``available`` (for orders), ``liability, loss_liability`` (of it from
        unrealised losses), ``potential_borrowing`` (with orders), ``borrow_limit, mmr_usd, imr_usd, free_quota,
        interest_bearing, interest_per_hour, to_convert`` (by forced conversion).
        """
        return import_module("shockgrid.report.borrowing").currencies_frame(self)

    @property
    def manifest(self) -> dict[str, object]:
        """What the numbers rest on: rulebook, modelled parameters, what the reader derived, precision, device."""
        return {
            "kind": "shockgrid.margin_report/1",
            "rulebook": self.rules.name,
            "overrides": {d.path: {self.rules.base.name: d.before, "here": d.after} for d in self.rules.overrides},
            "modelled": list(self.rules.modelled),
            "market": {"file": self.market.source.file, "time": time_text(self.market.time)},
            "derived": list(self.market.derived),
            "accounts": {"file": self.inputs.source.file, "count": len(self.inputs)},
            "orders": self.orders,
            "precision": self.precision,
            "aggregation": AGGREGATION,
            "device": jax.devices()[0].device_kind,
            "versions": {"shockgrid": __version__, "jax": jax.__version__, "numpy": np.__version__},
        }

    def coin_of(self, unit: str) -> str:
        """The coin of a risk unit: ``BTC`` of ``BTC`` in version 2 and of ``BTC-USDT`` in version 1."""
        units = self.risk_units
        return self.market.universe.coins[units.coin[units.names.index(unit)]]

    def __repr__(self) -> str:
        return f"MarginReport({len(self.inputs)} accounts, {len(self.result.unit_imr_usd)} units, {self.rules.name})"

    def explain(self, account: str) -> Explanation:
        """Why an account's margin is what it is; prints in a terminal, renders in a notebook.

        Raises:
            InputError: An account that the report does not hold.
        """
        return import_module("shockgrid.report.explanation").explain(self, account)

    def plot_grid(self, account: str, unit: str) -> Figure:
        """MR1's 21 cells of a unit as a heatmap; hovering lists the largest contributors of a cell.

        Raises:
            InputError: An account or unit that the report does not hold.
        """
        return import_module("shockgrid.report.plots").plot_grid(self, account, unit)

    def plot_components(self, account: str) -> Figure:
        """How the components of each unit, and borrowing, make an account's margin.

        Raises:
            InputError: An account that the report does not hold.
        """
        return import_module("shockgrid.report.plots").plot_components(self, account)

    def plot_population(self) -> Figure:
        """Distribution of margin ratios, and margin by archetype and component."""
        return import_module("shockgrid.report.plots").plot_population(self)

    def to_html(self, path: str | Path, *, accounts: str | Iterable[str] | None = None) -> None:
        """Write one self-contained page: totals, who is nearest, what drives margin, some accounts in detail.

        Args:
            path: The file to write.
            accounts: Accounts to show in detail; the three nearest to liquidation by default.

        Raises:
            InputError: An unknown account, or a file that cannot be written.
        """
        import_module("shockgrid.report.html").to_html(self, path, accounts=accounts)

    def save(self, path: str | Path) -> None:
        """Write the frames as Parquet and the manifest as JSON into a folder, which is made if need be.

        Raises:
            InputError: The path cannot be made a folder.
        """
        frames = {name: getattr(self, name) for name in ("accounts", "units", "scenarios", "positions")}
        write_frames(path, frames, self.manifest)

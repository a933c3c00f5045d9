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
from shockgrid.accounts.book import POSITIONS
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.row_plan import AccountRows
from shockgrid.market.clock import time_text
from shockgrid.market.market import Market
from shockgrid.report.frame_files import write_frames
from shockgrid.stress.exposures import Exposures
from shockgrid.stress.scenarios import VOL_STATES
from shockgrid.venues.okx.margin import STATUS, MarginResult
from shockgrid.venues.okx.rulebook import Rulebook
from shockgrid.venues.okx.unit_margin import DOMINANT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from shockgrid.report.explanation import Explanation

OrderBooks = Literal["three_books", "every_subset"]
"""How open orders enter initial margin."""

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
        rows: The keys of the unit rows.
        exposures: Of one contract of each instrument.
        result: The arrays that the frames are made of.
        orders: How open orders entered the initial margin.
    """

    market: Market
    inputs: Accounts
    rules: Rulebook
    rows: AccountRows
    exposures: Exposures
    result: MarginResult
    orders: OrderBooks = "three_books"

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row an account, in input order."""
        n, a = len(self.inputs), self.result.accounts
        frame = {"account": _names(self.inputs.ids)} | {name: getattr(a, name)[:n] for name in ACCOUNT_NUMBERS}
        return pd.DataFrame(
            frame
            | {
                "status": np.array(STATUS)[a.status[:n]],
                "eligible": self.inputs.declared & (a.gross_equity_usd[:n] >= self.rules["account.minimum_equity_usd"]),
                "rulebook": np.full(n, self.rules.name),
            }
        )

    @cached_property
    def units(self) -> pd.DataFrame:
        """One row an account and risk unit, sorted by account (input order), then unit."""
        n, u = len(self.rows.unit), self.result.units
        n_moves = u.pnl_usd.shape[-1]
        vol_state, move = np.divmod(u.worst_cell[:n], n_moves)
        frame = {"account": _names(self.inputs.ids[self.rows.unit_account]), "unit": _names(self._unit_names)}
        frame |= {f"mr{k}": getattr(u, f"mr{k}")[:n] for k in range(1, 8)}
        frame |= {
            "mr8": self.result.accounts.borrow_mmr_usd[self.rows.unit_account],
            "mr9": u.mr9[:n],
            "mmr_usd": u.mmr_usd[:n],
            "imr_usd": self.result.unit_imr_usd[:n],
            "dominant": np.array(DOMINANT)[u.dominant[:n]],
            "worst_price_move": np.take_along_axis(self._moves, move[:, None], axis=1)[:, 0],
            "worst_vol_state": np.array(VOL_STATES)[vol_state],
        }
        for name in ("spot_in_use", "delta_coin", "cash_delta_usd", "gamma_usd", "theta_usd", "vega_usd"):
            frame[name] = getattr(u, name)[:n]
        return pd.DataFrame(frame | {"upl_usd": self.result.unit_upl_usd[:n]})

    @cached_property
    def scenarios(self) -> pd.DataFrame:
        """MR1's 21 cells of every unit; price moves ascending, volatility up, unchanged, down."""
        n = len(self.rows.unit)
        order = np.argsort(self._moves, axis=1)
        moves = np.take_along_axis(self._moves, order, axis=1)
        pnl = np.take_along_axis(self.result.units.pnl_usd[:n], order[:, None, :], axis=2)
        _, n_states, n_moves = pnl.shape
        cells = n_states * n_moves
        return pd.DataFrame(
            {
                "account": _names(np.repeat(self.inputs.ids[self.rows.unit_account], cells)),
                "unit": _names(np.repeat(self._unit_names, cells)),
                "price_move": np.repeat(moves[:, None, :], n_states, axis=1).ravel(),
                "vol_state": np.tile(np.repeat(np.array(VOL_STATES), n_moves), n),
                "pnl_usd": pnl.ravel(),
            }
        )

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
                "account": _names(self.inputs.ids[book.account[held]]),
                "instrument": _names(universe.ids[instrument]),
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
            "precision": "float64",
            "device": jax.devices()[0].device_kind,
            "versions": {"shockgrid": __version__, "jax": jax.__version__, "numpy": np.__version__},
        }

    def coin_of(self, unit: str) -> str:
        """The coin of a risk unit: ``BTC`` of ``BTC`` in version 2 and of ``BTC-USDT`` in version 1."""
        units = self.rows.risk_units
        return self.market.universe.coins[units.coin[units.names.index(unit)]]

    def __repr__(self) -> str:
        return f"MarginReport({len(self.inputs)} accounts, {len(self.rows.unit)} units, {self.rules.name})"

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

    @cached_property
    def _unit_names(self) -> np.ndarray:
        return np.array(self.rows.risk_units.names, object)[self.rows.unit]

    @cached_property
    def _moves(self) -> np.ndarray:
        """``[unit row, move]`` price moves of each unit, in the order of the kernel's cells."""
        return self.result.price_moves[self.rows.unit]


def _names(values: np.ndarray) -> pd.Series:
    """A column of strings, of that type also when it is empty."""
    return pd.Series(values, dtype="str")

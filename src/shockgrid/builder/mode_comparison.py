"""``sg.compare_modes``: what the same book needs in the other account modes, and whether a switch would be allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from shockgrid.accounts.book import POSITIONS
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.market_holdings import resolve_holdings
from shockgrid.builder.mode_accounts import AccountFigures, account_figures
from shockgrid.builder.mode_leverage import Leverage, leverage_by_instrument
from shockgrid.builder.mode_switch import words_into_mode, words_into_pm
from shockgrid.errors import InputError
from shockgrid.io.mode_rules_file import load_mode_rules
from shockgrid.market.market import Market
from shockgrid.report.frame_columns import names
from shockgrid.report.frame_files import write_frames
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.modes.mode_rules import ModeRules
from shockgrid.venues.okx.modes.mode_tables import mode_tables
from shockgrid.venues.okx.modes.position_margin import Holdings, PositionMargin, position_margin
from shockgrid.venues.okx.modes.precheck import MAY_SWITCH
from shockgrid.venues.okx.rulebook import Rulebook

if TYPE_CHECKING:
    from rich.console import Group

Mode = Literal["multi_currency"]
"""Modes to compare with. The rules of the futures mode (single-currency) are not public enough: what of a currency's
equity backs its positions, and its margin ratio, stand nowhere in the rule text."""

MODE_NAMES: Mapping[Mode, str] = {"multi_currency": "multi-currency margin"}

CHOICES = (
    "A position is what an account holds of one instrument, netted; its tier is its own, whatever else is held.",
    "The notional of a perpetual or future is its cash delta: at the mark, and its contract value where it is inverse.",
    "Orders in perpetuals and futures add what the worst of three books needs more: none, all buys, all sells filled.",
    "Orders to sell options count as far as they open a short position; orders to buy freeze their premium alone.",
    "The margin ratio has a fee on debts alone, as in portfolio margin; fees of closing positions are not public here.",
    "A switch needs adjusted equity of the initial margin, orders included, and a margin ratio above 100 %.",
    "To be repaid is debt above the borrow limit or, without auto-borrow, above the interest-free quota.",
    "Repaying leaves adjusted equity as it is: what is sold counts for no more than the debt that it ends.",
    "Of several obstacles the code is that of the first, in the order debt, leverage, margin.",
)
"""Choices without a number: no public text decides them."""

FIGURES = (
    "derivatives_mmr_usd",
    "borrow_mmr_usd",
    "mmr_usd",
    "derivatives_imr_usd",
    "borrow_imr_usd",
    "imr_usd",
    "margin_ratio",
)
SWITCH = ("repay_usd", "required_usd", "least_required_usd", "shortfall_usd", "s_code")


@dataclass(frozen=True, repr=False)
class ModeComparison:
    """The same accounts in another account mode and in portfolio margin.

    Attributes:
        report: In portfolio margin.
        mode: The other mode.
        mode_rules: Its numbers.
        leverage: As it was given.
        leverages: ``[instrument]`` the same, NaN where none is set.
        holdings: What is margined, one row an account and instrument.
        margin: Of each of these rows.
        figures: Of each account.
    """

    report: MarginReport
    mode: Mode
    mode_rules: ModeRules
    leverage: Leverage
    leverages: np.ndarray
    holdings: Holdings
    margin: PositionMargin
    figures: AccountFigures

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row an account, in input order.

        Columns ``account, equity_usd`` (adjusted, the same in both modes), then in the mode ``derivatives_mmr_usd,
        borrow_mmr_usd, mmr_usd, derivatives_imr_usd, borrow_imr_usd, imr_usd, margin_ratio``; in portfolio margin
        ``pm_mmr_usd, pm_imr_usd, pm_margin_ratio``; of the switch into the mode ``repay_usd`` (debt that it does not
        permit), ``required_usd`` (initial margin after repaying), ``least_required_usd`` (the same at the highest
        leverage of each tier), ``shortfall_usd`` (of equity), ``s_code`` (0 may switch, 1 something unmatched, 3
        leverage must be set, 4 margin insufficient), ``allowed, why`` (what stands in the way); of the switch from the
        mode into portfolio margin ``pm_allowed, pm_why``.
        """
        report, figures = self.report, self.figures
        frame = {"account": names(report.inputs.ids), "equity_usd": report.accounts["equity_usd"]}
        frame |= {name: getattr(figures, name) for name in FIGURES}
        frame |= {f"pm_{name}": report.accounts[name] for name in ("mmr_usd", "imr_usd", "margin_ratio")}
        frame |= {name: getattr(figures, name) for name in SWITCH}
        frame |= {
            "allowed": figures.s_code == MAY_SWITCH,
            "why": names(words_into_mode(report, figures, self.holdings, self.leverages)),
            "pm_allowed": figures.enters_pm,
            "pm_why": names(words_into_pm(report)),
        }
        return pd.DataFrame(frame)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """One row an account and instrument that it holds, netted, or has orders in; sorted by account.

        Columns ``account, instrument, quantity`` (0 where there are only orders), ``notional_usd, leverage`` (NaN for
        options and where none is set), ``tier`` (of the position, of an option's seller; 0 for none), ``mmr_rate,
        imr_rate`` (of the notional), ``option_factor`` (NaN where no option is sold), ``mmr_usd, imr_usd`` (of the
        position), ``order_imr_usd`` (what orders add).
        """
        held, universe = self.holdings, self.report.market.universe
        return pd.DataFrame(
            {
                "account": names(self.report.inputs.ids, held.account),
                "instrument": names(universe.ids, held.instrument),
                "quantity": held.quantity[POSITIONS],
                "notional_usd": self.margin.notional_usd,
                "leverage": self.leverages[held.instrument],
                "tier": self.margin.tier,
                "mmr_rate": self.margin.mmr_rate,
                "imr_rate": self.margin.imr_rate,
                "option_factor": self.margin.option_factor,
                "mmr_usd": self.margin.mmr_usd,
                "imr_usd": self.margin.imr_usd,
                "order_imr_usd": self.margin.order_imr_usd,
            }
        )

    @property
    def modelled(self) -> tuple[str, ...]:
        """One line for every number of the mode that is a modelling choice, wholly or for some groups."""
        parameters, lines = self.mode_rules.parameters, []
        for key, groups in self.mode_rules.modelled.items():
            of = f" ({', '.join(groups)})" if any(groups) else ""
            lines.append(f"{key}{of}: {parameters[key].note}")
        return tuple(lines)

    @property
    def manifest(self) -> dict[str, object]:
        """What the numbers rest on: the mode's numbers and choices, and the margin report's own manifest."""
        given = self.leverage
        if given is not None:
            given = {k: float(v) for k, v in given.items()} if isinstance(given, Mapping) else float(given)
        return {
            "kind": "shockgrid.mode_comparison/1",
            "mode": self.mode,
            "mode_rules": self.mode_rules.name,
            "leverage": given,
            "modelled": list(self.mode_rules.modelled),
            "choices": list(CHOICES),
            "portfolio_margin": self.report.manifest,
        }

    def __repr__(self) -> str:
        n, allowed = len(self.report.inputs), int(np.sum(self.figures.s_code == MAY_SWITCH))
        return f"ModeComparison({n} accounts, {self.mode} with {self.report.rules.name}, {allowed} may switch)"

    def __str__(self) -> str:
        return import_module("shockgrid.builder.mode_summary").plain(self)

    def __rich__(self) -> Group:
        return import_module("shockgrid.builder.mode_summary").rich(self)

    @property
    def markdown(self) -> str:
        """Totals, the accounts whose margin changes most, and what the numbers rest on, with pipe tables."""
        return import_module("shockgrid.builder.mode_summary").markdown(self)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def save(self, path: str | Path) -> None:
        """Write ``accounts`` and ``positions`` as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {"accounts": self.accounts, "positions": self.positions}, self.manifest)

    def to_json(self) -> str:
        """The manifest and the frames as one JSON document; an infinite ratio is ``null``."""
        frames = {name: json.loads(getattr(self, name).to_json(orient="records")) for name in ("accounts", "positions")}
        return json.dumps({"manifest": self.manifest, **frames}, indent=2)


def compare_modes(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    mode: Mode = "multi_currency",
    leverage: Leverage = None,
) -> ModeComparison:
    """Margin accounts in another account mode, position by position, next to portfolio margin.

    Options sold, perpetuals and futures are margined by themselves, options bought need none; equity, haircuts and
    debts are as in portfolio margin (okx_portfolio_margin.md section 19). Much of it is modelled: see ``modelled`` and
    ``manifest["choices"]`` of the result.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``. Open orders enter the initial margin.
        rules: Of portfolio margin; debts, haircuts and the margin ratio follow them in both modes.
        mode: ``multi_currency``; the futures mode is left out, its rules are not public enough.
        leverage: Of perpetuals and futures: one number, or one for each instrument by its id. What exceeds a tier's
            highest counts as that. Contracts without one count at 1, and who holds one may not switch (``s_code`` 3).

    Raises:
        InputError: An unknown mode, a leverage below 1 or of an instrument that has none; otherwise as for ``margin``.
        ShockError: As for ``margin``.
    """
    if mode not in get_args(Mode):
        raise InputError("compare_modes", "mode", " or ".join(get_args(Mode)), repr(mode))
    leverages, mode_rules = leverage_by_instrument(market, leverage), load_mode_rules()
    report = margin(market, accounts, rules)
    held = _holdings(report)
    universe = market.universe
    size_usd = np.asarray(report.exposures.gross.size)[: len(universe)]
    tables = mode_tables(mode_rules, universe)
    counted = np.where(np.isnan(leverages), float(mode_rules["leverage.unset"]), leverages)
    by_position, least = (
        position_margin(held, universe.contracts, market.snapshot, size_usd, at, tables)
        for at in (counted, np.full(len(universe), np.inf))
    )
    figures = account_figures(report, held, by_position, least, leverages)
    return ModeComparison(report, mode, mode_rules, leverage, leverages, held, by_position, figures)


def _holdings(report: MarginReport) -> Holdings:
    """Netted positions and orders, without instruments in which both come to nothing."""
    book, orders = report.rows.book, resolve_holdings(report.inputs, report.market).contract_orders
    kept = np.flatnonzero((book.quantity != 0).any(axis=0))
    place = np.full(book.quantity.shape[1], -1)
    place[kept] = np.arange(len(kept))
    order_row = place[book.order_entry]
    live = order_row >= 0
    return Holdings(
        account=book.account[kept],
        instrument=book.instrument[kept],
        quantity=np.array(book.quantity[:, kept], float),
        order_row=order_row[live],
        order_quantity=orders.quantity[live],
        order_price=orders.price[live],
    )

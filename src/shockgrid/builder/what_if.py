"""``sg.what_if``: the margin of accounts before and after edits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from shockgrid.accounts.entry_prices import entered_at_marks
from shockgrid.accounts.holdings import Accounts
from shockgrid.builder import edited_accounts as edited
from shockgrid.builder.edit_rows import Edit
from shockgrid.builder.edited_accounts import Premiums
from shockgrid.errors import InputError
from shockgrid.io.rulebook_file import load_rulebook
from shockgrid.market.market import Market
from shockgrid.report.frame_files import write_frames
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import ACCOUNT_NUMBERS, MarginReport
from shockgrid.scenarios.shock import shocked
from shockgrid.venues.okx.rulebook import Rulebook

UNIT_NUMBERS = (*(f"mr{k}" for k in range(1, 10)), "mmr_usd", "imr_usd", "spot_in_use", "delta_coin", "upl_usd")


@dataclass(frozen=True, repr=False)
class WhatIf:
    """Accounts before and after edits.

    Attributes:
        before, after: The whole reports; accounts in the same order.
    """

    before: MarginReport
    after: MarginReport

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Columns ``account, figure, before, after, change``: every number of the ``accounts`` frames."""
        return self._differences("accounts", ["account"], ACCOUNT_NUMBERS, "figure")

    @cached_property
    def units(self) -> pd.DataFrame:
        """Columns ``account, unit, component, before, after, change``; 0 where one side has no such unit."""
        return self._differences("units", ["account", "unit"], UNIT_NUMBERS, "component")

    @cached_property
    def statuses(self) -> pd.DataFrame:
        """Columns ``account, status_before, status_after``."""
        before, after = self.before.accounts, self.after.accounts
        return pd.DataFrame({"account": before.account, "status_before": before.status, "status_after": after.status})

    def _differences(self, frame: str, keys: list[str], numbers: tuple[str, ...], name: str) -> pd.DataFrame:
        """Tidy differences of two frames, in the order of the accounts; a row of one side only is 0 on the other."""
        sides = [getattr(report, frame).set_index(keys)[list(numbers)] for report in (self.before, self.after)]
        rows = sides[0].index.union(sides[1].index, sort=False)
        account = pd.Index(self.before.inputs.ids).get_indexer(rows.get_level_values(0))
        within = pd.factorize(rows.get_level_values(-1), sort=True)[0]
        rows = rows[np.lexsort((within, account))]
        was, now = (side.reindex(rows, fill_value=0.0).to_numpy(float).reshape(-1) for side in sides)
        with np.errstate(invalid="ignore"):
            change = np.where(was == now, 0.0, now - was)  # an infinite ratio that stays
        found = rows.repeat(len(numbers)).to_frame(index=False)
        found[name] = np.tile(np.array(numbers, object), len(rows))
        return found.assign(before=was, after=now, change=change).astype(dict.fromkeys([*keys, name], "str"))

    @property
    def manifest(self) -> dict[str, object]:
        """What both sides rest on."""
        return {
            "kind": "shockgrid.what_if/1",
            "before": self.before.manifest,
            "after": self.after.manifest,
        }

    def save(self, path: str | Path) -> None:
        """Write the frames as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {name: getattr(self, name) for name in ("accounts", "units", "statuses")}, self.manifest)

    def __repr__(self) -> str:
        mmr = [float(r.accounts.mmr_usd.sum()) for r in (self.before, self.after)]
        return f"WhatIf({len(self.before.inputs)} accounts, MMR {mmr[0]:,.2f} -> {mmr[1]:,.2f} USD)"


def what_if(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    *,
    add: Iterable[Edit] | None = None,
    remove: Iterable[Edit] | None = None,
    close: Iterable[Edit | str] | str | None = None,
    orders: Iterable[Edit] | None = None,
    balances: Mapping[str, float] | Iterable[Edit] | None = None,
    settings: Mapping[str, Any] | None = None,
    shock: Mapping[str, Any] | None = None,
    premiums: Premiums = "paid",
) -> WhatIf:
    """Margin accounts as they are and as they would be: trades at today's market first, then the shock.

    Edits are mappings. One with ``"account"``, an id or several, is of those accounts; without it, of all. Positions
    without an average price count as entered at today's mark on both sides.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.
        add: Positions to add, ``{"instrument": .., "quantity": .., "average_price": ..}``, at today's mark where no
            price is given.
        remove: Positions to take away as if they had never been, all of an instrument's rows by default; with a
            ``quantity``, signed as what is held, from the rows of that side that came last, so that it undoes ``add``.
        close: Positions to trade out at today's marks without fees, into the balances: names, edits with a
            ``quantity`` of what is held net, or ``"all"``.
        orders: Open orders to add, ``{"instrument": .., "quantity": .., "price": ..}``.
        balances: Amounts to pay in, ``{"USDT": 1000}``, or out where below zero.
        settings: ``spot_mode``, ``auto_borrow``, ``declared`` of all accounts; ``rulebook``, a name or a record.
        shock: Arguments of ``sg.shock``.
        premiums: Whether options that are added are paid for, and those removed give their premium back; ``ignored``
            as OKX's position builder has it.

    Raises:
        InputError: An edit that cannot be read, an unknown setting, more removed than is held; as for ``margin``.
        ShockError: As for ``shock`` and ``margin``.
    """
    if premiums not in get_args(Premiums):
        raise InputError("what_if", "premiums", "paid or ignored", repr(premiums))
    if settings is not None and not isinstance(settings, Mapping):
        raise InputError("what_if", "settings", "a mapping such as {'auto_borrow': False}", repr(settings))
    given = dict(settings or {})
    rulebook = given.pop("rulebook", rules)
    today = entered_at_marks(accounts, market)
    then = edited.with_added(edited.Edited(today), market, add, premiums)
    then = edited.without_removed(then, market, remove, premiums)
    then = edited.without_closed(then, market, close)
    then = edited.with_balances(edited.with_orders(then, orders), balances)
    if not isinstance(rulebook, Rulebook | str | os.PathLike):
        raise InputError("what_if", "settings.rulebook", "a rulebook, its name or its path", repr(rulebook))
    after_rules = rulebook if isinstance(rulebook, Rulebook) else load_rulebook(rulebook)
    moved = market if shock is None else shocked(market, shock, "what_if")
    return WhatIf(
        before=margin(market, today, rules),
        after=margin(moved, edited.with_settings(then.settled(), given), after_rules),
    )

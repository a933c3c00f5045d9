"""``sg.what_if``: the margin of accounts before and after edits."""

from __future__ import annotations

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
from shockgrid.scenarios.shock import shock as shock_market
from shockgrid.venues.okx.rulebook import Rulebook

UNIT_NUMBERS = (*(f"mr{k}" for k in range(1, 8)), "mr9", "mmr_usd", "imr_usd", "spot_in_use", "delta_coin", "upl_usd")


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
        return _differences(self.before.accounts, self.after.accounts, ["account"], ACCOUNT_NUMBERS, "figure")

    @cached_property
    def units(self) -> pd.DataFrame:
        """Columns ``account, unit, component, before, after, change``; 0 where one side has no such unit."""
        return _differences(self.before.units, self.after.units, ["account", "unit"], UNIT_NUMBERS, "component")

    @cached_property
    def statuses(self) -> pd.DataFrame:
        """Columns ``account, status_before, status_after``."""
        before, after = self.before.accounts, self.after.accounts
        return pd.DataFrame({"account": before.account, "status_before": before.status, "status_after": after.status})

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
        remove: Positions to take away as if they had never been; ``quantity`` signed as the position, all of it by
            default. Rows that came last go first, so that it undoes ``add``.
        close: Positions to trade out at today's marks without fees, into the balances: names, edits with a
            ``quantity``, or ``"all"``.
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
    given = dict(settings or {})
    rulebook = given.pop("rulebook", rules)
    today = entered_at_marks(accounts, market)
    then = edited.with_added(today, market, add, premiums)
    then = edited.without_removed(then, market, remove, premiums)
    then = edited.without_closed(then, market, close)
    then = edited.with_orders(then, orders)
    then = edited.with_balances(then, balances)
    then = edited.with_settings(then, given)
    moved = market if shock is None else _shocked(market, shock)
    return WhatIf(
        before=margin(market, today, rules),
        after=margin(moved, then, rulebook if isinstance(rulebook, Rulebook) else load_rulebook(rulebook)),
    )


def _shocked(market: Market, moves: Mapping[str, Any]) -> Market:
    known = ("price", "vol", "peg", "basis", "time")
    for name in moves:
        if name not in known:
            raise InputError("what_if", f"shock.{name}", f"one of {', '.join(known)}")
    return shock_market(market, **moves)


def _differences(
    before: pd.DataFrame, after: pd.DataFrame, keys: list[str], numbers: tuple[str, ...], name: str
) -> pd.DataFrame:
    """Tidy differences, in the order of the rows before, rows of one side only after them."""
    both = before[[*keys, *numbers]].merge(
        after[[*keys, *numbers]], on=keys, how="outer", sort=False, suffixes=("", "\0")
    )
    rank = {account: i for i, account in enumerate(before.account.drop_duplicates())}
    both = both.sort_values(keys, key=lambda c: c.map(rank) if c.name == "account" else c, kind="stable")
    n, k = len(both), len(numbers)
    was = both[list(numbers)].fillna(0.0).to_numpy(float).reshape(-1)
    now = both[[f"{number}\0" for number in numbers]].fillna(0.0).to_numpy(float).reshape(-1)
    with np.errstate(invalid="ignore"):
        change = np.where(was == now, 0.0, now - was)  # an infinite ratio that stays
    frame = both[keys].loc[both.index.repeat(k)].reset_index(drop=True)
    return frame.assign(**{name: np.tile(np.array(numbers, object), n)}, before=was, after=now, change=change).astype(
        {name: "str"}
    )

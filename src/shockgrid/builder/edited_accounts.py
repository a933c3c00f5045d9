"""Accounts after the edits of a what-if, each a small step of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import fsum
from typing import Any, Literal

import numpy as np

from shockgrid.accounts.balance_changes import with_balance_changes
from shockgrid.accounts.book import contract_value_at
from shockgrid.accounts.edits import ROUNDING, Taken, add_orders, add_positions, take_positions
from shockgrid.accounts.holdings import SPOT_MODES, Accounts
from shockgrid.builder.edit_rows import Edit, EditRows, amount_rows, listed_edits, trade_rows
from shockgrid.errors import InputError
from shockgrid.market.market import Market

Premiums = Literal["paid", "ignored"]
"""Whether options that are added are paid for, and the premium of those that are removed comes back."""


@dataclass(frozen=True)
class Edited:
    """Accounts on the way, and the cash that their edits move, which is settled in one sum at the end.

    So what an edit takes and another gives back leaves a balance as it was, to the bit.

    Attributes:
        accounts: With positions, orders and settings edited.
        cash: Account, currency and amount of every payment.
    """

    accounts: Accounts
    cash: tuple[tuple[int, str, float], ...] = ()

    def paid(self, account: np.ndarray, currency: Iterable[str], amount: np.ndarray) -> Edited:
        """With payments more."""
        return replace(self, cash=(*self.cash, *zip(account.tolist(), currency, amount.tolist(), strict=True)))

    def settled(self) -> Accounts:
        """The accounts with all payments in their balances."""
        payments: dict[tuple[int, str], list[float]] = {}
        for account, currency, amount in self.cash:
            payments.setdefault((account, currency), []).append(amount)
        moved = {key: total for key, amounts in payments.items() if (total := fsum(amounts)) != 0}
        account, currency = [key[0] for key in moved], [key[1] for key in moved]
        return _with_amounts(self.accounts, np.array(account, np.int64), currency, np.array(list(moved.values())))


def with_added(edited: Edited, market: Market, edits: Iterable[Edit] | None, premiums: Premiums) -> Edited:
    """Positions added, at today's mark where no ``average_price`` is given; options are paid for in their coin.

    Raises:
        InputError: As for ``trade_rows``; an instrument that the market does not list.
    """
    rows = trade_rows("add", edits, edited.accounts, price="average_price", needs=("quantity",))
    instrument = _listed(rows, market)
    price = np.where(np.isnan(rows.price), market.snapshot.mark[instrument], rows.price)
    added = replace(edited, accounts=add_positions(edited.accounts, rows.account, rows.name, rows.amount, price))
    if premiums == "ignored":
        return added
    return _paid(added, market, rows.account, instrument, -rows.amount * _premium(market, instrument, price))


def with_traded(
    accounts: Accounts,
    market: Market,
    account: np.ndarray,
    instrument: np.ndarray,
    quantity: np.ndarray,
    price: np.ndarray,
    premiums: Premiums,
) -> Accounts:
    """Positions added at prices; accounts and instruments as indices, quantities signed."""
    added = add_positions(accounts, account, market.universe.ids[instrument].tolist(), quantity, price)
    if premiums == "ignored":
        return added
    return _paid(Edited(added), market, account, instrument, -quantity * _premium(market, instrument, price)).settled()


def without_removed(edited: Edited, market: Market, edits: Iterable[Edit] | None, premiums: Premiums) -> Edited:
    """Positions taken away as if they had never been: their P&L goes, the premium of options comes back.

    Raises:
        InputError: As for ``trade_rows``; more than is held.
    """
    rows = trade_rows("remove", edits, edited.accounts, price=None, needs=())
    left, taken = take_positions(edited.accounts, rows.account, rows.name, rows.amount, netted=False)
    _require_held(rows, edited.accounts, taken)
    after = replace(edited, accounts=left if len(rows) else edited.accounts)
    if premiums == "ignored":
        return after
    instrument = _places(market, taken.instrument)
    price = np.where(np.isnan(taken.average_price), market.snapshot.mark[instrument], taken.average_price)
    return _paid(after, market, taken.account, instrument, taken.quantity * _premium(market, instrument, price))


def without_closed(edited: Edited, market: Market, edits: Iterable[Edit | str] | str | None) -> Edited:
    """Positions traded out at today's marks, without fees: P&L and the value of options go to the balances.

    Raises:
        InputError: As for ``trade_rows``; more than is held net; an instrument that no account holds.
    """
    rows = _closing_rows(edited.accounts, edits)
    left, taken = take_positions(edited.accounts, rows.account, rows.name, rows.amount, netted=True)
    _require_held(rows, edited.accounts, taken)
    instrument = _places(market, taken.instrument)
    mark = market.snapshot.mark[instrument]
    entry = np.where(np.isnan(taken.average_price), mark, taken.average_price)
    is_option = market.universe.contracts.is_option[instrument]
    paid = np.where(is_option, 0.0, contract_value_at(market, instrument, entry))
    cash = taken.quantity * (contract_value_at(market, instrument, mark) - paid)
    after = replace(edited, accounts=left if len(rows) else edited.accounts)
    return _paid(after, market, taken.account, instrument, cash)


def with_orders(edited: Edited, edits: Iterable[Edit] | None) -> Edited:
    """Open orders added.

    Raises:
        InputError: As for ``trade_rows``.
    """
    rows = trade_rows("orders", edits, edited.accounts, price="price", needs=("quantity", "price"))
    return replace(edited, accounts=add_orders(edited.accounts, rows.account, rows.name, rows.amount, rows.price))


def with_balances(edited: Edited, edits: Mapping[str, float] | Iterable[Edit] | None) -> Edited:
    """Amounts paid in, or out where below zero.

    Raises:
        InputError: As for ``amount_rows``.
    """
    rows = amount_rows("balances", edits, edited.accounts)
    return edited.paid(rows.account, rows.name, rows.amount)


def with_settings(accounts: Accounts, settings: Mapping[str, Any]) -> Accounts:
    """All accounts with other settings.

    Args:
        accounts: Before.
        settings: ``spot_mode``, ``auto_borrow``, ``declared``.

    Raises:
        InputError: An unknown setting, or a value that it does not have.
    """
    flags = {"auto_borrow": (True, False), "declared": (True, False)}
    choices: dict[str, tuple[Any, ...]] = {"spot_mode": SPOT_MODES, **flags}
    changes = {}
    for name, value in settings.items():
        if name not in choices:
            raise InputError("what_if", f"settings.{name}", f"one of {', '.join([*choices, 'rulebook'])}")
        if value not in choices[name] or (name in flags and not isinstance(value, bool)):
            raise InputError("what_if", f"settings.{name}", f"one of {', '.join(map(str, choices[name]))}", repr(value))
        code = np.int32(SPOT_MODES.index(value)) if name == "spot_mode" else value
        changes[name] = np.full(len(accounts), code)
    return replace(accounts, **changes)


def _closing_rows(accounts: Accounts, edits: Iterable[Edit | str] | str | None) -> EditRows:
    """A name alone closes the position of every account that has one; ``all`` every position."""
    given = [edits] if isinstance(edits, str) else listed_edits("close", edits)
    named: list[Edit] = [{"instrument": edit} if isinstance(edit, str) else edit for edit in given]
    spread = [(f"close[{i}]", part) for i, edit in enumerate(named) for part in _closing(accounts, f"close[{i}]", edit)]
    parts, paths = [part for _, part in spread], [path for path, _ in spread]
    return trade_rows("close", parts, accounts, price=None, needs=(), paths=paths)


def _closing(accounts: Accounts, path: str, edit: Edit) -> list[Edit]:
    """An edit for each instrument that it names, of the accounts that hold it."""
    if not isinstance(edit, Mapping):
        return [edit]
    p, name, whose = accounts.positions, edit.get("instrument"), edit.get("account")
    if name != "all" and whose is not None:
        return [edit]
    wanted = accounts.ids.tolist() if whose is None else [whose] if isinstance(whose, str) else whose
    if not isinstance(wanted, Iterable):
        return [edit]
    known = {account: i for i, account in enumerate(accounts.ids.tolist())}
    if not {*wanted} <= known.keys():
        return [edit]  # an unknown account: the error is that of every other edit
    mine = np.isin(p.account, [known[account] for account in wanted]) & (p.quantity != 0)
    parts = []
    for code, held in enumerate(p.instrument.names):
        holders = np.unique(p.account[mine & (p.instrument.codes == code)])
        if name in ("all", held) and len(holders):
            parts.append({**edit, "instrument": held, "account": accounts.ids[holders].tolist()})
    if not parts and name != "all":
        raise InputError("what_if", path, "an instrument that an account holds", repr(name))
    return parts


def _require_held(rows: EditRows, accounts: Accounts, taken: Taken) -> None:
    """Raise for the first edit that takes more than is held, or where nothing is."""
    held, wanted, absent = taken.available, rows.amount, ~taken.held
    more = (np.abs(wanted) > np.abs(held) * (1.0 + ROUNDING)) | (np.sign(wanted) * np.sign(held) < 0)
    bad = absent | (more & ~np.isnan(wanted))
    if bad.any():
        i = int(np.argmax(bad))
        expected = f"at most the {held[i]:g} {rows.name[i]} that {accounts.ids[rows.account[i]]} holds"
        found = "all of it" if np.isnan(wanted[i]) else f"{wanted[i]:g}"
        raise InputError("what_if", f"{rows.path[i]}.quantity", expected, found)


def _listed(rows: EditRows, market: Market) -> np.ndarray:
    place = set(market.universe.ids.tolist())
    for path, name in zip(rows.path, rows.name, strict=True):
        if name not in place:
            expected = f"an instrument of the market {market.source.file}"
            raise InputError("what_if", f"{path}.instrument", expected, repr(name))
    return _places(market, rows.name)


def _places(market: Market, names: Iterable[str]) -> np.ndarray:
    place = {name: i for i, name in enumerate(market.universe.ids.tolist())}
    return np.array([place[name] for name in names], np.int64)


def _premium(market: Market, instrument: np.ndarray, price: np.ndarray) -> np.ndarray:
    """What a contract costs up front at a price, in its coin: nothing but for options."""
    is_option = market.universe.contracts.is_option[instrument]
    return np.where(is_option, contract_value_at(market, instrument, price), 0.0)


def _paid(edited: Edited, market: Market, account: np.ndarray, instrument: np.ndarray, cash: np.ndarray) -> Edited:
    """Cash into the balances of the settlement currencies."""
    currency = np.array(market.universe.currencies, object)[market.universe.contracts.settle[instrument]]
    return edited.paid(account, currency, cash)


def _with_amounts(accounts: Accounts, account: np.ndarray, currency: list[str], amount: np.ndarray) -> Accounts:
    if not len(amount):
        return accounts
    return with_balance_changes(accounts, account, currency, amount=amount, accrued_interest=np.zeros(len(amount)))

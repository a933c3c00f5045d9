"""What a user writes down as edits, as rows of arrays: checked, and spread over accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError

Edit = Mapping[str, Any]


@dataclass(frozen=True)
class EditRows:
    """Edits, one entry an edit and account.

    Attributes:
        path: Of each, for errors: ``add[0]``.
        account: Index of the account.
        name: Instrument or currency.
        amount: Signed contracts, or an amount of the currency; NaN where none was given.
        price: NaN where none was given.
    """

    path: tuple[str, ...]
    account: np.ndarray
    name: tuple[str, ...]
    amount: np.ndarray
    price: np.ndarray

    def __len__(self) -> int:
        return len(self.path)


def trade_rows(
    what: str,
    edits: Iterable[Edit] | None,
    accounts: Accounts,
    *,
    price: str | None,
    needs: Sequence[str],
    paths: Sequence[str] | None = None,
) -> EditRows:
    """Rows of edits such as ``{"instrument": "BTC-USDT-SWAP", "quantity": -3}``.

    Args:
        what: Name of the argument, for errors.
        edits: Each with ``instrument`` and, as far as wanted, ``quantity``, a price and ``account``, an id or several;
            without it the edit is of every account.
        accounts: Whose ids may be named.
        price: Key of the price, if there is one.
        needs: Keys that must be there.
        paths: Of each edit, for errors; ``add[0]``, ``add[1]``, ... by default.

    Raises:
        InputError: An unknown or missing key, an unknown account, a quantity that is zero or no finite number, a price
            that is not above 0.
    """
    known = ("instrument", "quantity", *([price] if price else []), "account")
    listed = listed_edits(what, edits)
    places = [f"{what}[{i}]" for i in range(len(listed))] if paths is None else paths
    pairs = list(zip(places, listed, strict=True))
    return _rows(pairs, accounts, known, ("instrument", *needs), amount="quantity", price=price)


def amount_rows(what: str, edits: Mapping[str, float] | Iterable[Edit] | None, accounts: Accounts) -> EditRows:
    """Rows of ``{"USDT": 1000}``, which every account gets, or of ``{"account": .., "currency": .., "amount": ..}``.

    Raises:
        InputError: As for ``trade_rows``.
    """
    if isinstance(edits, Mapping):
        edits = [{"currency": currency, "amount": amount} for currency, amount in edits.items()]
    keys = ("currency", "amount", "account")
    pairs = [(f"{what}[{i}]", edit) for i, edit in enumerate(listed_edits(what, edits))]
    return _rows(pairs, accounts, keys, keys[:2], amount="amount", price=None)


def listed_edits(what: str, edits: Any) -> list[Any]:
    """The edits of an argument, none where it is None.

    Raises:
        InputError: Something that is no list.
    """
    if edits is None:
        return []
    if isinstance(edits, str | Mapping) or not isinstance(edits, Iterable):
        raise InputError("what_if", what, "a list of edits", repr(edits))
    return list(edits)


def _rows(
    edits: Iterable[tuple[str, Edit]],
    accounts: Accounts,
    known: tuple[str, ...],
    needed: tuple[str, ...],
    *,
    amount: str,
    price: str | None,
) -> EditRows:
    place = {name: i for i, name in enumerate(accounts.ids.tolist())}
    rows = []
    for path, edit in edits:
        _check_keys(path, edit, known, needed)
        number = _number(f"{path}.{amount}", edit.get(amount), lambda x: x != 0, "a finite number other than 0")
        paid = _number(f"{path}.{price}", edit.get(price) if price else None, lambda x: x > 0, "a price above 0")
        for account in _accounts_of(path, edit.get("account"), place):
            rows.append((path, account, str(edit[known[0]]), number, paid))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    paths, account, names, amounts, prices = columns
    return EditRows(paths, np.array(account, np.int64), names, np.array(amounts, float), np.array(prices, float))


def _check_keys(path: str, edit: object, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    if not isinstance(edit, Mapping):
        raise InputError("what_if", path, f"a mapping with the keys {', '.join(needed)}", repr(edit))
    for key in edit:
        if key not in known:
            raise InputError("what_if", f"{path}.{key}", f"one of the keys {', '.join(known)}", "an unknown key")
    for key in needed:
        if edit.get(key) is None:
            raise InputError("what_if", f"{path}.{key}", "a value", "nothing")


def _number(path: str, value: Any, good: Callable[[float], bool], expected: str) -> float:
    if value is None:
        return np.nan
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and np.isfinite(value) and good(float(value))):
        raise InputError("what_if", path, expected, repr(value))
    return float(value)


def _accounts_of(path: str, given: Any, place: Mapping[str, int]) -> list[int]:
    if given is None:
        return list(place.values())
    names = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(dict.fromkeys(given))
    for name in names:
        if name not in place:
            raise InputError("what_if", f"{path}.account", "the id of an account", repr(name))
    return [place[name] for name in names]

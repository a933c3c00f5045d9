"""Which accounts and coins a user asks for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError


def checked_level(what: str, ratio: object) -> float:
    """A level of the margin ratio.

    Raises:
        InputError: Anything but a finite number above 0.
    """
    if isinstance(ratio, bool) or not isinstance(ratio, int | float | np.number) or not 0 < ratio < np.inf:
        raise InputError(what, "ratio", "a finite level above 0", repr(ratio))
    return float(ratio)


def chosen_accounts(what: str, accounts: Accounts, given: str | Iterable[str] | None) -> list[int]:
    """Places of accounts, all by default.

    Raises:
        InputError: An unknown id.
    """
    if given is None:
        return list(range(len(accounts)))
    place = {name: i for i, name in enumerate(accounts.ids.tolist())}
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in place:
            raise InputError(what, "account", f"the id of an account of {accounts.source.file}", repr(name))
    return [place[name] for name in names]


def chosen_coins(what: str, account: str, movable: Iterable[str], given: str | Iterable[str] | None) -> list[str]:
    """Coins of an account, all that it has by default.

    Raises:
        InputError: A coin that it does not have.
    """
    coins = list(movable)
    if given is None:
        return coins
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in coins:
            raise InputError(what, "coin", f"a coin of {account}: {', '.join(coins) or 'it has none'}", repr(name))
    return names


def the_account(what: str, accounts: list[str], given: str | None) -> str:
    """The account asked for, by default the only one.

    Raises:
        InputError: An account that is not there, or none named where there are several.
    """
    if given is None and len(accounts) == 1:
        return accounts[0]
    if given not in accounts:
        shown = ", ".join(accounts[:5]) + (", ..." if len(accounts) > 5 else "")
        raise InputError(what, "account", f"one of {shown or 'no accounts'}", repr(given))
    return given

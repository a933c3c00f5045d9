"""``sg.liquidation_price``: the prices at which accounts would be liquidated."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from shockgrid.accounts.holdings import Accounts
from shockgrid.builder.chosen import checked_level, chosen_accounts, chosen_coins
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.numerics.devices import Device, device_slots, map_on_devices
from shockgrid.report.margin import margin
from shockgrid.report.moved_account import MovedAccount
from shockgrid.report.price_crossing import crossing, scanned
from shockgrid.venues.okx.rulebook import Rulebook

COLUMNS = (
    "account",
    "coin",
    "price_usd",
    "margin_ratio",
    "down_move",
    "down_price_usd",
    "up_move",
    "up_price_usd",
)
LOW, HIGH = -0.99, 9.0


def liquidation_price(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    *,
    account: str | Iterable[str] | None = None,
    coin: str | Iterable[str] | None = None,
    ratio: float | None = None,
    low: float = LOW,
    high: float = HIGH,
) -> pd.DataFrame:
    """The nearest price of each coin, below and above today's, at which the margin ratio crosses a level.

    The account is margined anew, exactly, on markets in which one coin's price moved (``sg.shock``), all others held;
    positions without an average price count as entered at today's mark. An account that is below the level already
    crosses it where it recovers. Where the ratio jumps over the level the far side of the jump is returned.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.
        account: An id or several; all by default.
        coin: A coin or several; by default all that the account holds or trades, but stablecoins and USD.
        ratio: The level; by default that of liquidation.
        low: How far to look below, as a relative move.
        high: How far above.

    Returns:
        One row an account and coin: ``account, coin, price_usd, margin_ratio`` (today), ``down_move, down_price_usd,
        up_move, up_price_usd``, NaN where there is no crossing as far as was looked.

    Raises:
        InputError: An unknown account, a coin that the account does not have, a level that is not above 0, a range that
            does not hold 0; as for ``margin``.
        ShockError: As for ``margin``.
    """
    if not -1.0 < low < 0.0 < high < np.inf:
        raise InputError("liquidation_price", "low, high", "moves with -1 < low < 0 < high", f"{low}, {high}")
    level = checked_level("liquidation_price", rules["ratio.liquidation"] if ratio is None else ratio)
    report = margin(market, accounts, rules)

    def rows_of(place: int, _: Device) -> list[tuple[object, ...]]:
        book, now = MovedAccount(report, place), float(report.accounts.margin_ratio.iloc[place])
        rows = []
        for name in chosen_coins("liquidation_price", accounts.ids[place], book.movable, coin):
            today = book.price_usd[name]
            moves = [np.nan if move is None else move for move in crossing(scanned(book, name, low, high), level)]
            sides = [x for move in moves for x in (move, today * (1.0 + move))]
            rows.append((accounts.ids[place], name, today, now, *sides))
        return rows

    places = chosen_accounts("liquidation_price", accounts, account)
    rows = [row for found in map_on_devices(rows_of, places, device_slots()) for row in found]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.astype(dict.fromkeys(COLUMNS[:2], "str") | dict.fromkeys(COLUMNS[2:], float))

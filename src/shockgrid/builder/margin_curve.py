"""``sg.margin_curve``: margin and ratio of accounts against the price of a coin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from shockgrid.accounts.holdings import Accounts
from shockgrid.builder.chosen import chosen_accounts, chosen_coins
from shockgrid.errors import InputError, ShockError
from shockgrid.market.market import Market
from shockgrid.numerics.devices import Device, device_slots, map_on_devices
from shockgrid.report.frame_files import write_frames
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.report.moved_account import MovedAccount
from shockgrid.venues.okx.rulebook import Rulebook

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOVES = tuple(round(0.01 * i, 2) for i in range(-90, 101))
"""From -90 % to +100 %, by percent."""

_NUMBERS = ("price_move", "price_usd", "equity_usd", "mmr_usd", "margin_ratio")


@dataclass(frozen=True, repr=False)
class MarginCurve:
    """Accounts on markets in which one coin's price moved.

    Attributes:
        report: Today.
        points: Columns ``account, coin, price_move, price_usd, equity_usd, mmr_usd, margin_ratio``, a row a move.
    """

    report: MarginReport
    points: pd.DataFrame

    def plot(self, account: str | None = None) -> Figure:
        """Margin ratio, equity and MMR of an account against the move, one line a coin.

        Args:
            account: By default the only one.

        Raises:
            InputError: An account that the curve does not hold, or none named where it holds several.
        """
        return import_module("shockgrid.builder.plot_curve").plot_curve(self, account)

    @property
    def manifest(self) -> dict[str, object]:
        """What the numbers rest on."""
        return self.report.manifest | {"kind": "shockgrid.margin_curve/1"}

    def save(self, path: str | Path) -> None:
        """Write ``points`` as Parquet and the manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {"points": self.points}, self.manifest)

    def to_json(self) -> str:
        """The manifest and the points as one JSON document; an infinite ratio is ``null``."""
        points = json.loads(str(self.points.to_json(orient="records")))
        return json.dumps({"manifest": self.manifest, "points": points}, indent=2)

    def __repr__(self) -> str:
        pairs = self.points[["account", "coin"]].drop_duplicates()
        return f"MarginCurve({len(pairs)} curves of {pairs.account.nunique()} accounts)"


def margin_curve(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    *,
    account: str | Iterable[str] | None = None,
    coin: str | Iterable[str] | None = None,
    moves: Sequence[float] = MOVES,
) -> MarginCurve:
    """Margin accounts against the price of each of their coins, all other prices held.

    What OKX's position-builder graph shows. Every point is an exact margin on the market after ``sg.shock``; positions
    without an average price count as entered at today's mark.

    Args:
        market: From ``read_market``.
        accounts: From ``read_accounts``.
        rules: From ``load_rulebook``.
        account: An id or several; all by default.
        coin: A coin or several; by default all that the account holds or trades, but stablecoins and USD.
        moves: Relative moves of the coin's price in USD.

    Raises:
        InputError: An unknown account, a coin that the account does not have, no move or one that is not finite; as
            for ``margin``.
        ShockError: A move of -100 % or more; as for ``margin``.
    """
    try:
        at = np.asarray(moves, float)
    except (TypeError, ValueError):
        raise InputError("margin_curve", "moves", "one or more finite moves", repr(moves)) from None
    if at.ndim != 1 or not len(at) or not np.isfinite(at).all():
        raise InputError("margin_curve", "moves", "one or more finite moves", repr(moves))
    if (at <= -1.0).any():
        raise ShockError("margin_curve", "moves", "moves above -1, which leave a price above 0", float(at.min()))
    report = margin(market, accounts, rules)

    def curves_of(place: int, _: Device) -> list[pd.DataFrame]:
        book, name = MovedAccount(report, place), accounts.ids[place]
        coins = chosen_coins("margin_curve", name, book.movable, coin)
        return [_curve(book, name, one, at) for one in coins]

    places = chosen_accounts("margin_curve", accounts, account)
    curves = [curve for found in map_on_devices(curves_of, places, device_slots()) for curve in found]
    columns = {"account": "str", "coin": "str"} | dict.fromkeys(_NUMBERS, float)
    empty = pd.DataFrame(columns=list(columns))
    return MarginCurve(report, pd.concat(curves or [empty], ignore_index=True).astype(columns))


def _curve(book: MovedAccount, account: str, coin: str, moves: np.ndarray) -> pd.DataFrame:
    found = book(coin, moves)
    asked = found.required_usd > 0
    ratio = np.where(asked, found.equity_usd / np.where(asked, found.required_usd, 1.0), np.inf)
    return pd.DataFrame(
        {
            "account": account,
            "coin": coin,
            "price_move": moves,
            "price_usd": book.price_usd[coin] * (1.0 + moves),
            "equity_usd": found.equity_usd,
            "mmr_usd": found.mmr_usd,
            "margin_ratio": ratio,
        }
    )

"""How far an account is from warning and from liquidation: in equity, and in the price of each of its coins."""

from __future__ import annotations

from dataclasses import dataclass

from shockgrid.report.contributions import account_place
from shockgrid.report.margin_report import MarginReport
from shockgrid.report.moved_account import MovedAccount
from shockgrid.report.price_crossing import crossing, scanned

LOW, HIGH = -0.9, 1.0
"""How far an explanation looks."""


@dataclass(frozen=True)
class PriceDistance:
    """Moves of one currency's USD price, all others held, at which the ratio first crosses a level.

    Attributes:
        currency: What moves.
        price_usd: Today.
        down, up: Relative moves, below and above zero; None without a crossing between -90 % and +100 %.
    """

    currency: str
    price_usd: float
    down: float | None
    up: float | None


@dataclass(frozen=True)
class LevelDistance:
    """Distance of an account from one level of its margin ratio.

    Attributes:
        ratio: The level.
        equity_usd: Adjusted equity that may be lost before the ratio is there, the required margin held; below zero
            it is missing. None where nothing is required.
        prices: For each currency that the account holds or trades, but stablecoins and USD, by name.
    """

    ratio: float
    equity_usd: float | None
    prices: tuple[PriceDistance, ...]


@dataclass(frozen=True)
class Distance:
    """Distances of an account from ``warning`` and from ``liquidation``."""

    account: str
    warning: LevelDistance
    liquidation: LevelDistance


def margin_distance(report: MarginReport, account: str) -> Distance:
    """How far an account is from warning and liquidation.

    In equity, the required margin is held. In price, the account is margined anew on markets in which one currency
    moved (``price_crossing``). Positions without an average price count as entered at today's mark.

    Raises:
        InputError: An account that the report does not hold.
    """
    place = account_place(report, account)
    book, equity = MovedAccount(report, place), float(report.result.accounts.equity_usd[place])
    required = float(report.required_usd[place])
    scans = {name: scanned(book, name, LOW, HIGH) for name in book.movable}

    def of(level: float) -> LevelDistance:
        prices = [PriceDistance(name, book.price_usd[name], *crossing(scan, level)) for name, scan in scans.items()]
        return LevelDistance(level, equity - level * required if required > 0 else None, tuple(prices))

    return Distance(account, *(of(float(report.rules[f"ratio.{name}"])) for name in ("warning", "liquidation")))

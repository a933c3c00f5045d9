"""Where the price of a coin brings an account's margin ratio to a level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shockgrid.report.moved_account import MOVES, MovedAccount, MovedFigures

STEP = 1.005
"""Prices of the scan are this factor apart."""
FINE = MOVES
"""Into so many parts an interval of the scan is cut where a crossing and its return could hide in it."""
NEAR = 2.0
"""It could where the equity to spare at an end is less than this many times what it changes by around there."""
TOLERANCE = 1e-13
"""A crossing is found to this relative move."""
ROUNDS = 60

START = 1e-12
"""The first relative move: any move values options by their volatility, which their marks need not quite agree with."""

_ALONG = np.arange(1, MOVES // 2 + 1) / (MOVES // 2 + 1)
_AROUND = np.array([side * 10.0**-k for k in range(2, MOVES // 4 + 2) for side in (-1, 1)])


class Crossing(NamedTuple):
    """Relative moves of a price at which the ratio first crosses a level: below zero, above zero, None for none."""

    down: float | None
    up: float | None


@dataclass(frozen=True)
class Scan:
    """An account at prices 0.5 % apart, outward from today's.

    Attributes:
        account, currency: Whose, and what moves.
        falls, rises: Relative moves.
        at_falls, at_rises: The account there.
    """

    account: MovedAccount
    currency: str
    falls: np.ndarray
    rises: np.ndarray
    at_falls: MovedFigures
    at_rises: MovedFigures


def scanned(account: MovedAccount, currency: str, low: float, high: float) -> Scan:
    """Scan the price of a currency, those of all others held.

    Args:
        account: The account.
        currency: One of ``account.movable``.
        low: How far to look below, as a relative move.
        high: How far above.
    """
    steps = [np.arange(1, int(np.log1p(end) / np.log(STEP) * side) + 1) for end, side in ((low, -1), (high, 1))]
    falls = np.concatenate([[-START], STEP ** -steps[0] - 1.0, [low]])
    rises = np.concatenate([[START], STEP ** steps[1] - 1.0, [high]])
    return Scan(account, currency, falls, rises, account(currency, falls), account(currency, rises))


def crossing(scan: Scan, level: float) -> Crossing:
    """The nearest crossings of a level of the margin ratio.

    The scan, finer where a crossing and its return could hide between two of its prices, then a search between the two
    prices around the first change. Where the ratio jumps over the level, as at the step of a borrowing tier, the far
    side of the jump is returned.
    """
    sides = ((scan.falls, scan.at_falls), (scan.rises, scan.at_rises))
    return Crossing(*(_first(scan, level, moves, _spare(found, level)) for moves, found in sides))


def _spare(found: MovedFigures, level: float) -> np.ndarray:
    """Equity beyond what the level asks for, in USD; zero where the ratio is at it, positive where nothing is asked."""
    asked = found.required_usd > 0
    return np.where(asked, found.equity_usd - level * found.required_usd, np.maximum(found.equity_usd, 1.0))


def _first(scan: Scan, level: float, moves: np.ndarray, left: np.ndarray) -> float | None:
    """The first crossing along moves that lead away from zero."""

    def spare(moves: np.ndarray) -> np.ndarray:
        return _spare(scan.account(scan.currency, moves), level)

    safe = left > 0
    crosses = safe[1:] != safe[:-1]
    for i in np.flatnonzero(crosses | _could_hide(left)):
        ends = moves[i : i + 2]
        if not crosses[i]:
            inner = np.linspace(ends[0], ends[1], FINE + 1)
            fine = spare(inner) > 0
            changed = np.flatnonzero(fine[1:] != fine[:-1])
            if not len(changed):
                continue
            ends = inner[changed[0] : changed[0] + 2]
        return _search(spare, float(ends[0]), float(ends[1]))
    return None


def _could_hide(left: np.ndarray) -> np.ndarray:
    """``[interval]`` whether equity could have run out and come back between two neighbours."""
    change = np.abs(np.diff(left))
    around = np.maximum(change, np.maximum(np.append(change[1:], 0.0), np.append(0.0, change[:-1])))
    return np.minimum(np.abs(left[1:]), np.abs(left[:-1])) < NEAR * around


def _search(spare: Callable[[np.ndarray], np.ndarray], near: float, far: float) -> float:
    """The far side of a change between two moves: sections of the whole interval, and of what a secant points at."""
    left = spare(np.array([near, far]))
    started_safe = left[0] > 0
    for _ in range(ROUNDS):
        if abs(far - near) <= TOLERANCE * (1.0 + far):
            break
        secant = left[0] / (left[0] - left[1]) if np.isfinite(left).all() else 0.5
        parts = np.unique(np.concatenate([_ALONG, np.clip(secant + _AROUND, 0.0, 1.0)]))
        moves = near + (far - near) * parts
        found = spare(moves)
        moves, found = np.concatenate([[near], moves, [far]]), np.concatenate([left[:1], found, left[1:]])
        i = int(np.argmax((found > 0) != started_safe))
        near, far, left = float(moves[i - 1]), float(moves[i]), found[i - 1 : i + 1]
    return far

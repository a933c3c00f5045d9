"""How far an account is from warning and from liquidation: in equity, and in the price of each of its coins."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.account_rows import pack_rows, plan_rows
from shockgrid.accounts.copies import copy_accounts
from shockgrid.accounts.holdings import Accounts, Labels, Orders
from shockgrid.accounts.row_plan import PlanShape, pad_plan, plan_shape
from shockgrid.market.padding import pad_market
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.numerics.ragged import RaggedShape
from shockgrid.report.contributions import account_place
from shockgrid.report.margin_report import MarginReport
from shockgrid.stress.moved_market import moved_market
from shockgrid.venues.okx.margin import evaluate_accounts, price_contracts
from shockgrid.venues.okx.rule_lookup import padded_rule_tables

STEPS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.10, 0.125, 0.15, 0.175, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50)
FALLS = tuple(-step for step in (*STEPS, 0.60, 0.70, 0.80, 0.90))
RISES = (*STEPS, 0.60, 0.70, 0.80, 0.90, 1.00)
MOVE_TOLERANCE = 1e-6
"""A crossing is found to this relative move, finer than the 1e-4 that is shown."""

LEAST_SHAPE = PlanShape(
    units=16,
    unit_plan=RaggedShape(rows=15, slices=1, entries=16384),
    currencies=16,
    account_units=RaggedShape(rows=1, slices=1, entries=4096),
    account_currencies=RaggedShape(rows=1, slices=1, entries=4096),
)
"""Accounts of up to this size share one compilation; a larger one compiles for its size bucket."""


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
    moved (``moved_market``): outward over ``FALLS`` and ``RISES``, then by bisection between the two moves around the
    first crossing. A ratio that crosses a level twice between two neighbouring moves of the grid is missed.
    Positions without an average price count as entered at today's mark.

    Raises:
        InputError: An account that the report does not hold.
    """
    place = account_place(report, account)
    book = SingleAccount(report, place)
    levels = {name: float(report.rules[f"ratio.{name}"]) for name in ("warning", "liquidation")}
    today = book({})
    crossings = {currency: _crossings(book, currency, tuple(levels.values())) for currency in book.movable}
    index = report.market.index
    return Distance(
        account,
        **{
            name: LevelDistance(
                ratio=level,
                equity_usd=today[0] - level * today[1] if today[1] > 0 else None,
                prices=tuple(PriceDistance(c, float(index[f"{c}-USD"]), *crossings[c][level]) for c in book.movable),
            )
            for name, level in levels.items()
        },
    )


class SingleAccount:
    """One account of a report, ready to be margined on moved markets without planning or compiling again."""

    def __init__(self, report: MarginReport, place: int) -> None:
        self._market = report.market
        universe = report.market.universe
        rows = plan_rows(_alone(report.inputs, place), report.market, report.risk_units)
        packed = pack_rows(rows)
        self._plan = pad_plan(packed, plan_shape(packed) | LEAST_SHAPE)
        self._fee = float(report.rules["ratio.liability_fee"])
        contracts, snapshot = pad_market(universe.contracts, report.market.snapshot)
        # Marks, forwards and indices of a coin move together, so no move makes a price of a grid negative.
        self._tables = padded_rule_tables(report.market, report.rules, contracts, snapshot)
        self._seen: dict[tuple[tuple[str, float], ...], tuple[float, float]] = {}
        owned = rows.currency[rows.currencies.balance != 0]
        used = np.union1d(owned, universe.contracts.coin_currency[report.risk_units.coin[rows.unit]])
        self.movable = [universe.currencies[c] for c in used if universe.currencies[c] not in DENOMINATIONS]

    def __call__(self, moves: dict[str, float]) -> tuple[float, float]:
        """Adjusted equity and required margin (the denominator of the ratio) after the moves, in USD."""
        key = tuple(moves.items())
        if key not in self._seen:
            market = moved_market(self._market, moves)
            contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
            with jax.enable_x64(True):
                exposures = price_contracts(contracts, snapshot, self._tables.contracts)
                result = evaluate_accounts(contracts, snapshot, self._tables, self._plan, exposures).accounts
                fields = (result.equity_usd, result.mmr_usd, result.liability_usd, result.borrow_mmr_usd)
                equity, mmr, liability, borrow = (float(x[0]) for x in jax.device_get(fields))
            self._seen[key] = equity, mmr + self._fee * (liability + borrow)
        return self._seen[key]

    def excess(self, currency: str, move: float, level: float) -> float:
        """Equity beyond what the level asks for; zero where the ratio is at it. Positive where nothing is required."""
        equity, required = self({currency: move})
        return equity - level * required if required > 0 else max(equity, 1.0)


def _crossings(
    book: SingleAccount, currency: str, levels: tuple[float, ...]
) -> dict[float, tuple[float | None, float | None]]:
    """The first fall and the first rise at which the ratio crosses each level."""
    found: dict[float, list[float | None]] = {level: [None, None] for level in levels}
    for side, moves in enumerate((FALLS, RISES)):
        open_levels = set(levels)
        for near, far in zip((0.0, *moves), moves, strict=False):
            for level in sorted(open_levels):
                if _is_safe(book, currency, near, level) != _is_safe(book, currency, far, level):
                    found[level][side] = _root(book, currency, level, near, far)
                    open_levels.remove(level)
            if not open_levels:
                break
    return {level: (down, up) for level, (down, up) in found.items()}


def _is_safe(book: SingleAccount, currency: str, move: float, level: float) -> bool:
    return book.excess(currency, move, level) > 0


def _root(book: SingleAccount, currency: str, level: float, near: float, far: float) -> float:
    """Bisection: on the far side of the crossing, which may be a step (a borrowing tier's rate is one)."""
    start = _is_safe(book, currency, near, level)
    while abs(far - near) > MOVE_TOLERANCE:
        middle = 0.5 * (near + far)
        near, far = (middle, far) if _is_safe(book, currency, middle, level) == start else (near, middle)
    return far


def _alone(accounts: Accounts, place: int) -> Accounts:
    """One account by itself, without its orders, which the margin ratio ignores."""
    none = np.zeros(0)
    orders = Orders(none.astype(np.int32), Labels.of([]), none, none)
    return dataclasses.replace(copy_accounts(accounts, np.array([place])), orders=orders)

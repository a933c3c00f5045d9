"""Contract stages of any number of accounts: in a batch, accounts that are done make place for others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import jax
import numpy as np

from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.compiling import compiling_once, program_key
from shockgrid.numerics.devices import Device, device_slots, map_on_devices
from shockgrid.scenarios.exposures import Exposures
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.contract_terms import contract_terms
from shockgrid.venues.okx.liquidation.figures import AccountFigures, Evaluation
from shockgrid.venues.okx.liquidation.layout import LEAST_ENTRIES, LaidBooks
from shockgrid.venues.okx.liquidation.stage import STAGES, TURNS, Process, Progress, Turn, evaluate_books, run_turns
from shockgrid.venues.okx.liquidation.trades import LiquidationRules, Trade, TradeCosts
from shockgrid.venues.okx.margin import denomination_prices
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from shockgrid.venues.okx.rule_tables import RuleTables
from shockgrid.venues.okx.rulebook import Rulebook
from shockgrid.venues.okx.unit_margin import SharedRules, UnitRules, shared_rules, unit_rules

T = TypeVar("T")

MAX_TURNS = 10_000
"""Of one account in one stage; every trade lowers the shortfall, so this is for rounding alone."""

ANCHORS = 64 * LEAST_ENTRIES
"""Entries of a batch: 64 small books, or fewer large ones."""


def make_process(market: Market, rules: Rulebook, exposures: Exposures) -> Process:
    """What all accounts of a market share, on the host.

    Args:
        market: Where they trade.
        rules: Margin and liquidation.
        exposures: Of the market's instruments, from ``MarginReport``.
    """
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    with jax.enable_x64(True):
        units, shared = jax.device_get(_rules_of_units(contracts, snapshot, tables))
    return Process(
        terms=contract_terms(market, rules, exposures),
        units=units,
        like=jax.tree.map(np.asarray, exposures.linear),
        shared=shared,
        tables=tables,
        rules=LiquidationRules(
            step_frac=np.array(np.nan),
            trigger_frac=np.array(float(rules["liquidation.ddh2_trigger_frac"])),
            whole_below_usd=np.array(float(rules["liquidation.whole_below_usd"])),
            depth_band_frac=np.array(float(rules["liquidation.depth_band_frac"])),
            spot_fee_frac=np.array(float(rules["conversion.fee_frac"])),
            spot_slippage_frac=np.array(float(rules["conversion.slippage_frac"])),
        ),
        currency_usd=snapshot.index_usd,
        stop_ratio=np.array(float(rules["liquidation.stop_ratio"])),
    )


@jax.jit  # step by step it would cost more than a small liquidation
def _rules_of_units(contracts: Contracts, snapshot: Snapshot, tables: RuleTables) -> tuple[UnitRules, SharedRules]:
    shared = shared_rules(denomination_prices(contracts, snapshot), snapshot, tables)
    return unit_rules(contracts, snapshot, tables), shared


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """Of accounts between two stages (NumPy): what they hold, and its margin."""

    held: Holdings
    now: Evaluation


@dataclass(frozen=True)
class StageLog:
    """What accounts of one size traded in one stage, in order for each account (NumPy).

    Attributes:
        stage: Which.
        books: Theirs.
        place: ``[trade]`` place among the books.
        turn: ``[trade, ...]``.
    """

    stage: str
    books: LaidBooks
    place: np.ndarray
    turn: Turn


def run_stage(
    stage: str, process: Process, books: LaidBooks, state: State, active: np.ndarray, step_frac: float
) -> tuple[State, StageLog]:
    """Run a stage for some accounts to its end.

    Args:
        stage: One of ``STAGES``.
        process: What they share.
        books: Theirs.
        state: Of all of the books.
        active: Places of the accounts that take part.
        step_frac: Of the stage.

    Returns:
        The state of all afterwards, and what was traded.
    """
    number = np.array(STAGES.index(stage), np.int32)
    process = replace(process, rules=replace(process.rules, step_frac=np.array(step_frac)))
    state = jax.tree.map(np.array, state)
    slots = device_slots()
    pieces = [part for part in np.array_split(active, min(len(slots), max(1, len(active)))) if len(part)]

    def work(places: np.ndarray, device: Device) -> list[tuple[np.ndarray, Turn]]:
        return list(_run_batches(number, jax.device_put(process, device), books, state, places, device))

    done = [part for found in map_on_devices(work, pieces, slots) for part in found]
    if not done:
        return state, StageLog(stage, books, np.zeros(0, int), _no_turn(state.held))
    place = np.concatenate([p for p, _ in done])
    turn = jax.tree.map(lambda *x: np.concatenate(x), *(t for _, t in done))
    return state, StageLog(stage, books, place, turn)


def evaluate(
    process: Process, books: LaidBooks, held: Holdings, place: np.ndarray | None = None
) -> tuple[State, dict[str, np.ndarray]]:
    """Margin what accounts hold, batch by batch, and which stages are for each.

    Args:
        process: What they share.
        books: Theirs.
        held: ``[account, ...]`` what each holds.
        place: Places of the accounts among the books; by default all of them.
    """
    place = np.arange(len(books.account)) if place is None else place
    lanes, n = _lanes(books), len(place)
    parts = []
    with jax.enable_x64(True):
        for first in range(0, max(n, 1), lanes):
            row = np.minimum(np.arange(first, first + lanes), max(n - 1, 0))
            at = place[row] if n else np.zeros(lanes, int)
            batch = rows_of(held, row) if n else rows_of(books.held, at)
            found = evaluate_books(process, rows_of(books.book, at), books.joins[at], batch)
            parts.append(rows_of(jax.device_get(found), np.arange(min(lanes, n - first))))
    now, triggered = jax.tree.map(lambda *x: np.concatenate(x), *parts)
    return State(held, now), triggered


def _lanes(books: LaidBooks) -> int:
    return max(1, ANCHORS // books.held.quantity.shape[1])


def _run_batches(
    stage: np.ndarray, process: Process, books: LaidBooks, state: State, places: np.ndarray, device: Device
) -> Iterator[tuple[np.ndarray, Turn]]:
    """Run accounts in the slots of a batch, the next one where one is done; their state is written back.

    Yields:
        Places of accounts that traded, and ``[trade, ...]`` what, call by call.
    """
    lanes, waiting = _lanes(books), deque(places.tolist())
    slot, turns = np.full(lanes, -1), np.zeros(lanes, int)
    phase, began = np.zeros(lanes, np.int32), rows_of(state, np.zeros(lanes, int))
    while waiting or (slot >= 0).any():
        new = np.flatnonzero(slot < 0)[: len(waiting)]
        slot[new] = [waiting.popleft() for _ in new]
        turns[new], phase[new] = 0, 0
        write_rows(began, new, rows_of(state, slot[new]))
        live, place = slot >= 0, np.maximum(slot, 0)
        current = rows_of(state, place)
        progress = Progress(current.held, current.now, (began.held, began.now), phase, ~live)
        batch = stage, process, rows_of(books.book, place), books.joins[place], progress
        program = (program_key("liquidation", *batch), device)
        found = compiling_once(program, lambda batch=batch: run_turns(*batch))
        progress, log = jax.tree.map(np.array, jax.device_get(found))
        write_rows(state, place[live], rows_of(State(progress.held, progress.now), live))
        turn, lane = np.nonzero(log.traded)
        yield place[lane], jax.tree.map(lambda x, at=(turn, lane): x[at], log)
        turns += TURNS
        phase, slot = progress.phase, np.where(progress.done | (turns >= MAX_TURNS), -1, slot)


def write_rows(tree: T, place: np.ndarray, rows: T) -> None:
    """Put rows in their places, in all arrays."""
    for array, new in zip(jax.tree.leaves(tree), jax.tree.leaves(rows), strict=True):
        array[place] = new


def rows_of(tree: T, place: np.ndarray) -> T:
    """The rows at places, of all arrays."""
    return jax.tree.map(lambda x: x[place], tree)


def _no_turn(held: Holdings) -> Turn:
    """A log of no trades."""
    none, whole = np.zeros(0), np.zeros(0, np.int32)
    legs = held.quantity[:0]
    trade, costs = Trade(legs.astype(np.int32), legs, none, whole), TradeCosts(legs, legs, none, none)
    figures = AccountFigures(none, none, none, none, none, none)
    return Turn(none > 0, trade, costs, figures, figures, none > 0)

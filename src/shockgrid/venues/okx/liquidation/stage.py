"""One stage of many accounts at once: value the candidates, trade the best, until the stage or the process ends.

A call of the compiled program takes every account of a batch a number of turns further; the host writes down what was
traded and puts accounts that wait in the places of those that are done (``process``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Bool, Float, Int
from shockgrid.scenarios.exposures import LinearRisks
from shockgrid.venues.okx.liquidation import basis, ddh1, ddh2, reduction
from shockgrid.venues.okx.liquidation.book import Book, Holdings
from shockgrid.venues.okx.liquidation.choosing import Candidates, best_candidate
from shockgrid.venues.okx.liquidation.contract_terms import ContractTerms
from shockgrid.venues.okx.liquidation.figures import AccountFigures, Evaluation, Setting, evaluated
from shockgrid.venues.okx.liquidation.moment import Moment
from shockgrid.venues.okx.liquidation.trades import LiquidationRules, Trade, TradeCosts, after_trade, trade_costs
from shockgrid.venues.okx.rule_tables import RuleTables
from shockgrid.venues.okx.unit_margin import SharedRules, UnitRules

PHASES = {"ddh1": 2, "ddh2": 2, "basis": 2, "reduction": 4}
"""Of the stages that trade contracts, in order: slices, then whole; of the reduction then the same of whole units."""

STAGES = tuple(PHASES)

TURNS = 16
"""Of one call: enough to make the host's share small, few enough that accounts which are done do not wait long."""

_MODULES = (ddh1, ddh2, basis, reduction)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Process:
    """What all accounts of a market share.

    Attributes:
        terms: Of every instrument.
        units: Of every unit of the market.
        like, shared, stop_ratio: As in ``Setting``.
        tables: Margin rules.
        rules: Those of the process.
    """

    terms: ContractTerms
    units: UnitRules
    like: LinearRisks
    shared: SharedRules
    tables: RuleTables
    rules: LiquidationRules
    currency_usd: Float[AnyArray, " currency"]
    stop_ratio: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Progress:
    """Where an account is in a stage.

    Attributes:
        held, now: What it holds, and its margin.
        began: Both when the stage began.
        phase: Of the stage.
        done: Whether the stage is over.
    """

    held: Holdings
    now: Evaluation
    began: tuple[Holdings, Evaluation]
    phase: Int[AnyArray, "*account"]
    done: Bool[AnyArray, "*account"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Turn:
    """What an account did in one turn; a trade of nothing where it did none.

    Attributes:
        before, after: Its margin around the trade.
        by_unit: Whether a whole unit was reduced.
    """

    traded: Bool[AnyArray, "*account"]
    trade: Trade
    costs: TradeCosts
    before: AccountFigures
    after: AccountFigures
    by_unit: Bool[AnyArray, "*account"]


@jax.jit
def run_turns(
    stage: Int[Array, ""], process: Process, books: Book, joins: Array, progress: Progress
) -> tuple[Progress, Turn]:
    """Take every account of a batch ``TURNS`` turns further.

    Args:
        stage: Place among ``STAGES``; no static argument, so that all stages share one compilation.
        process: What they share.
        books: Theirs.
        joins: ``[account, unit]`` 1 where spot of the coin enters the unit.
        progress: Where each is.

    Returns:
        Where each is then, and ``[turn, account]`` what was done.
    """

    def goes_on(state: tuple[Array, Progress, Turn]) -> Array:
        return (state[0] < TURNS) & ~state[1].done.all()

    def next_turn(state: tuple[Array, Progress, Turn]) -> tuple[Array, Progress, Turn]:
        place, progress, log = state
        progress, turn = _one_turn(stage, process, books, joins, progress)
        return place + 1, progress, jax.tree.map(lambda x, new: x.at[place].set(new), log, turn)

    # Of this turn the shapes alone are wanted: XLA drops the rest.
    _, like = _one_turn(stage, process, books, joins, progress)
    log = jax.tree.map(lambda x: jnp.zeros((TURNS, *x.shape), x.dtype), like)
    _, progress, log = jax.lax.while_loop(goes_on, next_turn, (jnp.zeros((), jnp.int32), progress, log))
    return progress, log


@jax.jit  # so that it is traced once, though it is called twice
def _one_turn(
    stage: Int[Array, ""], process: Process, books: Book, joins: Array, progress: Progress
) -> tuple[Progress, Turn]:
    """One turn of every account."""

    def per_account(function: Any, *more: Any) -> Any:
        return jax.vmap(lambda book, j, *x: function(_setting(process, book, j), process.rules, *x))(
            books, joins, *more
        )

    proposals = [partial(per_account, partial(_proposed, module)) for module in _MODULES]
    found, triggered = jax.lax.switch(stage, proposals, progress)
    return per_account(partial(_turn, jnp.array(list(PHASES.values()))[stage]), progress, found, triggered)


@jax.jit
def evaluate_books(
    process: Process, books: Book, joins: Array, held: Holdings
) -> tuple[Evaluation, dict[str, Bool[Array, " account"]]]:
    """Margin what accounts hold, and whether each stage is for them."""

    def of(book: Book, j: Array, held: Holdings) -> tuple[Evaluation, dict[str, Array]]:
        s = _setting(process, book, j)
        now, no = evaluated(s, held), jnp.zeros((), bool)
        m = Moment(s, process.rules, held, now, (held, now), no, no)
        return now, {name: stage.triggered(m).any() for name, stage in zip(STAGES, _MODULES, strict=True)}

    return jax.vmap(of)(books, joins, held)


def _setting(p: Process, book: Book, joins: Float[Array, " unit"]) -> Setting:
    return Setting(
        book=book,
        terms=jax.tree.map(lambda x: x[book.instrument], p.terms),
        units=jax.tree.map(lambda x: x[book.unit_key], p.units),
        joins=joins,
        like=p.like,
        shared=p.shared,
        rules=p.tables,
        currency_usd=p.currency_usd,
        stop_ratio=p.stop_ratio,
    )


def _moment(s: Setting, rules: LiquidationRules, p: Progress) -> Moment:
    return Moment(s, rules, p.held, p.now, p.began, whole=p.phase % 2 == 1, by_unit=p.phase >= 2)


def _proposed(module: Any, s: Setting, rules: LiquidationRules, progress: Progress) -> tuple[Candidates, Array]:
    """What a stage proposes for one account, and whether it is for it."""
    m = _moment(s, rules, progress)
    found = module.candidates(m)
    whole_numbers = {name: getattr(found.trades, name).astype(jnp.int32) for name in ("entry", "unit")}
    return replace(found, trades=replace(found.trades, **whole_numbers)), module.triggered(m).any()


def _turn(
    n_phases: Array, s: Setting, rules: LiquidationRules, progress: Progress, found: Candidates, triggered: Array
) -> tuple[Progress, Turn]:
    """One turn of one account: trade the best candidate, or go on to the next phase, or end."""
    m = _moment(s, rules, progress)
    chosen, counts = best_candidate(m, found)
    goes_on = triggered & (m.now.account.margin_ratio <= s.stop_ratio) & ~progress.done
    trades = counts & goes_on
    nothing = replace(chosen, contracts=jnp.zeros_like(chosen.contracts), coins=jnp.zeros_like(chosen.coins))
    trade = jax.tree.map(lambda x, y: jnp.where(trades, x, y), chosen, nothing)
    costs = trade_costs(s, rules, m.held.quantity, trade, s.terms)
    new = after_trade(s, m.held, trade, costs)
    then = evaluated(s, new)
    phase = jnp.where(trades, 0, progress.phase + 1)
    ended = ~goes_on | (phase >= n_phases)
    turn = Turn(trades, trade, costs, m.now.account, then.account, m.by_unit)
    return Progress(new, then, m.began, jnp.where(ended, 0, phase), ended), turn

"""One account on many moved markets at once, without planning or compiling again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.accounts.account_rows import AccountRows, pack_rows, plan_rows
from shockgrid.accounts.copies import copy_accounts
from shockgrid.accounts.entry_prices import entered_at_marks
from shockgrid.accounts.holdings import Accounts, Labels, Orders
from shockgrid.accounts.row_plan import PlanShape, RowPlan, pad_plan, plan_shape
from shockgrid.market.padding import pad_market
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import DENOMINATIONS, Contracts
from shockgrid.numerics.ragged import RaggedShape
from shockgrid.numerics.shapes import Array, Float, Int
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.moved_snapshot import MarketMove, moved_snapshot
from shockgrid.venues.okx.contract_exposures import contract_exposures
from shockgrid.venues.okx.margin import evaluation, required_usd
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from shockgrid.venues.okx.rule_tables import RuleTables

MOVES = 32
"""Markets of one call of the compiled program."""

LANES = 8
"""Rows of a slice: one account has few units."""

LEAST_SHAPE = PlanShape(
    units=16,
    unit_plan=RaggedShape(rows=15, slices=2, entries=1024),
    currencies=16,
    account_units=RaggedShape(rows=1, slices=1, entries=128),
    account_currencies=RaggedShape(rows=1, slices=1, entries=128),
)
LEAST_INSTRUMENTS = 32
INSTRUMENT_STEP = 4
"""Accounts of up to these sizes share one compilation; larger ones compile for their size bucket."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MovedFigures:
    """Of the account after each move, in USD; ``required_usd`` is the denominator of the margin ratio."""

    equity_usd: Float[Array, " move"]
    mmr_usd: Float[Array, " move"]
    required_usd: Float[Array, " move"]


class MovedAccount:
    """One account of a report, ready to be margined on markets in which currencies moved.

    Positions without an average price count as entered at today's mark. The account's orders are left out, which the
    margin ratio ignores.

    Attributes:
        movable: Currencies that it holds or trades, but stablecoins and USD, by name.
        price_usd: Of each of them today.
    """

    def __init__(self, report: MarginReport, place: int) -> None:
        market, universe = report.market, report.market.universe
        alone = entered_at_marks(_alone(report.inputs, place), market)
        rows = plan_rows(alone, market, report.risk_units)
        held = np.unique(rows.book.instrument)
        if report.rules.structure == "v1":
            # MR4 of version 1 charges the widest basis of what is listed, held or not.
            held = np.union1d(held, _of_widest_basis(universe.contracts, market.snapshot, held))
        contracts, snapshot = _of_instruments(universe.contracts, market.snapshot, held)
        self._plan = _small_plan(rows, held)
        self._contracts, self._snapshot = pad_market(contracts, snapshot, _bucket(len(held)))
        # Marks, forwards and indices of a coin move together, so no move makes a price of a grid negative.
        self._tables = padded_rule_tables(market, report.rules, self._contracts, self._snapshot)
        owned = rows.currency[rows.currencies.balance != 0]
        used = np.union1d(owned, universe.contracts.coin_currency[report.risk_units.coin[rows.unit]])
        self._place = {universe.currencies[c]: int(c) for c in used if universe.currencies[c] not in DENOMINATIONS}
        self.movable = tuple(self._place)
        self.price_usd = {name: float(market.snapshot.index_usd[c]) for name, c in self._place.items()}

    def __call__(self, currency: str, moves: np.ndarray) -> MovedFigures:
        """The account after each relative move of one currency's price in USD, all others held (NumPy)."""
        n, place = len(moves), self._place[currency]
        padded = np.pad(np.asarray(moves, float), (0, -n % MOVES)).reshape(-1, MOVES)
        with jax.enable_x64(True):
            found = [
                _after_moves(self._contracts, self._snapshot, self._tables, self._plan, np.int32(place), part)
                for part in padded
            ]
            parts = jax.device_get(found)
        return jax.tree.map(lambda *x: np.concatenate(x)[:n], *parts)


@jax.jit
def _after_moves(
    contracts: Contracts,
    today: Snapshot,
    rules: RuleTables,
    plan: RowPlan,
    currency: Int[Array, ""],
    moves: Float[Array, " move"],
) -> MovedFigures:
    def after(move: Float[Array, ""]) -> MovedFigures:
        nothing = jnp.zeros_like(today.mark)
        factor = jnp.ones_like(today.index_usd).at[currency].add(move)
        moved = moved_snapshot(contracts, today, MarketMove(factor, nothing, nothing, jnp.zeros(())))
        exposures = contract_exposures(contracts, moved, rules.contracts)
        found = evaluation(contracts, moved, rules, plan, exposures).accounts
        required = required_usd(found.mmr_usd, found.liability_usd, found.borrow_mmr_usd, rules.liability_fee)
        figures = (found.equity_usd, found.mmr_usd, required)
        return MovedFigures(*(x[0] for x in figures))

    return jax.vmap(after)(moves)


def _alone(accounts: Accounts, place: int) -> Accounts:
    none = np.zeros(0)
    orders = Orders(none.astype(np.int32), Labels.of([]), none, none)
    return dataclasses.replace(copy_accounts(accounts, np.array([place])), orders=orders)


def _bucket(n: int) -> int:
    """Few sizes, so that few compile."""
    size = LEAST_INSTRUMENTS
    while size < n:
        size *= INSTRUMENT_STEP
    return size


def _of_instruments(contracts: Contracts, snapshot: Snapshot, held: np.ndarray) -> tuple[Contracts, Snapshot]:
    """The market of some instruments; coins and currencies stay as they are."""
    by_coin = {"coin_currency", "denomination_currency"}
    by_instrument = ("quote_index", "mark", "forward", "vol", "years", "funding_rate")
    return (
        Contracts(**{k: v if k in by_coin else v[held] for k, v in vars(contracts).items()}),
        dataclasses.replace(snapshot, **{name: getattr(snapshot, name)[held] for name in by_instrument}),
    )


def _of_widest_basis(contracts: Contracts, snapshot: Snapshot, held: np.ndarray) -> np.ndarray:
    """Of each coin, denomination and tenor of some instruments the one listed whose mark lies furthest from its index.

    It stays that one: a price that moves takes marks, forwards and index with it.
    """
    price = np.where(contracts.is_option, snapshot.forward, snapshot.mark)
    basis = np.abs(price / snapshot.quote_index - 1.0)
    keys = np.stack([contracts.coin, contracts.denomination, contracts.tenor])
    group = np.unique(keys, axis=1, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((basis, group))
    last = np.append(np.diff(group[order]) != 0, True)[: len(order)]
    widest = order[last]
    return widest[np.isin(group[widest], group[held])]


def _small_plan(rows: AccountRows, held: np.ndarray) -> RowPlan:
    """The plan with instruments counted among those held."""
    packed = pack_rows(rows, LANES)
    place = np.zeros(int(held.max(initial=0)) + 1, np.int32)
    place[held] = np.arange(len(held))
    column = place[packed.unit_plan.column * (packed.unit_plan.weight != 0)]
    packed = dataclasses.replace(packed, unit_plan=dataclasses.replace(packed.unit_plan, column=column))
    shape = plan_shape(packed) | LEAST_SHAPE
    return pad_plan(packed, shape)

"""What each position of a risk unit contributes to its scenarios and to the components of its margin.

Arithmetic on the columns that the kernels summed: a contribution is a position's own share of a sum, so shares add
up to the reported figures. Components that are positively homogeneous and piecewise linear in the positions (MR3,
MR4, MR5) are split by Euler's rule: the gradient at the unit's sums times the position's own sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from shockgrid.accounts.book import POSITIONS
from shockgrid.errors import InputError
from shockgrid.numerics.shapes import Array
from shockgrid.scenarios.grid import UNCHANGED, VOL_COLUMNS, VOL_STATES
from shockgrid.venues.okx import mr4_basis, mr9_depeg
from shockgrid.venues.okx.mr9_depeg import PAIRS
from shockgrid.venues.okx.rule_lookup import rule_tables
from shockgrid.venues.okx.rule_tables import DepegTables, MatchedBasis, RuleTables
from shockgrid.venues.okx.rulebook import Structure

if TYPE_CHECKING:
    from shockgrid.report.margin_report import MarginReport

SPOT_IN_USE = "spot in use"
"""Stands in the instrument column for the spot that hedges the unit."""

COMPONENTS = ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7", "mr9")

_UP, _DOWN = (0, 1), (3, 4)  # places of a volatility shock in points and in percent among VOL_COLUMNS


def cell_contributions(report: MarginReport, account: str, unit: str) -> pd.DataFrame:
    """P&L of every netted position, and of the spot in use if there is any, in each cell of MR1's grid.

    With volatility up or down it is the P&L under the shock, in points or in percent, that the cell takes for the unit
    as a whole. So the rows of a cell add up to the cell of ``report.scenarios``, to 1e-12 of the unit's gross size.

    Returns:
        Columns ``instrument, price_move, vol_state, pnl_usd``: positions in the order of ``report.positions``, then
        ``"spot in use"``; within each the cells in the order of ``report.scenarios``.

    Raises:
        InputError: An account that the report does not hold, or a unit that the account does not have.
    """
    book = unit_book(report, account, unit)
    moves = report.result.price_moves[book.unit]
    order = np.argsort(moves)
    pnl = _grid(book, moves)[:, :, order]
    n, n_states, n_moves = pnl.shape
    return pd.DataFrame(
        {
            "instrument": np.repeat(np.array(book.names, object), n_states * n_moves),
            "price_move": np.tile(moves[order], n * n_states),
            "vol_state": np.tile(np.repeat(np.array(VOL_STATES), n_moves), n),
            "pnl_usd": pnl.ravel(),
        }
    )


def unit_cells(report: MarginReport, account: str, unit: str) -> tuple[list[float], np.ndarray]:
    """Price moves, ascending, and the cells of one unit as ``[vol_state, move]``, without those of all others.

    Raises:
        InputError: As for ``cell_contributions``.
    """
    book = unit_book(report, account, unit)
    moves = report.result.price_moves[book.unit]
    order = np.argsort(moves)
    return moves[order].tolist(), _grid(book, moves).sum(axis=0)[:, order]


def component_contributions(report: MarginReport, account: str, unit: str) -> pd.DataFrame:
    """What every netted position, and the spot in use if there is any, contributes to each component, in USD.

    Each column adds up to the component of ``report.units``; below zero means that the position lowers it.

    * MR1, MR6: minus the position's P&L in the cell or direction that decides, for MR6 times its fraction.
    * MR2: its decay. All three are zero where the component is.
    * MR3, MR4, MR5: Euler shares.
    * MR7: its raw charge times MR7 over the sum of raw charges.
    * MR9: half of each pair's charge to either side, spread over the side's positions by cash delta.

    Returns:
        Columns ``instrument, mr1, mr2, mr3, mr4, mr5, mr6, mr7, mr9``, rows as in ``cell_contributions``.

    Raises:
        InputError: As for ``cell_contributions``.
    """
    book = unit_book(report, account, unit)
    rules = rule_tables(report.rules, [report.coin_of(unit)], [])
    units, row = report.result.units, book.row
    grid = _grid(book, report.result.price_moves[book.unit])
    worst = grid[(slice(None), *np.unravel_index(units.worst_cell[row], grid.shape[1:]))]
    extreme = book.column("extreme") + book.spot_part(rules.contracts.extreme_move[0] * np.array([1.0, -1.0]))
    worse = extreme[:, np.argmin(extreme.sum(axis=0))]
    raw = np.append(np.where(book.quantity > 0, book.charge_long, book.charge_short) * np.abs(book.quantity), book.pad)
    columns = {
        "mr1": _if(units.mr1[row] > 0, -worst),
        "mr2": _if(units.mr2[row] > 0, book.column("decay")[:, 0]),
        "mr3": _vega_term(book.column("tenor_vega"), rules),
        "mr4": _basis(report, book, rules),
        "mr5": book.column("rates") @ np.sign(book.column("rates").sum(axis=0)),
        "mr6": _if(units.mr6[row] > 0, -rules.extreme_loss_fraction * worse),
        "mr7": raw * (units.mr7[row] / raw.sum() if raw.sum() > 0 else 0.0),
        "mr9": _depeg(report, book, rules.depeg),
    }
    return pd.DataFrame({"instrument": np.array(book.names, object)} | columns)


@dataclass(frozen=True)
class UnitBook:
    """The positions of one unit row, with the exposures of their instruments.

    Attributes:
        account, row, unit: Places on the axes of accounts, unit rows and units of the market.
        names: Instruments, then ``SPOT_IN_USE`` where there is any.
        instrument, quantity: Of each position.
        spot_usd: Value of the spot in use.
        linear: Columns of ``LinearRisks`` by name, one contract each.
        charge_long, charge_short, size: Of one contract.
    """

    account: int
    row: int
    unit: int
    names: list[str]
    instrument: np.ndarray
    quantity: np.ndarray
    spot_usd: float
    linear: dict[str, np.ndarray]
    charge_long: np.ndarray
    charge_short: np.ndarray
    size: np.ndarray

    @property
    def pad(self) -> np.ndarray:
        """One zero if a row stands for the spot in use, else none."""
        return np.zeros(len(self.names) - len(self.instrument))

    def column(self, name: str) -> np.ndarray:
        """Linear columns of each position; zero for the spot in use, which has none."""
        values = self.linear[name]
        own = values * self.quantity.reshape(-1, *[1] * (values.ndim - 1))
        return np.concatenate([own, np.zeros((len(self.pad), *values.shape[1:]))])

    def spot_part(self, per_usd: np.ndarray) -> np.ndarray:
        """Zeros for the positions, the value of the spot in use times ``per_usd`` for it."""
        out = np.zeros((len(self.names), *np.shape(per_usd)))
        out[len(self.instrument) :] = self.spot_usd * per_usd
        return out


def unit_book(report: MarginReport, account: str, unit: str) -> UnitBook:
    """Find the positions of a unit.

    Raises:
        InputError: As for ``cell_contributions``.
    """
    place = account_place(report, account)
    universe, book, exposures = report.market.universe, report.rows.book, report.exposures
    risk_units = report.rows.risk_units
    first, last = np.searchsorted(report.rows.unit_account, [place, place + 1])
    units = [risk_units.names[u] for u in report.rows.unit[first:last]]
    if unit not in units:
        expected = f"a unit of {account} ({', '.join(units) or 'which has none'})"
        raise InputError(report.inputs.source.file, "unit", expected, repr(unit))
    row = int(first) + units.index(unit)
    number = int(report.rows.unit[row])
    entries = slice(*report.rows.start[row : row + 2])
    instrument, quantity = book.instrument[entries], book.quantity[POSITIONS][entries]
    instrument, quantity = instrument[quantity != 0], quantity[quantity != 0]
    index_usd = report.market.snapshot.index_usd[universe.contracts.coin_currency[risk_units.coin[number]]]
    spot_usd = float(report.result.units.spot_in_use[row] * index_usd)
    linear, gross = exposures.linear, exposures.gross
    return UnitBook(
        account=place,
        row=row,
        unit=number,
        names=[*universe.ids[instrument].tolist(), *([SPOT_IN_USE] if spot_usd != 0 else [])],
        instrument=instrument,
        quantity=quantity,
        spot_usd=spot_usd,
        linear={name: np.asarray(getattr(linear, name))[instrument] for name in linear.__dataclass_fields__},
        charge_long=np.asarray(gross.charge_long)[instrument],
        charge_short=np.asarray(gross.charge_short)[instrument],
        size=np.asarray(gross.size)[instrument],
    )


def account_place(report: MarginReport, account: str) -> int:
    """Place of an account on the account axis.

    Raises:
        InputError: An account that the report does not hold.
    """
    found = np.flatnonzero(report.inputs.ids == account)
    if len(found) == 0:
        raise InputError(report.inputs.source.file, "account", "an account of the report", repr(account))
    return int(found[0])


def _if(charged: bool, values: np.ndarray) -> np.ndarray:
    return values if charged else np.zeros(len(values))


def _grid(book: UnitBook, moves: np.ndarray) -> np.ndarray:
    """``[position, vol_state, move]`` P&L, moves in the order of the kernel's cells."""
    flat = book.column("price_vol")
    pnl = flat.reshape(len(flat), len(moves), len(VOL_COLUMNS)) + book.spot_part(moves)[:, :, None]
    total = pnl.sum(axis=0)

    def smaller(points: int, relative: int) -> np.ndarray:
        return np.where(total[:, points] <= total[:, relative], pnl[:, :, points], pnl[:, :, relative])

    return np.stack([smaller(*_UP), pnl[:, :, UNCHANGED], smaller(*_DOWN)], axis=1)


def _vega_term(shocked_vega: np.ndarray, rules: RuleTables) -> np.ndarray:
    """MR3 = kappa / 2 (sum |x_e| - |sum x_e|), by position."""
    x = shocked_vega.sum(axis=0)
    return shocked_vega @ (rules.vega_term_kappa / 2.0 * (np.sign(x) - np.sign(x.sum())))


def _basis(report: MarginReport, book: UnitBook, rules: RuleTables) -> np.ndarray:
    """MR4's gradient at the unit's buckets, the last of them the spot in use, times the position's own buckets."""
    counted = rules.basis.count_spot if isinstance(rules.basis, MatchedBasis) else 1.0
    delta = np.column_stack([book.column("tenor_delta"), book.spot_part(np.array(counted))])
    with jax.enable_x64(True):
        gradient = _basis_gradient(delta.sum(axis=0), report.result.bucket_moves[book.unit], rules.structure)
        return delta @ np.asarray(gradient)


@partial(jax.jit, static_argnums=2)
def _basis_gradient(delta: Array, moves: Array, structure: Structure) -> Array:
    return jax.grad(lambda x: mr4_basis.mr4(mr4_basis.charged_delta(list(x), structure), moves))(delta)


def _depeg(report: MarginReport, book: UnitBook, table: DepegTables | None) -> np.ndarray:
    delta = book.column("denominations")
    if table is None:
        return np.zeros(len(delta))
    delta[:, 2] += book.spot_part(np.array(1.0)) * table.count_spot
    net = delta.sum(axis=0)
    out = np.zeros(len(delta))
    for pair, charge in zip(PAIRS, pair_charges(report, net, table)[1], strict=True):
        if charge > 0:
            out += sum(charge / 2.0 * delta[:, side] / net[side] for side in pair)
    return out


def pair_charges(report: MarginReport, net_usd: np.ndarray, table: DepegTables) -> tuple[np.ndarray, np.ndarray]:
    """MR9's hedged volume and charge of each of ``PAIRS`` for a unit's net cash delta by denomination."""
    snapshot, currency = report.market.snapshot, report.market.universe.contracts.denomination_currency
    usdt, usdc = (float(snapshot.index_usd[c]) if c >= 0 else 1.0 for c in currency[:2])
    prices = np.array([usdt, float(snapshot.usdt_usdc), usdc])
    with jax.enable_x64(True):
        volumes, charges = _pair_charges(net_usd, prices, table)
        return np.asarray(volumes), np.asarray(charges)


@jax.jit
def _pair_charges(net_usd: Array, prices: Array, table: DepegTables) -> tuple[Array, Array]:
    factors = mr9_depeg.tier_factors(prices, table)
    volumes = mr9_depeg.hedged_volumes(list(net_usd))
    return jnp.stack(volumes), jnp.stack(mr9_depeg.pair_charges(list(net_usd), factors, table.upper))

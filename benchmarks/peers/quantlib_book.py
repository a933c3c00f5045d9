"""Every position of every account revalued in every scenario with QuantLib, as a risk system of trades would.

MR1's grid alone (seven prices by five volatilities), on a sample, to be extrapolated.
"""

from __future__ import annotations

import math

import numpy as np
import QuantLib as ql  # noqa: N813

from benchmarks.peers.book import MOVES, VOL_COLUMNS, Numbers, PeerBook
from shockgrid.market.market import Market

STATE_COLUMNS = ((0, 1), (2,), (3, 4))
"""The volatility columns of each state; the smaller P&L of the unit counts."""


def shocked_vols(numbers: Numbers, market: Market) -> np.ndarray:
    """``[instrument, column]``: up by points, up by percent, unchanged, down by points, down by percent."""
    shocks, days = numbers.rules.contracts.vol_shocks, market.snapshot.years * 365.0
    vol = market.snapshot.vol
    points, relative = np.interp(days, shocks.days, shocks.points), np.interp(days, shocks.days, shocks.relative)
    moved = np.stack([vol + points, vol * (1 + relative), vol - points, vol * (1 - relative)], axis=1)
    up, down = np.split(np.maximum(moved, shocks.floor), 2, axis=1)
    return np.concatenate([up, vol[:, None], down], axis=1)


def unit_grids(numbers: Numbers, book: PeerBook, market: Market, vols: np.ndarray) -> np.ndarray:
    """``[unit row, state, move]`` P&L of the derivatives of each unit in USD."""
    grids = np.zeros((len(book.unit_coin), MOVES, VOL_COLUMNS))
    for row in range(len(grids)):
        for e in range(book.unit_start[row], book.unit_start[row + 1]):
            instrument = int(book.instrument[e])
            grids[row] += book.quantity[e] * _contract_grid(numbers, market, vols, instrument)
    return np.stack([grids[:, :, columns].min(axis=2) for columns in STATE_COLUMNS], axis=1)


def _contract_grid(numbers: Numbers, market: Market, vols: np.ndarray, i: int) -> np.ndarray:
    """``[move, column]`` P&L of one contract in USD."""
    moves, index = numbers.moves[numbers.coin[i]], float(numbers.index_usd[numbers.coin[i]])
    size, snapshot = float(market.universe.contracts.contract_value[i]), market.snapshot
    if not numbers.is_option[i]:
        if market.universe.contracts.is_inverse[i]:
            pnl = size * (1.0 / snapshot.mark[i] - 1.0 / (snapshot.mark[i] + moves * index)) * index * (1.0 + moves)
        else:
            pnl = size * snapshot.quote_index[i] * moves * numbers.currency_usd[numbers.settle[i]]
        return np.repeat(pnl[:, None], VOL_COLUMNS, axis=1)
    kind = ql.Option.Call if market.universe.contracts.is_call[i] else ql.Option.Put
    strike, forward = float(market.universe.contracts.strike[i]), float(snapshot.forward[i])
    root, deviation = math.sqrt(snapshot.years[i]), vols[i].tolist()
    today = ql.blackFormula(kind, strike, forward, deviation[2] * root) / forward
    grid = np.empty((MOVES, VOL_COLUMNS))
    for m, move in enumerate(moves.tolist()):
        moved = forward + move * index
        scale = (1.0 + move) / moved
        for k in range(VOL_COLUMNS):
            grid[m, k] = ql.blackFormula(kind, strike, moved, deviation[k] * root) * scale - today
    return size * index * grid

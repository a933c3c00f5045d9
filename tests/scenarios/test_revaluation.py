"""The P&L of the unchanged cell is 0 to the bit, however the compiler cuts its loops."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import shockgrid as sg
from shockgrid.scenarios.revaluation import scenario_pnl

MOVES = np.array([0.0, 0.05, -0.05, 0.1, -0.1, 0.15, -0.15])
VOL_FACTORS = np.array([1.5, 1.2, 1.0, 0.8, 0.5])
UNCHANGED = 2


@pytest.mark.parametrize(("strikes", "expiries"), [(2, 1), (3, 2), (7, 3), (30, 10)])
@pytest.mark.parametrize("at_moved_index", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_unchanged_cell_is_zero_to_the_bit(strikes, expiries, at_moved_index, dtype):
    market = sg.synthetic_market(strikes_per_expiry=strikes, expiries=expiries)
    with jax.enable_x64(dtype == np.float64):
        contracts, snapshot = jax.tree.map(
            lambda x: x.astype(dtype) if x.dtype == np.float64 else x, (market.universe.contracts, market.snapshot)
        )
        moves = np.tile(MOVES.astype(dtype), (int(contracts.coin.max()) + 1, 1))
        arrays = jax.device_put((contracts, snapshot, moves, snapshot.vol[:, None] * VOL_FACTORS.astype(dtype)))
        pnl = jax.jit(lambda c, s, m, v: scenario_pnl(c, s, m, v, UNCHANGED, at_moved_index=at_moved_index))(*arrays)
    assert pnl.dtype == dtype
    pnl = np.asarray(pnl)
    np.testing.assert_array_equal(pnl[:, 0, UNCHANGED], 0.0)
    assert np.all(np.isfinite(pnl))
    assert np.all(np.any(pnl[:, 1:] != 0.0, axis=(1, 2)))

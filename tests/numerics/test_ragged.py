"""Sums over rows of unequal length against a loop over rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from shockgrid.numerics.ragged import SLICE_ROWS, UNROLL, map_ragged, pad_ragged, plan_ragged, ragged_shape, ragged_sum
from shockgrid.numerics.size_bucket import size_bucket

COLUMNS = 3
TABLE_ROWS = 40
LONGEST = 600

_rng = np.random.default_rng(17)
LENGTHS = {
    "no rows": [],
    "one empty row": [0],
    "only empty rows": [0] * 5,
    "one entry": [1],
    "lengths around the unrolled steps": [UNROLL - 1, UNROLL, UNROLL + 1, 2 * UNROLL, 0, 1],
    "one long row among empty ones": [0, 0, LONGEST, 0],
    "exactly one slice": [3] * SLICE_ROWS,
    "one row more than a slice": [*_rng.integers(0, 9, SLICE_ROWS).tolist(), LONGEST],
    "0 to 600 entries": _rng.integers(0, LONGEST + 1, 700).tolist(),
}


def random_rows(lengths, seed=1):
    rng = np.random.default_rng(seed)
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    column = rng.integers(0, TABLE_ROWS, start[-1])
    weight = rng.normal(size=start[-1]) * 10.0 ** rng.uniform(-6, 6, start[-1])
    return start, column, weight


def by_loop(start, column, weight, table):
    """``[row, column]`` sums, and the sums of absolute values: the scale of rounding."""
    sums, gross = (np.zeros((len(start) - 1, table.shape[1])) for _ in range(2))
    for row in range(len(start) - 1):
        for entry in range(start[row], start[row + 1]):
            term = weight[entry] * table[column[entry]]
            sums[row] += term
            gross[row] += np.abs(term)
    return sums, gross


def planned(row_start, column, weight):
    plan = plan_ragged(row_start, column, weight)
    return pad_ragged(plan, ragged_shape(plan))


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(2).normal(size=(TABLE_ROWS, COLUMNS))


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS.keys())
def test_sums_equal_a_loop(x64, table, lengths):
    rows = random_rows(lengths)
    expected, gross = by_loop(*rows, table)
    found = np.asarray(ragged_sum(planned(*rows), jnp.asarray(table)))
    assert found.dtype == np.float64
    assert found.shape == (size_bucket(len(lengths), SLICE_ROWS), COLUMNS)
    # The worst case of adding n numbers is n roundings of their absolute sum: 600 * 1.1e-16.
    assert (np.abs(found[: len(lengths)] - expected) <= LONGEST * np.finfo(float).eps / 2 * gross).all()


def test_rows_come_back_in_their_order_whatever_their_lengths(x64):
    """The plan sorts rows by length; each row here sums to its own number."""
    lengths = np.random.default_rng(3).permutation(np.arange(LONGEST // 2)) % 37
    lengths[0] = 0
    start = np.concatenate([[0], np.cumsum(lengths)])
    row = np.repeat(np.arange(len(lengths)), lengths)
    table = np.arange(len(lengths), dtype=float)[:, None]
    found = ragged_sum(planned(start, row, np.ones(len(row))), jnp.asarray(table))
    np.testing.assert_array_equal(np.asarray(found)[: len(lengths), 0], np.arange(len(lengths)) * lengths)


@pytest.mark.parametrize("n_rows", [0, 1, 9, SLICE_ROWS, SLICE_ROWS + 1])
def test_every_row_has_one_lane_and_padding_lanes_have_none(n_rows):
    plan = planned(*random_rows(np.arange(n_rows) % 7))
    lanes = np.sort(plan.row_of_lane.ravel())
    np.testing.assert_array_equal(lanes[:n_rows], np.arange(n_rows))
    assert (lanes[n_rows:] == n_rows).all()
    np.testing.assert_array_equal(plan.row_of_lane.ravel()[plan.lane_of_row[:n_rows]], np.arange(n_rows))


def test_finish_sees_every_row_and_its_sums(x64, table):
    lengths = np.arange(SLICE_ROWS + 40) % 11
    rows = random_rows(lengths)
    plan = planned(*rows)
    number, doubled = map_ragged(
        plan,
        lambda column, weight: weight[:, None] * jnp.asarray(table)[column],
        lambda sums, row: (row, 2.0 * sums),
        np.arange(len(lengths) + 1),
    )
    np.testing.assert_array_equal(np.asarray(number)[: len(lengths)], np.arange(len(lengths)))
    plain = np.asarray(ragged_sum(plan, jnp.asarray(table)))
    # A product and a sum may be rounded once here and twice there.
    np.testing.assert_allclose(np.asarray(doubled), 2.0 * plain, rtol=1e-12, atol=1e-9)


def test_float32_is_kept_without_x64(table):
    rows = random_rows([4, 0, 9])
    expected, gross = by_loop(*rows, table)
    found = np.asarray(ragged_sum(planned(*rows), jnp.asarray(table, jnp.float32)))
    assert found.dtype == np.float32
    # Nine additions, and each weight and table entry rounded to float32.
    assert (np.abs(found[:3] - expected) <= 11 * np.finfo(np.float32).eps * gross).all()


def test_books_of_one_size_bucket_share_a_compilation(x64, table):
    """Lengths of rows are data, not shapes."""
    summed = jax.jit(ragged_sum)
    # One slice of 256 rows, whose longest row fits one step of four entries: always the same number of packed entries.
    for lengths in ([4] * SLICE_ROWS, [3] * (SLICE_ROWS - 1) + [1], [*range(4)] * (SLICE_ROWS // 4)):
        rows = random_rows(lengths)
        expected, gross = by_loop(*rows, table)
        found = np.asarray(summed(planned(*rows), jnp.asarray(table)))
        assert (np.abs(found - expected) <= 1e-15 * gross).all()
    assert summed._cache_size() == 1

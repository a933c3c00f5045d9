"""Sums over rows of unequal length: ``out[r] = sum over entries e of row r of weight[e] * table[column[e]]``.

The layout is sliced ELLPACK (SELL-C-sigma, Kreutzer et al. 2014): rows are sorted by length and cut into slices of
``SLICE_ROWS``; a slice is padded to its own longest row and stored entry by entry across its rows. A slice's sums
stay in cache, padding is small whatever the distribution of lengths, and since the number of entries of a slice is
data and not a shape, one compilation serves all books of a size bucket. Padding has weight zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.numerics.shapes import AnyArray, Array, Float, Int
from shockgrid.numerics.size_bucket import size_bucket

SLICE_ROWS = 256
UNROLL = 4
"""Measured on two cores with 64 columns of float64: 256 rows by 4 entries is the fastest of 32..2048 by 1..8."""

T = TypeVar("T")
R = TypeVar("R")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RaggedPlan:
    """Rows packed into slices.

    Attributes:
        column: Table row of every entry, slice after slice; within one, entry by entry across the slice's rows.
        weight: Weight of every entry, 0 for padding.
        offset, steps: First entry of each slice, and its length in steps of ``UNROLL`` entries.
        row_of_lane: Row at each place of the slices, ``n_rows`` for padding.
        lane_of_row: The place of each row.
    """

    column: Int[AnyArray, " entry"]
    weight: Float[AnyArray, " entry"]
    offset: Int[AnyArray, " slice"]
    steps: Int[AnyArray, " slice"]
    row_of_lane: Int[AnyArray, "slice lane"]
    lane_of_row: Int[AnyArray, " row"]


def plan_ragged(row_start: np.ndarray, column: np.ndarray, weight: np.ndarray) -> RaggedPlan:
    """Pack CSR rows (NumPy, on the host).

    Args:
        row_start: ``[row + 1]`` first entry of each row.
        column: ``[entry]`` table row of each entry.
        weight: ``[entry]``.

    Returns:
        The plan, its sizes rounded up to size buckets; padding rows are empty.
    """
    length = np.diff(row_start)
    n_rows, lanes = len(length), SLICE_ROWS
    n_slices = size_bucket(-(-n_rows // lanes))
    order = np.argsort(-length, kind="stable")
    padded = np.zeros(n_slices * lanes, np.int64)
    padded[:n_rows] = length[order]
    steps = -(-padded.reshape(n_slices, lanes).max(axis=1) // UNROLL)
    size = steps * UNROLL * lanes
    offset = np.concatenate([[0], np.cumsum(size)[:-1]])
    lane_of_row = np.empty(n_rows, np.int64)
    lane_of_row[order] = np.arange(n_rows)
    row_of_lane = np.full(n_slices * lanes, n_rows, np.int64)
    row_of_lane[:n_rows] = order
    n_packed = size_bucket(int(size.sum()) + UNROLL * lanes)
    packed_column, packed_weight = np.zeros(n_packed, np.int32), np.zeros(n_packed)
    row = np.repeat(np.arange(n_rows), length)
    within = np.arange(len(column)) - np.repeat(row_start[:-1], length)
    lane = lane_of_row[row]
    place = offset[lane // lanes] + within * lanes + lane % lanes
    packed_column[place], packed_weight[place] = column, weight
    return RaggedPlan(
        column=packed_column,
        weight=packed_weight,
        offset=offset.astype(np.int32),
        steps=steps.astype(np.int32),
        row_of_lane=row_of_lane.reshape(n_slices, lanes).astype(np.int32),
        lane_of_row=_pad(lane_of_row, size_bucket(n_rows), 0).astype(np.int32),
    )


def _pad(values: np.ndarray, n: int, fill: float) -> np.ndarray:
    return np.concatenate([values, np.full(n - len(values), fill, values.dtype)])


def map_ragged(
    plan: RaggedPlan,
    term: Callable[[Int[Array, " lane"], Float[Array, " lane"]], T],
    finish: Callable[[T, Int[Array, " lane"]], R],
) -> R:
    """Sum ``term`` over the entries of every row, then ``finish`` the rows, slice by slice.

    Args:
        plan: The rows.
        term: ``(column, weight) -> pytree of [lane, ...]``, zero for weight zero.
        finish: ``(sums, row) -> pytree of [lane, ...]``, computed while the slice's sums are in cache; ``row`` is the
            row number, ``n_rows`` for padding.

    Returns:
        What ``finish`` returned, with the rows in their order in front (a size bucket of rows; drop the rest).
    """
    lanes = plan.row_of_lane.shape[1]

    def one_slice(args: tuple[Array, Array, Array]) -> R:
        offset, steps, row = args

        def step(k: Array, sums: T) -> T:
            start = offset + k * (UNROLL * lanes)
            column = jax.lax.dynamic_slice(plan.column, (start,), (UNROLL * lanes,)).reshape(UNROLL, lanes)
            weight = jax.lax.dynamic_slice(plan.weight, (start,), (UNROLL * lanes,)).reshape(UNROLL, lanes)
            for j in range(UNROLL):
                sums = jax.tree.map(jnp.add, sums, term(column[j], weight[j]))
            return sums

        shape = jax.eval_shape(term, plan.column[:lanes], plan.weight[:lanes])
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shape)
        return finish(jax.lax.fori_loop(0, steps, step, zero), row)

    by_slice = jax.lax.map(one_slice, (plan.offset, plan.steps, plan.row_of_lane))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[plan.lane_of_row], by_slice)


def ragged_sum(plan: RaggedPlan, table: Float[Array, "source column"]) -> Float[Array, "row column"]:
    """The weighted sums of table rows, in row order (a size bucket of rows; drop the rest)."""

    def term(column: Array, weight: Array) -> Array:
        # Chosen, not only multiplied: what is not finite in one row must not reach the rows that padding fills.
        return jnp.where(weight[:, None] != 0, weight[:, None] * table[column], 0.0)

    return map_ragged(plan, term, lambda sums, _: sums)

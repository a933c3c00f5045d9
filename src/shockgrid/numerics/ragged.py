"""Sums over rows of unequal length: ``out[r] = sum over entries e of row r of weight[e] * table[column[e]]``.

The layout is sliced ELLPACK (SELL-C-sigma, Kreutzer et al. 2014): rows are sorted by length and cut into slices of
``SLICE_ROWS``; a slice is padded to its own longest row and stored entry by entry across its rows. A slice's sums
stay in cache, padding is small whatever the distribution of lengths, and since the number of entries of a slice is
data and not a shape, one compilation serves all books that are padded to one shape. Padding has weight zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.numerics.ordering import compact, stable_order
from shockgrid.numerics.shapes import AnyArray, Array, Float, Int
from shockgrid.numerics.size_bucket import pad_axis, size_bucket

SLICE_ROWS = 256
UNROLL = 4
"""Measured on two cores with 64 columns of float64: 256 rows by 4 entries is the fastest of 32..2048 by 1..8."""

LEAST_ENTRIES = 1 << 14
"""Room for packed entries costs memory alone; this much holds a slice whose longest row has 64."""

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RaggedPlan:
    """Rows packed into slices.

    Attributes:
        column: Table row of every entry, slice after slice; within one, entry by entry across the slice's rows.
        weight: Weight of every entry, 0 for padding.
        offset, steps: First entry of each slice, and its length in steps of ``UNROLL`` entries.
        n_slices: How many of the slices hold rows.
        row_of_lane: Row at each place of the slices, ``n_rows`` for padding.
        lane_of_row: The place of each row.
    """

    column: Int[AnyArray, " entry"]
    weight: Float[AnyArray, " entry"]
    offset: Int[AnyArray, " slice"]
    steps: Int[AnyArray, " slice"]
    n_slices: Int[AnyArray, ""]
    row_of_lane: Int[AnyArray, "slice lane"]
    lane_of_row: Int[AnyArray, " row"]


class RaggedShape(NamedTuple):
    """Sizes of a plan's arrays: rows, slices, entries with their padding."""

    rows: int
    slices: int
    entries: int


def plan_ragged(
    row_start: np.ndarray, column: np.ndarray, weight: np.ndarray, lanes: int = SLICE_ROWS, entries: int = 0
) -> RaggedPlan:
    """Pack CSR rows (NumPy, on the host).

    Args:
        row_start: ``[row + 1]`` first entry of each row.
        column: ``[entry]`` table row of each entry.
        weight: ``[entry]``.
        lanes: Rows of a slice.
        entries: Room for so many packed entries, or more where they need it.
    """
    length = np.diff(row_start)
    n_rows = len(length)
    n_slices = -(-n_rows // lanes)
    order = stable_order(length.max(initial=0) - length)
    padded = np.zeros(n_slices * lanes, np.int64)
    padded[:n_rows] = length[order]
    steps = -(-padded.reshape(n_slices, lanes).max(axis=1, initial=0) // UNROLL)
    size = steps * UNROLL * lanes
    offset = np.cumsum(size) - size
    lane_of_row = np.empty(n_rows, np.int64)
    lane_of_row[order] = np.arange(n_rows)
    row_of_lane = np.full(n_slices * lanes, n_rows, np.int64)
    row_of_lane[:n_rows] = order
    n_packed = max(int(size.sum()), entries)
    packed_column, packed_weight = np.zeros(n_packed, np.int32), np.zeros(n_packed)
    dtype = compact(max(n_packed, len(column) * lanes))
    first = offset[lane_of_row // lanes] + lane_of_row % lanes - row_start[:-1] * lanes
    place = np.repeat(first.astype(dtype), length) + np.arange(0, len(column) * lanes, lanes, dtype=dtype)
    packed_column[place], packed_weight[place] = column, weight
    return RaggedPlan(
        column=packed_column,
        weight=packed_weight,
        offset=offset.astype(np.int32),
        steps=steps.astype(np.int32),
        n_slices=np.array(n_slices, np.int32),
        row_of_lane=row_of_lane.reshape(n_slices, lanes).astype(np.int32),
        lane_of_row=lane_of_row.astype(np.int32),
    )


def ragged_shape(plan: RaggedPlan) -> RaggedShape:
    """The size buckets that a plan fits in; a slice is full of lanes anyway, so small plans share theirs."""
    lanes = plan.row_of_lane.shape[1]
    rows = size_bucket(len(plan.lane_of_row), SLICE_ROWS)
    entries = size_bucket(max(len(plan.column), UNROLL * lanes), LEAST_ENTRIES)
    return RaggedShape(rows, size_bucket(-(-rows // lanes)), entries)


def pad_ragged(plan: RaggedPlan, shape: RaggedShape) -> RaggedPlan:
    """The plan with empty rows and unused entries appended, up to a shape that it fits in."""
    n_rows = len(plan.lane_of_row)
    return RaggedPlan(
        column=pad_axis(plan.column, shape.entries, 0),
        weight=pad_axis(plan.weight, shape.entries, 0.0),
        offset=pad_axis(plan.offset, shape.slices, 0),
        steps=pad_axis(plan.steps, shape.slices, 0),
        n_slices=plan.n_slices,
        row_of_lane=pad_axis(plan.row_of_lane, shape.slices, n_rows, axis=0),
        lane_of_row=pad_axis(plan.lane_of_row, shape.rows, 0),
    )


def map_ragged(
    plan: RaggedPlan,
    term: Callable[[Int[Array, " lane"], Float[Array, " lane"]], T],
    finish: Callable[[T, P], R],
    row_data: P,
) -> R:
    """Sum ``term`` over the entries of every row, then ``finish`` the rows, slice by slice.

    Args:
        plan: The rows.
        term: ``(column, weight) -> pytree of [lane, ...]``, zero for weight zero.
        finish: ``(sums, row_data) -> pytree of [lane, ...]``, computed while the slice's sums are in cache.
        row_data: Pytree of ``[row, ...]``, at least one row longer than the plan, which ``finish`` gets for its lanes;
            padding lanes get the first row beyond the plan.

    Returns:
        What ``finish`` returned, with the rows in their order in front (a size bucket of rows; drop the rest).
    """
    lanes = plan.row_of_lane.shape[1]
    plan, row_data = jax.tree.map(jnp.asarray, (plan, row_data))
    # Gathered for all slices at once: inside the loop XLA would repeat the gather in every result that reads it.
    of_lane = jax.tree.map(lambda x: x[plan.row_of_lane], row_data)

    def one_slice(i: Array) -> R:
        def step(k: Array, sums: T) -> T:
            start = plan.offset[i] + k * (UNROLL * lanes)
            column = jax.lax.dynamic_slice(plan.column, (start,), (UNROLL * lanes,)).reshape(UNROLL, lanes)
            weight = jax.lax.dynamic_slice(plan.weight, (start,), (UNROLL * lanes,)).reshape(UNROLL, lanes)
            for j in range(UNROLL):
                sums = jax.tree.map(jnp.add, sums, term(column[j], weight[j]))
            return sums

        zero = jax.tree.map(jnp.zeros_like, term(plan.column[:lanes], plan.weight[:lanes]))
        sums = jax.lax.fori_loop(0, plan.steps[i], step, zero)
        return finish(sums, jax.tree.map(lambda x: x[i], of_lane))

    def next_slice(i: Array, out: R) -> R:
        return jax.tree.map(lambda o, new: o.at[i].set(new), out, one_slice(i))

    # Of the first slice the shapes alone are wanted: XLA drops the rest.
    like = one_slice(jnp.zeros((), jnp.int32))
    out = jax.tree.map(lambda x: jnp.zeros((len(plan.offset), *x.shape), x.dtype), like)
    out = jax.lax.fori_loop(0, plan.n_slices, next_slice, out)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[plan.lane_of_row], out)


def ragged_sum(plan: RaggedPlan, table: Float[Array, "source column"]) -> Float[Array, "row column"]:
    """The weighted sums of table rows, in row order (a size bucket of rows; drop the rest)."""

    def term(column: Array, weight: Array) -> Array:
        # Chosen, not only multiplied: what is not finite in one row must not reach the rows that padding fills.
        return jnp.where(weight[:, None] != 0, weight[:, None] * table[column], 0.0)

    return map_ragged(plan, term, lambda sums, _: sums, None)

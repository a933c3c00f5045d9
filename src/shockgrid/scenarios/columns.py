"""Values of instruments spread over columns."""

from __future__ import annotations

import jax

from shockgrid.numerics.shapes import Array, Float, Int


def in_column(
    values: Float[Array, " instrument"], column: Int[Array, " instrument"], n_columns: int
) -> Float[Array, "instrument column"]:
    """Each value in its own column, 0 in the others."""
    return values[:, None] * jax.nn.one_hot(column, n_columns, dtype=values.dtype)

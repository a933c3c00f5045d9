"""Functions of rows on the host: NumPy in, NumPy out, float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from shockgrid.numerics.size_bucket import LEAST_ROWS, size_bucket


def padded_rows(function: Callable[..., Any], *rows: np.ndarray) -> Any:
    """``function(*rows)`` of a jitted function, with ones appended up to a size bucket, so that few sizes compile.

    Args:
        function: ``[row, ...] arrays -> pytree of [row, ...]``, each row by itself.
        rows: As many rows each.
    """
    n = len(rows[0])
    more = size_bucket(n, LEAST_ROWS) - n
    padded = [np.pad(np.asarray(x), [(0, more)] + [(0, 0)] * (np.ndim(x) - 1), constant_values=1) for x in rows]
    with jax.enable_x64(True):
        return jax.tree.map(lambda x: np.asarray(x)[:n], function(*padded))

"""Array sizes that jitted functions see, so that similar inputs share one compilation."""

from __future__ import annotations

import numpy as np

LEAST_ROWS = 64
"""Of rows that are worked out one by one."""


def size_bucket(n: int, least: int = 1) -> int:
    """The smallest bucket that holds ``n``: 1 to 8, then 10, 12, 14, 16, 20, ... (four an octave).

    Padding is then at most a quarter, and a factor of a thousand in size meets 40 shapes.

    Args:
        n: The size.
        least: No bucket is smaller: where small sizes cost next to nothing, they should share one compilation.
    """
    n = max(n, least)
    if n <= 8:
        return max(n, 1)
    step = 1 << ((n - 1).bit_length() - 3)
    return -(-n // step) * step


def pad_axis(values: np.ndarray, n: int, fill: float, axis: int = -1) -> np.ndarray:
    """``values`` with ``fill`` appended along ``axis`` up to length ``n``."""
    shape = list(values.shape)
    if shape[axis] == n:
        return values
    shape[axis] = n - shape[axis]
    return np.concatenate([values, np.full(shape, fill, values.dtype)], axis=axis)

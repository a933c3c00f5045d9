"""Black-76 values of many options on the host, for readers and generators: NumPy in, NumPy out, float64."""

from __future__ import annotations

import jax
import numpy as np

from shockgrid.numerics.padded_rows import padded_rows
from shockgrid.pricing import black76

_value_coin = jax.jit(black76.value_coin)


def coin_values(
    forward: np.ndarray, strike: np.ndarray, vol: np.ndarray, years: np.ndarray, is_call: np.ndarray
) -> np.ndarray:
    """``black76.value_coin`` of flat arrays."""
    return padded_rows(_value_coin, forward, strike, vol, years, is_call)

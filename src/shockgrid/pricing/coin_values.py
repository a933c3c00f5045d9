"""Black-76 values of many options on the host, for readers and generators: NumPy in, NumPy out, float64."""

from __future__ import annotations

import jax
import numpy as np

from shockgrid.numerics.size_bucket import size_bucket
from shockgrid.pricing import black76

_value_coin = jax.jit(black76.value_coin)


def coin_values(
    forward: np.ndarray, strike: np.ndarray, vol: np.ndarray, years: np.ndarray, is_call: np.ndarray
) -> np.ndarray:
    """``black76.value_coin`` of flat arrays, padded to a size bucket so that few sizes compile."""
    padding = (0, size_bucket(len(forward)) - len(forward))
    padded = [np.pad(np.asarray(x), padding, constant_values=1) for x in (forward, strike, vol, years, is_call)]
    with jax.enable_x64(True):
        return np.asarray(_value_coin(*padded))[: len(forward)]

"""``sg.implied_vol``: volatilities of many quotes on the host, NumPy in, NumPy out, float64."""

from __future__ import annotations

import jax
import numpy as np
from numpy.typing import ArrayLike

from shockgrid.numerics.size_bucket import LEAST_ROWS, pad_axis, size_bucket
from shockgrid.pricing.implied_vol import ImpliedVol
from shockgrid.pricing.implied_vol import implied_vol as kernel

_implied_vol = jax.jit(kernel)


def implied_vol(
    value_coin: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, is_call: ArrayLike
) -> ImpliedVol:
    """Black-76 volatility of option prices; nothing is raised for a price that has none, its status says why.

    Args:
        value_coin: Undiscounted price in coin per coin of underlying, as coin-settled options are quoted; a price in
            USD divided by the forward.
        forward: USD, above 0.
        strike: USD, above 0.
        years: Time to expiry in years, above 0.
        is_call: Call, else put.

    Returns:
        ``vol``, annualised, and ``status``, in the shape to which the arguments broadcast; a status is a place in
        ``shockgrid.pricing.implied_vol.STATUS``, where its meaning stands, and how exact the volatility is.
    """
    arrays = np.broadcast_arrays(*(np.asarray(x, float) for x in (value_coin, forward, strike, years)), is_call)
    shape, n = arrays[0].shape, size_bucket(arrays[0].size, LEAST_ROWS)
    flat = [pad_axis(x.ravel(), n, 1) for x in arrays]
    with jax.enable_x64(True):
        found = jax.device_get(_implied_vol(*flat[:4], flat[4].astype(bool)))
    return jax.tree.map(lambda x: np.asarray(x)[: int(np.prod(shape))].reshape(shape), found)

"""Black-76 on a grid of scenarios, and its inverse: warm, compiled, in both precisions, against peers, and checked.

The grid has seven forwards and five volatilities for each option, as a margin rule has. Peers, measured in the same
run: NumPy with SciPy (logarithms shared, in blocks that stay in cache; one thread), numba (parallel, without fastmath),
and QuantLib called from Python for each evaluation (on a sample, and per evaluation). The inverse is compared to
SciPy's two vectorised root finders and to QuantLib's. Peers that are not installed are reported as such.

    python -m benchmarks.pricing
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import newton
from scipy.optimize.elementwise import find_root
from scipy.special import ndtr

from benchmarks.protocol import seconds, write
from shockgrid.pricing import black76
from shockgrid.pricing.implied_vol import STATUS, implied_vol

OPTIONS = (1_000, 100_000)
MOVES = np.array([0.0, 0.05, -0.05, 0.1, -0.1, 0.15, -0.15])
VOL_FACTORS = np.array([1.5, 1.2, 1.0, 0.8, 0.6])
INDEX_USD = 60_000.0
BLOCK = 1_000
QUANTLIB_CELLS = 20_000
QUANTLIB_ROOTS = 2_000
NOT_INSTALLED = "not installed"

value_grid = jax.jit(black76.value_grid_coin)
value_cells = jax.jit(lambda *terms: black76.value_coin(*_by_cell(jnp.broadcast_arrays, *terms)))
solve = jax.jit(implied_vol)


def main() -> None:
    """Measure, print and write ``results/pricing.json``."""
    results: dict[str, object] = {
        "grid": {str(count): measure_grid(count) for count in OPTIONS},
        "implied_vol": {str(count): measure_implied_vol(count) for count in OPTIONS},
    }
    print(json.dumps(results, indent=2))
    print("written to", write("pricing", results))


def measure_grid(count: int) -> dict[str, object]:
    terms = _options(count)
    with jax.enable_x64(True):
        double = jax.device_put(terms)
        compile_s = {"float64": _compile_seconds(value_grid, double)}
        ours = np.asarray(value_grid(*double))
        times: dict[str, Any] = {
            "shockgrid float64": seconds(lambda: value_grid(*double)),
            "shockgrid float64, each cell by itself": seconds(lambda: value_cells(*double)),
        }
    single = jax.device_put(_as_float32(terms))
    compile_s["float32"] = _compile_seconds(value_grid, single)
    times["shockgrid float32"] = seconds(lambda: value_grid(*single))
    differences = {"float32": _difference(np.asarray(value_grid(*single)), ours)}
    for name, peer in (("numpy_scipy", scipy_grid), ("numba", numba_grid())):
        if peer is None:
            times[name] = NOT_INSTALLED
        else:
            differences[name] = _difference(peer(*terms), ours)
            times[name] = seconds(lambda peer=peer: peer(*terms))
    return {
        "cells": ours.size,
        "compile_s": compile_s,
        "warm": times,
        "million_per_s": {k: ours.size / t["median_s"] / 1e6 for k, t in times.items() if isinstance(t, dict)},
        "quantlib": _quantlib_grid(terms, ours, times["shockgrid float64"]["median_s"] / ours.size),
        "ratios_over_shockgrid_float64": _ratios(times, "shockgrid float64"),
        "largest_difference_to_float64": differences,
    }


def measure_implied_vol(count: int) -> dict[str, object]:
    """Out-of-the-money options to three deviations; all methods are given the same prices."""
    forward, strike, vols, years, _ = _options(count)
    is_call, vol = strike >= INDEX_USD, vols[:, 2].copy()
    with jax.enable_x64(True):
        options = (forward[:, 0].copy(), strike, years, is_call)
        value = np.asarray(jax.jit(black76.value_coin)(options[0], strike, vol, years, is_call))
        double = jax.device_put((value, *options))
        compile_s = _compile_seconds(solve, double)
        found = solve(*double)
        times: dict[str, Any] = {"shockgrid float64": seconds(lambda: solve(*double))}
    single = jax.device_put(_as_float32((value, *options)))
    times["shockgrid float32"] = seconds(lambda: solve(*single))
    x, fraction = np.abs(np.log(strike / INDEX_USD)), value / np.minimum(1.0, strike / INDEX_USD)
    root = np.sqrt(years)
    errors = {"shockgrid float64": _error(found.vol, vol), "shockgrid float32": _error(solve(*single).vol, vol)}
    for name, peer in (("scipy newton", newton_deviation), ("scipy find_root", bracketed_deviation)):
        times[name] = seconds(lambda peer=peer: peer(x, fraction))
        errors[name] = _error(peer(x, fraction) / root, vol)
    return {
        "compile_s": compile_s,
        "not_ok": int(np.count_nonzero(np.asarray(found.status) != STATUS.index("ok"))),
        "warm": times,
        "million_per_s": {name: count / t["median_s"] / 1e6 for name, t in times.items()},
        "quantlib": _quantlib_roots(strike, value, is_call, vol * root, times["shockgrid float64"]["median_s"] / count),
        "ratios_over_shockgrid_float64": _ratios(times, "shockgrid float64"),
        "largest_relative_error": errors,
    }


def scipy_grid(forward, strike, vol, years, is_call) -> np.ndarray:
    """The out-of-the-money side by two ``ndtr``, logarithms and roots shared, a block of options at a time."""
    values = np.empty((len(strike), forward.shape[1], vol.shape[1]))
    for start in range(0, len(strike), BLOCK):
        part = slice(start, start + BLOCK)
        _scipy_block(forward[part], strike[part], vol[part], years[part], is_call[part], values[part])
    return values


def _scipy_block(forward, strike, vol, years, is_call, values) -> None:
    ratio = strike[:, None] / forward
    deviation = vol * np.sqrt(years)[:, None]
    sign = np.where(ratio >= 1.0, 1.0, -1.0)
    distance = (-sign * np.log(ratio))[:, :, None] * (1.0 / deviation)[:, None, :]
    half = sign[:, :, None] * (0.5 * deviation)[:, None, :]
    np.subtract(ndtr(distance + half), ratio[:, :, None] * ndtr(distance - half), out=values)
    values *= sign[:, :, None]
    intrinsic = np.where(is_call[:, None] == (sign > 0), 0.0, np.abs(1.0 - ratio))
    values += intrinsic[:, :, None]


def numba_grid() -> Callable[..., np.ndarray] | None:
    """The same as a parallel loop over options, with ``math.erfc``; None without numba."""
    try:
        import numba  # noqa: PLC0415
    except ImportError:
        return None

    @numba.njit(parallel=True, fastmath=False)
    def grid(forward, strike, vol, years, is_call):
        moves, columns = forward.shape[1], vol.shape[1]
        values = np.empty((len(strike), moves, columns))
        for i in numba.prange(len(strike)):
            root = math.sqrt(years[i])
            for j in range(moves):
                ratio = strike[i] / forward[i, j]
                log_ratio, sign = math.log(ratio), 1.0 if ratio >= 1.0 else -1.0
                intrinsic = 0.0 if is_call[i] == (sign > 0.0) else abs(1.0 - ratio)
                for c in range(columns):
                    deviation = vol[i, c] * root
                    d1 = -log_ratio / deviation + 0.5 * deviation
                    first = 0.5 * math.erfc(-sign * d1 * math.sqrt(0.5))
                    second = 0.5 * math.erfc(-sign * (d1 - deviation) * math.sqrt(0.5))
                    values[i, j, c] = sign * (first - ratio * second) + intrinsic
        return values

    return grid


def newton_deviation(x: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Newton's method from the inflection point of the price, where it cannot leave the right side."""

    def miss(s):
        return ndtr(s / 2 - x / s) - np.exp(x) * ndtr(-s / 2 - x / s) - fraction

    def vega(s):
        return np.exp(-0.5 * (x / s - s / 2) ** 2) / math.sqrt(2.0 * math.pi)

    return np.asarray(newton(miss, np.sqrt(2.0 * x), fprime=vega, tol=1e-13, maxiter=100))


def bracketed_deviation(x: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Chandrupatla's method, the bracketing one that SciPy has vectorised."""

    def miss(s, x, fraction):
        return ndtr(s / 2 - x / s) - np.exp(x) * ndtr(-s / 2 - x / s) - fraction

    found = find_root(miss, (np.full_like(x, 1e-6), np.full_like(x, 20.0)), args=(x, fraction))
    return found.x


def _quantlib_grid(terms, ours, per_evaluation_s: float) -> dict[str, object] | str:
    """``blackFormula`` by a Python loop over a sample of cells, arguments made before the clock starts."""
    try:
        import QuantLib  # noqa: PLC0415
    except ImportError:
        return NOT_INSTALLED
    forward, strike, vol, years, is_call = (np.asarray(x).ravel() for x in _by_cell(np.broadcast_arrays, *terms))
    sample = np.random.default_rng(1).choice(ours.size, min(QUANTLIB_CELLS, ours.size), replace=False)
    kind = {True: QuantLib.Option.Call, False: QuantLib.Option.Put}
    kinds = [kind[bool(c)] for c in is_call[sample]]
    columns = [x[sample].tolist() for x in (strike, forward, vol * np.sqrt(years))]
    calls = list(zip(kinds, *columns, strict=True))
    found = np.array([QuantLib.blackFormula(*call) for call in calls]) / forward[sample]
    times = seconds(lambda: [QuantLib.blackFormula(*call) for call in calls])
    per_call_s = times["median_s"] / len(calls)
    return {
        "sample": len(calls),
        "s_per_evaluation": per_call_s,
        "ratio_over_shockgrid_float64": per_call_s / per_evaluation_s,
        "largest_difference_to_float64": _difference(found, ours.ravel()[sample]),
    }


def _quantlib_roots(strike, value, is_call, deviation, per_evaluation_s: float) -> dict[str, object] | str:
    try:
        import QuantLib  # noqa: PLC0415
    except ImportError:
        return NOT_INSTALLED
    count = min(QUANTLIB_ROOTS, len(strike))
    kind = {True: QuantLib.Option.Call, False: QuantLib.Option.Put}
    calls = [
        (kind[bool(c)], k, INDEX_USD, v * INDEX_USD, 1.0, 0.0, 1.1 * s, 1e-12)
        for c, k, v, s in zip(*(a[:count].tolist() for a in (is_call, strike, value, deviation)), strict=True)
    ]
    found = np.array([QuantLib.blackFormulaImpliedStdDev(*call) for call in calls])
    times = seconds(lambda: [QuantLib.blackFormulaImpliedStdDev(*call) for call in calls])
    per_call_s = times["median_s"] / count
    return {
        "sample": count,
        "s_per_evaluation": per_call_s,
        "ratio_over_shockgrid_float64": per_call_s / per_evaluation_s,
        "largest_relative_error": _error(found, deviation[:count]),
        "note": "started 10 % from the answer",
    }


def _options(count: int) -> tuple[np.ndarray, ...]:
    """A day to a year, volatility 30 % to 120 %, strikes to three deviations, at every forward and volatility."""
    rng = np.random.default_rng(76)
    years, vol = np.exp(rng.uniform(np.log(1 / 365), 0.0, count)), rng.uniform(0.3, 1.2, count)
    strike = INDEX_USD * np.exp(rng.uniform(-3, 3, count) * vol * np.sqrt(years))
    forward = np.broadcast_to(INDEX_USD * (1.0 + MOVES), (count, len(MOVES))).copy()
    return forward, strike, vol[:, None] * VOL_FACTORS, years, rng.random(count) < 0.5


def _by_cell(broadcast: Callable[..., Any], forward, strike, vol, years, is_call) -> Any:
    return broadcast(
        forward[:, :, None], strike[:, None, None], vol[:, None, :], years[:, None, None], is_call[:, None, None]
    )


def _as_float32(terms):
    return tuple(x if x.dtype == bool else x.astype(np.float32) for x in terms)


def _compile_seconds(function, args) -> float:
    lowered = function.lower(*args)
    start = time.perf_counter()
    lowered.compile()
    return time.perf_counter() - start


def _ratios(times, name: str) -> dict[str, float]:
    base = times[name]["median_s"]
    return {key: t["median_s"] / base for key, t in times.items() if key != name and isinstance(t, dict)}


def _difference(found, expected) -> float:
    """Largest difference in coin, relative where the value is above one coin."""
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, expected)))


def _error(found, expected) -> float:
    return float(np.max(np.abs(np.asarray(found, np.float64) / expected - 1.0)))


if __name__ == "__main__":
    main()

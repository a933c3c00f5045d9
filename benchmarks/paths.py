"""Path-steps a second: geometric Brownian motion against NumPy and numba, Heston and Merton against QuantLib.

All store every step of every path. NumPy draws float32 normals with SFC64, one thread a core, and adds them up in
place; numba draws and adds in one parallel loop; QuantLib's generators give one path at a time, timed on fewer.

    python -m benchmarks.paths
"""

from __future__ import annotations

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import QuantLib as ql  # noqa: N813 - its own documentation's name

import shockgrid as sg
from benchmarks.protocol import seconds, write
from shockgrid.montecarlo.path_config import PathConfig

PATHS, STEPS = 1 << 19, 64
QL_PATHS = 4_000
VOL, STEP_DAYS = 0.6, 1.0
DT = STEP_DAYS / 365
HESTON = {"variance": 0.2, "long_variance": 0.25, "reversion": 4.0, "vol_of_vol": 1.2, "drift": 0.0}


def main() -> None:
    """Measure, print and write ``results/paths.json``."""
    results = {"paths": PATHS, "steps": STEPS, "gbm": gbm(), "merton": merton(), "heston": heston()}
    print(json.dumps(results, indent=2))
    print("written to", write("paths", results))


def config(**changes: Any) -> PathConfig:
    base: dict[str, Any] = {"name": "b", "summary": "", "file": "b", "generator": "threefry4x32", "steps": STEPS}
    base |= {"step_days": STEP_DAYS, "paths": PATHS, "antithetic": False, "precision": "float32"}
    return PathConfig(**(base | {"price_model": "gbm", "prices": {"BTC": {"drift": 0.0, "vol": VOL}}} | changes))


def rate(timing: dict[str, Any], paths: int = PATHS) -> float:
    return paths * STEPS / timing["median_s"] / 1e6


def gbm() -> dict[str, Any]:
    names = ("threefry4x32", "philox4x32")
    found = {name: seconds(lambda g=name: sg.draw_paths(config(generator=g), seed=1)) for name in names}
    cores = len(os.sched_getaffinity(0))
    streams = [np.random.Generator(np.random.SFC64(i)) for i in range(cores)]
    paths = np.empty((PATHS, STEPS), np.float32)
    parts = np.array_split(paths, cores)

    def one(stream: np.random.Generator, part: np.ndarray) -> None:
        scale, mean = np.float32(VOL * math.sqrt(DT)), np.float32(-(VOL**2) / 2 * DT)
        for block in np.array_split(part, max(len(part) // 4096, 1)):
            stream.standard_normal(dtype=np.float32, out=block)
            np.multiply(block, scale, out=block)
            np.add(block, mean, out=block)
            np.cumsum(block, axis=1, out=block)

    def numpy_paths() -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(one, streams, parts))

    peer, fused = seconds(numpy_paths), seconds(lambda: _numba_paths(paths, VOL * math.sqrt(DT), -(VOL**2) / 2 * DT))
    deviation = float(sg.draw_paths(config(), seed=1).values[:, -1, 0].astype(float).std())
    return {
        "millions_a_second": {name: rate(timing) for name, timing in found.items()},
        "numpy_millions_a_second": rate(peer),
        "numba_millions_a_second": rate(fused),
        "timings": found | {"numpy": peer, "numba": fused},
        "deviation_over_expected": deviation / (VOL * math.sqrt(DT * STEPS)),
    }


@numba.njit(parallel=True, fastmath=True)
def _numba_paths(out: np.ndarray, scale: float, mean: float) -> None:
    for i in numba.prange(out.shape[0]):
        x = 0.0
        for j in range(out.shape[1]):
            x += mean + scale * np.random.standard_normal()  # noqa: NPY002 - numba's own
            out[i, j] = x


def merton() -> dict[str, Any]:
    jumps = {"BTC": {"intensity": 10.0, "mean": -0.02, "sd": 0.05}}
    ours = seconds(lambda: sg.draw_paths(config(jumps=jumps), seed=1))
    peer = seconds(lambda: _quantlib(_black_scholes(), 1))
    return _against(ours, peer, "QuantLib has no path generator with jumps: its diffusion alone")


def heston() -> dict[str, Any]:
    prices = {"BTC": HESTON}
    run = config(price_model="heston", prices=prices, correlation={"price.BTC": {"variance.BTC": -0.5}})
    return _against(seconds(lambda: sg.draw_paths(run, seed=1)), seconds(lambda: _quantlib(_heston(), 2)), "")


def _against(ours: dict[str, Any], peer: dict[str, Any], note: str) -> dict[str, Any]:
    both = {"millions_a_second": rate(ours), "quantlib_millions_a_second": rate(peer, QL_PATHS)}
    ratio = {"ratio": both["millions_a_second"] / both["quantlib_millions_a_second"], "note": note}
    return both | ratio | {"timings": {"ours": ours, "quantlib": peer}}


def _curves() -> tuple[ql.YieldTermStructureHandle, ql.QuoteHandle]:
    flat = ql.FlatForward(ql.Date(1, 1, 2025), 0.0, ql.Actual365Fixed())
    return ql.YieldTermStructureHandle(flat), ql.QuoteHandle(ql.SimpleQuote(100.0))


def _black_scholes() -> ql.StochasticProcess:
    curve, spot = _curves()
    vol = ql.BlackConstantVol(ql.Date(1, 1, 2025), ql.NullCalendar(), VOL, ql.Actual365Fixed())
    return ql.BlackScholesMertonProcess(spot, curve, curve, ql.BlackVolTermStructureHandle(vol))


def _heston() -> ql.StochasticProcess:
    curve, spot = _curves()
    h = HESTON
    exact = ql.HestonProcess.QuadraticExponentialMartingale
    terms = (h["variance"], h["reversion"], h["long_variance"], h["vol_of_vol"], -0.5)
    return ql.HestonProcess(curve, curve, spot, *terms, exact)


def _quantlib(process: ql.StochasticProcess, factors: int) -> None:
    uniform = ql.UniformRandomSequenceGenerator(factors * STEPS, ql.UniformRandomGenerator(42))
    normal = ql.GaussianRandomSequenceGenerator(uniform)
    grid = [i * DT for i in range(STEPS + 1)]
    if factors == 1:
        generator: Any = ql.GaussianPathGenerator(process, STEPS * DT, STEPS, normal, False)
    else:
        generator = ql.GaussianMultiPathGenerator(process, grid, normal, False)
    for _ in range(QL_PATHS):
        generator.next()


if __name__ == "__main__":
    main()

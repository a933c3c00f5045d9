"""What holds for paths of every model."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.montecarlo import blocks
from shockgrid.montecarlo.joint_model import FellerWarning, joint_model
from tests.montecarlo.configs import config

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(4)
HISTORY = RNG.standard_t(4, size=(400, 2)) * 0.02 @ np.array([[1.0, 0.7], [0.0, 0.7]])
HESTON = {"drift": 0.0, "variance": 0.3, "long_variance": 0.4, "reversion": 4.0, "vol_of_vol": 1.0}
GBM = {"drift": 0.0, "vol": 0.6}
JUMPS = {"jumps": {"BTC": {"intensity": 20.0, "mean": -0.03, "sd": 0.05}}}
SHARED = {"shared_intensity": 12.0, "shared": {c: {"mean": -0.05, "sd": 0.04} for c in ("BTC", "ETH")}}
FACTORS = {"vol.BTC": {"reversion": 10.0, "sd": 1.0}, "peg.USDT": {"reversion": 300.0, "sd": 0.01}}
PEGS = {"USDT": {"intensity": 2.0, "crash_probability": 0.5, "mean_depth": 0.05, "recovery": 50.0}}
TWO = {"correlation": {"price.BTC": {"price.ETH": 0.8, "vol.BTC": -0.4}, "price.ETH": {"vol.BTC": -0.3}}}
MODELS = {
    "gbm": {"prices": {"BTC": GBM, "ETH": GBM}},
    "jumps": {"prices": {"BTC": GBM, "ETH": GBM}, "factors": FACTORS, "pegs": PEGS, **JUMPS, **SHARED, **TWO},
    "heston": {
        "price_model": "heston",
        "prices": {"BTC": HESTON, "ETH": HESTON},
        "correlation": {"price.BTC": {"price.ETH": 0.6, "variance.BTC": -0.5}, "price.ETH": {"variance.ETH": -0.5}},
    },
    "bootstrap": {
        "price_model": "bootstrap",
        "prices": {"BTC": {"drift": 0.0}, "ETH": {"drift": 0.0}},
        "restart": 0.2,
        "history": HISTORY,
    },
    "filtered_bootstrap": {
        "price_model": "filtered_bootstrap",
        "prices": {coin: {"drift": 0.0, "alpha": 0.08, "beta": 0.9} for coin in ("BTC", "ETH")},
        "history": HISTORY,
    },
}
pytestmark = pytest.mark.filterwarnings("ignore::shockgrid.montecarlo.joint_model.FellerWarning")


@pytest.mark.parametrize("model", MODELS)
def test_prices_are_martingales(model):
    run = config(**MODELS[model], precision="float64")
    factor = np.exp(sg.draw_paths(run, seed=1, paths=1 << 17).values[:, :, :2])
    error = factor.std(axis=0) / math.sqrt(len(factor))
    assert (np.abs(factor.mean(axis=0) - 1.0) <= 4.2 * error + 1e-12).all()
    assert (error[1:] > 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_a_smaller_set_is_the_beginning_of_a_larger_one(model):
    run, n = config(**MODELS[model]), blocks.BLOCK
    whole = sg.draw_paths(run, seed=9, paths=3 * n).values
    assert np.array_equal(sg.draw_paths(run, seed=9, paths=n + 5).values, whole[: n + 5])
    options = {"generator": run.generator, "antithetic": False, "precision": "float32"}
    part = blocks.draw_paths(joint_model(run), 9, n, run.steps, first=n, **options)
    assert np.array_equal(part, whole[n : 2 * n])
    assert not np.array_equal(whole[:n, 1:], whole[n : 2 * n, 1:])
    assert not np.array_equal(sg.draw_paths(run, seed=10, paths=n).values, whole[:n])


DIGEST = """
import hashlib, sys
import shockgrid as sg
paths = sg.draw_paths(sg.load_path_config("configs/montecarlo/heston.toml"), seed=3)
print(hashlib.sha256(paths.values.tobytes()).hexdigest())
"""


def test_devices_change_no_bit(monkeypatch):
    found = set()
    for n in (1, 2):
        monkeypatch.setenv("XLA_FLAGS", f"--xla_force_host_platform_device_count={n}")
        done = subprocess.run([sys.executable, "-c", DIGEST], cwd=ROOT, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_without_noise_paths_are_the_market_rolled_forward():
    still = {"drift": 0.0, "vol": 0.0}
    flat = {"drift": 0.0, "variance": 0.0, "long_variance": 0.0, "reversion": 1.0, "vol_of_vol": 0.0}
    none = {"vol.BTC": {"reversion": 1.0, "sd": 0.0}, "basis.BTC": {"reversion": 1.0, "sd": 0.0}}
    market = sg.read_market(ROOT / "examples/market.json")
    for changes in ({"prices": {"BTC": still}}, {"price_model": "heston", "prices": {"BTC": flat}}):
        paths = sg.draw_paths(config(**changes, factors=none), seed=2, paths=3)
        assert not np.delete(paths.values, [i for i, c in enumerate(paths.columns) if "variance" in c], axis=2).any()
        moved, rolled = paths.market(market, 1, 4), sg.shock(market, time=4.0)
        assert moved.time == rolled.time
        for name in ("mark", "forward", "vol"):
            np.testing.assert_array_equal(getattr(moved.table, name), getattr(rolled.table, name))
        assert dict(moved.index) == dict(rolled.index)


def test_antithetic_paths_mirror_each_other():
    paths = sg.draw_paths(config(antithetic=True, prices={"BTC": GBM}), seed=4, paths=100).values[:, -1, 0]
    drift = -(0.6**2) / 2 * 10 / 365
    np.testing.assert_allclose(paths[::2] + paths[1::2], 2 * drift, atol=1e-6)


@pytest.mark.parametrize("generator", ["threefry4x32", "philox4x32", "threefry2x32"])
def test_moments_and_correlations_are_those_of_the_configuration(generator):
    run = config(**(MODELS["jumps"] | {"jumps": {}, "shared_intensity": 0.0}), generator=generator, precision="float64")
    x = np.diff(sg.draw_paths(run, seed=6, paths=20_000).values[:, :, :3], axis=1).reshape(-1, 3)
    n = len(x)
    assert x[:, 0].std() == pytest.approx(0.6 / math.sqrt(365), rel=5 / math.sqrt(2 * n))
    found = np.corrcoef(x, rowvar=False)
    for i, j, rho in ((0, 1, 0.8), (0, 2, -0.4), (1, 2, -0.3)):
        assert found[i, j] == pytest.approx(rho, abs=5 * (1 - rho**2) / math.sqrt(n) + 0.01)


def test_jumps_come_as_often_and_as_large_as_configured():
    jumps = {"BTC": {"intensity": 50.0, "mean": 0.5, "sd": 0.0}}
    run = config(prices={"BTC": {"drift": 0.0, "vol": 0.0}}, jumps=jumps, steps=1, step_days=10.0, precision="float64")
    paths = sg.draw_paths(run, seed=8, paths=200_000).values[:, 1, 0]
    expected = 50.0 * 10 / 365
    counts = (paths + expected * math.expm1(0.5)) / 0.5
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    share = np.bincount(np.round(counts).astype(int), minlength=6)[:6] / len(counts)
    poisson = [math.exp(-expected) * expected**k / math.factorial(k) for k in range(6)]
    assert np.abs(share - poisson).max() < 4.2 * 0.5 / math.sqrt(len(counts))


def test_the_bootstrap_keeps_clustered_volatility(shared):
    """Autocorrelation of squared hourly returns of BTC, which independent draws would lose."""
    frame = pd.read_parquet(shared / "data/spot/binance_spot_1h_2024.parquet")
    close = frame.loc[frame.pair == "BTC/USDT", "close"].to_numpy(float)[:3000]
    history = np.diff(np.log(close))[:, None]
    model = {"price_model": "bootstrap", "prices": {"BTC": {"drift": 0.0}}, "history": history, "step_days": 1 / 24}
    found = {}
    for mean_block in (1.0, 50.0):
        run = config(**model, restart=1 / mean_block, steps=60, precision="float64")
        r = np.diff(sg.draw_paths(run, seed=5, paths=8000).values[:, :, 0], axis=1) ** 2
        found[mean_block] = np.corrcoef(r[:, :-1].ravel(), r[:, 1:].ravel())[0, 1]
    square = history[:, 0] ** 2
    real = np.corrcoef(square[:-1], square[1:])[0, 1]
    assert real > 0.1
    assert found[50.0] == pytest.approx(real * 0.98, abs=0.03)
    assert abs(found[1.0]) < 0.03


def test_a_depeg_comes_with_a_crash_and_recovers():
    pegs = {"USDT": {"intensity": 0.0, "crash_probability": 1.0, "mean_depth": 0.05, "recovery": 100.0}}
    run = config(prices={"BTC": GBM, "ETH": GBM}, pegs=pegs, precision="float64", **SHARED)
    depth = sg.draw_paths(run, seed=3, paths=50_000).of("depeg.USDT")
    kept = depth[:, :-1] * math.exp(-100 / 365)
    fresh = depth[:, 1:] > kept * (1 + 1e-12)
    assert fresh.mean() == pytest.approx(-math.expm1(-12.0 / 365), rel=0.02)
    assert (depth[:, 1:] - kept)[fresh].mean() == pytest.approx(0.05, rel=0.05)
    np.testing.assert_allclose(depth[:, 1:][~fresh], kept[~fresh], rtol=1e-12)


def test_a_market_on_a_path_moves_as_its_columns_say():
    market = sg.read_market(ROOT / "examples/market.json")
    paths = sg.draw_paths(sg.load_path_config(ROOT / "configs/montecarlo/crypto.toml"), seed=7, paths=50)
    at = dict(zip(paths.columns, paths.values[17, 20].astype(float), strict=True))
    moved = paths.market(market, 17, 20)
    assert moved.index["BTC-USD"] == pytest.approx(market.index["BTC-USD"] * math.exp(at["price.BTC"]), rel=1e-12)
    assert moved.index["USDT-USD"] == pytest.approx(
        market.index.get("USDT-USD", 1.0) * math.exp(at["peg.USDT"] - at["depeg.USDT"]), rel=1e-12
    )
    place = market.table.id.tolist().index("BTC-USD-SWAP")
    basis = [m.table.mark[place] / m.index["BTC-USD"] for m in (market, moved)]
    assert basis[1] - basis[0] == pytest.approx(at["basis.BTC"], abs=1e-12)
    far = max(i for i, kind in enumerate(market.table.kind) if kind == "option" and market.table.coin[i] == "BTC")
    days = (market.table.expiry[far] - market.time) / np.timedelta64(1, "D") - 20
    weight = min(1.0, math.sqrt(30 / days))
    assert moved.table.vol[far] / market.table.vol[far] == pytest.approx(math.exp(at["vol.BTC"] * weight), rel=1e-9)


def test_paths_survive_being_written(tmp_path):
    paths = sg.draw_paths(sg.load_path_config(ROOT / "configs/montecarlo/crypto.toml"), seed=7, paths=50)
    paths.save(tmp_path / "p")
    again = sg.read_paths(tmp_path / "p")
    assert np.array_equal(again.values, paths.values)
    assert (again.seed, again.columns, repr(again)) == (7, paths.columns, repr(paths))
    assert again.manifest["config"]["generator"] == "threefry4x32"


def test_the_variance_that_reaches_zero_is_warned_of():
    with pytest.warns(FellerWarning, match=r"prices\.BTC: 2 reversion long_variance < vol_of_vol"):
        joint_model(config(price_model="heston", prices={"BTC": HESTON | {"vol_of_vol": 3.0}}))


REFUSED = {
    "not positive definite": (
        {"correlation": {"price.BTC": {"price.ETH": 0.9, "vol.BTC": 0.9}, "price.ETH": {"vol.BTC": -0.9}}},
        "correlation",
        "smallest eigenvalue is -0.8. The nearest has price.BTC/price.ETH = 0.499999",
    ),
    "unknown name": ({"correlation": {"price.SOL": {"price.ETH": 0.9}}}, "correlation.price.SOL.price.ETH", "one of"),
    "twice": (
        {"correlation": {"price.BTC": {"price.ETH": 0.1}, "price.ETH": {"price.BTC": 0.1}}},
        "correlation.price.ETH.price.BTC",
        "each once",
    ),
    "beyond one": ({"correlation": {"price.BTC": {"price.ETH": 1.0}}}, "correlation.price.BTC.price.ETH", "between"),
    "many jumps": ({"jumps": {"BTC": {"intensity": 4e3, "mean": 0.0, "sd": 0.1}}}, "jumps", "at most 10 jumps a step"),
    "no history": ({"price_model": "bootstrap"}, "history", "returns of the past"),
}


@pytest.mark.parametrize(("changes", "path", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_sense_is_refused(changes, path, expected):
    base = {"prices": {"BTC": GBM, "ETH": GBM}, "factors": {"vol.BTC": {"reversion": 1.0, "sd": 1.0}}}
    with pytest.raises(sg.InputError) as caught:
        joint_model(config(**(base | changes)))
    assert caught.value.path == path
    assert expected in caught.value.expected


def test_the_nearest_correlation_is_one():
    run = config(prices={"BTC": GBM, "ETH": GBM, "SOL": GBM}, correlation={"price.BTC": {"price.ETH": 0.5}})
    matrix = joint_model(dataclasses.replace(run)).cholesky
    assert matrix is not None
    np.testing.assert_allclose((matrix @ matrix.T)[:2, :2], [[1.0, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize(("argument", "value"), [("seed", -1), ("seed", 1.5), ("paths", 0), ("paths", True)])
def test_numbers_out_of_range_are_refused(argument, value):
    with pytest.raises(sg.InputError) as caught:
        sg.draw_paths(config(), **({"seed": 1, "paths": 10} | {argument: value}))
    assert caught.value.path == argument

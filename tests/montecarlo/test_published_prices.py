"""Simulated option prices against published and closed ones."""

from __future__ import annotations

import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

import shockgrid as sg
from shockgrid.pricing import black76
from tests.montecarlo.configs import config

PATHS = 1 << 17
Z = 4.2


def discounted_calls(paths: sg.PathSet, coin: int, spot: float, strike: float, discount: float) -> tuple[float, float]:
    """Mean and standard error of a call at the last step; antithetic pairs count once."""
    paid = discount * np.maximum(spot * np.exp(paths.values[:, -1, coin].astype(float)) - strike, 0.0)
    if paths.config.antithetic:
        paid = paid.reshape(-1, 2).mean(axis=1)
    return float(paid.mean()), float(paid.std() / math.sqrt(len(paid)))


def test_merton_agrees_with_the_published_values(shared):
    """The mapping of the file: jump factors of mean 1, drift r, one exact step to maturity; two decimals."""
    cases = json.loads((shared / "vectors/merton76_jump_diffusion.json").read_text())["cases"]
    assert len(cases) > 60
    for years in sorted({case["T"] for case in cases}):
        here = [case for case in cases if case["T"] == years]
        kinds = sorted({(c["jump_intensity"], c["gamma_share"], c["total_vol"], c["r"]) for c in here})
        prices, jumps = {}, {}
        for i, (intensity, share, vol, rate) in enumerate(kinds):
            sd = vol * math.sqrt(share / intensity)
            prices[f"C{i}"] = {"drift": rate, "vol": vol * math.sqrt(1 - share)}
            jumps[f"C{i}"] = {"intensity": intensity, "mean": -(sd**2) / 2, "sd": sd}
        run = config(prices=prices, jumps=jumps, step_days=365 * years, steps=1, precision="float64")
        paths = sg.draw_paths(run, seed=3, paths=PATHS)
        for c in here:
            coin = kinds.index((c["jump_intensity"], c["gamma_share"], c["total_vol"], c["r"]))
            mean, error = discounted_calls(paths, coin, c["spot"], c["strike"], math.exp(-c["r"] * years))
            assert abs(mean - c["expected"]) <= Z * error + 0.005, c


@pytest.mark.parametrize(
    ("precision", "n_paths"),
    [("float64", PATHS), *(pytest.param(name, 1 << 20, marks=pytest.mark.long) for name in ("float64", "float32"))],
)
def test_heston_agrees_with_the_published_values(shared, precision, n_paths):
    """Within 4 standard errors; with a million paths within 1e-3 of the forward; at 32 steps a year."""
    document = json.loads((shared / "vectors/heston_lewis.json").read_text())
    q, steps = document["parameters"], 32
    row = {"drift": q["r"] - q["q"], "variance": q["v0"], "long_variance": q["theta"]}
    run = config(
        price_model="heston",
        prices={"X": row | {"reversion": q["kappa"], "vol_of_vol": q["sigma"]}},
        correlation={"price.X": {"variance.X": q["rho"]}},
        step_days=365 * q["T"] / steps,
        steps=steps,
        antithetic=True,
        precision=precision,
    )
    paths = sg.draw_paths(run, seed=5, paths=n_paths)
    forward = q["S"] * math.exp(row["drift"] * q["T"])
    for case in document["cases"]:
        mean, error = discounted_calls(paths, 0, q["S"], case["strike"], math.exp(-q["r"] * q["T"]))
        assert abs(mean - case["call"]) <= 4 * error
        if n_paths > PATHS:  # fewer leave a larger error of their own
            assert abs(mean - case["call"]) <= 1e-3 * forward


@pytest.mark.parametrize("moneyness", [0.8, 1.0, 1.25])
def test_gbm_agrees_with_black_76(x64, moneyness):
    run = config(prices={"X": {"drift": 0.0, "vol": 0.6}}, steps=4, step_days=30.0, precision="float64")
    mean, error = discounted_calls(sg.draw_paths(run, seed=11, paths=PATHS), 0, 100.0, 100.0 * moneyness, 1.0)
    forward, strike, vol, years = (jnp.asarray(x) for x in (100.0, 100.0 * moneyness, 0.6, 120 / 365))
    value = 100.0 * float(black76.value_coin(forward, strike, vol, years, jnp.asarray(True)))
    assert abs(mean - value) <= Z * error

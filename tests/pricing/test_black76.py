"""Black-76 against QuantLib, in both precisions, and at its limits."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import QuantLib

from shockgrid.pricing import black76

N_OPTIONS = 10_000


@pytest.fixture(scope="module")
def options():
    """Random options from an hour to two years, volatility 5 % to 300 %, strikes to four deviations or ten-fold."""
    rng = np.random.default_rng(76)
    forward = np.exp(rng.uniform(np.log(0.1), np.log(2e5), N_OPTIONS))
    years = np.exp(rng.uniform(np.log(1 / 8760), np.log(2.0), N_OPTIONS))
    vol = np.exp(rng.uniform(np.log(0.05), np.log(3.0), N_OPTIONS))
    log_moneyness = rng.uniform(-4, 4, N_OPTIONS) * np.maximum(vol * np.sqrt(years), 0.05)
    strike = forward * np.exp(np.clip(log_moneyness, -np.log(10), np.log(10)))
    return forward, strike, vol, years, rng.random(N_OPTIONS) < 0.5


@pytest.fixture(scope="module")
def quantlib_usd(options):
    kind = {True: QuantLib.Option.Call, False: QuantLib.Option.Put}
    return np.array(
        [QuantLib.blackFormula(kind[bool(c)], k, f, v * np.sqrt(t)) for f, k, v, t, c in zip(*options, strict=True)]
    )


def test_agrees_with_quantlib_in_float64(x64, options, quantlib_usd):
    values = np.asarray(black76.value_usd(*map(jnp.asarray, options)))
    assert np.max(np.abs(values - quantlib_usd) / options[0]) < 1e-12


def test_agrees_with_quantlib_in_float32(options, quantlib_usd):
    rounded = [jnp.asarray(x, x.dtype if x.dtype == bool else jnp.float32) for x in options]
    values = np.asarray(black76.value_coin(*rounded), np.float64)
    # QuantLib values the options that float32 can state: the rounded ones.
    kind = {True: QuantLib.Option.Call, False: QuantLib.Option.Put}
    exact = np.array(
        [
            QuantLib.blackFormula(kind[bool(c)], float(k), float(f), float(v) * np.sqrt(float(t))) / float(f)
            for f, k, v, t, c in zip(*rounded, strict=True)
        ]
    )
    # A put ten-fold in the money is worth nine forwards; beyond one, float32 can only be right relatively.
    assert np.max(np.abs(values - exact) / np.maximum(exact, 1.0)) < 3e-7


@pytest.mark.parametrize(("vol", "years"), [(0.6, 0.0), (0.0, 0.5), (0.0, 0.0)])
@pytest.mark.parametrize("strike", [50.0, 100.0, 200.0])
@pytest.mark.parametrize("is_call", [True, False])
def test_without_time_or_volatility_it_is_the_payoff(x64, vol, years, strike, is_call):
    payoff = max(100.0 - strike, 0.0) if is_call else max(strike - 100.0, 0.0)
    args = [jnp.asarray(x) for x in (100.0, strike, vol, years, is_call)]
    assert float(black76.value_usd(*args)) == payoff


@pytest.mark.parametrize("strike", [1e-6, 1e12])
def test_deep_strikes(x64, strike):
    args = [jnp.asarray(x) for x in (100.0, strike, 0.8, 0.1)]
    call, put = (float(black76.value_usd(*args, jnp.asarray(c))) for c in (True, False))
    assert call == pytest.approx(max(100.0 - strike, 0.0), rel=1e-15)
    assert put == pytest.approx(max(strike - 100.0, 0.0), rel=1e-15)


def test_put_call_parity_is_exact(x64, options):
    forward, strike, vol, years, _ = map(jnp.asarray, options)
    call, put = (black76.value_coin(forward, strike, vol, years, jnp.full(N_OPTIONS, c)) for c in (True, False))
    assert np.max(np.abs(call - put - (1 - strike / forward)) / np.maximum(1, strike / forward)) < 1e-15

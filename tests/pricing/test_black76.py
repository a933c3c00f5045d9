"""Black-76 against QuantLib, in both precisions, and at its limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import QuantLib

from shockgrid.numerics.normal import normal_cdf
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


def test_agrees_with_two_normal_distributions(x64, options):
    """The textbook's formula with erfc, a few roundings apart."""
    forward, strike, vol, years, is_call = map(jnp.asarray, options)
    d1, d2 = black76.d1_d2(forward, strike, vol, years)
    sign = jnp.where(is_call, 1.0, -1.0)
    textbook = sign * (normal_cdf(sign * d1) - strike / forward * normal_cdf(sign * d2))
    error = np.abs(black76.value_coin(forward, strike, vol, years, is_call) - textbook)
    assert np.max(error / np.maximum(1, strike / forward)) < 2e-15


@pytest.fixture(scope="module")
def grid(options):
    """1,001 options at seven forwards and five volatilities, the last of them 0; some expire now."""
    forward, strike, vol, years, is_call = (x[:1001] for x in options)
    forwards = forward[:, None] * (1 + np.array([0, 0.1, -0.1, 0.3, -0.3, 0.5, -0.5]))
    vols = vol[:, None] * np.array([1.0, 1.5, 0.5, 1.2, 0.0])
    return forwards, strike, vols, np.where(np.arange(1001) % 10, years, 0.0), is_call


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-15), (np.float32, 6e-7)])
def test_grid_is_the_value_of_each_cell(x64, grid, dtype, tolerance):
    forward, strike, vol, years, is_call = (jnp.asarray(x, x.dtype if x.dtype == bool else dtype) for x in grid)
    cells = jax.jit(black76.value_grid_coin)(forward, strike, vol, years, is_call)
    terms = (forward[:, :, None], strike[:, None, None], vol[:, None, :], years[:, None, None], is_call[:, None, None])
    expected = black76.value_coin(*jnp.broadcast_arrays(*terms))
    assert cells.shape == (1001, 7, 5)
    assert cells.dtype == dtype
    assert np.max(np.abs(cells - expected) / np.maximum(1, expected)) < tolerance
    payoff = np.maximum(np.where(is_call, 1, -1)[:, None] * (1 - strike[:, None] / forward), 0)
    np.testing.assert_allclose(cells[:, :, 4], payoff, rtol=0, atol=0)


@pytest.mark.parametrize("is_call", [True, False])
def test_delta_at_the_strike(x64, is_call):
    """Where the out-of-the-money side changes, the derivative is that of one smooth function."""

    def value(forward):
        return black76.value_usd(forward, *map(jnp.asarray, (100.0, 0.8, 0.25)), jnp.asarray(is_call))

    d1 = jnp.asarray(0.5 * 0.8 * 0.5)
    expected = float(black76.forward_delta(d1, jnp.asarray(is_call)))
    assert float(jax.grad(value)(jnp.asarray(100.0))) == pytest.approx(expected, rel=1e-14)


def test_far_tail_keeps_its_digits(x64):
    """Nine to thirty-five deviations out of the money, against the leading terms of the Mills ratio."""
    h = np.linspace(9.0, 35.0, 100)
    t = 0.25
    ones = jnp.ones(100)
    value = black76.value_coin(ones, jnp.asarray(np.exp(2 * t * h)), 2 * t * ones, ones, ones > 0)

    def mills(x):
        total = x
        for k in range(80, 0, -1):
            total = x + k / total
        return 1 / total

    exact = np.exp(-0.5 * (h - t) ** 2) / np.sqrt(2 * np.pi) * (mills(h - t) - mills(h + t))
    np.testing.assert_allclose(value, exact, rtol=1e-12)

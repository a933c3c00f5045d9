"""Implied volatility against 100-digit arithmetic, QuantLib and its own price; and what it says of impossible ones."""

from __future__ import annotations

import itertools
from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st

from shockgrid.pricing import black76
from shockgrid.pricing.implied_vol import STATUS, implied_vol

EPS = np.finfo(float).eps
DIGITS = 200
PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651"
)
LOG_STRIKES = (0.0, 1e-12, 1e-8, 1e-4, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 9.0)
VOLS = (1e-4, 1e-3, 0.01, 0.05, 0.2, 0.6, 1.0, 2.0, 4.0, 10.0)

solve = jax.jit(implied_vol)
price = jax.jit(black76.value_coin)


def exact_normal_cdf(z: Decimal) -> Decimal:
    """``1/2 + n(z) (z + z^3/3 + z^5/15 + ...)``, in as many digits as the context has."""
    term = total = z
    k = 1
    while abs(term) > Decimal(10) ** -DIGITS:
        k += 2
        term = term * z * z / k
        total += term
    return Decimal("0.5") + total * (-z * z / 2).exp() / (2 * PI).sqrt()


def exact_otm_price(strike: float, vol: float) -> float:
    """Price of the out-of-the-money option on a forward of 1 in one year, rounded once."""
    with localcontext() as context:
        context.prec = DIGITS
        k, s = Decimal(strike), Decimal(vol)
        sign = 1 if strike >= 1 else -1
        d1 = -k.ln() / s + s / 2
        return float(sign * (exact_normal_cdf(sign * d1) - k * exact_normal_cdf(sign * (d1 - s))))


def vega_coin(strike, vol, years=1.0):
    d1, _ = black76.d1_d2(jnp.ones_like(strike), strike, vol, jnp.full_like(vol, years))
    return np.asarray(black76.vega_coin(d1, jnp.full_like(vol, years)))


def one(value, forward=100.0, strike=120.0, years=0.5, is_call=True):
    found = solve(*(jnp.asarray(x, float) for x in (value, forward, strike, years)), jnp.asarray(is_call))
    return float(found.vol), STATUS[int(found.status)]


def test_hard_prices_give_the_volatility_of_100_digit_arithmetic(x64):
    """Distances to 18 deviations, so the smallest price is 1e-73 and ``PI`` is given to 35 digits more."""
    strikes, vols, prices = [], [], []
    for x, sign, vol in itertools.product(LOG_STRIKES, (1, -1), VOLS):
        strike = float(np.exp(sign * x))
        if abs(np.log(strike)) / vol < 18.0:
            strikes.append(strike)
            vols.append(vol)
            prices.append(exact_otm_price(strike, vol))
    strike, vol, value = (jnp.asarray(x) for x in (strikes, vols, prices))
    is_call = strike >= 1.0
    ok = value < jnp.where(is_call, 1.0, strike)
    assert np.count_nonzero(ok) > 140
    found = solve(value, jnp.ones_like(strike), strike, jnp.ones_like(strike), is_call)
    error = np.abs(np.asarray(found.vol) - vol)
    allowed = 1e-14 * vol + 2 * EPS * value / vega_coin(strike, vol)  # what the rounding of the price allows
    assert np.all(np.where(ok, error <= allowed, True))


def test_far_wings_down_to_the_smallest_numbers(x64):
    """Prices from 1e-15 to 1e-300: the grid of prices is itself right to 1e-12 only."""
    x, h = (a.ravel() for a in np.meshgrid(np.geomspace(0.01, 9, 40), np.linspace(8, 36, 40)))
    vol, strike = jnp.asarray(x / h), jnp.asarray(np.exp(x))
    ones = jnp.ones_like(strike)
    value = price(ones, strike, vol, ones, ones > 0)
    ok = np.asarray(value) > 1e-300
    found = solve(value, ones, strike, ones, ones > 0)
    assert np.count_nonzero(ok) > 1000
    assert np.max(np.abs(np.asarray(found.vol) / vol - 1)[ok]) < 2e-13


@pytest.mark.parametrize("is_call", [True, False])
def test_price_of_the_volatility_is_the_price(x64, is_call):
    """Log-moneyness to 9 either way, deviations 1e-4 to 10, in and out of the money."""
    x, s = (jnp.asarray(a.ravel()) for a in np.meshgrid(np.linspace(-9, 9, 181), np.geomspace(1e-4, 10, 120)))
    strike, years = 60_000.0 * jnp.exp(x), jnp.full_like(x, 0.25)
    args = jnp.full_like(x, 60_000.0), strike
    calls = jnp.full(x.shape, is_call)
    value = price(*args, 2.0 * s, years, calls)
    found = solve(value, *args, years, calls)
    status = np.asarray(found.status)
    assert set(np.unique(status)) <= {STATUS.index(n) for n in ("ok", "at_intrinsic", "above_maximum")}
    assert np.all(np.isfinite(np.asarray(found.vol)) == (status <= 1))
    again = price(*args, jnp.nan_to_num(found.vol), years, calls)
    error = np.abs(again - value) / np.maximum(1.0, strike / args[0])
    assert np.max(error[status <= 1]) < 4 * EPS


def test_agrees_with_quantlib(x64):
    rng = np.random.default_rng(2015)
    n = 2_000
    years = np.exp(rng.uniform(np.log(1 / 365), np.log(2.0), n))
    vol = rng.uniform(0.1, 2.0, n)
    strike = 60_000 * np.exp(rng.uniform(-3, 3, n) * vol * np.sqrt(years))
    is_call = strike >= 60_000
    forward = np.full(n, 60_000.0)
    value = np.asarray(price(*map(jnp.asarray, (forward, strike, vol, years, is_call))))
    kind = {True: QuantLib.Option.Call, False: QuantLib.Option.Put}
    theirs = [
        QuantLib.blackFormulaImpliedStdDev(kind[bool(c)], k, 1.0, v, 1.0, 0.0, s, 1e-14, 200)
        for c, k, v, s in zip(is_call, strike / 60_000, value, vol * np.sqrt(years), strict=True)
    ]
    ours = solve(*map(jnp.asarray, (value, forward, strike, years, is_call))).vol
    # QuantLib stops by the price, which says less of the volatility far from the strike.
    np.testing.assert_allclose(ours * np.sqrt(years), theirs, rtol=1e-9)


@settings(max_examples=200, deadline=None)
@given(
    x=st.floats(-3, 3),
    deviation=st.floats(1e-3, 4),
    years=st.floats(1 / 8760, 5),
    forward=st.floats(1e-3, 1e6),
    is_call=st.booleans(),
)
def test_round_trip_of_any_option(x, deviation, years, forward, is_call):
    with jax.enable_x64(True):
        strike = forward * np.exp(x)
        terms = [jnp.asarray(v, float) for v in (forward, strike)]
        time, call = jnp.asarray(years, float), jnp.asarray(is_call)
        value = price(*terms, jnp.asarray(deviation / np.sqrt(years)), time, call)
        found = solve(value, *terms, time, call)
        assert STATUS[int(found.status)] in {"ok", "at_intrinsic"}
        error = abs(float(price(*terms, found.vol, time, call)) - float(value))
        assert error <= 4 * EPS * max(1.0, strike / forward)


@pytest.mark.parametrize(
    ("case", "status"),
    [
        ({"value": 0.05}, "ok"),
        ({"value": 0.0}, "at_intrinsic"),
        ({"value": -1e-9}, "below_intrinsic"),
        ({"value": 0.2, "strike": 80.0}, "at_intrinsic"),
        ({"value": 0.2 - 1e-16, "strike": 80.0}, "at_intrinsic"),  # the rounding of the intrinsic value
        ({"value": 0.19, "strike": 80.0}, "below_intrinsic"),
        ({"value": 0.19, "is_call": False}, "below_intrinsic"),
        ({"value": 1.0}, "above_maximum"),
        ({"value": 1.2, "is_call": False}, "above_maximum"),
        ({"value": 1.1, "is_call": False}, "ok"),
        ({"value": 0.05, "years": 0.0}, "no_time"),
        ({"value": 0.05, "years": -1.0}, "no_time"),
        ({"value": 0.05, "forward": 0.0}, "not_positive"),
        ({"value": 0.05, "strike": -1.0}, "not_positive"),
        ({"value": np.nan}, "not_finite"),
        ({"value": 0.05, "years": np.inf}, "not_finite"),
    ],
)
def test_status(x64, case, status):
    vol, found = one(**case)
    assert found == status
    if status == "ok":
        assert 0 < vol < np.inf
    elif status == "at_intrinsic":
        assert vol == 0.0
    else:
        assert np.isnan(vol)


def test_at_the_strike_it_is_a_normal_quantile(x64):
    """``C = 2 N(s/2) - 1``, so a price of 0.5 has ``s = 2 N^-1(0.75)``; and a tiny price is ``s n(0)``."""
    assert one(0.5, strike=100.0, years=1.0)[0] == pytest.approx(2 * 0.6744897501960817, rel=1e-15)
    assert one(1e-30, strike=100.0, years=1.0)[0] == pytest.approx(1e-30 * np.sqrt(2 * np.pi), rel=1e-14)


def test_elements_do_not_know_of_each_other(x64):
    """One by one, mapped, in another shape and beside impossible ones: the same to a rounding."""
    values = jnp.asarray([[0.05, 0.1, np.nan], [0.3, -1.0, 0.9]])
    alone = np.array([[one(float(v))[0] for v in row] for row in values])
    common = [jnp.full_like(values, v) for v in (100.0, 120.0, 0.5)]
    is_call = jnp.ones(values.shape, bool)
    np.testing.assert_allclose(solve(values, *common, is_call).vol, alone, rtol=1e-15)
    np.testing.assert_allclose(jax.vmap(implied_vol)(values, *common, is_call).vol, alone, rtol=1e-15)


def test_derivative_is_one_over_vega_and_zero_where_there_is_no_volatility(x64):
    values, ones = jnp.asarray([0.05, 0.3, -1.0, np.nan, 2.0, 0.0]), jnp.ones(6)

    def total(v):
        found = implied_vol(v, ones, 1.2 * ones, ones, ones > 0)
        return jnp.sum(jnp.where(found.status == 0, found.vol, 0.0))

    slope = np.asarray(jax.grad(total)(values))
    vol = solve(values, ones, 1.2 * ones, ones, ones > 0).vol
    np.testing.assert_allclose(slope[:2], 1 / vega_coin(1.2 * ones, vol)[:2], rtol=1e-12)
    np.testing.assert_array_equal(slope[2:], 0.0)


def test_float32_keeps_four_digits_of_the_volatility():
    x, s = (a.ravel() for a in np.meshgrid(np.linspace(-2.5, 2.5, 51), np.geomspace(0.01, 2, 40)))
    strike, vol = (jnp.asarray(a, jnp.float32) for a in (np.exp(x * s), s))
    ones = jnp.ones_like(vol)
    value = price(ones, strike, vol, ones, strike >= 1)
    assert value.dtype == jnp.float32
    found = solve(value, ones, strike, ones, strike >= 1)
    assert np.all(np.asarray(found.status) == 0)
    assert np.max(np.abs(np.asarray(found.vol) / vol - 1)) < 1e-4

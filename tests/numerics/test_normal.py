"""The normal distribution against SciPy, in both precisions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erfcx, ndtr
from scipy.stats import norm

from shockgrid.numerics.normal import mills_ratio, normal_cdf, normal_pdf


def relative_error(found, expected):
    return np.max(np.abs(np.asarray(found, np.float64) - expected) / expected)


def test_cdf_agrees_with_scipy_in_float64(x64):
    """To where the probability leaves the normal range of float64; relative in the far tail too."""
    x = np.linspace(-37.0, 8.0, 20_001)
    found = normal_cdf(jnp.asarray(x))
    assert found.dtype == jnp.float64
    assert relative_error(found, ndtr(x)) < 1e-14  # 1.4e-15 measured


def test_pdf_agrees_with_scipy_in_float64(x64):
    x = np.linspace(-37.0, 37.0, 20_001)
    found = normal_pdf(jnp.asarray(x))
    assert found.dtype == jnp.float64
    assert relative_error(found, norm.pdf(x)) < 1e-14  # 4e-16 measured


@pytest.mark.parametrize(
    ("low", "high", "tolerance"),
    # x^2 / 2 is rounded to eps = 6e-8 of itself, and the exponential makes that a relative error: 12 eps at -5, 72 eps
    # at -12. Measured: 3.3e-7, 1.9e-6, 1.4e-5.
    [(-1.0, 8.0, 6e-7), (-5.0, -1.0, 4e-6), (-12.0, -5.0, 3e-5)],
)
def test_cdf_agrees_with_scipy_in_float32(low, high, tolerance):
    x = np.linspace(low, high, 20_001, dtype=np.float32)
    found = normal_cdf(jnp.asarray(x))
    assert found.dtype == jnp.float32
    assert relative_error(found, ndtr(x.astype(np.float64))) < tolerance


def test_pdf_agrees_with_scipy_in_float32():
    x = np.linspace(-12.0, 12.0, 20_001, dtype=np.float32)
    found = normal_pdf(jnp.asarray(x))
    assert found.dtype == jnp.float32
    assert relative_error(found, norm.pdf(x.astype(np.float64))) < 1e-5  # 72 eps at 12


def test_limits_are_exact(x64):
    """Options without deviation have d1 and d2 of plus or minus 1e30 and more."""
    ends = jnp.array([-jnp.inf, -1e30, 1e30, jnp.inf])
    np.testing.assert_array_equal(normal_cdf(ends), [0.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(normal_pdf(ends), [0.0] * 4)
    assert float(normal_cdf(jnp.array(0.0))) == 0.5


def test_both_tails_add_to_one(x64):
    x = jnp.linspace(-8.0, 8.0, 2_001)
    # One rounding of each tail and of their sum.
    np.testing.assert_allclose(normal_cdf(x) + normal_cdf(-x), 1.0, rtol=0, atol=3e-16)


def test_slope_of_the_cdf_is_the_pdf(x64):
    x = jnp.linspace(-10.0, 10.0, 401)
    slope = jax.vmap(jax.grad(normal_cdf))(x)
    # Both are one exponential; its argument is rounded differently (50 * 1.1e-16 at 10).
    np.testing.assert_allclose(slope, normal_pdf(x), rtol=5e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-15), (np.float32, 1e-6)])
def test_mills_ratio_agrees_with_scipy(x64, dtype, tolerance):
    t = np.concatenate([[0.0], np.geomspace(1e-6, 1e6, 20_001)]).astype(dtype)
    found = mills_ratio(jnp.asarray(t))
    assert found.dtype == dtype
    exact = np.sqrt(np.pi / 2) * erfcx(t.astype(np.float64) * np.sqrt(0.5))
    assert relative_error(found, exact) < tolerance


def test_slope_of_the_mills_ratio(x64):
    """``R' = t R - 1``."""
    t = jnp.linspace(0.0, 10.0, 401)
    slope = jax.vmap(jax.grad(mills_ratio))(t)
    np.testing.assert_allclose(slope, t * mills_ratio(t) - 1.0, rtol=0, atol=1e-14)

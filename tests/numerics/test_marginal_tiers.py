"""Marginal tiers against the definition, written as a loop."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from shockgrid.numerics.marginal_tiers import marginal_tiers

pytestmark = pytest.mark.usefixtures("x64")

UPPER = [10e3, 70e3, 170e3, np.inf]
RATE = [1.0, 2.0, 4.0, 6.0]
# A table with fewer tiers beside the one above: its last bound, infinity, is repeated (rule_tables).
PADDED_UPPER = [10e3, np.inf, np.inf, np.inf]
PADDED_RATE = [1.0, 2.0, 2.0, 2.0]


def by_definition(amount, upper, rate):
    total, lower = 0.0, 0.0
    for bound, r in zip(upper, rate, strict=True):
        if amount > lower:
            total += r * (min(amount, bound) - lower)
        lower = bound
    return total


AMOUNTS = [0.0, 1e-9, 1.0, 9_999.5, 10e3, 10e3 + 1e-6, 30e3, 70e3, 169e3, 170e3, 170e3 + 1.0, 1e9, 1e300]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize(("upper", "rate"), [(UPPER, RATE), (PADDED_UPPER, PADDED_RATE)])
def test_charge_is_that_of_the_definition(amount, upper, rate):
    found = float(marginal_tiers(jnp.array(amount), jnp.array(upper), jnp.array(rate)))
    # A handful of additions of positive numbers.
    assert found == pytest.approx(by_definition(amount, upper, rate), rel=1e-15, abs=0)


def test_one_tier_without_bound_is_a_plain_rate():
    assert float(marginal_tiers(jnp.array(123.0), jnp.array([np.inf]), jnp.array([0.5]))) == 61.5


def test_padding_adds_nothing():
    """Tiers after the last one: upper bound infinity again, any rate."""
    amount = jnp.array(123_456.789)
    plain = marginal_tiers(amount, jnp.array(UPPER), jnp.array(RATE))
    padded = marginal_tiers(amount, jnp.array([*UPPER, np.inf, np.inf]), jnp.array([*RATE, 0.0, 99.0]))
    assert float(padded) == float(plain)


def test_rates_that_rise_make_a_charge_that_is_convex():
    """So a larger book never pays less a unit; equality inside one tier."""
    amounts = jnp.linspace(0.0, 400e3, 801)
    charge = np.asarray(jax.vmap(marginal_tiers, (0, None, None))(amounts, jnp.array(UPPER), jnp.array(RATE)))
    slope = np.diff(charge) / 500.0
    assert (np.diff(slope) >= -1e-9).all()
    assert slope[0] == pytest.approx(1.0)
    assert slope[-1] == pytest.approx(6.0)


@pytest.mark.parametrize(("amount", "rate"), [(5e3, 1.0), (30e3, 2.0), (100e3, 4.0), (1e7, 6.0)])
def test_slope_is_the_rate_of_the_tier_also_with_padding(amount, rate):
    """Finite, although the bounds of padding are infinite."""
    upper, rates = jnp.array([*UPPER, np.inf]), jnp.array([*RATE, 0.0])
    assert float(jax.grad(marginal_tiers)(jnp.array(amount), upper, rates)) == rate


def test_gradient_of_the_rates_is_the_amount_in_each_tier():
    slices = jax.grad(marginal_tiers, argnums=2)(jnp.array(100e3), jnp.array([*UPPER, np.inf]), jnp.ones(5))
    np.testing.assert_array_equal(slices, [10e3, 60e3, 30e3, 0.0, 0.0])


def test_charge_has_the_same_bits_whatever_the_number_of_rows():
    """Batches of accounts are cut as memory allows; a figure must not depend on the cut."""
    rng = np.random.default_rng(7)
    amount, rate = 10.0 ** rng.uniform(3, 7, 1024), rng.uniform(0.0, 0.1, (1024, 8))
    upper = np.array([10e3, 70e3, 170e3, 300e3, 470e3, 700e3, 2e6, np.inf])
    charges = jax.jit(jax.vmap(marginal_tiers, (0, None, 0)))
    whole = np.asarray(charges(amount, upper, rate))
    differing = {
        n: int((np.asarray(charges(amount[:n], upper, rate[:n])) != whole[:n]).sum()) for n in (1, 5, 16, 96, 320)
    }
    assert not any(differing.values()), differing

"""The public form of implied volatility: any shapes, plain numbers too."""

from __future__ import annotations

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.pricing.coin_values import coin_values
from shockgrid.pricing.implied_vol import STATUS


def test_arguments_broadcast_and_come_back():
    vol = np.array([[0.3, 0.6, 1.2]])
    strike = np.array([[80e3], [100e3], [130e3]])
    whole = np.broadcast_to(vol, (3, 3)).ravel()
    terms = np.full(9, 100e3), np.repeat(strike.ravel(), 3), whole, np.full(9, 0.25), np.repeat([False, True, True], 3)
    price = coin_values(*terms).reshape(3, 3)
    found = sg.implied_vol(price, 100e3, strike, 0.25, np.array([[False], [True], [True]]))
    np.testing.assert_allclose(found.vol, np.broadcast_to(vol, (3, 3)), rtol=1e-12)
    assert found.vol.dtype == np.float64
    assert (found.status == 0).all()


def test_a_number_is_enough_and_impossible_prices_say_why():
    one = sg.implied_vol(0.05, 100e3, 100e3, 0.1, True)
    assert one.vol.shape == ()
    assert float(one.vol) == pytest.approx(0.3965, abs=1e-3)
    status = sg.implied_vol([0.05, 1.0, -0.1, np.nan], 100e3, 100e3, [0.0, 0.1, 0.1, 0.1], True).status
    assert [STATUS[s] for s in status] == ["no_time", "above_maximum", "below_intrinsic", "not_finite"]

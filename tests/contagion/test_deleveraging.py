"""Who pays a loss, by hand; and what trades do to a price."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shockgrid.contagion.deleveraging import Positions, assign, ranking_scores
from shockgrid.contagion.impact import price_moves

# Account 0 doubled its money at a leverage of 0.5; account 1 gained a tenth at a leverage of 10; account 2 loses.
POSITIONS = Positions(
    account=np.array([0, 1, 2, 1]),
    instrument=np.array([5, 6, 5, 7]),
    profit_usd=np.array([100.0, 50.0, -80.0, 20.0]),
    entry_usd=np.array([100.0, 500.0, 500.0, 1000.0]),
    size_usd=np.array([200.0, 550.0, 420.0, 1020.0]),
)
EQUITY = np.array([400.0, 55.0, 300.0])


def test_the_score_is_profit_over_entry_times_leverage():
    assert ranking_scores(POSITIONS, EQUITY) == pytest.approx([1.0 * 0.5, 0.1 * 10.0, 0.0, 0.02 * 1020.0 / 55.0])


def test_a_small_loss_is_paid_by_the_first_alone():
    found = assign(30.0, POSITIONS, EQUITY)
    assert found.order.tolist() == [1, 0, 3]
    assert found.of_position.tolist() == [0.0, 30.0, 0.0, 0.0]
    assert not found.of_account.any()
    assert found.unassigned == 0.0


def test_no_one_gives_more_than_a_profit_or_what_the_account_has():
    """50 of the first, 100 of the second; the third has a profit of 20, but its account only 5 more."""
    found = assign(155.0, POSITIONS, EQUITY)
    assert found.of_position.tolist() == [100.0, 50.0, 0.0, 5.0]
    assert found.unassigned == 0.0


def test_what_profits_do_not_cover_is_taken_by_equity():
    """45 more than 155: 300 are left to each of two accounts."""
    found = assign(200.0, POSITIONS, EQUITY)
    assert found.of_account == pytest.approx([22.5, 0.0, 22.5])
    assert found.unassigned == 0.0


def test_what_no_one_has_stays_unassigned():
    found = assign(1_000.0, POSITIONS, EQUITY)
    assert found.of_position.sum() + found.of_account.sum() == pytest.approx(EQUITY.sum())
    assert found.unassigned == pytest.approx(1_000.0 - EQUITY.sum())


def test_no_loss_takes_nothing():
    found = assign(0.0, POSITIONS, EQUITY)
    assert not found.of_position.any()
    assert not found.of_account.any()


def test_a_price_keeps_two_thirds_of_a_square_root():
    """A quarter of the depth moves the price by half of the band, of which two thirds stay."""
    moves = price_moves(np.array([1e6, -1e6, 0.0, 5e5]), np.array([4e6, 4e6, 4e6, math.inf]), 0.01)
    assert moves == pytest.approx([0.01 / 3, -0.01 / 3, 0.0, 0.0])

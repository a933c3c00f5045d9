"""Laws of version 1, whatever the numbers."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import shockgrid as sg
from shockgrid.venues.okx.mr4_basis import charged_delta, matched_delta, mr4
from tests.documents import accounts_of, market_of
from tests.reference.random_documents import random_accounts, random_market

VERSION = "okx/v1-2024-06-05"
BUCKETS = st.lists(st.floats(-1e7, 1e7).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=5, max_size=5)
MOVES = jnp.array([0.006, 0.0063, 0.009, 0.012, 0.006])


@pytest.fixture(scope="module")
def rules():
    return sg.load_rulebook(VERSION)


def matched(buckets):
    return np.asarray(matched_delta(list(jnp.array(buckets))))


@pytest.mark.usefixtures("x64")
@given(BUCKETS)
def test_matched_parts_keep_their_sign_and_match(buckets):
    parts = matched(buckets)
    assert (parts * np.array(buckets) >= 0).all()
    assert (np.abs(parts) <= np.abs(buckets) * (1 + 1e-12)).all()
    long, short = parts[parts > 0].sum(), -parts[parts < 0].sum()
    total = np.array(buckets)
    smaller = min(total[total > 0].sum(), -total[total < 0].sum())
    assert long == pytest.approx(smaller, rel=1e-12)
    assert short == pytest.approx(smaller, rel=1e-12)


@pytest.mark.usefixtures("x64")
@given(BUCKETS, st.floats(0.01, 100.0))
def test_mr4_is_homogeneous_and_symmetric(buckets, factor):
    def charge(scale):
        return float(mr4(charged_delta(list(scale * jnp.array(buckets)), "v1"), MOVES))

    assert charge(-1.0) == pytest.approx(charge(1.0), rel=1e-12)
    assert charge(factor) == pytest.approx(factor * charge(1.0), rel=1e-9)


@pytest.mark.usefixtures("x64")
@given(BUCKETS)
def test_a_one_sided_book_has_no_basis_risk(buckets):
    one_sided = np.abs(buckets)
    assert float(mr4(charged_delta(list(jnp.array(one_sided)), "v1"), MOVES)) == 0.0
    # In version 2 every tenor pays.
    assume(one_sided.any())
    assert float(mr4(charged_delta(list(jnp.array(one_sided)), "v2"), MOVES)) > 0.0


def test_splitting_and_reordering_change_nothing(rules):
    document = random_market(4)
    entries = random_accounts(document, 4, 40)
    split = [
        entry | {"positions": [p | {"quantity": p["quantity"] / 2} for p in entry.get("positions", [])][::-1] * 2}
        for entry in entries
    ]
    whole, halves = (sg.margin(market_of(document), accounts_of(*e), rules).units for e in (entries, split))
    size = whole.mr7.groupby(whole.account).transform("sum") + 1.0
    for name in ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7", "mmr_usd", "imr_usd", "spot_in_use"):
        assert (np.abs(whole[name] - halves[name]) <= 1e-9 * np.maximum(np.abs(whole[name]), size)).all(), name


def test_no_shock_is_no_profit(rules):
    document = random_market(5)
    scenarios = sg.margin(market_of(document), accounts_of(*random_accounts(document, 5, 40)), rules).scenarios
    still = scenarios[(scenarios.price_move == 0) & (scenarios.vol_state == "unchanged")]
    assert len(still) > 40
    assert (still.pnl_usd == 0).all()


@pytest.mark.parametrize("price", [30_000.0, 100_000.0])
def test_spot_against_an_inverse_short_is_not_flat(rules, price):
    """The coin P&L of the short counts at today's index: the pair loses what version 2's revaluation gives back."""
    index = {"BTC-USD": price}
    short = {"id": "I", "kind": "perpetual", "coin": "BTC", "settle": "BTC", "contract_value": 100, "mark": price}
    market = {"format": "shockgrid.market/1", "time": "2024-07-01T08:00:00Z", "index": index, "instruments": [short]}
    account = {
        "id": "a",
        "spot_mode": "spot_coin",
        "balances": {"BTC": 4},
        "positions": [{"instrument": "I", "quantity": -4 * price / 100}],
    }
    report = sg.margin(market_of(market), accounts_of(account), rules)
    assert report.units.spot_in_use.tolist() == [4.0]
    for row in report.scenarios.itertuples():
        s = row.price_move
        expected = 4 * price * (s - s / (1 + s))  # spot gains s, the short loses s / (1 + s) coin at today's index
        assert row.pnl_usd == pytest.approx(expected, rel=1e-9, abs=1e-9 * price)
    merged = sg.margin(market_of(market), accounts_of(account), sg.load_rulebook("okx/v2-2024-12-30"))
    assert np.abs(merged.scenarios.pnl_usd).max() < 1e-9 * price

"""The invented market is deterministic and coherent: parity, no calendar or butterfly arbitrage, shared forwards."""

import dataclasses

import numpy as np
import pytest

from shockgrid.errors import InputError
from shockgrid.market.market import DETAIL_COLUMNS
from shockgrid.synthetic.market import COINS, synthetic_market

SEEDS = (0, 7, 123)
MARK_ROUNDING = 1e-8
VOL_ROUNDING = 1e-4


@pytest.fixture(scope="module", params=SEEDS)
def market(request):
    return synthetic_market(request.param)


def chains(market, right="call"):
    """(forward, years, strikes, vols, marks) of every coin and expiry, strikes ascending."""
    t = market.table
    for coin in market.universe.coins:
        options = (t.kind == "option") & (t.coin == coin) & (t.right == right)
        for expiry in np.unique(t.expiry[options]):
            row = np.flatnonzero(options & (t.expiry == expiry))
            row = row[np.argsort(t.strike[row])]
            years = (expiry - market.time).astype(int) / (365 * 86_400_000)
            assert len(set(t.forward[row])) == 1
            yield coin, t.forward[row[0]], years, t.strike[row], t.vol[row], t.mark[row]


def test_same_seed_same_market_and_another_seed_another():
    first, again, other = synthetic_market(3), synthetic_market(3), synthetic_market(4)
    for field in dataclasses.fields(first.table):
        if field.name != "details":
            np.testing.assert_array_equal(getattr(first.table, field.name), getattr(again.table, field.name))
    for column in DETAIL_COLUMNS:
        np.testing.assert_array_equal(first.table.details[column], again.table.details[column])
    assert first.index == again.index
    assert first.index["BTC-USD"] != other.index["BTC-USD"]


def test_sizes():
    assert 500 <= len(synthetic_market().table) <= 700
    large = synthetic_market(strikes_per_expiry=29, expiries=10)
    assert 1400 <= len(large.table) <= 1600
    assert len(np.unique(large.table.expiry[large.table.kind == "option"])) == 10


def test_every_settle_kind_of_every_coin(market):
    t = market.table
    for coin in COINS:
        settles = {
            kind: set(t.settle[(t.coin == coin) & (t.kind == kind)]) for kind in ("perpetual", "future", "option")
        }
        assert settles == {"perpetual": {"USDT", "USDC", coin}, "future": {"USDT", coin}, "option": {coin}}


def test_ids_read_as_okx_writes_them():
    ids = set(synthetic_market().table.id)
    assert {"BTC-USDT-SWAP", "BTC-USDC-SWAP", "BTC-USD-SWAP", "BTC-USD-250926", "BTC-USDT-250926"} <= ids
    assert all(name.split("-")[4] in "CP" for name in ids if name.count("-") == 4)
    assert any(name.startswith("BTC-USD-250926-1") for name in ids)


def test_expiries_from_below_a_day_to_nine_months_at_eight(market):
    years = np.unique(market.snapshot.years[market.universe.contracts.is_option])
    assert 0 < years[0] * 365 < 1
    assert 270 <= years[-1] * 365 <= 370
    expiry = market.table.expiry[market.table.kind == "option"]
    assert set((expiry - expiry.astype("datetime64[D]")).astype("timedelta64[h]").astype(int)) == {8}


@pytest.mark.parametrize("time", ["2024-02-29T07:59:59Z", "2025-03-28T08:00:01", "2025-12-31T23:00:00Z"])
@pytest.mark.parametrize("expiries", [1, 5, 16])
def test_any_time_and_number_of_expiries(time, expiries):
    market = synthetic_market(time=time, expiries=expiries)
    assert len(np.unique(market.table.expiry[market.table.kind == "option"])) == expiries
    assert 0 < np.min(market.snapshot.years[market.universe.contracts.is_option]) * 365 <= 1


def test_put_call_parity(market):
    for call, put in zip(chains(market, "call"), chains(market, "put"), strict=True):
        _, forward, _, strikes, _, calls = call
        np.testing.assert_allclose(calls - put[-1], 1.0 - strikes / forward, rtol=0, atol=2 * MARK_ROUNDING)


def test_total_variance_at_the_money_grows(market):
    by_coin = {}
    for coin, forward, years, strikes, vols, _ in chains(market):
        variance = np.interp(0.0, np.log(strikes / forward), vols**2 * years)
        by_coin.setdefault(coin, []).append(variance)
    for variances in by_coin.values():
        assert (np.diff(variances) > 0).all()


def test_calls_fall_and_are_convex_in_strike(market):
    for _, forward, years, strikes, _, marks in chains(market):
        # A vol rounded by half a unit moves a mark by at most its vega, 0.4 sqrt(T) a unit of vol.
        slack = 2 * (0.4 * np.sqrt(years) * VOL_ROUNDING / 2 + MARK_ROUNDING)
        assert (np.diff(marks) < slack).all()
        inner = np.interp(strikes[1:-1], strikes[[0, -1]], marks[[0, -1]])
        assert (marks[1:-1] <= inner + slack).all()
        weight = (strikes[2:] - strikes[1:-1]) / (strikes[2:] - strikes[:-2])
        assert (weight * marks[:-2] + (1 - weight) * marks[2:] - marks[1:-1] > -slack).all()
        assert forward > 0


def test_futures_share_the_option_forward(market):
    t = market.table
    forward = {(t.coin[i], t.expiry[i]): t.forward[i] for i in np.flatnonzero(t.kind == "option")}
    shared = 0
    for i in np.flatnonzero(t.kind == "future"):
        key = (t.coin[i], t.expiry[i])
        if key in forward:
            shared += 1
            quote = (
                1.0
                if t.settle[i] == t.coin[i]
                else market.index[f"{t.coin[i]}-USDT"] / market.index[f"{t.coin[i]}-USD"]
            )
            assert t.mark[i] == pytest.approx(forward[key] * quote, rel=1e-4)
    assert shared >= 8


def test_quotes_agree_with_the_stablecoins_up_to_a_few_basis_points(market):
    for coin in COINS:
        for stable in ("USDT", "USDC"):
            residual = market.index[f"{coin}-{stable}"] * market.index[f"{stable}-USD"] / market.index[f"{coin}-USD"]
            assert abs(residual - 1) < 15e-4


def test_details_are_complete_and_liquidity_falls_with_moneyness(market):
    t, details = market.table, market.table.details
    for column in DETAIL_COLUMNS:
        rows = t.kind == "perpetual" if column == "funding_rate" else np.ones(len(t), bool)
        assert np.isfinite(details[column][rows]).all()
        assert column == "funding_rate" or (details[column] > 0).all()
    row = np.flatnonzero((t.kind == "option") & (t.coin == "BTC"))
    days = (t.expiry[row] - market.time).astype(int) / 86_400_000
    deviations, depth = (
        np.abs(np.log(t.strike[row] / t.forward[row])) / t.vol[row] / np.sqrt(days),
        details["depth_usd"][row],
    )
    near = deviations < np.median(deviations)
    assert depth[near].mean() > 2 * depth[~near].mean()


def test_a_subset_of_the_coins():
    market = synthetic_market(coins=["SOL"], strikes_per_expiry=4, expiries=3)
    assert market.universe.coins == ("SOL",)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"coins": ["XYZ"]}, "coins"),
        ({"coins": []}, "coins"),
        ({"expiries": 0}, "expiries"),
        ({"strikes_per_expiry": 1}, "strikes_per_expiry"),
    ],
)
def test_what_cannot_be_built_is_an_error(arguments, path):
    with pytest.raises(InputError) as caught:
        synthetic_market(**arguments)
    assert caught.value.path == path

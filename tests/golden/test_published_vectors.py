"""The vectors of okx_portfolio_margin.md section 17 that concern version 2 or both versions.

1 is ``test_position_builder.py``; 4 is version 1; 5 (option Greeks) is ``tests/pricing/test_greeks.py``. Tolerance:
half a unit of the last printed digit (okx_computation.md section 5). Where a number belongs to the rulebook it is
read from there, so that these tests also hold the tables to the printed figures.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import shockgrid as sg
from shockgrid.venues.okx import mr9_depeg
from shockgrid.venues.okx.mr7_liquidation_cost import mr7
from shockgrid.venues.okx.mr8_borrowing import borrow_rates
from shockgrid.venues.okx.rule_lookup import rule_tables
from tests.documents import accounts_of, market_of

pytestmark = pytest.mark.usefixtures("x64")

TIME = "2024-06-01T08:00:00Z"


def as_printed(text: str):
    """What rounds to a printed number: half a unit of its last digit to either side."""
    digits = text.replace(",", "")
    decimals = len(digits.partition(".")[2])
    return pytest.approx(float(digits), rel=0, abs=0.5 * 10.0**-decimals)


@pytest.fixture(scope="module")
def tables(rules):
    """The newest rulebook, looked up for BTC and a coin of each other group."""
    return rule_tables(rules, ["BTC", "LTC", "XYZ"], ["BTC", "USDT", "USDC"])


def instrument(name, kind, settle, size, mark, **more):
    row = {"id": name, "kind": kind, "coin": "BTC", "settle": settle, "contract_value": size, "mark": mark}
    return row | more


def unit_of(rules, index, instruments, **account):
    """The only unit of one account."""
    document = {"format": "shockgrid.market/1", "time": TIME, "index": index, "instruments": instruments}
    units = sg.margin(market_of(document), accounts_of({"id": "a", **account}), rules).units
    assert len(units) == 1
    return units.iloc[0]


def test_mr7_scaling_of_version_1_when_the_raw_charge_is_30_000():
    """Vector 2: OKX announcement of December 2021; the bounds are v1's for BTC (section 8.2)."""
    upper = jnp.array([10e3, 70e3, 170e3, 300e3, 470e3, 700e3, np.inf])
    multiplier = jnp.array([1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0])
    assert float(mr7(jnp.array(30e3), upper, multiplier)) == as_printed("50,000")


def test_mr7_scaling_of_version_2_when_the_raw_charge_is_1_200_000(tables):
    """Section 8.2's constructed check, through the rulebook's own tiers for BTC."""
    upper, multiplier = map(jnp.asarray, (tables.multipliers.upper[0], tables.multipliers.multiplier[0]))
    assert float(mr7(jnp.array(1.2e6), upper, multiplier)) == as_printed("3,950,000")


def depeg_charge(tables, price, delta_usd):
    """MR9 with every pair at one price."""
    factors = mr9_depeg.tier_factors(jnp.full(3, price), tables.depeg)
    return float(mr9_depeg.mr9(list(jnp.array(delta_usd)), factors, jnp.asarray(tables.depeg.upper)))


def test_mr9_tiers_when_ten_million_is_hedged_at_0_985(tables):
    """Vector 3, OKX's arithmetic example: 0.75, 1.75 and 2.5 %, which is the table at 0.985."""
    assert depeg_charge(tables, 0.985, [10e6, 0.0, -10e6]) == as_printed("202,500")


@pytest.mark.parametrize("pair", mr9_depeg.PAIRS)
def test_mr9_tiers_are_the_same_for_each_pair(tables, pair):
    """Section 9, step 3: one table for all pairs."""
    delta = np.zeros(3)
    delta[list(pair)] = -10e6, 10e6
    assert depeg_charge(tables, 0.985, delta) == as_printed("202,500")


def test_mr9_nets_in_the_order_of_the_pairs_at_par(tables):
    """Section 9's constructed test: USDT +6M, USDC -1M, USD -4M make volumes of 4M, 1M and nothing."""
    delta = [jnp.asarray(volume) for volume in (6e6, -1e6, -4e6)]
    np.testing.assert_array_equal(jnp.stack(mr9_depeg.hedged_volumes(delta)), [4e6, 1e6, 0.0])
    assert depeg_charge(tables, 1.0, delta) == as_printed("40,000")


def test_initial_margin_is_1_3_times_maintenance_margin(rules):
    """Vector 6: the position example of 2022 and the comparison of the modes of February 2025."""
    assert rules["imr.multiple"] * 0.0041787001530946 == as_printed("0.005432310199023")
    assert rules["imr.multiple"] * 129_959 == as_printed("168,947")


def test_spot_hedge_of_june_2024_under_version_2(rules):
    """Vector 7: 10 BTC of spot against 10 BTC of short perpetuals; S and P as section 5.1 recovers them."""
    spot, perpetual = 67107.1111, 67114.8889
    unit = unit_of(
        rules,
        {"BTC-USD": spot, "BTC-USDT": spot, "USDT-USD": 1.0},
        [instrument("BTC-USDT-SWAP", "perpetual", "USDT", 0.01, perpetual)],
        balances={"BTC": 10},
        positions=[{"instrument": "BTC-USDT-SWAP", "quantity": -1000}],
    )
    assert unit.mr4 == as_printed("2,684.44")
    assert unit.mr7 == as_printed("3,020.17")
    assert unit.mmr_usd == as_printed("3,020.17")
    assert unit.dominant == "mr7"
    assert unit.spot_in_use == 10


def test_calendar_spread_under_version_2(rules):
    """Vector 8: long 10 BTC of a 90-day future, short 10 BTC of perpetuals, everything at 100,000."""
    unit = unit_of(
        rules,
        {"BTC-USD": 100e3, "BTC-USDT": 100e3, "USDT-USD": 1.0},
        [
            instrument("BTC-USDT-SWAP", "perpetual", "USDT", 0.01, 100e3),
            instrument("BTC-USDT-240830", "future", "USDT", 0.01, 100e3, expiry="2024-08-30T08:00:00Z"),
        ],
        positions=[
            {"instrument": "BTC-USDT-240830", "quantity": 1000},
            {"instrument": "BTC-USDT-SWAP", "quantity": -1000},
        ],
    )
    # The section prints 1,000,000 * (2.4828 % + 0.2 %) = 26,828.
    assert unit.mr4 == as_printed("26,828")
    assert unit.mr1 == 0
    assert unit.mr6 == 0


# okx_computation.md section 4: the tier of the whole amount, upper bound included; beyond the table each further
# 35 BTC or 1,000,000 USDT adds 1 %, capped at 100 %. The tables are those of okx_portfolio_margin.md section 10.
@pytest.mark.parametrize(
    ("currency", "amount", "mmr", "imr"),
    [
        ("USDT", 1.0, 0.02, 0.10),
        ("USDT", 100e3, 0.02, 0.10),
        ("USDT", 100e3 + 0.01, 0.025, 0.1053),
        ("USDT", 3e6, 0.06, 0.20),
        ("USDT", 3e6 + 0.01, 0.07, 0.21),
        ("USDT", 4e6, 0.07, 0.21),
        ("USDT", 4e6 + 0.01, 0.08, 0.22),
        ("USDT", 1e9, 1.0, 1.0),
        ("BTC", 35.0, 0.03, 0.10),
        ("BTC", 36.0, 0.0625, 0.125),
        ("BTC", 105.0, 0.10, 0.20),
        ("BTC", 140.0, 0.11, 0.21),
        ("BTC", 140.01, 0.12, 0.22),
    ],
)
def test_borrowing_rate_is_that_of_the_tier_of_the_whole_amount(tables, currency, amount, mmr, imr):
    place = {"BTC": 0, "USDT": 1}[currency]
    rates = borrow_rates(jnp.array(amount), jnp.array(place), jax.tree.map(jnp.asarray, tables))
    # Sums of two decimal fractions.
    assert [float(rate) for rate in rates] == pytest.approx([mmr, imr], rel=1e-14)

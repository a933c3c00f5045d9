"""The twin against the published and constructed numbers of the rule text, and against random documents."""

import math

import pytest

from tests.reference.depeg import mr9_charge
from tests.reference.hand_markets import market_of, swap
from tests.reference.okx import margin
from tests.reference.parameters import V2_2025_01_15
from tests.reference.random_documents import random_accounts, random_market
from tests.reference.tables import marginal

NINE_DIGITS = {"rel": 1e-9, "abs": 1e-12}


def builder_result():
    """The position-builder example (PM 13)."""
    index = {
        "BTC-USD": 97032.2, "BTC-USDT": 97078.9, "LTC-USD": 101.89, "LTC-USDT": 101.9951, "USDT-USD": 0.99954,
    }  # fmt: skip
    btc = swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, 97093.7)
    ltc = swap("LTC-USDT-SWAP", "LTC", "USDT", 1, 102)
    positions = [
        {"instrument": "BTC-USDT-SWAP", "quantity": -10, "average_price": 100000},
        {"instrument": "LTC-USDT-SWAP", "quantity": 10, "average_price": 8000},
    ]
    return margin(market_of(index, btc, ltc), {"id": "builder", "balances": {"USDT": 100}, "positions": positions})


BUILDER_UNITS = {
    "BTC": {
        "cash_delta_usd": -9704.903689800001, "mr1": 1164.4109244719994, "mr2": 0, "mr3": 0, "mr4": 19.4098073796,
        "mr5": 0, "mr6": 1164.4109244720003, "mr7": 43.67206660410001, "mr8": 1571.064377796, "mr9": 0,
        "mmr_usd": 1183.8207318516002, "imr_usd": 1538.9669514070802, "upl_usd": 290.49631020000027, "gamma_usd": 0,
        "theta_usd": 0, "vega_usd": 0, "spot_in_use": 0, "worst_price_move": 0.12,
        "delta_coin": -9704.903689800001 / 97032.2,
    },
    "LTC": {
        "cash_delta_usd": 1019.5308, "mr1": 183.50672805719995, "mr2": 0, "mr3": 0, "mr4": 8.1562464, "mr5": 0,
        "mr6": 183.5067280572, "mr7": 7.1367156, "mr8": 1571.064377796, "mr9": 0, "mmr_usd": 191.6629744572,
        "imr_usd": 249.16186679436, "upl_usd": -78943.6692, "gamma_usd": 0, "theta_usd": 0, "vega_usd": 0,
        "spot_in_use": 0, "worst_price_move": -0.18, "delta_coin": 1019.5308 / 101.89,
    },
}  # fmt: skip
BUILDER_CELLS = {
    "BTC": {
        0.0: 0, 0.04: -388.1369748240002, 0.08: -776.2739496480004, 0.12: -1164.4109244719994,
        -0.04: 388.1369748240002, -0.08: 776.2739496480004, -0.12: 1164.4109244719994,
    },
    "LTC": {
        0.0: 0, 0.06: 61.168909352399936, 0.12: 122.33781870480001, 0.18: 183.50672805719995,
        -0.06: -61.168909352399936, -0.12: -122.33781870480001, -0.18: -183.50672805719995,
    },
}  # fmt: skip
BUILDER_ACCOUNT = {
    "equity_usd": -78553.21888979999, "gross_equity_usd": -78553.21888979999, "derivatives_mmr_usd": 1375.4837063088003,
    "borrow_mmr_usd": 1571.064377796, "mmr_usd": 2946.5480841048, "imr_usd": 9643.45070718144,
    "borrow_imr_usd": 7855.32188898, "derivatives_imr_usd": 1538.9669514070802 + 249.16186679436,
    "liability_usd": 78553.21888979999, "margin_ratio": -25.95365779811705,
}  # fmt: skip


@pytest.mark.parametrize("unit", ["BTC", "LTC"])
def test_builder_unit(unit):
    row = builder_result()["units"][unit]
    for name, expected in BUILDER_UNITS[unit].items():
        assert row[name] == pytest.approx(expected, **NINE_DIGITS), name
    assert row["worst_vol_state"] == "up"
    assert row["dominant"] == "mr1"
    assert set(row) == set(BUILDER_UNITS[unit]) | {"worst_vol_state", "dominant"}


def test_builder_cells():
    scenarios = builder_result()["scenarios"]
    assert len(scenarios) == 42
    for (unit, move, _), pnl in scenarios.items():
        assert pnl == pytest.approx(BUILDER_CELLS[unit][move], **NINE_DIGITS)


def test_builder_account():
    row = builder_result()["account"]
    for name, expected in BUILDER_ACCOUNT.items():
        assert row[name] == pytest.approx(expected, **NINE_DIGITS), name
    assert row["status"] == "liquidation"
    assert row["eligible"] is False
    assert set(row) == set(BUILDER_ACCOUNT) | {"status", "eligible"}


def test_mr9_tiers_of_ten_million_at_0_985():
    assert mr9_charge(10e6, 0.985, V2_2025_01_15.mr9) == pytest.approx(202_500.0, **NINE_DIGITS)


def test_mr9_constructed_deltas():
    """USDT +6M, USDC -1M, USD -4M at par give 40,000 (PM 9)."""
    index = {"BTC-USD": 1e5, "BTC-USDT": 1e5, "BTC-USDC": 1e5, "USDT-USD": 1.0, "USDC-USD": 1.0}
    rows = [swap(f"BTC-{c}-SWAP", "BTC", c, 0.01, 1e5) for c in ("USDT", "USDC")] + [
        swap("BTC-USD-SWAP", "BTC", "BTC", 100, 1e5)
    ]
    quantities = {"BTC-USDT-SWAP": 6000, "BTC-USDC-SWAP": -1000, "BTC-USD-SWAP": -40_000}
    positions = [{"instrument": name, "quantity": q} for name, q in quantities.items()]
    result = margin(market_of(index, *rows), {"id": "a", "positions": positions})
    assert result["units"]["BTC"]["mr9"] == pytest.approx(40_000.0, **NINE_DIGITS)


def test_mr7_multiplier():
    assert marginal(V2_2025_01_15.mr7_multiplier.of("BTC"), 1_200_000.0) == pytest.approx(3_950_000.0, **NINE_DIGITS)


def test_spot_hedge_of_june_2024():
    """PM 17, vector 7: 10 BTC spot against 10 BTC of short perpetuals, S = 67107.11, P = 67114.8889."""
    index = {"BTC-USD": 67107.11, "BTC-USDT": 67107.11, "USDT-USD": 1.0}
    market = market_of(index, swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, 67114.8889))
    account = {"id": "a", "balances": {"BTC": 10}, "positions": [{"instrument": "BTC-USDT-SWAP", "quantity": -1000}]}
    account["orders"] = [{"instrument": "BTC-USDT", "quantity": 5, "price": 66000.0}]
    unit = margin(market, account)["units"]["BTC"]
    assert unit["mr4"] == pytest.approx(2684.44, abs=0.005)
    assert unit["mr7"] == pytest.approx(3020.17, abs=0.005)
    assert unit["mmr_usd"] == pytest.approx(3020.17, abs=0.005)
    assert unit["mr1"] == pytest.approx(0.0, abs=1e-6)
    assert (unit["spot_in_use"], unit["dominant"]) == (10.0, "mr7")


def test_calendar():
    """PM 17, vector 8: long a 90-day future, short the perpetual, 10 BTC at 100,000."""
    index = {"BTC-USD": 1e5, "BTC-USDT": 1e5, "USDT-USD": 1.0}
    rows = [
        swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, 1e5),
        swap("BTC-USDT-250415", "BTC", "USDT", 0.01, 1e5, "2025-04-15T10:26:41.642Z"),
    ]
    positions = [
        {"instrument": "BTC-USDT-SWAP", "quantity": -1000},
        {"instrument": "BTC-USDT-250415", "quantity": 1000},
    ]
    unit = margin(market_of(index, *rows), {"id": "a", "positions": positions})["units"]["BTC"]
    assert unit["mr4"] == pytest.approx(26_828.0, abs=0.5)
    assert (unit["mr1"], unit["mr6"], unit["dominant"]) == (0.0, 0.0, "mr4")


def test_coin_against_inverse_perpetual_is_flat():
    """OC 5: spot in use against an inverse perpetual of the same cash size, mark = index."""
    market = market_of({"BTC-USD": 50_000.0}, swap("BTC-USD-SWAP", "BTC", "BTC", 100, 50_000.0))
    account = {"id": "a", "balances": {"BTC": 4}, "positions": [{"instrument": "BTC-USD-SWAP", "quantity": -2000}]}
    result = margin(market, account)
    assert all(abs(pnl) < 1e-9 for pnl in result["scenarios"].values())
    assert result["units"]["BTC"]["spot_in_use"] == 4.0


def numbers(result):
    rows = [result["account"], *result["units"].values(), result["scenarios"]]
    return {(i, k): v for i, row in enumerate(rows) for k, v in row.items() if isinstance(v, (int, float))}


@pytest.mark.parametrize("seed", range(8))
def test_random_accounts_give_finite_numbers(seed):
    market = random_market(seed)
    for account in random_accounts(market, seed, 25):
        for key, number in numbers(margin(market, account)).items():
            assert math.isfinite(number) or (key == (0, "margin_ratio") and number == math.inf), (account["id"], key)


@pytest.mark.parametrize("seed", range(3))
def test_splitting_and_reordering_change_nothing(seed):
    market = random_market(seed)
    for account in random_accounts(market, seed, 15):
        halves = [p | {"quantity": p["quantity"] / 2} for p in account.get("positions", [])]
        split = account | {"positions": halves[::-1] + halves}
        first, second = margin(market, account), margin(market, split)
        for key, number in numbers(first).items():
            scale = sum(unit["mr7"] for unit in first["units"].values())
            assert numbers(second)[key] == pytest.approx(number, rel=1e-9, abs=1e-9 * scale + 1e-12), key

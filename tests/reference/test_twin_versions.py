"""The twin's rulebook versions: what each one changes, eligibility, funding, and random documents under all of them."""

import math
from dataclasses import replace

import pytest

from tests.reference.hand_markets import holding, market_of, par_index, swap
from tests.reference.okx import margin
from tests.reference.parameters import V2_2025_01_15, VERSIONS
from tests.reference.random_documents import random_accounts, random_market

NINE_DIGITS = {"rel": 1e-9, "abs": 1e-9}
V1_VERSIONS = [name for name in VERSIONS if name.startswith("okx/v1")]


def test_names():
    assert [name.removeprefix("okx/") for name in VERSIONS] == [
        *("v1-2021-12-24", "v1-2022-08-24", "v1-2023-06-08", "v1-2023-07-12", "v1-2024-02-01", "v1-2024-05-11"),
        *("v1-2024-06-05", "v2-2024-12-30", "v2-2025-01-06", "v2-2025-01-15", "v2-2025-12-04"),
    ]
    assert all(p.structure == name[4:6] for name, p in VERSIONS.items())
    assert VERSIONS["okx/v2-2025-01-15"] is V2_2025_01_15


def four_million(coin, version):
    """One linear perpetual of 4M USD at par, mark = index: MR1, MR6, MR4 and MR7."""
    market = market_of(par_index(**{coin: 100.0}), swap("P", coin, "USDT", 1.0, 100.0))
    [unit] = margin(market, holding({"P": 40_000}), VERSIONS[version])["units"].values()
    return unit["mr1"], unit["mr6"], unit["mr4"], unit["mr7"]


# BTC; DOT (in B-old and set 2 only); SOL (in B-new only); LTC (in all three lists); XYZ (in none)
OF_FOUR_MILLION = {
    "v1": {
        "BTC": (600e3, 600e3, 0, 26_000), "DOT": (800e3, 1000e3, 0, 108_000), "SOL": (1000e3, 800e3, 0, 87_000),
        "LTC": (800e3, 800e3, 0, 61_000), "XYZ": (1000e3, 1000e3, 0, 135_000),
    },
    "okx/v2-2024-12-30": {
        "BTC": (600e3, 600e3, 4e6 * 0.075 * math.sqrt(0.33 / 365), 26_000), "DOT": (800e3, 1000e3, 80e3, 135_000),
        "SOL": (1000e3, 800e3, 32e3, 61_000), "LTC": (800e3, 800e3, 32e3, 61_000),
        "XYZ": (1000e3, 1000e3, 80e3, 135_000),
    },
    "okx/v2-2025-01-06": {
        "BTC": (480e3, 480e3, 8e3, 26_000), "DOT": (720e3, 1000e3, 80e3, 135_000),
        "SOL": (1000e3, 720e3, 32e3, 61_000), "LTC": (720e3, 720e3, 32e3, 61_000),
        "XYZ": (1000e3, 1000e3, 80e3, 135_000),
    },
    "okx/v2-2025-01-15": {
        "BTC": (480e3, 480e3, 8e3, 18_000), "DOT": (720e3, 1000e3, 80e3, 40_000),
        "SOL": (1000e3, 720e3, 32e3, 28_000), "LTC": (720e3, 720e3, 32e3, 28_000),
        "XYZ": (1000e3, 1000e3, 80e3, 40_000),
    },
    "okx/v2-2025-12-04": {
        "BTC": (480e3, 480e3, 8e3, 18_000), "DOT": (1000e3, 1000e3, 80e3, 40_000),
        "SOL": (720e3, 720e3, 32e3, 28_000), "LTC": (720e3, 720e3, 32e3, 28_000),
        "XYZ": (1000e3, 1000e3, 80e3, 40_000),
    },
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_one_perpetual_of_four_million(version):
    """MR7 raw is 18,000 for BTC, 28,000 for SOL and LTC, 40,000 for others, then the version's multiplier."""
    for coin, expected in OF_FOUR_MILLION.get(version, OF_FOUR_MILLION["v1"]).items():
        assert four_million(coin, version) == pytest.approx(expected, **NINE_DIGITS), coin


@pytest.mark.parametrize(
    ("coin", "raw", "expected"),
    [
        ("BTC", 1e6, 10e3 + 2 * 60e3 + 4 * 100e3 + 6 * 130e3 + 8 * 170e3 + 10 * 230e3 + 12 * 300e3),
        ("LTC", 300e3, 7e3 + 18e3 + 39e3 + 56e3 + 26e3 * (5 + 6 + 7 + 8 + 9 + 10 + 11 + 12) + 13 * 49e3),
        ("XYZ", 20e3, 3e3 + 10e3 + 18e3 + 24e3),
    ],
)
def test_multiplier_beyond_the_last_bound(coin, raw, expected):
    """PM 8.2, v1: the top tier of each set (BTC raw = 0.45 %, LTC 0.70 %, XYZ 1 % of the cash delta)."""
    rate = {"BTC": 0.0045, "LTC": 0.0070, "XYZ": 0.0100}[coin]
    market = market_of(par_index(**{coin: 100.0}), swap("P", coin, "USDT", 1.0, 100.0))
    [unit] = margin(market, holding({"P": raw / rate / 100.0}), VERSIONS["okx/v1-2023-07-12"])["units"].values()
    assert unit["mr7"] == pytest.approx(expected, **NINE_DIGITS)


def test_annual_move_of_mr4():
    """A future of 91.25 days: a quarter of a year, so half of 7.5 %, then half of 5 %."""
    row = swap("F", "BTC", "USDT", 0.01, 1e5, "2025-04-16T16:26:41.642Z")
    for version, expected in (("okx/v2-2024-12-30", 37_500.0), ("okx/v2-2025-01-06", 25_000.0)):
        unit = margin(market_of(par_index(BTC=1e5), row), holding({"F": 1000}), VERSIONS[version])["units"]["BTC"]
        assert unit["mr4"] == pytest.approx(expected, **NINE_DIGITS)


@pytest.mark.parametrize("version", VERSIONS)
def test_eligible(version):
    """Gross equity at or above the minimum, and declared (CH B)."""
    least = 100_000.0 if version in ("okx/v1-2021-12-24", "okx/v1-2022-08-24") else 10_000.0
    market = market_of({"USDT-USD": 1.0})

    def eligible(usdt, **flag):
        return margin(market, {"id": "a", "balances": {"USDT": usdt}, **flag}, VERSIONS[version])["account"]["eligible"]

    assert (eligible(least), eligible(least, declared=True), eligible(least, declared=False)) == (True, True, False)
    assert eligible(least - 0.01) is False


def funded_mr7(quantity, rate, days, **expiry):
    """MR7 of perpetuals (or futures) of 1,000 USD each with a funding rate."""
    row = swap("P", "BTC", "USDT", 0.01, 1e5, **expiry) | {"funding_rate": rate}
    p = replace(V2_2025_01_15, mr7_funding_days=days)
    return margin(market_of(par_index(BTC=1e5), row), holding({"P": quantity}), p)["units"]["BTC"]["mr7"]


def test_funding():
    """Two days of 0.01 % per 8 hours: 1M * (0.0045 + 0.0001 * 3 * 2) = 5,100 for the side that pays, else 4,500."""
    assert funded_mr7(1000, 1e-4, 2.0) == pytest.approx(5_100.0, **NINE_DIGITS)
    assert funded_mr7(-1000, 1e-4, 2.0) == pytest.approx(4_500.0, **NINE_DIGITS)
    assert funded_mr7(1000, -1e-4, 2.0) == pytest.approx(4_500.0, **NINE_DIGITS)
    assert funded_mr7(-1000, -1e-4, 2.0) == pytest.approx(5_100.0, **NINE_DIGITS)
    assert funded_mr7(1000, 1e-4, 0.0) == pytest.approx(4_500.0, **NINE_DIGITS)
    assert funded_mr7(1000, 1e-4, 2.0, expiry="2025-03-28T08:00:00Z") == pytest.approx(4_500.0, **NINE_DIGITS)
    assert all(p.mr7_funding_days == 0.0 for p in VERSIONS.values())


def numbers(result):
    rows = [result["account"], *result["units"].values(), result["scenarios"]]
    return {(i, k): v for i, row in enumerate(rows) for k, v in row.items() if isinstance(v, (int, float))}


@pytest.mark.parametrize("version", VERSIONS)
def test_random_accounts_give_finite_numbers(version):
    market = random_market(7)
    for account in random_accounts(market, 7, 42):
        for key, number in numbers(margin(market, account, VERSIONS[version])).items():
            assert math.isfinite(number) or (key == (0, "margin_ratio") and number == math.inf), (account["id"], key)


@pytest.mark.parametrize("version", ["okx/v1-2023-06-08", "okx/v1-2024-06-05"])
def test_splitting_and_reordering_change_nothing(version):
    market, p = random_market(3), VERSIONS[version]
    for account in random_accounts(market, 3, 28):
        halves = [row | {"quantity": row["quantity"] / 2} for row in account.get("positions", [])]
        first, second = margin(market, account, p), margin(market, account | {"positions": halves[::-1] + halves}, p)
        scale = sum(unit["mr7"] for unit in first["units"].values())
        for key, number in numbers(first).items():
            assert numbers(second)[key] == pytest.approx(number, rel=1e-9, abs=1e-9 * scale + 1e-12), key


def test_structures_agree_on_linear_books_of_one_currency():
    """Linear contracts settled in USDT alone: v1's `-USDT` units have the numbers of v2's units, MR4 and MR7 apart."""
    market = random_market(2)
    linear = {row["id"] for row in market["instruments"] if row["settle"] == "USDT"}
    for account in random_accounts(market, 2, 56):
        kept = [row for row in account.get("positions", []) if row["instrument"] in linear]
        reduced = account | {"positions": kept, "orders": [], "spot_mode": "spot_usdt"}
        v1, v2 = (margin(market, reduced, VERSIONS[n]) for n in ("okx/v1-2024-06-05", "okx/v2-2024-12-30"))
        for name, unit in v2["units"].items():
            for column in ("mr1", "mr2", "mr3", "mr5", "mr6", "mr8", "spot_in_use", "delta_coin", "upl_usd"):
                assert v1["units"][f"{name}-USDT"][column] == unit[column], column
        for column in ("equity_usd", "gross_equity_usd", "borrow_mmr_usd", "borrow_imr_usd", "eligible"):
            assert v1["account"][column] == v2["account"][column]


@pytest.mark.parametrize("version", V1_VERSIONS)
def test_mr9_is_zero_in_v1(version):
    market = random_market(5)
    for account in random_accounts(market, 5, 28):
        assert all(unit["mr9"] == 0.0 for unit in margin(market, account, VERSIONS[version])["units"].values())


def test_settings_are_drawn():
    """All four spot modes and none, declared, not declared and neither, occur among random accounts."""
    market = random_market(0)
    accounts = random_accounts(market, 0, 60)
    modes = {"derivatives_only", "spot_usdt", "spot_usdc", "spot_coin", None}
    assert {account.get("spot_mode") for account in accounts} == modes
    assert {account.get("declared") for account in accounts} == {True, False, None}

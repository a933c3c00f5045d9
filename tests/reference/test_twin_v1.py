"""The twin's v1 structure against the printed figures of PM 2.7, 5.1, 8.2 and 17, and against hand-worked ones."""

import pytest

from tests.reference.basis import matched_parts
from tests.reference.hand_markets import holding, market_of, option, par_index, swap
from tests.reference.okx import margin
from tests.reference.parameters import VERSIONS

NINE_DIGITS = {"rel": 1e-9, "abs": 1e-9}
V1 = VERSIONS["okx/v1-2024-06-05"]
V2 = VERSIONS["okx/v2-2024-12-30"]
MARCH, JUNE = "2025-03-28T08:00:00Z", "2025-06-27T08:00:00Z"


def june_2024(perpetual, version):
    """PM 17, vector 4: 10 BTC of spot, -1000 BTC-USDT perpetuals, a spot buy order of 5 BTC."""
    market = market_of(par_index(BTC=67111.0), swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, perpetual))
    account = holding({"BTC-USDT-SWAP": -1000}, balances={"BTC": 10}, spot_mode="spot_usdt")
    account["orders"] = [{"instrument": "BTC-USDT", "quantity": 5, "price": perpetual}]
    return margin(market, account, VERSIONS[version])["units"]["BTC-USDT"]


def test_spot_hedge_with_spot_in_mr4():
    unit = june_2024(67114.8889, "okx/v1-2024-06-05")
    assert unit["mr4"] == pytest.approx(8053.32, abs=0.005)
    assert unit["mr7"] == pytest.approx(3020.17, abs=0.005)
    assert unit["mmr_usd"] == pytest.approx(8053.32, abs=0.005)
    assert all(unit[name] == pytest.approx(0.0, abs=1e-6) for name in ("mr1", "mr2", "mr3", "mr5", "mr6", "mr9"))
    assert (unit["spot_in_use"], unit["dominant"]) == (10.0, "mr4")


def test_spot_hedge_with_its_order():
    """Of 15 BTC the whole delta is used, 671,148.889 / 67,111: 38.889 USD more of spot than the perpetual's base.

    IMR = 1.3 * (0.15 * 38.889 + 2 * 0.006 * 671,148.889) = 1.3 * (5.83335 + 8,053.786668).
    """
    unit = june_2024(67114.8889, "okx/v1-2024-06-05")
    assert unit["imr_usd"] == pytest.approx(1.3 * (5.83335 + 8_053.786668), **NINE_DIGITS)
    unit = june_2024(67114.8889, "okx/v1-2024-05-11")  # spot orders change no unit
    assert unit["imr_usd"] == pytest.approx(1.3 * 3_020.1700005, **NINE_DIGITS)


def test_spot_hedge_before_spot_entered_mr4():
    unit = june_2024(67130.4444, "okx/v1-2024-05-11")
    assert unit["mr4"] == 0.0
    assert unit["mr7"] == pytest.approx(3020.87, abs=0.005)
    assert unit["mmr_usd"] == pytest.approx(3020.87, abs=0.005)
    assert (unit["spot_in_use"], unit["dominant"]) == (10.0, "mr7")


def test_mr7_scaling_example():
    """PM 8.2: a raw charge of 30,000 counts 10,000 + 20,000 * 2 = 50,000."""
    market = market_of(par_index(BTC=1e5), swap("BTC-USD-SWAP", "BTC", "BTC", 100, 1e5))
    account = holding({"BTC-USD-SWAP": 30_000 / 0.0045 / 100})
    for version in ("okx/v1-2021-12-24", "okx/v1-2024-06-05"):
        assert margin(market, account, VERSIONS[version])["units"]["BTC-USD"]["mr7"] == pytest.approx(50_000.0)


def option_of_2022(quantity, version):
    """PM 2.7: one contract of 0.1 BTC-USD-220325-50000-C on 7 March 2022."""
    terms = ("call", 50_000.0, 38_138.1, 0.8753)
    row = option("BTC-USD-220325-50000-C", "BTC", 0.1, terms, "2022-03-25T08:00:00Z")
    market = market_of({"BTC-USD": 37_829.8}, row, time="2022-03-07T07:51:37.536Z")
    [unit] = margin(market, holding({row["id"]: quantity}), VERSIONS[version])["units"].values()
    return unit


def test_option_of_2022():
    unit = option_of_2022(-1, "okx/v1-2021-12-24")
    assert (unit["mr3"], unit["mr4"], unit["mr5"], unit["mr9"]) == (0.0, 0.0, 0.0, 0.0)
    assert unit["mmr_usd"] == unit["mr1"] > unit["mr6"] > unit["mr7"]
    assert unit["imr_usd"] == pytest.approx(1.3 * unit["mmr_usd"], **NINE_DIGITS)
    assert option_of_2022(-1, "okx/v1-2022-08-24")["mr5"] == 0.0 < option_of_2022(-1, "okx/v1-2023-06-08")["mr5"]
    assert unit["dominant"] == "mr1"
    assert (unit["worst_price_move"], unit["worst_vol_state"]) == (0.15, "up")
    assert unit["mr1"] / 37_829.8 == pytest.approx(0.0041787, rel=0.2)  # an order of magnitude only (PM 2.7)
    assert unit["mr6"] / 37_829.8 == pytest.approx(0.0032251, rel=2e-5)  # PM's factor 0.0327 moves F by 30 % of F


def test_mr7_floor_of_short_options():
    """Fee 0.0003 of the index; floor 0.02 for a short option in v1, else delta part 0.0045 * 0.0957 < floor 0.002."""
    usd = 0.1 * 37_829.8
    for version in ("okx/v1-2021-12-24", "okx/v1-2024-06-05"):
        assert option_of_2022(-1, version)["mr7"] == pytest.approx(usd * 0.0203, **NINE_DIGITS)
        assert option_of_2022(1, version)["mr7"] == pytest.approx(usd * 0.0023, **NINE_DIGITS)
    for version in ("okx/v2-2024-12-30", "okx/v2-2025-01-15"):
        assert option_of_2022(-1, version)["mr7"] == pytest.approx(usd * 0.0023, **NINE_DIGITS)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("okx/v1-2024-06-05", 15_000.0),
        ("okx/v1-2024-05-11", 15_000.0),
        ("okx/v1-2024-02-01", 21_000.0),
        ("okx/v1-2023-07-12", 21_000.0),
        ("okx/v1-2023-06-08", 39_000.0),
        ("okx/v1-2021-12-24", 39_000.0),
    ],
)
def test_mr4_calendar(version, expected):
    """Long 1.224M of a future, short 1M of the perpetual: M = 1M, and the largest listed basis of the expiry is 3 %.

    0.6 % forward move: 1M * (0.006 + 0.10 * 0.03) + 1M * 0.006 = 15,000; with a basis change of 0.30 21,000; with a
    forward move of 1.5 % 39,000.
    """
    rows = [
        swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, 1e5),
        swap("BTC-USDT-250328", "BTC", "USDT", 0.01, 102_000.0, MARCH),
        swap("BTC-USDT-250328-small", "BTC", "USDT", 0.001, 97_000.0, MARCH),  # listed in the unit: counts
        swap("BTC-USDT-250627", "BTC", "USDT", 0.01, 150_000.0, JUNE),  # another expiry
        swap("BTC-USDC-250328", "BTC", "USDC", 0.01, 110_000.0, MARCH),  # another unit
    ]
    account = holding({"BTC-USDT-SWAP": -1000, "BTC-USDT-250328": 1200})
    unit = margin(market_of(par_index(BTC=1e5), *rows), account, VERSIONS[version])["units"]["BTC-USDT"]
    assert unit["mr4"] == pytest.approx(expected, **NINE_DIGITS)


@pytest.mark.parametrize(("coin", "expected"), [("LTC", 28_000.0), ("SOL", 32_000.0)])
def test_mr4_of_other_groups(coin, expected):
    """1M against 1M with a basis of 3 %: LTC (B-old) 1M * (2 * 0.008 + 0.40 * 0.03), SOL 1M * (2 * 0.01 + 0.012)."""
    rows = [swap("P", coin, "USDT", 1.0, 100.0), swap("F", coin, "USDT", 1.0, 103.0, MARCH)]
    account = holding({"P": 10_000, "F": -1e6 / 103.0})
    unit = margin(market_of(par_index(**{coin: 100.0}), *rows), account, V1)["units"][f"{coin}-USDT"]
    assert unit["mr4"] == pytest.approx(expected, **NINE_DIGITS)


def coin_unit(version, **other):
    """The BTC-USD unit: spot, an inverse perpetual and future, and listed instruments with a basis of -2 and +3 %."""
    rows = [
        swap("BTC-USD-SWAP", "BTC", "BTC", 100, 1e5),
        swap("BTC-USD-250328", "BTC", "BTC", 100, 101_000.0, MARCH),
        swap("BTC-USD_UM-250328", "BTC", "USD", 0.01, 98_000.0, MARCH),
        option("BTC-USD-250328-100000-C", "BTC", 0.01, ("call", 1e5, 103_000.0, 0.6), MARCH),
    ]
    account = holding({"BTC-USD-SWAP": -9000, "BTC-USD-250328": 2000}, balances={"BTC": 5}, spot_mode="spot_coin")
    return margin(market_of(par_index(BTC=1e5), *rows), account | other, VERSIONS[version])["units"]["BTC-USD"]


def test_mr4_with_spot_perpetual_and_future():
    """L = 500,000 spot + 200,000 future, S = 900,000, M = 700,000; the option's forward has the largest basis.

    500,000 * 0.006 + 200,000 * (0.006 + 0.10 * 0.03) + 700,000 * 0.006 = 3,000 + 1,800 + 4,200 = 9,000.
    """
    unit = coin_unit("okx/v1-2024-06-05")
    assert unit["spot_in_use"] == 5.0
    assert unit["mr4"] == pytest.approx(9_000.0, **NINE_DIGITS)


def test_mr4_without_spot():
    """Before June 2024: M = 200,000; 200,000 * 0.009 + 200,000 * 0.006 = 3,000, though the spot is in use."""
    unit = coin_unit("okx/v1-2024-05-11")
    assert unit["spot_in_use"] == 5.0
    assert unit["mr4"] == pytest.approx(3_000.0, **NINE_DIGITS)


def test_limit_of_spot_in_use():
    """U = 1: L = 300,000 = M; 100,000 * 0.006 + 200,000 * 0.009 + 300,000 * 0.006 = 4,200; no U before June 2024."""
    limited = {"spot_limits": {"BTC": 1.0}}
    unit = coin_unit("okx/v1-2024-06-05", **limited)
    assert (unit["spot_in_use"], unit["mr4"]) == (1.0, pytest.approx(4_200.0, **NINE_DIGITS))
    assert coin_unit("okx/v1-2024-05-11", **limited)["spot_in_use"] == 5.0


def test_matched_parts():
    assert matched_parts([300.0, -100.0, 100.0, -100.0]) == [150.0, 100.0, 50.0, 100.0]
    assert matched_parts([300.0, 100.0, 0.0]) == [0.0, 0.0, 0.0]


def only_unit(row, quantity, index, version):
    """The cells of one position's unit with the volatility unchanged, and the unit."""
    result = margin(market_of(index, row), holding({row["id"]: quantity}), version)
    [(name, unit)] = result["units"].items()
    return {move: pnl for (_, move, state), pnl in result["scenarios"].items() if state == "unchanged"}, unit, name


def test_coin_profit_of_an_inverse_perpetual():
    """Long 1M USD, mark = index: 1M * (1 - 1 / (1 + s)) in v1, 1M * s in v2; MR6 takes half of s = -30 %."""
    row = swap("BTC-USD-SWAP", "BTC", "BTC", 100, 50_000.0)
    cells, unit, name = only_unit(row, 10_000, {"BTC-USD": 50_000.0}, V1)
    assert name == "BTC-USD"
    assert cells[0.15] == pytest.approx(1e6 * (1 - 1 / 1.15), **NINE_DIGITS)
    assert cells[-0.10] == pytest.approx(1e6 * (1 - 1 / 0.90), **NINE_DIGITS)
    assert unit["mr1"] == pytest.approx(1e6 * (1 / 0.85 - 1), **NINE_DIGITS)
    assert unit["mr6"] == pytest.approx(0.5 * 1e6 * (1 / 0.70 - 1), **NINE_DIGITS)
    cells, unit, name = only_unit(row, 10_000, {"BTC-USD": 50_000.0}, V2)
    assert name == "BTC"
    assert cells[0.15] == pytest.approx(150_000.0, **NINE_DIGITS)
    assert (unit["mr1"], unit["mr6"]) == (pytest.approx(150_000.0), pytest.approx(150_000.0))


def test_coin_profit_with_a_basis():
    """I = 50,000, mark 51,000, s = -10 %: P1 = 46,000, 1M * (1/51,000 - 1/46,000) * 50,000 in v1."""
    row = swap("BTC-USD-SWAP", "BTC", "BTC", 100, 51_000.0)
    cells, _, _ = only_unit(row, 10_000, {"BTC-USD": 50_000.0}, V1)
    assert cells[-0.10] == pytest.approx(1e6 * 50_000 * (1 / 51_000 - 1 / 46_000), **NINE_DIGITS)


def test_coin_profit_of_an_option():
    """A call at 50,000 an hour before expiry, F = I = 60,000, is worth 1 - 50,000 / F coins.

    At +15 % (F' = 69,000) one coin of it gains (50/60 - 50/69) * 60,000 = 6,521.74 USD in v1 and 9,000 USD in v2.
    """
    row = option("C", "BTC", 0.01, ("call", 50_000.0, 60_000.0, 0.5), "2025-01-15T11:26:41.642Z")
    cells, _, _ = only_unit(row, 100, {"BTC-USD": 60_000.0}, V1)
    assert cells[0.15] == pytest.approx((50 / 60 - 50 / 69) * 60_000, **NINE_DIGITS)
    cells, _, _ = only_unit(row, 100, {"BTC-USD": 60_000.0}, V2)
    assert cells[0.15] == pytest.approx(9_000.0, **NINE_DIGITS)


def test_linear_profit_is_the_same_in_both_structures():
    row = swap("BTC-USD_UM-SWAP", "BTC", "USD", 0.01, 50_100.0)
    cells, unit, name = only_unit(row, 2000, {"BTC-USD": 50_000.0}, V1)
    assert (name, cells, unit["mr6"]) == ("BTC-USD", only_unit(row, 2000, {"BTC-USD": 50_000.0}, V2)[0], unit["mr6"])
    assert cells[-0.05] == pytest.approx(-50_000.0, **NINE_DIGITS)


FOUR_CONTRACTS = (
    swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, 1e5),
    swap("BTC-USDC-SWAP", "BTC", "USDC", 0.01, 1e5),
    swap("BTC-USD_UM-SWAP", "BTC", "USD", 0.01, 1e5),
    swap("BTC-USD-SWAP", "BTC", "BTC", 100, 1e5),
)


def spot_of(version, settings):
    """{unit: spot in use} of 10 BTC against 1 BTC of each of four short perpetuals."""
    quantities = {"BTC-USDT-SWAP": -100, "BTC-USDC-SWAP": -100, "BTC-USD_UM-SWAP": -100, "BTC-USD-SWAP": -1000}
    account = holding(quantities, balances={"BTC": 10}, **settings)
    result = margin(market_of(par_index(BTC=1e5), *FOUR_CONTRACTS), account, VERSIONS[version])
    return {name: unit["spot_in_use"] for name, unit in result["units"].items()}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("derivatives_only", (0.0, 0.0, 0.0)),
        ("spot_usdt", (1.0, 0.0, 0.0)),
        ("spot_usdc", (0.0, 1.0, 0.0)),
        ("spot_coin", (0.0, 0.0, 2.0)),
        (None, (1.0, 0.0, 0.0)),
    ],
)
def test_spot_modes(mode, expected):
    settings = {} if mode is None else {"spot_mode": mode}
    units = ("BTC-USDT", "BTC-USDC", "BTC-USD")
    assert spot_of("okx/v1-2024-06-05", settings) == dict(zip(units, expected, strict=True))
    no_usdc = (0.0, 0.0, 0.0) if mode == "spot_usdc" else expected
    for version in ("okx/v1-2022-08-24", "okx/v1-2023-07-12", "okx/v1-2024-05-11"):
        assert spot_of(version, settings) == dict(zip(units, no_usdc, strict=True))
    assert set(spot_of("okx/v1-2021-12-24", settings).values()) == {0.0}
    assert spot_of("okx/v2-2024-12-30", settings) == {"BTC": 4.0}


def test_units_do_not_offset():
    """Long in USDT, short in USDC: flat in v2, two full units in v1."""
    account = holding({"BTC-USDT-SWAP": 1000, "BTC-USDC-SWAP": -1000})
    market = market_of(par_index(BTC=1e5), *FOUR_CONTRACTS)
    v1, v2 = margin(market, account, V1)["units"], margin(market, account, V2)["units"]
    assert [(name, unit["mr1"], unit["mr9"]) for name, unit in v1.items()] == [
        ("BTC-USDC", pytest.approx(150_000.0), 0.0),
        ("BTC-USDT", pytest.approx(150_000.0), 0.0),
    ]
    assert (v2["BTC"]["mr1"], v2["BTC"]["mr9"]) == (0.0, pytest.approx(5_000.0))

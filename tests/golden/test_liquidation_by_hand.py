"""Every stage of a forced liquidation worked out by hand, at par (docs/liquidation.md, "The rules, exactly").

The figures in capitals are those of ``okx/v2-2025-12-04`` for BTC and ETH, group A of every component, and for XYZ,
which no list names and which is in group C. A linear book of one coin loses 12 % of its value in MR1, and half of 24 %
in MR6, which is the same; MR4 adds 0.2 % of what is in spot and perpetuals and, of a future, 5 % of the root of its
time in years. In no case is MR7 more than that, unless it says so.
"""

from __future__ import annotations

import math

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.reference import hand_markets
from tests.reference.hand_markets import holding, option, par_index, swap

LARGEST_MOVE, NEAR_MOVE, ANNUAL_MOVE = 0.12, 0.002, 0.05
XYZ_NEAR_MOVE = 0.02
MR7_RATE, XYZ_MR7_RATE, FUTURE_FEE = 0.0045, 0.01, 0.0005
SPOT_FEE = DEBT_FEE = 0.001

PERP, INVERSE, FUTURE, PUT = "BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT-250416", "BTC-USD-250122-100000-P"
DEEP, XYZ = "ETH-USDT-SWAP", "XYZ-USDT-SWAP"
IN_7_DAYS, IN_A_QUARTER = "2025-01-22T10:26:41.642Z", "2025-04-16T16:26:41.642Z"  # 91.25 days
MARKET = hand_markets.market_of(
    par_index(BTC=50_000.0, ETH=2_000.0, XYZ=10.0),
    # 500 USD a contract, but the inverse one of 100; the only one with a volume is the most liquid.
    swap(PERP, "BTC", "USDT", 0.01, 50_000.0) | {"volume_24h_usd": 1e9},
    swap(INVERSE, "BTC", "BTC", 100.0, 50_000.0),
    swap(FUTURE, "BTC", "USDT", 0.01, 50_000.0, IN_A_QUARTER),
    # Worth 100,000 / 50,000 - 1 = 1 BTC whatever the volatility.
    option(PUT, "BTC", 0.01, ("put", 100_000.0, 50_000.0, 0.05), IN_7_DAYS) | {"mark": 1.0},
    # 200 USD a contract, in lots of 40,000 USD.
    swap(DEEP, "ETH", "USDT", 0.1, 2_000.0) | {"depth_usd": 250_000.0, "spread_frac": 0.0004, "lot": 200.0},
    swap(XYZ, "XYZ", "USDT", 1.0, 10.0),
)
ACCOUNTS = {
    "debt": holding({PERP: 100.0}, balances={"BTC": 2.0, "USDT": -93_000.0}),
    "coin debt": holding({}, balances={"ETH": 25.7, "BTC": -1.0}),
    "stablecoins": holding({PERP: 20_000.0, INVERSE: -100_000.0}, balances={"BTC": 1.0, "USDT": 65_200.0}),
    "short put": holding({PUT: -1_000.0}, balances={"BTC": 10.0, "USDT": 55_000.0}),
    "calendar": holding({PERP: -2_000.0, FUTURE: 2_000.0}, balances={"USDT": 25_000.0}),
    "carry": holding({XYZ: -70_000.0}, balances={"XYZ": 70_000.0}),
    "outright": holding({PERP: 1_000.0}, balances={"USDT": 55_000.0}),
    "outright in a thin market": holding({DEEP: 5_000.0}, balances={"USDT": 120_000.0}),
    "loser": {
        "positions": [{"instrument": PERP, "quantity": 1_000.0, "average_price": 56_000.0}],
        "balances": {"USDT": 50_000.0},
    },
}


@pytest.fixture(scope="module")
def report(rules):
    """All accounts at once: one compilation."""
    accounts = accounts_of(*(entry | {"id": name} for name, entry in ACCOUNTS.items()))
    return sg.liquidate(market_of(MARKET), accounts, rules)


def exactly(value: float):
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def assert_step(report, account, number, stage, legs, mmr, ratio):
    """One step: of each instrument quantity, fee and slippage; MMR and ratio before and after."""
    steps = report.steps[(report.steps.account == account) & (report.steps.step == number)]
    rows = steps.set_index("instrument").to_dict("index")
    assert {row["stage"] for row in rows.values()} == {stage}
    found = {name: (row["quantity"], row["fee_usd"], row["slippage_usd"]) for name, row in rows.items()}
    assert found == {name: tuple(map(exactly, leg)) for name, leg in legs.items()}
    for row in rows.values():
        assert (row["mmr_before_usd"], row["mmr_after_usd"]) == tuple(map(exactly, mmr))
        assert (row["ratio_before"], row["ratio_after"]) == tuple(map(exactly, ratio))


def assert_ends(report, account, outcome, steps, ratio, equity):
    """The row of the account; equity at marks before and after, of which costs are the difference."""
    row = report.accounts.set_index("account").loc[account]
    assert (row.outcome, row.steps) == (outcome, steps)
    assert row.margin_ratio == exactly(ratio)
    assert (row.equity_before_usd, row.equity_after_usd) == tuple(map(exactly, equity))
    assert row.fees_usd + row.slippage_usd == exactly(equity[0] - equity[1])


# -- repayment --------------------------------------------------------------------------------------------------------


def test_a_debt_in_usdt_is_bought_back_with_coins(report):
    """2 BTC and a debt of 93,000 USDT, below the 100,000 up to which it asks for 2 %; one BTC of a perpetual."""
    borrowing = 0.02 * 93_000.0
    perpetual = 50_000.0 * (LARGEST_MOVE + NEAR_MOVE)
    required = perpetual + borrowing + DEBT_FEE * (93_000.0 + borrowing)
    sold_usd = 93_000.0 / (1 - SPOT_FEE)  # buying USDT is free
    left_usd = 100_000.0 - sold_usd
    legs = {"BTC": (-sold_usd / 50_000.0, SPOT_FEE * sold_usd, 0.0), "USDT": (93_000.0, 0.0, 0.0)}
    ratio = (7_000.0 / required, left_usd / perpetual)
    assert [round(x, 6) for x in (required, sold_usd, *ratio)] == [8_054.86, 93_093.093093, 0.869041, 1.13228]
    assert_step(report, "debt", 1, "repayment", legs, (perpetual + borrowing, perpetual), ratio)
    assert_ends(report, "debt", "recovered", 1, ratio[1], (7_000.0, left_usd))


def test_a_debt_in_coins_pays_on_both_trades(report):
    """25.7 ETH against a debt of 1 BTC, which asks for 3 %: ETH goes for USDT, and USDT for BTC."""
    borrowing = 0.03 * 50_000.0
    required = borrowing + DEBT_FEE * (50_000.0 + borrowing)
    usdt = 50_000.0 / (1 - SPOT_FEE)
    sold_usd = usdt / (1 - SPOT_FEE)
    legs = {"ETH": (-sold_usd / 2_000.0, SPOT_FEE * sold_usd, 0.0), "BTC": (1.0, SPOT_FEE * usdt, 0.0)}
    ratio = (1_400.0 / required, math.inf)  # without positions and debts nothing is required
    assert [round(x, 6) for x in (required, sold_usd, ratio[0])] == [1_551.5, 50_100.1502, 0.902353]
    assert_step(report, "coin debt", 1, "repayment", legs, (borrowing, 0.0), ratio)
    assert_ends(report, "coin debt", "recovered", 1, math.inf, (1_400.0, 51_400.0 - sold_usd))


# -- DDH1 -------------------------------------------------------------------------------------------------------------


def depeg_charge(volume: float) -> float:
    """MR9 at par: 0.5 % of the first million, 1 % up to five, 1.5 % up to ten."""
    return 0.005 * 1e6 + 0.01 * 4e6 + 0.015 * (volume - 5e6)


def test_a_hedge_across_stablecoins_shrinks_on_both_sides(report):
    """Long 10 million USD in USDT, short as much in USD: MR9 is all there is, and each step takes a million.

    Moves of the price cancel, and so do the perpetuals in MR4. 120,000 is above MR7's 90,000.
    """
    assert depeg_charge(10e6) > 20e6 * MR7_RATE
    mmr = [depeg_charge(volume) for volume in (10e6, 9e6, 8e6, 7e6)]
    assert mmr == [120_000.0, 105_000.0, 90_000.0, 75_000.0]
    # Where no depth is known, a leg costs what MR7 charges for it, of which the fee is a part.
    fee, slippage = 1e6 * FUTURE_FEE, 1e6 * (MR7_RATE - FUTURE_FEE)
    equity = [115_200.0 - 9_000.0 * k for k in range(4)]
    ratio = [e / m for e, m in zip(equity, mmr, strict=True)]
    assert [round(x, 6) for x in ratio] == [0.96, 1.011429, 1.08, 1.176]
    legs = {PERP: (-2_000.0, fee, slippage), INVERSE: (10_000.0, fee, slippage)}
    for k in range(3):
        assert_step(report, "stablecoins", k + 1, "ddh1", legs, mmr[k : k + 2], ratio[k : k + 2])
    assert_ends(report, "stablecoins", "recovered", 3, ratio[3], (equity[0], equity[3]))


# -- DDH2 -------------------------------------------------------------------------------------------------------------


def short_put_mmr(hedged: float) -> float:
    """Short ten puts that are certain to be exercised, like ten coins held; so many of them hedged by perpetuals.

    MR5: the present value of the strike moves by the shift and by the tilt, which at seven days is nearly whole. MR9:
    the perpetuals are in USDT, the puts in USD, and at par the first million of what is hedged costs 0.5 %.
    """
    price = (10.0 - hedged) * 50_000.0 * LARGEST_MOVE
    basis = 500_000.0 * ANNUAL_MOVE * math.sqrt(7 / 365) + hedged * 50_000.0 * NEAR_MOVE
    rates = 10 * 100_000.0 * 7 / 365 * (0.03 + 0.015 * (1 - 2 * 7 / 365))
    depeg = 0.005 * hedged * 50_000.0
    return price + basis + rates + depeg


def test_the_delta_of_an_option_book_is_hedged(report):
    """A fifth of the 10 BTC of delta is sold in perpetuals, of which none were held."""
    mmr = [short_put_mmr(hedged) for hedged in (0.0, 2.0, 4.0)]
    # The coins pay for the puts to the last cent: 55,000 USDT are the equity.
    ratio = [(55_000.0 - 450.0 * k) / m for k, m in enumerate(mmr)]
    assert [round(x, 3) for x in mmr] == [64_314.104, 53_014.104, 41_714.104]
    assert [round(x, 6) for x in ratio] == [0.855178, 1.028971, 1.296923]
    legs = {PERP: (-200.0, 100_000.0 * FUTURE_FEE, 100_000.0 * (MR7_RATE - FUTURE_FEE))}
    for k in range(2):
        assert_step(report, "short put", k + 1, "ddh2", legs, mmr[k : k + 2], ratio[k : k + 2])
    assert_ends(report, "short put", "recovered", 2, ratio[2], (55_000.0, 54_100.0))


# -- basis ------------------------------------------------------------------------------------------------------------


def test_a_calendar_is_closed_on_both_sides(report):
    """A million USD of each; a quarter of a year counts half of the annual move."""
    a_slice = 100_000.0 * (NEAR_MOVE + ANNUAL_MOVE * math.sqrt(0.25))
    mmr = [(10 - k) * a_slice for k in range(4)]
    fee, slippage = 100_000.0 * FUTURE_FEE, 100_000.0 * (MR7_RATE - FUTURE_FEE)
    ratio = [(25_000.0 - 900.0 * k) / m for k, m in enumerate(mmr)]
    assert [round(x, 6) for x in (a_slice, *ratio)] == [2_700.0, 0.925926, 0.99177, 1.074074, 1.179894]
    legs = {FUTURE: (-200.0, fee, slippage), PERP: (200.0, fee, slippage)}
    for k in range(3):
        assert_step(report, "calendar", k + 1, "basis", legs, mmr[k : k + 2], ratio[k : k + 2])
    assert_ends(report, "calendar", "recovered", 3, ratio[3], (25_000.0, 22_300.0))


def test_spot_is_a_leg_of_a_basis(report):
    """700,000 USD of a coin whose equity counts half up to 50,000 USD and not at all beyond, all of it hedged.

    Sold for USDT, spot counts in full: one step is enough.
    """
    mmr = (2 * 700_000.0 * XYZ_NEAR_MOVE, 2 * 630_000.0 * XYZ_NEAR_MOVE)
    fee, slippage = 70_000.0 * FUTURE_FEE, 70_000.0 * (XYZ_MR7_RATE - FUTURE_FEE)
    legs = {"XYZ": (-7_000.0, 70_000.0 * SPOT_FEE, 0.0), XYZ: (7_000.0, fee, slippage)}
    usdt = 70_000.0 - 70_000.0 * SPOT_FEE - 70_000.0 * XYZ_MR7_RATE
    ratio = (25_000.0 / mmr[0], (25_000.0 + usdt) / mmr[1])
    assert [round(x, 6) for x in (*mmr, usdt, *ratio)] == [28_000.0, 25_200.0, 69_230.0, 0.892857, 3.739286]
    assert_step(report, "carry", 1, "basis", legs, mmr, ratio)
    assert_ends(report, "carry", "recovered", 1, ratio[1], (700_000.0, 630_000.0 + usdt))


# -- reduction --------------------------------------------------------------------------------------------------------


def test_an_outright_position_is_reduced_at_the_rate_of_mr7(report):
    """A tenth of 500,000 USD a step."""
    mmr = [(10 - k) * 50_000.0 * (LARGEST_MOVE + NEAR_MOVE) for k in range(3)]
    ratio = [(55_000.0 - 225.0 * k) / m for k, m in enumerate(mmr)]
    assert [round(x, 6) for x in (*mmr, *ratio)] == [61_000.0, 54_900.0, 48_800.0, 0.901639, 0.997723, 1.117828]
    legs = {PERP: (-100.0, 50_000.0 * FUTURE_FEE, 50_000.0 * (MR7_RATE - FUTURE_FEE))}
    for k in range(2):
        assert_step(report, "outright", k + 1, "reduction", legs, mmr[k : k + 2], ratio[k : k + 2])
    assert_ends(report, "outright", "recovered", 2, ratio[2], (55_000.0, 54_550.0))


def test_an_outright_position_is_reduced_as_the_depth_allows(report):
    """A tenth of 5,000 contracts is 500; a quarter of the depth is 62,500 USD, or 312.5; in lots of 200 it is 200.

    40,000 USD are 0.4 squared of the depth: the price moves by 0.4 % at the end, two thirds of that on average.
    """
    slippage = 40_000.0 * (0.0004 / 2 + 2 / 3 * 0.01 * 0.4)
    cost = 40_000.0 * FUTURE_FEE + slippage
    mmr = [(1e6 - 40_000.0 * k) * (LARGEST_MOVE + NEAR_MOVE) for k in range(4)]
    ratio = [(120_000.0 - cost * k) / m for k, m in enumerate(mmr)]
    assert [round(x, 6) for x in (slippage, *ratio)] == [114.666667, 0.983607, 1.02344, 1.066738, 1.113972]
    legs = {DEEP: (-200.0, 20.0, slippage)}
    for k in range(3):
        assert_step(report, "outright in a thin market", k + 1, "reduction", legs, mmr[k : k + 2], ratio[k : k + 2])
    assert_ends(report, "outright in a thin market", "recovered", 3, ratio[3], (120_000.0, 120_000.0 - 3 * cost))


def test_a_bankrupt_account_is_closed_and_the_fund_pays(report):
    """Entered at 56,000: the loss of 60,000 USDT leaves a debt of 10,000, to which every step adds its 225.

    The debt asks for 2 %, and nothing can be sold for it.
    """

    def required(k: int) -> tuple[float, float]:
        debt = 10_000.0 + 225.0 * k
        mmr = (10 - k) * 50_000.0 * (LARGEST_MOVE + NEAR_MOVE) + 0.02 * debt
        return mmr, mmr + DEBT_FEE * (debt + 0.02 * debt)

    mmr = [required(k)[0] for k in range(11)]
    ratio = [-(10_000.0 + 225.0 * k) / required(k)[1] for k in range(11)]
    assert [round(x, 6) for x in (*mmr[:2], *ratio[:2], ratio[-1])] == [
        61_200.0, 55_104.5, -0.163371, -0.185521, -47.573739,
    ]  # fmt: skip
    legs = {PERP: (-100.0, 50_000.0 * FUTURE_FEE, 50_000.0 * (MR7_RATE - FUTURE_FEE))}
    for k in range(10):
        assert_step(report, "loser", k + 1, "reduction", legs, mmr[k : k + 2], ratio[k : k + 2])
    assert_ends(report, "loser", "bankrupt", 10, ratio[-1], (-10_000.0, -12_250.0))
    assert report.accounts.set_index("account").fund_loss_usd.to_dict() == {
        name: exactly(12_250.0 if name == "loser" else 0.0) for name in ACCOUNTS
    }

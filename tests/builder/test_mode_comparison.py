"""``compare_modes``: figures worked out by hand from okx_portfolio_margin.md section 19, and what it refuses."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from shockgrid.builder.mode_comparison import compare_modes
from shockgrid.errors import InputError
from tests.documents import accounts_of, market_of

EXACT = {"rel": 1e-12, "abs": 1e-9}
TIME, EXPIRY = "2025-06-20T12:00:00Z", "2025-09-26T08:00:00Z"
BTC, ETH, USDT = 100_000.0, 4_000.0, 0.999


def instrument(name, kind, settle, size, mark, coin="BTC", **more):
    row = {"id": name, "kind": kind, "coin": coin, "settle": settle, "contract_value": size, "mark": mark}
    return row | more


def option(name, right, strike, mark, coin="BTC", forward=102e3, size=0.01):
    terms = {"expiry": EXPIRY, "strike": strike, "right": right, "forward": forward, "vol": 0.5}
    return instrument(name, "option", coin, size, mark, coin, **terms)


CALL, PUT, ITM, ETH_CALL = "BTC-USD-250926-105060-C", "BTC-USD-250926-80000-P", "BTC-USD-250926-90000-C", "ETH-USD-C"
MARKET = {
    "format": "shockgrid.market/1",
    "time": TIME,
    "index": {
        "BTC-USD": BTC,
        "BTC-USDT": 100_100.0,
        "ETH-USD": ETH,
        "ETH-USDT": 4_004.0,
        "SOL-USD": 150.0,
        "SOL-USDT": 150.15,
        "USDT-USD": USDT,
        "USDC-USD": 1.0,
    },
    "instruments": [
        instrument("BTC-USDT-SWAP", "perpetual", "USDT", 0.01, 100e3),  # 999 USD a contract
        instrument("BTC-USDT-250926", "future", "USDT", 0.01, 102e3, expiry=EXPIRY),  # 1,018.98 USD
        instrument("BTC-USD-SWAP", "perpetual", "BTC", 100, 99_900.0),
        instrument("BTC-USD-250926", "future", "BTC", 100, 102e3, expiry=EXPIRY),
        instrument("ETH-USD-250926", "future", "ETH", 10, 4_050.0, "ETH", expiry=EXPIRY),
        instrument("SOL-USDT-SWAP", "perpetual", "USDT", 1, 150.0, "SOL"),  # 149.85 USD
        option(CALL, "call", 105_060.0, 0.04),  # 3 % out of the money
        option(PUT, "put", 80e3, 0.01),  # further out than 5 %
        option(ITM, "call", 90e3, 0.13),
        option(ETH_CALL, "call", 4_000.0, 0.09, "ETH", 4_100.0, 0.1),
    ],
}
COLUMNS = {
    "accounts": (
        "account equity_usd derivatives_mmr_usd borrow_mmr_usd mmr_usd derivatives_imr_usd borrow_imr_usd imr_usd "
        "margin_ratio pm_mmr_usd pm_imr_usd pm_margin_ratio repay_usd required_usd least_required_usd shortfall_usd "
        "s_code allowed why pm_allowed pm_why"
    ),
    "positions": (
        "account instrument quantity notional_usd leverage tier mmr_rate imr_rate option_factor mmr_usd imr_usd "
        "order_imr_usd"
    ),
}
TEXT, WHOLE, FLAGS = {"account", "instrument", "why", "pm_why"}, {"tier", "s_code"}, {"allowed", "pm_allowed"}


@pytest.fixture(scope="module")
def market():
    return market_of(MARKET)


@pytest.fixture(scope="module")
def compare(market, rules):
    """The comparison of accounts, ten times leverage where none is given."""

    def of(*accounts, leverage=10, **more):
        return compare_modes(market, accounts_of(*accounts), rules, leverage=leverage, **more)

    return of


def held(*pairs, name="a", **more):
    return {"id": name, "positions": [{"instrument": n, "quantity": q} for n, q in pairs]} | more


def order(name, quantity, price=0.05):
    return {"instrument": name, "quantity": quantity, "price": price}


def only(comparison) -> dict:
    (row,) = comparison.positions.to_dict("records")
    return row


# --- positions ---


@pytest.mark.parametrize(
    ("name", "quantity", "notional", "tier", "mmr_rate", "least"),
    [
        ("BTC-USD-SWAP", 10_000, 1e6, 1, 0.004, 0.008),  # a million on the bound
        ("BTC-USD-SWAP", -10_000, 1e6, 1, 0.004, 0.008),
        ("BTC-USD-SWAP", 10_001, 1_000_100.0, 2, 0.005, 0.010),
        ("BTC-USD-SWAP", 50_000, 5e6, 2, 0.005, 0.010),
        ("BTC-USD-SWAP", 200_001, 20_000_100.0, 4, 0.015, 0.020),
        ("BTC-USD-SWAP", 600_000, 60e6, 5, 0.020, 0.025),
        ("BTC-USD-SWAP", 600_001, 60_000_100.0, 6, 0.025, 0.030),
        # Futures of BTCUSD have tiers in contracts, of 100 USD each.
        ("BTC-USD-250926", 500, 50e3, 1, 0.004, 0.008),
        ("BTC-USD-250926", -501, 50_100.0, 2, 0.005, 0.010),
        ("BTC-USD-250926", 3_000, 300e3, 2, 0.005, 0.010),
        ("BTC-USD-250926", 24_000, 2.4e6, 4, 0.015, 0.020),
        ("BTC-USD-250926", 36_000, 3.6e6, 5, 0.020, 0.025),
        ("BTC-USD-250926", 36_001, 3_600_100.0, 6, 0.025, 0.030),
        # All other contracts in USD, linear ones at the mark and the price of their quote.
        ("ETH-USD-250926", 50_100, 501e3, 1, 0.004, 0.008),
        ("BTC-USDT-250926", 500, 509_490.0, 1, 0.004, 0.008),
        ("BTC-USDT-SWAP", 1_001, 999_999.0, 1, 0.004, 0.008),
        ("BTC-USDT-SWAP", 1_002, 1_000_998.0, 2, 0.005, 0.010),
        ("SOL-USDT-SWAP", 1, 149.85, 1, 0.0065, 0.020),
        ("SOL-USDT-SWAP", 40_000, 5_994_000.0, 3, 0.015, 0.050),
        ("SOL-USDT-SWAP", 200_000, 29_970_000.0, 4, 0.020, 0.055),
        ("SOL-USDT-SWAP", 300_000, 44_955_000.0, 5, 0.025, 0.060),
    ],
)
def test_perpetuals_and_futures(compare, name, quantity, notional, tier, mmr_rate, least):
    row = only(compare(held((name, quantity)), leverage=125))
    assert (row["tier"], row["leverage"]) == (tier, 125.0)
    assert row["notional_usd"] == pytest.approx(notional, **EXACT)
    assert row["mmr_usd"] == pytest.approx(mmr_rate * notional, **EXACT)
    assert row["imr_usd"] == pytest.approx(least * notional, **EXACT)
    assert (row["mmr_rate"], row["imr_rate"]) == pytest.approx((mmr_rate, least), **EXACT)
    assert math.isnan(row["option_factor"])


def test_initial_margin_is_the_notional_over_the_leverage_of_the_instrument(compare):
    leverage = {"BTC-USDT-SWAP": 4, "SOL-USDT-SWAP": 100.0}
    rows = compare(held(("BTC-USDT-SWAP", -100), ("SOL-USDT-SWAP", 1000)), leverage=leverage).positions
    assert rows["imr_usd"].tolist() == pytest.approx([99_900 / 4, 149_850 * 0.02], **EXACT)
    assert rows["mmr_usd"].tolist() == pytest.approx([99_900 * 0.004, 149_850 * 0.0065], **EXACT)


def test_positions_are_netted_by_instrument_and_no_further(compare):
    pairs = [("BTC-USDT-SWAP", 60), ("BTC-USDT-SWAP", -25), ("BTC-USDT-250926", -35), ("BTC-USDT-SWAP", 5)]
    split = compare(held(*pairs, ("SOL-USDT-SWAP", 7), ("SOL-USDT-SWAP", -7)))
    whole = compare(held(("BTC-USDT-SWAP", 40), ("BTC-USDT-250926", -35)))
    pd.testing.assert_frame_equal(split.positions, whole.positions)
    assert whole.accounts["mmr_usd"].tolist() == pytest.approx([0.004 * (40 * 999 + 35 * 1018.98)], **EXACT)


@pytest.mark.parametrize(
    ("name", "per_coin", "maintenance", "coins", "index"),
    [
        (CALL, 0.15 - 3_060 / 102_000 + 0.04, 0.03 + 0.04, 0.01, BTC),
        (PUT, 0.1 + 0.01, 0.03 + 0.01, 0.01, BTC),
        (ITM, 0.15 + 0.13, 0.03 + 0.13, 0.01, BTC),
        (ETH_CALL, 0.15 + 0.09, 0.05 + 0.09, 0.1, ETH),
    ],
)
def test_options_sold(compare, name, per_coin, maintenance, coins, index):
    row = only(compare(held((name, -30))))
    assert row["notional_usd"] == pytest.approx(30 * coins * index, **EXACT)
    assert (row["imr_usd"], row["mmr_usd"]) == pytest.approx(
        (30 * coins * index * per_coin, 30 * coins * index * maintenance), **EXACT
    )
    assert (row["tier"], row["option_factor"]) == (1, 1.0)
    assert math.isnan(row["leverage"])


def test_options_bought_need_no_margin_and_save_none(compare):
    rows = compare(held((CALL, -30), (ITM, 30))).positions.set_index("instrument")
    assert rows.loc[ITM, ["mmr_usd", "imr_usd", "tier"]].tolist() == [0, 0, 0]
    assert math.isnan(rows.loc[ITM, "option_factor"])
    assert rows.loc[ITM, "notional_usd"] == pytest.approx(30e3, **EXACT)
    assert rows.loc[CALL, "mmr_usd"] == pytest.approx(30 * 1000 * 0.07, **EXACT)


def test_factor_is_that_of_all_options_sold_on_the_coin(compare):
    # 600 + 400 BTC fill the first tier of 1,000; one contract more opens the second. ETH is another coin.
    full = compare(held((CALL, -60_000), (PUT, -40_000), (ITM, 5_000), (ETH_CALL, -90_000))).positions
    assert full["option_factor"].dropna().tolist() == [1.0, 1.0, 1.0]
    more = compare(held((CALL, -60_000), (PUT, -40_001), (ITM, 5_000), (ETH_CALL, -90_000))).positions
    more = more.set_index("instrument")
    assert more["option_factor"].dropna().to_dict() == {CALL: 1.02, PUT: 1.02, ETH_CALL: 1.0}
    assert more.loc[CALL, "tier"] == 2
    assert more.loc[CALL, "mmr_usd"] == pytest.approx(600 * BTC * (0.03 * 1.02 + 0.04), **EXACT)
    assert more.loc[PUT, "imr_usd"] == pytest.approx(400.01 * BTC * (0.1 * 1.02 + 0.01), **EXACT)


# --- orders ---


def test_orders_in_perpetuals_count_where_they_make_the_worst_book_worse(compare):
    closing = only(compare(held(("BTC-USDT-SWAP", 40), orders=[order("BTC-USDT-SWAP", -60, 99e3)])))
    assert closing["order_imr_usd"] == 0.0  # at most 40 contracts, whichever fill
    opening = only(compare(held(("BTC-USDT-SWAP", 40), orders=[order("BTC-USDT-SWAP", -90, 99e3)])))
    assert opening["order_imr_usd"] == pytest.approx(0.1 * (50 - 40) * 999, **EXACT)
    both = [order("BTC-USDT-SWAP", 30, 98e3), order("BTC-USDT-SWAP", -60, 99e3), order("BTC-USDT-SWAP", 5, 97e3)]
    assert only(compare(held(("BTC-USDT-SWAP", 40), orders=both)))["order_imr_usd"] == pytest.approx(3496.5, **EXACT)


def test_orders_alone_make_a_row_without_a_position(compare):
    comparison = compare(held(orders=[order("BTC-USDT-SWAP", -60, 99e3)]))
    row = only(comparison)
    assert (row["quantity"], row["notional_usd"], row["tier"], row["imr_usd"]) == (0, 0, 0, 0)
    assert row["order_imr_usd"] == pytest.approx(5994, **EXACT)
    assert comparison.accounts["mmr_usd"].tolist() == [0.0]
    assert comparison.accounts["imr_usd"].tolist() == pytest.approx([5994], **EXACT)


def test_orders_to_sell_options_need_the_initial_margin_less_their_price_or_a_tenth_of_a_coin(compare):
    row = only(compare(held(orders=[order(CALL, -10, 0.05), order(CALL, -20, 0.09)])))
    # The initial margin is 0.16 of a coin: 0.11 at 0.05, and 0.1 rather than 0.07 at 0.09.
    assert row["order_imr_usd"] == pytest.approx(10 * 1000 * 0.11 + 20 * 1000 * 0.1, **EXACT)
    assert (row["mmr_usd"], row["imr_usd"]) == (0, 0)


def test_a_long_option_is_closed_by_all_orders_to_sell_it_alike(compare):
    orders = [order(CALL, -10, 0.05), order(CALL, -20, 0.09)]
    row = only(compare(held((CALL, 24), orders=orders)))
    assert row["order_imr_usd"] == pytest.approx((10 * 1000 * 0.11 + 20 * 1000 * 0.1) * 6 / 30, **EXACT)
    assert only(compare(held((CALL, 24), orders=orders[::-1]))) == pytest.approx(row, nan_ok=True)
    assert only(compare(held((CALL, 30), orders=orders)))["order_imr_usd"] == 0.0


def test_orders_to_sell_count_in_the_tier_of_the_seller(compare):
    row = only(compare(held((CALL, -100_000), orders=[order(CALL, -1, 0.05)])))
    assert (row["tier"], row["option_factor"]) == (2, 1.02)
    assert row["order_imr_usd"] == pytest.approx(1000 * (0.12 * 1.02 + 0.04 - 0.05), **EXACT)


def test_orders_to_buy_options_freeze_their_premium_alone(compare):
    comparison = compare(held((CALL, -10), orders=[order(CALL, 5, 0.06)], balances={"BTC": 0.1}))
    assert only(comparison)["order_imr_usd"] == 0.0
    assert comparison.accounts["borrow_imr_usd"].tolist() == [0.0]


# --- accounts ---


def test_accounts_stand_next_to_portfolio_margin(compare):
    trader = held(("BTC-USDT-SWAP", 40), (CALL, -30), name="trader", balances={"BTC": 2.0, "USDT": -50e3})
    comparison = compare(trader)
    row, report = comparison.accounts.iloc[0], comparison.report.accounts.iloc[0]
    # 50,000 USDT are owed: 2 % and 10 %. BTC is worth 200,000 less the 0.012 BTC that the calls are worth.
    derivatives = 40 * 999 * 0.004 + 30_000 * 0.07
    debt = 50e3 * USDT
    assert row["equity_usd"] == pytest.approx(2 * BTC - 1_200 - debt, **EXACT)
    assert row["derivatives_mmr_usd"] == pytest.approx(derivatives, **EXACT)
    assert row["borrow_mmr_usd"] == pytest.approx(0.02 * debt, **EXACT)
    assert row["mmr_usd"] == pytest.approx(derivatives + 0.02 * debt, **EXACT)
    assert row["imr_usd"] == pytest.approx(3996 + 30_000 * 0.16 + 0.1 * debt, **EXACT)
    required = derivatives + 0.02 * debt + 0.001 * 1.02 * debt
    assert row["margin_ratio"] == pytest.approx((2 * BTC - 1_200 - debt) / required, **EXACT)
    for name in ("mmr_usd", "imr_usd", "margin_ratio"):
        assert row[f"pm_{name}"] == report[name]
    assert (row["s_code"], row["allowed"], row["why"]) == (0, True, "")
    assert (row["pm_allowed"], row["pm_why"]) == (True, "")


def test_an_account_without_enough_equity_may_not_switch(compare):
    account = held(("BTC-USDT-SWAP", 100), balances={"USDT": 9_000})
    row = compare(account).accounts.iloc[0]
    assert (row["s_code"], row["allowed"]) == (4, False)
    assert row["required_usd"] == pytest.approx(9_990, **EXACT)
    assert row["shortfall_usd"] == pytest.approx(9_990 - 8_991, **EXACT)
    assert row["least_required_usd"] == pytest.approx(0.008 * 99_900, **EXACT)
    assert row["why"] == (
        "adjusted equity of 8,991.00 USD is below the initial margin of 9,990.00 USD, but not below 799.20 USD, "
        "that at the highest leverage of each tier"
    )
    assert compare(account, leverage=20).accounts["s_code"].tolist() == [0]
    exactly = held(("BTC-USDT-SWAP", 100), balances={"USDT": 10_000})
    assert compare(exactly).accounts["s_code"].tolist() == [0]
    few = held((CALL, -10), balances={"BTC": 0.01})
    assert compare(few).accounts["why"].iloc[0] == (
        "adjusted equity of 600.00 USD is below the initial margin of 1,600.00 USD"
    )


def test_leverage_must_be_set_where_there_are_perpetuals_or_futures(compare):
    rich = {"USDT": 1e6}
    accounts = (
        held(("BTC-USDT-SWAP", 10), ("SOL-USDT-SWAP", -10), name="both", balances=rich),
        held(("BTC-USDT-SWAP", 10), name="one", balances=rich),
        held((CALL, -10), name="options", balances={"BTC": 1}),
        held(name="orders", orders=[order("SOL-USDT-SWAP", 5, 150)], balances=rich),
    )
    none = compare(*accounts, leverage=None)
    assert none.accounts["s_code"].tolist() == [3, 3, 0, 0]
    assert none.accounts["why"].tolist()[0] == "set the leverage of BTC-USDT-SWAP, SOL-USDT-SWAP"
    # Until it is set it counts as one, which is the default of OKX's position builder.
    assert none.positions["imr_rate"].tolist()[:2] == [1.0, 1.0]
    assert np.isnan(none.positions["leverage"]).all()
    some = compare(*accounts, leverage={"BTC-USDT-SWAP": 20})
    assert some.accounts["s_code"].tolist() == [3, 0, 0, 0]
    assert some.accounts["why"].tolist()[0] == "set the leverage of SOL-USDT-SWAP"
    assert compare(*accounts, leverage=20).accounts["allowed"].all()


def test_only_the_first_contracts_without_leverage_are_named(rules):
    perpetuals = [instrument(f"X{i}-USDT-SWAP", "perpetual", "USDT", 1, 10.0, f"X{i}") for i in range(8)]
    index = {f"X{i}-{quote}": 10.0 for i in range(8) for quote in ("USD", "USDT")}
    many = market_of(MARKET | {"index": MARKET["index"] | index, "instruments": perpetuals})
    account = held(*((row["id"], 1) for row in perpetuals), balances={"USDT": 1e6})
    why = compare_modes(many, accounts_of(account), rules).accounts["why"].iloc[0]
    assert why == f"set the leverage of {', '.join(f'X{i}-USDT-SWAP' for i in range(6))} and 2 more"


def test_debt_that_the_mode_does_not_permit_must_be_repaid_first(compare):
    owes = {"balances": {"USDT": -30e3, "BTC": 1}}
    accounts = (
        {"id": "passive", "auto_borrow": False} | owes,
        {"id": "active"} | owes,
        {"id": "limited", "borrow_limits": {"USDT": 25e3}} | owes,
        {"id": "with USDC", "auto_borrow": False, "balances": {"USDT": -30e3, "USDC": 15e3}},
    )
    frame = compare(*accounts).accounts
    assert frame["repay_usd"].tolist() == pytest.approx([10e3 * USDT, 0, 5e3 * USDT, 0], **EXACT)
    assert frame["s_code"].tolist()[:3] == [1, 0, 1]
    assert frame["why"].tolist()[:3] == [
        "repay 10,000 USDT of debt first, above the interest-free quota, without auto-borrow",
        "",
        "repay 5,000 USDT of debt first, above the account's borrow limit",
    ]
    # What is left is charged as before: 20,000, 30,000 and 25,000 USDT in the first tier.
    assert frame["required_usd"].tolist()[:3] == pytest.approx([1998.0, 2997.0, 2497.5], **EXACT)
    assert frame["borrow_imr_usd"].tolist()[:3] == pytest.approx([2997.0] * 3, **EXACT)


def test_repaying_can_lower_the_tier_of_a_debt(compare):
    """600,000 USDT are charged 11.76 % of initial margin, 150,000 then 10.53 %."""
    account = {"id": "a", "balances": {"USDT": -600e3, "BTC": 8}, "borrow_limits": {"USDT": 150e3}}
    row = compare(account).accounts.iloc[0]
    assert row["borrow_imr_usd"] == pytest.approx(600e3 * USDT * 0.1176, **EXACT)
    assert row["required_usd"] == pytest.approx(150e3 * USDT * 0.1053, **EXACT)
    assert row["repay_usd"] == pytest.approx(450e3 * USDT, **EXACT)


def test_all_obstacles_are_named_and_the_first_gives_the_code(compare):
    account = held(
        ("BTC-USDT-SWAP", 100), ("BTC-USD-SWAP", -500), balances={"USDT": -25e3, "BTC": 0.35}, auto_borrow=False
    )
    row = compare(account, leverage={"BTC-USDT-SWAP": 2}).accounts.iloc[0]
    assert row["s_code"] == 1
    assert row["why"].split("; ")[:2] == [
        "repay 5,000 USDT of debt first, above the interest-free quota, without auto-borrow",
        "set the leverage of BTC-USD-SWAP",
    ]
    assert "after repaying, is below the initial margin" in row["why"].split("; ")[2]


def test_the_way_back_into_portfolio_margin(compare):
    accounts = (
        {"id": "fit", "balances": {"USDT": 10_011}},
        {"id": "small", "balances": {"USDT": 10_000}},
        {"id": "undeclared", "balances": {"USDT": 20_000}, "declared": False},
        held(("SOL-USDT-SWAP", 5_000), name="risky", balances={"USDT": 30_000}),
        {"id": "neither", "declared": False},
    )
    frame = compare(*accounts, leverage=50).accounts
    assert frame["pm_allowed"].tolist() == [True, False, False, False, False]
    why = frame["pm_why"].tolist()
    assert why[:3] == [
        "",
        "net equity of 9,990.00 USD is below the least of 10,000 USD",
        "the user has not declared to understand the mode",
    ]
    assert why[3].startswith("the margin ratio of portfolio margin, ")
    assert why[3].endswith(", is not above 100%")
    assert why[4] == f"{why[2]}; net equity of 0.00 USD is below the least of 10,000 USD"


def test_accounts_of_nothing_need_nothing(compare):
    comparison = compare({"id": "nothing"}, held(("BTC-USDT-SWAP", 3), ("BTC-USDT-SWAP", -3), name="flat"))
    frame = comparison.accounts
    assert len(comparison.positions) == 0
    assert frame["margin_ratio"].tolist() == [math.inf, math.inf]
    assert frame["s_code"].tolist() == [0, 0]
    assert frame[["mmr_usd", "imr_usd", "required_usd", "repay_usd"]].to_numpy().tolist() == [[0.0] * 4] * 2


def test_an_account_with_debts_alone_that_equity_does_not_cover(compare):
    row = compare({"id": "a", "balances": {"USDT": -100.0}}).accounts.iloc[0]
    assert (row["s_code"], row["equity_usd"] < 0 < row["shortfall_usd"]) == (4, True)


def test_published_example_shows_what_the_modes_differ_in(compare):
    """OKX's comparison of 6 February 2025 (multi-currency IMR 961,956, MMR 192,371; portfolio margin 168,947 and
    129,959) does not print its positions; a hedged book of its description shows the same order."""
    book = held(("BTC-USDT-SWAP", -500), ("BTC-USD-250926", 500), (CALL, -500), balances={"BTC": 10})
    row = compare(book, leverage=5).accounts.iloc[0]
    assert row["imr_usd"] > 2 * row["pm_imr_usd"]
    assert row["mmr_usd"] > row["pm_mmr_usd"]


# --- the result ---


@pytest.fixture(scope="module")
def comparison(compare):
    return compare(held(("BTC-USDT-SWAP", 40), (CALL, -30), name="trader", balances={"BTC": 2}), {"id": "none"})


@pytest.mark.parametrize("accounts", [(), ({"id": "a"},), (held(("BTC-USDT-SWAP", 1), (CALL, -1)),)])
def test_frames_keep_their_columns_and_types(compare, accounts):
    found = compare(*accounts)
    for frame_name, columns in COLUMNS.items():
        frame = getattr(found, frame_name)
        assert tuple(frame.columns) == tuple(columns.split())
        for name in frame:
            kind = "str" if name in TEXT else "int64" if name in WHOLE else "bool" if name in FLAGS else "float64"
            assert frame[name].dtype == kind, name
    assert str(found)


def test_manifest_says_what_is_published_and_what_is_chosen(comparison):
    manifest = comparison.manifest
    assert manifest["mode"] == "multi_currency"
    assert manifest["mode_rules"] == comparison.mode_rules.name == "okx/modes/2025-02-06"
    assert manifest["leverage"] == 10.0
    assert manifest["modelled"] == list(comparison.mode_rules.modelled)
    assert "option.floor" not in manifest["modelled"]
    assert manifest["portfolio_margin"] == comparison.report.manifest
    assert len(comparison.modelled) == len(manifest["modelled"])
    assert comparison.modelled[1].startswith("option.tier_size (BTC, ETH, other): Width of each tier")
    assert manifest["choices"]
    assert json.loads(json.dumps(manifest)) == manifest


def test_manifest_keeps_a_leverage_for_each_instrument(compare):
    leverage = {"BTC-USDT-SWAP": np.float64(7)}
    assert compare({"id": "a"}, leverage=leverage).manifest["leverage"] == {"BTC-USDT-SWAP": 7.0}
    assert compare({"id": "a"}, leverage=None).manifest["leverage"] is None


def test_summary_in_every_form(comparison):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(comparison)
    for text in (str(comparison), comparison.markdown, console.export_text()):
        assert "2 accounts in multi-currency margin" in text
        assert "2 of 2 accounts may switch" in text
        assert "trader" in text
        assert "contract.bounds" in text
    assert "| account | MMR | in PM |" in comparison.markdown
    assert comparison._repr_markdown_() == comparison.markdown
    assert repr(comparison) == (
        f"ModeComparison(2 accounts, multi_currency with {comparison.report.rules.name}, 2 may switch)"
    )


def test_files_hold_the_frames(comparison, tmp_path):
    comparison.save(tmp_path / "out")
    for name, columns in COLUMNS.items():
        read = pq.read_table(tmp_path / "out" / f"{name}.parquet").to_pandas()
        assert list(read.columns) == columns.split()
    assert json.loads((tmp_path / "out/manifest.json").read_text()) == comparison.manifest
    document = json.loads(comparison.to_json())
    assert [row["account"] for row in document["accounts"]] == ["trader", "none"]
    assert document["accounts"][1]["margin_ratio"] is None


# --- what is refused ---


def test_unknown_mode(compare):
    with pytest.raises(InputError, match="compare_modes: mode: expected multi_currency, found 'single_currency'"):
        compare({"id": "a"}, mode="single_currency")


@pytest.mark.parametrize("leverage", [0, 0.5, -3, math.nan, math.inf, "10", True, [10]])
def test_bad_leverage(compare, leverage):
    with pytest.raises(InputError, match="leverage: expected a finite number of 1 or more"):
        compare({"id": "a"}, leverage=leverage)


@pytest.mark.parametrize("name", [CALL, "BTC-USDT", "NOTHING"])
def test_leverage_of_what_has_none(compare, name):
    with pytest.raises(InputError, match=f"leverage: expected perpetuals and futures .* found '{name}'"):
        compare({"id": "a"}, leverage={name: 3})


def test_bad_leverage_of_one_instrument(compare):
    with pytest.raises(InputError, match=r"leverage\['BTC-USDT-SWAP'\]: expected a finite number of 1 or more"):
        compare({"id": "a"}, leverage={"BTC-USDT-SWAP": 0})


def test_what_margin_refuses(compare):
    with pytest.raises(InputError, match="an instrument of the market"):
        compare(held(("XRP-USDT-SWAP", 1)))

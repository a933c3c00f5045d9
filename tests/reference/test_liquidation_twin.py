"""The twin of the liquidation process: numbers worked out by hand, and laws on random accounts."""

import math
from functools import cache
from itertools import pairwise

import pytest

from tests.reference.hand_markets import holding, market_of, option, par_index, swap
from tests.reference.liquidation import Result, liquidate, liquidate_in
from tests.reference.liquidation_basis import basis_candidates, basis_legs
from tests.reference.liquidation_book import opened
from tests.reference.liquidation_documents import troubled_accounts, with_depths
from tests.reference.liquidation_margin import margined
from tests.reference.liquidation_market import PricedMarket
from tests.reference.liquidation_stages import View
from tests.reference.liquidation_trades import Leg, Setting, fee_per_contract, leg_size, slippage, traded
from tests.reference.okx import margin
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_accounts, random_market

NINE_DIGITS = {"rel": 1e-9, "abs": 1e-9}
TWO_VERSIONS = ("okx/v2-2025-01-15", "okx/v1-2024-06-05")
MARCH, IN_90_DAYS = "2025-03-28T08:00:00Z", "2025-04-15T10:26:41.642Z"
PERP, INVERSE, FUTURE, CALL = "BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT-250415", "BTC-USD-250328-50000-C"


def hand_market(changes=None, usdt=1.0):
    """BTC at 50,000: a contract of each kind; `changes` adds keys to instruments by id."""
    rows = [
        swap(PERP, "BTC", "USDT", 0.01, 50_000.0 / usdt),
        swap(INVERSE, "BTC", "BTC", 100, 50_000.0),
        swap(FUTURE, "BTC", "USDT", 0.01, 50_000.0 / usdt, IN_90_DAYS),
        option(CALL, "BTC", 0.01, ("call", 50_000.0, 50_000.0, 0.6), MARCH),
    ]
    index = par_index(BTC=50_000.0) | {"USDT-USD": usdt, "BTC-USDT": 50_000.0 / usdt}
    return market_of(index, *(row | (changes or {}).get(row["id"], {}) for row in rows))


def setting_of(market, version=TWO_VERSIONS[0]):
    return Setting(PricedMarket(market, VERSIONS[version]))


def rows_of(result: Result, *columns: str) -> list[tuple]:
    return [tuple(row[column] for column in columns) for row in result.steps]


# costs


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        (PERP, {}, 0.0005 * 500.0),
        (PERP, {"taker_fee_frac": 0.0002}, 0.0002 * 500.0),
        (INVERSE, {}, 0.0005 * 100.0),
        (CALL, {}, 0.0003 * 500.0),  # the premium of 0.01 allows 0.125 * 5
        (CALL, {"mark": 0.002}, 0.125 * 0.002 * 500.0),
        (CALL, {"taker_fee_frac": 0.01}, 0.125 * 0.01 * 500.0),
    ],
)
def test_fee_of_one_contract(name, changes, expected):
    s = setting_of(hand_market({name: changes}))
    assert fee_per_contract(s.priced.contract(name), s) == pytest.approx(expected, **NINE_DIGITS)


def test_fee_at_a_broken_peg():
    """The notional is in USD: 0.01 * mark * X = 500 at any peg."""
    s = setting_of(hand_market(usdt=0.8))
    assert fee_per_contract(s.priced.contract(PERP), s) == pytest.approx(0.25, **NINE_DIGITS)


def test_slippage_by_depth():
    """200 contracts are 100,000 USD, a tenth of the depth: 100,000 * (0.0002 + 2/3 * 0.01 * sqrt(0.1)).

    Depth of an option counts premiums: 200 of them are 1,000 USD, a thousandth.
    """
    keys = {"depth_usd": 1e6, "spread_frac": 0.0004}
    s = setting_of(hand_market({PERP: keys, CALL: {"depth_usd": 1e6}}))
    expected = 20.0 + 100_000.0 * 0.02 / 3.0 * math.sqrt(0.1)
    assert slippage(s.priced.contract(PERP), -200.0, 300.0, s) == pytest.approx(expected, **NINE_DIGITS)
    premiums = 1_000.0 * 0.02 / 3.0 * math.sqrt(0.001)
    assert slippage(s.priced.contract(CALL), 200.0, -300.0, s) == pytest.approx(premiums, **NINE_DIGITS)


def test_slippage_by_minimum_charge():
    """MR7's rate of 0.45 % less the fee: 500 * 0.0045 - 0.25; nothing where the fee is the larger."""
    s = setting_of(hand_market())
    assert slippage(s.priced.contract(PERP), -200.0, 300.0, s) == pytest.approx(400.0, **NINE_DIGITS)
    s = setting_of(hand_market({PERP: {"taker_fee_frac": 0.006}}))
    assert slippage(s.priced.contract(PERP), -200.0, 300.0, s) == 0.0


def test_slippage_of_a_short_option_in_v1():
    """The floor of 0.02 is that of the side which is held; without a position, of the trade."""
    s = setting_of(hand_market(), "okx/v1-2024-06-05")
    call = s.priced.contract(CALL)
    # at the money vega is below the floor only where short: fee part 0.0003 cancels against the fee
    assert slippage(call, 10.0, -10.0, s) == pytest.approx(10.0 * 500.0 * 0.02, **NINE_DIGITS)
    assert slippage(call, -10.0, 0.0, s) == slippage(call, 10.0, -10.0, s) > slippage(call, 10.0, 0.0, s)
    assert slippage(call, -10.0, 10.0, s) == slippage(call, 10.0, 10.0, s) == slippage(call, 10.0, 0.0, s)


# sizes


@pytest.mark.parametrize(
    ("wanted", "most", "keys", "expected"),
    [
        (7.9, math.inf, {}, 7.0),
        (7.9, 7.9, {}, 7.9),  # all that is held, whatever the lots
        (7.9, 8.5, {}, 7.0),
        (9.0, 7.9, {}, 7.9),
        (7.0 - 1e-10, 8.0, {}, 7.0),
        (7.0 - 1e-8, 8.0, {}, 6.0),
        (0.05, 1.5, {}, 1.0),  # one lot at least
        (0.05, 0.9, {}, 0.0),  # of which more would be needed than is held
        (0.9, 0.9, {}, 0.9),
        (0.0, 5.0, {}, 0.0),
        (0.27, 0.9, {"lot": 0.1}, 0.2),
        (25.0, 100.0, {"lot": 10.0}, 20.0),
        (500.0, 1000.0, {"depth_usd": 100_000.0}, 50.0),  # room of 25,000 USD
        (500.0, 1000.0, {"depth_usd": 1_990.0}, 0.0),  # room of less than a lot
        (500.0, 0.5, {"depth_usd": 1_990.0}, 0.5),
    ],
)
def test_lots(wanted, most, keys, expected):
    assert leg_size(PERP, wanted, most, setting_of(hand_market({PERP: keys}))) == pytest.approx(expected, **NINE_DIGITS)


# what a trade does


def after(positions, leg, market=None, **other):
    s = setting_of(market or hand_market())
    return traded(opened({"id": "a", "positions": positions, **other}, s.priced), [leg], s)


def test_closing_a_part_of_a_linear_position_at_a_broken_peg():
    """Entered at 50,000, mark 62,500: a quarter of 100 contracts gains 25 * 0.01 * 12,500 = 3,125 USDT.

    Costs in USD, MR7's charge in all: 25 * 500 * 0.0045 = 56.25, that is 70.3125 USDT.
    """
    rows = [
        {"instrument": PERP, "quantity": 60.0, "average_price": 40_000.0},
        {"instrument": PERP, "quantity": 40.0, "average_price": 65_000.0},
    ]
    book, [row] = after(rows, Leg(PERP, -25.0, "BTC"), hand_market(usdt=0.8))
    assert (book.quantities, book.entries) == ({PERP: 75.0}, {PERP: pytest.approx(37_500.0, **NINE_DIGITS)})
    assert book.balances == {"USDT": pytest.approx(3_125.0 - 70.3125, **NINE_DIGITS)}
    assert row["fee_usd"] + row["slippage_usd"] == pytest.approx(56.25, **NINE_DIGITS)
    assert (row["price"], row["fee_usd"]) == (62_500.0, pytest.approx(6.25, **NINE_DIGITS))


def test_closing_an_inverse_position():
    """Short 1,000 of 100 USD from 40,000 to 50,000 loses 100,000 * (1/40,000 - 1/50,000) = 0.5 BTC; costs 450 USD."""
    position = {"instrument": INVERSE, "quantity": -1000.0, "average_price": 40_000.0}
    book, _ = after([position], Leg(INVERSE, 1000.0, "BTC"), balances={"BTC": 1.0})
    assert (book.held(), book.entries) == ([], {INVERSE: 0.0})
    assert book.balances == {"BTC": pytest.approx(0.5 - 450.0 / 50_000.0, **NINE_DIGITS)}


def test_adding_to_a_position_realises_nothing():
    book, _ = after([{"instrument": PERP, "quantity": 10.0, "average_price": 40_000.0}], Leg(PERP, 10.0, "BTC"))
    assert book.entries == {PERP: pytest.approx(4_000.0 + 5_000.0, **NINE_DIGITS)}
    assert book.balances == {"USDT": pytest.approx(-10 * 2.25, **NINE_DIGITS)}


def test_selling_an_option():
    """20 contracts of 0.01 at 0.01 bring 0.002 BTC, less fee and slippage."""
    book, [row] = after([{"instrument": CALL, "quantity": 30.0}], Leg(CALL, -20.0, "BTC"))
    costs = row["fee_usd"] + row["slippage_usd"]
    assert book.balances == {"BTC": pytest.approx(0.002 - costs / 50_000.0, **NINE_DIGITS)}
    assert row["fee_usd"] == pytest.approx(20 * 0.15, **NINE_DIGITS)


def test_selling_spot():
    """2 BTC for 100,000 USD in USDT at 0.8; 100 USD of fee."""
    book, [row] = after([], Leg("BTC", -2.0, "BTC", is_spot=True), hand_market(usdt=0.8), balances={"BTC": 3.0})
    assert book.balances == {"BTC": 1.0, "USDT": pytest.approx(125_000.0 - 125.0, **NINE_DIGITS)}
    assert (row["price"], row["fee_usd"], row["slippage_usd"]) == (50_000.0, pytest.approx(100.0), 0.0)


# stages by hand


def test_reduction_by_hand():
    """10 BTC: MR1 = MR6 = 60,000, MR4 1,000. Each step closes 100 of 1,000 contracts and costs 225 USD.

    55,000 / 61,000; 54,775 / 54,900; 54,550 / 48,800 = 1.118 > 1.1.
    """
    account = holding({PERP: 1000.0}, balances={"USDT": 55_000.0})
    result = liquidate(hand_market(), account)
    assert rows_of(result, "step", "stage", "unit", "instrument", "quantity", "price") == [
        (1, "reduction", "BTC", PERP, -100.0, 50_000.0),
        (2, "reduction", "BTC", PERP, -100.0, 50_000.0),
    ]
    for row, before, then in zip(result.steps, (61_000.0, 54_900.0), (54_900.0, 48_800.0), strict=True):
        assert (row["mmr_before_usd"], row["mmr_after_usd"]) == (pytest.approx(before), pytest.approx(then))
        assert (row["fee_usd"], row["slippage_usd"]) == (pytest.approx(25.0), pytest.approx(200.0))
    assert result.ratio_before == pytest.approx(55_000.0 / 61_000.0, **NINE_DIGITS)
    assert result.steps[0]["ratio_after"] == pytest.approx(54_775.0 / 54_900.0, **NINE_DIGITS)
    assert (result.outcome, result.ratio) == ("recovered", pytest.approx(54_550.0 / 48_800.0, **NINE_DIGITS))
    assert (result.gross_usd, result.fees_usd, result.slippage_usd) == (
        pytest.approx(54_550.0), pytest.approx(50.0), pytest.approx(400.0),
    )  # fmt: skip
    assert result.quantities == {PERP: 800.0}


def test_reduction_of_dust_takes_it_whole():
    """MMR 0.61 USD: a tenth brings less than 1 USD, so the whole is closed."""
    result = liquidate(hand_market(), holding({PERP: 0.01}, balances={"USDT": 0.5}))
    assert rows_of(result, "stage", "quantity") == [("reduction", -0.01)]
    assert (result.outcome, result.ratio, result.quantities) == ("closed_out", math.inf, {})


def test_the_cheaper_and_then_the_first_is_reduced():
    """Two perpetuals that differ in their names; a deep market makes the second one cheaper."""
    rows = [swap(name, "BTC", "USDT", 0.01, 50_000.0) for name in ("B", "A")]
    account = holding({"A": 500.0, "B": 500.0}, balances={"USDT": 55_000.0})
    result = liquidate(market_of(par_index(BTC=50_000.0), *rows), account)
    assert rows_of(result, "instrument", "quantity") == [("A", -50.0)] * 4
    rows[0]["depth_usd"] = 1e9
    result = liquidate(market_of(par_index(BTC=50_000.0), *rows), account)
    assert rows_of(result, "instrument", "quantity") == [("B", -50.0)] * 4


def test_hedged_perpetuals_are_reduced_together():
    """Long and short in one bucket: MR7 4,500 is all, and each alone would uncover the other.

    A slice of the unit costs 50 USD of fees: (4,000 - 50 k) / (4,500 - 450 k) is above 1.1 at k = 3.
    """
    rows = [swap(name, "BTC", "USDT", 0.01, 50_000.0) | {"depth_usd": 1e20} for name in ("A", "B")]
    account = holding({"B": -1000.0, "A": 1000.0}, balances={"USDT": 4_000.0})
    result = liquidate(market_of(par_index(BTC=50_000.0), *rows), account)
    assert rows_of(result, "step", "stage", "instrument", "quantity") == [
        row for i in (1, 2, 3) for row in ((i, "reduction", "A", -100.0), (i, "reduction", "B", 100.0))
    ]
    assert result.ratio == pytest.approx(3_850.0 / 3_150.0, rel=1e-6)


def test_bankruptcy():
    account = holding({PERP: 1000.0}, balances={"USDT": -1_000.0})
    result = liquidate(hand_market(), account)
    assert (result.outcome, result.quantities) == ("bankrupt", {})
    assert result.fund_loss_usd == pytest.approx(1_000.0 + 1000 * 2.25, **NINE_DIGITS)


def test_what_cannot_be_traded_stalls():
    for keys in ({"depth_usd": 0}, {"halted": "2025-01-15T10:00:00Z"}, {"listed": "2025-01-15T11:00:00Z"}):
        result = liquidate(hand_market({PERP: keys}), holding({PERP: 1000.0}, balances={"USDT": 55_000.0}))
        assert (result.outcome, result.steps) == ("stalled", [])


def test_orders_are_cancelled_first():
    orders = [
        {"instrument": PERP, "quantity": 5, "price": 48_000.0},
        {"instrument": "BTC-USDT", "quantity": -1, "price": 6e4},
    ]
    account = holding({PERP: 1000.0}, balances={"USDT": 55_000.0}, orders=orders)
    result = liquidate(hand_market(), account)
    columns = ("step", "stage", "unit", "instrument", "quantity", "price", "fee_usd", "slippage_usd")
    assert rows_of(result, *columns)[:2] == [
        (1, "cancel_orders", "", PERP, 5, 48_000.0, 0.0, 0.0),
        (1, "cancel_orders", "", "BTC-USDT", -1, 6e4, 0.0, 0.0),
    ]
    assert [row["step"] for row in result.steps] == [1, 1, 2, 3]
    safe = liquidate(hand_market(), account | {"balances": {"USDT": 70_000.0}})
    assert (safe.outcome, safe.steps, safe.quantities) == ("untouched", [], {PERP: 1000.0})


def test_repayment_by_hand():
    """0.81 BTC against 40,000 USDT of debt: 500 / (800 + 0.001 * 40,800); 40,000 / 0.999 USD of BTC are sold."""
    account = {"id": "a", "balances": {"USDT": -40_000.0, "BTC": 0.81}}
    result = liquidate(hand_market(), account)
    assert result.ratio_before == pytest.approx(500.0 / 840.8, **NINE_DIGITS)
    sale, purchase = result.steps
    assert (sale["step"], sale["stage"], sale["unit"], sale["instrument"]) == (1, "repayment", "", "BTC")
    assert (sale["quantity"], sale["price"]) == (pytest.approx(-0.8 / 0.999, **NINE_DIGITS), 50_000.0)
    assert (sale["fee_usd"], sale["slippage_usd"]) == (pytest.approx(40.0 / 0.999, **NINE_DIGITS), 0.0)
    assert (purchase["instrument"], purchase["quantity"]) == ("USDT", pytest.approx(40_000.0, **NINE_DIGITS))
    assert (purchase["fee_usd"], purchase["ratio_after"]) == (0.0, math.inf)
    assert (result.outcome, result.ratio) == ("recovered", math.inf)


def test_ddh1_by_hand():
    """1M USD long in USDT at 0.95 against an inverse perpetual: MR9 = 50,000 is all there is.

    A step takes a tenth off each side and costs 900 USD, paid by debts of 450 USD in USDT and in BTC.
    """
    quantities = {PERP: 2000.0, INVERSE: -10_000.0}
    result = liquidate(hand_market(usdt=0.95), holding(quantities, balances={"USD": 48_000.0}))
    assert rows_of(result, "step", "stage", "unit", "instrument", "quantity")[:2] == [
        (1, "ddh1", "BTC", PERP, -200.0),
        (1, "ddh1", "BTC", INVERSE, 1000.0),
    ]
    assert [row["step"] for row in result.steps] == [1, 1, 2, 2]
    assert result.ratio_before == pytest.approx(48_000.0 / 50_000.0, **NINE_DIGITS)
    mr8 = 450.0 * 0.02 + 450.0 * 0.03
    required = 45_000.0 + mr8 + 0.001 * (900.0 + mr8)
    assert result.steps[1]["ratio_after"] == pytest.approx(47_100.0 / required, **NINE_DIGITS)
    required = 40_000.0 + 2 * mr8 + 0.001 * (1_800.0 + 2 * mr8)
    assert result.ratio == pytest.approx(46_200.0 / required, **NINE_DIGITS)


def test_basis_by_hand():
    """A calendar of 1M USD: 0.002 of the perpetual and 0.05 * sqrt(90 / 365) of the future; a step costs 900 USD."""
    account = holding({PERP: -2000.0, FUTURE: 2000.0}, balances={"USDT": 25_000.0})
    result = liquidate(hand_market(), account)
    mmr = 1e6 * (0.002 + 0.05 * math.sqrt(90.0 / 365.0))
    assert result.ratio_before == pytest.approx(25_000.0 / mmr, **NINE_DIGITS)
    assert rows_of(result, "step", "stage", "instrument", "quantity") == [
        row for i in (1, 2, 3) for row in ((i, "basis", FUTURE, -200.0), (i, "basis", PERP, 200.0))
    ]
    assert result.ratio == pytest.approx((25_000.0 - 2_700.0) / (0.7 * mmr), **NINE_DIGITS)


def test_basis_with_spot():
    """10 BTC against -1,000 contracts: the spot leg is last, and both orders of the pair are candidates."""
    s = setting_of(hand_market())
    book = opened(holding({PERP: -1000.0}, balances={"BTC": 10.0}), s.priced)
    view = View(book, margined(book, s.priced, {}))
    assert [(leg.name, leg.usd) for leg in basis_legs(s, view, view_unit(view))] == [
        (PERP, pytest.approx(-5e5)), ("BTC", pytest.approx(5e5)),
    ]  # fmt: skip
    candidates = basis_candidates(s, view, view, 0.1, False)
    assert candidates == [[Leg(PERP, 100.0, "BTC"), spot_leg(-1.0)], [spot_leg(-1.0), Leg(PERP, 100.0, "BTC")]]


def view_unit(view):
    [unit] = view.margin.units
    return unit


def spot_leg(coins):
    return Leg("BTC", pytest.approx(coins), "BTC", is_spot=True)


@pytest.mark.parametrize("version", TWO_VERSIONS)
def test_ddh2_buys_against_short_calls(version):
    """A fifth of the net delta in the most liquid contract of the unit, whole lots; in v1 the unit is BTC-USD."""
    market = hand_market({FUTURE: {"depth_usd": 5e7}, PERP: {"depth_usd": 1e7}})
    account = holding({CALL: -1000.0}, balances={"BTC": 1.0, "USD": -25_000.0}, spot_mode="derivatives_only")
    result = liquidate(market, account, VERSIONS[version])
    [unit] = result.trail[0].margin.units.values()
    row = next(row for row in result.steps if row["stage"] in ("ddh", "ddh2"))
    contracts = (FUTURE, 0.01) if version == TWO_VERSIONS[0] else (INVERSE, 100.0 / 50_000.0)
    assert row["stage"] == ("ddh2" if version == TWO_VERSIONS[0] else "ddh")
    began = result.trail[row["step"] - 1].margin.units
    [delta] = [unit.delta for unit in began.values()]
    assert (row["instrument"], row["quantity"]) == (contracts[0], math.floor(0.2 * abs(delta) / contracts[1]))
    assert unit.delta < 0.0


# the margin, and laws on random accounts


@pytest.mark.parametrize("version", [*TWO_VERSIONS, "okx/v1-2022-08-24"])
def test_margin_is_that_of_the_margin_twin(version):
    market, p = random_market(3), VERSIONS[version]
    priced = PricedMarket(market, p)
    for account in random_accounts(market, 3, 28):
        expected, book = margin(market, account, p), opened(account, priced)
        got = margined(book, priced, {})
        row = expected["account"]
        scale = {"rel": 1e-9, "abs": 1e-9 * (abs(row["gross_equity_usd"]) + row["mmr_usd"])}
        assert (got.equity, got.gross, got.mmr) == tuple(
            pytest.approx(row[name], **scale) for name in ("equity_usd", "gross_equity_usd", "mmr_usd")
        )
        assert got.ratio == pytest.approx(row["margin_ratio"], rel=1e-9)
        for unit, values in got.units.items():
            columns = expected["units"][unit.name]
            for name, value in values.mr.items():
                assert value == pytest.approx(columns[name], **scale), (account["id"], unit.name, name)
            assert values.delta == pytest.approx(columns["delta_coin"] + columns["spot_in_use"], rel=1e-9, abs=1e-9)


@cache
def random_results(version):
    """Ten accounts in a market without depths, ten in one with them."""
    results = []
    for seed, dress in ((4, lambda market, seed: market), (5, with_depths)):
        priced = PricedMarket(dress(random_market(seed), seed), VERSIONS[version])
        results += [(priced, account, liquidate_in(priced, account)) for account in troubled_accounts(priced, seed, 10)]
    return results


@pytest.mark.parametrize("version", TWO_VERSIONS)
def test_costs_are_all_that_equity_loses(version):
    for _, account, result in random_results(version):
        scale = abs(result.gross_before_usd) + result.fees_usd + result.trail[0].margin.mmr
        spent = result.fees_usd + result.slippage_usd
        assert result.gross_before_usd - spent == pytest.approx(result.gross_usd, abs=1e-9 * scale), account["id"]


@pytest.mark.parametrize("version", TWO_VERSIONS)
def test_every_trade_lowers_the_shortfall(version):
    for _, account, result in random_results(version):
        cancelled = [row["step"] for row in result.steps if row["stage"] == "cancel_orders"]
        for step, (before, then) in enumerate(pairwise(result.trail), start=1):
            if step not in cancelled:
                assert then.margin.shortfall(1.1) < before.margin.shortfall(1.1), (account["id"], step)


@pytest.mark.parametrize("version", TWO_VERSIONS)
def test_reductions_never_flip(version):
    for _, account, result in random_results(version):
        for row in result.steps:
            if row["stage"] not in ("basis", "reduction") or row["instrument"] not in result.trail[0].book.quantities:
                continue
            before = result.trail[row["step"] - 1].book.quantity(row["instrument"])
            then = result.trail[row["step"]].book.quantity(row["instrument"])
            assert row["quantity"] * before < 0.0, account["id"]
            assert then * before >= 0.0, account["id"]


ORDER = ("cancel_orders", "repayment", "ddh1", "ddh2", "ddh", "basis", "reduction", "final_repayment")


@pytest.mark.parametrize("version", TWO_VERSIONS)
def test_stages_never_go_back(version):
    for _, account, result in random_results(version):
        places = [ORDER.index(row["stage"]) for row in result.steps]
        assert places == sorted(places), account["id"]
        assert [row["step"] for row in result.steps] == sorted(row["step"] for row in result.steps)


@pytest.mark.parametrize("version", TWO_VERSIONS)
def test_the_end(version):
    """The outcome fits the end, nothing follows a ratio above 1.1, and the document of the end has that ratio."""
    for priced, account, result in random_results(version):
        assert result.outcome in ("recovered", "closed_out", "bankrupt", "stalled", "untouched")
        if result.outcome in ("recovered", "stalled", "bankrupt"):
            assert (result.ratio > 1.1) == (result.outcome == "recovered")
        assert (result.outcome == "closed_out") <= (not result.quantities)
        assert all(view.margin.ratio <= 1.1 for view in result.trail[:-1])
        row = margin(priced.market, document_of(priced, account, result), priced.parameters)["account"]
        scale = abs(row["gross_equity_usd"]) + row["mmr_usd"] + result.trail[0].margin.mmr
        assert row["gross_equity_usd"] == pytest.approx(result.gross_usd, abs=1e-9 * scale)
        assert row["mmr_usd"] == pytest.approx(result.trail[-1].margin.mmr, abs=1e-9 * scale)
        assert row["equity_usd"] == pytest.approx(result.trail[-1].margin.equity, abs=1e-9 * scale)


def document_of(priced, account, result):
    """The account after its liquidation, with the average prices that the entry values amount to."""
    positions = []
    for name, q in result.quantities.items():
        c, row = priced.contract(name), {"instrument": name, "quantity": q}
        if c.kind == "linear":
            row["average_price"] = result.entries[name] / (q * c.size)
        if c.kind == "inverse":
            row["average_price"] = -q * c.size / result.entries[name]
        positions.append(row)
    return account | {"positions": positions, "balances": result.balances, "orders": []}


def test_the_random_accounts_pass_through_every_stage():
    seen = {row["stage"] for version in TWO_VERSIONS for *_, result in random_results(version) for row in result.steps}
    assert seen >= {"cancel_orders", "repayment", "ddh1", "ddh2", "ddh", "basis", "reduction"}

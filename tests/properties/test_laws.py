"""Laws that margin obeys whatever the book (okx_computation.md sections 3 to 5).

Where a law is an equality, the two sides sum the same numbers in another order: they may differ by 1e-9 of
themselves (the specification's tolerance) or, where sums cancel, by 1e-12 of the book's gross size. That is some
thousand roundings of the size of the book, and six orders below any charge of a rule.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.books import (
    COINS,
    CURRENCIES,
    ORDERS,
    Run,
    amounts,
    book,
    contract_usd,
    merged,
    quantities,
    small_market,
    value_usd,
    whole_books,
)

RELATIVE = 1e-9
OF_GROSS = 1e-12
COMPONENTS = tuple(f"mr{k}" for k in range(1, 10))
UNIT_FIGURES = (*COMPONENTS, "mmr_usd", "imr_usd", "cash_delta_usd", "gamma_usd", "theta_usd", "vega_usd", "upl_usd")
COIN_FIGURES = ("delta_coin", "spot_in_use")
ACCOUNT_FIGURES = (
    "equity_usd",
    "gross_equity_usd",
    "derivatives_mmr_usd",
    "borrow_mmr_usd",
    "mmr_usd",
    "derivatives_imr_usd",
    "borrow_imr_usd",
    "imr_usd",
    "liability_usd",
)


@pytest.fixture(scope="module")
def market():
    return small_market()


def same(found: float, expected: float, gross: float) -> bool:
    return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=OF_GROSS * gross)


def assert_same_margin(run: Run, name: str, other: str) -> None:
    """All figures of two accounts of one run agree."""
    gross = run.gross[name]
    account, expected = run.account(name), run.account(other)
    for column in ACCOUNT_FIGURES:
        assert same(account[column], expected[column], gross), (column, account[column], expected[column])
    ratio, expected_ratio, required = account["margin_ratio"], expected["margin_ratio"], expected["mmr_usd"]
    assert ratio == expected_ratio or same(ratio, expected_ratio, gross / required), (ratio, expected_ratio)
    for coin, unit in run.units(name).items():
        expected = run.units(other)[coin]
        for column in UNIT_FIGURES:
            assert same(unit[column], expected[column], gross), (coin, column, unit[column], expected[column])
        for column in COIN_FIGURES:
            assert same(unit[column], expected[column], gross / value_usd(coin)), (coin, column)


# -- nothing changes --------------------------------------------------------------------------------------------------


def split(rows: list[dict], fractions: list[float]) -> list[dict]:
    """Every row in two parts, the second ones behind all the first ones."""
    parts = [row["quantity"] * f for row, f in zip(rows, fractions, strict=True)]
    first = [row | {"quantity": part} for row, part in zip(rows, parts, strict=True)]
    rest = [row | {"quantity": row["quantity"] - part} for row, part in zip(rows, parts, strict=True)]
    return first + rest


@settings(max_examples=50)
@given(data=st.data(), entry=whole_books())
def test_splitting_and_reordering_changes_nothing(data, market, rules, entry):
    """Section 5, identities. Parts may exceed the whole, as a long and a short part of one position."""
    positions = entry["positions"]
    fractions = data.draw(st.lists(st.floats(-1.0, 2.0), min_size=len(positions), max_size=len(positions)))
    # Parts of orders keep the order's side: each side is filled on its own.
    shares = data.draw(st.lists(st.floats(0.1, 0.9), min_size=len(ORDERS), max_size=len(ORDERS)))
    in_parts = entry | {"positions": split(positions, fractions), "orders": split(entry["orders"], shares)}
    shuffled = entry | {
        "positions": data.draw(st.permutations(positions)),
        "orders": data.draw(st.permutations(entry["orders"])),
        "balances": dict(data.draw(st.permutations(list(entry["balances"].items())))),
    }
    run = Run(market, rules, whole=entry, in_parts=in_parts, shuffled=shuffled)
    assert_same_margin(run, "whole", "in_parts")
    assert_same_margin(run, "whole", "shuffled")


# -- merging ----------------------------------------------------------------------------------------------------------

SUBADDITIVE = ("mr1", "mr2", "mr4", "mr5", "mr6")
NO_COINS = tuple(c for c in CURRENCIES if c not in COINS)


@settings(max_examples=50)
@given(first=quantities(), second=quantities(), cash=amounts(NO_COINS))
def test_merging_two_books_without_coins_raises_none_of_the_netting_components(market, rules, first, second, cash):
    """Each is a maximum or a sum of absolute values of something linear in the book (section 3).

    Spot in use is not linear, so there is none: no coin balance, and no average prices, because the unrealised P&L
    of an inverse contract would be coin equity.
    """
    one, two = book(first, balances=cash), book(second)
    run = Run(market, rules, one=one, two=two, both=merged(one, two))
    for coin in COINS:
        unit, parts = run.units("both")[coin], [run.units(name)[coin] for name in ("one", "two")]
        # The value of a merged position is rounded once, that of its parts twice: a coin equity of some 1e-18.
        assert same(unit["spot_in_use"] * value_usd(coin), 0.0, run.gross["both"])
        for name in SUBADDITIVE:
            limit = sum(part[name] for part in parts)
            assert unit[name] <= limit * (1 + RELATIVE) + OF_GROSS * run.gross["both"], (coin, name)


def merge_btc(market, rules, first: dict, second: dict) -> tuple[dict, dict, dict]:
    one, two = book(first), book(second)
    run = Run(market, rules, one=one, two=two, both=merged(one, two))
    return tuple(run.units(name)["BTC"] for name in ("one", "two", "both"))


def test_merging_raises_mr3_when_vegas_of_two_expiries_offset(market, rules):
    """MR3 charges what a parallel shift would let offset: nothing for one expiry."""
    one, two, both = merge_btc(market, rules, {"BTC-USD-250131-1.1-call": 1000}, {"BTC-USD-250627-1.1-call": -1000})
    assert one["mr3"] == 0
    assert two["mr3"] == 0
    assert both["mr3"] > 1000


def test_merging_raises_mr7_when_the_charge_reaches_a_higher_tier(market, rules):
    """Tiers of the raw charge are marginal with rising multipliers, so MR7 is superadditive."""
    # 5,000 BTC at 0.45 % of some 97,000 USD: 2.2 million of raw charge, far beyond the first tier of 250,000.
    one, two, both = merge_btc(market, rules, {"BTC-USDT-SWAP": 500e3}, {"BTC-USDT-SWAP": 500e3})
    assert one["mr7"] == two["mr7"]
    assert both["mr7"] > 1.5 * (one["mr7"] + two["mr7"])


def test_merging_raises_mr9_when_stablecoin_legs_offset(market, rules):
    """MR9 charges hedges of one stablecoin with another; a book in one of them has none."""
    one, two, both = merge_btc(market, rules, {"BTC-USDT-SWAP": 1000}, {"BTC-USDC-SWAP": -1000})
    assert one["mr9"] == 0
    assert two["mr9"] == 0
    assert both["mr9"] > 1000


# -- scaling ----------------------------------------------------------------------------------------------------------


def scaled(entry: dict, k: float) -> dict:
    return entry | {
        "positions": [p | {"quantity": k * p["quantity"]} for p in entry["positions"]],
        **{key: {c: k * x for c, x in entry[key].items()} for key in ("balances", "accrued_interest", "spot_limits")},
    }


@settings(max_examples=50)
@given(entry=whole_books(), k=st.floats(1.0, 1000.0))
def test_scaling_a_book_scales_mr1_to_mr6_and_raises_mr7_and_mr9_at_least_as_much(market, rules, entry, k):
    """Tiers, which only MR7 and MR9 have, rise with size."""
    run = Run(market, rules, once=entry, k_times=scaled(entry, k))
    gross = run.gross["k_times"]
    for coin in COINS:
        once, k_times = run.units("once")[coin], run.units("k_times")[coin]
        for name in ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6"):
            assert same(k_times[name], k * once[name], gross), (coin, name, k_times[name], k * once[name])
        for name in ("mr7", "mr9"):
            assert k_times[name] >= k * once[name] * (1 - RELATIVE) - OF_GROSS * gross, (coin, name)


# -- scenarios --------------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(entry=whole_books())
def test_no_shock_is_no_profit_to_the_bit(market, rules, entry):
    """Section 5, identities."""
    run = Run(market, rules, any=entry)
    unshocked = [c for c in run.cells("any") if c["price_move"] == 0 and c["vol_state"] == "unchanged"]
    assert {cell["unit"] for cell in unshocked} == set(COINS)
    assert [cell["pnl_usd"] for cell in unshocked] == [0.0] * len(COINS)


@settings(max_examples=50)
@given(usd=amounts(("USD",), low=1e-3), share=st.floats(0.0, 1.0), short=st.booleans())
def test_mr1_is_zero_when_a_linear_book_of_one_quote_currency_is_hedged(market, rules, usd, share, short):
    """P&L of a linear contract is its coins times the index in its quote currency: equal coins cancel (section 1)."""
    usd = -usd["USD"] if short else usd["USD"]
    legs = {"SWAP": usd, "250131": -share * usd, "250627": -(1.0 - share) * usd}
    names = {f"{coin}-USDT-{leg}": amount for coin in COINS for leg, amount in legs.items()}
    run = Run(market, rules, hedged=book({name: x / contract_usd(name) for name, x in names.items()}))
    for coin, unit in run.units("hedged").items():
        assert unit["mr1"] <= OF_GROSS * run.gross["hedged"], coin
        assert unit["mr6"] <= OF_GROSS * run.gross["hedged"], coin
        assert unit["mr4"] > 0, "the hedge is not free"


@settings(max_examples=50)
@given(
    usd=amounts(("USD",), low=1e-3),
    surplus=st.sampled_from([1.0, 1.7]),
    limit=st.none() | st.floats(0.0, 2.0),
    short=st.booleans(),
)
def test_spot_in_use_against_an_inverse_perpetual_is_flat_when_mark_is_index(market, rules, usd, surplus, limit, short):
    """Section 5, identities: coins of the same cash size, held against a short or borrowed against a long.

    A limit below that size leaves the rest of the perpetual bare, whose P&L is then ``cash * s``.
    """
    cash = usd["USD"]
    sign = -1.0 if short else 1.0
    perpetuals = {f"{coin}-USD-SWAP": sign * cash / contract_usd(f"{coin}-USD-SWAP") for coin in COINS}
    coins = {coin: cash / value_usd(coin) for coin in COINS}
    limits = {} if limit is None else {coin: limit * x for coin, x in coins.items()}
    entry = book(perpetuals, balances={coin: -sign * surplus * x for coin, x in coins.items()}, spot_limits=limits)
    run = Run(market, rules, hedged=entry)
    bare = sign * cash * (1.0 - min(1.0, math.inf if limit is None else limit))
    for cell in run.cells("hedged"):
        expected = bare * cell["price_move"]
        assert math.isclose(cell["pnl_usd"], expected, rel_tol=RELATIVE, abs_tol=OF_GROSS * run.gross["hedged"]), cell


# -- how components make a margin -------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(entry=whole_books())
def test_margin_adds_up(market, rules, entry):
    """Section 4, from the columns of the report alone."""
    run = Run(market, rules, any=entry)
    units, account, gross = run.units("any"), run.account("any"), run.gross["any"]
    for unit in units.values():
        assert all(unit[name] >= 0 for name in COMPONENTS)
        total = max(unit["mr1"], unit["mr2"], unit["mr6"]) + unit["mr3"] + unit["mr4"] + unit["mr5"] + unit["mr9"]
        assert same(unit["mmr_usd"], max(total, unit["mr7"]), gross)
        assert unit["imr_usd"] >= 1.3 * unit["mmr_usd"] * (1 - RELATIVE)
        assert unit["mr8"] == account["borrow_mmr_usd"]
    assert same(account["derivatives_mmr_usd"], sum(unit["mmr_usd"] for unit in units.values()), gross)
    assert same(account["derivatives_imr_usd"], sum(unit["imr_usd"] for unit in units.values()), gross)
    assert same(account["mmr_usd"], account["derivatives_mmr_usd"] + account["borrow_mmr_usd"], gross)
    assert same(account["imr_usd"], account["derivatives_imr_usd"] + account["borrow_imr_usd"], gross)
    worst = {coin: min(c["pnl_usd"] for c in run.cells("any") if c["unit"] == coin) for coin in COINS}
    for coin, unit in units.items():
        assert same(unit["mr1"], max(0.0, -worst[coin]), gross)

"""``liquidation_price``: closed forms where there are any, exact margin around what it finds where there are none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.accounts.holdings import Accounts
from shockgrid.market.market import Market
from shockgrid.report.moved_account import MovedAccount
from shockgrid.venues.okx.rulebook import Rulebook
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.reference import hand_markets
from tests.reference.hand_markets import holding, swap
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_account, random_market

COLUMNS = [
    "account",
    "coin",
    "price_usd",
    "margin_ratio",
    "down_move",
    "down_price_usd",
    "up_move",
    "up_price_usd",
]
LOW, HIGH = -0.99, 9.0
LEVEL = 1.0
PRICE_TOLERANCE = 1e-9
NUMBERS: Any = VERSIONS["okx/v2-2025-12-04"]  # of the newest rules, typed in from the rule text

# BTC is in group A, SOL in B and XYZ in C of all that a linear perpetual is charged by.
INDEX = {
    "BTC-USD": 97032.2,
    "BTC-USDT": 98600.1,
    "BTC-USDC": 97010.7,
    "SOL-USD": 187.31,
    "SOL-USDT": 190.22,
    "SOL-USDC": 187.4,
    "XYZ-USD": 2.34,
    "XYZ-USDT": 2.379,
    "XYZ-USDC": 2.338,
    "BNB-USD": 640.0,
    "USDT-USD": 0.9847,
    "USDC-USD": 1.0003,
}
QUOTES = {"USDT": 0.9847, "USDC": 1.0003, "USD": 1.0}
SIZES = {"BTC": 0.01, "SOL": 1.0, "XYZ": 10.0}
INVERSE = swap("BTC-USD-SWAP", "BTC", "BTC", 100.0, 97032.2 * 1.0007)
FLAT_INVERSE = swap("BTC-FLAT", "BTC", "BTC", 100.0, 97032.2)
LINEAR = [
    swap(f"{coin}-{quote}-LINEAR", coin, quote, size, INDEX[f"{coin}-{quote}"] * basis)
    for coin, size in SIZES.items()
    for quote, basis in zip(QUOTES, (1.0004, 0.9993, 1.0001), strict=True)
]
DOCUMENT = hand_markets.market_of(INDEX, *LINEAR, INVERSE, FLAT_INVERSE)


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with one_shape():
        yield


@pytest.fixture(scope="module")
def market():
    return market_of(DOCUMENT)


@pytest.fixture(scope="module")
def search(market, rules):
    """The rows of some accounts by account and coin."""

    def of(*entries, **more):
        frame = sg.liquidation_price(market, accounts_of(*entries), rules, **more)
        return {(row["account"], row["coin"]): row for row in frame.to_dict("records")}

    return of


def assert_same_row(row: dict, other: dict) -> None:
    for name in COLUMNS[:2]:
        assert row[name] == other[name]
    numbers, others = ([r[name] for name in COLUMNS[2:]] for r in (row, other))
    assert numbers == pytest.approx(others, rel=1e-11, nan_ok=True)


def assert_crosses_only(row: dict, factor: float, name: object) -> None:
    """The one crossing is where the price is so many times today's; there is none where that is out of range."""
    inside = 1 + LOW <= factor <= 1 + HIGH
    down, up = (factor, math.nan) if factor < 1 else (math.nan, factor)
    for side, expected in (("down", down), ("up", up)):
        wanted = expected if inside else math.nan
        move, price = row[f"{side}_move"], row[f"{side}_price_usd"]
        assert 1 + move == pytest.approx(wanted, rel=PRICE_TOLERANCE, nan_ok=True), (name, side)
        assert price == pytest.approx(wanted * row["price_usd"], rel=PRICE_TOLERANCE, nan_ok=True), (name, side)


# --- one linear perpetual: equity and margin are both linear in the price ---


def charge_per_coin(row: dict) -> float:
    """Maintenance margin of one coin of a linear perpetual, in its quote, at today's price.

    Section 3. The loss of a linear contract under a move s is ``|s|`` of its value at the index, whatever the
    volatility: MR1 is the largest move and MR6 a share of its own move, of which the larger counts. There are no
    options (MR2, MR3, MR5), no second denomination (MR9), and one bucket of MR4, which goes by the mark. All of these
    move with the price. MR7, at most its rate times its last multiplier of the same value, is below their sum.
    """
    coin, years = row["coin"], NUMBERS.mr4_perpetual_days / 365.0
    largest = max(NUMBERS.mr1_moves.of(coin)[-1], NUMBERS.mr6_loss_fraction * NUMBERS.mr6_move.of(coin))
    basis = max(NUMBERS.mr4_floor.of(coin), NUMBERS.mr4_annual_move.of(coin) * math.sqrt(years))
    assert NUMBERS.mr7_rate.of(coin) * NUMBERS.mr7_multiplier.of(coin).rate[-1] < largest
    return largest * INDEX.get(f"{coin}-{row['settle']}", 0.0) + basis * row["mark"]


@dataclass(frozen=True)
class LinearAccount:
    """An account with one linear perpetual, and the factor on the coin's price that brings it to a level.

    Quotes count in full up to five million USD of them (section 4, class 1), which no account here reaches. With X the
    value of the quote, q coins, entry price E, mark P, charge k and other collateral C,

        equity(f) = X (B + q (P f - E)) + C,    MMR(f) = X |q| k f,    equity(f) = level * MMR(f)

    has one solution f. Equity over MMR is monotone in f, so that there is no second crossing anywhere.
    """

    entry: dict
    row: dict
    factor: float


def linear_account(name: str, row: dict, sign: int, ratio: float, level: float, rng: Random) -> LinearAccount:
    """An account that stands at a ratio today; it has a little of a coin that has a haircut too."""
    contracts = sign * rng.choice((3, 10, 25)) * rng.uniform(0.5, 2.0)
    coins, value, mark = contracts * row["contract_value"], QUOTES[row["settle"]], row["mark"]
    charge, average = charge_per_coin(row), mark * rng.uniform(0.8, 1.2)
    mmr = value * abs(coins) * charge
    # So little that the quote itself is not in debt at any price at which the account stands at the level.
    other_usd = 0.01 * min(ratio, level) * mmr
    balance = (ratio * mmr - other_usd) / value - coins * (mark - average)
    position = {"instrument": row["id"], "quantity": contracts, "average_price": average}
    counted = other_usd / NUMBERS.haircut("BNB").rate[0]
    balances = {row["settle"]: balance, "BNB": counted / INDEX["BNB-USD"]}
    slope = value * (coins * mark - level * abs(coins) * charge)
    factor = (value * (coins * average - balance) - other_usd) / slope
    return LinearAccount({"id": name, "positions": [position], "balances": balances}, row, factor)


@pytest.mark.parametrize(("level", "ratio"), [(None, 1.8), (0.5, 1.1), (3.0, 3.4), (9.0, 12.0)])
def test_a_linear_perpetual_is_liquidated_where_the_closed_form_says(search, level, ratio):
    rng = Random(f"linear-{level}-{ratio}")
    accounts = [
        linear_account(f"{row['id']} {sign}", row, sign, ratio * rng.uniform(0.7, 1.3), level or 1.0, rng)
        for row, sign in zip(LINEAR, rng.sample((1, -1) * 5, 9), strict=True)
    ]
    found = search(*(a.entry for a in accounts), ratio=level)
    for a in accounts:
        assert_crosses_only(found[a.entry["id"], a.row["coin"]], a.factor, a.entry["id"])
    assert sum(1 + LOW < a.factor < 1 + HIGH for a in accounts) >= 3


@pytest.mark.parametrize("sign", [1, -1])
def test_an_account_below_the_level_crosses_it_where_it_recovers(search, sign):
    rng = Random(f"below-{sign}")
    accounts = [linear_account(row["id"], row, sign, 0.7, 1.0, rng) for row in LINEAR]
    found = search(*(a.entry for a in accounts))
    for a in accounts:
        row = found[a.entry["id"], a.row["coin"]]
        assert row["margin_ratio"] == pytest.approx(0.7, rel=1e-9)
        assert (row["up_move"] if sign > 0 else -row["down_move"]) > 0
        assert_crosses_only(row, a.factor, a.entry["id"])


def test_a_coin_that_is_collateral_alone(search):
    """Margin stays; equity falls by what the coin counts for: 80 % of BNB, up to 250,000 USD of it."""
    position = {"instrument": "BTC-USDT-LINEAR", "quantity": -20.0, "average_price": LINEAR[0]["mark"]}
    entry = {"id": "a", "positions": [position], "balances": {"BNB": 20.0, "USDT": 1000.0}}
    mmr = QUOTES["USDT"] * 20.0 * SIZES["BTC"] * charge_per_coin(LINEAR[0])
    bnb = NUMBERS.haircut("BNB").rate[0] * 20.0 * INDEX["BNB-USD"]
    row = search(entry)["a", "BNB"]
    assert row["price_usd"] == INDEX["BNB-USD"]
    assert_crosses_only(row, (mmr - 1000.0 * QUOTES["USDT"]) / bnb, "BNB")


def test_the_search_looks_as_far_as_it_is_told(search):
    (account,) = [linear_account("a", LINEAR[0], 1, 2.0, 1.0, Random(1))]
    move = account.factor - 1.0
    assert -0.9 < move < -0.1
    row = search(account.entry, coin="BTC", low=move * 1.001)["a", "BTC"]
    assert row["down_move"] == pytest.approx(move, rel=1e-8)
    row = search(account.entry, coin="BTC", low=move * 0.999)["a", "BTC"]
    assert math.isnan(row["down_move"])
    assert math.isnan(row["down_price_usd"])


# --- inverse perpetuals ---


@pytest.mark.parametrize("seed", range(4))
def test_a_long_inverse_perpetual_on_its_own_coin(search, seed):
    """Equity is linear in the price, margin does not depend on it.

    With mark = k * index throughout, the loss of a contract of v USD under a move s is ``v (1+s) |s| / (k (k+s))``
    (section 1), whatever the price, and so are its cash delta v, hence MR4. Coin equity and delta are both positive: no
    spot is in use. Coin equity ``B + q v (1/E - 1/P)`` times the index I f, where P = k I f:

        I f (B + q v / E) - q v / k = level * MMR
    """
    rng = Random(f"inverse-{seed}")
    k, index = INVERSE["mark"] / INDEX["BTC-USD"], INDEX["BTC-USD"]
    contracts, average = rng.uniform(50.0, 1000.0), INVERSE["mark"] * rng.uniform(0.85, 1.15)
    usd = contracts * INVERSE["contract_value"]

    def loss(move: float) -> float:
        return -usd * (1.0 / k - 1.0 / (k + move)) * (1.0 + move)

    mr1 = max(loss(sign * move) for move in NUMBERS.mr1_moves.of("BTC") for sign in (1, -1))
    mr6 = NUMBERS.mr6_loss_fraction * loss(-NUMBERS.mr6_move.of("BTC"))
    mmr = max(mr1, mr6) + usd * NUMBERS.mr4_floor.of("BTC")
    balance = rng.uniform(0.1, 1.5) * usd / index
    position = {"instrument": INVERSE["id"], "quantity": contracts, "average_price": average}
    level = rng.choice((1.0, 2.0))
    row = search({"id": "a", "positions": [position], "balances": {"BTC": balance}}, ratio=level)["a", "BTC"]
    assert_crosses_only(row, (level * mmr + usd / k) / (index * (balance + usd / average)), seed)


def test_a_hedge_that_is_flat_at_every_price_is_never_liquidated(search):
    """A coin short its own value in inverse contracts at the index: equity, cash delta and margin stay (section 5)."""
    position = {"instrument": FLAT_INVERSE["id"], "quantity": -970.322, "average_price": 97032.2}
    row = search({"id": "a", "positions": [position], "balances": {"BTC": 1.0}})["a", "BTC"]
    assert row["margin_ratio"] > 100
    assert math.isnan(row["down_move"])
    assert math.isnan(row["up_move"])


def test_who_owes_and_holds_nothing_at_risk_is_never_liquidated(search):
    row = search({"id": "a", "balances": {"BTC": 1.0, "USDT": 5.0}})["a", "BTC"]
    assert row["margin_ratio"] == math.inf
    assert math.isnan(row["down_move"])
    assert math.isnan(row["up_move"])


# --- jumps ---


def test_where_the_ratio_jumps_over_the_level_the_far_side_is_found(market, rules, search):
    """Losses beyond 100,000 USDT of debt cost 2.5 % instead of 2 % of all of it: the ratio falls at that price."""
    # 150 coins' worth of perpetuals lose 100,000 USDT where the price has fallen by this much.
    mark, coins = LINEAR[0]["mark"], 1.5
    jump = -100_000.0 / (coins * mark)
    position = {"instrument": LINEAR[0]["id"], "quantity": coins / SIZES["BTC"], "average_price": mark}
    entry = {"id": "a", "positions": [position], "balances": {"SOL": 1000.0}}

    def ratio(move: float) -> float:
        moved = sg.shock(market, price={"BTC": move})
        return sg.margin(moved, accounts_of(entry), rules).accounts.margin_ratio[0]

    near, far = ratio(jump + 1e-9), ratio(jump - 1e-9)
    assert near > far * 1.01
    level = 0.5 * (near + far)
    move = search(entry, coin="BTC", ratio=level)["a", "BTC"]["down_move"]
    assert move == pytest.approx(jump, rel=1e-11)
    assert ratio(move) < level


def test_a_mark_off_its_volatility_is_no_crossing_of_today(market, rules):
    """Any move values the option by its volatility; where the ratio jumps by that alone, no price is named."""
    call = hand_markets.option("BTC-CALL", "BTC", 0.01, ("call", 100e3, 97e3, 0.6), "2025-06-27T08:00:00Z")
    off = market_of(hand_markets.market_of(INDEX, call | {"mark": 0.3}))
    sold = holding({"BTC-CALL": -100.0}, balances={"BTC": 1.0})
    today = sg.margin(off, accounts_of(sold), rules).accounts.margin_ratio[0]
    near = sg.margin(sg.shock(off, price={"BTC": 1e-9}), accounts_of(sold), rules).accounts.margin_ratio[0]
    assert near > today * 1.01
    row = sg.liquidation_price(off, accounts_of(sold), rules, ratio=0.5 * (near + today)).iloc[0]
    assert not abs(row.up_move) < 1e-3
    assert not abs(row.down_move) < 1e-3


# --- random option books: exact margin around what was found ---


@dataclass(frozen=True)
class Books:
    """Random option books on a random market, entered at today's marks where they have no average price."""

    market: Market
    accounts: Accounts
    rules: Rulebook
    report: sg.MarginReport
    moved: dict[int, MovedAccount] = field(default_factory=dict)

    @classmethod
    def drawn(cls, seed: int, count: int, version: str) -> Books:
        """USDT is paid in or out so that most stand not far from liquidation."""
        document, rng, rules = random_market(seed), Random(f"books-{seed}"), sg.load_rulebook(version)
        market, marks = market_of(document), {row["id"]: row["mark"] for row in document["instruments"]}
        shapes = ("options", "one_expiry_options")
        entries = [random_account(document, rng, f"{seed}-{i}", shapes[i % 2]) for i in range(count)]
        for entry in entries:
            for position in entry["positions"]:
                position.setdefault("average_price", marks[position["instrument"]])
        found = sg.margin(market, accounts_of(*entries), rules).accounts.to_dict("records")
        for entry, row in zip(entries, found, strict=True):
            cash = (rng.uniform(0.5, 3.0) * row["mmr_usd"] - row["equity_usd"]) / document["index"]["USDT-USD"]
            entry["balances"]["USDT"] = entry["balances"].get("USDT", 0.0) + cash
        accounts = accounts_of(*entries)
        return cls(market, accounts, rules, sg.margin(market, accounts, rules))

    def traded(self, place: int) -> list[str]:
        """Coins of the account's units, in an order that differs between accounts."""
        units = self.report.units[self.report.units.account == self.accounts.ids[place]].unit
        coins = list(dict.fromkeys(map(self.report.coin_of, units)))
        return coins[place % len(coins) :] + coins[: place % len(coins)]

    def ratios(self, coin: str, move: float) -> np.ndarray:
        """Of every account, margined on the market after a move of one coin's price."""
        moved = sg.shock(self.market, price={coin: move})
        return sg.margin(moved, self.accounts, self.rules).accounts.margin_ratio.to_numpy()

    def account(self, place: int) -> MovedAccount:
        if place not in self.moved:
            self.moved[place] = MovedAccount(self.report, place)
        return self.moved[place]

    def ratios_at(self, place: int, coin: str, moves: np.ndarray) -> np.ndarray:
        """Of one account at many moves; ``test_the_ratios_of_the_grid_are_exact`` compares them with margin."""
        figures = self.account(place)(coin, moves)
        asked = figures.required_usd > 0
        return np.where(asked, figures.equity_usd / np.where(asked, figures.required_usd, 1.0), np.inf)


def grid(prices: int) -> np.ndarray:
    """Moves to evenly spaced logarithms of prices over all that is searched, but not today's."""
    moves = np.geomspace(1 + LOW, 1 + HIGH, prices) - 1.0
    return moves[np.abs(moves) > 1e-9]


def assert_crossings_are_the_nearest(books: Books, prices: int, least: int, coins_a_book: int) -> None:
    """The ratio is at the level where a crossing was found, and on one side of it at all nearer prices.

    That of a price just off today's: marks of options that are off their volatility are revalued by any move.
    """
    moves, found = grid(prices), 0
    frame = sg.liquidation_price(books.market, books.accounts, books.rules).set_index(["account", "coin"])
    for place, account in enumerate(books.accounts.ids.tolist()):
        for coin in books.traded(place)[:coins_a_book]:
            row = frame.loc[account, coin]
            near = books.ratios_at(place, coin, np.array([-1e-9, 1e-9])) > LEVEL
            safe = books.ratios_at(place, coin, moves) > LEVEL
            for move, side, at_first in ((row.down_move, moves < 0, near[0]), (row.up_move, moves > 0, near[1])):
                nearer = side if math.isnan(move) else side & (np.abs(moves) < abs(move) * (1 - 1e-9))
                other = moves[nearer & (safe != at_first)]
                assert not len(other), (account, coin, move, other)
                if not math.isnan(move):
                    found += 1
                    assert_stands_at_the_level(books, place, coin, move, at_first)
    assert found >= least


def assert_stands_at_the_level(books: Books, place: int, coin: str, move: float, at_first: bool) -> None:
    if abs(books.ratios(coin, move)[place] - LEVEL) <= 1e-6:
        return
    # Then the ratio jumps over the level there, as where a debt meets the next tier.
    apart = 0.5e-9 * (1 + move)
    nearer = math.copysign(max(abs(move) - apart, 0.0), move)
    farther = math.copysign(abs(move) + apart, move)
    near, far = (books.ratios(coin, m)[place] > LEVEL for m in (nearer, farther))
    assert (near, far) == (at_first, not at_first), (place, coin, move)


@pytest.fixture(scope="module")
def books():
    return Books.drawn(3, 20, "okx/v2-2025-12-04")


def test_the_ratios_of_the_grid_are_exact(books):
    moves = np.array([-0.83, 0.04, 3.7])
    for coin in books.market.universe.coins:
        exact = np.stack([books.ratios(coin, move) for move in moves])
        for place in range(len(books.accounts)):
            if coin in books.account(place).movable:
                ratios = books.ratios_at(place, coin, moves)
                assert ratios == pytest.approx(exact[:, place], rel=1e-9), (coin, place)


def test_crossings_of_option_books_are_the_nearest(books):
    assert_crossings_are_the_nearest(books, prices=2_000, least=10, coins_a_book=2)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_crossings_of_two_hundred_option_books_are_the_nearest(seed):
    """Forty books of each of five markets, on 10,000 prices of two coins that they trade."""
    books = Books.drawn(100 + seed, 40, "okx/v2-2025-12-04")
    assert_crossings_are_the_nearest(books, prices=10_000, least=20, coins_a_book=2)


@pytest.mark.long
def test_crossings_of_option_books_under_version_1_are_the_nearest():
    books = Books.drawn(200, 10, "okx/v1-2024-06-05")
    assert_crossings_are_the_nearest(books, prices=2_000, least=5, coins_a_book=2)


# --- the frame ---


def test_columns_and_rows(market, rules):
    entries = (
        holding({"BTC-USDT-LINEAR": 1.0}, balances={"USDT": 1000.0, "USDC": 5.0, "USD": 5.0, "BNB": 0.1}),
        {"id": "b", "balances": {"USDT": 100.0}},
        holding({"SOL-USD-LINEAR": -1.0}, balances={"XYZ": 1000.0}) | {"id": "c"},
    )
    accounts = accounts_of(*entries)
    frame = sg.liquidation_price(market, accounts, rules)
    assert frame.columns.tolist() == COLUMNS
    rows = list(zip(frame.account, frame.coin, strict=True))
    assert sorted(rows) == [("a", "BNB"), ("a", "BTC"), ("c", "SOL"), ("c", "XYZ")]
    assert frame.account.tolist() == ["a", "a", "c", "c"]
    assert frame.price_usd.tolist() == [INDEX[f"{coin}-USD"] for coin in frame.coin]
    today = sg.margin(market, accounts, rules).accounts.set_index("account").margin_ratio
    assert frame.margin_ratio.tolist() == pytest.approx(today[frame.account].tolist(), rel=1e-12)


def test_accounts_and_coins_are_chosen(search):
    a, c = (linear_account(name, LINEAR[0], -1, 2.0, 1.0, Random(name)).entry for name in "ac")
    everything = search(a, c)
    assert list(search(a, c, account=["c", "a"], coin="BTC")) == [("c", "BTC"), ("a", "BTC")]
    for key, row in search(a, c, account="c", coin=["BNB", "BTC"]).items():
        assert_same_row(row, everything[key])


def test_a_position_without_an_average_price_was_entered_at_todays_mark(search):
    held = holding({"BTC-USDT-LINEAR": -3.0}, balances={"USDT": 1500.0})
    priced = held | {"positions": [held["positions"][0] | {"average_price": LINEAR[0]["mark"]}]}
    without, given = search(held)["a", "BTC"], search(priced)["a", "BTC"]
    assert_same_row(without, given)
    assert without["up_move"] > 0


def test_no_rows_have_the_same_columns(market, rules):
    full = sg.liquidation_price(market, accounts_of(holding({"BTC-USDT-LINEAR": 1.0})), rules)
    for accounts in (accounts_of(), accounts_of({"id": "a", "balances": {"USDT": 5.0}})):
        frame = sg.liquidation_price(market, accounts, rules)
        assert len(frame) == 0
        assert frame.dtypes.to_dict() == full.dtypes.to_dict()


# --- refusals ---

REFUSED = {
    "unknown account": ({"account": ["a", "nobody"]}, "account", "'nobody'"),
    "unknown coin": ({"coin": "NOPE"}, "coin", "'NOPE'"),
    "coin that it does not have": ({"coin": ["BTC", "SOL"]}, "coin", "'SOL'"),
    "stablecoin": ({"coin": "USDT"}, "coin", "'USDT'"),
    "level of zero": ({"ratio": 0.0}, "ratio", "0.0"),
    "level below zero": ({"ratio": -1.0}, "ratio", "-1.0"),
    "level without end": ({"ratio": math.inf}, "ratio", "inf"),
    "level that is none": ({"ratio": math.nan}, "ratio", "nan"),
    "level that is no number": ({"ratio": "1"}, "ratio", "'1'"),
    "range that does not reach below": ({"low": 0.0}, "low, high", "0.0, 9.0"),
    "range below nothing": ({"low": -1.0}, "low, high", "-1.0, 9.0"),
    "range that does not reach above": ({"high": 0.0}, "low, high", "-0.99, 0.0"),
    "range without end": ({"high": math.inf}, "low, high", "-0.99, inf"),
    "range that is none": ({"low": math.nan}, "low, high", "nan, 9.0"),
}


@pytest.mark.parametrize(("arguments", "path", "found"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(search, arguments, path, found):
    with pytest.raises(sg.InputError) as caught:
        search(holding({"BTC-USDT-LINEAR": 1.0}, balances={"USDT": 1000.0}), **arguments)
    assert (caught.value.file, caught.value.path, caught.value.found) == ("liquidation_price", path, found)


def test_positions_that_the_market_does_not_list_are_refused_as_for_margin(search):
    with pytest.raises(sg.InputError, match="an instrument of the market"):
        search(holding({"NOPE-SWAP": 1.0}))

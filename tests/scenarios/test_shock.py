"""``sg.shock`` against a market document that plain Python moved, and the laws that its docstring states."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import math
from random import Random
from typing import Any

import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.properties.books import COINS, DOCUMENT
from tests.reference.moved_documents import moved_document
from tests.reference.random_documents import random_market

SEEDS = range(8)
RELATIVE = 1e-12
# Of one coin: how far the value of an option may be off where its two terms cancel.
OF_COIN = 1e-14
PRICES = ("mark", "forward", "vol")
NOW = DOCUMENT["time"]


@pytest.fixture(scope="module", autouse=True)
def one_compilation():
    with one_shape():
        yield


@pytest.fixture(scope="module")
def market():
    return market_of(DOCUMENT)


def place(market, name: str) -> int:
    return market.universe.ids.tolist().index(name)


def live(market) -> np.ndarray:
    expiry = market.universe.expiry
    return np.isnat(expiry) | (expiry > market.time)


def assert_same_market(found, expected) -> None:
    """All numbers agree but the marks of what has expired, which nobody can hold."""
    assert found.time == expected.time
    assert found.universe.ids.tolist() == expected.universe.ids.tolist()
    assert dict(found.index) == pytest.approx(dict(expected.index), rel=RELATIVE, abs=0)
    for field in dataclasses.fields(expected.snapshot):
        values, wanted = getattr(found.snapshot, field.name), getattr(expected.snapshot, field.name)
        if field.name == "mark":
            values, wanted = values[live(found)], wanted[live(found)]
        np.testing.assert_allclose(values, wanted, rtol=RELATIVE, atol=OF_COIN, err_msg=field.name)


def assert_same_bits(found, expected) -> None:
    assert found.time == expected.time
    assert found.index == expected.index
    for part in ("snapshot", "table"):
        for field in dataclasses.fields(getattr(expected, part)):
            if field.name != "details":
                values, wanted = (getattr(getattr(m, part), field.name) for m in (found, expected))
                np.testing.assert_array_equal(values, wanted, err_msg=f"{part}.{field.name}")


# -- against the document that is moved by hand -----------------------------------------------------------------------


def random_moves(rng: Random, document: dict) -> dict:
    """Moves of every kind at once; each kind is a number, a move of some names, or those and all others."""
    coins = sorted({row["coin"] for row in document["instruments"]})
    futures = [row["id"] for row in document["instruments"] if row["kind"] != "option"]
    kinds = {
        "price": ([*coins, "BNB", "ZZZ"], -0.7, 1.5),
        "vol": (coins, -0.04, 0.6),
        "peg": (["USDT", "USDC"], -0.3, 0.1),
        "basis": (coins, -0.06, 0.06),
    }
    moves = {}
    for kind, (names, low, high) in kinds.items():
        some = {name: rng.uniform(low, high) for name in rng.sample(names, rng.randint(1, len(names) - 1))}
        everything = rng.uniform(low, high)
        moves[kind] = rng.choice((everything, some, some | {"*": everything}))
    if isinstance(moves["basis"], dict) and "*" not in moves["basis"]:
        moves["basis"] |= {name: rng.uniform(-0.1, 0.1) for name in rng.sample(futures, 5)}
    return moves | {"hours": rng.choice((0, 2, 5, 30, 24 * 40))}


def shocked(market, hours: float, **moves):
    return sg.shock(market, **moves, time=hours / 24)


@pytest.mark.parametrize("seed", SEEDS)
def test_moves_of_every_kind_at_once(seed):
    rng, document = Random(f"moves-{seed}"), random_market(seed)
    today = market_of(document)
    for _ in range(4):
        moves = random_moves(rng, document)
        assert_same_market(shocked(today, **moves), market_of(moved_document(document, **moves)))


@pytest.mark.parametrize("kind", ["price", "vol", "peg", "basis", "hours"])
def test_moves_of_one_kind(kind):
    document = random_market(11)
    moves = random_moves(Random(kind), document)
    only = {"hours": 0, kind: moves[kind] or 7}
    assert_same_market(shocked(market_of(document), **only), market_of(moved_document(document, **only)))


def test_a_fall_and_a_lost_peg_in_figures(market):
    """By hand: coins lose a tenth, and a dollar buys more USDT."""
    moved = sg.shock(market, price=-0.1, peg={"USDT": -0.05})
    assert moved.index["BTC-USD"] == pytest.approx(0.9 * 97032.2, rel=RELATIVE)
    assert moved.index["BTC-USDT"] == pytest.approx(0.9 / 0.95 * 98600.1, rel=RELATIVE)
    assert moved.index["USDT-USDC"] == pytest.approx(0.95 * 0.9851, rel=RELATIVE)
    for name, factor in (("BTC-USDT-SWAP", 0.9 / 0.95), ("BTC-USDC-SWAP", 0.9), ("BTC-USD-SWAP", 0.9)):
        i = place(market, name)
        assert moved.snapshot.mark[i] == pytest.approx(factor * market.snapshot.mark[i], rel=RELATIVE), name


# -- forms of the arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "time",
    [
        1.5,
        np.float64(1.5),
        dt.timedelta(hours=36),
        np.timedelta64(36, "h"),
        np.timedelta64(129_600_000_000_000, "ns"),
        "2025-01-16T22:26:41.642Z",
        "2025-01-16T22:26:41.642",
        np.datetime64("2025-01-16T22:26:41.642"),
        np.datetime64("2025-01-16T22:26:41.642", "ns"),
    ],
    ids=repr,
)
def test_time_is_days_a_duration_or_the_time_to_go_to(market, time):
    moved = sg.shock(market, time=time)
    assert_same_market(moved, market_of(moved_document(DOCUMENT, hours=36)))


def test_a_number_moves_every_name(market):
    named: dict[str, Any] = {"price": dict.fromkeys(COINS, -0.2), "vol": dict.fromkeys(COINS, 0.1)}
    named |= {"peg": {"USDT": -0.01, "USDC": -0.01}, "basis": dict.fromkeys(COINS, 0.02)}
    assert_same_bits(sg.shock(market, price=-0.2, vol=0.1, peg=-0.01, basis=0.02), sg.shock(market, **named))


def test_a_star_moves_every_other_name(market):
    starred: dict[str, Any] = {
        "price": {"*": -0.2, "BTC": 0.1},
        "vol": {"SOL": 0.3, "*": 0.1},
        "peg": {"*": 0.01, "USDC": -0.01},
    }
    named: dict[str, Any] = {
        "price": {"SOL": -0.2, "BTC": 0.1},
        "vol": {"SOL": 0.3, "BTC": 0.1},
        "peg": {"USDT": 0.01, "USDC": -0.01},
    }
    assert_same_bits(sg.shock(market, **starred), sg.shock(market, **named))


def test_coins_without_instruments_have_prices_that_move():
    moved = sg.shock(market_of(DOCUMENT | {"index": DOCUMENT["index"] | {"BNB-USD": 600.0}}), price={"BNB": 0.5})
    assert moved.index["BNB-USD"] == pytest.approx(900.0, rel=RELATIVE)
    assert moved.index["BTC-USD"] == DOCUMENT["index"]["BTC-USD"]


def test_the_basis_of_an_instrument_adds_to_that_of_its_coin(market):
    moved = sg.shock(market, basis={"BTC": 0.01, "BTC-USDT-250131": -0.03})
    today = {"BTC-USDT-SWAP": 0.01, "BTC-USDT-250131": -0.02, "BTC-USD-250627": 0.01, "SOL-USDT-SWAP": 0.0}
    for name, shift in today.items():
        i = place(market, name)
        ratio, before = (m.snapshot.mark[i] / m.snapshot.quote_index[i] for m in (moved, market))
        assert ratio - before == pytest.approx(shift, abs=1e-12), name


def test_a_star_does_not_move_an_instrument_with_a_move_of_its_own(market):
    """What a mapping lists moves by that alone, as a listed coin does; the star is of all that it does not list."""
    starred = sg.shock(market, basis={"*": 0.01, "BTC-USDT-SWAP": 0.02})
    i = place(market, "BTC-USDT-SWAP")
    ratio, before = (m.snapshot.mark[i] / m.snapshot.quote_index[i] for m in (starred, market))
    assert ratio - before == pytest.approx(0.02, abs=1e-12)


# -- what stays -------------------------------------------------------------------------------------------------------

ZERO_MOVES = [
    {},
    {"price": 0.0, "vol": 0.0, "peg": 0.0, "basis": 0.0},
    {"price": {"BTC": 0.0, "*": 0}, "vol": {}, "peg": {"USDT": 0}, "basis": {"BTC": 0.0, "SOL-USDT-SWAP": 0.0}},
    {"time": 0},
    {"time": dt.timedelta(0)},
]


@pytest.fixture(scope="module", params=[DOCUMENT, random_market(3)], ids=["small", "random"])
def any_market(request):
    return market_of(request.param)


@pytest.mark.parametrize("moves", ZERO_MOVES, ids=str)
def test_moves_of_zero_change_no_bit(any_market, moves):
    assert_same_bits(sg.shock(any_market, **moves), any_market)


def test_going_to_the_time_that_it_is_changes_no_bit(market):
    assert_same_bits(sg.shock(market, time=NOW), market)


def test_terms_that_the_file_gives_of_expired_options_stay():
    today = market_of(DOCUMENT | {"time": "2025-02-01T00:00:00Z"})
    assert_same_bits(sg.shock(today), today)


def test_moves_of_zero_are_not_listed_as_derived(market):
    assert sg.shock(market, price=0.0, vol={"BTC": 0.0}).derived == ()


def test_the_market_that_is_given_stays_as_it_is():
    today = market_of(DOCUMENT)
    kept = copy.deepcopy(today)
    sg.shock(today, price=-0.3, vol=0.2, peg=-0.1, basis=0.01, time=3)
    assert_same_bits(today, kept)
    assert today.derived == kept.derived


def test_moves_that_are_given_stay_as_they_are(market):
    moves: dict[str, Any] = {"price": {"*": -0.1, "BTC": 0.2}, "basis": {"BTC-USDT-SWAP": 0.01, "*": 0.02}}
    kept = copy.deepcopy(moves)
    sg.shock(market, **moves)
    assert moves == kept


def test_a_peg_leaves_everything_in_usd_alone(market):
    moved = sg.shock(market, peg={"USDT": -0.2, "USDC": 0.05})
    contracts = market.universe.contracts
    in_usd = contracts.is_inverse | contracts.is_option
    assert in_usd.any()
    for name in PRICES:
        np.testing.assert_array_equal(getattr(moved.snapshot, name)[in_usd], getattr(market.snapshot, name)[in_usd])
    assert [moved.index[f"{coin}-USD"] for coin in COINS] == [market.index[f"{coin}-USD"] for coin in COINS]


def test_options_that_nothing_moves_keep_the_mark_of_the_file(market):
    """All options of this market are marked at 0.05, which no model says."""
    moved = sg.shock(market, price={"SOL": 0.1})
    options = market.universe.contracts.is_option
    of_coin = np.char.startswith(market.universe.ids.astype(str), "BTC")
    assert (moved.snapshot.mark[options & of_coin] == 0.05).all()
    assert (moved.snapshot.mark[options & ~of_coin] != 0.05).all()


# -- several moves ----------------------------------------------------------------------------------------------------


def by_name(names: tuple[str, ...], low: float, high: float):
    return st.fixed_dictionaries({}, optional={name: st.floats(low, high) for name in names})


some_moves = st.fixed_dictionaries(
    {
        "price": by_name(COINS, -0.6, 1.0),
        "peg": by_name(("USDT", "USDC"), -0.3, 0.1),
        "vol": by_name(COINS, -0.1, 0.5),
        "basis": by_name((*COINS, "BTC-USDT-SWAP", "SOL-USD-250627"), -0.05, 0.05),
        "hours": st.integers(0, 24 * 7),
    }
)


def compound(first: dict, second: dict) -> dict:
    """Relative moves compound; points, ratios and hours add up."""
    moves: dict = {"hours": first["hours"] + second["hours"]}
    for kind in ("price", "peg", "vol", "basis"):
        moves[kind] = {}
        for name in first[kind] | second[kind]:
            a, b = first[kind].get(name, 0.0), second[kind].get(name, 0.0)
            moves[kind][name] = (1 + a) * (1 + b) - 1 if kind in ("price", "peg") else a + b
    return moves


@settings(max_examples=40)
@given(first=some_moves, second=some_moves)
def test_moving_twice_is_moving_once_by_the_compound(market, first, second):
    assert_same_market(shocked(shocked(market, **first), **second), shocked(market, **compound(first, second)))


@settings(max_examples=15)
@given(moves=some_moves)
def test_a_moved_market_is_written_and_read_back_exactly(market, moves, tmp_path_factory):
    moved = shocked(market, **moves)
    for target in ("market.json", "folder"):
        path = tmp_path_factory.mktemp("moved") / target
        sg.write_market(moved, path)
        assert_same_bits(sg.read_market(path), moved)


def test_a_market_in_which_contracts_expired_is_written_and_read_back(market, tmp_path):
    moved = sg.shock(market, time="2025-02-01T00:00:00Z", price=0.1)
    sg.write_market(moved, tmp_path / "market.json")
    assert_same_bits(sg.read_market(tmp_path / "market.json"), moved)


# -- time and reports -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BTC-USDT-250131", "BTC-USD-250131-1.1-call"])
def test_what_expires_stays_listed_but_cannot_be_held(market, rules, name):
    holder = accounts_of({"id": "a", "positions": [{"instrument": name, "quantity": 1}]})
    before = sg.shock(market, time="2025-01-31T07:59:59.999Z")
    assert len(sg.margin(before, holder, rules).positions) == 1
    at_expiry = sg.shock(market, time="2025-01-31T08:00:00Z")
    assert name in at_expiry.universe.ids
    with pytest.raises(sg.InputError, match=f"live at the market's time 2025-01-31T08:00:00Z, found '{name}', expired"):
        sg.margin(at_expiry, holder, rules)


def test_reports_say_what_was_moved(market, rules):
    moves: dict[str, Any] = {
        "price": -0.15,
        "vol": {"BTC": 0.1},
        "peg": {"USDT": -0.02},
        "basis": {"SOL-USDT-SWAP": 0.003},
    }
    once = sg.shock(market, **moves, time=1)
    lines: Any = sg.margin(once, accounts_of(), rules).manifest["derived"]
    words = [("price", "all", "-15"), ("vol", "BTC", "+10"), ("peg", "USDT", "-2"), ("basis", "SOL-USDT-SWAP", "+0.3")]
    words += [("time", "2025-01-16T10:26:41.642Z")]
    assert len(lines) == len(words)
    for line, expected in zip(lines, words, strict=True):
        assert all(word in line for word in expected), (line, expected)
    twice = sg.shock(once, price={"SOL": 0.5})
    assert twice.derived[:-1] == once.derived
    assert "SOL" in twice.derived[-1]


# -- bad input --------------------------------------------------------------------------------------------------------

OPTION = "BTC-USD-250131-1.1-call"
UNUSABLE = [
    ({"price": {"DOGE": 0.1}}, "price.DOGE", "a coin (stablecoins move by peg) with an index price in USD"),
    ({"price": {"USDT": 0.1}}, "price.USDT", "stablecoins move by peg"),
    ({"price": {"USD": 0.1}}, "price.USD", "a coin"),
    ({"price": {"BTC-USDT-SWAP": 0.1}}, "price.BTC-USDT-SWAP", "a coin"),
    ({"peg": {"BTC": 0.1}}, "peg.BTC", "a stablecoin (coins move by price)"),
    ({"peg": {"USD": 0.1}}, "peg.USD", "a stablecoin"),
    ({"peg": {"DAI": 0.1}}, "peg.DAI", "a stablecoin"),
    ({"vol": {"USDT": 0.1}}, "vol.USDT", "a coin with instruments in the market"),
    ({"vol": {OPTION: 0.1}}, f"vol.{OPTION}", "a coin with instruments in the market"),
    ({"basis": {"DOGE": 0.1}}, "basis.DOGE", "a coin, a perpetual or a future of the market"),
    ({"basis": {OPTION: 0.1}}, f"basis.{OPTION}", "a coin, a perpetual or a future of the market"),
    ({"price": {"BTC": math.nan}}, "price.BTC", "a finite number"),
    ({"price": {"BTC": True}}, "price.BTC", "a finite number"),
    ({"price": {"BTC": None}}, "price.BTC", "a finite number"),
    ({"peg": {"USDT": math.inf}}, "peg.USDT", "a finite number"),
    ({"vol": {"BTC": -math.inf}}, "vol.BTC", "a finite number"),
    ({"vol": {"BTC": "0.1"}}, "vol.BTC", "a finite number"),
    ({"basis": {"BTC": math.nan}}, "basis.BTC", "a finite number"),
    ({"basis": {"BTC-USDT-SWAP": [0.1]}}, "basis.BTC-USDT-SWAP", "a finite number"),
    ({"time": -1}, "time", f"a time not before the market's, {NOW}"),
    ({"time": dt.timedelta(milliseconds=-1)}, "time", f"a time not before the market's, {NOW}"),
    ({"time": "2025-01-15T10:26:41.641Z"}, "time", f"a time not before the market's, {NOW}"),
    ({"time": np.datetime64("2024-01-01")}, "time", f"a time not before the market's, {NOW}"),
    ({"time": np.datetime64("NaT")}, "time", f"a time not before the market's, {NOW}"),
    ({"time": "next friday"}, "time", "days, a duration or a time such as 2025-03-28T08:00:00Z"),
    ({"time": np.timedelta64("NaT")}, "time", "days, a duration or a time"),
    ({"time": math.nan}, "time", "days, a duration or a time"),
    ({"time": True}, "time", "days, a duration or a time"),
    ({"time": dt.datetime(2025, 2, 1)}, "time", "days, a duration or a time"),
    ({"time": 1e300}, "time", "days, a duration or a time"),
    ({"time": np.timedelta64(1, "Y")}, "time", "days, a duration or a time"),
]


@pytest.fixture
def unchecked(monkeypatch):
    """As users run it: without the tests' check of annotations, which would refuse a wrong type first."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("moves", "path", "expected"), UNUSABLE, ids=lambda value: str(value)[:40])
def test_moves_that_cannot_be_made_are_input_errors(market, moves, path, expected):
    with pytest.raises(sg.InputError) as caught:
        sg.shock(market, **moves)
    error = caught.value
    assert not isinstance(error, sg.ShockError)
    assert (error.file, error.path) == ("shock", path)
    assert expected in error.expected


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", ["price", "vol", "peg", "basis"])
@pytest.mark.parametrize("move", [math.nan, math.inf, True, "0.1"])
def test_a_move_of_all_is_a_finite_number(market, kind, move):
    with pytest.raises(sg.InputError, match=rf"shock: {kind}.*: expected a finite number, found "):
        sg.shock(market, **{kind: move})


IMPOSSIBLE = [
    ({"price": {"BTC": -1.0}}, "price.BTC", "above -1"),
    ({"price": {"SOL": -1.5}}, "price.SOL", "above -1"),
    ({"peg": {"USDT": -1}}, "peg.USDT", "above -1"),
    # The lowest volatility is 55 %, of the options that are further out.
    ({"vol": {"BTC": -0.55}}, "vol", "leave the vol of BTC-USD-"),
    ({"vol": {"SOL": -3}}, "vol", "leave the vol of SOL-USD-"),
    ({"basis": {"BTC-USDT-SWAP": -1.1}}, "basis", "leave the mark of BTC-USDT-SWAP above 0"),
    ({"basis": {"SOL": -1.2}}, "basis", "of SOL-"),
    ({"basis": -5.0, "price": 0.5}, "basis", "above 0"),
]


@pytest.mark.parametrize(("moves", "path", "expected"), IMPOSSIBLE, ids=lambda value: str(value)[:40])
def test_moves_that_leave_no_price_are_shock_errors(market, moves, path, expected):
    with pytest.raises(sg.ShockError) as caught:
        sg.shock(market, **moves)
    assert (caught.value.file, caught.value.path) == ("shock", path)
    assert expected in caught.value.expected


def test_a_forward_that_falls_below_zero_is_a_shock_error():
    options = [row for row in DOCUMENT["instruments"] if row["kind"] == "option"]
    with pytest.raises(sg.ShockError, match=r"leave the forward of BTC-USD-250131-.* above 0"):
        sg.shock(market_of(DOCUMENT | {"instruments": options}), basis={"BTC": -1.01})


def test_what_has_expired_needs_no_volatility(market):
    """A fall of volatility that the long options survive and the short ones, gone by then, would not."""
    rows = [row | ({"vol": 2.0} if "250627" in row["id"] and "vol" in row else {}) for row in DOCUMENT["instruments"]]
    today = market_of(DOCUMENT | {"instruments": rows})
    with pytest.raises(sg.ShockError, match="250131"):
        sg.shock(today, vol=-0.8)
    moved = sg.shock(today, vol=-0.8, time="2025-01-31T08:00:00Z")
    options = moved.universe.contracts.is_option
    np.testing.assert_allclose(moved.snapshot.vol[options & live(moved)], 1.2, rtol=RELATIVE)

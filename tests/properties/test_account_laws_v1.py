"""Laws that whole accounts obey under version 1, on random books (okx_computation.md sections 1 to 4).

``test_laws_v1.py`` has those of MR4's arithmetic alone, ``test_laws.py`` those of version 2 and its tolerances.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shockgrid as sg
from shockgrid.accounts.holdings import SPOT_MODES
from tests.properties.books import (
    COINS,
    INSTRUMENTS,
    ORDERS,
    Run,
    amounts,
    book,
    contract_usd,
    quantities,
    small_market,
    value_usd,
    whole_books,
)

RELATIVE, OF_GROSS = 1e-9, 1e-12
UNITS = tuple(f"{coin}-{quote}" for coin in COINS for quote in ("USDT", "USDC", "USD"))
MODES = st.sampled_from(SPOT_MODES)
COMPONENTS = tuple(f"mr{k}" for k in range(1, 10))
FIGURES = (*COMPONENTS, "mmr_usd", "imr_usd", "cash_delta_usd", "gamma_usd", "theta_usd", "vega_usd", "upl_usd")


@pytest.fixture(scope="module")
def market():
    return small_market()


@pytest.fixture(scope="module")
def rules():
    """Version 1 with everything in it; instead of the newest rulebook."""
    return sg.load_rulebook("okx/v1-2024-06-05")


def same(found, expected, gross):
    return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=OF_GROSS * gross)


def coin_of(unit):
    return unit.split("-")[0]


def scaled(entry, k):
    """Every size times ``k``, which may be negative where no interest has accrued and no limit is set."""
    return entry | {
        "positions": [p | {"quantity": k * p["quantity"]} for p in entry["positions"]],
        **{key: {c: k * x for c, x in entry[key].items()} for key in entry if key in ("balances", "accrued_interest")},
        **{key: {c: abs(k) * x for c, x in entry[key].items()} for key in entry if key == "spot_limits"},
    }


def split(rows, fractions):
    """Every row in two parts, the second ones behind all the first ones."""
    parts = [row["quantity"] * f for row, f in zip(rows, fractions, strict=True)]
    first = [row | {"quantity": part} for row, part in zip(rows, parts, strict=True)]
    rest = [row | {"quantity": row["quantity"] - part} for row, part in zip(rows, parts, strict=True)]
    return first + rest


@settings(max_examples=20)
@given(data=st.data(), entry=whole_books(), mode=MODES)
def test_splitting_and_reordering_change_nothing(data, market, rules, entry, mode):
    entry = entry | {"spot_mode": mode}
    positions = entry["positions"]
    fractions = data.draw(st.lists(st.floats(-1.0, 2.0), min_size=len(positions), max_size=len(positions)))
    shares = data.draw(st.lists(st.floats(0.1, 0.9), min_size=len(ORDERS), max_size=len(ORDERS)))
    in_parts = entry | {"positions": split(positions, fractions), "orders": split(entry["orders"], shares)}
    shuffled = entry | {
        "positions": data.draw(st.permutations(positions)),
        "orders": data.draw(st.permutations(entry["orders"])),
        "balances": dict(data.draw(st.permutations(list(entry["balances"].items())))),
    }
    run = Run(market, rules, whole=entry, in_parts=in_parts, shuffled=shuffled)
    gross, expected = run.gross["whole"], run.units("whole")
    assert tuple(expected) == UNITS
    for name in ("in_parts", "shuffled"):
        for unit, row in run.units(name).items():
            for column in FIGURES:
                assert same(row[column], expected[unit][column], gross), (unit, column)
            size = gross / value_usd(coin_of(unit))
            for column in ("delta_coin", "spot_in_use"):
                assert same(row[column], expected[unit][column], size), (unit, column)
        for column in ("equity_usd", "mmr_usd", "imr_usd", "liability_usd"):
            assert same(run.account(name)[column], run.account("whole")[column], gross), column


@settings(max_examples=20)
@given(entry=whole_books(), mode=MODES)
def test_no_shock_is_no_profit_to_the_bit(market, rules, entry, mode):
    run = Run(market, rules, any=entry | {"spot_mode": mode})
    unshocked = [c for c in run.cells("any") if c["price_move"] == 0 and c["vol_state"] == "unchanged"]
    assert [cell["unit"] for cell in unshocked] == list(UNITS)
    assert [cell["pnl_usd"] for cell in unshocked] == [0.0] * len(UNITS)


@settings(max_examples=20)
@given(entry=whole_books(), mode=MODES)
def test_margin_adds_up_without_mr9(market, rules, entry, mode):
    run = Run(market, rules, any=entry | {"spot_mode": mode})
    gross, units, account = run.gross["any"], run.units("any"), run.account("any")
    for unit in units.values():
        assert unit["mr9"] == 0.0
        assert all(unit[name] >= 0 for name in COMPONENTS)
        total = max(unit["mr1"], unit["mr2"], unit["mr6"]) + unit["mr3"] + unit["mr4"] + unit["mr5"]
        assert same(unit["mmr_usd"], max(total, unit["mr7"]), gross)
    assert same(account["derivatives_mmr_usd"], sum(unit["mmr_usd"] for unit in units.values()), gross)


@settings(max_examples=20)
@given(entry=whole_books())
def test_the_mode_touches_the_unit_that_it_names_alone(market, rules, entry):
    """The four modes are one account four times: spot is in one unit of each coin, or in none."""
    run = Run(market, rules, **{mode: entry | {"spot_mode": mode} for mode in SPOT_MODES})
    bare, gross = run.units("derivatives_only"), run.gross["derivatives_only"]
    assert all(unit["spot_in_use"] == 0.0 for unit in bare.values())
    named = {"spot_usdt": "USDT", "spot_usdc": "USDC", "spot_coin": "USD"}
    for mode, quote in named.items():
        for name, unit in run.units(mode).items():
            if not name.endswith(f"-{quote}"):
                assert unit == bare[name] | {"account": mode}
            elif unit["spot_in_use"] != 0.0:
                assert (unit["spot_in_use"] < 0.0) == (unit["delta_coin"] > 0.0)
                assert abs(unit["spot_in_use"]) <= abs(unit["delta_coin"])
    equity = [run.account(mode)["equity_usd"] for mode in SPOT_MODES]
    assert all(same(e, equity[0], gross) for e in equity)


def long_quantity(name, size):
    """So many USD of positive delta: puts are sold."""
    return (-1 if INSTRUMENTS[name].get("right") == "put" else 1) * size / contract_usd(name)


@settings(max_examples=20)
@given(sizes=amounts(tuple(INSTRUMENTS), low=0.0), coins=amounts(COINS, low=0.0), mode=MODES, short=st.booleans())
def test_a_one_sided_book_has_no_mr4(market, rules, sizes, coins, mode, short):
    """Long in every tenor, with coins besides, nothing matches; nor short in every tenor with coins owed."""
    usd = {name: abs(amount) * value_usd(name) for name, amount in sizes.items()}
    entry = book({name: long_quantity(name, x) for name, x in usd.items()}, balances=coins, spot_mode=mode)
    run = Run(market, rules, one_sided=scaled(entry, -1.0) if short else entry)
    assert any(unit["mr1"] > 0 for unit in run.units("one_sided").values()) or not any(usd.values())
    assert [unit["mr4"] for unit in run.units("one_sided").values()] == [0.0] * len(UNITS)


@settings(max_examples=20)
@given(held=quantities(), coins=amounts(), mode=MODES, k=st.floats(1e-3, 1e3))
def test_mr4_does_not_see_the_sign_and_grows_with_the_book(market, rules, held, coins, mode, k):
    entry = book(held, balances=coins, spot_mode=mode)
    run = Run(market, rules, book=entry, mirrored=scaled(entry, -1.0), k_times=scaled(entry, k))
    for name, unit in run.units("book").items():
        assert same(run.units("mirrored")[name]["mr4"], unit["mr4"], run.gross["book"]), name
        assert same(run.units("mirrored")[name]["spot_in_use"], -unit["spot_in_use"], 0.0), name
        assert same(run.units("k_times")[name]["mr4"], k * unit["mr4"], run.gross["k_times"]), name


@settings(max_examples=20)
@given(usd=amounts(("USD",), low=1e-3), surplus=st.sampled_from([1.0, 1.7]), short=st.booleans())
def test_spot_against_an_inverse_perpetual_is_off_by_the_coin_pnl(market, rules, usd, surplus, short):
    """Where mark is index: spot makes ``n s``, the short ``-n s / (1 + s)``, together ``n s^2 / (1 + s)``.

    A gain in both directions for coins held against a short, a loss in both for coins owed against a long. Version 2
    is flat (``test_laws.py``).
    """
    cash, sign = usd["USD"], -1.0 if short else 1.0
    perpetuals = {f"{coin}-USD-SWAP": sign * cash / contract_usd(f"{coin}-USD-SWAP") for coin in COINS}
    coins = {coin: -sign * surplus * cash / value_usd(coin) for coin in COINS}
    run = Run(market, rules, hedged=book(perpetuals, balances=coins, spot_mode="spot_coin"))
    cells = [cell for cell in run.cells("hedged") if cell["unit"].endswith("-USD")]
    assert len(cells) == len(COINS) * 21
    for cell in cells:
        s = cell["price_move"]
        assert same(cell["pnl_usd"], -sign * cash * s * s / (1.0 + s), run.gross["hedged"]), cell
    for coin, largest in (("BTC", 0.15), ("SOL", 0.25)):
        unit = run.units("hedged")[f"{coin}-USD"]
        lost = 0.0 if short else cash * largest**2 / (1.0 - largest)
        assert same(unit["mr1"], lost, run.gross["hedged"]), coin

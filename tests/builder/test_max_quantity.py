"""``max_quantity``: what it finds keeps the level, one lot more does not; margined anew on documents edited by hand."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.builder import max_quantity
from shockgrid.venues.okx import block_margin
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.properties.books import DOCUMENT, INSTRUMENTS
from tests.reference.hand_markets import holding

COLUMNS = ["account", "instrument", "side", "quantity", "lots", "ratio_before", "ratio", "ratio_next", "binds"]
PERPETUAL, FUTURE, INVERSE, INVERSE_FUTURE = "BTC-USDT-SWAP", "SOL-USDT-250131", "BTC-USD-SWAP", "SOL-USD-250627"
CALL, PUT = "BTC-USD-250131-1.1-call", "SOL-USD-250627-0.9-put"
# What has no lot is traded by the contract.
LOTS = {PERPETUAL: 0.1, FUTURE: 0.01, INVERSE: 1.0, CALL: 5.0}
TRADED = (PERPETUAL, FUTURE, INVERSE, INVERSE_FUTURE, CALL, PUT)

MARKET = copy.deepcopy(DOCUMENT)
for _row in MARKET["instruments"]:
    _row |= {"lot": LOTS[_row["id"]]} if _row["id"] in LOTS else {}

# Cash, with orders; coins; options of both signs; a short whose hedge is a purchase; a borrower with accrued interest.
ORDERS = (
    {"instrument": PERPETUAL, "quantity": -50.0, "price": 1e5},
    {"instrument": CALL, "quantity": 20.0, "price": 0.04},
)
ENTRIES = (
    {"id": "cash", "balances": {"USDT": 100e3}, "orders": list(ORDERS)},
    {"id": "coins", "balances": {"BTC": 3.0, "SOL": 500.0}},
    holding({CALL: -400.0, "BTC-USD-250627-0.9-put": 300.0, PUT: -200.0}, balances={"BTC": 4.0, "USDC": 20e3})
    | {"id": "options"},
    {
        "id": "short",
        "positions": [{"instrument": PERPETUAL, "quantity": -400.0, "average_price": 97e3}],
        "balances": {"USDT": 80e3},
    },
    holding({"BTC-USD-250131-0.9-call": 200.0}, balances={"BTC": -0.4, "USD": 150e3}, accrued_interest={"BTC": 1e-3})
    | {"id": "borrower"},
)
LEVEL = 1.0
AT_ONCE = 64
"""Accounts of one run."""


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """Whatever is traded, in the shape of all other runs."""
    with one_shape(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(max_quantity, "CommonShape", block_margin.CommonShape)
        yield


@pytest.fixture(scope="module")
def market():
    return market_of(MARKET)


@pytest.fixture(scope="module")
def accounts():
    return accounts_of(*ENTRIES)


@pytest.fixture(scope="module")
def found(market, accounts, rules):
    """Every account with every instrument on both sides."""
    return sg.max_quantity(market, accounts, rules, TRADED, ratio=LEVEL)


def traded(entry: dict, name: str, quantity: float, *, paid: bool = True) -> dict:
    """The entry after a trade at the mark; an option costs its mark in coin, times what a contract holds.

    Open orders, which have no part in the ratio, are gone.
    """
    row = INSTRUMENTS[name]
    positions = [{"average_price": INSTRUMENTS[p["instrument"]]["mark"]} | p for p in entry.get("positions", [])]
    positions.append({"instrument": name, "quantity": quantity, "average_price": row["mark"]})
    balances = dict(entry.get("balances", {}))
    if row["kind"] == "option" and paid:
        balances[row["coin"]] = balances.get(row["coin"], 0.0) - quantity * row["contract_value"] * row["mark"]
    return entry | {"positions": positions, "balances": balances, "orders": []}


def ratios(market, rules, entries: list[dict]) -> np.ndarray:
    renamed = [entry | {"id": str(i)} for i, entry in enumerate(entries)]
    parts = [renamed[i : i + AT_ONCE] for i in range(0, len(renamed), AT_ONCE)]
    found = [sg.margin(market, accounts_of(*part), rules).accounts.margin_ratio for part in parts]
    return np.concatenate([part.to_numpy() for part in found])


def assert_is_the_most(market, rules, frame: pd.DataFrame, level: float, *, paid: bool = True) -> None:
    """The ratios are those of edited documents, and the level lies between them."""
    by_id, edited = {entry["id"]: entry for entry in ENTRIES}, []
    for row in frame.to_dict("records"):
        lot = LOTS.get(row["instrument"], 1.0) * (1 if row["side"] == "buy" else -1)
        assert row["lots"] == int(row["lots"])
        assert row["quantity"] == pytest.approx(row["lots"] * lot, rel=1e-14)
        for lots in (row["lots"], row["lots"] + 1):
            edited.append(traded(by_id[row["account"]], row["instrument"], lots * lot, paid=paid))
    expected = ratios(market, rules, edited).reshape(-1, 2)
    assert frame.binds.all()
    assert frame.ratio.to_numpy() == pytest.approx(expected[:, 0], rel=1e-9)
    assert frame.ratio_next.to_numpy() == pytest.approx(expected[:, 1], rel=1e-9)
    assert (expected[:, 0] >= level).all()
    assert (expected[:, 1] < level).all()


def test_the_most_keeps_the_level_and_one_lot_more_breaks_it(market, rules, found):
    assert_is_the_most(market, rules, found, LEVEL)
    assert (found.lots > 0).all()


def test_a_higher_level_allows_less(market, accounts, rules, found):
    higher = sg.max_quantity(market, accounts, rules, TRADED, ratio=1.3)
    assert_is_the_most(market, rules, higher, 1.3)
    assert (higher.lots < found.lots).all()


def test_what_if_says_the_same(market, accounts, rules, found):
    """One instrument of each account, by the other road: the trade, and one lot more."""
    rows = found.iloc[[0, 17, 35, 42, 55]].to_dict("records")
    assert [row["account"] for row in rows] == [entry["id"] for entry in ENTRIES]
    for more, column in ((0, "ratio"), (1, "ratio_next")):
        trades = [
            {
                "account": row["account"],
                "instrument": row["instrument"],
                "quantity": row["quantity"] + math.copysign(more * LOTS.get(row["instrument"], 1.0), row["quantity"]),
            }
            for row in rows
        ]
        after = sg.what_if(market, accounts, rules, add=trades).after.accounts
        assert after.margin_ratio.tolist() == pytest.approx([row[column] for row in rows], rel=1e-9)


def test_columns_and_rows(market, accounts, rules, found):
    assert found.columns.tolist() == COLUMNS
    rows = [(e["id"], name, side) for e in ENTRIES for name in TRADED for side in ("buy", "sell")]
    assert list(zip(found.account, found.instrument, found.side, strict=True)) == rows
    assert ((found.quantity > 0) == (found.side == "buy")).all()
    today = sg.margin(market, accounts, rules).accounts.set_index("account").margin_ratio
    assert found.ratio_before.tolist() == pytest.approx(today[found.account].tolist(), rel=1e-12)


def test_one_call_for_many_equals_single_calls(market, accounts, rules, found):
    keys = found.set_index(COLUMNS[:3])
    asked: Any = (("short", PERPETUAL, "buy"), ("options", CALL, "sell"))
    for account, name, side in asked:
        one = sg.max_quantity(market, accounts, rules, name, ratio=LEVEL, side=side, account=account)
        (row,) = one.to_dict("records")
        expected = keys.loc[account, name, side]
        assert [row[c] for c in ("account", "instrument", "side")] == [account, name, side]
        for column in ("quantity", "lots", "binds"):
            assert row[column] == expected[column]
        for column in ("ratio_before", "ratio", "ratio_next"):
            assert row[column] == pytest.approx(expected[column], rel=1e-12)


def test_rows_are_in_the_order_of_the_request(market, accounts, rules, found):
    some = sg.max_quantity(market, accounts, rules, [INVERSE, CALL], ratio=LEVEL, account=["short", "cash"])
    names = list(zip(some.account, some.instrument, some.side, strict=True))
    asked = [(a, i, s) for a in ("short", "cash") for i in (INVERSE, CALL) for s in ("buy", "sell")]
    assert names == asked
    assert some.lots.tolist() == found.set_index(COLUMNS[:3]).lots[names].tolist()


# --- how the ratio moves on the way ---


def test_every_lot_on_the_way_keeps_the_level(market, rules):
    """Selling a linear perpetual: margin grows with every lot, equity stays."""
    small = {"id": "small", "balances": {"USDT": 500.0}}
    row = sg.max_quantity(market, accounts_of(small), rules, PERPETUAL, ratio=2.0, side="sell").iloc[0]
    assert 5 < row.lots < 60
    path = ratios(market, rules, [traded(small, PERPETUAL, -0.1 * k) for k in range(64)])
    assert int(np.argmax(path < 2.0)) - 1 == row.lots
    assert path[0] == math.inf == row.ratio_before


def test_a_hedge_first_improves_the_ratio_and_is_followed_to_the_far_end(market, rules):
    """Buying back a short raises the ratio up to no position at all; then a long position uses it up again."""
    short = next(entry for entry in ENTRIES if entry["id"] == "short")
    before = ratios(market, rules, [short])[0]
    level = before * 0.999
    row = sg.max_quantity(market, accounts_of(short), rules, PERPETUAL, ratio=level, side="buy").iloc[0]
    assert ratios(market, rules, [traded(short, PERPETUAL, 390.0)])[0] > 10 * before
    # Marks are today's, so that the trade leaves equity alone: the level allows as much long as it does short.
    assert row.quantity == pytest.approx(800.0, rel=2e-3)
    assert row.ratio >= level > row.ratio_next
    sell = sg.max_quantity(market, accounts_of(short), rules, PERPETUAL, ratio=level, side="sell").iloc[0]
    assert -0.5 <= sell.quantity <= 0


def test_an_account_at_its_limit_can_trade_nothing(market, rules):
    short = next(entry for entry in ENTRIES if entry["id"] == "short")
    level = float(ratios(market, rules, [short])[0]) * (1 - 1e-9)
    row = sg.max_quantity(market, accounts_of(short), rules, PERPETUAL, ratio=level, side="sell").iloc[0]
    assert (row.quantity, row.lots, row.binds) == (0.0, 0.0, True)
    assert row.ratio == pytest.approx(row.ratio_before, rel=1e-12)
    assert row.ratio_next < level


# --- premiums ---


def test_options_are_paid_for_unless_premiums_are_ignored(market, accounts, rules, found):
    """Unpaid, bought options are a present, and sold ones a debt without a receipt."""
    ignored = sg.max_quantity(market, accounts, rules, TRADED, ratio=LEVEL, premiums="ignored")
    assert_is_the_most(market, rules, ignored, LEVEL, paid=False)
    option, bought = found.instrument.isin([CALL, PUT]), found.side == "buy"
    assert (ignored.lots[option & bought] > found.lots[option & bought]).all()
    assert (ignored.lots[option & ~bought] < found.lots[option & ~bought]).all()
    assert ignored.lots[~option].tolist() == found.lots[~option].tolist()


@pytest.fixture(scope="module")
def without_last_haircut(tmp_path_factory):
    """Rules that count coins of the first class whatever the amount."""
    file = tmp_path_factory.mktemp("rules") / "mine.toml"
    file.write_text(
        'format = "shockgrid.rulebook/1"\nextends = "okx/v2-2025-12-04"\nversion = "mine"\n'
        "[haircut.rates]\nvalue.1 = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]\n"
    )
    return sg.load_rulebook(file)


def test_a_level_that_never_binds_is_said_not_to(market, accounts, without_last_haircut):
    """An option that costs nothing brings more equity than margin, if all of it counts as collateral.

    Where the last haircut tier counts for nothing, as in the published tables, equity is bounded and the level binds.
    """
    name = "BTC-USD-250131-0.9-call"
    arguments: Any = {"side": "buy", "account": "cash", "premiums": "ignored"}
    value = INSTRUMENTS[name]["contract_value"] * INSTRUMENTS[name]["mark"]
    assert value > 0
    row = sg.max_quantity(market, accounts, without_last_haircut, name, ratio=0.1, **arguments).iloc[0]
    assert (row.quantity, row.lots, row.binds) == (math.inf, math.inf, False)
    assert math.isnan(row.ratio)
    assert math.isnan(row.ratio_next)
    assert row.ratio_before == math.inf


def test_with_the_published_haircuts_every_level_binds(market, accounts, rules):
    arguments: Any = {"side": "buy", "account": "cash", "premiums": "ignored"}
    row = sg.max_quantity(market, accounts, rules, "BTC-USD-250131-0.9-call", ratio=0.1, **arguments).iloc[0]
    assert row.binds
    assert row.ratio >= 0.1 > row.ratio_next


def test_a_level_that_never_binds_on_the_other_side_has_a_negative_quantity(market, accounts, rules):
    """Margin is positive whatever is sold, but a level can be so low that no number of lots reaches it."""
    frame = sg.max_quantity(market, accounts, rules, PERPETUAL, ratio=1e-15, account="cash")
    assert frame.quantity.tolist() == [math.inf, -math.inf]
    assert frame.lots.tolist() == [math.inf, math.inf]
    assert not frame.binds.any()


# --- refusals ---

REFUSED = {
    "unknown instrument": ({"instrument": (PERPETUAL, "NOPE")}, "instrument", "'NOPE'"),
    "unknown account": ({"account": ["cash", "nobody"]}, "account", "'nobody'"),
    "unknown side": ({"side": "long"}, "side", "'long'"),
    "unknown premiums": ({"premiums": "free"}, "premiums", "'free'"),
    "level of zero": ({"ratio": 0.0}, "ratio", "0.0"),
    "level below zero": ({"ratio": -2.0}, "ratio", "-2.0"),
    "level without end": ({"ratio": math.inf}, "ratio", "inf"),
    "level that is none": ({"ratio": math.nan}, "ratio", "nan"),
}


@pytest.mark.parametrize(("arguments", "path", "value"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(market, accounts, rules, arguments, path, value):
    given: Any = {"instrument": PERPETUAL, "ratio": 1.0} | arguments
    with pytest.raises(sg.InputError) as caught:
        sg.max_quantity(market, accounts, rules, **given)
    assert (caught.value.file, caught.value.path, caught.value.found) == ("max_quantity", path, value)


def test_an_account_below_the_level_already_is_refused_with_its_place(market, accounts, rules):
    below = sg.margin(market, accounts, rules).accounts.margin_ratio[3]
    with pytest.raises(sg.InputError) as caught:
        sg.max_quantity(market, accounts, rules, PERPETUAL, ratio=float(below) + 0.01, account=["cash", "short"])
    error = caught.value
    assert error.file == accounts.source.file
    assert error.path == "accounts[3].id"
    assert error.found == f"short at {below:.4%}"


def test_who_is_below_the_level_may_stay_out_of_it(market, accounts, rules):
    below = float(sg.margin(market, accounts, rules).accounts.margin_ratio[3])
    frame = sg.max_quantity(market, accounts, rules, PERPETUAL, ratio=below + 0.01, account="cash", side="buy")
    assert frame.account.tolist() == ["cash"]


@pytest.mark.parametrize(("instrument", "entries"), [(PERPETUAL, ()), ((), ENTRIES)])
def test_nothing_to_trade_gives_no_rows(market, rules, instrument, entries):
    frame = sg.max_quantity(market, accounts_of(*entries), rules, instrument, ratio=1.0)
    assert len(frame) == 0
    assert frame.columns.tolist() == COLUMNS


def test_an_expired_instrument_cannot_be_traded(market, rules):
    later = sg.shock(market, time="2025-02-01T00:00:00Z")
    cash = accounts_of(ENTRIES[0])
    with pytest.raises(sg.InputError, match="live at"):
        sg.max_quantity(later, cash, rules, FUTURE, ratio=1.0)

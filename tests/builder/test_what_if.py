"""``sg.what_if`` against margining a document that plain Python edited, and the laws that its docstring states."""

from __future__ import annotations

import copy
import json
import math
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.reference.edited_documents import edited_accounts, entered_accounts, net_quantity, rows_of
from tests.reference.moved_documents import moved_document
from tests.reference.random_documents import (
    coins,
    draw_order,
    draw_position,
    draw_spot_order,
    find,
    random_accounts,
    random_market,
    value,
)

SEEDS = (0, 1, 2)
ACCOUNTS = 28  # two of every shape
RELATIVE = 1e-12
# What sums may lose that cancel, of all that an account holds.
OF_GROSS = 1e-12
SCALE = (1e3, 1e6)
V1 = "okx/v1-2024-06-05"
ACCOUNT_FIGURES = [
    *("equity_usd", "gross_equity_usd", "derivatives_mmr_usd", "borrow_mmr_usd", "mmr_usd"),
    *("derivatives_imr_usd", "borrow_imr_usd", "imr_usd", "liability_usd", "margin_ratio"),
]
COMPONENTS = [
    *(f"mr{k}" for k in range(1, 10)),
    *("mmr_usd", "imr_usd", "spot_in_use", "delta_coin", "upl_usd"),
]


@pytest.fixture(scope="module", autouse=True)
def one_compilation():
    with one_shape():
        yield


class Book:
    """A random market and accounts in it, as documents and as read."""

    def __init__(self, seed: int) -> None:
        self.document = random_market(seed)
        self.entries = random_accounts(self.document, seed, ACCOUNTS)
        self.ids = [entry["id"] for entry in self.entries]
        self.market, self.accounts = market_of(self.document), accounts_of(*self.entries)


@pytest.fixture(scope="module", params=[SEEDS[0], *(pytest.param(seed, marks=pytest.mark.long) for seed in SEEDS[1:])])
def book(request):
    return Book(request.param)


@pytest.fixture(scope="module")
def first_book():
    return Book(SEEDS[0])


# -- comparing --------------------------------------------------------------------------------------------------------


def gross_usd(document: dict, entry: dict) -> float:
    """All that an account holds and orders, signs dropped, in USD."""
    usd = sum(abs(amount) * value(document, currency) for currency, amount in entry.get("balances", {}).items())
    listed = {row["id"]: row for row in document["instruments"]}
    for position in entry.get("positions", []) + entry.get("orders", []):
        row = listed.get(position["instrument"])
        if row is None:
            usd += abs(position["quantity"]) * value(document, position["instrument"].split("-")[0])
        elif row["kind"] != "option" and row["settle"] == row["coin"]:
            usd += abs(position["quantity"]) * row["contract_value"]
        else:
            usd += abs(position["quantity"]) * row["contract_value"] * value(document, row["coin"])
    return usd


def assert_same_report(found, expected, gross: dict[str, float]) -> None:
    """All figures of two reports agree."""
    accounts, wanted = (report.accounts.set_index("account") for report in (found, expected))
    assert accounts.index.tolist() == wanted.index.tolist()
    for name in ("status", "eligible", "rulebook"):
        assert accounts[name].tolist() == wanted[name].tolist()
    scale = pd.Series(gross)
    for name in ACCOUNT_FIGURES:
        divisor = wanted.mmr_usd.clip(lower=1e-9) if name == "margin_ratio" else 1.0
        assert_close(accounts[name], wanted[name], scale / divisor, name)
    units, wanted_units = (report.units.set_index(["account", "unit"])[COMPONENTS] for report in (found, expected))
    keys = units.index
    assert keys.tolist() == wanted_units.index.tolist()
    of_unit = pd.Series([gross[account] for account, _ in keys], index=keys, dtype=float)
    usd_per_coin = [value_of_unit(expected, unit) for _, unit in keys]
    for name in COMPONENTS:
        in_coin = name in ("spot_in_use", "delta_coin")
        assert_close(units[name], wanted_units[name], of_unit / (usd_per_coin if in_coin else 1.0), name)


def value_of_unit(report, unit: str) -> float:
    return report.market.index[unit.partition("-")[0] + "-USD"]


def assert_close(found: pd.Series, expected: pd.Series, scale: pd.Series, name: str) -> None:
    a, b = found.to_numpy(), expected.to_numpy()
    tolerance = RELATIVE * np.abs(b) + OF_GROSS * scale.to_numpy()
    with np.errstate(invalid="ignore"):
        bad = (a != b) & ~(np.abs(a - b) <= tolerance)
    assert not bad.any(), (name, found.index[bad].tolist(), a[bad], b[bad])


def assert_same_figures(found, expected) -> None:
    """Not a bit between the frames of two reports."""
    pd.testing.assert_frame_equal(found.accounts, expected.accounts, check_exact=True)
    pd.testing.assert_frame_equal(found.units, expected.units, check_exact=True)


def by_hand(book: Book, rules, *, settings=None, shock=None, **edits):
    """The report of the document edited and moved by hand, and what each account holds on both sides."""
    entries = edited_accounts(book.document, book.entries, settings=settings, **edits)
    document = book.document if shock is None else moved_document(book.document, **shock)
    name = (settings or {}).get("rulebook")
    rules = rules if name is None else sg.load_rulebook(name) if isinstance(name, str) else name
    report = sg.margin(market_of(document), accounts_of(*entries), rules)
    pairs = zip(book.entries, entries, strict=True)
    gross = {new["id"]: max(gross_usd(document, new), gross_usd(book.document, old)) for old, new in pairs}
    return report, gross


def assert_as_by_hand(book: Book, rules, **edits) -> None:
    expected, gross = by_hand(book, rules, **edits)
    found = sg.what_if(book.market, book.accounts, rules, **edits)
    assert_same_report(found.after, expected, gross)


# -- edits that are drawn ---------------------------------------------------------------------------------------------


def drawn_adds(rng: Random, book: Book, kinds=("perpetual", "future", "option"), count: int = 40) -> list[dict]:
    """Of one account, of several and of all, with and without a price, some in what an account already holds."""
    rows = [row for row in book.document["instruments"] if row["kind"] in kinds]
    edits = [draw_position(book.document, rng, SCALE, rng.choice(rows)) | who(rng, book) for _ in range(count)]
    held = [(entry["id"], p) for entry in book.entries for p in entry.get("positions", []) if kind_of(book, p) in kinds]
    for account, position in rng.sample(held, 10):  # more of the same, and less
        edits.append(position | {"account": account, "quantity": rng.choice((0.75, -0.4, -1.5)) * position["quantity"]})
    return edits


def kind_of(book: Book, position: dict) -> str:
    return find(book.document, position["instrument"])["kind"]


def who(rng: Random, book: Book) -> dict:
    draw = rng.random()
    if draw < 0.1:
        return {}
    return {"account": rng.choice(book.ids) if draw < 0.7 else rng.sample(book.ids, 3)}


def drawn_removals(rng: Random, entries: list[dict], share: float) -> list[dict]:
    """All of what is held of an instrument, or part or all of its rows on one side; one edit a position."""
    edits = []
    for entry, name in held_names(entries):
        if rng.random() < share:
            side = rng.choice(rows_of(entry, name))["quantity"]
            of_side = sum(row["quantity"] for row in rows_of(entry, name) if row["quantity"] * side > 0)
            edits.append({"instrument": name, "account": entry["id"], **rng.choice(({}, part_of(rng, of_side)))})
    return edits


def drawn_closes(rng: Random, entries: list[dict], share: float) -> list[dict]:
    """All of what is held of an instrument, or part or all of what is held net; one edit a position."""
    edits = []
    for entry, name in held_names(entries):
        if rng.random() < share:
            net = net_quantity(entry, name)
            part = rng.choice(({}, part_of(rng, net))) if net else {}
            edits.append({"instrument": name, "account": entry["id"], **part})
    return edits


def held_names(entries: list[dict]) -> list[tuple[dict, str]]:
    return [(e, name) for e in entries for name in dict.fromkeys(p["instrument"] for p in e.get("positions", []))]


def part_of(rng: Random, quantity: float) -> dict:
    return {"quantity": rng.choice((1.0, 0.5, 0.1, 0.99)) * quantity}


def drawn_names(rng: Random, entries: list[dict]) -> list[str]:
    return rng.sample(sorted({name for _, name in held_names(entries)}), 12)


def drawn_orders(rng: Random, book: Book) -> list[dict]:
    draws = (draw_order, draw_spot_order)
    return [rng.choice(draws)(book.document, rng, SCALE) | who(rng, book) for _ in range(40)]


def drawn_balances(rng: Random, book: Book) -> list[dict]:
    """In and out, in currencies that an account has and that it has not."""
    currencies = ["USDT", "USDC", "USD", "BNB", *coins(book.document)]
    edits = []
    for _ in range(40):
        currency = rng.choice(currencies)
        amount = rng.uniform(-1.0, 1.0) * 1e5 / value(book.document, currency)
        edits.append({"currency": currency, "amount": amount, **who(rng, book)})
    return edits


def drawn_shock(rng: Random, book: Book) -> dict:
    a, b, *_ = coins(book.document)
    return {
        "price": {"*": rng.uniform(-0.5, 0.5), a: rng.uniform(-0.2, 0.2)},
        "vol": {"*": 0.1, b: 0.3},
        "peg": {"USDT": rng.uniform(-0.05, 0.02)},
        "basis": rng.uniform(-0.01, 0.01),
    }


# -- the margin after the edits is that of the document edited by hand ------------------------------------------------


@pytest.mark.parametrize("premiums", ["paid", "ignored"])
def test_adding(book, rules, premiums):
    assert_as_by_hand(book, rules, add=drawn_adds(Random("add"), book), premiums=premiums)


@pytest.mark.parametrize("premiums", ["paid", "ignored"])
def test_removing(book, rules, premiums):
    edits = drawn_removals(Random("remove"), book.entries, 0.5)
    assert len(edits) > 30
    assert_as_by_hand(book, rules, remove=edits, premiums=premiums)


def test_closing_parts(book, rules):
    edits = drawn_closes(Random("close"), book.entries, 0.5)
    assert len(edits) > 30
    assert_as_by_hand(book, rules, close=edits)


def test_closing_by_name(book, rules):
    names = drawn_names(Random("names"), book.entries)
    assert_as_by_hand(book, rules, close=names)
    assert_as_by_hand(book, rules, close=[{"instrument": name} for name in names])
    assert_as_by_hand(book, rules, close=names[0])


def test_closing_all(book, rules):
    assert_as_by_hand(book, rules, close="all")
    found = sg.what_if(book.market, book.accounts, rules, close="all")
    assert len(found.before.positions) > 50
    assert len(found.after.positions) == 0


def test_ordering(book, rules):
    assert_as_by_hand(book, rules, orders=drawn_orders(Random("orders"), book))


def test_paying_in_and_out(book, rules):
    edits = drawn_balances(Random("balances"), book)
    assert_as_by_hand(book, rules, balances=edits)
    assert_as_by_hand(book, rules, balances={"USDT": -2e5, "BTC": 0.75, "BNB": 3})


@pytest.mark.parametrize(
    "settings",
    [
        {"declared": False},
        {"auto_borrow": False, "declared": True},
        {"rulebook": "okx/v2-2024-12-30"},
        {"rulebook": V1, "spot_mode": "spot_coin"},
    ],
    ids=str,
)
def test_setting(book, rules, settings):
    assert_as_by_hand(book, rules, settings=settings)


def test_shocking(book, rules):
    assert_as_by_hand(book, rules, shock=drawn_shock(Random("shock"), book))


@pytest.mark.parametrize("rulebook", [None, V1])
def test_everything_together(book, rules, rulebook):
    """Trades at today's market first, each kind after the one before, then the shock."""
    rng = Random("together")
    add = drawn_adds(rng, book)
    with_added = edited_accounts(book.document, book.entries, add=add)
    remove = drawn_removals(rng, with_added, 0.2)
    close = drawn_closes(rng, edited_accounts(book.document, book.entries, add=add, remove=remove), 0.2)
    assert_as_by_hand(
        book,
        rules,
        add=add,
        remove=remove,
        close=close,
        orders=drawn_orders(rng, book),
        balances=drawn_balances(rng, book),
        settings={"spot_mode": "spot_usdc"} | ({} if rulebook is None else {"rulebook": rulebook}),
        shock=drawn_shock(rng, book),
    )


# -- where the arithmetic is the same, to the bit ---------------------------------------------------------------------


def test_adding_what_has_no_premium_changes_no_bit_against_the_edited_document(book, rules):
    add = drawn_adds(Random("linear"), book, kinds=("perpetual", "future"))
    expected, _ = by_hand(book, rules, add=add)
    assert_same_figures(sg.what_if(book.market, book.accounts, rules, add=add).after, expected)


@pytest.mark.parametrize("edit", ["orders", "settings"])
def test_orders_and_settings_change_no_bit_against_the_edited_document(book, rules, edit):
    edits = {"orders": drawn_orders(Random("orders"), book), "settings": {"declared": False}}
    expected, _ = by_hand(book, rules, **{edit: edits[edit]})
    assert_same_figures(sg.what_if(book.market, book.accounts, rules, **{edit: edits[edit]}).after, expected)


def test_a_shock_is_the_margin_of_the_shocked_market(book, rules):
    moves = drawn_shock(Random("shock"), book)
    held = accounts_of(*entered_accounts(book.document, book.entries))
    found = sg.what_if(book.market, book.accounts, rules, shock=moves)
    assert_same_figures(found.before, sg.margin(book.market, held, rules))
    assert_same_figures(found.after, sg.margin(sg.shock(book.market, **moves), held, rules))


def test_no_edit_changes_nothing(book, rules):
    found = sg.what_if(book.market, book.accounts, rules)
    assert_same_figures(found.after, found.before)
    assert_same_figures(found.before, sg.margin(book.market, book.accounts, rules))
    assert (found.accounts.change == 0).all()
    assert (found.units.change == 0).all()


def test_a_rulebook_may_be_a_record(first_book, rules):
    named = sg.what_if(first_book.market, first_book.accounts, rules, settings={"rulebook": V1})
    record = sg.what_if(first_book.market, first_book.accounts, rules, settings={"rulebook": sg.load_rulebook(V1)})
    assert_same_figures(named.after, record.after)
    assert set(named.after.accounts.rulebook) == {V1}
    assert set(named.before.accounts.rulebook) == {rules.name}


def test_edits_may_come_as_any_iterable(first_book, rules):
    edits = drawn_adds(Random("add"), first_book)
    listed = sg.what_if(first_book.market, first_book.accounts, rules, add=edits)
    assert_same_figures(sg.what_if(first_book.market, first_book.accounts, rules, add=iter(edits)).after, listed.after)


def test_what_is_given_stays_as_it_is(first_book, rules, tmp_path):
    rng = Random("kept")
    edits: dict[str, Any] = {
        "add": drawn_adds(rng, first_book),
        "orders": drawn_orders(rng, first_book),
        "close": "all",
    }
    edits |= {"settings": {"rulebook": V1, "declared": False}, "shock": drawn_shock(rng, first_book)}
    kept = copy.deepcopy(edits)
    accounts = accounts_of(*first_book.entries)
    sg.write_accounts(accounts, tmp_path / "before.json")
    sg.what_if(first_book.market, accounts, rules, **edits)
    sg.write_accounts(accounts, tmp_path / "after.json")
    assert (tmp_path / "after.json").read_text() == (tmp_path / "before.json").read_text()
    assert edits == kept


# -- adding, then removing --------------------------------------------------------------------------------------------


def undone(edits: list[dict]) -> list[dict]:
    return [{k: v for k, v in edit.items() if k != "average_price"} for edit in reversed(edits)]


def undoable_adds(rng: Random, book: Book, kinds) -> list[dict]:
    """One edit an account with positions and instrument, with or against what it holds."""
    edits = {}
    for edit in drawn_adds(rng, book, kinds):
        for entry in rng.sample([entry for entry in book.entries if entry.get("positions")], 3):
            edits[entry["id"], edit["instrument"]] = edit | {"account": entry["id"]}
    return list(edits.values())


def test_adding_then_removing_in_one_call_is_the_identity(book, rules):
    add = undoable_adds(Random("undo"), book, ("perpetual", "future"))
    found = sg.what_if(book.market, book.accounts, rules, add=add, remove=undone(add))
    assert len(add) > 30
    assert_same_figures(found.after, found.before)


def test_adding_then_removing_in_two_calls_is_the_identity(book, rules):
    add = undoable_adds(Random("undo"), book, ("perpetual", "future"))
    first = sg.what_if(book.market, book.accounts, rules, add=add)
    second = sg.what_if(book.market, first.after.inputs, rules, remove=undone(add))
    assert not first.after.accounts.mmr_usd.equals(first.before.accounts.mmr_usd)
    assert_same_figures(second.before, first.after)
    assert_same_figures(second.after, first.before)


@pytest.mark.parametrize("premiums", ["paid", "ignored"])
def test_adding_then_removing_options_is_the_identity(book, rules, premiums):
    """Up to the rounding of a premium that is paid and comes back."""
    add = undoable_adds(Random("undo options"), book, ("option",))
    gross = dict(zip(book.ids, [gross_usd(book.document, e) for e in book.entries], strict=True))
    added = edited_accounts(book.document, book.entries, add=add)
    gross = {e["id"]: max(gross[e["id"]], gross_usd(book.document, e)) for e in added}
    once = sg.what_if(book.market, book.accounts, rules, add=add, remove=undone(add), premiums=premiums)
    assert_same_report(once.after, once.before, gross)
    first = sg.what_if(book.market, book.accounts, rules, add=add, premiums=premiums)
    second = sg.what_if(book.market, first.after.inputs, rules, remove=undone(add), premiums=premiums)
    assert_same_report(second.after, first.before, gross)
    if premiums == "ignored":
        assert_same_figures(once.after, once.before)


@pytest.mark.parametrize("quantities", [(1, 7), (1, 6), (2, 4, 3), (0.1, 0.7, 0.3)])
def test_premiums_that_go_out_and_come_back_leave_no_dust(ask, quantities):
    """An account without anything else would owe a rounding of a coin, and be in liquidation."""
    add = [{"instrument": CALL, "quantity": quantity} for quantity in quantities]
    for remove in (undone(add), [{"instrument": CALL}]):
        found = ask({"id": "a"}, add=add, remove=remove)
        assert_same_figures(found.after, found.before)


def test_adding_then_removing_in_the_same_order_is_not_more_than_is_held(ask):
    edits = [{"instrument": PERPETUAL, "quantity": quantity} for quantity in (0.1, 0.7, 0.3)]
    found = ask(account(), add=edits, remove=edits)
    assert positions_of(found.after) == {}


def test_adding_then_closing_at_the_mark_leaves_the_equity(book, rules):
    """A trade at the mark and back costs nothing, options included."""
    drawn = undoable_adds(Random("there and back"), book, ("perpetual", "future", "option"))
    add = [{k: v for k, v in edit.items() if k != "average_price"} for edit in drawn]
    gross = {e["id"]: gross_usd(book.document, e) for e in edited_accounts(book.document, book.entries, add=add)}
    for close in (None, "all"):
        found = sg.what_if(book.market, book.accounts, rules, add=add, close=close)
        before, after = (
            report.accounts.set_index("account").gross_equity_usd for report in (found.before, found.after)
        )
        assert_close(after, before, pd.Series([gross[name] for name in before.index]), "gross_equity_usd")


# -- by hand ----------------------------------------------------------------------------------------------------------

CALL, PERPETUAL, INVERSE, FUTURE = "BTC-C", "BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT-250926"
EXPIRY = "2025-09-26T08:00:00Z"


def instrument(name: str, kind: str, settle: str, size: float, mark: float, **more) -> dict:
    row = {"id": name, "kind": kind, "coin": "BTC", "settle": settle, "contract_value": size, "mark": mark}
    return row | more


SMALL = {
    "format": "shockgrid.market/1",
    "time": "2025-06-20T12:00:00Z",
    "index": {
        "BTC-USD": 100e3, "BTC-USDT": 125e3, "USDT-USD": 0.8, "USDC-USD": 1.0, "ETH-USD": 4e3, "ETH-USDT": 5e3,
    },
    "instruments": [
        instrument(PERPETUAL, "perpetual", "USDT", 0.01, 125e3),
        instrument(FUTURE, "future", "USDT", 0.01, 126e3, expiry=EXPIRY),
        instrument(INVERSE, "perpetual", "BTC", 100, 100e3),
        instrument(CALL, "option", "BTC", 0.1, 0.05, expiry=EXPIRY, strike=110e3, right="call", forward=101e3, vol=0.5),
        instrument("ETH-USDT-SWAP", "perpetual", "USDT", 0.1, 5e3, coin="ETH"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return market_of(SMALL)


@pytest.fixture(scope="module")
def ask(small, rules):
    """The what-if of accounts in the small market."""

    def of(*entries: dict, **edits) -> sg.WhatIf:
        return sg.what_if(small, accounts_of(*entries), rules, **edits)

    return of


def account(name: str = "a", *positions: tuple, **more) -> dict:
    rows = [dict(zip(("instrument", "quantity", "average_price"), p, strict=False)) for p in positions]
    return {"id": name, "positions": rows, "balances": {"USDT": 1e6, "BTC": 2.0}} | more


def currency(report, name: str, column: str, who: str = "a") -> float:
    frame = report.currencies
    return frame[(frame.account == who) & (frame.currency == name)][column].item()


def positions_of(report) -> dict[tuple[str, str], float]:
    return {(r["account"], r["instrument"]): r["quantity"] for r in report.positions.to_dict("records")}


def test_options_are_paid_for_at_their_price(ask):
    at_mark = ask(account(), add=[{"instrument": CALL, "quantity": 30}])
    assert currency(at_mark.after, "BTC", "balance") == pytest.approx(2 - 30 * 0.1 * 0.05, rel=1e-14)
    assert currency(at_mark.after, "BTC", "equity") == pytest.approx(2.0, rel=1e-14)
    dear = ask(account(), add=[{"instrument": CALL, "quantity": 30, "average_price": 0.06}])
    assert currency(dear.after, "BTC", "balance") == pytest.approx(2 - 30 * 0.1 * 0.06, rel=1e-14)
    assert currency(dear.after, "BTC", "equity") == pytest.approx(2 - 30 * 0.1 * 0.01, rel=1e-14)
    sold = ask(account(), add=[{"instrument": CALL, "quantity": -30}])
    assert currency(sold.after, "BTC", "balance") == pytest.approx(2 + 30 * 0.1 * 0.05, rel=1e-14)
    free = ask(account(), add=[{"instrument": CALL, "quantity": 30}], premiums="ignored")
    assert currency(free.after, "BTC", "balance") == 2.0
    assert currency(free.after, "BTC", "equity") == pytest.approx(2 + 30 * 0.1 * 0.05, rel=1e-14)


def test_removed_options_give_the_premium_of_their_entry_back(ask):
    entry = account("a", (CALL, 30, 0.08))
    for quantity, back in ((None, 0.24), (10, 0.08)):
        found = ask(entry, remove=[{"instrument": CALL, "quantity": quantity}])
        assert currency(found.after, "BTC", "balance") == pytest.approx(2 + back, rel=1e-14)
    without_price = ask(account("a", (CALL, 30)), remove=[{"instrument": CALL}])
    assert currency(without_price.after, "BTC", "balance") == pytest.approx(2 + 0.15, rel=1e-14)
    ignored = ask(entry, remove=[{"instrument": CALL}], premiums="ignored")
    assert currency(ignored.after, "BTC", "balance") == 2.0


def test_removing_takes_the_pnl_away_and_closing_keeps_it(ask):
    """The perpetual has gained 10 * 0.01 * 25e3 USDT, the inverse one 100 * (1/80e3 - 1/100e3) * 40 BTC."""
    entry = account("a", (PERPETUAL, 10, 100e3), (INVERSE, 40, 80e3))
    both = [{"instrument": PERPETUAL}, {"instrument": INVERSE}]
    removed, closed = ask(entry, remove=both), ask(entry, close=both)
    for report, usdt, btc in ((removed.after, 0.0, 0.0), (closed.after, 2500.0, 0.01)):
        assert currency(report, "USDT", "balance") == pytest.approx(1e6 + usdt, rel=1e-14)
        assert currency(report, "BTC", "balance") == pytest.approx(2 + btc, rel=1e-14)
        assert positions_of(report) == {}
    assert removed.before.accounts.gross_equity_usd[0] == closed.before.accounts.gross_equity_usd[0]
    assert closed.after.accounts.gross_equity_usd[0] == pytest.approx(
        closed.before.accounts.gross_equity_usd[0], rel=1e-14
    )


def test_closed_options_get_their_mark(ask):
    found = ask(account("a", (CALL, -30, 0.08)), close=[{"instrument": CALL, "quantity": -20}])
    assert currency(found.after, "BTC", "balance") == pytest.approx(2 - 20 * 0.1 * 0.05, rel=1e-14)
    assert positions_of(found.after) == {("a", CALL): -10}


def test_rows_that_came_last_go_first(ask):
    entry = account("a", (PERPETUAL, 10, 100e3), (PERPETUAL, 5, 120e3))
    found = ask(entry, remove=[{"instrument": PERPETUAL, "quantity": 7}])
    assert found.after.units.upl_usd[0] == pytest.approx(8 * 0.01 * 25e3 * 0.8, rel=1e-14)


def test_positions_without_a_price_count_as_entered_today_on_both_sides(ask):
    found = ask(account("a", (PERPETUAL, 10)), shock={"price": -0.2})
    assert found.before.units.upl_usd[0] == 0
    assert found.after.units.upl_usd[0] == pytest.approx(-10 * 0.01 * 25e3 * 0.8, rel=1e-12)


def test_closing_is_at_todays_marks_before_the_shock(ask):
    found = ask(account("a", (PERPETUAL, 10, 100e3)), close="all", shock={"price": -0.5})
    assert currency(found.after, "USDT", "balance") == pytest.approx(1e6 + 2500, rel=1e-14)


def test_edits_are_of_the_accounts_that_they_name(ask):
    entries = [account(name, (PERPETUAL, 10)) for name in "abc"]
    one, two = {"instrument": FUTURE, "quantity": 1}, {"instrument": FUTURE, "quantity": 2}
    found = ask(*entries, add=[one | {"account": "b"}, two | {"account": ["c", "a"]}], close=[PERPETUAL])
    assert positions_of(found.after) == {("a", FUTURE): 2, ("b", FUTURE): 1, ("c", FUTURE): 2}
    paid = ask(*entries, balances=[{"currency": "USDC", "amount": 5, "account": "b"}], add=[one])
    assert currency(paid.after, "USDC", "balance", "b") == 5
    assert positions_of(paid.after) == {(name, k): n for name in "abc" for k, n in ((FUTURE, 1), (PERPETUAL, 10))}


def test_a_name_closes_the_position_of_everyone_who_has_it(ask):
    entries = [account("a", (PERPETUAL, 10), (FUTURE, -3)), account("b", (FUTURE, 3)), account("c", (PERPETUAL, -2))]
    assert positions_of(ask(*entries, close=PERPETUAL).after) == {("a", FUTURE): -3, ("b", FUTURE): 3}
    assert positions_of(ask(*entries, close=[FUTURE, PERPETUAL]).after) == {}
    assert positions_of(ask(*entries, close="all").after) == {}


def test_all_may_be_of_some_accounts(ask):
    entries = [account("a", (PERPETUAL, 10), (FUTURE, -3)), account("b", (FUTURE, 3)), account("c", (PERPETUAL, -2))]
    found = ask(*entries, close=[{"instrument": "all", "account": ["a", "c"]}])
    assert positions_of(found.after) == {("b", FUTURE): 3}


def test_closing_all_of_nothing_is_nothing(ask):
    found = ask(account(), close="all")
    assert (found.accounts.change == 0).all()


# -- rows of one instrument on both sides -----------------------------------------------------------------------------

DUSTY = (0.1, 0.1, 0.7)
BOTH_SIDES = account("a", (PERPETUAL, 8, 100e3), (PERPETUAL, -3, 120e3))
FLAT = account("b", (PERPETUAL, 8, 100e3), (PERPETUAL, -8, 120e3))


def test_part_of_a_netted_position_can_be_closed(ask):
    found = ask(BOTH_SIDES, close=[{"instrument": PERPETUAL, "quantity": 2}])
    assert positions_of(found.after) == {("a", PERPETUAL): 3}
    before, after = (report.accounts.gross_equity_usd[0] for report in (found.before, found.after))
    assert after == pytest.approx(before, rel=1e-14)


def test_a_quantity_is_removed_from_the_rows_of_its_side(ask):
    for quantity, left, upl in (
        (8, -3, -3 * 5e3),
        (2, 3, 6 * 25e3 - 3 * 5e3),
        (-3, 8, 8 * 25e3),
        (-1, 6, 200e3 - 10e3),
    ):
        found = ask(BOTH_SIDES, remove=[{"instrument": PERPETUAL, "quantity": quantity}])
        assert positions_of(found.after) == {("a", PERPETUAL): left}
        assert found.after.units.upl_usd[0] == pytest.approx(0.01 * upl * 0.8, rel=1e-14), quantity


def test_closing_all_that_is_held_net_is_closing_all(ask):
    whole, net = (ask(BOTH_SIDES, close=[{"instrument": PERPETUAL} | more]) for more in ({}, {"quantity": 5}))
    assert_same_figures(net.after, whole.after)


def test_removing_all_of_a_netted_position_leaves_nothing_of_it(ask):
    """As if it had never been: 8 * 0.01 * 25e3 and -3 * 0.01 * 5e3 USDT are gone."""
    found = ask(BOTH_SIDES, remove=[{"instrument": PERPETUAL}])
    assert currency(found.after, "USDT", "equity") == pytest.approx(1e6, rel=1e-14)


def test_closing_all_of_a_netted_position_books_all_of_its_pnl(ask):
    found = ask(BOTH_SIDES, close="all")
    assert currency(found.after, "USDT", "balance") == pytest.approx(1e6 + 2000 - 150, rel=1e-14)


@pytest.mark.parametrize("edit", ["remove", "close"])
def test_nothing_is_left_of_a_position_in_several_rows(ask, edit):
    rows = [(PERPETUAL, quantity) for quantity in DUSTY]
    found = ask(account("a", *rows), **{edit: [{"instrument": PERPETUAL}]})
    assert positions_of(found.after) == {}


@pytest.mark.parametrize("close", ["all", PERPETUAL, [PERPETUAL]])
def test_an_account_that_is_flat_does_not_keep_others_from_closing(ask, close):
    found = ask(account("a", (PERPETUAL, 5)), FLAT, close=close)
    assert positions_of(found.after) == {}


@pytest.mark.parametrize("quantity", [-3, -10, -25])
def test_adding_against_a_position_then_removing_is_the_identity(ask, quantity):
    edit = {"instrument": PERPETUAL, "quantity": quantity}
    found = ask(account("a", (PERPETUAL, 10)), add=[edit], remove=[edit])
    assert_same_figures(found.after, found.before)


# -- frames -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changed(ask):
    """A BTC position goes, an ETH one comes, and one account has nothing at all."""
    entries = [account("z", (PERPETUAL, 10)), {"id": "empty"}, account("a", (PERPETUAL, -4))]
    eth = {"instrument": "ETH-USDT-SWAP", "quantity": 50, "account": ["z", "a"]}
    return ask(*entries, close=[{"instrument": PERPETUAL, "account": "z"}], add=[eth])


def test_accounts_frame_has_every_number_of_every_account(changed):
    frame = changed.accounts
    assert frame.columns.tolist() == ["account", "figure", "before", "after", "change"]
    assert frame.account.tolist() == [name for name in ("z", "empty", "a") for _ in ACCOUNT_FIGURES]
    assert frame.figure.tolist() == ACCOUNT_FIGURES * 3
    for side in ("before", "after"):
        numbers = getattr(changed, side).accounts[ACCOUNT_FIGURES].to_numpy().reshape(-1)
        np.testing.assert_array_equal(frame[side], numbers)


def test_units_frame_has_zero_where_one_side_has_no_unit(changed):
    frame = changed.units
    assert frame.columns.tolist() == ["account", "unit", "component", "before", "after", "change"]
    assert frame.groupby(["account", "unit"], sort=False).component.apply(list).tolist() == [COMPONENTS] * 4
    assert list(dict.fromkeys(zip(frame.account, frame.unit, strict=True))) == [
        ("z", "BTC"), ("z", "ETH"), ("a", "BTC"), ("a", "ETH"),
    ]  # fmt: skip
    mmr = frame[frame.component == "mmr_usd"].set_index(["account", "unit"])
    assert mmr.loc[("z", "BTC"), "after"] == 0 < mmr.loc[("z", "BTC"), "before"]
    assert mmr.loc[("z", "ETH"), "before"] == 0 < mmr.loc[("z", "ETH"), "after"]
    assert mmr.loc[("a", "BTC"), "before"] == mmr.loc[("a", "BTC"), "after"] > 0
    for side in ("before", "after"):
        tall = {(r["account"], r["unit"], r["component"]): r[side] for r in frame.to_dict("records")}
        for unit in getattr(changed, side).units.to_dict("records"):
            numbers = {(unit["account"], unit["unit"], name): unit[name] for name in COMPONENTS}
            assert numbers.items() <= tall.items()


def test_change_is_after_less_before(changed, first_book, rules):
    more = sg.what_if(first_book.market, first_book.accounts, rules, add=drawn_adds(Random("add"), first_book))
    for found in (changed, more):
        for frame in (found.accounts, found.units):
            finite = np.isfinite(frame.before) & np.isfinite(frame.after)
            np.testing.assert_array_equal(frame.change[finite], (frame.after - frame.before)[finite])
            assert not frame.change.isna().any()


def test_an_infinite_ratio_that_stays_does_not_change(changed):
    ratio = changed.accounts[changed.accounts.figure == "margin_ratio"].set_index("account")
    assert math.isinf(ratio.before["empty"])
    assert ratio.change["empty"] == 0


def test_statuses(ask):
    found = ask(account("a", (PERPETUAL, 10)), account("b"), add=[{"instrument": PERPETUAL, "quantity": 40_000}])
    assert found.statuses.columns.tolist() == ["account", "status_before", "status_after"]
    assert found.statuses.account.tolist() == ["a", "b"]
    assert found.statuses.status_before.tolist() == found.before.accounts.status.tolist() == ["safe", "safe"]
    assert found.statuses.status_after.tolist() == found.after.accounts.status.tolist() == ["liquidation"] * 2


def test_units_of_accounts_that_had_none_stay_together(ask):
    edits = [{"instrument": name, "quantity": 1} for name in (PERPETUAL, "ETH-USDT-SWAP")]
    frame = ask(account("b"), account("a"), account("c", (PERPETUAL, 1)), add=edits).units
    assert list(dict.fromkeys(zip(frame.account, frame.unit, strict=True))) == [
        ("b", "BTC"), ("b", "ETH"), ("a", "BTC"), ("a", "ETH"), ("c", "BTC"), ("c", "ETH"),
    ]  # fmt: skip


def test_units_of_another_rule_version_stand_beside_each_other(ask):
    frame = ask(account("a", (PERPETUAL, 1)), settings={"rulebook": V1}).units
    mmr = frame[frame.component == "mmr_usd"].set_index("unit")
    assert mmr.after["BTC"] == 0 < mmr.before["BTC"]
    assert mmr.before["BTC-USDT"] == 0 < mmr.after["BTC-USDT"]


def test_no_accounts_have_empty_frames_with_columns(ask):
    found = ask(add=[{"instrument": PERPETUAL, "quantity": 1}], close="all", shock={"price": 0.1})
    assert found.accounts.columns.tolist() == ["account", "figure", "before", "after", "change"]
    assert found.units.columns.tolist() == ["account", "unit", "component", "before", "after", "change"]
    assert found.statuses.columns.tolist() == ["account", "status_before", "status_after"]
    assert [len(frame) for frame in (found.accounts, found.units, found.statuses)] == [0, 0, 0]


def test_saved_frames_read_back(changed, tmp_path):
    changed.save(tmp_path / "new" / "folder")
    for name in ("accounts", "units", "statuses"):
        read = pd.read_parquet(tmp_path / "new" / "folder" / f"{name}.parquet")
        pd.testing.assert_frame_equal(read, getattr(changed, name))
    manifest = json.loads((tmp_path / "new" / "folder" / "manifest.json").read_text())
    assert manifest == json.loads(json.dumps(changed.manifest))
    assert manifest["kind"] == "shockgrid.what_if/1"


def test_a_file_is_no_folder_to_save_into(changed, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(sg.InputError, match="a folder that can be written"):
        changed.save(tmp_path / "file")


def test_the_manifest_says_what_was_moved(ask):
    manifest = ask(account(), shock={"price": {"BTC": -0.1}}).manifest
    assert manifest["before"]["derived"] == []
    assert len(manifest["after"]["derived"]) == 1
    assert "BTC" in manifest["after"]["derived"][0]


def test_representation_names_the_margin_of_both_sides(ask):
    found = ask(account("a", (PERPETUAL, 10)), close="all")
    assert repr(found) == f"WhatIf(1 accounts, MMR {found.before.accounts.mmr_usd[0]:,.2f} -> 0.00 USD)"


# -- bad input --------------------------------------------------------------------------------------------------------

HELD = {"instrument": PERPETUAL, "quantity": 2, "account": "a"}
ORDER = {"instrument": PERPETUAL, "quantity": 2, "price": 1e5}
PAYMENT = {"currency": "USDT", "amount": 5.0}
NO_NUMBER = (math.nan, math.inf, True, "2")
AT_MOST = f"at most the 10 {PERPETUAL} that a holds"


def without(edit: dict, key: str) -> dict:
    return {k: v for k, v in edit.items() if k != key}


MISTAKES = [
    # keys
    ({"add": [HELD, HELD | {"size": 3}]}, "add[1].size", "the keys instrument, quantity, average_price, account"),
    ({"add": [HELD | {"price": 3.0}]}, "add[0].price", "one of the keys"),
    ({"remove": [HELD | {"price": 3.0}]}, "remove[0].price", "one of the keys"),
    ({"close": [HELD | {"average_price": 3.0}]}, "close[0].average_price", "one of the keys"),
    ({"orders": [ORDER | {"average_price": 3.0}]}, "orders[0].average_price", "instrument, quantity, price, account"),
    ({"balances": [PAYMENT | {"instrument": "x"}]}, "balances[0].instrument", "the keys currency, amount, account"),
    ({"add": [without(HELD, "instrument")]}, "add[0].instrument", "a value"),
    ({"add": [without(HELD, "quantity")]}, "add[0].quantity", "a value"),
    ({"remove": [without(HELD, "instrument")]}, "remove[0].instrument", "a value"),
    ({"close": [without(HELD, "instrument")]}, "close[0].instrument", "a value"),
    ({"orders": [without(ORDER, "quantity")]}, "orders[0].quantity", "a value"),
    ({"orders": [ORDER, without(ORDER, "price")]}, "orders[1].price", "a value"),
    ({"balances": [without(PAYMENT, "amount")]}, "balances[0].amount", "a value"),
    ({"balances": [without(PAYMENT, "currency")]}, "balances[0].currency", "a value"),
    ({"add": [PERPETUAL]}, "add[0]", "a mapping with the keys instrument, quantity"),
    ({"add": HELD}, "add", "a list of edits"),
    ({"close": [5]}, "close[0]", "a mapping"),
    ({"balances": ["USDT"]}, "balances[0]", "a mapping with the keys currency, amount"),
    # numbers
    *(({"add": [HELD | {"quantity": x}]}, "add[0].quantity", "a finite number other than 0") for x in (0, *NO_NUMBER)),
    *(({"remove": [HELD | {"quantity": x}]}, "remove[0].quantity", "a finite number") for x in (0, *NO_NUMBER)),
    *(({"close": [HELD | {"quantity": x}]}, "close[0].quantity", "a finite number") for x in (0, *NO_NUMBER)),
    *(({"orders": [ORDER | {"quantity": x}]}, "orders[0].quantity", "a finite number") for x in (0, *NO_NUMBER)),
    *(({"balances": {"BTC": 1.0, "USDT": x}}, "balances[1].amount", "a finite number") for x in (0, *NO_NUMBER)),
    *(({"add": [HELD | {"average_price": x}]}, "add[0].average_price", "a price above 0") for x in (0, -1, *NO_NUMBER)),
    *(({"orders": [ORDER | {"price": x}]}, "orders[0].price", "a price above 0") for x in (0, -1, *NO_NUMBER)),
    # accounts and names
    *(
        ({what: [edit | {"account": who}]}, f"{what}[0].account", "the id of an account")
        for what, edit in (("add", HELD), ("remove", HELD), ("close", HELD), ("orders", ORDER), ("balances", PAYMENT))
        for who in ("nobody", ["a", "nobody"], 3)
    ),
    ({"add": [HELD, HELD | {"instrument": "DOGE-SWAP"}]}, "add[1].instrument", "an instrument of the market"),
    ({"close": ["DOGE-SWAP"]}, "close[0]", "an instrument that an account holds"),
    ({"close": FUTURE}, "close[0]", "an instrument that an account holds"),
    ({"close": [PERPETUAL, {"instrument": FUTURE}]}, "close[1]", "an instrument that an account holds"),
    # more than is held
    ({"remove": [HELD | {"quantity": 10.001}]}, "remove[0].quantity", AT_MOST),
    ({"remove": [HELD | {"quantity": -2}]}, "remove[0].quantity", AT_MOST),
    ({"remove": [HELD, HELD | {"instrument": FUTURE}]}, "remove[1].quantity", f"at most the 0 {FUTURE} that a holds"),
    ({"remove": [without(HELD, "account")]}, "remove[0].quantity", f"at most the 0 {PERPETUAL} that b holds"),
    ({"remove": [{"instrument": "DOGE-SWAP", "account": "a"}]}, "remove[0].quantity", "at most the 0 DOGE-SWAP"),
    ({"close": [HELD | {"quantity": 11}]}, "close[0].quantity", AT_MOST),
    ({"close": [without(HELD, "account") | {"quantity": 11}]}, "close[0].quantity", AT_MOST),
    ({"close": [HELD | {"quantity": -1}]}, "close[0].quantity", AT_MOST),
    ({"close": [HELD | {"account": "b"}]}, "close[0].quantity", f"at most the 0 {PERPETUAL} that b holds"),
    ({"remove": [without(HELD, "quantity")], "close": [HELD]}, "close[0].quantity", "at most the 0"),
    # settings
    ({"settings": {"leverage": 3}}, "settings.leverage", "one of spot_mode, auto_borrow, declared, rulebook"),
    ({"settings": {"spot_mode": "spot"}}, "settings.spot_mode", "derivatives_only, spot_usdt, spot_usdc, spot_coin"),
    ({"settings": {"auto_borrow": 1}}, "settings.auto_borrow", "one of True, False"),
    ({"settings": {"declared": "yes"}}, "settings.declared", "one of True, False"),
    # the rest
    ({"shock": {"prices": {"BTC": 0.1}}}, "shock.prices", "one of price, vol, peg, basis, time"),
    ({"premiums": "later"}, "premiums", "paid or ignored"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "path", "expected"), MISTAKES, ids=lambda x: str(x)[:50])
def test_a_mistake_is_located(ask, edits, path, expected):
    with pytest.raises(sg.InputError) as caught:
        ask(account("a", (PERPETUAL, 10)), account("b"), **edits)
    assert (caught.value.file, caught.value.path) == ("what_if", path)
    assert expected in caught.value.expected


@pytest.mark.parametrize("what", ["remove", "close"])
def test_edits_that_together_are_more_than_is_held_are_refused(ask, what):
    with pytest.raises(sg.InputError, match=rf"{what}\[1\].quantity"):
        ask(account("a", (PERPETUAL, 10)), **{what: [HELD | {"quantity": 6}] * 2})


@pytest.mark.parametrize(("what", "key"), [("remove", "average_price"), ("close", "price")])
def test_a_price_at_which_nothing_happens_is_refused(ask, what, key):
    with pytest.raises(sg.InputError, match=rf"{what}\[0\].{key}"):
        ask(account("a", (PERPETUAL, 10)), **{what: [HELD | {key: 3.0}]})


def test_a_mistake_after_all_is_located(ask):
    entries = [account("a", (PERPETUAL, 10), (FUTURE, 2), (INVERSE, 3)), account("b")]
    with pytest.raises(sg.InputError, match=r"close\[1\]\.account: expected the id of an account, found 'nobody'"):
        ask(*entries, close=[{"instrument": "all", "account": "a"}, HELD | {"account": "nobody"}])


def test_found_values_are_told(ask):
    with pytest.raises(sg.InputError, match=r"what_if: remove\[0\].quantity: expected at most the 10 .*, found 12"):
        ask(account("a", (PERPETUAL, 10)), remove=[HELD | {"quantity": 12}])
    with pytest.raises(sg.InputError, match=r"settings.spot_mode: .*, found 'spot'"):
        ask(account(), settings={"spot_mode": "spot"})


def test_an_unknown_rulebook_is_refused(ask):
    with pytest.raises(sg.RulebookError, match="okx/v2-2025-12-04"):
        ask(account(), settings={"rulebook": "okx/v3"})


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"orders": [ORDER | {"instrument": "DOGE-SWAP"}]}, "a spot pair of two of its currencies, found 'DOGE-SWAP'"),
        ({"orders": [ORDER | {"instrument": "BTC-DOGE"}]}, "a spot pair of two of its currencies, found 'BTC-DOGE'"),
        ({"balances": {"DOGE": 1.0}}, r"a currency with an index price \(DOGE-USD\)"),
        ({"shock": {"price": {"DOGE": 0.1}}}, "shock: price.DOGE: expected a coin"),
        ({"shock": {"time": EXPIRY}, "add": [{"instrument": CALL, "quantity": 1}]}, "an instrument live"),
    ],
    ids=str,
)  # fmt: skip
def test_what_margin_and_shock_refuse_is_refused(ask, edits, words):
    with pytest.raises(sg.InputError, match=words):
        ask(account("a", (PERPETUAL, 10)), **edits)


def test_positions_of_the_file_that_the_market_does_not_list_are_refused(ask):
    with pytest.raises(sg.InputError, match=r"accounts\[0\].positions\[0\].instrument: expected an instrument"):
        ask(account("a", ("DOGE-SWAP", 10)))


@pytest.mark.parametrize(
    "moves",
    [{"price": {"BTC": -1.0}}, {"basis": {PERPETUAL: -1.5}}, {"vol": -0.6}, {"basis": {PERPETUAL: -0.9}}],
    ids=str,
)
def test_a_shock_that_leaves_no_price_is_a_shock_error(ask, moves):
    """The last one leaves a price, which a shock of the rulebook then takes."""
    with pytest.raises(sg.ShockError):
        ask(account("a", (PERPETUAL, 10)), shock=moves)

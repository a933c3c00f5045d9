"""``margin_curve``: every point is the margin on the market after ``sg.shock``."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.properties.books import DOCUMENT, INDEX, INSTRUMENTS, gross_usd
from tests.reference.hand_markets import holding

COLUMNS = ["account", "coin", "price_move", "price_usd", "equity_usd", "mmr_usd", "margin_ratio"]
EXACT = 1e-12
MOVES = (-0.6, -0.05, 0.0, 0.0123, 0.8)

# One with options and spot in use, one hedged across stablecoins and in debt, one without an average price, one that
# holds coins alone, one that has none.
ENTRIES = (
    holding(
        {"BTC-USD-250131-0.9-call": -300.0, "BTC-USD-250627-1.1-put": 200.0, "BTC-USD-SWAP": -900.0},
        balances={"BTC": 6.0, "USDT": 20e3},
        orders=[{"instrument": "BTC-USDT-SWAP", "quantity": 50, "price": 90e3}],
    )
    | {"id": "options"},
    {
        "id": "debt",
        "positions": [
            {"instrument": "SOL-USDT-SWAP", "quantity": 900.0, "average_price": 260.0},
            {"instrument": "SOL-USDC-SWAP", "quantity": -880.0, "average_price": 150.0},
            {"instrument": "BTC-USDT-250131", "quantity": 4.0, "average_price": 101e3},
        ],
        "balances": {"SOL": 600.0, "USDC": 30e3, "USDT": -10e3},
        "accrued_interest": {"USDT": 12.0},
    },
    holding({"SOL-USDT-SWAP": -40.0}, balances={"USDT": 3000.0}) | {"id": "short"},
    {"id": "coins", "balances": {"BTC": 1.0, "USD": 7.0}},
    {"id": "cash", "balances": {"USDT": 5.0, "USDC": 5.0, "USD": 5.0}},
)
COINS = {"options": ["BTC"], "debt": ["BTC", "SOL"], "short": ["SOL"], "coins": ["BTC"], "cash": []}


def entered_today(entry: dict) -> dict:
    """Positions without an average price at today's mark."""
    rows = [{"average_price": INSTRUMENTS[p["instrument"]]["mark"]} | p for p in entry.get("positions", [])]
    return entry | {"positions": rows}


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with one_shape():
        yield


@pytest.fixture(scope="module")
def market():
    return market_of(DOCUMENT)


@pytest.fixture(scope="module")
def accounts():
    return accounts_of(*ENTRIES)


@pytest.fixture(scope="module")
def margined(market, rules):
    """Figures of accounts by id, after a move of one coin's price."""
    accounts = accounts_of(*map(entered_today, ENTRIES))

    def after(coin: str, move: float) -> dict[str, dict]:
        report = sg.margin(sg.shock(market, price={coin: move}), accounts, rules)
        return {str(row["account"]): row for row in report.accounts.to_dict("records")}

    return after


@pytest.fixture(scope="module")
def curve(market, accounts, rules):
    return sg.margin_curve(market, accounts, rules, moves=MOVES)


@pytest.fixture(scope="module")
def whole(market, accounts, rules):
    """The default moves."""
    return sg.margin_curve(market, accounts, rules, account="debt", coin="SOL")


def assert_exact(points: pd.DataFrame, margined) -> None:
    gross = {entry["id"]: gross_usd({"positions": [], "balances": {}} | entry) for entry in ENTRIES}
    for point in points.to_dict("records"):
        account, coin, move = (point[name] for name in COLUMNS[:3])
        row = margined(coin, move)[account]
        for name in COLUMNS[4:6]:
            # Equity is a difference of what is held and owed: it may lose digits, but none of the whole.
            assert point[name] == pytest.approx(row[name], rel=EXACT, abs=EXACT * gross[account]), (point, name)
        tolerance = EXACT * gross[account] / row["mmr_usd"] if row["mmr_usd"] else EXACT
        assert point["margin_ratio"] == pytest.approx(row["margin_ratio"], rel=EXACT, abs=tolerance), point


def test_points_are_margins_of_shocked_markets(curve, margined):
    assert_exact(curve.points, margined)


def test_version_1_charges_the_basis_of_what_is_listed_not_held(market):
    """``|F / I - 1|`` of an expiry is the largest of the unit's listed instruments (section 3, MR4 of version 1).

    On 27 June the options' forward lies 3.4 % above the index, the inverse future that is held 3.1 %.
    """
    rules = sg.load_rulebook("okx/v1-2024-06-05")
    held = holding({"BTC-USD-250627": -1000.0, "BTC-USD-SWAP": 1000.0}, balances={"USDT": 50e3})
    accounts = accounts_of(entered_today(held))
    points = sg.margin_curve(market, accounts, rules, moves=[-0.2, 0.0, 0.3]).points
    for point in points.to_dict("records"):
        report = sg.margin(sg.shock(market, price={"BTC": point["price_move"]}), accounts, rules)
        assert point["mmr_usd"] == pytest.approx(report.accounts.mmr_usd[0], rel=EXACT)


def test_default_moves_are_by_percent_from_minus_90_to_plus_100(whole, margined):
    assert whole.points.price_move.tolist() == [round(0.01 * i, 2) for i in range(-90, 101)]
    assert_exact(whole.points.iloc[[0, 45, 89, 90, 91, 190]], margined)


def test_an_unmoved_price_gives_todays_figures(curve):
    today = curve.report.accounts.set_index("account")
    unmoved = curve.points[curve.points.price_move == 0]
    assert len(unmoved) == 5
    for point in unmoved.to_dict("records"):
        for name in COLUMNS[4:]:
            assert point[name] == pytest.approx(today.loc[point["account"], name], rel=EXACT, abs=1e-6), point


def test_rows_are_accounts_then_coins_then_moves_as_given(curve):
    points = curve.points
    assert points.columns.tolist() == COLUMNS
    rows = [(a, c, m) for a, coins in COINS.items() for c in coins for m in MOVES]
    assert list(zip(points.account, points.coin, points.price_move, strict=True)) == rows
    today = points.coin.map(lambda coin: INDEX[f"{coin}-USD"])
    assert points.price_usd.tolist() == pytest.approx((today * (1 + points.price_move)).tolist(), rel=1e-15)


def test_the_report_is_that_of_today(curve, market, accounts, rules):
    pd.testing.assert_frame_equal(curve.report.accounts, sg.margin(market, accounts, rules).accounts)


def test_accounts_coins_and_moves_are_chosen(curve, market, accounts, rules):
    found = sg.margin_curve(market, accounts, rules, account=["debt", "coins"], coin="BTC", moves=[0.8, -0.05])
    assert found.points.account.tolist() == ["debt", "debt", "coins", "coins"]
    assert found.points.price_move.tolist() == [0.8, -0.05, 0.8, -0.05]
    every = curve.points.set_index(COLUMNS[:3])
    for point in found.points.to_dict("records"):
        expected = every.loc[tuple(point[name] for name in COLUMNS[:3])]
        assert [point[name] for name in COLUMNS[3:]] == pytest.approx(expected.tolist(), rel=EXACT)


def test_coins_alone_have_an_infinite_ratio(curve):
    points = curve.points[curve.points.account == "coins"]
    assert (points.margin_ratio == math.inf).all()
    assert (points.mmr_usd == 0).all()
    assert points.equity_usd.tolist() == pytest.approx([INDEX["BTC-USD"] * (1 + m) + 7.0 for m in MOVES], rel=EXACT)


def test_a_position_without_an_average_price_was_entered_at_todays_mark(curve, rules):
    """The loss of a short perpetual after a move is the move of its mark, in its quote."""
    points = curve.points[curve.points.account == "short"]
    mark, usdt = INSTRUMENTS["SOL-USDT-SWAP"]["mark"], INDEX["USDT-USD"]
    assert points.equity_usd.tolist() == pytest.approx(
        [(3000.0 - 40.0 * mark * move) * usdt for move in MOVES], rel=EXACT
    )


def test_no_rows_have_the_same_columns(curve, market, rules):
    for entries in ((), ENTRIES[4:]):
        empty = sg.margin_curve(market, accounts_of(*entries), rules)
        assert len(empty.points) == 0
        assert empty.points.dtypes.to_dict() == curve.points.dtypes.to_dict()
        assert json.loads(empty.to_json())["points"] == []


# --- what is kept ---


def test_save(curve, tmp_path):
    folder = tmp_path / "not" / "there yet"
    curve.save(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "points.parquet"]
    saved = pd.read_parquet(folder / "points.parquet")
    pd.testing.assert_frame_equal(saved, curve.points, check_exact=True)
    assert json.loads((folder / "manifest.json").read_text()) == curve.manifest


def test_save_without_rows(market, rules, tmp_path):
    sg.margin_curve(market, accounts_of(), rules).save(tmp_path)
    saved = pd.read_parquet(tmp_path / "points.parquet")
    assert saved.columns.tolist() == COLUMNS
    assert len(saved) == 0


def test_save_refuses_a_path_that_is_a_file(curve, tmp_path):
    path = tmp_path / "taken"
    path.write_text("")
    with pytest.raises(sg.InputError) as caught:
        curve.save(path)
    assert caught.value.file == str(path)


def test_json_has_the_manifest_and_the_points_and_no_infinity(curve):
    document = json.loads(curve.to_json(), parse_constant=pytest.fail)
    assert document["manifest"] == curve.manifest
    assert len(document["points"]) == len(curve.points)
    for found, point in zip(document["points"], curve.points.to_dict("records"), strict=True):
        assert list(found) == COLUMNS
        finite = {k: None if v == math.inf else v for k, v in point.items()}
        assert [found[k] for k in COLUMNS[:2]] == [finite[k] for k in COLUMNS[:2]]
        assert [found[k] for k in COLUMNS[2:6]] == pytest.approx([finite[k] for k in COLUMNS[2:6]], rel=1e-9, abs=1e-9)
        assert (found["margin_ratio"] is None) == (finite["margin_ratio"] is None)


def test_the_manifest_says_what_the_numbers_rest_on(curve):
    assert curve.manifest == curve.report.manifest | {"kind": "shockgrid.margin_curve/1"}


def test_repr_counts(curve):
    assert repr(curve) == "MarginCurve(5 curves of 4 accounts)"


# --- refusals ---

REFUSED = {
    "unknown account": ({"account": "nobody"}, "account", "'nobody'"),
    "unknown coin": ({"account": "debt", "coin": ["SOL", "NOPE"]}, "coin", "'NOPE'"),
    "coin that an account does not have": ({"coin": "SOL"}, "coin", "'SOL'"),
    "stablecoin": ({"account": "debt", "coin": "USDT"}, "coin", "'USDT'"),
    "no move": ({"moves": []}, "moves", "[]"),
    "move that is none": ({"moves": [0.1, math.nan]}, "moves", "[0.1, nan]"),
    "move without end": ({"moves": [math.inf]}, "moves", "[inf]"),
    "table of moves": ({"moves": [[0.1], [0.2]]}, "moves", "[[0.1], [0.2]]"),
    "bare move": ({"moves": 0.1}, "moves", "0.1"),
    "move in words": ({"moves": ["far"]}, "moves", "['far']"),
}


@pytest.mark.parametrize(("arguments", "path", "found"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(market, accounts, rules, arguments, path, found):
    with pytest.raises(sg.InputError) as caught:
        sg.margin_curve(market, accounts, rules, **arguments)
    assert (caught.value.file, caught.value.path, caught.value.found) == ("margin_curve", path, found)


@pytest.mark.parametrize("move", [-1.0, -1.5])
def test_a_price_below_nothing_is_a_shock_error(market, accounts, rules, move):
    with pytest.raises(sg.ShockError) as caught:
        sg.margin_curve(market, accounts, rules, moves=[0.1, move])
    assert (caught.value.file, caught.value.path, caught.value.found) == ("margin_curve", "moves", str(move))

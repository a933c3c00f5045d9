"""``sg.stress``: every row is the margin of the shocked market, of accounts that entered at today's marks."""

from __future__ import annotations

import json
import math
from typing import Any

import jaxtyping
import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.reference.edited_documents import entered_accounts
from tests.reference.random_documents import random_accounts, random_market

FIGURES = ["account", "equity_usd", "mmr_usd", "imr_usd", "margin_ratio", "status"]
STATUSES = ["safe", "warning", "liquidation"]
TOTALS = ["stress", "pnl_usd", "equity_usd", "mmr_usd", *STATUSES, "lowest_ratio", "lowest_account"]
STRESSES: dict[str, dict[str, Any]] = {
    "crash": {"price": {"*": -0.4, "BTC": -0.3}, "vol": {"*": 0.25}},
    "depeg": {"peg": {"USDT": -0.08}, "basis": {"BTC": 0.004}},
    "an hour": {"days": 1 / 24},
    "nothing": {},
}
FILE = """
format = "shockgrid.stress/1"
[[stress]]
name = "crash"
price = { "*" = -0.4, BTC = -0.3 }
vol = { "*" = 0.25 }
source = "desk"
[[stress]]
name = "depeg"
peg.USDT = -0.08
basis.BTC = 0.004
[[combination]]
name = "both"
of = ["crash", "depeg"]
"""


@pytest.fixture(scope="module", autouse=True)
def one_compilation():
    with one_shape():
        yield


@pytest.fixture(scope="module")
def documents():
    document = random_market(5)
    return document, random_accounts(document, 5, 28)


@pytest.fixture(scope="module")
def market(documents):
    return market_of(documents[0])


@pytest.fixture(scope="module")
def accounts(documents):
    return accounts_of(*documents[1])


@pytest.fixture(scope="module")
def entered(documents):
    """The accounts with the document's marks as average prices where it gives none."""
    document, entries = documents
    assert any("average_price" not in position for entry in entries for position in entry.get("positions", []))
    return accounts_of(*entered_accounts(document, entries))


@pytest.fixture(scope="module")
def report(market, accounts, rules):
    return sg.stress(market, accounts, rules, STRESSES)


def rows(report, stress: str) -> pd.DataFrame:
    return report.accounts.query("stress == @stress").reset_index(drop=True)


def figures(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.filter(FIGURES)


def approx(expected: list[float] | float):
    return pytest.approx(expected, rel=1e-12, abs=1e-9)


# -- against margin of the shocked market -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRESSES)
def test_rows_are_the_margin_of_the_shocked_market(report, market, entered, rules, name):
    moves = {"time" if kind == "days" else kind: move for kind, move in STRESSES[name].items()}
    expected = sg.margin(sg.shock(market, **moves), entered, rules)
    pd.testing.assert_frame_equal(figures(rows(report, name)), figures(expected.accounts), check_exact=True)
    pd.testing.assert_frame_equal(report[name].units, expected.units, check_exact=True)
    pd.testing.assert_frame_equal(report[name].accounts, expected.accounts, check_exact=True)


def test_the_row_of_today_is_the_margin_of_today(report, market, entered, rules):
    expected = sg.margin(market, entered, rules).accounts
    pd.testing.assert_frame_equal(figures(rows(report, "today")), figures(expected), check_exact=True)
    pd.testing.assert_frame_equal(report.today.accounts, expected, check_exact=True)
    assert (rows(report, "today").pnl_usd == 0).all()
    assert (rows(report, "nothing").pnl_usd == 0).all()


def test_pnl_is_the_change_of_equity_before_haircuts(report, market, entered, rules):
    moves = STRESSES["crash"]
    before, after = (sg.margin(m, entered, rules).accounts for m in (market, sg.shock(market, **moves)))
    expected = after.gross_equity_usd - before.gross_equity_usd
    pd.testing.assert_series_equal(rows(report, "crash").pnl_usd, expected, check_exact=True, check_names=False)
    assert (expected != 0).any()


def test_rows_come_stress_by_stress_in_the_order_of_the_accounts(report, documents):
    ids = [entry["id"] for entry in documents[1]]
    assert report.accounts.columns.tolist() == ["stress", *FIGURES, "pnl_usd"]
    assert report.accounts.account.tolist() == ids * (1 + len(STRESSES))
    assert report.accounts.stress.tolist() == [name for name in ("today", *STRESSES) for _ in ids]


def test_totals_are_over_all_accounts(report):
    assert report.totals.columns.tolist() == TOTALS
    assert report.totals.stress.tolist() == ["today", *STRESSES]
    for row in report.totals.to_dict("records"):
        frame = rows(report, row["stress"]).to_dict("records")
        for name in ("pnl_usd", "equity_usd", "mmr_usd"):
            assert row[name] == pytest.approx(math.fsum(r[name] for r in frame), rel=1e-9, abs=1e-3), name
        counts = {status: sum(r["status"] == status for r in frame) for status in STATUSES}
        assert {status: row[status] for status in counts} == counts
        lowest = min(frame, key=lambda r: r["margin_ratio"])
        assert (row["lowest_ratio"], row["lowest_account"]) == (lowest["margin_ratio"], lowest["account"])


def test_one_report_a_stress(report):
    assert [stress.name for stress in report.stresses] == list(STRESSES)
    assert len(report.reports) == len(STRESSES)
    assert report["depeg"] is report.reports[1]
    for name in ("flood", "today"):
        with pytest.raises(
            sg.InputError, match=f"stress: expected one of crash, depeg, an hour, nothing, found '{name}'"
        ):
            report[name]


def test_representation_counts(report):
    assert repr(report) == "StressReport(28 accounts, 4 stresses)"


# -- where stresses come from -----------------------------------------------------------------------------------------


def test_from_a_file_from_records_and_from_a_mapping(market, accounts, rules, tmp_path):
    path = tmp_path / "stresses.toml"
    path.write_text(FILE)
    from_file = sg.stress(market, accounts, rules, path)
    assert [stress.name for stress in from_file.stresses] == ["crash", "depeg", "both"]
    for given in (str(path), sg.read_stresses(path), iter(sg.read_stresses(path))):
        other = sg.stress(market, accounts, rules, given)
        pd.testing.assert_frame_equal(other.accounts, from_file.accounts, check_exact=True)
    mapped = sg.stress(market, accounts, rules, {name: STRESSES[name] for name in ("crash", "depeg")})
    known = from_file.accounts.query("stress != 'both'").reset_index(drop=True)
    pd.testing.assert_frame_equal(mapped.accounts, known, check_exact=True)


def test_moves_of_names_that_the_market_does_not_know_are_left_out_and_told(market, accounts, rules):
    unknown = {"DOGE": -0.5}
    stresses = {
        "one": {"price": {"BTC": -0.3} | unknown, "vol": unknown, "days": 0.01},
        "two": {"price": {"BTC": -0.3}},
        "three": {"peg": {"DAI": -0.1}, "basis": {"GONE-SWAP": 0.1, "BTC-USDT-SWAP": 0.001}},
    }
    found = sg.stress(market, accounts, rules, stresses)
    assert found.not_listed == ("one: price.DOGE", "one: vol.DOGE", "three: peg.DAI", "three: basis.GONE-SWAP")
    assert found.stresses == (
        sg.Stress("one", price={"BTC": -0.3}, days=0.01),
        sg.Stress("two", price={"BTC": -0.3}),
        sg.Stress("three", basis={"BTC-USDT-SWAP": 0.001}),
    )
    known = sg.stress(market, accounts, rules, found.stresses)
    assert known.not_listed == ()
    pd.testing.assert_frame_equal(found.accounts, known.accounts, check_exact=True)


# -- by hand ----------------------------------------------------------------------------------------------------------

SMALL = {
    "format": "shockgrid.market/1",
    "time": "2025-06-20T12:00:00Z",
    "index": {"BTC-USD": 100e3, "BTC-USDT": 125e3, "USDT-USD": 0.8, "USDC-USD": 1.0},
    "instruments": [
        {"id": "LIN", "kind": "perpetual", "coin": "BTC", "settle": "USDT", "contract_value": 0.01, "mark": 126e3},
        {"id": "INV", "kind": "perpetual", "coin": "BTC", "settle": "BTC", "contract_value": 100, "mark": 99e3},
    ],
}


@pytest.fixture(scope="module")
def run(rules):
    small = market_of(SMALL)

    def of(stresses, *entries: dict) -> sg.StressReport:
        return sg.stress(small, accounts_of(*entries), rules, stresses)

    return of


def entry(name: str, balances: dict, **quantities: float) -> dict:
    positions = [{"instrument": instrument, "quantity": q} for instrument, q in quantities.items()]
    return {"id": name, "balances": balances, "positions": positions}


def test_pnl_of_a_fall_by_hand(run):
    """Marks fall with their index: 126e3 to 113.4e3 USDT, 99e3 to 89.1e3 USD."""
    found = run(
        {"fall": {"price": {"BTC": -0.1}}},
        entry("linear", {"USDT": 1e6}, LIN=50),
        entry("inverse", {"USDT": 1e6}, INV=-30),
        entry("spot", {"USDT": 1e6, "BTC": 3}),
        entry("all", {"USDT": 1e6, "BTC": 3}, LIN=50, INV=-30),
    )
    linear = 50 * 0.01 * (113.4e3 - 126e3) * 0.8
    inverse = -30 * 100 * (1 / 99e3 - 1 / 89.1e3) * 90e3
    spot = 3 * (90e3 - 100e3)
    expected = [linear, inverse, spot, linear + inverse + spot]
    assert rows(found, "fall").pnl_usd.tolist() == approx(expected)


def test_pnl_of_a_lost_peg_by_hand(run):
    """USDT falls from 0.80 to 0.72: the price of BTC in it rises by 1/0.9, that in USD stays."""
    found = run(
        {"depeg": {"peg": {"USDT": -0.1}}},
        entry("cash", {"USDT": 1e6}),
        entry("linear", {"USDC": 1e6}, LIN=50),
        entry("inverse", {"USDC": 1e6}, INV=-30),
    )
    expected = [-0.08 * 1e6, 50 * 0.01 * (126e3 / 0.9 - 126e3) * 0.72, 0.0]
    assert rows(found, "depeg").pnl_usd.tolist() == approx(expected)


def test_entry_prices_that_are_given_count_today_too(run):
    """500 USDT of profit today, which a lost peg makes worth less, on top of what the position gains."""
    held = entry("a", {"USDC": 1e6}, LIN=50)
    held["positions"][0]["average_price"] = 125e3
    found = run({"depeg": {"peg": {"USDT": -0.1}}}, held)
    expected = 50 * 0.01 * ((140e3 - 125e3) * 0.72 - 1e3 * 0.8)
    assert rows(found, "depeg").pnl_usd.tolist() == approx([expected])


def test_totals_by_hand(run):
    found = run(
        {"fall": {"price": {"BTC": -0.1}}},
        entry("idle", {"USDC": 5e4}),
        entry("long", {"USDC": 1e5}, LIN=700),
        entry("short", {"USDC": 1e6}, LIN=-100),
    )
    today, fall = found.totals.to_dict("records")
    assert today["pnl_usd"] == 0
    assert fall["pnl_usd"] == approx(600 * 0.01 * -12.6e3 * 0.8)
    assert (today["safe"] + today["warning"] + today["liquidation"], fall["liquidation"]) == (3, 1)
    assert (today["lowest_account"], fall["lowest_account"]) == ("long", "long")
    assert fall["lowest_ratio"] == rows(found, "fall").margin_ratio[1] < today["lowest_ratio"]


def test_accounts_without_any_requirement_have_an_infinite_lowest_ratio(run):
    found = run({"fall": {"price": {"BTC": -0.1}}}, entry("idle", {"USDC": 5e4}))
    assert found.totals.lowest_ratio.tolist() == [math.inf] * 2
    assert found.totals.lowest_account.tolist() == ["idle"] * 2


# -- frames and files -------------------------------------------------------------------------------------------------


def test_no_accounts_have_frames_with_columns(run):
    found = run({"fall": {"price": {"BTC": -0.1}}})
    assert found.accounts.columns.tolist() == ["stress", *FIGURES, "pnl_usd"]
    assert found.totals.columns.tolist() == TOTALS
    assert len(found.accounts) == 0


def test_totals_of_no_accounts_have_a_row_a_stress(run, tmp_path):
    found = run({"fall": {"price": {"BTC": -0.1}}})
    assert found.totals.stress.tolist() == ["today", "fall"]
    assert found.totals[["pnl_usd", "mmr_usd", "safe", "liquidation"]].to_numpy().tolist() == [[0, 0, 0, 0]] * 2
    assert found.totals.lowest_ratio.isna().all()
    assert found.totals.lowest_account.tolist() == ["", ""]
    found.save(tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "totals.parquet"), found.totals)


def test_saved_frames_read_back(report, tmp_path):
    report.save(tmp_path / "new" / "folder")
    for name in ("accounts", "totals"):
        read = pd.read_parquet(tmp_path / "new" / "folder" / f"{name}.parquet")
        pd.testing.assert_frame_equal(read, getattr(report, name), check_exact=True)
    manifest = json.loads((tmp_path / "new" / "folder" / "manifest.json").read_text())
    assert manifest == json.loads(json.dumps(report.manifest))


def test_a_file_is_no_folder_to_save_into(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(sg.InputError, match="a folder that can be written"):
        report.save(tmp_path / "file")


def test_the_manifest_says_what_was_stressed(run):
    records = [sg.Stress("fall", price={"BTC": -0.1, "DOGE": 0.1}, source="desk"), sg.Stress("rise", price={"*": 0.1})]
    manifest = run(records, entry("a", {"USDC": 1.0})).manifest
    assert manifest["kind"] == "shockgrid.stress_report/1"
    assert manifest["stresses"] == [{"name": "fall", "source": "desk"}, {"name": "rise", "source": ""}]
    assert manifest["not_listed"] == ["fall: price.DOGE"]
    assert manifest["rulebook"] == "okx/v2-2025-12-04"


def test_json_holds_the_frames_and_the_manifest(run):
    found = run(
        {"fall": {"price": {"BTC": -0.1}}}, entry("a", {"USDC": 1e6}, LIN=50), entry("idle", {"USDC": 1.0})
    )  # fmt: skip
    document = json.loads(found.to_json())
    assert document["manifest"] == json.loads(json.dumps(found.manifest))
    assert [list(row) for row in document["totals"]] == [TOTALS] * 2
    assert [list(row) for row in document["accounts"]] == [["stress", *FIGURES, "pnl_usd"]] * 4
    for row, expected in zip(document["accounts"], found.accounts.to_dict("records"), strict=True):
        assert (row["stress"], row["account"], row["status"]) == tuple(
            expected[k] for k in ("stress", "account", "status")
        )
        assert row["mmr_usd"] == pytest.approx(expected["mmr_usd"], rel=1e-12)
        assert row["pnl_usd"] == pytest.approx(expected["pnl_usd"], rel=1e-12)
        assert row["margin_ratio"] == (pytest.approx(expected["margin_ratio"]) if row["account"] == "a" else None)


# -- bad input --------------------------------------------------------------------------------------------------------

TODAY = {"today": {"price": {"BTC": -0.1}}}
UNUSABLE = [
    ({}, "one or more, of different names, none of them today"),
    ([], "one or more, of different names, none of them today"),
    (TODAY, "one or more, of different names, none of them today"),
    ([sg.Stress("a"), sg.Stress("b"), sg.Stress("a")], "one or more, of different names, none of them today"),
    ({"a": {"prices": {"BTC": 0.1}}}, "moves by price, vol, peg, basis and days"),
    ({"a": {"name": "b"}}, "moves by price, vol, peg, basis and days"),
    ({"a": -0.3}, "moves by price, vol, peg, basis and days"),
]


@pytest.mark.parametrize(("stresses", "expected"), UNUSABLE, ids=str)
def test_stresses_that_cannot_be_used(run, stresses, expected):
    with pytest.raises(sg.InputError) as caught:
        run(stresses, entry("a", {"USDC": 1.0}))
    assert (caught.value.file, caught.value.path) == ("stress", "stresses")
    assert expected in caught.value.expected


@pytest.mark.parametrize("moves", [{"price": -0.3}, {"vol": None}, {"basis": ["BTC"]}], ids=str)
def test_moves_that_are_no_mapping_are_input_errors(run, moves, monkeypatch):
    # As users run it: without the tests' check of annotations, which would refuse a wrong type first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(sg.InputError, match="stress: stresses: expected moves by name"):
        run({"a": moves}, entry("a", {"USDC": 1.0}))


@pytest.mark.parametrize(
    ("moves", "path"),
    [
        ({"price": {"USDT": -0.1}}, "price.USDT"),  # an index price, but not of a coin
        ({"peg": {"BTC": -0.1}}, "peg.BTC"),
        ({"price": {"BTC": math.nan}}, "price.BTC"),
        ({"days": -1}, "time"),
        ({"days": math.inf}, "time"),
    ],
    ids=str,
)
def test_moves_that_shock_refuses_are_refused(run, moves, path):
    with pytest.raises(sg.InputError) as caught:
        run({"a": moves}, entry("a", {"USDC": 1.0}))
    assert caught.value.path == path


@pytest.mark.parametrize("moves", [{"price": {"BTC": -1}}, {"peg": {"USDT": -1.2}}, {"basis": {"LIN": -0.9}}], ids=str)
def test_moves_that_leave_no_price_are_shock_errors(run, moves):
    """The last one leaves a price, which a shock of the rulebook then takes."""
    with pytest.raises(sg.ShockError):
        run({"a": moves}, entry("a", {"USDC": 1.0}, LIN=1))


def test_a_file_that_cannot_be_read_is_refused(run, tmp_path):
    with pytest.raises(sg.InputError, match="a readable file"):
        run(tmp_path / "missing.toml", entry("a", {"USDC": 1.0}))


def test_a_stress_until_after_an_expiry_that_is_held_is_refused(market, accounts, rules):
    with pytest.raises(sg.InputError, match="an instrument live at the market's time"):
        sg.stress(market, accounts, rules, {"a year": {"days": 365}})

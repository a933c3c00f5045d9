"""OKX's own position-builder reply of 15 January 2025: the one complete public example of the v2 rules.

Book, marks and reply: okx_portfolio_margin.md section 13, and the captured reply itself in
``shared/vectors/okx_examples/position_builder_v2_response.json`` (OKX API v5 documents). Section 13 also recovers, by
arithmetic, the three index prices that the reply does not print. Tolerance: 1e-9 (okx_computation.md section 5).
"""

from __future__ import annotations

import json

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of

EXACT = {"rel": 1e-9, "abs": 1e-12}
"""1e-9 relative is the specification's; the absolute part is for the reply's zeros, rounding of some 10,000 USD."""

MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-01-15T10:26:41.642Z",
    # BTC-USD and LTC-USD enter none of the printed figures: the contracts are linear, the coins not held.
    "index": {
        "BTC-USD": 97032.2,
        "BTC-USDT": 97078.9,
        "LTC-USD": 101.89,
        "LTC-USDT": 101.9951,
        "USDT-USD": 0.99954,
    },
    "instruments": [
        {
            "id": "BTC-USDT-SWAP",
            "kind": "perpetual",
            "coin": "BTC",
            "settle": "USDT",
            "contract_value": 0.01,
            "mark": 97093.7,
        },
        {
            "id": "LTC-USDT-SWAP",
            "kind": "perpetual",
            "coin": "LTC",
            "settle": "USDT",
            "contract_value": 1,
            "mark": 102,
        },
    ],
}
ACCOUNT = {
    "id": "builder",
    "balances": {"USDT": 100},
    "positions": [
        {"instrument": "BTC-USDT-SWAP", "quantity": -10, "average_price": 100000},
        {"instrument": "LTC-USDT-SWAP", "quantity": 10, "average_price": 8000},
    ],
}

# Section 13, table "field, BTC unit, LTC unit".
UNITS = {
    "BTC": {
        "mr1": 1164.4109244719994,
        "mr2": 0,
        "mr3": 0,
        "mr4": 19.4098073796,
        "mr5": 0,
        "mr6": 1164.4109244720003,
        "mr7": 43.67206660410001,
        "mr8": 1571.064377796,
        "mr9": 0,
        "mmr_usd": 1183.8207318516002,
        "imr_usd": 1538.9669514070802,
        "cash_delta_usd": -9704.903689800001,
        "gamma_usd": 0,
        "theta_usd": 0,
        "vega_usd": 0,
        "spot_in_use": 0,
        "upl_usd": 290.49631020000027,
        "worst_price_move": 0.12,
    },
    "LTC": {
        "mr1": 183.50672805719995,
        "mr2": 0,
        "mr3": 0,
        "mr4": 8.1562464,
        "mr5": 0,
        "mr6": 183.5067280572,
        "mr7": 7.1367156,
        "mr8": 1571.064377796,
        "mr9": 0,
        "mmr_usd": 191.6629744572,
        "imr_usd": 249.16186679436,
        "cash_delta_usd": 1019.5308,
        "gamma_usd": 0,
        "theta_usd": 0,
        "vega_usd": 0,
        "spot_in_use": 0,
        "upl_usd": -78943.6692,
        "worst_price_move": -0.18,
    },
}
# Section 13, rows "mr1 (shock)", "scenario 1/3", "scenario 2/3"; the same in all three volatility states.
CELLS = {
    "BTC": {
        0.0: 0.0,
        0.04: -388.1369748240002,
        0.08: -776.2739496480004,
        0.12: -1164.4109244719994,
        -0.04: 388.1369748240002,
        -0.08: 776.2739496480004,
        -0.12: 1164.4109244719994,
    },
    "LTC": {
        0.0: 0.0,
        0.06: 61.168909352399936,
        0.12: 122.33781870480001,
        0.18: 183.50672805719995,
        -0.06: -61.168909352399936,
        -0.12: -122.33781870480001,
        -0.18: -183.50672805719995,
    },
}
# Section 13, line "Account".
TOTALS = {
    "equity_usd": -78553.21888979999,
    "gross_equity_usd": -78553.21888979999,
    "derivatives_mmr_usd": 1375.4837063088003,
    "borrow_mmr_usd": 1571.064377796,
    "mmr_usd": 2946.5480841048,
    "borrow_imr_usd": 7855.32188898,
    "imr_usd": 9643.45070718144,
    "liability_usd": 78553.21888979999,
    "margin_ratio": -25.95365779811705,
}

VOL_STATE_OF_REPLY = {"volShockUp": "up", "volSame": "unchanged", "volShockDown": "down"}
COLUMN_OF_REPLY = {
    **{f"mr{k}": f"mr{k}" for k in range(1, 10)},
    "mmr": "mmr_usd",
    "imr": "imr_usd",
    "delta": "cash_delta_usd",  # the request asked for cash Greeks
    "gamma": "gamma_usd",
    "theta": "theta_usd",
    "vega": "vega_usd",
    "upl": "upl_usd",
}


@pytest.fixture(scope="module")
def report(rules):
    return sg.margin(market_of(MARKET), accounts_of(ACCOUNT), rules)


@pytest.fixture(scope="module")
def units(report):
    return {row["unit"]: row for row in report.units.to_dict("records")}


@pytest.fixture(scope="module")
def cells(report):
    return {(r["unit"], r["price_move"], r["vol_state"]): r["pnl_usd"] for r in report.scenarios.to_dict("records")}


@pytest.fixture(scope="module")
def reply(shared):
    """The captured reply; the test is skipped where the shared folder is not."""
    path = shared / "vectors/okx_examples/position_builder_v2_response.json"
    return json.loads(path.read_text())["payload"]["data"][0]


def test_units_agree_with_the_captured_reply_when_shared_is_present(units, reply):
    assert {unit["riskUnit"] for unit in reply["riskUnitData"]} == set(units)
    for unit in reply["riskUnitData"]:
        row = units[unit["riskUnit"]]
        for field, column in COLUMN_OF_REPLY.items():
            assert row[column] == pytest.approx(float(unit[field]), **EXACT), (unit["riskUnit"], field)
        worst = unit["mr1FinalResult"]
        assert row["worst_vol_state"] == worst["volShock"]
        assert row["worst_price_move"] == float(worst["spotShock"])
        assert -row["mr1"] == pytest.approx(float(worst["pnl"]), **EXACT)
        # MR6 counts half the loss (section 7); the reply prints the whole one.
        assert -2 * row["mr6"] == pytest.approx(float(unit["mr6FinalResult"]["pnl"]), **EXACT)


def test_all_42_cells_agree_with_the_captured_reply_when_shared_is_present(cells, reply):
    printed = {
        (unit["riskUnit"], float(move), VOL_STATE_OF_REPLY[state]): float(pnl)
        for unit in reply["riskUnitData"]
        for state, by_move in unit["mr1Scenarios"].items()
        for move, pnl in by_move.items()
    }
    assert len(printed) == 42
    assert cells == pytest.approx(printed, **EXACT)


def test_account_agrees_with_the_captured_reply_when_shared_is_present(report, reply):
    account = report.accounts.iloc[0]
    usdt = next(asset for asset in reply["assets"] if asset["ccy"] == "USDT")
    printed = {
        "equity_usd": reply["eq"],
        "derivatives_mmr_usd": reply["derivMmr"],
        "borrow_mmr_usd": reply["borrowMmr"],
        "borrow_imr_usd": usdt["borrowImr"],
        "mmr_usd": reply["totalMmr"],
        "imr_usd": reply["totalImr"],
        "margin_ratio": reply["marginRatio"],
    }
    for column, value in printed.items():
        assert account[column] == pytest.approx(float(value), **EXACT), column
    assert report.units.upl_usd.sum() == pytest.approx(float(reply["upl"]), **EXACT)
    # The only currency: its equity in USDT is the account's in USD over the index of USDT.
    assert account.gross_equity_usd / 0.99954 == pytest.approx(float(usdt["availEq"]), **EXACT)


@pytest.mark.parametrize("unit", UNITS)
def test_units_agree_with_section_13(units, unit):
    for column, value in UNITS[unit].items():
        assert units[unit][column] == pytest.approx(value, **EXACT), column
    # "ties are reported with volShock = up" (section 2.2): a linear book is the same in all three states.
    assert units[unit]["worst_vol_state"] == "up"
    # MR1 and MR6 differ in rounding only; the 1e-9 rule of `dominant` prefers MR1.
    assert units[unit]["dominant"] == "mr1"


def test_all_42_cells_agree_with_section_13(cells):
    expected = {
        (unit, move, state): pnl
        for unit, by_move in CELLS.items()
        for move, pnl in by_move.items()
        for state in ("up", "unchanged", "down")
    }
    assert len(expected) == 42
    assert cells == pytest.approx(expected, **EXACT)


def test_account_agrees_with_section_13(report):
    account = report.accounts.iloc[0]
    for column, value in TOTALS.items():
        assert account[column] == pytest.approx(value, **EXACT), column
    assert account.status == "liquidation"
    assert not account.eligible
    assert report.units.upl_usd.sum() == pytest.approx(-78653.1728898, **EXACT)


def test_positions_show_the_notional_of_section_13(report):
    """``delta`` of the reply's portfolios, of which there is one a unit."""
    rows = {row["instrument"]: row for row in report.positions.to_dict("records")}
    assert rows["BTC-USDT-SWAP"]["cash_delta_usd"] == pytest.approx(-9704.903689800001, **EXACT)
    assert rows["LTC-USDT-SWAP"]["cash_delta_usd"] == pytest.approx(1019.5308, **EXACT)
    assert {name: (row["quantity"], row["mark"]) for name, row in rows.items()} == {
        "BTC-USDT-SWAP": (-10, 97093.7),
        "LTC-USDT-SWAP": (10, 102),
    }

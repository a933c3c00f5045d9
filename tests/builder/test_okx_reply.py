"""OKX's position-builder example, whole; and what the example does not show."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.builder.okx_reply import okx_reply
from shockgrid.io.okx.position_builder import PositionBuilderRequest, read_position_builder_request
from tests.documents import accounts_of, market_of

EXACT = {"rel": 1e-9, "abs": 1e-12}
TIME, EXPIRY = "2025-01-15T10:26:41.642Z", "2025-03-28T08:00:00Z"
IDENTIFIERS = ("ccy", "instId", "instType", "posSide", "riskUnit", "volShock", "code", "msg", "ts")


def instrument(name, kind, settle, size, mark, coin="BTC", **more):
    row = {"id": name, "kind": kind, "coin": coin, "settle": settle, "contract_value": size, "mark": mark}
    return row | more


# okx_portfolio_margin.md section 13: recovered index prices; those in USD are notionalUsd over the size in coin.
MARKET = {
    "format": "shockgrid.market/1",
    "time": TIME,
    "index": {
        "BTC-USD": 97032.2,
        "BTC-USDT": 97078.9,
        "LTC-USD": 101.89,
        "LTC-USDT": 101.9951,
        "USDT-USD": 0.99954,
        "USDC-USD": 1.0,
    },
    "instruments": [
        instrument("BTC-USDT-SWAP", "perpetual", "USDT", 0.01, 97093.7),
        instrument("LTC-USDT-SWAP", "perpetual", "USDT", 1, 102, coin="LTC"),
    ],
}
FORWARD, STRIKE, VOL = 98500.0, 100e3, 0.55
OPTION = {"expiry": EXPIRY, "strike": STRIKE, "forward": FORWARD, "vol": VOL}
# The same with inverse contracts, a future and options, whose marks are the model's.
WIDE_MARKET = MARKET | {
    "instruments": [
        *MARKET["instruments"],
        instrument("BTC-USD-SWAP", "perpetual", "BTC", 100, 97050.0),
        instrument("BTC-USDT-250328", "future", "USDT", 0.01, 98600.0, expiry=EXPIRY),
        instrument("BTC-USD-250328-100000-C", "option", "BTC", 0.01, 0.09, right="call", **OPTION),
        instrument("BTC-USD-250328-100000-P", "option", "BTC", 0.01, 0.1, right="put", **OPTION),
    ]
}
YEARS = (np.datetime64(EXPIRY[:-1], "ms") - np.datetime64(TIME[:-1], "ms")).astype(int) / (365 * 24 * 3600 * 1000)


@pytest.fixture(scope="module")
def market():
    return market_of(MARKET)


@pytest.fixture(scope="module")
def wide_market():
    return market_of(WIDE_MARKET)


@pytest.fixture(scope="module")
def example(shared):
    return json.loads((shared / "vectors/okx_examples/position_builder_v2_response.json").read_text())["payload"]


def request_of(positions=(), balances=None, greeks_type="CASH", index_move=0.0, include_real=False):
    held = [
        {"instrument": name, "quantity": quantity} | ({} if price is None else {"average_price": price})
        for name, quantity, price in positions
    ]
    accounts = accounts_of({"id": "position-builder", "positions": held, "balances": balances or {}})
    return PositionBuilderRequest(accounts, include_real, greeks_type, index_move)


EXAMPLE = request_of([("BTC-USDT-SWAP", -10, 100000), ("LTC-USDT-SWAP", 10, 8000)], {"USDT": 100})


def answer(market, request, rules, **more):
    (data,) = okx_reply(market, request, rules, **more)["data"]
    return data


def units_of(data):
    return {unit["riskUnit"]: unit for unit in data["riskUnitData"]}


def lines_of(unit):
    return {line["instId"]: line for line in unit["portfolios"]}


def differences(found, expected, path="", key=""):
    """Every place where two replies differ; numbers in strings may differ by 1e-9."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if found.keys() != expected.keys():
            return [f"{path}: keys {sorted(found.keys() ^ expected.keys())}"]
        return [d for k in expected for d in differences(found[k], expected[k], f"{path}.{k}", k)]
    if isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            return [f"{path}: {len(found)} entries, not {len(expected)}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [d for k, (f, e) in pairs for d in differences(f, e, f"{path}[{k}]", key)]
    if type(found) is not type(expected):
        return [f"{path}: {found!r}, not {expected!r}"]
    if isinstance(expected, str) and expected and key not in IDENTIFIERS:
        return [] if float(found) == pytest.approx(float(expected), **EXACT) else [f"{path}: {found}, not {expected}"]
    return [] if found == expected else [f"{path}: {found!r}, not {expected!r}"]


def test_the_whole_example_is_reproduced_from_its_request(market, rules, example, shared):
    request = read_position_builder_request(shared / "vectors/okx_examples/position_builder_v2_request.json", case=0)
    reply = okx_reply(market, request, rules)
    assert differences(reply, example) == []
    assert list(reply["data"][0]) == list(example["data"][0])
    for mine, printed in zip(reply["data"][0]["riskUnitData"], example["data"][0]["riskUnitData"], strict=True):
        assert list(mine) == list(printed)


def test_the_whole_example_is_reproduced_from_a_request_made_by_hand(market, rules, example):
    assert differences(okx_reply(market, EXAMPLE, rules), example) == []


def test_the_comparison_itself_notices_differences(example):
    changed = json.loads(json.dumps(example))
    changed["data"][0]["riskUnitData"][1]["mr1Scenarios"]["volSame"]["0.18"] = "183.5067"
    changed["data"][0]["assets"][0]["ccy"] = "ETH"
    changed["data"][0]["riskUnitData"][0]["mmrBf"] = "0"
    assert len(differences(changed, example)) == 3
    del changed["data"][0]["upl"]
    assert len(differences(changed, example)) == 1


def test_the_newest_rulebook_is_the_default(market, rules):
    assert okx_reply(market, EXAMPLE) == okx_reply(market, EXAMPLE, rules)


@pytest.mark.parametrize("greeks_type", ["BS", "PA"])
def test_bs_and_pa_count_coins(wide_market, rules, greeks_type):
    request = request_of([("BTC-USDT-SWAP", -10, 1e5), ("BTC-USD-SWAP", 50, 9e4)], greeks_type=greeks_type)
    unit = units_of(answer(wide_market, request, rules))["BTC"]
    lines = lines_of(unit)
    inverse = 50 * 100 / 97050.0
    assert float(lines["BTC-USDT-SWAP"]["delta"]) == pytest.approx(-0.1, **EXACT)
    assert lines["BTC-USDT-SWAP"]["gamma"] == "0"
    assert float(lines["BTC-USD-SWAP"]["delta"]) == pytest.approx(inverse, **EXACT)
    gamma = -2 * inverse if greeks_type == "PA" else 0
    assert float(lines["BTC-USD-SWAP"]["gamma"]) == pytest.approx(gamma, **EXACT)
    assert float(unit["delta"]) == pytest.approx(inverse - 0.1, **EXACT)
    assert float(unit["gamma"]) == pytest.approx(gamma, **EXACT)


def normal(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def call_greeks(index):
    """Section 2.5 written out, of one coin."""
    root = math.sqrt(YEARS)
    d1 = math.log(FORWARD / STRIKE) / (VOL * root) + 0.5 * VOL * root
    d2 = d1 - VOL * root
    density = math.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi)
    rate, value = math.log(FORWARD / index) / YEARS, normal(d1) - STRIKE / FORWARD * normal(d2)
    theta = (-index * density * VOL / (2 * root) - rate * STRIKE * math.exp(-rate * YEARS) * normal(d2)) / 365
    bs = {
        "delta": normal(d1),
        "gamma": density / (index * VOL * root),
        "vega": index * density * root / 100,
        "theta": theta,
    }
    pa = {
        "delta": normal(d1) - value,
        "gamma": density / (VOL * root) - 2 * (normal(d1) - value),
        "vega": density * root / 100,
        "theta": -density * VOL / (2 * root) / 365,
    }
    return {"BS": bs, "PA": pa}


@pytest.mark.parametrize("greeks_type", ["BS", "PA"])
def test_option_greeks_are_those_of_section_2_5(wide_market, rules, greeks_type):
    request = request_of([("BTC-USD-250328-100000-C", -30, 0.1)], {"BTC": 1}, greeks_type)
    unit = units_of(answer(wide_market, request, rules))["BTC"]
    line = lines_of(unit)["BTC-USD-250328-100000-C"]
    for name, value in call_greeks(97032.2)[greeks_type].items():
        assert float(line[name]) == pytest.approx(-30 * 0.01 * value, rel=1e-9), name
        assert float(unit[name]) == float(line[name])


def test_cash_greeks_are_those_of_the_units_frame(wide_market, rules):
    positions = [("BTC-USD-250328-100000-C", -30, 0.1), ("BTC-USD-250328-100000-P", 20, None), ("BTC-USD-SWAP", 7, 9e4)]
    request = request_of(positions, {"BTC": 1})
    unit = units_of(answer(wide_market, request, rules))["BTC"]
    frame = sg.margin(wide_market, request.accounts, rules).units.iloc[0]
    columns = {"delta": "cash_delta_usd", "gamma": "gamma_usd", "theta": "theta_usd", "vega": "vega_usd"}
    for name, column in columns.items():
        assert float(unit[name]) == pytest.approx(frame[column], **EXACT)
        assert float(unit[name]) == pytest.approx(
            sum(float(line[name] or 0) for line in unit["portfolios"][:3]), **EXACT
        )
    assert float(unit["theta"]) != 0 != float(unit["vega"])
    for k in range(1, 10):
        assert float(unit[f"mr{k}"]) == pytest.approx(frame[f"mr{k}"], **EXACT)


def test_pnl_is_in_the_settlement_currency_and_notionals_at_the_index_of_the_coin(wide_market, rules):
    positions = [
        ("BTC-USD-SWAP", -50, 90e3),
        ("BTC-USDT-250328", 4, 98000),
        ("BTC-USD-250328-100000-P", 20, 0.08),
        ("BTC-USDT-SWAP", 3, None),
    ]
    data = answer(wide_market, request_of(positions, {"BTC": 1}), rules)
    unit = units_of(data)["BTC"]
    lines = lines_of(unit)
    pnl = {name: float(line["floatPnl"]) for name, line in lines.items() if line["instType"] != "SPOT"}
    coin = -50 * 100 * (1 / 90e3 - 1 / 97050.0) + 20 * 0.01 * (0.1 - 0.08)
    assert pnl == pytest.approx(
        {
            "BTC-USD-SWAP": -50 * 100 * (1 / 90e3 - 1 / 97050.0),
            "BTC-USDT-250328": 4 * 0.01 * 600.0,
            "BTC-USD-250328-100000-P": 20 * 0.01 * (0.1 - 0.08),
            "BTC-USDT-SWAP": 0,
        },
        **EXACT,
    )
    assert lines["BTC-USDT-SWAP"]["avgPx"] == ""
    assert float(unit["upl"]) == pytest.approx(coin * 97032.2 + 24 * 0.99954, **EXACT)
    notional = {"BTC-USD-SWAP": 5000, "BTC-USDT-250328": 0.04 * 97032.2, "BTC-USD-250328-100000-P": 0.2 * 97032.2}
    for name, value in notional.items():
        assert float(lines[name]["notionalUsd"]) == pytest.approx(value, **EXACT)
    assert [lines[name]["instType"] for name in notional] == ["SWAP", "FUTURES", "OPTION"]
    notionals = sum(notional.values()) + 0.03 * 97032.2
    # Equity counts the option's value, not its P&L.
    equity = (1 + coin + 20 * 0.01 * 0.08) * 97032.2 + 24 * 0.99954
    assert float(data["eq"]) == pytest.approx(equity, **EXACT)
    assert float(data["acctLever"]) == pytest.approx(notionals / equity, **EXACT)
    (bitcoin,) = [asset for asset in data["assets"] if asset["ccy"] == "BTC"]
    assert float(bitcoin["availEq"]) == pytest.approx(1 + coin + 20 * 0.01 * 0.08, **EXACT)


def test_equity_has_no_haircut(market, rules):
    request = request_of([("BTC-USDT-SWAP", -100, 97093.7)], {"LTC": 1000, "USDT": 5000})
    data = answer(market, request, rules)
    account = sg.margin(market, request.accounts, rules).accounts.iloc[0]
    assert float(data["eq"]) == pytest.approx(1000 * 101.89 + 5000 * 0.99954, **EXACT)
    assert account.equity_usd < float(data["eq"])
    assert float(data["marginRatio"]) == pytest.approx(float(data["eq"]) / account.mmr_usd, **EXACT)


def test_spot_that_hedges_has_a_line_and_an_asset(market, rules):
    data = answer(market, request_of([("BTC-USDT-SWAP", -100, 97093.7)], {"BTC": 3, "USDT": 10}), rules)
    unit = units_of(data)["BTC"]
    used = 97093.7 * 0.99954 / 97032.2  # the derivatives' delta in coin, less than what there is
    spot = unit["portfolios"][-1]
    assert (spot["instId"], spot["instType"], spot["isRealPos"]) == ("BTC", "SPOT", False)
    assert float(spot["amt"]) == pytest.approx(used, **EXACT)
    assert float(spot["delta"]) == pytest.approx(3, **EXACT)
    assert float(spot["notionalUsd"]) == pytest.approx(used * 97032.2, **EXACT)
    assert [spot[key] for key in ("gamma", "theta", "vega", "floatPnl", "avgPx", "posSide")] == [""] * 6
    (asset,) = [a for a in data["assets"] if a["ccy"] == "BTC"]
    assert asset["spotInUse"] == spot["amt"]
    # Leverage and Greeks are the positions' alone.
    assert float(data["acctLever"]) == pytest.approx(97032.2 / float(data["eq"]), **EXACT)
    assert float(unit["delta"]) == pytest.approx(-97093.7 * 0.99954, **EXACT)
    # Marks and indices differ by a little: the hedged book is nearly flat, and MR6 names the move that loses.
    linear, hedge = -97078.9 * 0.99954 * 0.24, used * 97032.2 * 0.24
    worst = unit["mr6FinalResult"]
    assert float(worst["pnl"]) == pytest.approx(-abs(linear + hedge), rel=1e-6)
    assert float(worst["spotShock"]) == (0.24 if linear + hedge < 0 else -0.24)
    assert float(unit["mr6"]) == pytest.approx(-0.5 * float(worst["pnl"]), **EXACT)


def test_assets_are_sorted_and_hold_what_is_held_settled_or_margined(wide_market, rules):
    data = answer(wide_market, request_of([("LTC-USDT-SWAP", 1, None)], {"USD": 50, "BTC": -0.5}), rules)
    assets = {asset["ccy"]: asset for asset in data["assets"]}
    assert list(assets) == ["BTC", "LTC", "USD", "USDC", "USDT"]
    assert {name: asset["availEq"] for name, asset in assets.items()} == {
        "BTC": "-0.5",
        "LTC": "0",
        "USD": "50",
        "USDC": "0",
        "USDT": "0",
    }
    account = sg.margin(
        wide_market, request_of([("LTC-USDT-SWAP", 1, None)], {"USD": 50, "BTC": -0.5}).accounts, rules
    ).accounts.iloc[0]
    assert float(assets["BTC"]["borrowImr"]) == pytest.approx(account.borrow_imr_usd, **EXACT)
    assert float(assets["BTC"]["borrowImr"]) > 0


def test_mr6_prefers_the_rise_where_both_moves_are_equal(wide_market, rules):
    positions = [("BTC-USDT-SWAP", 5, None), ("BTC-USDT-250328", -5, None)]
    unit = units_of(answer(wide_market, request_of(positions, {"USDT": 100}), rules))["BTC"]
    assert unit["mr6FinalResult"]["spotShock"] == "0.24"
    assert float(unit["mr6FinalResult"]["pnl"]) == pytest.approx(0, abs=1e-9)


def test_an_account_without_positions(market, rules):
    data = answer(market, request_of([], {"USDT": 100}), rules)
    assert data["riskUnitData"] == []
    assert (data["marginRatio"], data["acctLever"], data["totalMmr"], data["upl"]) == ("", "0", "0", "0")
    assert answer(market, request_of(), rules)["acctLever"] == ""


@pytest.mark.parametrize("move", [0.1, -0.99])
def test_a_move_shows_the_figures_before_and_after(market, rules, move):
    data = answer(market, dataclasses.replace(EXAMPLE, index_move=move), rules)
    before, after = units_of(answer(market, EXAMPLE, rules)), units_of(data)
    for unit, size, mark, entry in (("BTC", -0.1, 97093.7, 100000), ("LTC", 10, 102, 8000)):
        assert (after[unit]["mmrBf"], after[unit]["imrBf"]) == (before[unit]["mmr"], before[unit]["imr"])
        (line,) = after[unit]["portfolios"]
        assert line["markPxBf"] == before[unit]["portfolios"][0]["markPx"]
        assert float(line["markPx"]) == pytest.approx(mark * (1 + move), **EXACT)
        assert float(line["floatPnl"]) == pytest.approx(size * (mark * (1 + move) - entry), **EXACT)
        notional = float(before[unit]["portfolios"][0]["notionalUsd"])
        assert float(line["notionalUsd"]) == pytest.approx(notional * (1 + move), **EXACT)
        # A linear unit's margin is in proportion to the index.
        assert float(after[unit]["mmr"]) == pytest.approx(float(before[unit]["mmr"]) * (1 + move), **EXACT)
    pnl = -0.1 * (97093.7 * (1 + move) - 1e5) + 10 * (102 * (1 + move) - 8000)
    assert float(data["eq"]) == pytest.approx((100 + pnl) * 0.99954, **EXACT)


def test_a_move_revalues_options_and_inverse_contracts(wide_market, rules):
    positions = [("BTC-USD-250328-100000-C", 10, None), ("BTC-USD-SWAP", 50, None)]
    data = answer(wide_market, request_of(positions, {"BTC": 1}, index_move=0.1), rules)
    lines = lines_of(units_of(data)["BTC"])
    forward, root = FORWARD * 1.1, math.sqrt(YEARS)
    d1 = math.log(forward / STRIKE) / (VOL * root) + 0.5 * VOL * root
    mark = normal(d1) - STRIKE / forward * normal(d1 - VOL * root)
    option = lines["BTC-USD-250328-100000-C"]
    assert (option["markPxBf"], option["avgPx"]) == ("0.09", "")
    assert float(option["markPx"]) == pytest.approx(mark, rel=1e-9)
    # Without an average price the position is entered at the mark before the move.
    assert float(option["floatPnl"]) == pytest.approx(10 * 0.01 * (mark - 0.09), rel=1e-9)
    inverse = lines["BTC-USD-SWAP"]
    assert float(inverse["markPx"]) == pytest.approx(97050 * 1.1, **EXACT)
    assert float(inverse["floatPnl"]) == pytest.approx(5000 * (1 / 97050 - 1 / (97050 * 1.1)), **EXACT)
    upl = float(option["floatPnl"]) + float(inverse["floatPnl"])
    assert float(data["upl"]) == pytest.approx(upl * 97032.2 * 1.1, **EXACT)


def test_a_move_shows_the_index_of_spot_in_use_before(market, rules):
    request = request_of([("BTC-USDT-SWAP", -100, None)], {"BTC": 0.5}, index_move=-0.2)
    spot = units_of(answer(market, request, rules))["BTC"]["portfolios"][-1]
    assert (spot["instType"], spot["amt"], spot["markPxBf"]) == ("SPOT", "0.5", "97032.2")
    assert float(spot["markPx"]) == pytest.approx(97032.2 * 0.8, **EXACT)


REAL = {
    "id": "mine",
    "positions": [{"instrument": "BTC-USDT-SWAP", "quantity": 4, "average_price": 95000}],
    "balances": {"USDT": 20000},
}


def test_real_holdings_are_added_and_marked(market, rules):
    simulated = [("LTC-USDT-SWAP", 10, 8000), ("BTC-USDT-SWAP", -10, 100000)]
    request = request_of(simulated, {"USDT": 77777}, include_real=True)
    data = answer(market, request, rules, real_accounts=accounts_of(REAL))
    merged = [
        *REAL["positions"],
        *({"instrument": n, "quantity": q, "average_price": p} for n, q, p in simulated),
    ]
    report = sg.margin(market, accounts_of(REAL | {"positions": merged}), rules)  # simulated assets do not count
    assert float(data["totalMmr"]) == pytest.approx(report.accounts.mmr_usd[0], **EXACT)
    assert float(data["eq"]) == pytest.approx(report.accounts.gross_equity_usd[0], **EXACT)
    lines = units_of(data)["BTC"]["portfolios"]
    assert [(line["amt"], line["avgPx"], line["isRealPos"]) for line in lines] == [
        ("4", "95000", True),
        ("-10", "100000", False),
    ]


def test_real_holdings_alone(market, rules):
    data = answer(market, request_of(include_real=True), rules, real_accounts=accounts_of(REAL))
    report = sg.margin(market, accounts_of(REAL), rules)
    assert float(data["totalMmr"]) == pytest.approx(report.accounts.mmr_usd[0], **EXACT)
    assert [asset["ccy"] for asset in data["assets"]] == ["BTC", "USDC", "USDT"]


def test_real_holdings_that_are_not_asked_for_are_not_read(market, rules):
    assert okx_reply(market, EXAMPLE, rules, accounts_of(REAL)) == okx_reply(market, EXAMPLE, rules)


def test_real_holdings_asked_for_must_be_given_once(market, rules):
    request = request_of(include_real=True)
    with pytest.raises(sg.InputError, match=r"inclRealPosAndEq: expected .*real_accounts.*found true"):
        okx_reply(market, request, rules)
    with pytest.raises(sg.InputError, match=r"accounts: expected the one account.*found 2"):
        okx_reply(market, request, rules, accounts_of(REAL, REAL | {"id": "other"}))


def test_a_wrong_row_is_named_in_the_document_that_it_comes_from(market, rules):
    request = request_of([("ETH-USDT-SWAP", 1, None)], include_real=True)
    with pytest.raises(sg.InputError) as caught:
        okx_reply(market, request, rules, accounts_of(REAL))
    assert (caught.value.file, caught.value.path) == (
        request.accounts.source.file,
        "accounts[0].positions[0].instrument",
    )
    real = accounts_of(REAL | {"balances": {"XYZ": 1}})
    with pytest.raises(sg.InputError) as caught:
        okx_reply(market, request_of(include_real=True), rules, real)
    assert caught.value.path.startswith(f"{real.source.file}: accounts[0].balances.XYZ")

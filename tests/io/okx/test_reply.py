"""How OKX writes numbers, and what it leaves empty."""

from __future__ import annotations

import dataclasses

import pytest

from shockgrid.io.okx.reply import (
    AssetLine,
    PositionBuilderReply,
    PositionLine,
    RiskUnitLine,
    WorstMove,
    format_position_builder_reply,
    number_text,
)

SPOT = PositionLine("BTC", "SPOT", 0.5, None, None, 1e5, None, 5e4, 2.0, None, None, None, "", False)
UNIT = RiskUnitLine(
    unit="BTC",
    mmr_before=None,
    mmr=12.5,
    imr_before=None,
    imr=16.25,
    upl=-0.0,
    charges_usd=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
    scenarios={"unchange": {0.0: -0.0, -0.04: 1.5}, "down": {0.0: 1.0}, "up": {0.0: -1.0}},
    mr1_worst=WorstMove(-1.0, 0.0, "up"),
    mr6_worst=WorstMove(-2.0, -0.24),
    delta=0.0,
    gamma=1e-7,
    theta=-1e-10,
    vega=1e21,
    positions=(SPOT,),
)
REPLY = PositionBuilderReply(
    equity=0.0,
    mmr=12.5,
    imr=16.25,
    borrow_mmr=0.0,
    derivatives_mmr=12.5,
    margin_ratio=None,
    upl=0.0,
    leverage=None,
    time_ms=1736936801642,
    assets=(AssetLine("BTC", 2.0, 0.5, 0.0),),
    units=(UNIT,),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-10.0, "-10"),
        (100000.0, "100000"),
        (0.04, "0.04"),
        (290.6300000000003, "290.6300000000003"),
        (-78553.21888979999, "-78553.21888979999"),
        (1e-7, "0.0000001"),
        (1e21, "1000000000000000000000"),
        (0.1 + 0.2, "0.30000000000000004"),
        (None, ""),
    ],
)
def test_numbers_are_the_shortest_decimals_without_exponent(value, text):
    assert number_text(value) == text
    assert value is None or float(text) == value


def test_the_envelope_and_what_is_empty():
    reply = format_position_builder_reply(REPLY)
    assert list(reply) == ["code", "data", "msg"]
    assert (reply["code"], reply["msg"]) == ("0", "")
    (data,) = reply["data"]
    assert data["marginRatio"] == data["acctLever"] == ""
    assert data["positions"] == []
    assert data["ts"] == "1736936801642"
    (asset,) = data["assets"]
    assert asset == {"availEq": "2", "borrowImr": "0", "borrowMmr": "", "ccy": "BTC", "spotInUse": "0.5"}


def test_a_unit_writes_each_charge_under_its_name():
    (unit,) = format_position_builder_reply(REPLY)["data"][0]["riskUnitData"]
    assert [unit[f"mr{k}"] for k in range(1, 10)] == [str(k) for k in range(1, 10)]
    assert (unit["gamma"], unit["theta"], unit["vega"]) == ("0.0000001", "-0.0000000001", "1000000000000000000000")
    assert unit["mmrBf"] == unit["imrBf"] == ""
    assert unit["upl"] == "0"
    assert unit["mr1Scenarios"] == {
        "volSame": {"0": "0", "-0.04": "1.5"},
        "volShockDown": {"0": "1"},
        "volShockUp": {"0": "-1"},
    }
    assert unit["mr1FinalResult"] == {"pnl": "-1", "spotShock": "0", "volShock": "up"}
    assert unit["mr6FinalResult"] == {"pnl": "-2", "spotShock": "-0.24"}


def test_spot_has_no_greeks_but_its_amount():
    (unit,) = format_position_builder_reply(REPLY)["data"][0]["riskUnitData"]
    (line,) = unit["portfolios"]
    assert (line["instType"], line["amt"], line["delta"], line["isRealPos"]) == ("SPOT", "0.5", "2", False)
    assert [line[key] for key in ("gamma", "theta", "vega", "avgPx", "floatPnl", "markPxBf", "posSide")] == [""] * 7


def test_figures_before_a_move_are_written_where_there_are_some():
    moved = dataclasses.replace(UNIT, mmr_before=10.0, imr_before=13.0)
    reply = format_position_builder_reply(dataclasses.replace(REPLY, units=(moved,)))
    unit = reply["data"][0]["riskUnitData"][0]
    assert (unit["mmrBf"], unit["imrBf"]) == ("10", "13")


def test_nine_charges_are_required():
    with pytest.raises(ValueError, match="zip"):
        format_position_builder_reply(
            dataclasses.replace(REPLY, units=(dataclasses.replace(UNIT, charges_usd=(1.0,)),))
        )

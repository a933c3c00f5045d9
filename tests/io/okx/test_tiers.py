"""Tier tables of OKX."""

from __future__ import annotations

import math

import pytest

from shockgrid.errors import InputError
from shockgrid.io.okx.tiers import (
    DiscountTier,
    PmPositionLimit,
    PositionTier,
    read_discount_tiers,
    read_pm_position_limits,
    read_position_tiers,
)
from tests.io.okx.okx_documents import reply

# Examples of OKX's API documents, the last discount tier open at the top.
DISCOUNTS = {
    "ccy": "BTC",
    "details": [
        {"tier": "1", "minAmt": "0", "maxAmt": "20", "discountRate": "0.98", "liqPenaltyRate": "0.02"},
        {"tier": "2", "minAmt": "20", "maxAmt": "", "discountRate": "0.9775"},
    ],
}
TIER = {"tier": "1", "minSz": "0", "maxSz": "50", "mmr": "0.03", "imr": "0.1", "maxLever": "10", "optMgnFactor": ""}
LIMIT = {"instFamily": "BTC-USDT", "maxSz": "10000", "posType": "", "uly": "BTC-USDT"}


def refused(read, payload, place: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        read(payload)
    assert caught.value.path == place
    assert expected in caught.value.expected


def test_discounts():
    first, second = read_discount_tiers(reply(DISCOUNTS))
    assert first == DiscountTier("BTC", 1, 0, 20, 0.98, 0.02)
    assert (second.max_amount, second.discount_frac) == (math.inf, 0.9775)
    assert math.isnan(second.penalty_frac)


def test_position_tiers():
    (tier,) = read_position_tiers(reply(TIER | {"instId": "BTC-USDT", "instFamily": ""}))
    assert (tier.instrument, tier.family, tier.max_size, tier.mmr_frac, tier.imr_frac) == (
        "BTC-USDT",
        "",
        50,
        0.03,
        0.1,
    )
    assert math.isnan(tier.option_margin_factor)


def test_position_limits():
    assert read_pm_position_limits(reply(LIMIT)) == (PmPositionLimit("BTC-USDT", 10000, ""),)


def test_mistakes_are_named():
    details = DISCOUNTS["details"]
    payload = reply(DISCOUNTS | {"details": [details[0], details[1] | {"maxAmt": "10"}]})
    refused(read_discount_tiers, payload, "data[0].details[1].maxAmt", "an end above 20")
    payload = reply(DISCOUNTS | {"details": [details[0] | {"discountRate": ""}]})
    refused(read_discount_tiers, payload, "data[0].details[0].discountRate", "a number")
    refused(read_discount_tiers, reply({"details": []}), "data[0].ccy", "a non-empty string")
    refused(read_position_tiers, reply(TIER), "data[0].instFamily", "a family")
    refused(read_position_tiers, reply(TIER | {"instFamily": "BTC-USD", "mmr": ""}), "data[0].mmr", "a number")
    refused(read_pm_position_limits, reply(LIMIT | {"maxSz": ""}), "data[0].maxSz", "a number")
    refused(read_pm_position_limits, reply(code="51000", msg="Parameter error"), "code", "succeeded")


def test_shared_tables(shared):
    examples = shared / "vectors" / "okx_examples"
    discounts = read_discount_tiers(examples / "discount_rate_btc.json")
    assert [(tier.min_amount, tier.max_amount, tier.discount_frac) for tier in discounts] == [
        (0, 20, 0.98),
        (20, 25, 0.9775),
    ]
    assert read_position_tiers(examples / "position_tiers_public.json") == (
        PositionTier("BTC-USDT", "", 1, 0, 50, 0.03, 0.1, 10, 0),
    )
    assert read_pm_position_limits(examples / "pm_position_tiers.json")[0].max_size == 10000

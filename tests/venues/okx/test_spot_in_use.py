"""Which spot enters a risk unit: section 2 of the computation."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

import shockgrid as sg
from shockgrid.venues.okx.spot_in_use import spot_in_use
from tests.documents import accounts_of, market_of
from tests.reference.okx import margin as twin_margin

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("delta", "equity", "limit", "expected"),
    [
        (-5.0, 3.0, INFINITE, 3.0),
        (-5.0, 8.0, INFINITE, 5.0),
        (-5.0, 8.0, 2.0, 2.0),
        (-5.0, 8.0, 0.0, 0.0),
        (5.0, -3.0, INFINITE, -3.0),
        (5.0, -8.0, 2.0, -2.0),
        (5.0, 8.0, INFINITE, 0.0),
        (-5.0, -8.0, INFINITE, 0.0),
        (0.0, 8.0, INFINITE, 0.0),
    ],
)
def test_spot_offsets_derivatives_as_far_as_both_and_the_limit_reach(x64, delta, equity, limit, expected):
    assert float(spot_in_use(*map(jnp.asarray, (delta, equity, limit)))) == expected


PERPETUAL = {"kind": "perpetual"}
MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-02-01T00:00:00Z",
    "index": {
        "BTC-USD": 100_000.0,
        "BTC-USDC": 100_050.0,
        "USDC-USD": 0.9995,
        "USDT-USD": 0.999,
        "USDC-USDT": 1.0005,
    },
    "instruments": [
        {"id": "BTC-USDC-SWAP", "coin": "BTC", "settle": "USDC", "contract_value": 0.01, "mark": 1e5, **PERPETUAL},
        {"id": "USDC-USDT-SWAP", "coin": "USDC", "settle": "USDT", "contract_value": 10, "mark": 1.0, **PERPETUAL},
    ],
}


def test_profit_settled_in_a_coin_is_equity_in_it(rules):
    """USDC is both a settlement currency and, for its own perpetual, the coin of a unit: 1,000 - 400 USDC may hedge."""
    account = {
        "id": "a",
        "balances": {"USDC": 1000.0},
        "positions": [
            {"instrument": "BTC-USDC-SWAP", "quantity": 1, "average_price": 140_000.0},
            {"instrument": "USDC-USDT-SWAP", "quantity": -100, "average_price": 1.0},
        ],
    }
    report = sg.margin(market_of(MARKET), accounts_of(account), rules)
    unit = report.units.set_index("unit").loc["USDC"]
    assert unit.spot_in_use == pytest.approx(600.0, rel=1e-12)
    twin = twin_margin(MARKET, account)["units"]["USDC"]
    assert unit.spot_in_use == pytest.approx(twin["spot_in_use"], rel=1e-12)
    assert unit.mmr_usd == pytest.approx(twin["mmr_usd"], rel=1e-9)

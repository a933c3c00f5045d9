"""Greeks against published figures: Haug's book, OKX's and Deribit's own tickers, and finite differences."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import jax
import jax.numpy as jnp
import pytest

from shockgrid.pricing.greeks import greeks_bs, greeks_pa

YEAR_MS = 365 * 24 * 3600 * 1000


def _arrays(*values):
    return [jnp.asarray(v, float) for v in values]


def _expiry_ms(instrument: str) -> int:
    """08:00 UTC of the date in the name, ``BTC-30SEP22-60000-C`` or ``BTC-USD-231229-40000-P``."""
    date = instrument.split("-")[-3]
    form = "%y%m%d" if date.isdigit() else "%d%b%y"
    return int(datetime.strptime(date, form).replace(hour=8, tzinfo=UTC).timestamp() * 1000)


def test_haug(x64, shared):
    cases = json.loads((shared / "vectors/haug_black_scholes.json").read_text())["cases"]
    assert len(cases) > 30
    for c in cases:
        forward = c["spot"] * math.exp((c["r"] - c["q"]) * c["T"])
        is_call = jnp.asarray(c["type"] == "call")
        args = _arrays(c["spot"], forward, c["strike"], c["vol"], c["T"])
        g = greeks_bs(*args, is_call, jnp.asarray(c["q"]))
        found = {
            "value": g.value,
            "delta": g.delta,
            "gamma": g.gamma,
            "vega": g.vega * 100,
            # The book's theta is per day of the whole year; ours shrinks only on the last day.
            "theta_per_day": g.theta,
            "rho": g.rho * 100,
            "elasticity": g.delta * c["spot"] / g.value,
        }[c["quantity"]]
        assert float(found) == pytest.approx(c["expected"], abs=1e-4), c


ABS_TOLERANCE = {
    "deltaBS": 0.000115,
    "gammaBS": 2.95e-08,
    "vegaBS": 0.000645,
    "thetaBS": 0.1255,
    "delta": 0.000115,
    "gamma": 0.00115,
    "vega": 1.75e-08,
    "theta": 2.55e-07,
}
"""The file's own maximal errors (two digits, so up to half a unit more), for expiries within two days: clock skew."""

CARRY_INDEX_USD = 0.1
"""The vegas print an index of 37,725.70, the carry in the thetas (deep in the money) one of 37,725.80.

It matters to three of the 32 thetaBS; the other 29 agree without this allowance.
"""


def test_okx_opt_summary(x64, shared):
    document = json.loads((shared / "vectors/okx_opt_summary_2023-12-01.json").read_text())
    spot = document["inferred_by_us"]["spot_index_S_usd"]
    yields = document["inferred_by_us"]["q_by_expiry"]
    assert len(document["cases"]) == 32
    for c in document["cases"]:
        years = (_expiry_ms(c["instId"]) - document["ts_ms"]) / YEAR_MS
        args = _arrays(spot, c["fwdPx"], c["strike"], c["markVol"], years)
        carry_yield = jnp.asarray(yields[c["instId"].split("-")[2]])
        is_call = jnp.asarray(c["type"] == "C")
        bs, pa = greeks_bs(*args, is_call, carry_yield), greeks_pa(*args, is_call, carry_yield)
        found = {"deltaBS": bs.delta, "gammaBS": bs.gamma, "vegaBS": bs.vega, "thetaBS": bs.theta}
        found |= {"delta": pa.delta, "gamma": pa.gamma, "vega": pa.vega, "theta": pa.theta}
        for name, value in found.items():
            tolerance = 2e-4 * abs(c[name]) if years * 365 > 2 else ABS_TOLERANCE[name]
            if name == "thetaBS":  # theta holds -rate K N(d2), and the rate is ln(F / index) / T
                in_the_money = 100 * abs(float(bs.rho)) / years
                tolerance += in_the_money * CARRY_INDEX_USD / (spot * years * 365) * min(1, years * 365)
            assert float(value) == pytest.approx(c[name], rel=0, abs=tolerance), (c["instId"], name)
        if c["lever"] < 10_000:
            assert 1 / float(pa.value) == pytest.approx(c["lever"], rel=3.8e-4)


def test_deribit_tickers(x64, shared):
    cases = json.loads((shared / "vectors/deribit_tickers.json").read_text())["cases"]
    verified = [c for c in cases if c["status"] == "verified" and c["mark_iv"]]
    assert len(verified) >= 7
    for c in verified:
        strike, right = c["instrument"].split("-")[-2:]
        years = (_expiry_ms(c["instrument"]) - c["ts_ms"]) / YEAR_MS
        forward = c["underlying_price"]
        args = _arrays(forward, forward, float(strike), c["mark_iv"] / 100, years)
        g = greeks_bs(*args, jnp.asarray(right == "C"))
        mark_tolerance = 1.6e-4 if "4-digit" in c["kind"] else 2.5e-5
        assert float(g.value) / forward == pytest.approx(c["mark_price"], abs=mark_tolerance)
        for name, value in c.get("greeks", {}).items():
            if name == "gamma":  # printed to five decimals: one or two digits
                assert float(g.gamma) == pytest.approx(value, abs=5.1e-6)
            else:
                assert float(getattr(g, name)) == pytest.approx(value, rel=3e-4), (c["instrument"], name)


def test_okx_docs_example(x64):
    """Section 17 vector 5: the printed Greeks of BTC-USD-251226-100000-C, to 0.3 %."""
    spot, forward, years = 109513.5, 112782.12029616143501, 169.55531524305542 / 365
    args = [*_arrays(spot, forward, 100_000.0, 0.4335822639833618, years), jnp.asarray(True)]
    bs, pa = greeks_bs(*args), greeks_pa(*args)
    printed = [
        (bs.delta, 0.7104526318),
        (bs.gamma, 1.05660218e-05),
        (bs.vega, 255.23304261163938),
        (bs.theta, -42.78170056),
        (pa.value, 0.1764597556),
        (pa.delta, 0.5339928763),
        (pa.gamma, 0.0891362805),
        (pa.vega, 0.002330608031079633),
        (pa.theta, -0.00029783941),
    ]
    for value, expected in printed:
        assert float(value) == pytest.approx(expected, rel=3e-3)


def test_greeks_are_the_derivatives_of_the_value(x64):
    """At a fixed carry, against automatic differentiation of the value."""
    spot, strike, vol, years = _arrays(60_000.0, 65_000.0, 0.7, 0.25)
    rate, carry_yield, is_call = 0.05, 0.01, jnp.asarray(False)

    def value(s, v, r, t):
        return greeks_bs(s, s * jnp.exp((r - carry_yield) * t), strike, v, t, is_call, carry_yield).value

    at = (spot, vol, jnp.asarray(rate), years)
    forward = spot * math.exp((rate - carry_yield) * 0.25)
    g = greeks_bs(spot, forward, strike, vol, years, is_call, carry_yield)
    assert float(g.delta) == pytest.approx(float(jax.grad(value)(*at)), rel=1e-10)
    assert float(g.gamma) == pytest.approx(float(jax.grad(jax.grad(value))(*at)), rel=1e-9)
    assert float(g.vega) == pytest.approx(float(jax.grad(value, 1)(*at)) / 100, rel=1e-10)
    assert float(g.rho) == pytest.approx(float(jax.grad(value, 2)(*at)) / 100, rel=1e-10)
    assert float(g.theta) == pytest.approx(-float(jax.grad(value, 3)(*at)) / 365, rel=1e-10)

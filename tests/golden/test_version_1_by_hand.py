"""Version 1 beyond its printed figures: MR4, MR7, IMR and eligibility worked by hand, with indices that differ.

``test_version_1.py`` has the printed figures; here USDT is off its peg, so that the index in the contract's quote and
the index in USD cannot stand in for each other (okx_computation.md sections 1 to 4).
"""

from __future__ import annotations

import math
from functools import cache

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of

TIME, SEPTEMBER, DECEMBER = "2024-06-10T08:00:00Z", "2024-09-27T08:00:00Z", "2024-12-27T08:00:00Z"
NEW, OLD = "okx/v1-2024-06-05", "okx/v1-2024-05-11"
INDEX = {"BTC-USD": 60e3, "BTC-USDT": 60.3e3, "BTC-USDC": 60e3, "USDT-USD": 0.995, "USDC-USD": 1.0}
VOL, STRIKE = 0.6, 150e3
DAYS = 109.0  # from TIME to SEPTEMBER


def contract(name, kind, settle, size, mark, **more):
    row = {"id": name, "kind": kind, "coin": "BTC", "settle": settle, "contract_value": size, "mark": mark}
    return row | more


INSTRUMENTS = [
    contract("T", "perpetual", "USDT", 0.01, 60.4e3, funding_rate=1e-4),
    contract("D", "perpetual", "USD", 0.01, 60.2e3, funding_rate=-2e-4),
    contract("I", "perpetual", "BTC", 100, 60.1e3, funding_rate=-1e-4),
    # 2 % above 60,300 and 2.51 % above 60,000; 3 % above 60,300, held by nobody.
    contract("T-SEP", "future", "USDT", 0.01, 61_506.0, expiry=SEPTEMBER),
    contract("T-SEP-2", "future", "USDT", 0.001, 62_109.0, expiry=SEPTEMBER),
    # 2.5 % above the index; the option's forward is 5 % above it.
    contract("I-SEP", "future", "BTC", 100, 61.5e3, expiry=SEPTEMBER),
    contract(
        "C-SEP", "option", "BTC", 1.0, 0.001, expiry=SEPTEMBER, strike=STRIKE, right="call", forward=63e3, vol=VOL
    ),
    # On the index, with a funding rate that no future has to pay.
    contract("F-SEP", "future", "USDT", 0.01, 60.3e3, expiry=SEPTEMBER, funding_rate=1e-3),
    # 4 % below the index.
    contract("I-DEC", "future", "BTC", 100, 57.6e3, expiry=DECEMBER),
]


def holding(name, more=None, **quantities):
    positions = [{"instrument": i.replace("_", "-"), "quantity": q} for i, q in quantities.items()]
    return {"id": name, "positions": positions} | (more or {})


ACCOUNTS = [
    holding("calendar", T_SEP=2000, T=-1000),
    holding("butterfly", I_SEP=1000, I=-600, I_DEC=-800),
    holding("long call", C_SEP=10),
    holding("short call", C_SEP=-10),
    holding("long", T=100, D=50, I=10),
    holding("short", T=-100, D=-50, I=-10),
    holding("future", F_SEP=100),
    {"id": "at the old minimum", "balances": {"USD": 100e3}},
    {"id": "below the old minimum", "balances": {"USD": 99_999.99}},
    {"id": "at the new minimum", "balances": {"USD": 10e3}},
    {"id": "below the new minimum", "balances": {"USD": 9_999.99}},
    {"id": "undeclared", "balances": {"USD": 1e6}, "declared": False},
]


@cache
def report_of(rules):
    """All accounts at once: one compilation for all versions of a structure."""
    document = {"format": "shockgrid.market/1", "time": TIME, "index": INDEX, "instruments": INSTRUMENTS}
    return sg.margin(market_of(document), accounts_of(*ACCOUNTS), sg.load_rulebook(rules))


def unit_of(rules, account, unit):
    units = report_of(rules).units
    (row,) = units[(units.account == account) & (units.unit == unit)].to_dict("records")
    return row


# -- MR4 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "forward_move", "basis_change"),
    [
        (NEW, 0.006, 0.10),
        (OLD, 0.006, 0.10),
        ("okx/v1-2024-02-01", 0.006, 0.30),
        ("okx/v1-2023-07-12", 0.006, 0.30),
        ("okx/v1-2023-06-08", 0.015, 0.30),
        ("okx/v1-2021-12-24", 0.015, 0.30),
    ],
)
def test_the_basis_of_a_linear_future_is_taken_in_its_quote_currency(version, forward_move, basis_change):
    """Long 20 BTC of September, short 10 of the perpetual; the largest listed basis is 62,109 / 60,300 - 1."""
    matched = 10 * 60.4e3 * 0.995
    expected = matched * (forward_move + forward_move + basis_change * 0.03)
    assert unit_of(version, "calendar", "BTC-USDT")["mr4"] == pytest.approx(expected, rel=1e-12)


def test_each_side_is_charged_for_the_share_that_matches():
    """September +100,000, the perpetual -60,000, December -80,000 USD: 100,000 match, 5/7 of each short bucket."""
    september, december = 0.006 + 0.10 * 0.05, 0.006 + 0.10 * 0.04
    expected = 100e3 * september + 5 / 7 * (60e3 * 0.006 + 80e3 * december)
    assert unit_of(NEW, "butterfly", "BTC-USD")["mr4"] == pytest.approx(expected, rel=1e-12)


# -- MR7 --------------------------------------------------------------------------------------------------------------


def call_greeks():
    """Delta, vega of a point and value in coin of the call."""
    years = DAYS / 365
    d1 = math.log(63e3 / STRIKE) / (VOL * math.sqrt(years)) + VOL * math.sqrt(years) / 2
    cdf = [0.5 * math.erfc(-d / math.sqrt(2)) for d in (d1, d1 - VOL * math.sqrt(years))]
    vega = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) * math.sqrt(years) / 100
    return cdf[0], vega, cdf[0] - STRIKE / 63e3 * cdf[1]


@pytest.mark.parametrize(("account", "floor"), [("long call", 0.002), ("short call", 0.02)])
def test_short_options_have_a_floor_of_two_percent(account, floor):
    """Far out of the money neither delta nor vega reaches the floor; 10 BTC of calls stay in the first tiers."""
    delta, vega, value = call_greeks()
    assert max(0.0045 * delta, 3 * vega) < 0.002
    raw = 10 * 60e3 * (min(0.0003, 0.125 * value) + floor)
    expected = min(raw, 10e3) + 2 * max(raw - 10e3, 0.0)
    assert unit_of(NEW, account, "BTC-USD")["mr7"] == pytest.approx(expected, rel=1e-9)


@pytest.fixture(scope="module")
def funded(tmp_path_factory):
    """The newest version 1 with two days of funding in MR7."""
    file = tmp_path_factory.mktemp("rules") / "funded.toml"
    text = f'format = "shockgrid.rulebook/1"\nextends = "{NEW}"\nversion = "funded"\nmr7.funding_days.value = 2\n'
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("account", "unit", "expected"),
    [
        # 1 BTC at the mark times the dollar price of USDT; a positive rate is paid by longs.
        ("long", "BTC-USDT", 60.4e3 * 0.995 * 1e-4 * 3 * 2),
        ("short", "BTC-USDT", 0.0),
        # Half a BTC at -0.02 % and 1,000 USD at -0.01 %, both paid by shorts.
        ("long", "BTC-USD", 0.0),
        ("short", "BTC-USD", (30.1e3 * 2e-4 + 1e3 * 1e-4) * 3 * 2),
    ],
)
def test_funding_in_version_1(funded, account, unit, expected):
    added = unit_of(funded, account, unit)["mr7"] - unit_of(NEW, account, unit)["mr7"]
    assert added == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_funding_is_of_perpetuals_alone(funded):
    """formats.md lets any instrument carry ``funding_rate``; the charge is that of a perpetual contract."""
    assert unit_of(funded, "future", "BTC-USDT")["mr7"] == unit_of(NEW, "future", "BTC-USDT")["mr7"]


# -- accounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", sg.list_rulebooks())
def test_minimum_equity_by_version(version):
    """100,000 USD in 2021 and 2022, 10,000 from June 2023 on; at the minimum is enough, undeclared never is."""
    accounts = report_of(version).accounts.set_index("account")
    old = version in ("okx/v1-2021-12-24", "okx/v1-2022-08-24")
    expected = {
        "at the old minimum": True,
        "below the old minimum": not old,
        "at the new minimum": not old,
        "below the new minimum": False,
        "undeclared": False,
    }
    assert accounts.eligible[list(expected)].to_dict() == expected


# -- the order of vector 4 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "mark"), [(NEW, 67114.8889), (OLD, 67130.4444)])
def test_the_spot_order_of_june_2024_changes_initial_margin_alone_and_only_where_orders_count(version, mark):
    """Vector 4's order of 5 BTC. Filled, it lets the spot in use cover the whole delta of the perpetual, 10 P / S."""
    spot = 67111.0
    index = {"BTC-USD": spot, "BTC-USDT": spot, "USDT-USD": 1.0}
    perpetual = contract("T", "perpetual", "USDT", 0.01, mark)
    document = {"format": "shockgrid.market/1", "time": TIME, "index": index, "instruments": [perpetual]}
    hedged = holding("plain", {"balances": {"BTC": 10, "USDT": 1e6}}, T=-1000)
    order = {"id": "ordered", "orders": [{"instrument": "BTC-USDT", "quantity": 5, "price": mark}]}
    report = sg.margin(market_of(document), accounts_of(hedged, hedged | order), sg.load_rulebook(version))
    plain, ordered = report.units.iloc[0], report.units.iloc[1]
    assert ordered.mmr_usd == plain.mmr_usd
    assert plain.imr_usd == pytest.approx(1.3 * plain.mmr_usd, rel=1e-15)
    if version == OLD:
        assert ordered.imr_usd == plain.imr_usd
    else:
        # Both legs are then 10 P; the coins beyond 10 lose 15 % of their own value in MR1.
        bare = 10 * (mark - spot)
        assert ordered.imr_usd == pytest.approx(1.3 * (0.006 * 2 * 10 * mark + 0.15 * bare), rel=1e-9)

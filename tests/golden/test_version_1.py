"""Printed figures of version 1, and figures worked by hand from okx_computation.md sections 1 to 4.

Tolerance of printed figures: half a unit of their last digit. Vector numbers are those of okx_portfolio_margin.md
section 17.
"""

from __future__ import annotations

import math

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of

TIME = "2024-06-10T08:00:00Z"
INDEX = {"BTC-USD": 60e3, "BTC-USDT": 60e3, "BTC-USDC": 60e3, "USDT-USD": 1.0, "USDC-USD": 1.0}


def contract(name, kind, settle, size, mark, **more):
    row = {"id": name, "kind": kind, "coin": "BTC", "settle": settle, "contract_value": size, "mark": mark}
    return row | more


def report_of(version, instruments, *accounts, index=INDEX, time=TIME):
    document = {"format": "shockgrid.market/1", "time": time, "index": index, "instruments": instruments}
    rules = sg.load_rulebook(version) if isinstance(version, str) else version
    return sg.margin(market_of(document), accounts_of(*accounts), rules)


def units_of(*args, **more):
    units = report_of(*args, **more).units
    return units.set_index("unit")


def holding(*positions, **more):
    return {"id": "a", "positions": [{"instrument": name, "quantity": q} for name, q in positions], **more}


def cents(value):
    return pytest.approx(value, rel=0, abs=0.005)


@pytest.mark.parametrize(
    ("version", "mark", "mr4", "mr7", "mmr"),
    [
        ("okx/v1-2024-06-05", 67114.8889, 8053.32, 3020.17, 8053.32),
        ("okx/v1-2024-05-11", 67130.4444, 0.0, 3020.87, 3020.87),
    ],
)
@pytest.mark.parametrize("orders", [[], [{"instrument": "BTC-USDT", "quantity": 5, "price": 67000.0}]])
def test_spot_hedge_of_june_2024(version, mark, mr4, mr7, mmr, orders):
    """Vector 4: 10 BTC of spot against 1,000 short perpetuals, before and after spot entered MR4."""
    index = {"BTC-USD": 67111.0, "BTC-USDT": 67111.0, "USDT-USD": 1.0}
    perpetual = contract("BTC-USDT-SWAP", "perpetual", "USDT", 0.01, mark)
    account = holding(("BTC-USDT-SWAP", -1000), balances={"BTC": 10, "USDT": 1e6}, orders=orders)
    unit = units_of(version, [perpetual], account, index=index).loc["BTC-USDT"]
    assert (unit.mr4, unit.mr7, unit.mmr_usd) == (cents(mr4), cents(mr7), cents(mmr))
    assert [unit[name] for name in ("mr1", "mr2", "mr3", "mr5", "mr6", "mr9")] == [pytest.approx(0.0, abs=1e-6)] * 6


def test_mr7_scaling():
    """Vector 2: a raw charge of 30,000 becomes 50,000, above the unit's other 40,000 (section 8.2)."""
    # 0.45 % of 6,666,666.67 USD is 30,000. A calendar spread of half of it each way has MR4 alone besides.
    size = 30e3 / 0.0045 / 60e3 / 2
    instruments = [
        contract("BTC-USDT-SWAP", "perpetual", "USDT", 1, 60e3),
        contract("BTC-USDT-240927", "future", "USDT", 1, 60e3, expiry="2024-09-27T08:00:00Z"),
    ]
    unit = units_of("okx/v1-2024-06-05", instruments, holding(("BTC-USDT-SWAP", -size), ("BTC-USDT-240927", size)))
    unit = unit.loc["BTC-USDT"]
    assert unit.mr7 == pytest.approx(50e3, rel=1e-12)
    # The forward move of 0.6 % on both legs of 3,333,333.33 USD: exactly the 40,000 of the announcement.
    assert unit.mr4 == pytest.approx(40e3, rel=1e-12)
    assert (unit.mmr_usd, unit.dominant) == (pytest.approx(50e3, rel=1e-12), "mr7")


def test_option_example_of_2022():
    """Section 2.7: IMR is 1.3 MMR, MR3 = MR4 = MR5 = 0, and MR1 decides.

    Nothing more: the printed MR1, MR2 and MR6 do not follow from the printed Greeks, by the section's own account.
    """
    option = contract("BTC-USD-220325-50000-C", "option", "BTC", 0.1, 0.0062, expiry="2022-03-25T08:00:00Z")
    option |= {"strike": 50e3, "right": "call", "forward": 38_138.1, "vol": 0.8753}
    index = {"BTC-USD": 37_829.8}
    unit = units_of(
        "okx/v1-2021-12-24", [option], holding((option["id"], -1)), index=index, time="2022-03-07T07:51:37Z"
    ).loc["BTC-USD"]
    assert (unit.mr3, unit.mr4, unit.mr5) == (0.0, 0.0, 0.0)
    assert unit.imr_usd == pytest.approx(1.3 * unit.mmr_usd, rel=1e-15)
    assert unit.dominant == "mr1"
    assert unit.delta_coin == pytest.approx(-0.1 * 0.0893, abs=1e-3), "the printed delta is -0.0089 BTC in PA"


def test_basis_change_of_an_expiry_future():
    """MR4 = sum of matched delta * (p + b |F/I - 1|); the largest basis listed in the unit counts, held or not."""
    expiry = {"expiry": "2024-09-27T08:00:00Z"}
    instruments = [
        contract("PERP", "perpetual", "USDT", 0.01, 60e3),
        contract("FUT", "future", "USDT", 0.01, 61.2e3, **expiry),
        contract("FUT-B", "future", "USDT", 0.01, 61.8e3, **expiry),  # 3 % above the index, held by nobody
        contract("FUT-C", "future", "USDC", 0.01, 66e3, **expiry),  # another unit
    ]
    # Long 20 BTC of the future (1,224,000 USD), short 10 BTC of the perpetual (600,000 USD): 600,000 match.
    account = holding(("FUT", 2000), ("PERP", -1000))
    for version, basis_change in (("okx/v1-2024-05-11", 0.10), ("okx/v1-2024-02-01", 0.30)):
        unit = units_of(version, instruments, account).loc["BTC-USDT"]
        assert unit.mr4 == pytest.approx(600e3 * 0.006 + 600e3 * (0.006 + basis_change * 0.03), rel=1e-12)
    # Before July 2023 the forward move was 1.5 %.
    unit = units_of("okx/v1-2023-06-08", instruments, account).loc["BTC-USDT"]
    assert unit.mr4 == pytest.approx(600e3 * 0.015 + 600e3 * (0.015 + 0.30 * 0.03), rel=1e-12)


def test_coin_pnl_counts_at_todays_index():
    """Section 1: an inverse contract makes ctVal (1/P0 - 1/P1) coin, taken at I and not at I (1 + s)."""
    perpetual = contract("INV", "perpetual", "BTC", 100, 60e3)
    report = report_of("okx/v1-2024-06-05", [perpetual], holding(("INV", -1000)))
    cells = report.scenarios.set_index(["price_move", "vol_state"]).pnl_usd
    for move in (-0.15, -0.05, 0.05, 0.10, 0.15):
        expected = -1000 * 100 * (1 / 60e3 - 1 / (60e3 * (1 + move))) * 60e3
        assert cells[move, "unchanged"] == pytest.approx(expected, rel=1e-12)


def test_option_pnl_counts_at_todays_index():
    option = contract("C", "option", "BTC", 1, 0.05, expiry="2024-07-10T08:00:00Z")
    option |= {"strike": 60e3, "right": "call", "forward": 60e3, "vol": 0.5}
    cells = report_of("okx/v1-2024-06-05", [option], holding(("C", 1))).scenarios.set_index(["price_move", "vol_state"])

    def value(forward):
        deviation = 0.5 * math.sqrt(30 / 365)
        d1 = math.log(forward / 60e3) / deviation + deviation / 2
        cdf = [0.5 * math.erfc(-d / math.sqrt(2)) for d in (d1, d1 - deviation)]
        return cdf[0] - 60e3 / forward * cdf[1]

    for move in (-0.10, 0.15):
        expected = (value(60e3 * (1 + move)) - value(60e3)) * 60e3
        assert cells.pnl_usd[move, "unchanged"] == pytest.approx(expected, rel=1e-9)


def everything_on_btc():
    return [
        contract("T", "perpetual", "USDT", 0.01, 60e3),
        contract("C", "perpetual", "USDC", 0.01, 60e3),
        contract("D", "perpetual", "USD", 0.01, 60e3),
        contract("I", "perpetual", "BTC", 100, 60e3),
    ]


def test_units_are_coin_and_settlement_currency():
    """USD-settled linear contracts share the unit of the coin-settled ones; MR9 is zero throughout."""
    account = holding(("T", -100), ("C", 100), ("D", -100), ("I", 600))
    units = units_of("okx/v1-2024-06-05", everything_on_btc(), account)
    assert list(units.index) == ["BTC-USDT", "BTC-USDC", "BTC-USD"]
    assert (units.mr9 == 0.0).all()
    # Short 1 BTC linear against long 1 BTC inverse: what the inverse leg loses in coin at -30 %, at today's index.
    assert units.mr6["BTC-USD"] == pytest.approx(0.5 * (60e3 * (1 / 0.7 - 1) - 0.3 * 60e3), rel=1e-12)
    assert units.mr1["BTC-USDT"] == pytest.approx(0.15 * 60e3, rel=1e-12)
    assert units.mr1["BTC-USDC"] == pytest.approx(0.15 * 60e3, rel=1e-12)
    merged = units_of("okx/v2-2024-12-30", everything_on_btc(), account)
    assert list(merged.index) == ["BTC"]


@pytest.mark.parametrize(
    ("version", "mode", "joined"),
    [
        ("okx/v1-2024-06-05", "derivatives_only", None),
        ("okx/v1-2024-06-05", "spot_usdt", "BTC-USDT"),
        ("okx/v1-2024-06-05", "spot_usdc", "BTC-USDC"),
        ("okx/v1-2024-06-05", "spot_coin", "BTC-USD"),
        ("okx/v1-2024-05-11", "spot_usdc", None),
        ("okx/v1-2022-08-24", "spot_coin", "BTC-USD"),
        ("okx/v1-2021-12-24", "spot_usdt", None),
        ("okx/v1-2021-12-24", "spot_coin", None),
    ],
)
def test_spot_joins_the_unit_that_the_mode_names(version, mode, joined):
    account = holding(("T", -100), ("C", -100), ("I", -600), balances={"BTC": 5}, spot_mode=mode)
    used = units_of(version, everything_on_btc(), account).spot_in_use
    assert {unit for unit in used.index if used[unit] != 0} == ({joined} if joined else set())
    if joined:
        assert used[joined] == pytest.approx(1.0, rel=1e-12)


def test_spot_orders_and_the_users_limit_count_from_june_2024():
    spot = holding(("T", -100), balances={"BTC": 0.2}, spot_limits={"BTC": 0.1})
    before, after = "okx/v1-2024-05-11", "okx/v1-2024-06-05"
    assert units_of(before, everything_on_btc(), spot).spot_in_use["BTC-USDT"] == 0.2
    assert units_of(after, everything_on_btc(), spot).spot_in_use["BTC-USDT"] == 0.1
    # Selling the hedge raises the initial margin only where orders count.
    hedged = holding(("T", -100), balances={"BTC": 1, "USDT": 1e6})
    sell = {"orders": [{"instrument": "BTC-USDT", "quantity": -1, "price": 60e3}]}
    for version, raises in ((before, False), (after, True)):
        plain, with_order = (units_of(version, everything_on_btc(), a) for a in (hedged, hedged | sell))
        assert (with_order.imr_usd["BTC-USDT"] > 1.01 * plain.imr_usd["BTC-USDT"]) == raises


def test_eligibility_asks_for_equity_and_declaration():
    poor, rich = ({"id": name, "balances": {"USDT": usdt}} for name, usdt in (("poor", 50e3), ("rich", 150e3)))
    undeclared = {**rich, "id": "undeclared", "declared": False}
    for version, expected in (("okx/v1-2022-08-24", [False, True, False]), ("okx/v1-2023-06-08", [True, True, False])):
        report = report_of(version, everything_on_btc(), poor, rich, undeclared)
        assert report.accounts.eligible.tolist() == expected


@pytest.fixture
def funded(tmp_path):
    """The newest rules with two days of funding in MR7."""
    file = tmp_path / "funded.toml"
    file.write_text(
        'format = "shockgrid.rulebook/1"\nextends = "okx/v2-2025-12-04"\nversion = "funded"\n'
        "[mr7.funding_days]\nvalue = 2\n"
    )
    return sg.load_rulebook(file)


@pytest.mark.parametrize(("quantity", "rate", "paid"), [(100, 1e-4, True), (-100, 1e-4, False), (-100, -1e-4, True)])
def test_funding_is_charged_to_the_side_that_pays(funded, quantity, rate, paid):
    perpetual = contract("T", "perpetual", "USDT", 0.01, 60e3, funding_rate=rate)
    future = contract("F", "future", "USDT", 0.01, 60e3, expiry="2024-09-27T08:00:00Z")
    account = holding(("T", quantity), ("F", 10))
    charge = units_of(funded, [perpetual, future], account).mr7["BTC"]
    plain = units_of("okx/v2-2025-12-04", [perpetual, future], account).mr7["BTC"]
    assert charge - plain == pytest.approx(60e3 * 1e-4 * 3 * 2 if paid else 0.0, abs=1e-9)


def test_funding_needs_rates(funded):
    instruments = [contract("F", "future", "USDT", 0.01, 60e3, expiry="2024-09-27T08:00:00Z"), *everything_on_btc()]
    with pytest.raises(sg.InputError, match=r"instruments\[1\].funding_rate: expected a funding rate per 8 hours"):
        report_of(funded, instruments, holding(("T", 1)))
    assert len(report_of("okx/v2-2025-12-04", instruments, holding(("T", 1))).units) == 1

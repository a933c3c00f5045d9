"""``sg.liquidate``: the stages that accounts enter, what cannot be traded, the report, and what is refused.

``test_liquidation_laws.py`` has what holds for any account, ``tests/golden/test_liquidation_by_hand.py`` the figures.
"""

from __future__ import annotations

import json
import math
from functools import cache

import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.accounts.holdings import Accounts
from shockgrid.market.market import Market
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.reference import black76, hand_markets
from tests.reference.hand_markets import NOW, holding, option, par_index, swap

V2, V1 = "okx/v2-2025-12-04", "okx/v1-2024-06-05"
LONG = pytest.mark.long
"""Version 1 compiles programs of its own."""

# --- a market at par: BTC with all kinds, wings that nobody buys, ETH and SOL, and XRP with options alone ---

PRICES = {"BTC": 50_000.0, "ETH": 2_000.0, "SOL": 100.0, "XRP": 2.0}
SIZES = {"BTC": 0.01, "ETH": 0.1, "XRP": 100.0}
IN_30_DAYS, IN_A_QUARTER = "2025-02-14T10:26:41.642Z", "2025-04-16T16:26:41.642Z"
PERP, INVERSE, FUTURE = "BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT-250416"
CALL, PUT, HIGH_CALL, LOW_PUT = "BTC-50000-C", "BTC-50000-P", "BTC-60000-C", "BTC-40000-P"
ETH, SOL, ETH_PUT, XRP_CALL, XRP_PUT = "ETH-USDT-SWAP", "SOL-USDT-SWAP", "ETH-2000-P", "XRP-2-C", "XRP-2-P"


def option_of(name: str) -> dict:
    """An option of 60 % volatility, its mark by Black-76, named by coin, strike and right."""
    coin, strike, letter = name.split("-")
    terms = ({"C": "call", "P": "put"}[letter], float(strike), PRICES[coin], 0.6)
    return option(name, coin, SIZES[coin], terms, IN_30_DAYS) | {"mark": mark_of(*terms)}


def mark_of(right: str, strike: float, forward: float, vol: float) -> float:
    return black76.value(right, forward, strike, vol, 30 / 365)


ROWS: dict[str, dict] = {
    str(row["id"]): row
    for row in (
        # The only one with a depth is the most liquid of its unit.
        swap(PERP, "BTC", "USDT", 0.01, 50_000.0) | {"depth_usd": 5e7, "spread_frac": 0.0002},
        swap(INVERSE, "BTC", "BTC", 100.0, 50_000.0),
        swap(FUTURE, "BTC", "USDT", 0.01, 50_000.0, IN_A_QUARTER),
        option_of(CALL),
        option_of(PUT),
        option_of(HIGH_CALL) | {"depth_usd": 0.0},
        option_of(LOW_PUT) | {"depth_usd": 0.0},
        swap(ETH, "ETH", "USDT", 0.1, 2_000.0) | {"depth_usd": 1e7},
        option_of(ETH_PUT),
        swap(SOL, "SOL", "USDT", 1.0, 100.0) | {"lot": 10.0, "depth_usd": 2e5},
        option_of(XRP_CALL),
        option_of(XRP_PUT),
    )
}


def market_with(changes: dict[str, dict] | None = None) -> Market:
    """The market with other keys of some instruments."""
    rows = [row | (changes or {}).get(name, {}) for name, row in ROWS.items()]
    return market_of(hand_markets.market_of(par_index(**PRICES), *rows))


# --- accounts, by what makes them fall ---

SHORT_STRADDLE = {CALL: -1_000.0, PUT: -1_000.0}
IRON_FLY = SHORT_STRADDLE | {HIGH_CALL: 1_000.0, LOW_PUT: 1_000.0}
ORDERS = [
    {"instrument": PERP, "quantity": 10.0, "price": 45_000.0},
    {"instrument": "BTC-USDT", "quantity": 0.1, "price": 45_000.0},
]
ACCOUNTS = {
    # 12 million USD against each other, and half a million long beyond.
    "depeg": holding({PERP: 25_100.0, INVERSE: -120_000.0}, balances={"BTC": 1.0, "USDT": 85_000.0}),
    "straddle": holding(SHORT_STRADDLE, balances={"BTC": 3.1}),
    "calendar": holding({PERP: -2_000.0, FUTURE: 2_000.0}, balances={"USDT": 10_000.0}),
    "outright": holding({PERP: 1_000.0}, balances={"USDT": 55_000.0}),
    # To sell coins for the whole debt would leave the future without its hedge: the debt stays.
    "carry": holding({FUTURE: -2_000.0}, balances={"BTC": 20.0, "USDT": -955_000.0}),
    "indebted": holding({}, balances={"ETH": 25.7, "BTC": -1.0}),
    "three coins": holding(
        {PERP: -2_000.0, FUTURE: 2_000.0, ETH_PUT: -1_000.0, SOL: 1_000.0},
        balances={"ETH": 10.0, "USDT": 22_000.0, "USDC": -5_000.0},
    ),
    "wings": holding(IRON_FLY, balances={"BTC": 2.1}),
    "poor wings": holding(IRON_FLY, balances={"BTC": 1.8}),
    "orders": holding({PERP: 1_000.0}, balances={"USDT": 55_000.0}, orders=ORDERS),
    # The gain of 1/3 BTC is cash when the position is closed, and only then buys back the debt.
    "coins to come": {
        "positions": [{"instrument": INVERSE, "quantity": -1_000.0, "average_price": 60_000.0}],
        "balances": {"USDT": -16_500.0},
    },
    "no hedge": holding({XRP_CALL: -1_000.0, XRP_PUT: -1_000.0}, balances={"XRP": 27_000.0}),
    "safe": holding({PERP: 10.0, SOL: -5.0}, balances={"USDT": 50_000.0, "BTC": 0.5}, orders=ORDERS),
}


def named(accounts: dict[str, dict]) -> Accounts:
    return accounts_of(*(entry | {"id": name} for name, entry in accounts.items()))


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with one_shape():
        yield


@cache
def report_of(version: str = V2, fall: float = 0.0) -> sg.LiquidationReport:
    """All accounts, after BTC fell; positions are entered at the marks after it, so that only their margin moves."""
    market = sg.shock(market_with(), price={"BTC": -fall}) if fall else market_with()
    return sg.liquidate(market, named(ACCOUNTS), sg.load_rulebook(version))


def liquidated(entry: dict, changes: dict[str, dict] | None = None, rules=None) -> sg.LiquidationReport:
    """One account, ``a``, on the market with some changes."""
    return sg.liquidate(market_with(changes), named({"a": entry}), rules or sg.load_rulebook(V2))


def steps_of(report: sg.LiquidationReport, account: str = "a") -> pd.DataFrame:
    return report.steps.loc[report.steps.account == account]


def stages_of(report: sg.LiquidationReport, account: str = "a") -> list[str]:
    """The stages that an account entered, in the order of its steps."""
    return list(dict.fromkeys(steps_of(report, account).stage))


def row_of(report: sg.LiquidationReport, account: str = "a") -> pd.Series:
    return report.accounts.set_index("account").loc[account]


def trades_of(report: sg.LiquidationReport, account: str = "a") -> list[tuple[str, float]]:
    steps = steps_of(report, account)
    return list(zip(steps.instrument, steps.quantity, strict=True))


def positions_after(report: sg.LiquidationReport, account: str = "a") -> dict[str, float]:
    p, place = report.after.positions, report.after.ids.tolist().index(account)
    rows = zip(p.account, p.instrument.codes, p.quantity, strict=True)
    return {p.instrument.names[code]: quantity for of, code, quantity in rows if of == place}


def orders_after(report: sg.LiquidationReport) -> set[str]:
    return set(report.after.ids[report.after.orders.account].tolist())


# --- stages ---

UNTOUCHED = ("untouched", [])
TODAY_V2 = {
    "depeg": ("recovered", ["ddh1", "reduction"]),
    "straddle": UNTOUCHED,
    "calendar": ("recovered", ["basis"]),
    "outright": ("recovered", ["reduction"]),
    "carry": ("recovered", ["basis"]),
    "indebted": ("recovered", ["repayment"]),
    "three coins": ("recovered", ["repayment", "ddh2", "basis", "reduction"]),
    "wings": UNTOUCHED,
    "poor wings": UNTOUCHED,
    "orders": ("recovered", ["cancel_orders", "reduction"]),
    "coins to come": ("bankrupt", ["reduction", "final_repayment"]),
    "no hedge": ("recovered", ["reduction"]),
    "safe": UNTOUCHED,
}
FALLEN_V2 = {
    "straddle": ("recovered", ["ddh2"]),
    "wings": ("recovered", ["ddh2"]),
    "poor wings": ("stalled", ["ddh2", "reduction"]),
    "safe": UNTOUCHED,
}
# No MR9; the puts of ETH have a unit of their own, in which there is nothing to hedge with.
TODAY_V1 = {
    "depeg": ("closed_out", ["reduction"]),
    "calendar": ("recovered", ["basis"]),
    "outright": ("recovered", ["reduction"]),
    "carry": ("recovered", ["basis"]),
    "indebted": ("recovered", ["repayment"]),
    "three coins": ("recovered", ["repayment", "basis", "reduction"]),
    "orders": ("recovered", ["cancel_orders", "reduction"]),
    "coins to come": ("bankrupt", ["reduction", "final_repayment"]),
    "no hedge": ("recovered", ["reduction"]),
    "safe": UNTOUCHED,
}
FALLEN_V1 = {
    "straddle": ("recovered", ["ddh", "reduction"]),
    "wings": ("stalled", ["ddh", "reduction"]),
    "safe": UNTOUCHED,
}


@pytest.mark.parametrize(
    ("version", "fall", "expected"),
    [
        pytest.param(V2, 0.0, TODAY_V2, id="v2"),
        pytest.param(V2, 0.15, FALLEN_V2, id="v2 after a fall"),
        pytest.param(V1, 0.0, TODAY_V1, id="v1", marks=LONG),
        pytest.param(V1, 0.15, FALLEN_V1, id="v1 after a fall", marks=LONG),
    ],
)
def test_accounts_go_through_these_stages(version, fall, expected):
    report = report_of(version, fall)
    assert {name: (row_of(report, name).outcome, stages_of(report, name)) for name in expected} == expected


def test_a_hedge_across_stablecoins_is_reduced_on_both_sides_at_once():
    trades = trades_of(report_of(), "depeg")[:10]
    assert {name for name, _ in trades} == {PERP, INVERSE}
    # A tenth of 12 million USD, in contracts of 500 and of 100.
    assert [quantity for name, quantity in trades if name == PERP] == [-2_400.0] * 5
    assert [quantity for name, quantity in trades if name == INVERSE] == [12_000.0] * 5


@pytest.mark.parametrize(("version", "hedge"), [(V2, PERP), pytest.param(V1, INVERSE, marks=LONG)])
def test_the_hedge_of_an_option_book_is_opened_in_its_unit(version, hedge):
    """The perpetual in USDT is the most liquid, but in version 1 it is in another unit than the options."""
    report = report_of(version, 0.15)
    steps = steps_of(report, "straddle")
    hedges = steps[steps.stage == ("ddh2" if version == V2 else "ddh")]
    assert set(hedges.instrument) == {hedge}
    assert (hedges.quantity < 0).all()
    assert positions_after(report, "straddle")[hedge] < 0


@pytest.mark.parametrize("version", [V2, pytest.param(V1, marks=LONG)])
def test_spot_is_a_leg_of_a_basis(version):
    """Coins are sold for USDT as the future is bought, which pays back the debt: a tenth of 20 BTC a step."""
    trades = trades_of(report_of(version), "carry")
    n = len(trades) // 2
    assert sorted(trades) == sorted([("BTC", pytest.approx(-2.0, rel=1e-12)), (FUTURE, 200.0)] * n)
    assert steps_of(report_of(version), "carry").unit.unique().tolist() == ["BTC" if version == V2 else "BTC-USDT"]


def test_every_coin_is_taken_apart_in_its_stage():
    steps = steps_of(report_of(), "three coins")
    traded = steps.groupby("stage", sort=False).instrument.agg(lambda names: sorted(set(names))).to_dict()
    assert traded == {"repayment": ["USDC", "USDT"], "ddh2": [ETH], "basis": [FUTURE, PERP], "reduction": [SOL]}


@pytest.mark.parametrize(
    ("version", "account"), [(V2, "wings"), (V2, "poor wings"), pytest.param(V1, "wings", marks=LONG)]
)
def test_wings_that_cannot_be_sold_stay(version, account):
    """Futures carry their risk: perpetuals are opened, and the wings are left as they were."""
    report = report_of(version, 0.15)
    left = positions_after(report, account)
    assert {left[HIGH_CALL], left[LOW_PUT]} == {1_000.0}
    assert not {HIGH_CALL, LOW_PUT} & set(steps_of(report, account).instrument)
    row = row_of(report, account)
    assert (row.margin_ratio > 1.1) == (row.outcome == "recovered")
    assert row.equity_after_usd > 0.0
    assert left[PERP if version == V2 else INVERSE] < 0.0


def test_orders_are_cancelled_and_change_nothing():
    report = report_of()
    cancelled = steps_of(report, "orders").iloc[:2]
    columns = ["step", "unit", "instrument", "quantity", "price", "fee_usd", "slippage_usd"]
    assert cancelled[columns].to_numpy().tolist() == [
        [1, "", PERP, 10.0, 45_000.0, 0.0, 0.0],
        [1, "", "BTC-USDT", 0.1, 45_000.0, 0.0, 0.0],
    ]
    assert cancelled.mmr_after_usd.tolist() == cancelled.mmr_before_usd.tolist()
    assert cancelled.ratio_after.tolist() == cancelled.ratio_before.tolist()
    assert orders_after(report) == {"safe"}
    with_orders, without = steps_of(report, "orders").iloc[2:], steps_of(report, "outright")
    same = ["stage", "instrument", "quantity", "fee_usd", "slippage_usd", "mmr_after_usd", "ratio_after"]
    assert with_orders[same].to_numpy().tolist() == without[same].to_numpy().tolist()
    assert with_orders.step.tolist() == (without.step + 1).tolist()


def test_a_rulebook_of_ones_own_replaces_the_modelled_choices(tmp_path):
    """Half of a position a step, and no stop before a ratio of 1.5; a tenth at a time it takes five, four are 1.49."""
    file = tmp_path / "mine.toml"
    file.write_text(
        f'format = "shockgrid.rulebook/1"\nextends = "{V2}"\nversion = "mine"\n'
        "liquidation.reduction_step_frac.value = 0.5\nliquidation.stop_ratio.value = 1.5\n"
    )
    report = liquidated(ACCOUNTS["outright"], rules=sg.load_rulebook(file))
    assert trades_of(report) == [(PERP, -500.0)]
    assert row_of(report).margin_ratio > 1.5
    file.write_text(file.read_text().replace("step_frac.value = 0.5", "step_frac.value = 0.1"))
    assert trades_of(liquidated(ACCOUNTS["outright"], rules=sg.load_rulebook(file))) == [(PERP, -100.0)] * 5


def test_a_shock_comes_first_and_is_a_loss():
    """Positions without an average price count as entered at the marks before it."""
    accounts = named({"a": ACCOUNTS["outright"] | {"balances": {"USDT": 120_000.0}}})
    shock = {"price": {"BTC": -0.15}, "vol": 0.1}
    report = sg.liquidate(market_with(), accounts, sg.load_rulebook(V2), shock=shock)
    entered = {"positions": [{"instrument": PERP, "quantity": 1_000.0, "average_price": 50_000.0}]}
    same = named({"a": entered | {"balances": {"USDT": 120_000.0}}})
    moved = sg.liquidate(sg.shock(market_with(), **shock), same, sg.load_rulebook(V2))
    assert row_of(report).equity_before_usd == pytest.approx(120_000.0 - 75_000.0, rel=1e-12)
    assert len(report.steps) > 0
    pd.testing.assert_frame_equal(report.steps, moved.steps)
    pd.testing.assert_frame_equal(report.accounts, moved.accounts)


def test_who_waits_hears_of_each_stage():
    heard: list[str] = []
    sg.liquidate(market_with(), named({"a": ACCOUNTS["outright"]}), sg.load_rulebook(V2), done=heard.append)
    assert heard == ["repayment", "ddh1", "ddh2", "basis", "reduction", "final_repayment"]


# --- what cannot be traded ---


def test_without_a_hedge_the_process_goes_on_to_reduction():
    """XRP has options alone: what DDH2 is for is there, but nothing to trade."""
    report = report_of()
    unit = report.before.units.set_index("account").loc["no hedge"]
    assert max(unit.mr1, unit.mr6) > 0.5 * unit.mmr_usd
    assert stages_of(report, "no hedge") == ["reduction"]
    assert {name for name, _ in trades_of(report, "no hedge")} <= {XRP_CALL, XRP_PUT}


AND_A_LOSER = ACCOUNTS | {
    "loser": {
        "positions": [{"instrument": PERP, "quantity": 1_000.0, "average_price": 60_000.0}],
        "balances": {"USDT": 55_000.0},
    }
}


@cache
def report_without_depth() -> sg.LiquidationReport:
    """All accounts and one that has lost all, where no contract can be traded."""
    market = market_with({name: {"depth_usd": 0.0} for name in ROWS})
    return sg.liquidate(market, named(AND_A_LOSER), sg.load_rulebook(V2))


def test_without_depth_positions_stay():
    """Spot can still be sold, and debts be bought back."""
    report = report_without_depth()
    frame = report.accounts.set_index("account")
    below = frame.loc[frame.ratio_before <= 1.0]
    assert set(report.steps.stage) == {"cancel_orders", "repayment"}
    assert not set(report.steps[report.steps.stage != "cancel_orders"].instrument) & set(ROWS)
    for name in below.index.tolist():
        held = {p["instrument"]: p["quantity"] for p in AND_A_LOSER[name]["positions"]}
        assert positions_after(report, name) == held, name
    assert below.outcome.to_dict() == dict.fromkeys(below.index, "stalled") | {
        "indebted": "recovered",  # it has no positions
        "loser": "bankrupt",
    }


def test_the_fund_pays_for_positions_that_stay():
    report = report_without_depth()
    row = row_of(report, "loser")
    assert (row.equity_after_usd, row.fund_loss_usd) == (pytest.approx(-45_000.0), pytest.approx(45_000.0))
    assert positions_after(report, "loser") == {PERP: 1_000.0}
    assert (report.accounts.fund_loss_usd > 0.0).sum() == 1


@pytest.mark.parametrize(
    ("keys", "trades"),
    [
        ({"halted": NOW}, False),
        ({"halted": "2025-01-15T10:26:41.643Z"}, True),
        ({"listed": "2025-01-15T10:26:41.643Z"}, False),
        ({"listed": NOW}, True),
        ({"depth_usd": 0.0}, False),
    ],
    ids=["halted now", "halted later", "listed later", "listed now", "no depth"],
)
def test_only_what_trades_at_the_time_is_traded(keys, trades):
    report = liquidated(ACCOUNTS["outright"], {PERP: keys})
    assert (row_of(report).outcome, len(report.steps) > 0) == (("recovered", True) if trades else ("stalled", False))
    assert (positions_after(report) == {PERP: 1_000.0}) == (not trades)


def test_the_next_hedge_is_taken_where_the_first_is_halted():
    """Without a depth perpetuals come before futures."""
    market = sg.shock(market_with({PERP: {"halted": NOW}}), price={"BTC": -0.15})
    report = sg.liquidate(market, named({"a": ACCOUNTS["straddle"]}), sg.load_rulebook(V2))
    hedges = report.steps[report.steps.stage == "ddh2"]
    assert set(hedges.instrument) == {INVERSE}


def sol_account(contracts: float) -> dict:
    """Ten percent below its margin: SOL moves 18 % in MR1 and in half of MR6, and 0.8 % in MR4."""
    return holding({SOL: contracts}, balances={"USDT": 0.9 * contracts * 100.0 * 0.188})


@pytest.mark.parametrize(
    ("contracts", "first"),
    [(1_050.0, -100.0), (1_099.9, -100.0), (55.0, -10.0), (15.0, -10.0), (10.0, -10.0), (7.0, -7.0)],
)
def test_lots(contracts, first):
    """Lots of 10: of a tenth whole lots, one at least; of less than a lot everything."""
    report = liquidated(sol_account(contracts))
    assert row_of(report).ratio_before == pytest.approx(0.9, rel=1e-9)
    assert trades_of(report)[0] == (SOL, pytest.approx(first, rel=1e-12))


def test_a_lot_of_zero_is_no_step():
    """``lot`` is 0 or more (formats.md)."""
    assert trades_of(liquidated(sol_account(1_005.0), {SOL: {"lot": 0.0}}))[0] == (SOL, pytest.approx(-100.5))


def test_a_leg_takes_a_quarter_of_the_depth_at_most():
    """A tenth of 100,000 contracts is 1 million USD; of a depth of 200,000 one leg may have 50,000."""
    trades = trades_of(liquidated(sol_account(100_000.0)))
    assert trades[0] == (SOL, -500.0)
    assert all(-500.0 <= quantity < 0.0 for _, quantity in trades)


def test_fees_of_the_market_come_before_those_of_the_rules():
    fees = {
        given: steps_of(liquidated(ACCOUNTS["outright"], {PERP: {} if given is None else {"taker_fee_frac": given}}))
        for given in (None, 0.0, 0.002)
    }
    assert {given: steps.fee_usd.iloc[0] for given, steps in fees.items()} == {
        None: pytest.approx(50_000.0 * 0.0005),
        0.0: 0.0,
        0.002: pytest.approx(50_000.0 * 0.002),
    }


# --- what is refused ---


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (holding({"NOPE-SWAP": 1.0}), "an instrument of the market"),
        (holding({}, balances={"NOPE": 1.0}), "NOPE-USD"),
    ],
    ids=["instrument", "currency"],
)
def test_what_the_market_does_not_list_is_refused_as_for_margin(rules, entry, expected):
    market, accounts = market_with(), named({"a": entry})
    with pytest.raises(sg.InputError, match=expected) as caught:
        sg.liquidate(market, accounts, rules)
    with pytest.raises(sg.InputError) as same:
        sg.margin(market, accounts, rules)
    assert str(caught.value) == str(same.value)


def test_a_shock_that_names_nothing_is_refused(rules):
    with pytest.raises(sg.InputError):
        sg.liquidate(market_with(), named({"a": {}}), rules, shock={"price": {"NOPE": -0.1}})


# --- the report ---

STEPS = {
    "account": "str",
    "step": "int64",
    "stage": "str",
    "unit": "str",
    "instrument": "str",
    "quantity": "float64",
    "price": "float64",
    "fee_usd": "float64",
    "slippage_usd": "float64",
    "mmr_before_usd": "float64",
    "mmr_after_usd": "float64",
    "ratio_before": "float64",
    "ratio_after": "float64",
    "reason": "str",
}
ACCOUNT_COLUMNS = {
    "account": "str",
    "outcome": "str",
    "ratio_before": "float64",
    "margin_ratio": "float64",
    "equity_before_usd": "float64",
    "equity_after_usd": "float64",
    "fees_usd": "float64",
    "slippage_usd": "float64",
    "fund_loss_usd": "float64",
    "steps": "int64",
}


def types_of(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [(name, str(dtype)) for name, dtype in frame.dtypes.items()]


ONLY_ORDERS = holding({PERP: 1_000.0}, balances={"USDT": 55_000.0}, orders=ORDERS[:1])
SETS = {
    "many": ACCOUNTS,
    "none": {},
    "all untouched": {"safe": ACCOUNTS["safe"], "empty": {}},
    "stalled without steps": {"a": ACCOUNTS["carry"] | {"balances": {"USDT": 1.0}}},
}


@pytest.mark.parametrize("accounts", SETS.values(), ids=SETS)
def test_columns_and_types(rules, accounts):
    report = sg.liquidate(market_with({FUTURE: {"halted": NOW}}), named(accounts), rules)
    assert types_of(report.steps) == list(STEPS.items())
    assert types_of(report.accounts) == list(ACCOUNT_COLUMNS.items())
    assert report.accounts.account.tolist() == list(accounts)
    assert set(report.steps.account) <= set(accounts)
    assert len(report.after) == len(accounts)


def test_orders_alone_are_steps_too(rules):
    """An account whose only step is the cancellation of an order, as its position cannot be traded."""
    report = sg.liquidate(market_with({PERP: {"halted": NOW}}), named({"a": ONLY_ORDERS}), rules)
    assert types_of(report.steps) == list(STEPS.items())
    assert (stages_of(report), row_of(report).steps, row_of(report).outcome) == (["cancel_orders"], 1, "stalled")


def test_nothing_is_done_where_all_are_safe(rules):
    accounts = named(SETS["all untouched"])
    report = sg.liquidate(market_with(), accounts, rules)
    before = sg.margin(market_with(), accounts, rules).accounts
    assert len(report.steps) == 0
    assert set(report.accounts.outcome) == {"untouched"}
    assert report.accounts.margin_ratio.tolist() == before.margin_ratio.tolist()
    assert report.accounts.equity_after_usd.tolist() == before.gross_equity_usd.tolist()
    assert report.accounts[["fees_usd", "slippage_usd", "fund_loss_usd", "steps"]].to_numpy().sum() == 0.0


def test_repr():
    assert repr(report_of()) == f"LiquidationReport(4 untouched, 8 recovered, 1 bankrupt, {V2})"
    nobody = sg.liquidate(market_with(), accounts_of(), sg.load_rulebook(V2))
    assert repr(nobody) == f"LiquidationReport(no accounts, {V2})"


def test_save_writes_frames_and_manifest(tmp_path):
    report = report_of()
    report.save(tmp_path / "out")
    for name in ("steps", "accounts"):
        written = pd.read_parquet(tmp_path / "out" / f"{name}.parquet")
        pd.testing.assert_frame_equal(written, getattr(report, name))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest == json.loads(json.dumps(report.manifest))


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(sg.InputError, match="a folder that can be written"):
        report_of().save(tmp_path / "file")


def test_the_manifest_tells_what_it_is_of():
    manifest = report_of().manifest
    assert manifest["kind"] == "shockgrid.liquidation_report/1"
    assert manifest == report_of().before.manifest | {"kind": manifest["kind"]}


def refuse(word: str) -> float:
    raise AssertionError(f"{word} is no JSON")


def test_json_holds_the_frames_and_no_infinity():
    report = report_of()
    document = json.loads(report.to_json(), parse_constant=refuse)
    assert document["manifest"]["kind"] == "shockgrid.liquidation_report/1"
    for name in ("accounts", "steps"):
        frame = getattr(report, name)
        assert [list(row) for row in document[name]] == [frame.columns.tolist()] * len(frame)
        for row, expected in zip(document[name], frame.to_dict("records"), strict=True):
            assert row == {key: json_value(value) for key, value in expected.items()}
    assert row_of(report, "indebted").margin_ratio == math.inf, "or nothing was tested"


def json_value(value):
    """What JSON makes of a cell: null of infinity, ten digits after the point of other numbers."""
    if isinstance(value, str):
        return value
    return pytest.approx(value, rel=1e-9, abs=1e-9) if math.isfinite(value) else None


@pytest.mark.parametrize("method", ["explain", "plot"])
def test_stories_of_unknown_accounts_are_refused(method):
    with pytest.raises(sg.InputError, match="an account of the report, found 'nobody'"):
        getattr(report_of(), method)("nobody")


def test_a_plot_of_an_account_that_was_left_alone_is_refused():
    with pytest.raises(sg.InputError, match="an account that was liquidated, found 'safe'"):
        report_of().plot("safe")


# --- the accounts afterwards ---


@pytest.mark.parametrize("form", ["after.json", "after"])
def test_accounts_after_survive_being_written(rules, tmp_path, form):
    report = report_of()
    sg.write_accounts(report.after, tmp_path / form)
    read = sg.read_accounts(tmp_path / form)
    again = sg.margin(market_with(), read, rules).accounts
    assert again.margin_ratio.tolist() == pytest.approx(report.accounts.margin_ratio.tolist(), rel=1e-9)
    assert again.gross_equity_usd.tolist() == pytest.approx(report.accounts.equity_after_usd.tolist(), rel=1e-9)


def test_accrued_interest_stays_accrued(rules):
    """It is part of equity and of the debt, and no cash."""
    entry = ACCOUNTS["outright"] | {"balances": {"USDT": 56_000.0}, "accrued_interest": {"USDT": 1_000.0, "BTC": 0.01}}
    report = liquidated(entry)
    b = report.after.balances
    interest = dict.fromkeys(b.currency.names, 0.0)
    amount = interest.copy()
    for code, owed, held in zip(b.currency.codes, b.accrued_interest, b.amount, strict=True):
        interest[b.currency.names[code]] += owed
        amount[b.currency.names[code]] += held
    assert {name: owed for name, owed in interest.items() if owed} == {"USDT": 1_000.0, "BTC": 0.01}
    after = sg.margin(market_with(), report.after, rules).accounts
    assert after.gross_equity_usd[0] == pytest.approx(row_of(report).equity_after_usd, rel=1e-12)
    spent = row_of(report).fees_usd + row_of(report).slippage_usd
    assert sum(amount[name] * {"USDT": 1.0, "BTC": 50_000.0}[name] for name in amount) == pytest.approx(
        56_000.0 - spent, rel=1e-12
    )


def rows_of(name: str, *rows: tuple[float, float]) -> list[dict]:
    """Several rows of one instrument, by quantity and average price."""
    return [{"instrument": name, "quantity": q, "average_price": price} for q, price in rows]


def assert_after_has_the_equity_of_the_end(report: sg.LiquidationReport, accounts: Accounts) -> None:
    """And costs are all that equity has lost."""
    row, again = row_of(report), sg.margin(market_with(), accounts, sg.load_rulebook(V2)).accounts.iloc[0]
    assert row.equity_after_usd == pytest.approx(row.equity_before_usd - row.fees_usd - row.slippage_usd, rel=1e-9)
    assert again.gross_equity_usd == pytest.approx(row.equity_after_usd, rel=1e-9)
    assert again.margin_ratio == pytest.approx(row.margin_ratio, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "quantity", "others", "balances"),
    [
        (PERP, 100.0, [{"instrument": SOL, "quantity": 100.0}], {"USDT": -19_000.0}),
        # 100,000 USD are 2.5 BTC at 40,000 and 1 2/3 BTC at 60,000.
        (INVERSE, 1_000.0, [{"instrument": SOL, "quantity": 100.0}], {"USDT": 1_000.0, "BTC": 5 / 3 - 2.5}),
        (PERP, 100.0, [], {"ETH": 15.7, "BTC": -1.0}),
    ],
    ids=["linear", "inverse", "repayment alone"],
)
def test_positions_that_cancel_keep_their_gain(name, quantity, others, balances):
    """Bought at 40,000 and sold at 60,000, as much of each: the difference is part of equity before and after."""
    pair = rows_of(name, (quantity, 40_000.0), (-quantity, 60_000.0))
    report = liquidated({"positions": pair + others, "balances": balances})
    assert row_of(report).equity_before_usd == pytest.approx(1_000.0 if others else 1_400.0)
    assert row_of(report).outcome == "recovered"
    assert_after_has_the_equity_of_the_end(report, report.after)


def test_positions_that_nearly_cancel_survive_being_written(tmp_path):
    """2,000 bought at 10,000, 1,000 of them sold at 60,000: the 1,000 that are left cost -40,000 a coin."""
    rows = rows_of(PERP, (2_000.0, 10_000.0), (-1_000.0, 60_000.0))
    report = liquidated({"positions": rows, "balances": {"USDT": -845_000.0}})
    assert row_of(report).equity_before_usd == pytest.approx(55_000.0)
    assert_after_has_the_equity_of_the_end(report, report.after)
    sg.write_accounts(report.after, tmp_path / "after.json")
    assert_after_has_the_equity_of_the_end(report, sg.read_accounts(tmp_path / "after.json"))


def test_what_is_left_of_a_position_keeps_its_entry_price():
    """Closing a part turns its part of the gain into cash; what is opened enters at the mark."""
    held = [{"instrument": PERP, "quantity": 1_000.0, "average_price": 48_000.0}]
    report = liquidated({"positions": held, "balances": {"USDT": 35_000.0}})
    p = report.after.positions
    assert p.average_price.tolist() == pytest.approx([48_000.0], rel=1e-12)
    closed = 1_000.0 - p.quantity[0]
    spent = row_of(report).fees_usd + row_of(report).slippage_usd
    assert report.after.balances.amount.tolist() == pytest.approx([35_000.0 + closed * 20.0 - spent], rel=1e-12)
    fallen = report_of(V2, 0.15)
    p, place = fallen.after.positions, fallen.after.ids.tolist().index("straddle")
    opened = (p.account == place) & (p.instrument.codes == p.instrument.names.index(PERP))
    assert p.average_price[opened].tolist() == pytest.approx([42_500.0], rel=1e-12)

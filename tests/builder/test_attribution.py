"""``attribute``: what changed is named, nothing is left over, and amounts that cross a tier are told apart."""

from __future__ import annotations

import copy
import json
import math
from bisect import bisect_left
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.one_shape import one_shape
from tests.properties.books import DOCUMENT, INDEX, INSTRUMENTS
from tests.reference import hand_markets
from tests.reference.hand_markets import holding, par_index, swap
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_accounts, random_market
from tests.reference.tables import marginal

FACTORS = ["price", "vol", "time", "stablecoins", "basis", "positions", "settings", "rulebook"]
TIERS = "tier crossings"
FIGURES = ["mmr_usd", "equity_usd", "margin_ratio"]
COLUMNS = ["account", "figure", "factor", "change", "low", "high"]
VERSION, OLD_VERSION, VERSION_1 = "okx/v2-2025-12-04", "okx/v2-2024-12-30", "okx/v1-2024-06-05"
NUMBERS: Any = VERSIONS[VERSION]
CALL, PUT = "BTC-USD-250131-1.1-call", "SOL-USD-250627-0.9-put"

# Small enough that no amount leaves its first tier by any of the moves below.
MIXED = holding(
    {
        CALL: -30.0,
        "BTC-USD-250627-0.9-put": 40.0,
        "BTC-USD-SWAP": -150.0,
        "BTC-USDT-250131": 0.5,
        "SOL-USDT-SWAP": 150.0,
    },
    balances={"BTC": 1.2, "USDT": 30e3, "USDC": 2e3},
    spot_limits={"BTC": 0.9},
)
ENTRIES = (
    MIXED | {"id": "mixed"},
    {
        "id": "linear",
        "positions": [
            {"instrument": "BTC-USDT-SWAP", "quantity": 40.0, "average_price": 98e3},
            {"instrument": "BTC-USDC-SWAP", "quantity": -35.0, "average_price": 97.5e3},
            {"instrument": PUT, "quantity": 100.0},
        ],
        "balances": {"USDT": 20e3, "USDC": 10e3},
    },
    {"id": "debtor", "balances": {"BTC": -0.5, "SOL": 100.0, "USDT": 90e3}},
    {"id": "idle", "balances": {"BTC": 1.0, "USDT": 5e3}},
)


def edited(account: str, **changes) -> tuple[dict, ...]:
    return tuple(entry | (changes if entry["id"] == account else {}) for entry in ENTRIES)


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    with one_shape():
        yield


@pytest.fixture(scope="module")
def market():
    return market_of(DOCUMENT)


@pytest.fixture(scope="module")
def margined(market):
    """A report, by default of the accounts, market and rules of before."""

    def of(entries=ENTRIES, at=market, version: str = VERSION) -> sg.MarginReport:
        return sg.margin(at, accounts_of(*entries), sg.load_rulebook(version))

    return of


@pytest.fixture(scope="module")
def before(margined):
    return margined()


def changes(found: sg.Attribution) -> dict[tuple[str, str, str], float]:
    """Change by account, figure and factor."""
    frame = found.contributions
    return {(r["account"], r["figure"], r["factor"]): r["change"] for r in frame.to_dict("records")}


def assert_adds_up(found: sg.Attribution, scale: float = 1e-9) -> None:
    """Parts make the whole change of every account and figure, within so much of what the figure is a part of."""
    sides = [report.accounts.set_index("account") for report in (found.before, found.after)]
    frame, whole = found.contributions, found.totals.set_index(["account", "figure"])
    summed = frame.groupby(["account", "figure"], sort=False).change.sum()
    assert len(summed) == len(whole) == len(FIGURES) * len(found.before.inputs)
    for (account, figure), total in summed.items():  # pyright: ignore[reportGeneralTypeIssues]
        was, now = (side.loc[account, figure] for side in sides)
        row = whole.loc[(account, figure)]
        assert (row.before, row.after) == (was, now)
        expected = 0.0 if was == now else now - was
        assert row.change == expected
        largest = max(abs(was), abs(now))
        if figure == "equity_usd":
            largest = max(abs(side.loc[account, "gross_equity_usd"]) for side in sides) + largest
        assert total == pytest.approx(expected, abs=scale * largest if math.isfinite(largest) else 0.0), (
            account,
            figure,
        )


# --- one thing changes ---


def test_unchanged_inputs_give_zero_everywhere(before, margined):
    found = sg.attribute(before, margined())
    assert found.changed == ()
    assert (found.contributions[["change", "low", "high"]] == 0).to_numpy().all()
    assert (found.totals.change == 0).all()


SHOCKS = {
    "price": {"price": {"BTC": -0.1, "SOL": 0.05}},
    "vol": {"vol": 0.1},
    "time": {"time": 3.0},
    "stablecoins": {"peg": {"USDT": -0.02}},
    "basis": {"basis": {"BTC": 0.002}},
}
EDITS = {
    "a position": edited("linear", positions=ENTRIES[1]["positions"][:2]),
    "an average price": edited("linear", positions=[ENTRIES[1]["positions"][0] | {"average_price": 99e3}]),
    "a balance": edited("debtor", balances={"BTC": -0.6, "SOL": 100.0, "USDT": 90e3}),
    "accrued interest": edited("debtor", accrued_interest={"BTC": 0.01}),
    "a limit": edited("mixed", spot_limits={"BTC": 0.1}),
}


def assert_names_only(found: sg.Attribution, factor: str) -> None:
    """The factor has the whole change; all others, and the tiers that nothing leaves, are zero to the bit."""
    assert found.changed == (factor,)
    frame, whole = found.contributions, found.totals
    assert (frame.change[frame.factor != factor] == 0).all()
    own = frame[frame.factor == factor]
    assert own.change.tolist() == whole.change.tolist()
    assert own.low.tolist() == own.high.tolist() == own.change.tolist()
    assert (own.change != 0).any()


@pytest.mark.parametrize("factor", SHOCKS)
def test_a_move_of_one_kind_names_its_factor(before, margined, market, factor):
    assert_names_only(sg.attribute(before, margined(at=sg.shock(market, **SHOCKS[factor]))), factor)


@pytest.mark.parametrize("entries", EDITS.values(), ids=EDITS.keys())
def test_an_edit_names_the_positions(before, margined, entries):
    assert_names_only(sg.attribute(before, margined(entries)), "positions")


def test_orders_are_positions_that_change_none_of_the_figures(before, margined):
    order = {"instrument": "BTC-USDT-SWAP", "quantity": 5.0, "price": 9e4}
    found = sg.attribute(before, margined(edited("linear", orders=[order])))
    assert found.changed == ("positions",)
    assert (found.contributions.change == 0).all()


def test_a_mode_names_the_settings(margined):
    """Spot that hedges joins a unit of version 1 where the mode says so."""
    modes = (edited("mixed", spot_mode="derivatives_only"), edited("mixed", spot_mode="spot_coin"))
    found = sg.attribute(*(margined(entries, version=VERSION_1) for entries in modes))
    assert_names_only(found, "settings")
    assert changes(found)["mixed", "mmr_usd", "settings"] < 0


@pytest.mark.parametrize("setting", [{"auto_borrow": False}, {"declared": False}])
def test_other_settings_change_none_of_the_figures(before, margined, setting):
    found = sg.attribute(before, margined(edited("mixed", **setting)))
    assert found.changed == ("settings",)
    assert (found.contributions.change == 0).all()


@pytest.mark.parametrize("version", [OLD_VERSION, VERSION_1])
def test_a_rulebook_names_the_rulebook(before, margined, version):
    assert_names_only(sg.attribute(margined(version=version), before), "rulebook")


def test_all_marks_of_options_at_once_are_a_move_of_volatility(before, margined, market):
    """Nothing that the value of an option depends on moved, so it can only be that."""
    document = copy.deepcopy(DOCUMENT)
    for row in document["instruments"]:
        row["mark"] *= 1.2 if row["kind"] == "option" else 1.0
    assert_names_only(sg.attribute(before, margined(at=market_of(document))), "vol")


# --- several things change ---


def moved_in_every_way(market):
    return sg.shock(market, price={"BTC": 0.15, "SOL": -0.1}, vol=0.08, peg={"USDT": 0.01}, basis=0.001, time=2.0)


def test_everything_at_once_adds_up(margined, market):
    after = margined(
        edited("mixed", balances={"BTC": 1.0, "USDT": 10e3}, spot_mode="spot_coin"), at=moved_in_every_way(market)
    )
    found = sg.attribute(margined(version=VERSION_1), after, spans=False)
    assert list(found.changed) == FACTORS
    assert_adds_up(found)
    frame = found.contributions
    mixed = frame[(frame.account == "mixed") & (frame.figure == "margin_ratio")].set_index("factor").change
    # Under version 1 the mode takes spot into the unit; the rulebook comes last.
    assert (mixed[FACTORS].abs() > 1e-6).all()


@pytest.mark.parametrize("seed", [5, 6])
def test_random_accounts_add_up(seed):
    """Of every scale, so that many cross tiers; a day passes, in which what expires in hours goes."""
    document = random_market(seed)
    today = market_of(document)
    expired = {row["id"] for row in document["instruments"] if row.get("expiry", "9") <= later(document["time"])}
    assert expired
    entries, others = (named(random_accounts(document, s, 28)) for s in (seed, seed + 100))
    for entry in others:
        for key in ("positions", "orders"):
            entry[key] = [row for row in entry.get(key, []) if row["instrument"] not in expired]
    moved = sg.shock(today, price={"BTC": -0.2, "ETH": 0.3}, vol=0.05, peg=-0.01, time=1.0)
    older, newer = (sg.load_rulebook(v) for v in ((VERSION_1, VERSION) if seed % 2 else (OLD_VERSION, VERSION)))
    found = sg.attribute(
        sg.margin(today, accounts_of(*entries), older), sg.margin(moved, accounts_of(*others), newer), spans=False
    )
    assert_adds_up(found)
    frame = found.contributions
    assert (frame.change[frame.factor == TIERS] != 0).sum() > 10


def later(time: str) -> str:
    return str(np.datetime64(time.removesuffix("Z")) + np.timedelta64(1, "D"))


def named(entries: list[dict]) -> list[dict]:
    """By their places, so that two sets have the same ids."""
    return [entry | {"id": str(i)} for i, entry in enumerate(entries)]


@pytest.fixture(scope="module")
def three(margined, market):
    """Price and volatility, positions and the rulebook: the reports, and the figures of every state between them."""
    markets = (market, sg.shock(market, price={"BTC": -0.12, "SOL": 0.2}))
    books = (ENTRIES, edited("linear", balances={"USDT": 60e3}, positions=ENTRIES[1]["positions"][:1]))
    versions = (OLD_VERSION, VERSION)

    def state(*moved: str) -> sg.MarginReport:
        price, positions, rulebook = (name in moved for name in ("price", "positions", "rulebook"))
        return margined(books[positions], markets[price], versions[rulebook])

    return state


def test_spans_are_the_extremes_over_all_orders(three):
    """Each state margined by itself; no amount leaves its tier in any of them."""
    names = ("price", "positions", "rulebook")
    figures: dict[frozenset, np.ndarray] = {}

    def at(moved: tuple[str, ...]) -> np.ndarray:
        if frozenset(moved) not in figures:
            figures[frozenset(moved)] = three(*moved).accounts[FIGURES].to_numpy(float)
        return figures[frozenset(moved)]

    steps: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for order in permutations(names):
        for i, name in enumerate(order):
            with np.errstate(invalid="ignore"):
                step = at(order[: i + 1]) - at(order[:i])
            steps[name].append(np.nan_to_num(step))  # an infinite ratio that stays
    found = sg.attribute(three(), three(*names))
    assert found.changed == names
    frame = found.contributions
    assert (frame.change[frame.factor == TIERS].abs() < 1e-9).all()
    for name in names:
        rows = frame[frame.factor == name]
        for column, expected in (("low", np.min(steps[name], axis=0)), ("high", np.max(steps[name], axis=0))):
            assert rows[column].tolist() == pytest.approx(expected.reshape(-1).tolist(), rel=1e-9, abs=1e-7), (
                name,
                column,
            )
        # In the order of the factors: price, positions, rulebook.
        assert rows.change.to_numpy() == pytest.approx(steps[name][0].reshape(-1), rel=1e-9, abs=1e-7), name
    assert (frame.high > frame.low + 1).sum() >= 5


def test_changes_lie_within_their_spans_when_tiers_are_crossed():
    document = random_market(7)
    today = market_of(document)
    entries, others = (named(random_accounts(document, s, 28)) for s in (7, 107))
    settings = ("spot_mode", "auto_borrow", "declared")
    others = [
        {k: v for k, v in other.items() if k not in settings} | {k: v for k, v in entry.items() if k in settings}
        for entry, other in zip(entries, others, strict=True)
    ]
    rules = sg.load_rulebook(VERSION)
    moved = sg.shock(today, price=0.25, peg={"USDT": -0.03})
    found = sg.attribute(sg.margin(today, accounts_of(*entries), rules), sg.margin(moved, accounts_of(*others), rules))
    assert found.changed == ("price", "stablecoins", "positions")
    assert_adds_up(found)
    frame = found.contributions
    # An infinite ratio has no span; what does not change is zero.
    assert (frame.low <= frame.change).all()
    assert (frame.change <= frame.high).all()
    crossed = frame[(frame.factor == TIERS) & (frame.change != 0)]
    assert len(crossed) > 10
    assert crossed.low.tolist() == crossed.high.tolist() == crossed.change.tolist()


def test_without_spans_there_are_none(before, margined, market):
    moved = margined(at=sg.shock(market, price=0.1, vol=0.05))
    found, whole = sg.attribute(before, moved, spans=False), sg.attribute(before, moved)
    rows = found.contributions.factor.isin(FACTORS)
    assert found.contributions.loc[rows, ["low", "high"]].isna().to_numpy().all()
    pd.testing.assert_series_equal(found.contributions.change, whole.contributions.change)


# --- tiers, by hand from the tables ---

# A coin of group A at 100,000, everything at par, marks at the index.
HAND = hand_markets.market_of(
    par_index(BTC=100e3),
    swap("LONG", "BTC", "USDT", 1.0, 100e3),
    swap("SHORT", "BTC", "USDT", 1.0, 100e3),
    swap("USDC", "BTC", "USDC", 1.0, 100e3),
)


@pytest.fixture(scope="module")
def split():
    """Changes by figure and factor of one account whose market, and later self, differ."""
    today, rules = market_of(HAND), sg.load_rulebook(VERSION)

    def of(entry: dict, *, move: float = 0.0, then: dict | None = None) -> dict[tuple[str, str], float]:
        after = sg.shock(today, price={"BTC": move}) if move else today
        reports = [sg.margin(m, accounts_of(e), rules) for m, e in ((today, entry), (after, then or entry))]
        found = sg.attribute(*reports)
        assert_adds_up(found)
        return {(figure, factor): change for (_, figure, factor), change in changes(found).items()}

    return of


def entered(quantities: dict[str, float], price: float = 100e3, **other: object) -> dict:
    """Positions at one entry price."""
    held = holding(quantities, **other)
    return held | {"positions": [p | {"average_price": price} for p in held["positions"]]}


@pytest.mark.parametrize(
    ("coins", "move", "price", "tier"),
    [
        # 4.5 to 5.4 million USD: all in full by the first tier's rate, 2.5 % less beyond five million.
        (45.0, 0.2, 900_000.0, -10_000.0),
        # 5.4 million, at 97.5 % beyond five, to 4.32: at that rate all the way it would be 4.337 million.
        (54.0, -0.2, -0.975 * 1_080_000.0, -17_000.0),
        # Within the first tier, and within the second.
        (40.0, 0.2, 800_000.0, 0.0),
        (60.0, 0.2, 0.975 * 1_200_000.0, 0.0),
        # 9 to 24 million: 2.5 % of four more beyond twenty; the second and third tier have one rate.
        (90.0, 5 / 3, 0.975 * 15e6, -0.025 * 4e6),
    ],
)
def test_a_price_that_takes_collateral_over_a_haircut_tier(split, coins, move, price, tier):
    found = split({"id": "a", "balances": {"BTC": coins}}, move=move)
    assert found["equity_usd", "price"] == pytest.approx(price, rel=1e-9)
    assert found["equity_usd", TIERS] == pytest.approx(tier, abs=1e-6)
    assert {found[figure, factor] for figure in ("mmr_usd", "margin_ratio") for factor in ("price", TIERS)} == {0.0}


def test_a_withdrawal_that_takes_a_debt_over_a_borrowing_tier(split):
    """From 90,000 to 150,000 USDT: 2 % of all of it, then 2.5 %. The ratio asks 0.1 % of debt and MR8 more."""
    coins = {"BTC": 10.0}
    found = split(
        {"id": "a", "balances": coins | {"USDT": -90e3}}, then={"id": "a", "balances": coins | {"USDT": -150e3}}
    )
    assert found["mmr_usd", "positions"] == pytest.approx(0.02 * 60e3, rel=1e-9)
    assert found["mmr_usd", TIERS] == pytest.approx(0.005 * 150e3, rel=1e-9)
    assert found["equity_usd", "positions"] == pytest.approx(-60e3, rel=1e-9)
    assert found["equity_usd", TIERS] == 0
    was, held, now = (
        equity / (mmr + 0.001 * (debt + mmr))
        for equity, debt, mmr in ((910e3, 90e3, 1800.0), (850e3, 150e3, 3000.0), (850e3, 150e3, 3750.0))
    )
    assert found["margin_ratio", "positions"] == pytest.approx(held - was, rel=1e-9)
    assert found["margin_ratio", TIERS] == pytest.approx(now - held, rel=1e-9)


def test_a_price_that_takes_a_loss_over_a_borrowing_tier(split):
    """Ten coins entered at 109,000 lose 90,000 USDT, and 60,000 more where the price falls by 6 %."""
    found = split(entered({"LONG": 10.0}, 109e3, balances={"USDC": 1e6}), move=-0.06)
    unit = 0.12 + 0.002  # MR1 and MR4 of group A, of a million USD
    assert found["mmr_usd", "price"] == pytest.approx(-0.06 * unit * 1e6 + 0.02 * 60e3, rel=1e-9)
    assert found["mmr_usd", TIERS] == pytest.approx(0.005 * 150e3, rel=1e-9)
    assert found["equity_usd", "price"] == pytest.approx(-60e3, rel=1e-9)
    assert found["equity_usd", TIERS] == pytest.approx(0.0, abs=1e-6)


def test_a_debt_that_is_paid_back_into_a_lower_tier(split):
    """At the 2.5 % of before, 60,000 less of debt is 1,500 less of margin; all that is left gets half a percent off."""
    coins = {"BTC": 10.0}
    found = split(
        {"id": "a", "balances": coins | {"USDT": -150e3}}, then={"id": "a", "balances": coins | {"USDT": -90e3}}
    )
    assert found["mmr_usd", "positions"] == pytest.approx(-0.025 * 60e3, rel=1e-9)
    assert found["mmr_usd", TIERS] == pytest.approx(-0.005 * 90e3, rel=1e-9)


def test_a_price_that_takes_the_minimum_charge_over_a_multiplier_tier(split):
    """A flat unit is charged MR7 alone: 0.45 % of 2 * 20 million USD is 180,000, and 270,000 after a rise by half.

    Beyond 250,000 the multiplier is 2. Long and short gain and lose the same: equity stays at a million.
    """
    found = split(entered({"LONG": 200.0, "SHORT": -200.0}, balances={"USDT": 1e6}), move=0.5)
    assert found["mmr_usd", "price"] == pytest.approx(90e3, rel=1e-9)
    assert found["mmr_usd", TIERS] == pytest.approx(20e3, rel=1e-9)
    assert found["equity_usd", "price"] == pytest.approx(0.0, abs=1e-6)
    assert found["equity_usd", TIERS] == 0
    assert found["margin_ratio", "price"] == pytest.approx(1e6 / 270e3 - 1e6 / 180e3, rel=1e-9)
    assert found["margin_ratio", TIERS] == pytest.approx(1e6 / 290e3 - 1e6 / 270e3, rel=1e-9)


def test_a_minimum_charge_that_is_not_the_largest_adds_nothing_by_its_tiers(split):
    """A charge of 180,000 and then 270,000 on 40 million one way, whose MR1 and MR4 are 12.2 %."""
    found = split(entered({"LONG": 400.0}, balances={"USDT": 1e6}), move=0.5)
    assert found["mmr_usd", "price"] == pytest.approx(0.122 * 20e6, rel=1e-9)
    assert found["mmr_usd", TIERS] == 0


def test_tiers_have_a_part_only_where_one_is_crossed():
    """Of random accounts after a move of prices, held against the tables typed in from the rule text."""
    document = random_market(8)
    today, rules, entries = market_of(document), sg.load_rulebook(VERSION), random_accounts(document, 8, 28)
    accounts = accounts_of(*entries)
    reports = [sg.margin(m, accounts, rules) for m in (today, sg.shock(today, price=-0.3))]
    found = sg.attribute(*reports, spans=False)
    assert found.changed == ("price",)
    was, now = map(tiers_of, reports)
    crossed = {key[0] for key in was.keys() | now.keys() if was.get(key, 0) != now.get(key, 0)}
    frame = found.contributions
    moved = set(frame.account[(frame.factor == TIERS) & (frame.change != 0)])
    assert moved <= crossed
    assert len(moved) > 5
    assert len(crossed) < len(entries)


def tiers_of(report: sg.MarginReport) -> dict[tuple, int]:
    """The tier of every amount that has any: collateral in USD, debts, raw charges."""
    tiers = {}
    for row in report.currencies.to_dict("records"):
        account, currency, equity = row["account"], row["currency"], row["equity"]
        table = NUMBERS.borrow_table(currency)
        debt = max(-equity, 0.0)
        if table is not None and debt:
            beyond = max(math.ceil((debt - table.upper[-1]) / table.beyond), 0)
            tiers[account, currency, "debt"] = bisect_left(table.upper, debt) + beyond
        bounds = NUMBERS.haircut(currency).upper
        tiers[account, currency, "haircut"] = bisect_left(bounds, max(row["equity_usd"], 0.0))
    for row in report.units.to_dict("records"):
        table = NUMBERS.mr7_multiplier.of(row["unit"])
        totals = [marginal(table, bound) for bound in table.upper[:-1]]
        tiers[row["account"], row["unit"], "mr7"] = bisect_left(totals, row["mr7"])
    return tiers


# --- what expires, and what only one market lists ---

EXPIRING, EXPIRING_FUTURE, EXPIRED_TIME = "BTC-USD-250131-0.9-call", "BTC-USDT-250131", "2025-02-01T00:00:00Z"
KEPT = {"instrument": "BTC-USDT-SWAP", "quantity": 5.0, "average_price": 98e3}
HOLDER = {
    "id": "holder",
    "positions": [
        KEPT,
        {"instrument": EXPIRING, "quantity": 20.0},
        {"instrument": EXPIRING_FUTURE, "quantity": -3.0, "average_price": 98e3},
    ],
    "orders": [{"instrument": EXPIRING, "quantity": 1.0, "price": 0.05}],
    "balances": {"BTC": 0.5, "USDT": 50e3},
}


@pytest.fixture(scope="module", params=["listed still", "listed no more"])
def after_expiry(market, request):
    """The market of the first of February, all prices as they were."""
    later_market = sg.shock(market, time=EXPIRED_TIME)
    if request.param == "listed still":
        return later_market
    marks = dict(zip(later_market.table.id, later_market.table.mark, strict=True))
    live = [row for row in INSTRUMENTS.values() if row.get("expiry", "9") > EXPIRED_TIME]
    instruments = [row | {"mark": float(marks[row["id"]])} for row in live]
    return market_of(DOCUMENT | {"time": EXPIRED_TIME, "instruments": instruments})


def test_what_expires_goes_with_time(margined, after_expiry):
    """The option takes its value with it, the future its unrealised profit; what was settled came as a balance."""
    payoff = 20.0 * INSTRUMENTS[EXPIRING]["contract_value"] * 0.1  # the index is at 10/9 of the strike
    profit = -3.0 * INSTRUMENTS[EXPIRING_FUTURE]["contract_value"] * (INDEX["BTC-USDT"] - 98e3)
    settled = {"BTC": 0.5 + payoff, "USDT": 50e3 + profit}
    then = {"id": "holder", "positions": [KEPT], "balances": settled}
    before, after = margined((HOLDER,)), margined((then,), at=after_expiry)
    found = sg.attribute(before, after)
    assert found.changed == ("time", "positions")
    assert_adds_up(found)
    by_factor = {(figure, factor): change for (_, figure, factor), change in changes(found).items()}
    option, future = INSTRUMENTS[EXPIRING], INSTRUMENTS[EXPIRING_FUTURE]
    value = 20.0 * option["contract_value"] * option["mark"] * INDEX["BTC-USD"]
    unrealised = -3.0 * future["contract_value"] * (future["mark"] - 98e3) * INDEX["USDT-USD"]
    assert by_factor["equity_usd", "time"] == pytest.approx(-value - unrealised, rel=1e-9)
    paid = payoff * INDEX["BTC-USD"] + profit * INDEX["USDT-USD"]
    assert by_factor["equity_usd", "positions"] == pytest.approx(paid, rel=1e-9)
    whole = after.accounts.mmr_usd[0] - before.accounts.mmr_usd[0]
    assert by_factor["mmr_usd", "time"] == pytest.approx(whole, rel=1e-9)
    assert by_factor["mmr_usd", "positions"] == pytest.approx(0.0, abs=1e-9)


@pytest.fixture(scope="module")
def with_new_listing():
    """The market, with one perpetual more."""
    more = swap("BTC-NEW-SWAP", "BTC", "USDT", 0.01, 98_500.0)
    return market_of(DOCUMENT | {"instruments": [*DOCUMENT["instruments"], more]})


@pytest.mark.parametrize("new_first", [False, True])
def test_what_only_one_market_lists_goes_with_the_positions(margined, market, with_new_listing, new_first):
    plain, new = edited("linear"), edited("linear", positions=[{"instrument": "BTC-NEW-SWAP", "quantity": 10.0}])
    moved = {"price": {"BTC": 0.1}, "vol": 0.02}
    sides = [(with_new_listing, new), (market, plain)] if new_first else [(market, plain), (with_new_listing, new)]
    reports = margined(sides[0][1], at=sides[0][0]), margined(sides[1][1], at=sg.shock(sides[1][0], **moved))
    found = sg.attribute(*reports)
    assert found.changed == ("price", "vol", "positions")
    assert_adds_up(found)
    linear = found.contributions[found.contributions.account == "linear"].set_index(["figure", "factor"])
    # As if all had been listed throughout.
    everywhere = [
        margined(book, at=m)
        for m, book in (
            (with_new_listing, sides[0][1]),
            (sg.shock(with_new_listing, **moved), sides[0][1]),
            (sg.shock(with_new_listing, **moved), sides[1][1]),
        )
    ]
    for figure in FIGURES:
        start, market_moved, end = (r.accounts.set_index("account").loc["linear", figure] for r in everywhere)
        market_part = linear.change[figure, "price"] + linear.change[figure, "vol"]
        assert market_part == pytest.approx(market_moved - start, rel=1e-9, abs=1e-9)
        assert linear.change[figure, "positions"] == pytest.approx(end - market_moved, rel=1e-9, abs=1e-9)


def test_a_listing_that_no_one_holds_changes_nothing(before, margined, with_new_listing):
    found = sg.attribute(before, margined(at=with_new_listing))
    assert found.changed == ()
    assert found.contributions.change.abs().max() < 1e-9


def test_a_listing_that_widens_the_basis_of_version_1_goes_with_basis(margined):
    """MR4 of version 1 charges the widest basis listed, held or not."""
    more = swap("BTC-NEW-FUTURE", "BTC", "BTC", 100.0, INDEX["BTC-USD"] * 1.1, INSTRUMENTS[CALL]["expiry"])
    wider = market_of(DOCUMENT | {"instruments": [*DOCUMENT["instruments"], more]})
    calendar = (holding({CALL: -300.0, "BTC-USD-SWAP": 500.0}, balances={"BTC": 5.0}),)
    reports = [margined(calendar, version=VERSION_1), margined(calendar, wider, VERSION_1)]
    for sides in (reports, reports[::-1]):
        assert_names_only(sg.attribute(*sides), "basis")


# --- ratios without end ---


def test_a_ratio_that_becomes_infinite_goes_to_its_factor(margined):
    """Debts paid, nothing is asked."""
    then = edited("debtor", balances={"SOL": 100.0, "USDT": 40e3})
    found = sg.attribute(margined(), margined(then))
    assert changes(found)["debtor", "margin_ratio", "positions"] == math.inf
    assert_adds_up(found)
    back = sg.attribute(margined(then), margined())
    assert changes(back)["debtor", "margin_ratio", "positions"] == -math.inf
    assert_adds_up(back)


def test_a_ratio_that_is_infinite_on_the_way_is_carried(margined, market):
    """All that is held expires, something else is held then: between the two nothing is asked."""
    option = {"id": "holder", "positions": [{"instrument": EXPIRING, "quantity": -20.0}], "balances": {"BTC": 0.5}}
    later_on = {"id": "holder", "positions": [KEPT], "balances": {"BTC": 0.5}}
    before, after = margined((option,)), margined((later_on,), at=sg.shock(market, time=EXPIRED_TIME))
    found = sg.attribute(before, after)
    assert found.changed == ("time", "positions")
    assert_adds_up(found)
    parts = {factor: change for (_, figure, factor), change in changes(found).items() if figure == "margin_ratio"}
    assert parts["time"] == 0.0
    assert parts["positions"] == after.accounts.margin_ratio[0] - before.accounts.margin_ratio[0]


# --- the record ---


@pytest.fixture(scope="module")
def found(before, margined, market):
    return sg.attribute(before, margined(at=sg.shock(market, price=0.1, vol=0.05)))


def test_columns_and_rows(found):
    frame, totals = found.contributions, found.totals
    assert frame.columns.tolist() == COLUMNS
    ids = [entry["id"] for entry in ENTRIES]
    rows = [(a, figure, factor) for a in ids for figure in FIGURES for factor in [*FACTORS, TIERS]]
    assert list(zip(frame.account, frame.figure, frame.factor, strict=True)) == rows
    assert totals.columns.tolist() == ["account", "figure", "before", "after", "change"]
    assert list(zip(totals.account, totals.figure, strict=True)) == [(a, f) for a in ids for f in FIGURES]


def test_the_manifest_says_the_order_and_both_sides(found):
    assert found.manifest == {
        "kind": "shockgrid.attribution/1",
        "order": [*FACTORS, TIERS],
        "changed": ["price", "vol"],
        "before": found.before.manifest,
        "after": found.after.manifest,
    }


def test_save(found, tmp_path):
    found.save(tmp_path / "made")
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == [
        "contributions.parquet",
        "manifest.json",
        "totals.parquet",
    ]
    for name in ("contributions", "totals"):
        saved = pd.read_parquet(tmp_path / "made" / f"{name}.parquet")
        pd.testing.assert_frame_equal(saved, getattr(found, name), check_exact=True)
    assert json.loads((tmp_path / "made" / "manifest.json").read_text()) == found.manifest


def test_json_has_both_frames_and_no_infinity(found):
    document = json.loads(found.to_json(), parse_constant=pytest.fail)
    assert set(document) == {"manifest", "totals", "contributions"}
    assert document["manifest"] == found.manifest
    assert [list(row) for row in document["contributions"][:1]] == [COLUMNS]
    assert len(document["contributions"]) == len(found.contributions)
    idle = [row for row in document["totals"] if row["account"] == "idle" and row["figure"] == "margin_ratio"]
    assert idle == [{"account": "idle", "figure": "margin_ratio", "before": None, "after": None, "change": 0.0}]


def test_repr(found, before):
    assert repr(found) == "Attribution(4 accounts, price, vol)"
    assert repr(sg.attribute(before, before)) == "Attribution(4 accounts, nothing changed)"


def test_no_accounts(margined, market, found):
    empty = sg.attribute(margined(()), margined((), at=sg.shock(market, price=0.1)))
    assert len(empty.contributions) == len(empty.totals) == 0
    assert empty.contributions.dtypes.to_dict() == found.contributions.dtypes.to_dict()


@pytest.mark.parametrize(
    "others", [ENTRIES[:3], ENTRIES[::-1], (*ENTRIES[:3], ENTRIES[3] | {"id": "another"})], ids=["fewer", "order", "id"]
)
def test_reports_of_other_accounts_are_refused(before, margined, others):
    with pytest.raises(sg.InputError) as caught:
        sg.attribute(before, margined(others))
    assert (caught.value.file, caught.value.path) == ("attribute", "after")
    assert caught.value.expected == "a report of the same accounts in the same order as before"


@pytest.mark.parametrize("place", ["before", "after"])
def test_what_is_no_report_is_refused(before, market, place):
    sides = {"before": before, "after": before} | {place: market}
    with pytest.raises(sg.InputError) as caught:
        sg.attribute(**sides)
    assert (caught.value.file, caught.value.path) == ("attribute", place)

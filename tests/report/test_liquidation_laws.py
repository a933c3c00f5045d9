"""What holds for the liquidation of any account, on random accounts in a market with depths, lots and halts.

Shortfalls are not in the frames; they are read from the logs of the stages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.accounts.holdings import Accounts
from shockgrid.market.market import Market
from shockgrid.venues.okx import block_margin
from shockgrid.venues.okx.liquidation.process import StageLog
from shockgrid.venues.okx.rulebook import Rulebook
from tests.documents import accounts_of, market_of
from tests.reference.liquidation_documents import margin_of, troubled_accounts, with_depths, with_ratio
from tests.reference.liquidation_market import PricedMarket
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_accounts, random_market

V2, V1 = "okx/v2-2025-12-04", "okx/v1-2024-06-05"
ORDER = ("cancel_orders", "repayment", "ddh1", "ddh2", "ddh", "basis", "reduction", "final_repayment")
CONTRACT_STAGES = ("ddh1", "ddh2", "ddh", "basis", "reduction")
STOP_RATIO, REDUCTION_STEP, DEPTH_SHARE = 1.1, 0.1, 0.25
NINE_DIGITS = 1e-9
SAFE = 25


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """All margin runs share the shape of the first and largest, so that each program compiles once."""
    shape = block_margin.CommonShape()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_margin, "CommonShape", lambda **_: shape)
        yield


@dataclass(frozen=True)
class Liquidated:
    """Accounts that are due, and some that are safe, and what became of them."""

    document: dict
    entries: dict[str, dict]
    market: Market
    rules: Rulebook
    report: sg.LiquidationReport

    @classmethod
    def drawn(cls, version: str, seed: int, count: int, *, small: bool = False) -> Liquidated:
        """So many accounts that are due; of ``small`` ones the books are of one size, which compiles once."""
        document = with_depths(random_market(seed), seed)
        priced = PricedMarket(document, VERSIONS[version])
        due = troubled_accounts(priced, seed, 2 * count if small else count)
        chosen = [entry for entry in due if is_small(entry, priced) or not small][:count]
        drawn = chosen + safe_accounts(priced, seed)
        entries = {f"{seed}-{i}": entry | {"id": f"{seed}-{i}"} for i, entry in enumerate(drawn)}
        market, rules = market_of(document), sg.load_rulebook(version)
        return cls(document, entries, market, rules, sg.liquidate(market, accounts_of(*entries.values()), rules))

    @cached_property
    def steps(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of ``report.steps`` of each account that has any."""
        rows = self.report.steps.to_dict("records")
        found = defaultdict(list)
        for row in rows:
            found[row["account"]].append(row)
        return dict(found)

    @cached_property
    def accounts(self) -> pd.DataFrame:
        return self.report.accounts.set_index("account")

    @cached_property
    def instruments(self) -> dict[str, dict]:
        return {row["id"]: row for row in self.document["instruments"]}

    @cached_property
    def gross_usd(self) -> pd.Series:
        """Of each account all that it holds and owes at marks, which rounding is measured by."""
        return pd.Series({name: self._gross_of(entry) for name, entry in self.entries.items()})

    def _gross_of(self, entry: dict) -> float:
        cash = sum(abs(amount) * self.usd(c) for c, amount in entry.get("balances", {}).items())
        return cash + sum(abs(q) * self.size_usd(name) for name, q in held_of(entry).items())

    def usd(self, currency: str) -> float:
        return self.document["index"].get(f"{currency}-USD", 1.0)

    def size_usd(self, name: str) -> float:
        """Of one contract, the underlying of an option."""
        row = self.instruments[name]
        if row["kind"] == "option":
            return row["contract_value"] * self.usd(row["coin"])
        inverse = row["settle"] == row["coin"]
        return row["contract_value"] * (1.0 if inverse else row["mark"] * self.usd(row["settle"]))

    def traded_usd(self, name: str) -> float:
        """What one contract trades for, the premium of an option."""
        row = self.instruments[name]
        return self.size_usd(name) * (row["mark"] if row["kind"] == "option" else 1.0)


def is_small(entry: dict, priced: PricedMarket) -> bool:
    """Up to 4 units, and 32 positions with a hedge of each denomination in every unit."""
    names = {row["instrument"] for row in entry.get("positions", [])}
    units = {priced.units[name] for name in names}
    return len(units) <= 4 and len(names) + 3 * len(units) <= 32


def safe_accounts(priced: PricedMarket, seed: int) -> list[dict]:
    """Accounts of a ratio of about 1.5."""
    drawn = random_accounts(priced.market, 77_000 + seed, 4 * SAFE)
    raised = (with_ratio(entry, 1.5, priced) for entry in drawn if margin_of(entry, priced).mmr > 0.0)
    return [entry for entry in raised if entry][:SAFE]


def held_of(entry: dict) -> dict[str, float]:
    """Positions of an account's document, those of one instrument netted."""
    held: dict[str, float] = defaultdict(float)
    for row in entry.get("positions", []):
        held[row["instrument"]] += row["quantity"]
    return dict(held)


CASES = [(V2, 21, True)]
LONG = [(version, 31, False) for version in (V2, V1, "okx/v1-2021-12-24")]


@pytest.fixture(
    scope="module",
    params=[*CASES, *(pytest.param(case, marks=pytest.mark.long) for case in LONG)],
    ids=lambda case: f"{case[0]}-{case[1]}",
)
def case(request) -> Liquidated:
    version, seed, small = request.param
    return Liquidated.drawn(version, seed, 150, small=small)


def test_the_accounts_are_of_many_kinds(case):
    """Or the laws would say little."""
    stages = set(case.report.steps.stage)
    assert stages >= {"cancel_orders", "repayment", "basis", "reduction"}
    assert stages & {"ddh", "ddh2"}
    assert (case.accounts.outcome == "untouched").sum() >= SAFE
    assert (case.accounts.outcome == "recovered").sum() >= 50
    assert len(case.accounts.outcome.unique()) >= 4


# --- each trade ---


@dataclass(frozen=True)
class TradesOfStage:
    """Trades of a log: whose, margin before and after, and the costs of all legs."""

    name: str
    account: np.ndarray
    before: Any
    after: Any
    cost_usd: np.ndarray


def of_all_legs(costs: np.ndarray) -> np.ndarray:
    """Of trades, whatever the axes of their legs."""
    return costs.sum(axis=tuple(range(1, costs.ndim)))


def trades_of(report: sg.LiquidationReport) -> Iterator[TradesOfStage]:
    for part in report.parts:
        for log in part.logs:
            if isinstance(log, StageLog):
                turn, place = log.turn, log.place
                cost = np.zeros(len(place)) + sum(map(of_all_legs, vars(turn.costs).values()))
                before, after = turn.before, turn.after
            else:
                before, after, place = log.before, log.after, log.trades.account
                cost = log.trades.fee_usd + log.trades.slippage_usd
            yield TradesOfStage(log.stage, report.entries.ids[part.books.account[place]], before, after, cost)


def test_every_trade_lowers_the_shortfall(case):
    n = 0
    for trades in trades_of(case.report):
        assert (trades.after.shortfall_usd < trades.before.shortfall_usd).all(), trades.name
        expected = STOP_RATIO * trades.before.required_usd - trades.before.equity_usd
        np.testing.assert_allclose(trades.before.shortfall_usd, expected, rtol=1e-12, atol=1e-6)
        n += len(trades.account)
    steps = case.report.steps
    assert n == len(steps[steps.stage != "cancel_orders"].drop_duplicates(["account", "step"]))


def test_equity_changes_by_the_costs_of_each_trade(case):
    for trades in trades_of(case.report):
        lost = trades.before.gross_equity_usd - trades.cost_usd - trades.after.gross_equity_usd
        assert (np.abs(lost) <= NINE_DIGITS * case.gross_usd[trades.account].to_numpy()).all(), trades.name
        assert (trades.cost_usd >= 0.0).all()


def test_equity_changes_by_the_costs_of_all_trades(case):
    frame = case.accounts
    lost = frame.equity_before_usd - frame.fees_usd - frame.slippage_usd - frame.equity_after_usd
    assert (lost.abs() <= NINE_DIGITS * case.gross_usd[frame.index]).all()
    spent = case.report.steps.groupby("account")[["fee_usd", "slippage_usd"]].sum().reindex(frame.index).fillna(0.0)
    np.testing.assert_allclose(frame[["fees_usd", "slippage_usd"]], spent, rtol=1e-12)
    assert (case.report.steps[["fee_usd", "slippage_usd"]] >= 0.0).all(axis=None)


def test_nothing_is_traded_above_the_stop_ratio(case):
    assert (case.report.steps.ratio_before <= STOP_RATIO).all()


# --- the order of the steps ---


def test_stages_never_go_back(case):
    for name, rows in case.steps.items():
        places = [ORDER.index(row["stage"]) for row in rows]
        assert places == sorted(places), name


def test_steps_are_numbered(case):
    for name, rows in case.steps.items():
        numbers = [row["step"] for row in rows]
        assert numbers == sorted(numbers), name
        assert sorted(set(numbers)) == list(range(1, len(set(numbers)) + 1)), name
    last = {name: rows[-1]["step"] for name, rows in case.steps.items()}
    assert case.accounts.steps.to_dict() == dict.fromkeys(case.accounts.index, 0) | last


def test_each_step_begins_where_the_last_one_ended(case):
    """Legs of a trade share its figures; the first begins with the account's ratio, the last ends with it."""
    for name, rows in case.steps.items():
        figures = [(row["step"], *(row[key] for key in FIGURES)) for row in rows]
        trades = list(dict.fromkeys(figures))
        assert [trade[0] for trade in trades] == list(range(1, len(trades) + 1)), name
        for (_, _, mmr, _, ratio), (_, mmr_then, _, ratio_then, _) in pairwise(trades):
            assert (mmr_then, ratio_then) == (mmr, ratio), name
        assert rows[0]["ratio_before"] == pytest.approx(case.accounts.ratio_before[name], rel=1e-7), name
        assert rows[-1]["ratio_after"] == case.accounts.margin_ratio[name], name


FIGURES = ("mmr_before_usd", "mmr_after_usd", "ratio_before", "ratio_after")


# --- the legs ---


@dataclass(frozen=True)
class Contract:
    """A leg in a contract: what was held before it, and when its stage began, and the leg."""

    account: str
    stage: str
    name: str
    began: float
    held: float
    traded: float


def contract_legs(case: Liquidated) -> Iterator[Contract]:
    """Follow the quantities of every account from its document through its steps; they end as in ``after``."""
    left = positions_after(case.report.after)
    for account, rows in case.steps.items():
        held, began, stage = held_of(case.entries[account]), {}, ""
        for row in rows:
            name = row["instrument"]
            if row["stage"] != stage:
                stage, began = row["stage"], held.copy()
            if stage in CONTRACT_STAGES and name in case.instruments:
                yield Contract(account, stage, name, began.get(name, 0.0), held.get(name, 0.0), row["quantity"])
                held[name] = held.get(name, 0.0) + row["quantity"]
        for name in held.keys() | left[account].keys():
            rounding = NINE_DIGITS * abs(held_of(case.entries[account]).get(name, 0.0))
            expected = pytest.approx(held.get(name, 0.0), rel=NINE_DIGITS, abs=rounding)
            assert left[account].get(name, 0.0) == expected, (account, name)


def positions_after(accounts: Accounts) -> dict[str, dict[str, float]]:
    p, left = accounts.positions, {name: {} for name in accounts.ids}
    for account, code, quantity in zip(p.account, p.instrument.codes, p.quantity, strict=True):
        left[accounts.ids[account]][p.instrument.names[code]] = quantity
    return left


def test_no_position_is_flipped(case):
    """Basis hedging and reduction only reduce; DDH may open positions, but turns none around."""
    stages = set()
    for leg in contract_legs(case):
        reduces = leg.held * leg.traded < 0.0
        assert reduces or leg.stage in ("ddh1", "ddh2", "ddh"), leg
        assert not reduces or abs(leg.traded) <= abs(leg.held) * (1 + NINE_DIGITS), leg
        stages.add(leg.stage)
    assert stages >= {"basis", "reduction"}


def room_of(case: Liquidated, name: str) -> float:
    """The most contracts that the depth lets one leg trade."""
    depth = case.instruments[name].get("depth_usd", np.inf)
    return DEPTH_SHARE * depth / case.traded_usd(name)


def test_no_leg_takes_more_than_its_share_of_the_depth(case):
    bound = 0
    for leg in contract_legs(case):
        room = room_of(case, leg.name)
        assert abs(leg.traded) <= room * (1 + NINE_DIGITS), leg
        assert room > 0.0, leg
        bound += abs(leg.traded) > 0.5 * room
    assert bound > 0, "no leg met the depth"


def test_legs_are_whole_lots(case):
    """Or all that is held."""
    for leg in contract_legs(case):
        lot = case.instruments[leg.name].get("lot", 1.0)
        lots = abs(leg.traded) / lot
        whole = abs(lots - round(lots)) <= NINE_DIGITS * max(lots, 1.0)
        assert whole or leg.traded == pytest.approx(-leg.held, rel=NINE_DIGITS), leg


def test_a_slice_of_the_reduction_is_a_tenth_at_most(case):
    """A tenth of what there was when the stage began, or one lot; or the whole, as far as lots and depth allow."""
    slices = 0
    for leg in contract_legs(case):
        if leg.stage != "reduction":
            continue
        lot = case.instruments[leg.name].get("lot", 1.0)
        is_slice = abs(leg.traded) <= max(REDUCTION_STEP * abs(leg.began), lot) * (1 + NINE_DIGITS)
        is_whole = abs(leg.traded) > (min(abs(leg.held), room_of(case, leg.name)) - lot) * (1 - NINE_DIGITS)
        assert is_slice or is_whole, leg
        slices += is_slice
    assert slices > 50


def test_only_what_can_be_traded_is(case):
    traded = {leg.name for leg in contract_legs(case)}
    now = np.datetime64(case.document["time"].removesuffix("Z"), "ms")
    for name in traded:
        row = case.instruments[name]
        assert row.get("depth_usd") != 0.0, name
        assert "halted" not in row or np.datetime64(row["halted"].removesuffix("Z"), "ms") > now, name
        assert "listed" not in row or np.datetime64(row["listed"].removesuffix("Z"), "ms") <= now, name


# --- the end ---


def test_outcomes_fit_the_end(case):
    left = positions_after(case.report.after)
    for name, row in case.accounts.iterrows():
        had = any(held_of(case.entries[name]).values())
        if row.outcome == "untouched":
            assert row.ratio_before > 1.0, name
            continue
        assert row.ratio_before <= 1.0, name
        assert (row.outcome == "bankrupt") == (row.margin_ratio <= STOP_RATIO and row.equity_after_usd < 0.0), name
        assert row.outcome == "bankrupt" or (row.outcome == "closed_out") == (had and not left[name]), name
        assert row.outcome != "recovered" or row.margin_ratio > STOP_RATIO, name
        assert row.outcome != "stalled" or row.margin_ratio <= STOP_RATIO, name


def test_the_fund_pays_for_bankrupt_accounts_alone(case):
    frame = case.accounts
    bankrupt = frame.outcome == "bankrupt"
    assert (frame.fund_loss_usd[~bankrupt] == 0.0).all()
    assert frame.fund_loss_usd[bankrupt].tolist() == (-frame.equity_after_usd[bankrupt]).tolist()
    assert (frame.fund_loss_usd[bankrupt] > 0.0).all()


def test_the_accounts_left_have_the_margin_of_the_end(case):
    """Margined anew, from positions at their entry prices and balances."""
    again = sg.margin(case.market, case.report.after, case.rules).accounts.set_index("account")
    frame, gross = case.accounts, case.gross_usd
    assert again.index.tolist() == frame.index.tolist()
    for name, rows in case.steps.items():
        # In the worst case rounding of all that the account holds stands against a small margin.
        rounding = NINE_DIGITS * gross[name]
        mmr, ratio = rows[-1]["mmr_after_usd"], rows[-1]["ratio_after"]
        assert again.mmr_usd[name] == pytest.approx(mmr, rel=NINE_DIGITS, abs=NINE_DIGITS), name
        assert again.gross_equity_usd[name] == pytest.approx(frame.equity_after_usd[name], abs=rounding), name
        scale = rounding / mmr if mmr > 0.0 else 0.0
        assert again.margin_ratio[name] == pytest.approx(ratio, rel=NINE_DIGITS, abs=scale), name


def rows_of(accounts: Accounts, place: int) -> dict[str, Any]:
    """Everything about one account, its rows in order."""
    p, o, b, limits = accounts.positions, accounts.orders, accounts.balances, accounts.limits
    tables = {
        "positions": (p, p.instrument, p.quantity, p.average_price),
        "orders": (o, o.instrument, o.quantity, o.price),
        "balances": (b, b.currency, b.amount, b.accrued_interest),
        "limits": (limits, limits.coin, limits.spot_limit, limits.borrow_limit),
    }
    found: dict[str, Any] = {
        name: [(label.names[label.codes[i]], *map(str, (x[i], y[i]))) for i in np.flatnonzero(table.account == place)]
        for name, (table, label, x, y) in tables.items()
    }
    settings = {name: getattr(accounts, name)[place] for name in ("spot_mode", "auto_borrow", "declared")}
    return found | settings


def test_accounts_that_are_safe_stay_as_they_are(case):
    before, after = case.report.before.inputs, case.report.after
    assert after.ids.tolist() == before.ids.tolist()
    orders = 0
    for place, outcome in enumerate(case.accounts.outcome):
        was, now = rows_of(before, place), rows_of(after, place)
        if outcome == "untouched":
            orders += len(was["orders"])
            assert now == was, before.ids[place]
        else:
            changed = ("positions", "orders", "balances")
            assert now["orders"] == []
            assert {k: v for k, v in now.items() if k not in changed} == {
                k: v for k, v in was.items() if k not in changed
            }
    assert orders > 0, "no safe account has orders"


# --- alone or together ---


def assert_same_alone(case: Liquidated, names: list[str]) -> None:
    """Each account liquidated by itself goes through the same steps to the last digit."""
    for name in names:
        alone = sg.liquidate(case.market, accounts_of(case.entries[name]), case.rules)
        for found, whole in ((alone.steps, case.report.steps), (alone.accounts, case.report.accounts)):
            expected: Any = whole[whole.account == name].reset_index(drop=True)
            pd.testing.assert_frame_equal(found, expected, check_exact=True, obj=name)


def due(case: Liquidated) -> list[str]:
    return case.accounts.index[case.accounts.outcome != "untouched"].tolist()


def test_accounts_are_liquidated_alone_as_together(case):
    names = due(case)
    assert_same_alone(case, names[:: len(names) // 20][:20])


@pytest.mark.long
@pytest.mark.parametrize(("version", "seed"), [(V2, 41), (V1, 42)])
def test_two_hundred_of_a_thousand_are_liquidated_alone_as_together(version, seed):
    case = Liquidated.drawn(version, seed, 1_000)
    assert_same_alone(case, due(case)[::5][:200])

"""``sg.cascade``: money is conserved, losses are paid, and with infinite depth it is independent liquidation."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.reference import hand_markets
from tests.reference.hand_markets import par_index, swap

PERPETUAL = swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, 100e3)
FALL = {"price": {"BTC": -0.1}}
CROWD = 40
DEPTH = 3e5


def market_with(depth_usd: float | None = 4e6):
    row = PERPETUAL | ({} if depth_usd is None else {"depth_usd": depth_usd})
    return market_of(hand_markets.market_of(par_index(BTC=100e3), row))


def long(name: str, contracts: float, cash: float) -> dict:
    position = {"instrument": "BTC-USDT-SWAP", "quantity": contracts, "average_price": 100e3}
    return {"id": name, "positions": [position], "balances": {"USDT": cash}}


# After a fall of 10 %: long 10 BTC each with cash from 0.02 to 0.6 of the position; three shorts that gain.
CASH = np.linspace(20e3, 600e3, CROWD)
ACCOUNTS = accounts_of(
    *(long(f"long-{i}", 1_000.0, float(cash)) for i, cash in enumerate(CASH)),
    *(long(f"short-{i}", -5_000.0, 2e6) for i in range(3)),
)


@pytest.fixture(scope="module")
def market():
    return market_with()


@pytest.fixture(scope="module")
def shallow(market, rules):
    return sg.cascade(market, ACCOUNTS, rules, shock=FALL, depth_usd=DEPTH)


def test_infinite_depth_is_independent_liquidation(market, rules):
    found = sg.cascade(market, ACCOUNTS, rules, shock=FALL, depth_usd=math.inf)
    alone = sg.liquidate(market, ACCOUNTS, rules, shock=FALL)
    assert len(found.rounds) == 1
    assert (found.prices.price_move == 0).all()
    assert found.accounts.outcome.tolist() == alone.accounts.outcome.tolist()
    survivors = (alone.accounts.outcome != "bankrupt").to_numpy()
    assert set(alone.accounts.outcome) >= {"untouched", "recovered", "bankrupt"}
    for name in ("margin_ratio", "equity_after_usd"):
        ours, theirs = (frame[name].to_numpy()[survivors] for frame in (found.accounts, alone.accounts))
        assert ours == pytest.approx(theirs, rel=1e-12)
    assert found.accounts.fund_loss_usd.sum() == pytest.approx(alone.accounts.fund_loss_usd.sum(), rel=1e-12)
    pd.testing.assert_frame_equal(found.played[0].liquidation.steps, alone.steps)


def test_money_is_conserved_in_every_round(shallow):
    rounds = shallow.rounds
    assert len(rounds) > 2
    assert (rounds.residual_usd.abs() <= 1e-9 * rounds.turnover_usd).all()
    assert rounds.equity_before_usd.iloc[1:].tolist() == rounds.equity_after_usd.iloc[:-1].tolist()
    ends = shallow.before.accounts.gross_equity_usd.sum(), shallow.after.accounts.gross_equity_usd.sum()
    assert (rounds.equity_before_usd.iloc[0], rounds.equity_after_usd.iloc[-1]) == ends


def test_falling_prices_bring_down_more(market, rules, shallow):
    deep = sg.cascade(market, ACCOUNTS, rules, shock=FALL, depth_usd=1e9)
    touched = [int((report.accounts.outcome != "untouched").sum()) for report in (deep, shallow)]
    assert touched[0] < touched[1]
    assert shallow.prices.price_usd.iloc[-1] < deep.prices.price_usd.iloc[-1] < 90e3
    # It ends where no account is below 100 %.
    assert (shallow.after.accounts.margin_ratio > 1.0).all()


def test_losses_are_fully_paid(market, rules, shallow):
    """By profitable positions where there is no fund; by the fund as far as it goes."""
    loss = shallow.rounds.loss_usd.sum()
    assert loss > 0
    assert shallow.rounds.fund_paid_usd.sum() == 0
    assert shallow.accounts.fund_loss_usd.sum() == pytest.approx(loss, rel=1e-12)
    paid = shallow.accounts.deleveraged_usd.sum() + shallow.accounts.clawed_back_usd.sum()
    assert paid == pytest.approx(loss, rel=1e-12)
    assert shallow.unassigned_usd == 0.0
    assert shallow.deleveraging.assigned_usd.sum() == pytest.approx(shallow.accounts.deleveraged_usd.sum())
    assert shallow.deleveraging.score.is_monotonic_decreasing
    assert set(shallow.deleveraging.account[shallow.deleveraging.assigned_usd > 0]) <= {f"short-{i}" for i in range(3)}
    funded = sg.cascade(market, ACCOUNTS, rules, shock=FALL, depth_usd=DEPTH, fund_usd=0.25 * loss)
    assert funded.rounds.fund_paid_usd.sum() == pytest.approx(0.25 * loss)
    assert funded.rounds.fund_usd.iloc[-1] == pytest.approx(0.0, abs=1e-6)
    assert funded.accounts.deleveraged_usd.sum() + funded.accounts.clawed_back_usd.sum() == pytest.approx(0.75 * loss)


def test_prices_follow_the_square_root_of_what_is_traded(shallow):
    p = shallow.prices
    expected = np.sign(p.traded_usd) * (2 / 3) * 0.01 * np.sqrt(p.traded_usd.abs() / DEPTH)
    assert p.price_move.tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    path = 90e3 * (1 + p.price_move).cumprod()
    assert p.price_usd.tolist() == pytest.approx(path.tolist(), rel=1e-12)
    legs = shallow.played[0].liquidation.steps
    assert p.traded_usd.iloc[0] == pytest.approx((legs.quantity * 0.01 * 90e3).sum(), rel=1e-9)


def test_who_trades_together_pays_for_it_together(shallow):
    """The round's whole trade costs ``2/3 band sqrt(V / depth)`` of itself, by size."""
    first = shallow.played[0]
    sold = -first.traded_usd[0]
    whole = sold * (2 / 3) * 0.01 * math.sqrt(sold / DEPTH)
    slippage = first.liquidation.steps.slippage_usd.sum()
    assert first.crowding_usd.sum() == pytest.approx(whole - slippage, rel=1e-9)
    size = first.liquidation.steps.groupby("account").quantity.sum().abs()
    share = pd.Series(first.crowding_usd, index=ACCOUNTS.ids)[size.index] / size
    assert share.tolist() == pytest.approx([share.iloc[0]] * len(share), rel=1e-9)


def test_rounds_can_be_limited(market, rules):
    seen = []
    found = sg.cascade(market, ACCOUNTS, rules, shock=FALL, depth_usd=DEPTH, max_rounds=2, done=seen.append)
    assert found.rounds["round"].tolist() == [1, 2] == [r.number for r in seen]


def test_nothing_happens_to_the_healthy(market, rules, shallow):
    found = sg.cascade(market, ACCOUNTS, rules, shock={"price": {"BTC": 0.001}}, depth_usd=DEPTH, max_rounds=0)
    idle = sg.cascade(market, accounts_of(long("rich", 1.0, 1e6)), rules)
    for report in (found, idle):
        for name in ("rounds", "prices", "deleveraging"):
            frame, full = getattr(report, name), getattr(shallow, name)
            assert frame.dtypes.to_dict() == full.dtypes.to_dict()
        assert len(report.rounds) == len(report.prices) == 0
        assert (report.accounts.outcome == "untouched").all()
    assert repr(idle) == "CascadeReport(0 rounds, 0 of 1 accounts liquidated)"


def test_save_and_json(shallow, tmp_path):
    shallow.save(tmp_path / "made")
    names = ("rounds", "prices", "accounts", "deleveraging")
    document = json.loads(shallow.to_json(), parse_constant=pytest.fail)
    for name in names:
        saved = pd.read_parquet(tmp_path / "made" / f"{name}.parquet")
        pd.testing.assert_frame_equal(saved, getattr(shallow, name), check_exact=True)
        assert len(document[name]) == len(saved)
    assert document["manifest"]["kind"] == "shockgrid.cascade_report/1"


def test_the_plot_has_prices_and_losses(shallow):
    names = [trace.name for trace in shallow.plot().data]
    assert names == ["BTC", "liquidated", "paid by the fund", "not paid"]


REFUSED = {
    "fund below nothing": ({"fund_usd": -1.0}, "fund_usd"),
    "fund that is none": ({"fund_usd": math.nan}, "fund_usd"),
    "fund in words": ({"fund_usd": "much"}, "fund_usd"),
    "unknown move": ({"shock": {"prices": -0.1}}, "shock.prices"),
    "no depth": ({"depth_usd": 0.0}, "depth_usd"),
    "depth of an unknown coin": ({"depth_usd": {"NOPE": 1.0}}, "depth_usd"),
}


@pytest.mark.parametrize(("arguments", "path"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused(market, rules, arguments, path):
    with pytest.raises(sg.InputError) as caught:
        sg.cascade(market, ACCOUNTS, rules, **arguments)
    assert (caught.value.file, caught.value.path) == ("cascade", path)


def test_a_coin_without_any_depth_is_refused(rules):
    with pytest.raises(sg.InputError, match="a depth above 0 for BTC"):
        sg.cascade(market_with(None), ACCOUNTS, rules)

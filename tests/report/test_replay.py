"""The same accounts under several rule versions in one call."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.reference.random_documents import random_accounts, random_market
from tests.report.test_margin_report import counted_compilations

STEPS = ["okx/v1-2024-06-05", "okx/v2-2024-12-30", "okx/v2-2025-01-15"]


@pytest.fixture(scope="module")
def market():
    return market_of(random_market(3))


@pytest.fixture(scope="module")
def accounts():
    return accounts_of(*random_accounts(random_market(3), 3, 60))


@pytest.fixture(scope="module")
def replay(market, accounts):
    return sg.margin(market, accounts, rulebooks="all")


def test_every_version_is_there_oldest_first(replay, accounts):
    assert replay.rulebooks == tuple(sg.list_rulebooks())
    assert replay.accounts.rulebook.tolist() == list(np.repeat(sg.list_rulebooks(), len(accounts)))
    assert replay.accounts.account.tolist() == accounts.ids.tolist() * len(replay.rulebooks)
    assert repr(replay).startswith("ReplayReport(60 accounts, okx/v1-2021-12-24, ")


@pytest.mark.parametrize("name", sg.list_rulebooks())
def test_figures_are_those_of_a_single_call(replay, market, accounts, name):
    alone, found = sg.margin(market, accounts, sg.load_rulebook(name)), replay[name]
    gross = alone.accounts.gross_equity_usd.abs().max() + alone.accounts.mmr_usd.max()
    for frame in ("accounts", "units", "scenarios", "positions"):
        pd.testing.assert_frame_equal(getattr(found, frame), getattr(alone, frame), rtol=1e-12, atol=1e-13 * gross)


def test_a_thousand_accounts_under_all_versions_compile_two_programs():
    market = sg.synthetic_market(strikes_per_expiry=4, expiries=3)
    accounts = sg.synthetic_accounts(market, 1000)
    with counted_compilations() as first:
        sg.margin(market, accounts, rulebooks="all")
    assert 1 <= len(first) <= 2
    with counted_compilations() as second:
        sg.margin(market, accounts, rulebooks="all")
    assert second == []


def test_changes_lead_from_each_version_to_the_next(replay, accounts):
    changes, n = replay.changes, len(accounts)
    names = replay.rulebooks
    assert changes["from"].tolist() == list(np.repeat(names[:-1], n))
    assert changes["to"].tolist() == list(np.repeat(names[1:], n))
    before, after = (replay[name].accounts for name in names[6:8])
    step = changes[changes["to"] == names[7]].reset_index(drop=True)
    np.testing.assert_array_equal(step.change_usd, after.mmr_usd - before.mmr_usd)
    has_margin = before.mmr_usd > 0
    assert step.change_frac.notna().tolist() == has_margin.tolist()
    np.testing.assert_allclose((step.change_frac * before.mmr_usd)[has_margin], step.change_usd[has_margin])
    assert step.status_before.tolist() == before.status.tolist()
    assert step.ratio_after.tolist() == after.margin_ratio.tolist()


def test_units_of_both_structures_stand_in_one_table(replay):
    units = replay.units
    v1 = units.rulebook.str.startswith("okx/v1")
    assert units.unit[v1].str.contains("-").all()
    assert not units.unit[~v1].str.contains("-").any()
    assert (units.mr9[v1] == 0).all()
    assert (units.mr9[~v1] > 0).any()


@pytest.mark.long
def test_versions_keep_the_order_asked_for(market, accounts):
    names = [STEPS[1], STEPS[0]]
    assert sg.margin(market, accounts, rulebooks=names).rulebooks == tuple(names)
    rules = sg.load_rulebook(STEPS[2])
    assert sg.margin(market, accounts, rulebooks=[rules]).rulebooks == (rules.name,)


@pytest.mark.long
def test_versions_with_lists_of_other_lengths_go_together(market, accounts, tmp_path):
    """Tables are continued to one length: a volatility table of two nodes and multipliers without tiers."""
    (tmp_path / "short.toml").write_text(
        'format = "shockgrid.rulebook/1"\nextends = "okx/v2-2025-01-15"\nversion = "short"\n'
        "mr1.vol_shock_days.value = [0, 90]\nmr1.vol_shock_points.value = [0.3, 0.1]\n"
        "mr1.vol_shock_relative.value = [0.4, 0.2]\nmr9.tier_bounds_usd.value = []\nmr9.prices.value = [0.9]\n"
        "mr9.factors.value = [[0.1]]\nmr7.multiplier_bounds_usd.value.A = []\nmr7.multipliers.value.A = [2]\n"
        "borrow.bounds.value.USDT = []\nborrow.mmr_rates.value.USDT = [0.05]\nborrow.imr_rates.value.USDT = [0.1]\n"
        "haircut.bounds_usd.value.1 = []\nhaircut.rates.value.1 = [0.9]\n"
    )
    rules = [sg.load_rulebook(tmp_path / "short.toml"), sg.load_rulebook(STEPS[2])]
    replay = sg.margin(market, accounts, rulebooks=rules)
    for r in rules:
        alone = sg.margin(market, accounts, r)
        for name in ("mmr_usd", "imr_usd", "equity_usd"):
            np.testing.assert_allclose(replay[r.name].accounts[name], alone.accounts[name], rtol=1e-11, atol=1e-4)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "margin: rules: expected either a rulebook or rulebooks=.*, found neither"),
        ({"rules": sg.load_rulebook("okx"), "rulebooks": "all"}, "found both"),
        ({"rulebooks": []}, "rulebooks: expected at least one rulebook, found none"),
        ({"rulebooks": [STEPS[0], STEPS[0]]}, "expected each version once, found 'okx/v1-2024-06-05'"),
        ({"rulebooks": ["okx/v9"]}, "expected one of okx, okx/v1-2021-12-24"),
        ({"rulebooks": "all", "orders": "every_subset"}, "orders: expected three_books, with rulebooks"),
    ],
)
def test_what_cannot_be_asked_for(market, accounts, more, message):
    with pytest.raises(sg.InputError, match=message):
        sg.margin(market, accounts, **more)


def test_a_version_that_was_not_asked_for(replay):
    with pytest.raises(sg.InputError, match=r"rulebook: expected one of okx/v1-2021-12-24, .*, found 'okx/v3'"):
        replay["okx/v3"]


@pytest.mark.long
def test_columns_exist_without_accounts(market, replay):
    empty = sg.margin(market, accounts_of(), rulebooks=STEPS)
    for name in ("accounts", "units", "changes"):
        frame = getattr(empty, name)
        assert len(frame) == 0
        assert list(frame.columns) == list(getattr(replay, name).columns)
    one = sg.margin(market, accounts_of({"id": "a"}), rulebooks=STEPS[:1])
    assert list(one.changes.columns) == list(replay.changes.columns)
    assert len(one.changes) == 0


def test_saved_and_as_json(replay, tmp_path):
    replay.save(tmp_path / "replay")
    for name in ("accounts", "units", "changes"):
        read = pd.read_parquet(tmp_path / "replay" / f"{name}.parquet")
        assert len(read) == len(getattr(replay, name)) > 0
    manifest = json.loads((tmp_path / "replay" / "manifest.json").read_text())
    assert [entry["rulebook"] for entry in manifest["rulebooks"]] == list(replay.rulebooks)
    assert "mr3.kappa" in manifest["rulebooks"][0]["modelled"]
    assert manifest["kind"] == "shockgrid.replay_report/1"
    document = json.loads(replay.to_json())
    assert len(document["changes"]) == len(replay.changes)


# -- plots ------------------------------------------------------------------------------------------------------------


def bars(figure):
    return [trace for trace in figure.data if trace.type == "bar" and trace.meta]


def test_bars_of_an_account_add_up_to_its_margin(replay, accounts):
    for account in accounts.ids[:14]:
        stacked = np.sum([bar.x for bar in bars(replay.plot_account(account))] or [np.zeros(11)], axis=0)
        expected = replay.accounts[replay.accounts.account == account].mmr_usd
        np.testing.assert_allclose(stacked, expected, rtol=1e-9, atol=1e-6)


def test_bars_of_the_population_add_up_and_the_spread_is_that_of_the_changes(replay):
    figure = replay.plot_population()
    stacked = np.sum([bar.x for bar in bars(figure)], axis=0)
    np.testing.assert_allclose(stacked, replay.accounts.groupby("rulebook", sort=False).mmr_usd.sum(), rtol=1e-9)
    (median,) = [trace for trace in figure.data if trace.type == "scatter" and trace.mode == "markers"]
    changes = replay.changes.dropna(subset="change_frac")
    expected = changes.groupby("to", sort=False).change_frac.median()
    assert list(median.y) == expected.index.tolist()
    np.testing.assert_allclose(median.x, expected, rtol=1e-12)
    (box,) = [trace for trace in figure.data if trace.type == "bar" and not trace.meta]
    np.testing.assert_allclose(
        np.array(box.base, float), changes.groupby("to", sort=False).change_frac.quantile(0.25), rtol=1e-12
    )


@pytest.mark.long
def test_plots_of_one_version_and_of_accounts_without_margin(market):
    idle = accounts_of({"id": "idle"}, {"id": "also", "balances": {"USDT": 5}})
    for rulebooks in (STEPS[:1], STEPS):
        report = sg.margin(market, idle, rulebooks=rulebooks)
        assert report.plot_account("idle").layout.title.text.startswith("idle: maintenance margin")
        assert report.plot_population().layout.barmode == "stack"


def test_an_unknown_account_has_no_plot(replay):
    with pytest.raises(sg.InputError, match="an account of the report"):
        replay.plot_account("nobody")

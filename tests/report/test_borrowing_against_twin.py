"""Interest, quotas and forced conversion against the slow twin, written by someone who had only the rule text."""

from __future__ import annotations

import math

import numpy as np
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.reference.borrowing_rules import BorrowRules
from tests.reference.conversion import convert, required
from tests.reference.interest import accrue, bearing_amounts, equities_of, free_quota
from tests.reference.parameters import VERSIONS
from tests.reference.random_borrowers import random_borrowers, with_volumes
from tests.reference.random_markets import random_market

VERSION = "okx/v2-2025-12-04"
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 12))]
OVERRIDES = """
format = "shockgrid.rulebook/1"
extends = "okx/v2-2025-12-04"
version = "slippery"
borrow.free_quota_covers_balance.value = false
conversion.slippage_frac.value = 0.003
"""


@pytest.fixture(scope="module", params=SEEDS)
def case(request, tmp_path_factory):
    """Even seeds run under the packaged rulebook, odd ones under one that overrides the switch and the slippage."""
    document = with_volumes(random_market(request.param), request.param)
    twin, rules = BorrowRules(), sg.load_rulebook(VERSION)
    if request.param % 2:
        file = tmp_path_factory.mktemp("rules") / "slippery.toml"
        file.write_text(OVERRIDES)
        twin, rules = BorrowRules(free_quota_covers_balance=False, slippage_frac=0.003), sg.load_rulebook(file)
    entries = random_borrowers(document, request.param, 100, twin)
    return document, entries, market_of(document), accounts_of(*entries), rules, twin


def close(found, expected, size):
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12 * size)


def test_debts_quotas_and_what_bears_interest(case):
    document, entries, market, accounts, rules, twin = case
    frame = sg.margin(market, accounts, rules).currencies
    rows = {(r["account"], r["currency"]): r for r in frame.to_dict("records")}
    for entry in entries:
        equities = equities_of(document, entry)
        bearing, wanted = bearing_amounts(entry, equities, twin), required(entry, equities, twin)
        for currency, equity in equities.items():
            row, size = rows[entry["id"], currency], abs(equity)
            assert close(row["equity"], equity, size)
            assert close(row["liability"], max(0.0, -equity), size)
            assert close(row["interest_bearing"], bearing.get(currency, 0.0), size), (entry["id"], currency)
            assert close(row["to_convert"], wanted.get(currency, 0.0), size), (entry["id"], currency)
            quota = free_quota(currency, equities, twin)
            assert close(row["free_quota"], quota, quota)


@pytest.mark.parametrize("hours", [0.0, 0.4, 1.0, 24.0, 30.5])
def test_interest(case, hours):
    document, entries, market, accounts, rules, twin = case
    after = sg.accrue_interest(accounts, market, hours, rules).balances
    found = {
        (accounts.ids[account], after.currency.names[code]): interest
        for account, code, interest in zip(after.account, after.currency.codes, after.accrued_interest, strict=True)
    }
    for entry in entries:
        added, old = accrue(document, entry, hours, twin), entry.get("accrued_interest", {})
        for currency in {*added, *old}:
            expected = old.get(currency, 0.0) + added.get(currency, 0.0)
            assert close(found.get((entry["id"], currency), 0.0), expected, expected), (entry["id"], currency)


def test_conversion_plans(case):
    document, entries, market, accounts, rules, twin = case
    report = sg.convert_debts(market, accounts, rules)
    steps = dict(iter(report.steps.groupby("account")))
    after = report.after.balances
    balances = {
        (accounts.ids[account], after.currency.names[code]): amount
        for account, code, amount in zip(after.account, after.currency.codes, after.amount, strict=True)
    }
    converting = 0
    for entry in entries:
        expected, changed = convert(document, entry, twin, VERSIONS[VERSION])
        found = steps[entry["id"]].to_dict("records") if entry["id"] in steps else []
        converting += bool(found)
        assert [(s["sold_currency"], s["bought_currency"]) for s in found] == [
            (s["sold_currency"], s["bought_currency"]) for s in expected
        ], entry["id"]
        for mine, step in zip(found, expected, strict=True):
            for name in ("sold_amount", "bought_amount"):
                assert close(mine[name], step[name], abs(step[name])), (entry["id"], name)
            for name in ("fee_usd", "slippage_usd"):
                assert close(mine[name], step[name], mine["value_usd"]), (entry["id"], name)
        for currency, amount in changed["balances"].items():
            assert math.isclose(balances[entry["id"], currency], amount, rel_tol=1e-9, abs_tol=1e-6)
    assert converting > 10


def test_conversion_keeps_its_promises(case):
    """No debt grows, nothing more is sold than held, and value is conserved up to the stated cost."""
    _, _, market, accounts, rules, _ = case
    report = sg.convert_debts(market, accounts, rules)
    before, after = report.before.currencies, sg.margin(market, report.after, rules).currencies
    keys = ["account", "currency"]
    both = before.merge(after, on=keys, how="outer", suffixes=("", "_after")).fillna(0.0)
    size = np.maximum(both.equity.abs(), both.equity_after.abs())
    assert (both.liability_after <= both.liability + 1e-12 * size).all()
    sold = report.steps.groupby(["account", "sold_currency"]).sold_amount.sum()
    held = before.set_index(keys).balance
    assert (sold <= held.loc[sold.index].to_numpy() * (1 + 1e-12)).all()
    gross = report.before.accounts.set_index("account").gross_equity_usd
    gross_after = sg.margin(market, report.after, rules).accounts.set_index("account").gross_equity_usd
    cost = report.steps.groupby("account")[["fee_usd", "slippage_usd"]].sum().sum(axis=1).reindex(gross.index).fillna(0)
    traded = report.steps.groupby("account").value_usd.sum().reindex(gross.index).fillna(0.0)
    scale = before.groupby("account").equity_usd.apply(lambda x: x.abs().sum()).reindex(gross.index).fillna(0.0)
    assert ((gross - gross_after - cost).abs() <= 1e-12 * (scale + traded)).all()

"""Accounts in blocks, on any number of devices and threads: the same figures, one compilation."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.accounts.holdings import Labels, Positions
from shockgrid.accounts.market_holdings import resolve_holdings
from shockgrid.venues.okx import block_margin
from shockgrid.venues.okx.block_margin import CommonShape
from tests.report.test_margin_report import counted_compilations

COUNT = 1200
SMALL_BLOCK = 2000


@pytest.fixture(scope="module")
def market():
    return sg.synthetic_market(strikes_per_expiry=4, expiries=3)


@pytest.fixture(scope="module")
def accounts(market):
    return sg.synthetic_accounts(market, COUNT)


@pytest.fixture(scope="module")
def report(market, accounts, rules):
    """Of one block."""
    return sg.margin(market, accounts, rules)


def assert_same_frames(found, expected, **tolerance):
    for name in ("accounts", "units", "scenarios", "positions", "currencies"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name), **tolerance)


def test_blocks_cover_all_accounts_once_and_share_the_work(market, accounts):
    holdings = resolve_holdings(accounts, market)
    blocks = holdings.blocks(SMALL_BLOCK)
    assert len(blocks) > 5
    assert [block.first for block in blocks] == np.cumsum([0, *map(len, blocks[:-1])]).tolist()
    assert sum(map(len, blocks)) == COUNT
    for name in ("positions", "contract_orders", "spot_orders", "balances", "limits"):
        rows, parts = getattr(holdings, name), [getattr(block, name) for block in blocks]
        whole = np.concatenate([part.account + block.first for part, block in zip(parts, blocks, strict=True)])
        np.testing.assert_array_equal(whole, rows.account)
        assert all((part.account < len(block)).all() for part, block in zip(parts, blocks, strict=True))
    largest = max(len(block.positions) for block in blocks)
    assert largest < SMALL_BLOCK + np.bincount(holdings.positions.account).max()


def test_no_accounts_are_one_block(market, accounts):
    empty = resolve_holdings(sg.synthetic_accounts(market, 0), market).blocks()
    assert [len(block) for block in empty] == [0]


def test_blocks_change_nothing(market, accounts, rules, report, monkeypatch):
    monkeypatch.setattr(block_margin, "BLOCK_ENTRIES", SMALL_BLOCK)
    found = sg.margin(market, accounts, rules)
    assert_same_frames(found, report, rtol=1e-12, atol=1e-6)


def test_the_order_of_rows_changes_nothing(market, accounts, rules, report):
    """A file may list the positions of an account far apart."""
    p, order = accounts.positions, np.random.default_rng(1).permutation(len(accounts.positions.account))
    shuffled = Positions(
        p.account[order],
        Labels(p.instrument.codes[order], p.instrument.names),
        p.quantity[order],
        p.average_price[order],
    )
    assert_same_frames(sg.margin(market, dataclasses.replace(accounts, positions=shuffled), rules), report)


def test_all_blocks_share_a_compilation(market, rules, monkeypatch):
    monkeypatch.setattr(block_margin, "BLOCK_ENTRIES", 3 * SMALL_BLOCK)
    accounts = sg.synthetic_accounts(market, 3 * COUNT, seed=3)
    sg.margin(market, sg.synthetic_accounts(market, 10), rules)  # prices
    with counted_compilations() as compiled:
        sg.margin(market, accounts, rules)
    # A program for each device, whatever the number of blocks.
    assert len(compiled) == len(jax.local_devices())
    with counted_compilations() as again:
        sg.margin(market, dataclasses.replace(accounts, auto_borrow=~accounts.auto_borrow), rules)
    assert again == []


def test_a_block_that_does_not_fit_grows_the_shape_and_is_not_cut(market, accounts, rules, report, monkeypatch):
    """The first and the last block by size are probed; here all are probed as if they were the smallest."""
    monkeypatch.setattr(block_margin, "BLOCK_ENTRIES", SMALL_BLOCK)
    small = CommonShape(roomy=False)
    sg.margin(market, sg.synthetic_accounts(market, 5), rules)
    found = block_margin.map_blocks(
        accounts,
        market,
        report.risk_units,
        lambda rows, plan, _: (len(rows.unit), len(plan.units.unit)),
        program="count",
        shape=small,
    )
    assert all(rows < padded for rows, padded in found)
    assert sum(rows for rows, _ in found) == len(report.units)


DIGEST = """
import hashlib, sys, jax, numpy as np, shockgrid as sg
from shockgrid.numerics import devices
from shockgrid.venues.okx import block_margin
block_margin.BLOCK_ENTRIES = 2000
devices.os.sched_getaffinity = lambda _: range(int(sys.argv[1]))
market = sg.synthetic_market(strikes_per_expiry=4, expiries=3)
report = sg.margin(market, sg.synthetic_accounts(market, 1200), sg.load_rulebook("okx"))
leaves = [np.ascontiguousarray(x) for x in jax.tree.leaves(report.result)]
bits = hashlib.sha256(b"".join(x.tobytes() for x in leaves)).hexdigest()
print(len(jax.local_devices()), len(devices.device_slots()), bits)
"""


def digest(n_devices: int, n_cores: int) -> tuple[str, str, str]:
    flags = os.environ.get("XLA_FLAGS", "") + f" --xla_force_host_platform_device_count={n_devices}"
    done = subprocess.run(
        [sys.executable, "-c", DIGEST, str(n_cores)],
        env=os.environ | {"XLA_FLAGS": flags.strip()},
        capture_output=True,
        text=True,
        check=True,
    )
    devices, slots, bits = done.stdout.split()
    return devices, slots, bits


def test_devices_and_threads_change_no_bit():
    one, two, threads = digest(1, 1), digest(2, 2), digest(1, 3)
    assert (one[:2], two[:2], threads[:2]) == (("1", "1"), ("2", "2"), ("1", "3"))
    assert one[2] == two[2] == threads[2]


def test_an_error_in_a_block_ends_the_run(market, accounts, report, monkeypatch):
    monkeypatch.setattr(block_margin, "BLOCK_ENTRIES", SMALL_BLOCK)
    begun = []

    def fail(rows, plan, device):
        begun.append(rows.first)
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        block_margin.map_blocks(accounts, market, report.risk_units, fail, program="fail")
    assert len(begun) < len(resolve_holdings(accounts, market).blocks(SMALL_BLOCK))


def test_single_precision_is_near_and_said(market, accounts, rules, report):
    found = sg.margin(market, accounts, rules, precision="float32")
    assert found.manifest["precision"] == "float32"
    assert report.manifest["precision"] == "float64"
    gross = np.abs(report.positions.cash_delta_usd).groupby(report.positions.account).sum()
    gross = gross.reindex(report.units.account).fillna(0.0).to_numpy()
    error = np.abs(found.units.mmr_usd - report.units.mmr_usd).to_numpy()
    assert error.max() > 0
    assert (error <= 1e-6 * gross + 1e-6 * report.units.mmr_usd.to_numpy() + 1e-6).all()
    # Balances, equity and borrowing are in float64 all the same.
    np.testing.assert_allclose(found.accounts.equity_usd, report.accounts.equity_usd, rtol=1e-14)

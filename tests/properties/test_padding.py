"""An account's margin has the same bits whatever stands beside it: padding, other instruments, other accounts.

Sums over positions run in the order of the positions and padding adds exact zeros (``numerics.ragged``), and what a
rule computes for one unit does not depend on how many units there are.
"""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from shockgrid.accounts.account_rows import plan_rows
from shockgrid.market.padding import pad_market
from shockgrid.venues.okx.margin import margin_result
from shockgrid.venues.okx.risk_units import risk_units
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from tests.documents import accounts_of
from tests.properties.books import COINS, CURRENCIES, INSTRUMENTS, book, contract_usd, small_market, value_usd

SUBJECTS = 60
OTHERS = 300
"""With two units each more than one slice of 256 rows."""


def random_books(seed: int, count: int, prefix: str) -> list[dict]:
    """Books of every size up to a billion, so that all tiers of MR7, MR9, borrowing and haircuts are reached."""
    rng = np.random.default_rng(seed)
    entries = []
    for k in range(count):
        scale = 10.0 ** rng.uniform(3.0, 9.0)
        held = {name: rng.uniform(-1, 1) * scale / contract_usd(name) for name in INSTRUMENTS if rng.random() < 0.6}
        # Tiers of haircuts lie between a few and a hundred million.
        cash = 10.0 ** rng.uniform(5.0, 8.5)
        balances = {c: rng.uniform(-0.5, 2) * cash / value_usd(c) for c in CURRENCIES}
        entry = book(held, balances=balances, spot_limits={c: scale / value_usd(c) for c in COINS})
        entries.append({"id": f"{prefix}{k}", **entry})
    return entries


def margin_bits(market, rules, entries, n_instruments=None) -> dict[tuple, bytes]:
    """The bits of every figure, by (account, unit or "account", figure)."""
    accounts = accounts_of(*entries)
    rows = plan_rows(accounts, market, risk_units(market.universe, "v2"))
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot, n_instruments=n_instruments)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    with jax.enable_x64(True):
        result = jax.device_get(margin_result(contracts, snapshot, tables, rows.plan))
    bits = {}
    for field in dataclasses.fields(result.accounts):
        for name, value in zip(accounts.ids, getattr(result.accounts, field.name), strict=False):
            bits[name, "account", field.name] = value.tobytes()
    names = [(accounts.ids[a], market.universe.coins[u]) for a, u in zip(rows.unit_account, rows.unit, strict=True)]
    figures = {field.name: getattr(result.units, field.name) for field in dataclasses.fields(result.units)}
    figures |= {"imr_usd": result.unit_imr_usd, "upl_usd": result.unit_upl_usd}
    for figure, values in figures.items():
        for (name, coin), value in zip(names, values, strict=False):
            bits[name, coin, figure] = value.tobytes()
    return bits


@pytest.fixture(scope="module")
def market():
    return small_market()


@pytest.fixture(scope="module")
def subjects():
    return random_books(1, SUBJECTS, "subject ")


@pytest.fixture(scope="module")
def bits(market, rules, subjects):
    """Of the subjects together, on the market in its size bucket."""
    return margin_bits(market, rules, subjects)


def assert_same_bits(found: dict[tuple, bytes], expected: dict[tuple, bytes]) -> None:
    differing = {key for key in found if key in expected and found[key] != expected[key]}
    figures = sorted({figure for _, _, figure in differing})
    assert not differing, f"{len(differing)} figures differ in their bits: {figures}"


def test_bits_are_the_same_when_accounts_are_margined_alone(market, rules, subjects, bits):
    alone = [margin_bits(market, rules, [entry]) for entry in subjects]
    found = {key: value for one in alone for key, value in one.items()}
    assert set(found) == set(bits)
    assert_same_bits(found, bits)


def test_bits_are_the_same_when_accounts_stand_in_another_order(market, rules, subjects, bits):
    assert_same_bits(margin_bits(market, rules, subjects[::-1]), bits)


def test_bits_are_the_same_when_more_accounts_are_appended(market, rules, subjects, bits):
    found = margin_bits(market, rules, subjects + random_books(2, OTHERS, "other "))
    assert set(bits) < set(found)
    assert_same_bits(found, bits)


def test_bits_are_the_same_when_the_market_is_padded_further(market, rules, subjects, bits):
    # An even length, as all size buckets from 8 on: XLA compiles another loop for an odd one, in which the last bit of
    # an option's value may differ (seen in theta and MR2).
    found = margin_bits(market, rules, subjects, n_instruments=256)
    assert len(market.universe) < 256
    assert set(found) == set(bits)
    assert_same_bits(found, bits)

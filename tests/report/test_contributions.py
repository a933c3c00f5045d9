"""Contributions of positions add up to the cells and components that the kernels computed."""

from __future__ import annotations

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.accounts.book import POSITIONS
from shockgrid.report.contributions import COMPONENTS, SPOT_IN_USE, cell_contributions, component_contributions
from tests.documents import accounts_of, market_of
from tests.reference.random_documents import random_accounts, random_market

TOLERANCE = 1e-12
"""Of the unit's gross size in USD: what is left is the rounding of sums in another order."""


@pytest.fixture(scope="module")
def report(rules):
    document = random_market(9)
    return sg.margin(market_of(document), accounts_of(*random_accounts(document, 5, 200)), rules)


@pytest.fixture(scope="module")
def gross(report):
    """Gross size of every unit row, the spot in use with it."""
    book, universe = report.rows.book, report.market.universe
    keys = zip(report.rows.unit_account.tolist(), report.rows.unit.tolist(), strict=True)
    key = {unit: row for row, unit in enumerate(keys)}
    row = [key[a, universe.contracts.coin[i]] for a, i in zip(book.account.tolist(), book.instrument, strict=True)]
    size = np.abs(book.quantity[POSITIONS]) * report.exposures.gross.size[book.instrument]
    index = report.market.snapshot.index_usd[universe.contracts.coin_currency[report.rows.unit]]
    spot = np.abs(report.units.spot_in_use.to_numpy()) * index
    return np.bincount(row, size, minlength=len(key)) + spot


def test_cells_add_up(report, gross):
    for row, unit in enumerate(report.units.itertuples()):
        parts = cell_contributions(report, unit.account, unit.unit)
        assert list(parts.columns) == ["instrument", "price_move", "vol_state", "pnl_usd"]
        cells = report.scenarios.iloc[21 * row : 21 * row + 21]
        sums = parts.pnl_usd.to_numpy().reshape(-1, 21).sum(axis=0)
        assert np.abs(sums - cells.pnl_usd.to_numpy()).max() <= TOLERANCE * gross[row]
        if len(parts):
            assert parts.price_move[:21].tolist() == cells.price_move.tolist()
            assert parts.vol_state[:21].tolist() == cells.vol_state.tolist()


def test_components_add_up(report, gross):
    for row, unit in enumerate(report.units.itertuples()):
        parts = component_contributions(report, unit.account, unit.unit)
        assert list(parts.columns) == ["instrument", *COMPONENTS]
        for name in COMPONENTS:
            difference = parts[name].to_numpy().sum() - getattr(unit, name)
            # A multiplied charge is up to 40 times its base.
            assert abs(difference) <= TOLERANCE * max(gross[row], getattr(unit, name)), (unit.account, name)


def test_rows_are_the_netted_positions_and_the_spot_in_use(report):
    with_spot = 0
    for unit in report.units.itertuples():
        names = component_contributions(report, unit.account, unit.unit).instrument.tolist()
        held = report.positions[report.positions.account == unit.account].instrument
        coin = dict(zip(report.market.universe.ids, report.market.universe.contracts.coin, strict=True))
        mine = [name for name in held if report.market.universe.coins[coin[name]] == unit.unit]
        assert names == mine + [SPOT_IN_USE] * (unit.spot_in_use != 0)
        with_spot += unit.spot_in_use != 0
    assert with_spot > 10


def test_every_component_is_met_somewhere(report):
    assert (report.units[list(COMPONENTS)] > 0).any().all()


def test_unknown_account_and_unit(report):
    with pytest.raises(sg.InputError, match="account: expected an account of the report, found 'nobody'"):
        cell_contributions(report, "nobody", "BTC")
    first = report.units.account[0]
    with pytest.raises(sg.InputError, match=f"unit: expected a unit of {first} .*, found 'nothing'"):
        component_contributions(report, first, "nothing")

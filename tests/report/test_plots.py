"""Figures hold the numbers of the frames, in the right places, and show names as they are."""

from __future__ import annotations

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.report import colours
from shockgrid.report.plot_parts import UNIT_PARTS, unit_parts
from shockgrid.report.plot_population import archetypes
from shockgrid.report.plot_style import amount, move_text
from shockgrid.report.plots import plot_components, plot_grid, plot_population
from shockgrid.scenarios.grid import VOL_STATES
from tests.documents import accounts_of

HOSTILE = "<b>bold</b> & <script>x"
SWAP = "BTC-USDT-SWAP"


@pytest.fixture(scope="module")
def market():
    return sg.synthetic_market(7, strikes_per_expiry=6, expiries=4)


@pytest.fixture(scope="module")
def report(market, rules):
    return sg.margin(market, sg.synthetic_accounts(market, 200, 7), rules)


@pytest.fixture(scope="module")
def odd_report(market, rules):
    """A hostile id, an account of borrowing alone, one of nothing."""
    trader = {"id": HOSTILE, "balances": {"USDT": 5e3}, "positions": [{"instrument": SWAP, "quantity": -3}]}
    debtor = {"id": "debtor", "balances": {"BTC": 0.5, "USDT": -40e3}}
    return sg.margin(market, accounts_of(trader, debtor, {"id": "nothing"}), rules)


@pytest.fixture(scope="module")
def busy(report):
    """The unit with most positions, so that there are others than the largest contributors."""
    account = report.positions["account"].value_counts().index[0]
    units = report.units[report.units["account"] == account]
    return account, units.sort_values("mmr_usd")["unit"].iloc[-1]


def bars(figure):
    return {trace.meta: trace for trace in figure.data if trace.type == "bar"}


# -- grid -------------------------------------------------------------------------------------------------------------


def test_grid_holds_the_scenarios(report, busy):
    account, unit = busy
    (heatmap,) = plot_grid(report, account, unit).data
    cells = report.scenarios.query("account == @account and unit == @unit")
    assert heatmap.y == VOL_STATES
    assert list(heatmap.x) == [move_text(move) for move in sorted(cells.price_move.unique())]
    for i, state in enumerate(VOL_STATES):
        row = cells[cells.vol_state == state].sort_values("price_move").pnl_usd
        np.testing.assert_allclose(heatmap.z[i], row, rtol=1e-12, atol=1e-9)
        assert list(heatmap.text[i]) == [amount(value) for value in row]
    assert heatmap.zmin == -heatmap.zmax == pytest.approx(-cells.pnl_usd.abs().max(), rel=1e-12)


def test_contributors_of_a_cell_add_up_to_it(report):
    for account, unit in report.units[["account", "unit"]].head(60).itertuples(index=False):
        (heatmap,) = plot_grid(report, account, unit).data
        size = 1.0 + np.abs(heatmap.customdata).sum()
        np.testing.assert_allclose(heatmap.customdata.sum(axis=-1), heatmap.z, atol=1e-11 * size, rtol=0)


def test_hover_names_the_largest_and_sums_the_others(report, busy):
    (heatmap,) = plot_grid(report, *busy).data
    title, *lines, together = heatmap.hovertext[0][6].split("<br>")
    assert title == f"<b>{busy[1]} {heatmap.x[6]}, volatility up, USD</b>"
    assert [line.split()[-1] for line in lines] == [amount(value) for value in heatmap.customdata[0, 6]]
    assert lines[5].startswith("other ")
    assert together.split()[-1] == f"{amount(heatmap.z[0][6])}</b>"
    largest = np.abs(heatmap.customdata[0, 6, :5])
    assert (np.diff(largest) <= 0).all()


def test_the_worst_cell_is_outlined(report, busy):
    account, unit = busy
    figure = plot_grid(report, account, unit)
    row = report.units.query("account == @account and unit == @unit").iloc[0]
    for shape in figure.layout.shapes:
        assert VOL_STATES[round((shape.y0 + shape.y1) / 2)] == row.worst_vol_state
        assert figure.data[0].x[round((shape.x0 + shape.x1) / 2)] == move_text(row.worst_price_move)
    assert len(figure.layout.shapes) == 2


def test_grid_refuses_what_is_not_there(report, busy):
    with pytest.raises(sg.InputError, match="an account of the report"):
        plot_grid(report, "nobody", "BTC")
    with pytest.raises(sg.InputError, match="a unit of"):
        plot_grid(report, busy[0], "PEPE")


# -- components -------------------------------------------------------------------------------------------------------


def test_parts_add_up_to_the_margin_of_each_unit(report):
    parts = unit_parts(report.units)
    assert list(parts.columns) == UNIT_PARTS
    np.testing.assert_allclose(parts.sum(axis=1), report.units.mmr_usd, rtol=1e-12, atol=1e-12)
    floor = report.units.dominant == "mr7"
    assert floor.any()
    assert (parts.mr7[floor] > 0).all()
    assert ((parts[["mr1", "mr6", "mr2"]] > 0).sum(axis=1) <= 1).all()


def test_component_bars_are_the_margin_of_the_account(report):
    for place in range(40):
        account = report.accounts.iloc[place]
        drawn = bars(plot_components(report, account.account))
        total = sum(sum(trace.x) for trace in drawn.values())
        assert total == pytest.approx(account.mmr_usd, rel=1e-12, abs=1e-12)
        assert sum(drawn["mr8"].x) == account.borrow_mmr_usd if "mr8" in drawn else account.borrow_mmr_usd == 0


def test_the_deciding_component_is_outlined_and_named(report):
    unit = report.units[report.units.dominant == "mr4"].iloc[0]
    figure = plot_components(report, unit.account)
    trace = bars(figure)["mr4"]
    place = list(trace.y).index(unit.unit)
    assert trace.x[place] == unit.mr4
    assert trace.marker.line.width[place] == 3.0
    labels = figure.data[-1]
    assert labels.text[list(labels.y).index(unit.unit)] == f" {amount(unit.mmr_usd)} · MR4 decides"


def test_borrowing_has_a_bar_of_its_own(odd_report):
    (bar,) = bars(plot_components(odd_report, "debtor")).values()
    assert (bar.y, bar.x) == (("borrowing",), (odd_report.accounts.borrow_mmr_usd[1],))
    assert not bars(plot_components(odd_report, "nothing"))


# -- population -------------------------------------------------------------------------------------------------------


def test_population_counts_every_account_once(report):
    figure = plot_population(report)
    ratio = report.accounts.margin_ratio
    drawn = report.accounts[np.isfinite(ratio) & (ratio > 0)]
    traces = bars(figure)
    for status in ("safe", "warning", "liquidation"):
        assert sum(traces[status].y) == (drawn.status == status).sum() > 0
    note = figure.layout.xaxis.title.text
    assert f"{np.isinf(ratio).sum():,} infinite" in note
    assert f"{(ratio <= 0).sum():,} at or below zero" in note


def test_bars_of_ratios_stay_on_their_side_of_the_limits(report):
    traces = bars(plot_population(report))
    by_status = [traces[name] for name in colours.STATUS]
    left = {trace.meta: trace.x - trace.width / 2 for trace in by_status}
    right = {trace.meta: trace.x + trace.width / 2 for trace in by_status}
    assert right["liquidation"].max() < 0 < left["warning"].min()
    assert right["warning"].max() < np.log10(3.0) < left["safe"].min()


def test_archetype_bars_are_the_margin_of_their_accounts(report):
    traces = bars(plot_population(report))
    parts = np.array([traces[f"mr{k}"].x for k in (1, 6, 2, 3, 4, 5, 9, 7, 8)])
    group = report.accounts.account.str.rsplit("-", n=1).str[0]
    expected = report.accounts.mmr_usd.groupby(group).sum()
    found = dict(zip(traces["mr1"].y, parts.sum(axis=0), strict=True))
    assert found == pytest.approx(expected.to_dict(), rel=1e-12)
    np.testing.assert_allclose(sum(traces["mr8"].x), report.accounts.borrow_mmr_usd.sum(), rtol=1e-12)


def test_ids_without_archetype_are_one_group():
    assert archetypes(["carry-001", "dust-002"]) == ["carry", "dust"]
    assert archetypes(["carry-001", "desk"]) == ["all accounts"] * 2
    assert archetypes([f"desk{k}-1" for k in range(21)]) == ["all accounts"] * 21
    assert archetypes([]) == []


def test_population_without_accounts(market, rules):
    assert not bars(plot_population(sg.margin(market, accounts_of(), rules)))["safe"].y.size


# -- all --------------------------------------------------------------------------------------------------------------


def test_figures_suit_light_and_dark_and_depend_on_no_template(report, busy):
    for figure in (plot_grid(report, *busy), plot_components(report, busy[0]), plot_population(report)):
        layout = figure.layout
        assert layout.paper_bgcolor == layout.plot_bgcolor == colours.CLEAR
        assert layout.font.color == colours.TEXT
        assert not layout.template.to_plotly_json().get("layout")
        axes = [layout[name] for name in layout if name.startswith(("xaxis", "yaxis"))]
        assert all(axis.gridcolor == colours.GRID for axis in axes)


@pytest.mark.parametrize("background", ["#FFFFFF", "#0F1216"])
def test_text_is_readable_on_both_backgrounds(background):
    assert contrast(colours.TEXT, background) > 4.0


def test_cells_are_readable_under_black_text():
    assert all(contrast(colours.OUTLINE_DARK, colour) > 5.0 for _, colour in colours.LOSS_TO_GAIN)


def contrast(one, other):
    """Of WCAG 2.1, section 1.4.3."""
    low, high = sorted(luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_names_are_escaped(odd_report):
    for figure in (plot_grid(odd_report, HOSTILE, "BTC"), plot_components(odd_report, HOSTILE)):
        assert "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;x" in figure.layout.title.text


def test_amounts_and_moves_read_well():
    assert [amount(v) for v in (-1234.6, -0.2, 0.0, 99_999_999.4)] == ["-1,235", "0", "0", "99,999,999"]
    assert amount(-123_456_789.0) == "-123.5M"
    assert [amount(v, decimals=2) for v in (-0.001, -1.234)] == ["0.00", "-1.23"]
    assert [move_text(v) for v in (0.12, -0.08, 0.0, 0.025)] == ["+12%", "-8%", "0%", "+2.5%"]

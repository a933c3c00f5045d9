"""A replay against single calls bit for bit, its frames against one another, and every trace of its figures."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import shockgrid as sg
from shockgrid.report.plot_parts import PART_NAMES, unit_parts
from shockgrid.report.plot_replay import NOISE, QUANTILES
from tests.documents import accounts_of, market_of
from tests.reference.random_documents import random_accounts, random_market

FRAMES = ("accounts", "units", "scenarios", "positions", "currencies")
HOSTILE = "<b>x</b> & y"


@pytest.fixture(scope="module")
def market():
    return market_of(random_market(11))


@pytest.fixture(scope="module")
def accounts():
    """Random ones, one without anything, and one whose name looks like markup."""
    document = random_market(11)
    entries = random_accounts(document, 11, 38)
    return accounts_of(*entries, {"id": "idle"}, {**entries[17], "id": HOSTILE})


@pytest.fixture(scope="module")
def replay(market, accounts):
    return sg.margin(market, accounts, rulebooks="all")


# -- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sg.list_rulebooks())
def test_a_version_is_that_of_a_single_call_to_the_bit(replay, market, accounts, name):
    alone, found = sg.margin(market, accounts, sg.load_rulebook(name)), replay[name]
    for frame in FRAMES:
        assert len(getattr(alone, frame)) > 0
        pd.testing.assert_frame_equal(getattr(found, frame), getattr(alone, frame), check_exact=True)
    assert found.manifest == alone.manifest


@pytest.mark.parametrize(
    "name",
    [
        *("okx/v1-2024-06-05", "okx/v2-2025-12-04"),
        *(pytest.param(name, marks=pytest.mark.long) for name in ("okx/v1-2022-08-24", "okx/v2-2024-12-30")),
    ],
)
def test_what_a_version_explains_and_draws_is_that_of_a_single_call(replay, market, accounts, name):
    """These read the exposures of single contracts, which versions share only where they price alike."""
    alone, found = sg.margin(market, accounts, sg.load_rulebook(name)), replay[name]
    assert found.explain(HOSTILE).markdown == alone.explain(HOSTILE).markdown
    unit = alone.units[alone.units.account == HOSTILE].unit.iloc[0]
    assert found.plot_grid(HOSTILE, unit).to_json() == alone.plot_grid(HOSTILE, unit).to_json()


def test_accounts_and_units_are_those_of_the_versions_one_after_the_other(replay):
    for name in ("accounts", "units"):
        whole = getattr(replay, name)
        parts = [whole[whole.rulebook == version].reset_index(drop=True) for version in replay.rulebooks]
        for part, report in zip(parts, replay.reports, strict=True):
            expected = getattr(report, name)
            pd.testing.assert_frame_equal(part[expected.columns], expected, check_exact=True)
        assert whole.index.tolist() == list(range(sum(map(len, parts))))


def test_versions_differ(replay):
    """Guards the comparisons above: each step but the ones that only borrowing tables explain changes a margin."""
    moved = replay.changes.groupby("to", sort=False).change_usd.agg(lambda x: (x.abs() > 1e-6).any())
    unmoved = {name for name, has_moved in moved.items() if not has_moved}
    # USDT tiers of February 2024 stand in for all earlier ones (choices of the rulebooks).
    assert unmoved == {"okx/v1-2024-02-01"}


def test_changes_can_be_added_up(replay, accounts):
    total = replay.changes.groupby("account", sort=False).change_usd.sum()
    first, last = (replay[replay.rulebooks[k]].accounts.set_index("account").mmr_usd for k in (0, -1))
    assert total.index.tolist() == accounts.ids.tolist()
    size = replay.accounts.groupby("account", sort=False).mmr_usd.max()
    assert (np.abs(total - (last - first)) <= 1e-12 * size).all()
    idle = replay.changes[replay.changes.account == "idle"]
    assert idle.change_frac.isna().all()
    assert idle.change_usd.tolist() == [0.0] * (len(replay.rulebooks) - 1)
    assert np.isinf(idle.ratio_after).all()


def test_rulebooks_may_be_a_generator_of_names_and_records(market, accounts, replay):
    names = replay.rulebooks[1:3]
    found = sg.margin(market, accounts, rulebooks=(sg.load_rulebook(n) if k else n for k, n in enumerate(names)))
    assert found.rulebooks == names
    pd.testing.assert_frame_equal(found[names[1]].units, replay[names[1]].units, check_exact=True)


def test_a_rulebook_of_ones_own_stands_beside_the_one_it_extends(market, accounts, tmp_path):
    base = "okx/v1-2024-06-05"
    file = tmp_path / "mine.toml"
    file.write_text(
        f'format = "shockgrid.rulebook/1"\nextends = "{base}"\nversion = "dear"\nmr7.rate.value.A = 0.09\n'
        'mr7.rate.provenance.A = "modelled"\n'
    )
    report = sg.margin(market, accounts, rulebooks=[base, str(file)])
    assert report.rulebooks == (base, "okx/dear")
    entries = report.manifest["rulebooks"]
    assert [list(entry["overrides"]) for entry in entries] == [[], ["mr7.rate.A"]]
    assert entries[1]["overrides"]["mr7.rate.A"] == {base: 0.0045, "here": 0.09}
    assert (report.changes.change_usd >= 0).all()
    assert (report.changes.change_usd > 0).any()


def test_the_manifest_says_once_what_versions_share(replay):
    single = replay.reports[0].manifest
    manifest = replay.manifest
    own = {"rulebook", "overrides", "modelled"}
    assert set(manifest) == (set(single) - own) | {"rulebooks"}
    assert {key: manifest[key] for key in manifest if key not in ("kind", "rulebooks")} == {
        key: single[key] for key in single if key not in own | {"kind"}
    }
    for entry, report in zip(manifest["rulebooks"], replay.reports, strict=True):
        assert entry == {key: report.manifest[key] for key in own}


def test_saved_frames_are_the_frames(replay, tmp_path):
    replay.save(tmp_path / "new" / "folder")
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == [
        "accounts.parquet",
        "changes.parquet",
        "manifest.json",
        "units.parquet",
    ]
    for name in ("accounts", "units", "changes"):
        saved = pd.read_parquet(tmp_path / "new" / "folder" / f"{name}.parquet")
        pd.testing.assert_frame_equal(saved, getattr(replay, name), check_exact=True)
    assert json.loads((tmp_path / "new" / "folder" / "manifest.json").read_text()) == replay.manifest
    (tmp_path / "taken").write_text("")
    with pytest.raises(sg.InputError, match="a folder that can be written"):
        replay.save(tmp_path / "taken")


def test_files_have_one_schema_with_rows_or_without(market, replay, tmp_path):
    replay.save(tmp_path / "full")
    sg.margin(market, accounts_of(), rulebooks=sg.list_rulebooks()[-2:]).save(tmp_path / "empty")
    for name in ("accounts", "units", "changes"):
        full, empty = (pq.read_schema(tmp_path / kind / f"{name}.parquet") for kind in ("full", "empty"))
        assert full.equals(empty), name


def test_json_holds_the_frames(replay):
    document = json.loads(replay.to_json())
    assert set(document) == {"manifest", "accounts", "units", "changes"}
    rows = {(row["account"], row["to"]): row for row in document["changes"]}
    assert len(rows) == len(replay.changes)
    for row in replay.changes.itertuples():
        found = rows[row.account, row.to]["change_frac"]
        assert (found is None) == np.isnan(row.change_frac), "NaN has no JSON"
    assert {row["margin_ratio"] for row in document["accounts"] if row["account"] == "idle"} == {None}


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rulebooks", [[], (), iter(())])
def test_no_rulebook_at_all(market, accounts, rulebooks):
    with pytest.raises(sg.InputError) as caught:
        sg.margin(market, accounts, rulebooks=rulebooks)
    error = caught.value
    assert (error.file, error.path, error.expected) == ("margin", "rulebooks", "at least one rulebook")


def test_two_names_of_one_version(market, accounts):
    """``okx`` is the newest one: the names that clash are those of the rulebooks, not those asked for."""
    newest = sg.list_rulebooks()[-1]
    with pytest.raises(sg.InputError, match=f"each version once, found '{newest}'"):
        sg.margin(market, accounts, rulebooks=["okx", newest])


def test_a_shock_too_large_for_one_version_is_refused():
    """A mark at a fourth of the index survives the -24 % of 2025 and not the -30 % before."""
    row = {"id": "T", "kind": "perpetual", "coin": "BTC", "settle": "USDT", "contract_value": 1, "mark": 25e3}
    index = {"BTC-USD": 1e5, "BTC-USDT": 1e5, "USDT-USD": 1.0}
    market = market_of(
        {"format": "shockgrid.market/1", "time": "2025-01-10T00:00:00Z", "index": index, "instruments": [row]}
    )
    # The newer one comes first and is not what is refused.
    both = ["okx/v2-2025-01-06", "okx/v2-2024-12-30"]
    with pytest.raises(sg.ShockError) as caught:
        sg.margin(market, accounts_of({"id": "a"}), rulebooks=both)
    assert caught.value.path == "instruments[0].mark"
    assert "-30%" in caught.value.expected


# -- figures ----------------------------------------------------------------------------------------------------------


def parts_of(figure):
    return {trace.meta: trace for trace in figure.data if trace.type == "bar" and trace.meta}


def texts_of(figure):
    return scatters(figure, "text")


def scatters(figure, mode):
    return [trace for trace in figure.data if trace.type == "scatter" and trace.mode == mode]


def expected_parts(report, account=None):
    units, accounts = report.units, report.accounts
    if account is not None:
        units, accounts = units[units.account == account], accounts[accounts.account == account]
    return unit_parts(units).sum().to_dict() | {"mr8": accounts.borrow_mmr_usd.sum()}


def test_bars_of_an_account_are_its_components_under_each_version(replay):
    figure = replay.plot_account(HOSTILE)
    drawn = parts_of(figure)
    expected = pd.DataFrame([expected_parts(report, HOSTILE) for report in replay.reports])
    assert set(drawn) == {name for name in expected if expected[name].max() > 0}
    for name, trace in drawn.items():
        assert trace.name == PART_NAMES[name]
        assert trace.y == replay.rulebooks
        np.testing.assert_allclose(trace.x, expected[name], rtol=1e-12)
    assert figure.layout.title.text == "&lt;b&gt;x&lt;/b&gt; &amp; y: maintenance margin under 11 rule versions"
    assert figure.layout.yaxis.categoryarray == replay.rulebooks[::-1], "the oldest stands on top"
    (labels,) = texts_of(figure)
    ratios = replay.accounts[replay.accounts.account == HOSTILE].margin_ratio
    assert [label.split("ratio ")[1] for label in labels.text] == [f"{ratio:,.0%}" for ratio in ratios]


def test_an_account_without_margin_has_no_bars_and_an_infinite_ratio(replay):
    figure = replay.plot_account("idle")
    assert parts_of(figure) == {}
    (labels,) = texts_of(figure)
    assert labels.text == (" 0 · ratio ∞",) * len(replay.rulebooks)


def test_bars_of_the_population_are_the_components_of_all_accounts(replay):
    drawn = parts_of(replay.plot_population())
    expected = pd.DataFrame([expected_parts(report) for report in replay.reports])
    assert set(drawn) == {name for name in expected if expected[name].max() > 0}
    for name, trace in drawn.items():
        np.testing.assert_allclose(trace.x, expected[name], rtol=1e-12)
    assert drawn["mr9"].x[:7] == (0.0,) * 7, "version 1 has none"


def test_the_spread_of_each_change_is_its_quantiles(replay):
    figure = replay.plot_population()
    changes = replay.changes.dropna(subset="change_frac").groupby("to", sort=False).change_frac
    names = list(replay.rulebooks[1:])
    low, quarter, median, three_quarters, high = np.array([np.quantile(x, QUANTILES) for _, x in changes]).T
    assert QUANTILES == (0.05, 0.25, 0.50, 0.75, 0.95)
    lines = scatters(figure, "lines")
    assert [line.y for line in lines] == [(name, name) for name in names]
    np.testing.assert_array_equal([line.x for line in lines], np.stack([low, high], axis=1))
    (box,) = [trace for trace in figure.data if trace.type == "bar" and not trace.meta]
    assert list(box.y) == names
    base = np.array(box.base, float)
    np.testing.assert_array_equal(base, quarter)
    np.testing.assert_allclose(base + box.x, three_quarters, rtol=1e-12, atol=1e-15)
    (dots,) = scatters(figure, "markers")
    np.testing.assert_array_equal(dots.x, median)
    counts = texts_of(figure)[1]
    more, less = (changes.agg(lambda x, sign=sign: (sign * x > NOISE).sum()) for sign in (1, -1))
    assert list(counts.text) == [f" {more[n]:,} more, {less[n]:,} less" for n in names]
    assert all(f"median {m:+.1%}" in text for m, text in zip(median, dots.hovertext, strict=True))


def test_one_version_has_bars_and_no_spread(replay):
    one = sg.ReplayReport(replay.reports[-1:])
    assert len(one.changes) == 0
    assert list(one.changes.columns) == list(replay.changes.columns)
    figure = one.plot_population()
    assert {trace.mode for trace in figure.data if trace.type == "scatter"} == {"text"}
    assert all(trace.y == one.rulebooks for trace in figure.data)
    assert sum(trace.x[0] for trace in parts_of(figure).values()) == pytest.approx(one.accounts.mmr_usd.sum(), rel=1e-9)
    assert one.plot_account(HOSTILE).layout.title.text.endswith("under 1 rule versions")


def test_accounts_without_margin_have_no_spread(market):
    figure = sg.margin(market, accounts_of({"id": "idle"}), rulebooks=sg.list_rulebooks()[-2:]).plot_population()
    assert parts_of(figure) == {}
    (labels,) = texts_of(figure)
    assert labels.text == (" 0", " 0")

"""``shockgrid margin --stream`` and ``shockgrid bench``."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.cli import app, main
from tests.conftest import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

MARKET = ROOT / "examples" / "market.json"
ACCOUNTS = ROOT / "examples" / "accounts.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "accounts"
    sg.write_accounts(sg.read_accounts(ACCOUNTS), path)
    return path


def run(*arguments):
    app([str(argument) for argument in arguments], exit_on_error=False, print_error=False, result_action="return_value")


def test_a_stream_writes_frames_and_says_what_came_out(folder, tmp_path, capsys, rules):
    out = tmp_path / "out"
    run("margin", MARKET, folder, "--stream", "--out", out)
    printed = capsys.readouterr()
    expected = sg.margin(sg.read_market(MARKET), sg.read_accounts(ACCOUNTS), rules)
    counts = expected.accounts.status.value_counts()
    assert f"12 accounts, {len(expected.units)} units, okx/v2-2025-12-04: {counts['safe']} safe" in printed.out
    assert "12/12" in printed.err
    pd.testing.assert_frame_equal(pd.read_parquet(out / "accounts"), expected.accounts, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--stream"], "--out: expected a folder for the results"),
        (["--stream", "--out", "x", "--json"], "--json: expected no such option with --stream"),
        (["--stream", "--out", "x", "--rulebook", "all"], "--stream: expected no such option with several rulebooks"),
        (["--precision", "float16"], "precision"),
    ],
)
def test_options_that_do_not_go_together(folder, monkeypatch, capsys, options, expected):
    monkeypatch.setattr("sys.argv", ["shockgrid", "margin", str(MARKET), str(folder), *options])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert expected in capsys.readouterr().err.replace("\n", " ")


def test_bench_measures_and_says_on_what(capsys):
    run("bench", 300, "--positions", 6, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["accounts"] == 300
    assert found["devices"]
    assert 0 < found["warm_s"]["arrays"] < found["first_call_s"]
    assert found["accounts_per_s"]["arrays"] == pytest.approx(300 / found["warm_s"]["arrays"])


def test_bench_prints_a_table(capsys):
    run("bench", 300, "--positions", 6, "--precision", "float32")
    printed = capsys.readouterr().out
    assert "float32" in printed
    assert "first call, with compilation" in printed

"""The commands that liquidate."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import shockgrid as sg
from shockgrid.cli import app, main
from tests.conftest import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

BOTH = (str(ROOT / "examples" / "market.json"), str(ROOT / "examples" / "accounts.json"))
FALL = ("--price.BTC", "-0.35", "--price.ETH", "-0.4")
WHO = "short_strangle-000003"


@pytest.fixture
def printed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            app([*words])
        assert stop.value.code == 0
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def report(rules):
    market, accounts = sg.read_market(BOTH[0]), sg.read_accounts(BOTH[1])
    return sg.liquidate(market, accounts, rules, shock={"price": {"BTC": -0.35, "ETH": -0.4}})


def test_the_table_has_who_was_liquidated(printed, report):
    text = printed("liquidate", *BOTH, *FALL)
    assert "1 account of 12 is liquidated under okx/v2-2025-12-04" in text
    row = next(line for line in text.splitlines() if WHO in line)
    assert row.split()[1:4] == ["recovered", "0.2665", "1.102"]
    assert [line for line in text.splitlines() if "untouched" in line] == []
    assert report.accounts.set_index("account").outcome[WHO] == "recovered"


def test_one_account_is_explained_and_plotted(printed, report, tmp_path):
    page = tmp_path / "plot.html"
    text = printed("liquidate", *BOTH, *FALL, "--account", WHO, "--plot", str(page))
    assert text == report.explain(WHO) + "\n"
    assert "ddh2: 5 steps" in text
    assert "Liquidation of " + WHO in page.read_text()


def test_frames_and_accounts_are_written(printed, report, tmp_path):
    out, after = tmp_path / "out", tmp_path / "after.json"
    printed("liquidate", *BOTH, *FALL, "--out", str(out), "--after", str(after))
    pd.testing.assert_frame_equal(pd.read_parquet(out / "steps.parquet"), report.steps)
    ratio = sg.margin(report.before.market, sg.read_accounts(after), report.before.rules).accounts.margin_ratio
    assert ratio.tolist() == pytest.approx(report.accounts.margin_ratio.tolist(), rel=1e-9)


def test_json_has_steps_and_accounts(printed, report):
    document = json.loads(printed("liquidate", *BOTH, *FALL, "--json"), parse_constant=pytest.fail)
    assert len(document["steps"]) == len(report.steps)
    assert document["manifest"]["kind"] == "shockgrid.liquidation_report/1"


def test_a_cascade_has_its_rounds_and_who_pays(printed, tmp_path):
    out, page = tmp_path / "out", tmp_path / "plot.html"
    text = printed(
        "cascade", *BOTH, *FALL, "--depth.*", "1e6", "--fund-usd", "1000", "--out", str(out), "--plot", str(page)
    )
    rounds = pd.read_parquet(out / "rounds.parquet")
    assert f"liquidated in {len(rounds)} round" in text
    assert "beyond the fund: 0 USD from profitable positions" in text
    assert rounds.liquidated.iloc[0] == 1
    assert f"Cascade of {len(rounds)} rounds" in page.read_text()
    document = json.loads(printed("cascade", *BOTH, *FALL, "--depth.*", "1e6", "--json"), parse_constant=pytest.fail)
    assert len(document["rounds"]) == len(rounds)


REFUSED = {
    "plot of no one": (("liquidate", *BOTH, "--plot", "x.html"), "--account, whose liquidation is plotted"),
    "unknown account": (("liquidate", *BOTH, *FALL, "--account", "nobody"), "an account of the report"),
    "fund below nothing": (("cascade", *BOTH, "--fund-usd", "-1"), "0 or more"),
    "unknown coin": (("cascade", *BOTH, "--depth.NOPE", "1"), "coins of the market"),
}


@pytest.mark.parametrize(("words", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_is_one_line(capsys, monkeypatch, words, expected):
    monkeypatch.setattr("sys.argv", ["shockgrid", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert expected in " ".join(capsys.readouterr().err.split())

"""The committed examples are what the generator writes, and show what a reader should see."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"

# As `make docs` generates them. The seed is one whose twelve accounts have every status and most components.
ACCOUNTS, SEED = 12, 21


@pytest.fixture(scope="module")
def market():
    return sg.read_market(EXAMPLES / "market.json")


@pytest.fixture(scope="module")
def report(market):
    """Under the rules in force at the market's time."""
    rules = sg.load_rulebook("okx", at="2025-06-20")
    return sg.margin(market, sg.read_accounts(EXAMPLES / "accounts.json"), rules)


def test_market_is_the_generators(tmp_path):
    sg.write_market(sg.synthetic_market(), tmp_path / "market.json")
    assert (tmp_path / "market.json").read_text() == (EXAMPLES / "market.json").read_text()


def test_accounts_are_the_generators(market, tmp_path):
    sg.write_accounts(sg.synthetic_accounts(market, ACCOUNTS, SEED), tmp_path / "accounts.json")
    assert (tmp_path / "accounts.json").read_text() == (EXAMPLES / "accounts.json").read_text()


def test_accounts_show_what_there_is_to_see(report):
    accounts, units = report.accounts, report.units
    assert set(accounts.status) == {"safe", "warning", "liquidation"}
    assert {"mr1", "mr4", "mr6", "mr7"} <= set(units.dominant)
    assert set(units.unit) == {"BTC", "DOGE", "ETH", "SOL"}
    assert (units.vega_usd != 0).any()
    assert (units.spot_in_use != 0).any()
    assert (units.mr9 > 0).any()
    assert (accounts.liability_usd > 0).any()
    assert (accounts.derivatives_imr_usd > 2 * accounts.derivatives_mmr_usd).any()  # an order that adds risk
    assert (accounts.margin_ratio == float("inf")).any()


def test_documents_in_the_format_page_are_accepted(rules):
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    market, accounts = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    (row,) = sg.margin(market_of(market), accounts_of(*accounts["accounts"]), rules).accounts.to_dict("records")
    assert row["account"] == "desk-7"
    assert row["mmr_usd"] > 0


def test_result_columns_are_those_of_the_format_page(report):
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    marginal = sg.marginal_margin(report, [report.accounts.account[0]])
    frames = {"accounts": report.accounts, "units": report.units, "scenarios": report.scenarios, "positions": marginal}
    for name, frame in frames.items():
        section = page.partition(f"### `{name}`")[2].partition("\n### ")[0]
        named = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
        columns = re.findall(r"`(\w+)`", named.replace("`mr1` … `mr7`", " ".join(f"`mr{k}`" for k in range(1, 8))))
        assert sorted(columns) == sorted(frame.columns), name

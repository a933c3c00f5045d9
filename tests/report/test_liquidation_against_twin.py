"""``sg.liquidate`` against the slow twin, which was written from the rule text by someone who had not seen it."""

from __future__ import annotations

import math

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of
from tests.reference.liquidation import Result, liquidate_in
from tests.reference.liquidation_documents import troubled_accounts, with_depths
from tests.reference.liquidation_market import PricedMarket
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_market

FIGURES = (
    "quantity",
    "price",
    "fee_usd",
    "slippage_usd",
    "mmr_before_usd",
    "mmr_after_usd",
    "ratio_before",
    "ratio_after",
)
EXACT = {"rel": 1e-9, "abs": 1e-9}


SMALL = 12
"""Positions of a book that shares a compilation with all others so small, hedges and all."""


def assert_agrees(version: str, seed: int, count: int, most: int = 1_000) -> set[str]:
    """Every step of every account, and what became of each; the stages that were met."""
    market = with_depths(random_market(seed), seed)
    priced = PricedMarket(market, VERSIONS[version])
    drawn = [a for a in troubled_accounts(priced, seed, count) if size(a) <= most]
    accounts = [a | {"id": str(i)} for i, a in enumerate(drawn)]
    assert len(accounts) > 0.6 * count
    report = sg.liquidate(market_of(market), accounts_of(*accounts), sg.load_rulebook(version))
    frame = report.accounts.set_index("account")
    met = set()
    for account in accounts:
        found = liquidate_in(priced, account)
        ours = report.steps.loc[report.steps.account == account["id"], :].to_dict("records")
        assert_same_steps(account["id"], in_order(ours), in_order(found.steps))
        assert_same_outcome(frame.loc[account["id"]].to_dict(), found)
        met |= {row["stage"] for row in ours}
    return met


def size(account: dict) -> int:
    """Positions, or three for each coin where that is more."""
    names = [position["instrument"] for position in account.get("positions", [])]
    return max(len(names), 3 * len({name.split("-")[0] for name in names}))


def in_order(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: (row["step"], row["instrument"], row["quantity"]))


def assert_same_steps(account: str, ours: list[dict], theirs: list[dict]) -> None:
    keys = ("step", "stage", "unit", "instrument")
    assert [[row[k] for k in keys] for row in ours] == [[row[k] for k in keys] for row in theirs], account
    for our, their in zip(ours, theirs, strict=True):
        for name in FIGURES:
            scale = abs(our["mmr_before_usd"]) if name.endswith("_usd") else 0.0
            expected = pytest.approx(ratio_of(their[name]), rel=1e-9, abs=1e-9 + 1e-12 * scale)
            assert ratio_of(our[name]) == expected, (account, our["step"], our["stage"], our["instrument"], name)


def ratio_of(figure: float) -> float:
    """A ratio beyond 1e14 is over a margin that is 0 but for rounding."""
    return math.inf if figure > 1e14 else figure


def assert_same_outcome(ours: dict, theirs: Result) -> None:
    assert ours["outcome"] == theirs.outcome
    size = abs(theirs.gross_before_usd) + abs(theirs.gross_usd)
    pairs = {
        "ratio_before": theirs.ratio_before,
        "margin_ratio": theirs.ratio,
        "equity_before_usd": theirs.gross_before_usd,
        "equity_after_usd": theirs.gross_usd,
        "fund_loss_usd": theirs.fund_loss_usd,
        "fees_usd": theirs.fees_usd,
        "slippage_usd": theirs.slippage_usd,
    }
    for name, expected in pairs.items():
        scale = 1e-9 * size if name.endswith("_usd") else 1e-9
        assert ratio_of(ours[name]) == pytest.approx(
            ratio_of(expected), rel=1e-9, abs=scale if math.isfinite(scale) else 0.0
        ), name


@pytest.mark.parametrize(
    ("version", "seed"),
    [("okx/v2-2025-01-15", 1), pytest.param("okx/v1-2024-06-05", 2, marks=pytest.mark.long)],
)
def test_every_step_agrees(version, seed):
    met = assert_agrees(version, seed, 60, SMALL)
    assert met >= {"cancel_orders", "repayment", "basis", "reduction"}


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
def test_every_step_agrees_under_every_version(version):
    assert_agrees(version, 11, 100)

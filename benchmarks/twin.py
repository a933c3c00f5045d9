"""Ours against the slow twin of the tests, plain Python, account by account: the answer, and how much faster."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np

import shockgrid as sg
from benchmarks.protocol import seconds
from benchmarks.stages import frames
from shockgrid.accounts.holdings import Accounts
from shockgrid.market.market import Market
from shockgrid.venues.okx.rulebook import Rulebook
from tests.reference.okx import margin as twin_margin
from tests.reference.parameters import VERSIONS

SAMPLE = 40


def twin_check(market: Market, accounts: Accounts, rules: Rulebook) -> dict[str, object]:
    """Maintenance margins of a sample, both ways; seconds an account are extrapolated from the sample."""
    document, entries = _documents(market, accounts)
    sample = entries[:: max(1, len(entries) // SAMPLE)]
    start = time.perf_counter()
    twins = [twin_margin(document, entry, VERSIONS[rules.name])["account"]["mmr_usd"] for entry in sample]
    per_account_s = (time.perf_counter() - start) / len(sample)
    report = sg.margin(market, accounts, rules)
    found = report.accounts.set_index("account").mmr_usd[[entry["id"] for entry in sample]].to_numpy()
    ours = seconds(lambda: frames(sg.margin(market, accounts, rules)))["median_s"] / len(accounts)
    return {
        "sample": len(sample),
        "largest_relative_error_of_mmr": float(np.max(np.abs(found - twins) / np.maximum(np.abs(twins), 1e-9))),
        "twin_s_per_account": per_account_s,
        "shockgrid_s_per_account": ours,
        "ratio_twin_over_shockgrid_extrapolated": per_account_s / ours,
    }


def _documents(market: Market, accounts: Accounts) -> tuple[dict, list[dict]]:
    with tempfile.TemporaryDirectory() as name:
        paths = Path(name) / "market.json", Path(name) / "accounts.json"
        sg.write_market(market, paths[0])
        sg.write_accounts(accounts, paths[1])
        document, holdings = (json.loads(path.read_text()) for path in paths)
    return document, holdings["accounts"]

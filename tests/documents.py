"""Native documents written in tests, read the way users' files are."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import shockgrid as sg
from shockgrid.accounts.holdings import Accounts
from shockgrid.market.market import Market


def market_of(document: dict) -> Market:
    """The market of a ``shockgrid.market/1`` document."""
    return sg.read_market(_written(document))


def accounts_of(*accounts: dict) -> Accounts:
    """The accounts of a ``shockgrid.accounts/1`` document with these entries."""
    return sg.read_accounts(_written({"format": "shockgrid.accounts/1", "accounts": list(accounts)}))


def _written(document: dict) -> Path:
    path = Path(tempfile.mkdtemp()) / "document.json"
    path.write_text(json.dumps(document))
    return path

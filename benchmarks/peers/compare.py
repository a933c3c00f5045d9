"""How far a peer's answer is from ours."""

from __future__ import annotations

import numpy as np

import shockgrid as sg
from benchmarks.peers.book import COMPONENTS, FIGURES, Answer, PeerBook

TOLERANCE = 1e-9
"""Of a unit's gross size: what rounding alone may differ by."""
ACCOUNT_TOLERANCE = 1e-6
"""Of an account's figure itself, which may be a small difference of large ones."""


def differences(report: sg.MarginReport, book: PeerBook, answer: Answer, gross_usd: np.ndarray) -> dict[str, object]:
    """Largest differences in USD and relative to the unit's gross size, by component and by account figure.

    Args:
        report: Ours, of the book's accounts.
        book: The peer's.
        answer: Likewise.
        gross_usd: Gross size of one contract of each instrument.

    Raises:
        AssertionError: A difference that rounding does not explain.
    """
    n = int(book.unit_coin.max()) + 1
    key = report.keys.account.astype(np.int64) * n + report.keys.unit
    ours = np.searchsorted(key, book.unit_account * n + book.unit_coin)
    gross = np.add.reduceat(np.abs(book.quantity) * gross_usd[book.instrument], book.unit_start[:-1])
    usd, of_gross, relative = {}, {}, {}
    for name in COMPONENTS:
        error = np.abs(answer.units[name] - getattr(report.result.units, name)[ours])
        usd[name], of_gross[name] = float(error.max()), float((error / gross).max())
    for name in FIGURES:
        theirs, own = answer.accounts[name], getattr(report.result.accounts, name)
        differing = theirs != own
        error = np.abs(np.subtract(theirs, own, where=differing, out=np.zeros_like(own)))
        relative[name] = float((error / np.maximum(np.abs(own), 1.0)).max())
    assert max(of_gross.values()) < TOLERANCE, of_gross
    assert max(relative.values()) < ACCOUNT_TOLERANCE, relative
    return {"unit_usd": usd, "unit_of_gross": max(of_gross.values()), "account_relative": relative}

"""How much margin each position adds: account MMR less account MMR without the position."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from shockgrid.accounts.copies import copy_accounts
from shockgrid.errors import InputError
from shockgrid.report.margin import margin_report
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.block_margin import CommonShape


def marginal_margin(report: MarginReport, accounts: str | Iterable[str] | None = None) -> pd.DataFrame:
    """The ``positions`` frame with ``marginal_mmr_usd``, below zero for a position that hedges.

    Each position is left out once and its account margined anew, exactly: the cost grows with the square of the
    number of positions of an account.

    Args:
        report: From ``margin``.
        accounts: An id or several; all accounts by default.

    Raises:
        InputError: An account that the report does not hold.
    """
    frame = report.positions
    if accounts is not None:
        wanted = [accounts] if isinstance(accounts, str) else list(accounts)
        unknown = [a for a in wanted if a not in set(report.inputs.ids)]
        if unknown:
            raise InputError(report.inputs.source.file, "accounts", "accounts of the report", repr(unknown[0]))
        frame = frame[frame.account.isin(wanted)].reset_index(drop=True)
    place = {name: i for i, name in enumerate(report.inputs.ids)}
    account = np.array([place[name] for name in frame.account], np.int64)
    mmr = report.accounts.mmr_usd.to_numpy()[account]
    return frame.assign(marginal_mmr_usd=mmr - mmr_without(report, account, frame.instrument.tolist()))


def mmr_without(
    report: MarginReport, account: np.ndarray, instrument: list[str], shape: CommonShape | None = None
) -> np.ndarray:
    """MMR of accounts, each without its position in one instrument.

    Args:
        report: From ``margin``.
        account: Place of each account.
        instrument: What it is to be without.
        shape: As for ``map_blocks``.
    """
    without = copy_accounts(report.inputs, account, instrument)
    found = margin_report(
        report.market, without, report.rules, orders="three_books", precision=report.precision, shape=shape
    )
    return found.accounts.mmr_usd.to_numpy()

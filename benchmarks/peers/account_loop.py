"""Account by account with pandas, as a script over a few accounts would: on a sample, to be extrapolated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.peers import pandas_way
from benchmarks.peers.book import Answer, Numbers, PeerBook


def margin(numbers: Numbers, book: PeerBook, exposures: pd.DataFrame, positions: pd.DataFrame) -> Answer:
    """The margin of each account of a book, one after the other."""
    found = [
        pandas_way.margin(numbers, single_account(book, k), exposures, positions[positions["account"] == k])
        for k in range(book.n_accounts)
    ]
    units = {name: np.concatenate([answer.units[name] for answer in found]) for name in found[0].units}
    accounts = {name: np.concatenate([answer.accounts[name] for answer in found]) for name in found[0].accounts}
    return Answer(units, accounts)


def single_account(book: PeerBook, k: int) -> PeerBook:
    """The book of one account."""
    units, rows, entries = (
        slice(*start[[k, k + 1]]) for start in (book.account_units, book.account_currencies, book.account_entries)
    )
    own = book.unit_currency[units]
    return replace(
        book,
        n_accounts=1,
        instrument=book.instrument[entries],
        quantity=book.quantity[entries],
        entry_currency=book.entry_currency[entries] - rows.start,
        unit_start=book.unit_start[units.start : units.stop + 1] - entries.start,
        unit_account=np.zeros(units.stop - units.start, np.int64),
        unit_coin=book.unit_coin[units],
        unit_currency=np.where(own >= 0, own - rows.start, -1),
        unit_limit=book.unit_limit[units],
        balance=book.balance[rows],
        currency_account=np.zeros(rows.stop - rows.start, np.int64),
        currency=book.currency[rows],
        account_units=np.array([0, units.stop - units.start]),
        account_currencies=np.array([0, rows.stop - rows.start]),
        account_entries=np.array([0, entries.stop - entries.start]),
    )

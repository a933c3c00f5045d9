"""SciPy's sparse product and NumPy rules, in blocks of accounts that stay in cache, on one thread or two."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import scipy.sparse

from benchmarks.peers.book import COMPONENTS, FIGURES, Answer, Numbers, PeerBook
from benchmarks.peers.rules import account_figures, currency_figures, unit_components

BLOCK_ROWS = 4_096


def margin(numbers: Numbers, book: PeerBook, threads: int = 1, block_rows: int = BLOCK_ROWS) -> Answer:
    """The margin of all accounts."""
    units = {name: np.empty(len(book.unit_coin)) for name in COMPONENTS}
    accounts = {name: np.empty(book.n_accounts) for name in FIGURES}
    answer = Answer(units, accounts)
    n_blocks = max(1, -(-len(book.unit_coin) // block_rows))
    rows = np.linspace(0, len(book.unit_coin), n_blocks + 1)[1:-1]
    cuts = np.unique(np.concatenate([[0], np.searchsorted(book.account_units, rows), [book.n_accounts]]))
    if threads == 1:
        for first, last in pairwise(cuts.tolist()):
            _block(numbers, book, first, last, answer)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda ends: _block(numbers, book, *ends, answer), pairwise(cuts.tolist())))
    return answer


def _block(numbers: Numbers, book: PeerBook, first: int, last: int, answer: Answer) -> None:
    rows = slice(*book.account_units[[first, last]])
    currencies = slice(*book.account_currencies[[first, last]])
    without_options, equity = equities(numbers, book, first, last)
    sums, charge = _sums(numbers, book, rows)
    own = book.unit_currency[rows]
    coin_equity = np.where(own >= 0, without_options[np.maximum(own - currencies.start, 0)], 0.0)
    found = unit_components(numbers, sums, charge, book.unit_coin[rows], coin_equity, book.unit_limit[rows])
    by_currency = currency_figures(numbers, book.currency[currencies], equity)
    of_unit, of_currency = (
        start[first : last + 1] - start[first] for start in (book.account_units, book.account_currencies)
    )
    totals = account_figures(numbers, by_currency, of_currency, found["mmr_usd"], of_unit)
    for name, values in found.items():
        answer.units[name][rows] = values
    for name, values in totals.items():
        answer.accounts[name][first:last] = values


def equities(numbers: Numbers, book: PeerBook, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Equity of the currency rows of some accounts, without and with the value of options."""
    entries = slice(*book.account_entries[[first, last]])
    rows = slice(*book.account_currencies[[first, last]])
    instrument, row = book.instrument[entries], book.entry_currency[entries] - rows.start
    value = book.quantity[entries] * numbers.value[instrument]
    option, n = numbers.is_option[instrument], rows.stop - rows.start
    without = book.balance[rows] + np.bincount(row, np.where(option, 0.0, value), minlength=n)
    return without, without + np.bincount(row, np.where(option, value, 0.0), minlength=n)


def _sums(numbers: Numbers, book: PeerBook, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    start = book.unit_start[rows.start : rows.stop + 1]
    entries = slice(start[0], start[-1])
    column, quantity = book.instrument[entries], book.quantity[entries]
    shape = (rows.stop - rows.start, len(numbers.table))
    matrix = scipy.sparse.csr_array((quantity, column, (start - start[0]).astype(np.int32)), shape=shape)
    charge = np.add.reduceat(np.abs(quantity) * numbers.charge[column], start[:-1] - start[0])
    # Transposed once in cache, so that every rule reads its columns in a row.
    return np.ascontiguousarray((matrix @ numbers.table).T), charge

"""The straightforward data-frame way: merge positions with exposures, multiply, group and sum; all accounts at once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.peers.book import Answer, Numbers, PeerBook
from benchmarks.peers.numpy_blocked import equities
from benchmarks.peers.rules import account_figures, currency_figures, unit_components

CHARGE = "charge"


def exposure_frame(numbers: Numbers) -> pd.DataFrame:
    """The exposures of one contract, a row an instrument."""
    frame = pd.DataFrame(numbers.table).rename(columns=str)
    return frame.assign(**{CHARGE: numbers.charge, "coin": numbers.coin, "instrument": np.arange(len(frame))})


def position_frame(book: PeerBook) -> pd.DataFrame:
    """The positions: account, instrument, quantity."""
    account = np.repeat(book.unit_account, np.diff(book.unit_start))
    return pd.DataFrame({"account": account, "instrument": book.instrument, "quantity": book.quantity})


def unit_sums(exposures: pd.DataFrame, positions: pd.DataFrame) -> pd.DataFrame:
    """The columns summed over the positions of each account and coin."""
    merged = positions.merge(exposures, on="instrument")
    linear = [name for name in exposures.columns if name not in (CHARGE, "coin", "instrument")]
    scaled = merged[linear].mul(merged["quantity"], axis=0)
    scaled[CHARGE] = merged[CHARGE] * merged["quantity"].abs()
    return scaled.groupby([merged["account"], merged["coin"]]).sum()


def margin(numbers: Numbers, book: PeerBook, exposures: pd.DataFrame, positions: pd.DataFrame) -> Answer:
    """The margin of all accounts of a book, ``positions`` being its positions."""
    sums = unit_sums(exposures, positions)
    without_options, equity = equities(numbers, book, 0, book.n_accounts)
    own = book.unit_currency
    coin_equity = np.where(own >= 0, without_options[own], 0.0)
    columns, charge = sums.drop(columns=CHARGE).to_numpy().T, sums[CHARGE].to_numpy()
    units = unit_components(numbers, columns, charge, book.unit_coin, coin_equity, book.unit_limit)
    currencies = currency_figures(numbers, book.currency, equity)
    accounts = account_figures(numbers, currencies, book.account_currencies, units["mmr_usd"], book.account_units)
    return Answer(units, accounts)

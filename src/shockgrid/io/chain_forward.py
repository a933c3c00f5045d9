"""Forwards of an option chain, and its time where the file has only a date: what its own numbers imply."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from shockgrid.errors import InputError
from shockgrid.io.chain_rows import Chain
from shockgrid.io.parquet_table import ParquetTable
from shockgrid.market.clock import YEAR_MS
from shockgrid.pricing.coin_values import coin_values

DELTA_RANGE = (0.02, 0.98)
"""Call deltas that tell a forward; further out a rounded delta says little."""

PARITY_PAIRS = 9
"""Pairs nearest the money that tell an expiry's forward: there the rounding of both marks matters least."""

TIME_VALUE_COIN = 0.003
"""Least time value of a mark that tells the valuation time: thirty of Deribit's smallest steps."""


def chain_forwards(chain: Chain, years: np.ndarray, file: str, notes: list[str]) -> tuple[np.ndarray, dict[str, float]]:
    """Forward of every row, and of every coin's shortest expiry."""
    estimates, least, means = _estimates(chain, years, file)
    key = np.array([f"{coin} {expiry}" for coin, expiry in zip(chain.coin, chain.expiry, strict=True)])
    _, first, slot = np.unique(key, return_index=True, return_inverse=True)
    coin, expiry = chain.coin[first], chain.expiry[first]
    counts = np.bincount(slot, np.isfinite(estimates), len(first))
    unknown = counts < min(least, counts.max())
    curve = np.array([np.nan if unknown[i] else finite_median(estimates[slot == i]) for i in range(len(first))])
    for name in np.unique(coin):
        known, gap = (coin == name) & ~unknown, (coin == name) & unknown
        if not known.any():
            raise InputError(file, "columns", f"a way to derive a forward of {name}", f"none in {means}")
        at, has = expiry[gap].astype(np.int64), expiry[known].astype(np.int64)
        curve[gap] = np.exp(np.interp(at, has, np.log(curve[known])))
    own = chain.forward > 0
    if not own.all():
        between = f", {unknown.sum()} of them from its neighbours" if unknown.any() else ""
        notes.append(f"forward of {count_options(int((~own).sum()))}: {means}, by expiry ({len(first)}{between})")
    front = {str(name): float(curve[coin == name][np.argmin(expiry[coin == name])]) for name in np.unique(coin)}
    return np.where(own, chain.forward, curve[slot]), front


def _estimates(chain: Chain, years: np.ndarray, file: str) -> tuple[np.ndarray, int, str]:
    """What every row says about its expiry's forward (NaN: nothing), from the best source there is.

    Also how many rows an expiry needs to be believed, and the name of the source.
    """
    sources = (
        (np.where(chain.forward > 0, chain.forward, np.nan), 1, "median of the rows that have one"),
        # In its last hours an expiry has a strike or two in the range, and their forwards are off by up to 30 bp.
        (_delta_forwards(chain, years), 4, "median implied by the deltas of the mark volatilities"),
        (_parity_forwards(chain), 3, f"median by put-call parity of the {PARITY_PAIRS} pairs nearest the money"),
    )
    for estimates, least, name in sources:
        if np.isfinite(estimates).any():
            return estimates, least, name
    raise InputError(file, "columns", "underlying_price_usd, delta, or marks of puts and calls", "none to use")


def _delta_forwards(chain: Chain, years: np.ndarray) -> np.ndarray:
    call_delta = np.where(chain.is_call, chain.delta, 1.0 + chain.delta)
    near = (call_delta > DELTA_RANGE[0]) & (call_delta < DELTA_RANGE[1])
    deviation = chain.vol * np.sqrt(years)
    d1 = ndtri(np.where(near, call_delta, np.nan))
    return chain.strike * np.exp(d1 * deviation - 0.5 * deviation**2)


def _parity_forwards(chain: Chain) -> np.ndarray:
    estimates = np.full(len(chain), np.nan)
    terms = list(zip(chain.coin, chain.expiry, chain.strike, strict=True))
    puts = {term: row for row, term in enumerate(terms) if not chain.is_call[row]}
    gaps: dict[tuple[object, object], list[tuple[float, int]]] = {}
    for row in np.flatnonzero(chain.is_call):
        gap = chain.mark[row] - chain.mark[puts[terms[row]]] if terms[row] in puts else np.nan
        if np.isfinite(gap):
            gaps.setdefault(terms[row][:2], []).append((float(gap), int(row)))
    for pairs in gaps.values():
        for gap, row in sorted(pairs, key=lambda pair: abs(pair[0]))[:PARITY_PAIRS]:
            strike = chain.strike[row]
            estimates[row] = strike + gap if chain.mark_in_usd else strike / (1.0 - gap)
    return estimates


def finite_median(estimates: np.ndarray) -> float:
    """Median of the finite numbers, NaN where there is none."""
    finite = estimates[np.isfinite(estimates)]
    return float(np.median(finite)) if len(finite) else np.nan


def time_of_marks(chain: Chain, table: ParquetTable) -> np.datetime64:
    """The time, to the minute, at which Black-76 of the volatilities gives the marks of the shortest expiry."""
    chain = chain.take(chain.vol > 0)
    forward, _ = chain_forwards(chain, np.full(len(chain), np.nan), table.file, [])
    mark = chain.mark / forward if chain.mark_in_usd else chain.mark
    payoff = np.maximum(np.where(chain.is_call, 1.0, -1.0) * (1.0 - chain.strike / forward), 0.0)
    telling = mark - payoff > TIME_VALUE_COIN
    if not telling.any():
        raise InputError(table.file, "snapshot", "a time of day (the file has a date, and no marks that tell more)")
    near = telling & (chain.expiry == chain.expiry[telling].min())
    chain, forward, mark = chain.take(near), forward[near], mark[near]
    years = (_deviation(chain, forward, mark) / chain.vol) ** 2
    return (chain.expiry[0] - np.timedelta64(int(np.median(years) * YEAR_MS), "ms")).astype("datetime64[m]")


def _deviation(chain: Chain, forward: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """``vol sqrt T`` that gives the marks, by bisection."""
    low, high = np.full(len(chain), 1e-6), np.full(len(chain), 5.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        above = coin_values(forward, chain.strike, middle, np.ones(len(chain)), chain.is_call) > mark
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)


def count_options(count: int) -> str:
    """``1 option``, ``2 options``."""
    return f"{count} option" + ("s" if count != 1 else "")

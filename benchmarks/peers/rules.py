"""The rules of version 2 in vectorised NumPy, over any number of unit rows, currency rows and accounts."""

from __future__ import annotations

import numpy as np

from benchmarks.peers.book import MOVES, VOL_COLUMNS, Numbers

GRID = MOVES * VOL_COLUMNS
EXTREME, DECAY, RATES, DENOMINATIONS = GRID, GRID + 2, GRID + 3, GRID + 5
DELTA_COIN, CHARGE, TENORS = GRID + 8, GRID + 9, GRID + 10
"""Where the parts of ``Numbers.table`` begin."""
PAIRS = ((0, 2), (0, 1), (1, 2))


def unit_components(
    numbers: Numbers, sums: np.ndarray, charge: np.ndarray, coin: np.ndarray, equity: np.ndarray, limit: np.ndarray
) -> dict[str, np.ndarray]:
    """The charges of units.

    Args:
        numbers: Of the market.
        sums: ``[column, row]`` the table's columns summed over each unit's positions.
        charge: Of each row, the symmetric part of the liquidation charges.
        coin: Of each row.
        equity: In the coin, without options.
        limit: The most spot that may be used.
    """
    delta = sums[DELTA_COIN]
    used = np.minimum(np.minimum(np.abs(equity), np.abs(delta)), limit)
    spot_usd = np.where(equity * delta < 0.0, np.sign(equity) * used, 0.0) * numbers.index_usd[coin]
    tables, n_tenors = numbers.rules, numbers.n_tenors
    vega = sums[TENORS + n_tenors : TENORS + 2 * n_tenors]
    offset = np.maximum(np.abs(vega).sum(axis=0) - np.abs(vega.sum(axis=0)), 0.0)
    move = spot_usd * numbers.extreme_move[coin]
    extreme = np.minimum(sums[EXTREME] + move, sums[EXTREME + 1] - move)
    found = {
        "mr1": np.maximum(-_worst_cell(sums, spot_usd, numbers.moves.T[:, coin]), 0.0),
        "mr2": np.maximum(sums[DECAY], 0.0),
        "mr3": tables.vega_term_kappa * offset / 2.0,
        "mr4": _basis(sums[TENORS : TENORS + n_tenors], spot_usd, numbers.bucket_moves.T[:, coin]),
        "mr5": np.abs(sums[RATES]) + np.abs(sums[RATES + 1]),
        "mr6": tables.extreme_loss_fraction * np.maximum(-extreme, 0.0),
        "mr7": tiers(sums[CHARGE] + charge, numbers.multiplier_upper, numbers.multiplier, coin),
        "mr9": _depeg(numbers, sums[DENOMINATIONS : DENOMINATIONS + 3], spot_usd),
    }
    worst = np.maximum(np.maximum(found["mr1"], found["mr2"]), found["mr6"])
    found["mmr_usd"] = np.maximum(worst + found["mr3"] + found["mr4"] + found["mr5"] + found["mr9"], found["mr7"])
    return found


def _worst_cell(sums: np.ndarray, spot_usd: np.ndarray, moves: np.ndarray) -> np.ndarray:
    # The minimum over volatility states of minima over columns is the minimum over columns.
    worst = np.full(sums.shape[1], np.inf)
    for m in range(MOVES):
        of_move = sums[m * VOL_COLUMNS : (m + 1) * VOL_COLUMNS].min(axis=0)
        np.minimum(worst, of_move + spot_usd * moves[m], out=worst)
    return worst


def _basis(tenor_delta: np.ndarray, spot_usd: np.ndarray, moves: np.ndarray) -> np.ndarray:
    total = np.abs(spot_usd) * moves[-1]
    for delta, move in zip(tenor_delta, moves, strict=False):
        total += np.abs(delta) * move
    return total


def _depeg(numbers: Numbers, denominations: np.ndarray, spot_usd: np.ndarray) -> np.ndarray:
    depeg = numbers.rules.depeg
    left = [denominations[0].copy(), denominations[1].copy(), denominations[2] + depeg.count_spot * spot_usd]
    total = np.zeros_like(spot_usd)
    for (a, b), factors in zip(PAIRS, numbers.depeg_factors, strict=True):
        smaller = np.minimum(np.abs(left[a]), np.abs(left[b]))
        volume = np.where(left[a] * left[b] < 0.0, smaller, 0.0)
        for side in (a, b):
            left[side] -= np.sign(left[side]) * volume
        total += tiers(volume, depeg.upper, factors)
    return total


def tiers(amount: np.ndarray, upper: np.ndarray, rate: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
    """Marginal tiers; ``upper`` and ``rate`` end with the tier axis, ``of`` chooses each amount's row of them."""
    total, lower = np.zeros_like(amount), 0.0
    for k in range(upper.shape[-1]):
        above = amount > lower
        if not above.any():
            break
        top, share = (upper[k], rate[k]) if of is None else (upper[of, k], rate[of, k])
        total += share * np.where(above, np.minimum(amount, top) - lower, 0.0)
        lower = top
    return total


def currency_figures(numbers: Numbers, currency: np.ndarray, equity: np.ndarray) -> dict[str, np.ndarray]:
    """Equity after haircuts, debt and its margin, in USD, of currency rows."""
    tables, price = numbers.rules.currencies, numbers.currency_usd[currency]
    usd, owed = equity * price, np.maximum(-equity, 0.0)
    counted = tiers(np.maximum(usd, 0.0), tables.haircut_upper, tables.haircut_rate, currency)
    mmr = np.zeros_like(usd)
    debts = np.flatnonzero(owed > 0.0)
    if len(debts):
        mmr[debts] = owed[debts] * price[debts] * _borrow_rate(numbers, currency[debts], owed[debts])
    return {"counted": np.where(usd < 0.0, usd, counted), "owed": owed * price, "mmr": mmr}


def _borrow_rate(numbers: Numbers, currency: np.ndarray, amount: np.ndarray) -> np.ndarray:
    rules, tables = numbers.rules, numbers.rules.currencies
    upper = tables.borrow_upper[currency]
    tier = np.minimum((amount[:, None] > upper).sum(axis=1), upper.shape[1] - 1)
    beyond = np.where(amount > upper[:, -1], amount - upper[:, -1], 0.0)
    extra = rules.borrow_step_rate * np.ceil(beyond / tables.borrow_step[currency])
    return np.minimum(tables.borrow_mmr[currency, tier] + extra, rules.borrow_rate_cap)


def account_figures(
    numbers: Numbers, currencies: dict[str, np.ndarray], of_currency: np.ndarray, mmr: np.ndarray, of_unit: np.ndarray
) -> dict[str, np.ndarray]:
    """Equity, margin and ratio of accounts.

    Args:
        numbers: Of the market.
        currencies: From ``currency_figures``.
        of_currency: Where each account's currency rows begin, and the end.
        mmr: Of each unit row.
        of_unit: Where each account's unit rows begin, and the end.
    """
    equity, owed, borrow = (sums_between(currencies[name], of_currency) for name in ("counted", "owed", "mmr"))
    total = sums_between(mmr, of_unit) + borrow
    required = total + numbers.rules.liability_fee * (owed + borrow)
    ratio = np.divide(equity, required, out=np.full_like(equity, np.inf), where=required != 0.0)
    return {"equity_usd": equity, "borrow_mmr_usd": borrow, "mmr_usd": total, "margin_ratio": ratio}


def sums_between(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Sum of each run; a run may be empty."""
    owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
    return np.bincount(owner, values, minlength=len(start) - 1)

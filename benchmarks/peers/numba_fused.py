"""One compiled loop: sum and rules of an account while its numbers are in registers and first-level cache.

The ceiling: written for these rules, this version and this layout alone. Products and sums may contract to fused
multiply-adds; nothing else of ``fastmath`` is on.
"""

from __future__ import annotations

import numba
import numpy as np

from benchmarks.peers.book import COMPONENTS, FIGURES, MOVES, VOL_COLUMNS, Answer, Numbers, PeerBook
from benchmarks.peers.rules import CHARGE, DECAY, DELTA_COIN, DENOMINATIONS, EXTREME, RATES, TENORS

CHUNK = 256
"""Accounts that one thread takes at a time, with one set of scratch arrays."""
contracted = numba.njit(fastmath={"contract"}, inline="always")


@contracted
def _add_rows(table, column, weight, first, last, sums):
    """``sums = sum of weight * table row`` over some entries, four at a time."""
    n = table.shape[1]
    sums[:] = 0.0
    e = first
    while e + 3 < last:
        a, b, c, d = table[column[e]], table[column[e + 1]], table[column[e + 2]], table[column[e + 3]]
        w, x, y, z = weight[e], weight[e + 1], weight[e + 2], weight[e + 3]
        for k in range(n):
            sums[k] += w * a[k] + x * b[k] + y * c[k] + z * d[k]
        e += 4
    while e < last:
        a, w = table[column[e]], weight[e]
        for k in range(n):
            sums[k] += w * a[k]
        e += 1


@numba.njit(parallel=True, fastmath={"contract"})
def row_sums(table, start, column, weight, out):
    """The sums alone: ``out[row] = sum over entries of weight * table[column]``."""
    for row in numba.prange(len(start) - 1):
        _add_rows(table, column, weight, start[row], start[row + 1], out[row])


@numba.njit(parallel=True, fastmath={"contract"})
def row_totals(table, start, column, weight, out):
    """The sums consumed in cache: ``out[row]`` is the sum over all columns of what ``row_sums`` would write."""
    for row in numba.prange(len(start) - 1):
        sums = np.empty(table.shape[1])
        _add_rows(table, column, weight, start[row], start[row + 1], sums)
        total = 0.0
        for k in range(table.shape[1]):
            total += sums[k]
        out[row] = total


@contracted
def _tiers(amount, upper, rate):
    total, lower = 0.0, 0.0
    for i in range(len(upper)):
        if amount <= lower:
            break
        total += rate[i] * (min(amount, upper[i]) - lower)
        lower = upper[i]
    return total


@contracted
def _worst_cell(sums, spot_usd, moves):
    worst = np.inf
    for m in range(MOVES):
        cell = sums[m * VOL_COLUMNS]
        for k in range(1, VOL_COLUMNS):
            cell = min(cell, sums[m * VOL_COLUMNS + k])
        worst = min(worst, cell + spot_usd * moves[m])
    return worst


@contracted
def _depeg(usdt, usdc, usd, factors, upper):
    volume = min(abs(usdt), abs(usd)) if usdt * usd < 0.0 else 0.0
    total = _tiers(volume, upper, factors[0])
    usdt, usd = usdt - np.sign(usdt) * volume, usd - np.sign(usd) * volume
    volume = min(abs(usdt), abs(usdc)) if usdt * usdc < 0.0 else 0.0
    total += _tiers(volume, upper, factors[1])
    usdc -= np.sign(usdc) * volume
    volume = min(abs(usdc), abs(usd)) if usdc * usd < 0.0 else 0.0
    return total + _tiers(volume, upper, factors[2])


@contracted
def _unit(sums, charge, spot_usd, coin, market, shared, out):
    """All components of one unit, and its margin, into ``out``."""
    moves, extreme_move, bucket_moves, multiplier_upper, multiplier, depeg_factors, depeg_upper = market
    kappa, loss_fraction, count_spot, n_tenors = shared
    mr4, vega, gross_vega = abs(spot_usd) * bucket_moves[coin, n_tenors], 0.0, 0.0
    for t in range(n_tenors):
        mr4 += abs(sums[TENORS + t]) * bucket_moves[coin, t]
        x = sums[TENORS + n_tenors + t]
        vega, gross_vega = vega + x, gross_vega + abs(x)
    move = spot_usd * extreme_move[coin]
    out[0] = max(-_worst_cell(sums, spot_usd, moves[coin]), 0.0)
    out[1] = max(sums[DECAY], 0.0)
    out[2] = kappa * max(gross_vega - abs(vega), 0.0) / 2.0
    out[3] = mr4
    out[4] = abs(sums[RATES]) + abs(sums[RATES + 1])
    out[5] = loss_fraction * max(-min(sums[EXTREME] + move, sums[EXTREME + 1] - move), 0.0)
    out[6] = _tiers(sums[CHARGE] + charge, multiplier_upper[coin], multiplier[coin])
    usd = sums[DENOMINATIONS + 2] + count_spot * spot_usd
    out[7] = _depeg(sums[DENOMINATIONS], sums[DENOMINATIONS + 1], usd, depeg_factors, depeg_upper)
    out[8] = max(max(out[0], out[1], out[5]) + out[2] + out[3] + out[4] + out[7], out[6])


@contracted
def _debt_margin(owed, currency, borrow, step_rate, rate_cap):
    upper, mmr, step = borrow
    last = upper.shape[1] - 1
    tier = 0
    while tier < last and owed > upper[currency, tier]:
        tier += 1
    rate = mmr[currency, tier]
    if owed > upper[currency, last]:
        rate += step_rate * np.ceil((owed - upper[currency, last]) / step[currency])
    return owed * min(rate, rate_cap)


@numba.njit(parallel=True, fastmath={"contract"})
def _accounts(n_accounts, contracts, units, currencies, prices, market, shared, borrow, fees, out_units, out_accounts):
    table, charges, value, is_option = contracts
    column, weight, entry_currency, account_entries, start, coin_of, own, limit, account_units = units
    balance, currency, account_currencies = currencies
    index_usd, currency_usd, haircut_upper, haircut_rate = prices
    step_rate, rate_cap, liability_fee = fees
    for chunk in numba.prange(-(-n_accounts // CHUNK)):
        sums = np.empty(table.shape[1])
        without, options = np.empty(len(currency_usd)), np.empty(len(currency_usd))
        for account in range(chunk * CHUNK, min((chunk + 1) * CHUNK, n_accounts)):
            first = account_currencies[account]
            n = account_currencies[account + 1] - first
            for k in range(n):
                without[k], options[k] = balance[first + k], 0.0
            for e in range(account_entries[account], account_entries[account + 1]):
                held = weight[e] * value[column[e]]
                if is_option[column[e]]:
                    options[entry_currency[e] - first] += held
                else:
                    without[entry_currency[e] - first] += held
            mmr, equity, owed_usd, borrowed = 0.0, 0.0, 0.0, 0.0
            for row in range(account_units[account], account_units[account + 1]):
                _add_rows(table, column, weight, start[row], start[row + 1], sums)
                charge = 0.0
                for e in range(start[row], start[row + 1]):
                    charge += abs(weight[e]) * charges[column[e]]
                coin, delta = coin_of[row], sums[DELTA_COIN]
                spot = without[own[row] - first] if own[row] >= 0 else 0.0
                used = np.sign(spot) * min(abs(spot), abs(delta), limit[row]) if spot * delta < 0.0 else 0.0
                _unit(sums, charge, used * index_usd[coin], coin, market, shared, out_units[row])
                mmr += out_units[row, 8]
            for k in range(n):
                c, amount = currency[first + k], without[k] + options[k]
                usd = amount * currency_usd[c]
                if usd < 0.0:
                    equity, owed_usd = equity + usd, owed_usd - usd
                    borrowed += currency_usd[c] * _debt_margin(-amount, c, borrow, step_rate, rate_cap)
                else:
                    equity += _tiers(usd, haircut_upper[c], haircut_rate[c])
            required = mmr + borrowed + liability_fee * (owed_usd + borrowed)
            out_accounts[account, 0], out_accounts[account, 1] = equity, borrowed
            out_accounts[account, 2] = mmr + borrowed
            out_accounts[account, 3] = equity / required if required != 0.0 else np.inf


def margin(numbers: Numbers, book: PeerBook) -> Answer:
    """The margin of all accounts, on as many threads as numba has."""
    units, accounts = arrays(numbers, book)
    return Answer(
        {name: units[:, i] for i, name in enumerate(COMPONENTS)},
        {name: accounts[:, i] for i, name in enumerate(FIGURES)},
    )


def arrays(numbers: Numbers, book: PeerBook) -> tuple[np.ndarray, np.ndarray]:
    """``[unit row, component]`` and ``[account, figure]``."""
    out_units, out_accounts = np.empty((len(book.unit_coin), len(COMPONENTS))), np.empty((book.n_accounts, 4))
    rules, tables, depeg = numbers.rules, numbers.rules.currencies, numbers.rules.depeg
    _accounts(
        book.n_accounts,
        (numbers.table, numbers.charge, numbers.value, numbers.is_option),
        (
            book.instrument,
            book.quantity,
            book.entry_currency,
            book.account_entries,
            book.unit_start,
            book.unit_coin,
            book.unit_currency,
            book.unit_limit,
            book.account_units,
        ),
        (book.balance, book.currency, book.account_currencies),
        (numbers.index_usd, numbers.currency_usd, tables.haircut_upper, tables.haircut_rate),
        (
            numbers.moves,
            numbers.extreme_move,
            numbers.bucket_moves,
            numbers.multiplier_upper,
            numbers.multiplier,
            numbers.depeg_factors,
            depeg.upper,
        ),
        (float(rules.vega_term_kappa), float(rules.extreme_loss_fraction), float(depeg.count_spot), numbers.n_tenors),
        (tables.borrow_upper, tables.borrow_mmr, tables.borrow_step),
        (float(rules.borrow_step_rate), float(rules.borrow_rate_cap), float(rules.liability_fee)),
        out_units,
        out_accounts,
    )
    return out_units, out_accounts

"""The market and the accounts that the engine is measured on: invented, deterministic from a seed, made in arrays.

``benchmark_market`` has 1,500 instruments on 50 coins: about 1,000 options on four of them, and perpetuals and futures
on all. ``scattered_accounts`` hold what falls to them at random: the hardest case for a cache, and a heavy tail of
sizes. ``equal_accounts`` all have one size, ``hedged_accounts`` are option books without delta.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

import shockgrid as sg
from shockgrid.accounts.assembly import assemble_accounts
from shockgrid.accounts.holdings import Accounts, Balances, Labels, Limits, Orders, Positions
from shockgrid.market.assembly import assemble_market
from shockgrid.market.market import InstrumentTable, Market
from shockgrid.market.source import Source

INSTRUMENTS, COINS = 1_500, 50
STRIKES, EXPIRIES = 20, 10
QUOTES = ("USD", "USDT", "USDC")
INVENTED_LEVEL_STD = 1.5
"""Of the logarithm of an invented coin's price over its template's."""

MEAN_POSITIONS, MOST_DRAWN, SIZE_STD = 20.0, 700, 1.2
DRAWN_FOR_ONE = 1.46
"""Positions drawn for each that is left once an account's draws of one instrument count as one."""
COINS_BEYOND_FIRST = 2.3
COIN_WEIGHTS = {"BTC": 24.0, "ETH": 16.0, "SOL": 8.0, "DOGE": 4.0}
MEDIAN_USD, USD_STD = 4_000.0, 1.4
AVERAGE_PRICE_STD = 0.02
DEBT_SHARE, COIN_BALANCE_SHARE, ORDER_SHARE, MOST_ORDERS = 0.05, 0.6, 0.03, 6
OPTIONS_OF_HEDGED_BOOK, HEDGED_GROSS_USD = 40, 1e7


class _Held(NamedTuple):
    """Rows of positions in account order: account, instrument (universe index) and signed quantity."""

    account: np.ndarray
    instrument: np.ndarray
    quantity: np.ndarray


def benchmark_market(
    instruments: int = INSTRUMENTS, coins: int = COINS, *, strikes: int = STRIKES, expiries: int = EXPIRIES
) -> Market:
    """The synthetic market with the delta-one contracts of one of its coins repeated for invented coins.

    Args:
        instruments: In all; at least those of the synthetic market.
        coins: In all.
        strikes: Of the synthetic market, on each expiry.
        expiries: Likewise.
    """
    base = sg.synthetic_market(strikes_per_expiry=strikes, expiries=expiries)
    invented, wanted = coins - len(base.universe.coins), instruments - len(base.table)
    if invented <= 0 or wanted <= 0:
        return base
    rng = np.random.Generator(np.random.PCG64(1))
    template = "DOGE"
    rows = np.flatnonzero((base.table.coin == template) & (base.table.kind != "option"))
    counts = [min(len(part), len(rows)) for part in np.array_split(np.arange(wanted), invented)]
    index, tables = dict(base.index), [base.table]
    for k, count in enumerate(counts):
        name, level = f"ALT{k:02d}", float(np.exp(INVENTED_LEVEL_STD * rng.standard_normal()))
        index |= {f"{name}-{quote}": base.index[f"{template}-{quote}"] * level for quote in QUOTES}
        tables.append(_renamed(base.table, rows[:count], template, name, level))
    return assemble_market(base.time, index, _stacked(tables), source=Source("benchmark_market"))


def _renamed(table: InstrumentTable, rows: np.ndarray, old: str, new: str, level: float) -> InstrumentTable:
    """Rows of a coin as rows of another, whose price is ``level`` times as high."""
    part = _rows(table, rows)
    linear = part.settle != old
    return replace(
        part,
        id=np.array([name.replace(old, new, 1) for name in part.id], object),
        coin=np.full(len(rows), new, object),
        settle=np.where(linear, part.settle, new),
        contract_value=np.where(linear, part.contract_value / level, part.contract_value),
        mark=part.mark * level,
    )


def _rows(table: InstrumentTable, rows: np.ndarray) -> InstrumentTable:
    columns = {name: value[rows] for name, value in vars(table).items() if name != "details"}
    return InstrumentTable(**columns, details={name: value[rows] for name, value in table.details.items()})


def _stacked(tables: list[InstrumentTable]) -> InstrumentTable:
    first = tables[0]
    columns = {name: np.concatenate([getattr(t, name) for t in tables]) for name in vars(first) if name != "details"}
    details = {name: np.concatenate([t.details[name] for t in tables]) for name in first.details}
    return InstrumentTable(**columns, details=details)


def scattered_accounts(market: Market, count: int, seed: int = 1, *, mean: float = MEAN_POSITIONS) -> Accounts:
    """Accounts that pick a few coins, the large ones more often, and hold any of their instruments.

    Positions follow account order, the instruments of one account no order. A few accounts owe, a few have orders.

    Args:
        market: From ``benchmark_market``.
        count: Number of accounts.
        seed: Same seed, same accounts.
        mean: Positions an account, about; the sizes are lognormal and end near 500.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes = _sizes(rng, count, mean * DRAWN_FOR_ONE)
    n_coins = len(market.universe.coins)
    coin_counts = np.minimum(np.minimum(1 + rng.poisson(COINS_BEYOND_FIRST, count), sizes), n_coins)
    account = np.repeat(np.arange(count), sizes)
    nth = np.arange(len(account)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = _chosen_coins(rng, market, count, int(coin_counts.max(initial=1)))
    of_account = coin_counts[account]
    # Each chosen coin once, then any of them.
    slot = np.where(nth < of_account, nth, (rng.random(len(account)) * of_account).astype(np.int64))
    instrument = _any_instrument(rng, market, chosen[account, slot])
    held = _held(rng, market, *_once(rng, market, account, instrument))
    return _assembled(rng, market, count, held, _balances(rng, market, count, chosen), _orders(rng, market, held))


def _sizes(rng: np.random.Generator, count: int, mean: float) -> np.ndarray:
    """Lognormal whole numbers from 1 to the most drawn, with a mean."""
    draws = rng.lognormal(0.0, SIZE_STD, count)
    low, high = 1e-2, 1e3
    for _ in range(50):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if _whole(draws * middle).mean() < mean else (low, middle)
    return _whole(draws * low)


def _whole(sizes: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(sizes), 1, MOST_DRAWN).astype(np.int64)


def _chosen_coins(rng: np.random.Generator, market: Market, count: int, most: int) -> np.ndarray:
    """``[account, most]`` distinct coins of each account, drawn with their weights (Efraimidis and Spirakis, 2006)."""
    weight = np.array([COIN_WEIGHTS.get(coin, 1.0) for coin in market.universe.coins])
    keys = rng.standard_exponential((count, len(weight)), dtype=np.float32) / weight.astype(np.float32)
    first = np.argpartition(keys, most - 1, axis=1)[:, :most]
    order = np.argsort(np.take_along_axis(keys, first, axis=1), axis=1)
    return np.take_along_axis(first, order, axis=1)


def _any_instrument(rng: np.random.Generator, market: Market, coin: np.ndarray) -> np.ndarray:
    """An instrument of each coin; a coin's instruments stand side by side."""
    bounds = np.searchsorted(market.universe.contracts.coin, np.arange(len(market.universe.coins) + 1))
    return bounds[coin] + (rng.random(len(coin)) * np.diff(bounds)[coin]).astype(np.int64)


def _once(
    rng: np.random.Generator, market: Market, account: np.ndarray, instrument: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every instrument of an account once, in account order and otherwise in none."""
    account, instrument = np.divmod(np.unique(account * len(market.universe) + instrument), len(market.universe))
    order = np.argsort(account + rng.random(len(account)))
    return account[order], instrument[order]


def _held(rng: np.random.Generator, market: Market, account: np.ndarray, instrument: np.ndarray) -> _Held:
    usd = rng.lognormal(np.log(MEDIAN_USD), USD_STD, len(account)) * rng.choice((-1.0, 1.0), len(account))
    contracts = np.maximum(np.rint(100.0 * np.abs(usd) / contract_usd(market)[instrument]), 1.0) / 100.0
    return _Held(account, instrument, np.copysign(contracts, usd))


def contract_usd(market: Market) -> np.ndarray:
    """Size of one contract of each instrument in USD, of options that of their underlying."""
    contracts = market.universe.contracts
    index = market.snapshot.index_usd[contracts.coin_currency[contracts.coin]]
    return np.where(contracts.is_inverse, contracts.contract_value, contracts.contract_value * index)


def _balances(rng: np.random.Generator, market: Market, count: int, coins: np.ndarray) -> Balances:
    """USDT for all, and for many one of their coins; some of both owed."""
    currencies = market.universe.currencies
    holders = np.flatnonzero(rng.random(count) < COIN_BALANCE_SHARE)
    of_coin = market.universe.contracts.coin_currency[coins[holders, 0]]
    account = np.concatenate([np.arange(count), holders])
    currency = np.concatenate([np.full(count, currencies.index("USDT")), of_coin])
    usd = rng.lognormal(np.log(5 * MEDIAN_USD), USD_STD, len(account))
    amount = np.where(rng.random(len(account)) < DEBT_SHARE, -0.3, 1.0) * usd / market.snapshot.index_usd[currency]
    return Balances(account, Labels(currency.astype(np.int32), currencies), amount, np.zeros(len(account)))


def _orders(rng: np.random.Generator, market: Market, held: _Held) -> Orders:
    """A few orders of a few accounts, in contracts that they hold."""
    count = int(held.account.max(initial=0)) + 1
    ordering = rng.random(count) < ORDER_SHARE
    rows = np.flatnonzero(ordering[held.account])
    first = np.searchsorted(held.account[rows], held.account[rows])
    rows = rows[np.arange(len(rows)) - first < MOST_ORDERS]
    instrument = held.instrument[rows]
    price = np.maximum(market.snapshot.mark[instrument], 1e-4) * rng.uniform(0.97, 1.03, len(rows))
    quantity = rng.choice((-1.0, 1.0), len(rows)) * np.abs(held.quantity[rows])
    return Orders(held.account[rows], _labels(market, instrument), quantity, price)


def _labels(market: Market, instrument: np.ndarray) -> Labels:
    return Labels(instrument.astype(np.int32), tuple(map(str, market.universe.ids)))


def _assembled(
    rng: np.random.Generator, market: Market, count: int, held: _Held, balances: Balances, orders: Orders | None = None
) -> Accounts:
    mark = np.asarray(market.snapshot.mark)[held.instrument]
    average = np.where(mark > 0.0, mark * np.exp(AVERAGE_PRICE_STD * rng.standard_normal(len(mark))), np.nan)
    none, nothing = np.zeros(0, np.int64), Labels(np.zeros(0, np.int32), ())
    return assemble_accounts(
        Accounts(
            ids=np.array([f"account-{k:08d}" for k in range(count)], object),
            positions=Positions(held.account, _labels(market, held.instrument), held.quantity, average),
            orders=orders or Orders(none, nothing, np.zeros(0), np.zeros(0)),
            balances=balances,
            limits=Limits(none, nothing, np.zeros(0), np.zeros(0)),
            spot_mode=np.ones(count, np.int32),
            auto_borrow=np.ones(count, bool),
            declared=np.ones(count, bool),
            source=Source("benchmark accounts"),
        )
    )


def equal_accounts(market: Market, count: int, positions: int, seed: int = 2) -> Accounts:
    """Accounts that each hold ``positions`` different instruments of the four coins with options, no orders."""
    rng = np.random.Generator(np.random.PCG64(seed))
    names = np.array(market.universe.coins)[market.universe.contracts.coin]
    among = np.flatnonzero(np.isin(names, list(COIN_WEIGHTS)))
    positions = min(positions, len(among))
    drawn = np.argpartition(rng.random((count, len(among)), dtype=np.float32), positions - 1, axis=1)[:, :positions]
    held = _held(rng, market, np.repeat(np.arange(count), positions), among[drawn].ravel())
    return _assembled(rng, market, count, held, _balances(rng, market, count, np.zeros((count, 1), np.int64)))


def hedged_accounts(market: Market, option_delta_usd: np.ndarray, count: int, seed: int = 3) -> Accounts:
    """Option books of BTC, each of a gross size of ten million USD, hedged to no delta with a perpetual.

    Args:
        market: From ``benchmark_market``.
        option_delta_usd: Cash delta of one contract of each instrument.
        count: Number of books.
        seed: Same seed, same books.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    contracts, ids = market.universe.contracts, market.universe.ids.tolist()
    options = np.flatnonzero(contracts.is_option & (contracts.coin == market.universe.coins.index("BTC")))
    perpetual = ids.index("BTC-USDT-SWAP")
    picks = np.argpartition(rng.random((count, len(options))), OPTIONS_OF_HEDGED_BOOK, axis=1)
    drawn = options[picks[:, :OPTIONS_OF_HEDGED_BOOK]]
    quantity = rng.standard_normal(drawn.shape)
    quantity *= HEDGED_GROSS_USD / (np.abs(quantity) * contract_usd(market)[drawn]).sum(axis=1, keepdims=True)
    hedge = -(quantity * option_delta_usd[drawn]).sum(axis=1) / option_delta_usd[perpetual]
    instrument = np.column_stack([drawn, np.full(count, perpetual)])
    account = np.repeat(np.arange(count), instrument.shape[1])
    held = _Held(account, instrument.ravel(), np.column_stack([quantity, hedge]).ravel())
    usdt = Labels(np.zeros(count, np.int32), ("USDT",))
    return _assembled(rng, market, count, held, Balances(np.arange(count), usdt, np.full(count, 1e6), np.zeros(count)))

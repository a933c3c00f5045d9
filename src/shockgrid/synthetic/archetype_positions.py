"""Positions of an invented population: every account walks through its group of trades and sizes what it meets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.holdings import Labels, Positions
from shockgrid.market.market import Market
from shockgrid.synthetic.archetype_trades import Menu, TradeTable

TRADE_SIGMA = 0.8
"""Logarithmic standard deviation of the sizes of an account's trades."""
LONG_FRACTION = 0.6
COVER_SIGMA = 0.1
"""Logarithmic standard deviation of the spot held against a trade, relative to the trade."""
AVERAGE_PRICE_GIVEN = 0.85
AVERAGE_PRICE_SIGMA = {"delta_one": 0.015, "option": 0.15}
PRICE_DIGITS, QUANTITY_DECIMALS = 6, 8


@dataclass(frozen=True)
class People:
    """An invented population before it trades, one entry an account.

    Attributes:
        ids: Account ids.
        group, coin: Index into the groups of a ``TradeTable``, and that group's coin.
        trades: Number of trades.
        size_usd, equity_frac, coin_margin, sign, spot_frac, traded_frac: As in ``Archetype``, drawn.
    """

    ids: np.ndarray
    group: np.ndarray
    coin: np.ndarray
    trades: np.ndarray
    size_usd: np.ndarray
    equity_frac: np.ndarray
    coin_margin: np.ndarray
    sign: np.ndarray
    spot_frac: np.ndarray
    traded_frac: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Traded:
    """Positions, and by account the spot held against them and their gross notional (both USD)."""

    positions: Positions
    spot_usd: np.ndarray
    gross_usd: np.ndarray


def draw_positions(rng: np.random.Generator, market: Market, menu: Menu, table: TradeTable, people: People) -> Traded:
    """Pick each account's trades, size them in whole lots and net them by instrument.

    Args:
        rng: Source of randomness.
        market: Names and marks.
        menu: Sizes of contracts and lots.
        table: The trades that ``people.group`` points at.
        people: The accounts.

    Returns:
        Positions sorted by account and instrument.
    """
    account = np.repeat(np.arange(len(people)), people.trades)
    trade = _walk(rng, table.start[people.group], table.size[people.group], people.trades)
    instrument, ratio = table.instrument[trade], table.ratio[trade]
    share = _shares(rng, account, ratio, len(people))
    sign = _signs(rng, people, account, ratio.shape)
    wanted_usd = sign * ratio * (share * (people.size_usd * people.traded_frac)[account])[:, None]
    quantity = _whole_lots(wanted_usd / menu.unit_usd[instrument], menu.lot[instrument])
    cover = table.spot[trade] * np.exp(COVER_SIGMA * rng.standard_normal(len(trade)))
    spot_usd = np.bincount(account, -cover * quantity[:, 0] * menu.unit_usd[instrument[:, 0]], len(people))
    held = ratio != 0
    owner = np.broadcast_to(account[:, None], held.shape)[held]
    owner, code, net = _net(owner, instrument[held], quantity[held], len(market.universe))
    labels = Labels(code.astype(np.int32), tuple(str(name) for name in market.universe.ids))
    positions = Positions(owner, labels, net, _average_prices(rng, market, code))
    gross_usd = np.bincount(owner, np.abs(net) * menu.unit_usd[code], len(people))
    return Traded(positions, spot_usd, gross_usd)


def _walk(rng: np.random.Generator, start: np.ndarray, size: np.ndarray, count: np.ndarray) -> np.ndarray:
    """``count[a]`` distinct entries of ``start[a] : start[a] + size[a]`` for every account, one after another.

    A walk from a random place with a stride coprime to the size meets every entry once.
    """
    size = np.maximum(size, 1)
    first, stride = rng.integers(0, size), rng.integers(0, size) + 1
    while (bad := np.gcd(stride, size) != 1).any():
        stride[bad] = stride[bad] % size[bad] + 1
    account = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(account)) - np.repeat(np.cumsum(count) - count, count)
    return start[account] + (first[account] + stride[account] * step) % size[account]


def _shares(rng: np.random.Generator, account: np.ndarray, ratio: np.ndarray, count: int) -> np.ndarray:
    """Random weights of the trades, such that an account's legs sum to one in absolute value."""
    weight = np.exp(TRADE_SIGMA * rng.standard_normal(len(account)))
    total = np.bincount(account, weight * np.abs(ratio).sum(axis=1), count)
    return weight / total[account]


def _signs(rng: np.random.Generator, people: People, account: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    by_account = np.where(rng.random(len(people)) < LONG_FRACTION, 1.0, -1.0)[account][:, None]
    by_leg = np.where(rng.random(shape) < 0.5, 1.0, -1.0)
    rule = people.sign[account][:, None]
    return np.select([rule == "leg", rule == "account"], [by_leg, by_account], 1.0)


def _whole_lots(contracts: np.ndarray, lot: np.ndarray) -> np.ndarray:
    # At least one lot: small accounts hold a little more than they meant to, and their equity follows.
    lots = np.maximum(np.rint(np.abs(contracts) / lot), 1.0)
    return np.round(np.sign(contracts) * lots * lot, QUANTITY_DECIMALS)


def _net(
    account: np.ndarray, instrument: np.ndarray, quantity: np.ndarray, n_instruments: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Account, instrument and sum of every pair that does not net to zero, sorted."""
    key, row = np.unique(account * n_instruments + instrument, return_inverse=True)
    total = np.round(np.bincount(row, quantity, len(key)), QUANTITY_DECIMALS)
    owner, code = np.divmod(key[total != 0], n_instruments)
    return owner, code, total[total != 0]


def _average_prices(rng: np.random.Generator, market: Market, instrument: np.ndarray) -> np.ndarray:
    option = market.universe.contracts.is_option[instrument]
    sigma = np.where(option, AVERAGE_PRICE_SIGMA["option"], AVERAGE_PRICE_SIGMA["delta_one"])
    price = np.asarray(market.snapshot.mark)[instrument] * np.exp(sigma * rng.standard_normal(len(instrument)))
    given = (rng.random(len(instrument)) < AVERAGE_PRICE_GIVEN) & (price > 0)
    return np.where(given, significant(price), np.nan)


def significant(values: np.ndarray, digits: int = PRICE_DIGITS) -> np.ndarray:
    """Round to significant digits, so that files stay short."""
    power = 10.0 ** (digits - 1 - np.floor(np.log10(np.where(values > 0, values, 1.0))))
    return np.rint(values * power) / power

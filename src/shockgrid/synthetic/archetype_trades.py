"""The trades that each kind of account could do in a market: one or two legs, perhaps against spot.

A few hundred instruments make a few hundred trades, listed once in plain Python; accounts then pick among them with
array operations only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from shockgrid.market.market import Market
from shockgrid.market.universe import KINDS

LEGS = 2
COIN_POPULARITY = {"BTC": 1.0, "ETH": 0.6, "SOL": 0.15, "DOGE": 0.08}
OTHER_POPULARITY = 0.05
"""Relative number of single-coin accounts in a coin, and their relative size."""
CARRY_MIX = {"spot": 0.4, "perpetual": 0.35, "stablecoin": 0.25}
DUST_LOT_USD = 50.0
"""A dust account trades nothing that is dearer than this by the lot."""


class Trade(NamedTuple):
    """Legs ``(instrument, ratio)``; coins of ``spot`` are bought for every coin of the first leg."""

    legs: tuple[tuple[int, float], ...]
    spot: float = 0.0


class Group(NamedTuple):
    """Trades among which one account picks, usually one coin's. ``coin`` indexes ``Universe.coins``.

    ``weight`` is the relative number of accounts that pick here, ``scale`` the relative size of these.
    """

    coin: int
    weight: float
    scale: float
    trades: list[Trade]


@dataclass
class CoinMenu:
    """Live instruments of one coin: perpetuals and (in order of expiry) futures by settle currency, and options.

    ``otm[right][expiry]`` lists out-of-the-money options from the money outward.
    """

    name: str
    perpetuals: dict[str, int] = field(default_factory=dict)
    futures: dict[str, list[int]] = field(default_factory=dict)
    otm: dict[str, dict[np.datetime64, list[int]]] = field(default_factory=lambda: {"call": {}, "put": {}})

    @property
    def popularity(self) -> float:
        """Relative number and size of the accounts in this coin."""
        return COIN_POPULARITY.get(self.name, OTHER_POPULARITY)

    @property
    def delta_one(self) -> list[int]:
        """Perpetuals, then futures."""
        return [*self.perpetuals.values(), *self.all_futures]

    @property
    def all_futures(self) -> list[int]:
        """Futures of every settle currency."""
        return [i for chain in self.futures.values() for i in chain]

    def options(self, right: str) -> list[int]:
        """Out-of-the-money options of one right, all expiries."""
        return [i for chain in self.otm[right].values() for i in chain]


@dataclass(frozen=True)
class Menu:
    """What a market offers.

    Attributes:
        coins: By coin.
        live: Instruments that have not expired.
        unit_usd, lot: USD size of one contract, and contracts in a lot, by instrument.
    """

    coins: list[CoinMenu]
    live: np.ndarray
    unit_usd: np.ndarray
    lot: np.ndarray


@dataclass(frozen=True)
class TradeTable:
    """Groups of trades as arrays.

    Attributes:
        coin, weight, scale, start, size: By group; its trades are ``start`` to ``start + size``.
        width: Mean number of legs of a group's trades.
        instrument, ratio: ``[trade, leg]``; a missing leg has ratio 0.
        spot: By trade.
    """

    coin: np.ndarray
    weight: np.ndarray
    scale: np.ndarray
    start: np.ndarray
    size: np.ndarray
    width: np.ndarray
    instrument: np.ndarray
    ratio: np.ndarray
    spot: np.ndarray


def read_menu(market: Market) -> Menu:
    """Sort a market's instruments by what they can be used for."""
    u, s, c = market.universe, market.snapshot, market.universe.contracts
    menus = [CoinMenu(name) for name in u.coins]
    live = np.flatnonzero(np.isnat(u.expiry) | (u.expiry > market.time))
    # By distance from the money, then expiry (the order of the universe), so that every list below grows outward.
    moneyness = np.where(c.is_option, c.strike, s.forward)[live] / np.asarray(s.forward)[live]
    for i in live[np.argsort(np.abs(np.log(moneyness)), kind="stable")].tolist():
        menu, kind = menus[c.coin[i]], KINDS[u.kinds[i]]
        if kind == "perpetual":
            menu.perpetuals.setdefault(u.currencies[c.settle[i]], i)
        elif kind == "future":
            menu.futures.setdefault(u.currencies[c.settle[i]], []).append(i)
        elif bool(c.is_call[i]) == bool(c.strike[i] >= s.forward[i]):
            menu.otm["call" if c.is_call[i] else "put"].setdefault(u.expiry[i], []).append(i)
    coin_usd = np.asarray(s.quote_index) * np.where(
        np.logical_or(c.is_inverse, c.is_option), 1.0, s.index_usd[c.settle]
    )
    lot = market.table.details.get("lot", np.full(len(u), np.nan))[market.order]
    unit_usd = c.contract_value * np.where(c.is_inverse, 1.0, coin_usd)
    return Menu(menus, live, unit_usd, np.where(np.isfinite(lot) & (lot > 0), lot, 1.0))


def all_instruments(menu: Menu) -> list[Group]:
    """Quotes in everything, in one group."""
    trades = [Trade(((i, 1.0),)) for i in menu.live.tolist()]
    return [Group(_main_coin(menu), 1.0, 1.0, trades)] if trades else []


def covered_calls(menu: Menu) -> list[Group]:
    """Short an out-of-the-money call, long the coin."""
    return _by_coin(menu, lambda m: [Trade(((i, -1.0),), spot=1.0) for i in m.options("call")])


def strangles(menu: Menu) -> list[Group]:
    """Short a put and a call of one expiry, about equally far from the money."""

    def of(m: CoinMenu) -> list[Trade]:
        calls, puts = m.otm["call"], m.otm["put"]
        pairs = [pair for e in calls for pair in zip(puts.get(e, []), calls[e], strict=False)]
        return [Trade(((put, -1.0), (call, -1.0))) for put, call in pairs]

    return _by_coin(menu, of)


def calendars(menu: Menu) -> list[Group]:
    """Short the near and long the far expiry, in options of one right or in futures; no two trades share a leg."""

    def of(m: CoinMenu) -> list[Trade]:
        pairs = [pair for chain in m.futures.values() for pair in zip(chain[0::2], chain[1::2], strict=False)]
        for chains in m.otm.values():
            expiries = sorted(chains)
            for near, far in zip(expiries[0::2], expiries[1::2], strict=False):
                pairs += zip(chains[near], chains[far], strict=False)
        return [Trade(((near, -1.0), (far, 1.0))) for near, far in pairs]

    return _by_coin(menu, of)


def carries(menu: Menu) -> list[Group]:
    """Earn the basis or the funding: short against spot, long perpetual against future, USDT against USDC."""

    def against_spot(m: CoinMenu) -> list[Trade]:
        return [Trade(((i, -1.0),), spot=1.0) for i in m.delta_one]

    def against_perpetual(m: CoinMenu) -> list[Trade]:
        perpetuals = list(m.perpetuals.values())
        return [Trade(((p, 1.0), (f, -1.0))) for p, f in zip(itertools.cycle(perpetuals), m.all_futures, strict=False)]

    cross = [
        Trade(((m.perpetuals["USDT"], 1.0), (m.perpetuals["USDC"], -1.0)))
        for m in menu.coins
        if {"USDT", "USDC"} <= set(m.perpetuals)
    ]
    return [
        *_by_coin(menu, against_spot, CARRY_MIX["spot"]),
        *_by_coin(menu, against_perpetual, CARRY_MIX["perpetual"]),
        *([Group(_main_coin(menu), CARRY_MIX["stablecoin"], 1.0, cross)] if cross else []),
    ]


def outrights(menu: Menu) -> list[Group]:
    """Long (the account's sign decides) a perpetual or future."""
    return _by_coin(menu, lambda m: [Trade(((i, 1.0),)) for i in m.delta_one])


def occasional_trades(menu: Menu) -> list[Group]:
    """What somebody trades who mainly borrows: perpetuals, without them bought puts, without those nothing."""

    def of(m: CoinMenu) -> list[Trade]:
        return [Trade(((i, 1.0),)) for i in list(m.perpetuals.values()) or m.options("put")]

    return _by_coin(menu, of, keep_empty=True)


def tiny_trades(menu: Menu) -> list[Group]:
    """Perpetuals with a lot that a nearly empty account can afford."""
    lot_usd = menu.lot * menu.unit_usd

    def of(m: CoinMenu) -> list[Trade]:
        return [Trade(((i, 1.0),)) for i in m.perpetuals.values() if lot_usd[i] <= DUST_LOT_USD]

    return _by_coin(menu, of, keep_empty=True)


def _by_coin(
    menu: Menu, trades_of: Callable[[CoinMenu], list[Trade]], share: float = 1.0, *, keep_empty: bool = False
) -> list[Group]:
    groups = [Group(c, m.popularity, m.popularity, trades_of(m)) for c, m in enumerate(menu.coins)]
    groups = [g for g in groups if g.trades or keep_empty]
    total = sum(g.weight for g in groups)
    return [g._replace(weight=share * g.weight / total) for g in groups]


def _main_coin(menu: Menu) -> int:
    return max(range(len(menu.coins)), key=lambda c: menu.coins[c].popularity)


def trade_table(groups: Sequence[Group]) -> TradeTable:
    """Flatten groups of trades into arrays."""
    size = np.array([len(g.trades) for g in groups], np.int64)
    trades = [t for g in groups for t in g.trades]
    instrument, ratio = np.zeros((len(trades), LEGS), np.int64), np.zeros((len(trades), LEGS))
    for row, trade in enumerate(trades):
        for leg, (i, share) in enumerate(trade.legs):
            instrument[row, leg], ratio[row, leg] = i, share
    start = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    legs = np.concatenate([[0], np.cumsum((ratio != 0).sum(axis=1))])
    return TradeTable(
        coin=np.array([g.coin for g in groups], np.int64),
        weight=np.array([g.weight for g in groups]),
        scale=np.array([g.scale for g in groups]),
        start=start,
        size=size,
        width=(legs[start + size] - legs[start]) / np.maximum(size, 1),
        instrument=instrument,
        ratio=ratio,
        spot=np.array([t.spot for t in trades]),
    )

"""``sg.shock``: a market after prices, volatilities, pegs, bases or time moved (okx_computation.md section 2a)."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from shockgrid.errors import InputError, ShockError
from shockgrid.market.assembly import assemble_market
from shockgrid.market.clock import YEAR_MS, time_text
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.numerics.size_bucket import pad_axis
from shockgrid.scenarios.moved_snapshot import MarketMove, moved_snapshot

Moves = float | Mapping[str, float]
"""One move for all, or one by name; the name ``*`` stands for every other."""
Time = float | str | dt.timedelta | np.timedelta64 | np.datetime64
"""Days, a duration, or the time to go to."""

STABLECOINS = DENOMINATIONS[:-1]
DAY_MS = 24 * 3600 * 1000

_moved = jax.jit(moved_snapshot)


def shock(
    market: Market,
    *,
    price: Moves | None = None,
    vol: Moves | None = None,
    peg: Moves | None = None,
    basis: Moves | None = None,
    time: Time | None = None,
) -> Market:
    """The market after its primitives moved at once, everything else keeping its place.

    Linear marks keep their ratio to the index in their quote, inverse marks and option forwards theirs to the index in
    USD, unless the basis moves; volatility sticks to the contract; option marks that something moved are revalued with
    Black-76. A position without an average price counts as entered at the mark of the market that it is margined on:
    ``sg.stress`` and ``sg.what_if`` fix it before they move the market.

    Args:
        market: Today's; it stays as it is.
        price: Relative move of a coin's price in USD, -0.15 is a fall of 15 %; a number moves every coin. Prices in
            other quotes follow.
        vol: Points added to the volatility of a coin's options, 0.1 is from 58 % to 68 %; a number: of all options.
        peg: Relative move of a stablecoin's price in USD; prices of coins in USD stay.
        basis: Added to the ratio of mark to index, by coin (perpetuals, futures and the forwards of options) or by
            instrument (a perpetual or future).
        time: Days that pass, a duration, or the time to go to, UTC. What expires until then stays listed, but no
            account may hold it any more.

    Raises:
        InputError: A name that the market does not know, a move that is no finite number, a time before today's.
        ShockError: A move that would make a price, a forward or a volatility zero or negative.
    """
    after = _time_after(market, time)
    factor = _factors(market, price, peg)
    by_coin, by_instrument = _by_coin(market, "vol", vol), _basis(market, basis)
    lines = _lines({"price": price, "vol": vol, "peg": peg, "basis": basis}, after if time is not None else None)
    return market_after(market, factor, by_coin, by_instrument, after, lines)


def market_after(
    market: Market, factor: np.ndarray, vol: np.ndarray, basis: np.ndarray, after: np.datetime64, lines: Iterable[str]
) -> Market:
    """The market after a move of its primitives, as ``shock`` moves it.

    Args:
        market: Today's.
        factor: ``[currency]`` on USD prices.
        vol: ``[instrument]`` points added to volatilities.
        basis: ``[instrument]`` added to the ratio of mark to index.
        after: The time after the move.
        lines: What was moved, in words.

    Raises:
        ShockError: A move that leaves a mark, a forward or a volatility without a positive value.
    """
    moved = _moved_padded(market, factor, vol, basis, (after - market.time).astype(np.int64) / YEAR_MS)
    _require_positive(market, moved, after)
    live = np.isnat(market.universe.expiry) | (market.universe.expiry > after)
    table = dataclasses.replace(
        market.table,
        mark=_in_file_order(market, market.table.mark, moved.mark),
        forward=_in_file_order(market, market.table.forward, np.where(live, moved.forward, np.nan)),
        vol=_in_file_order(market, market.table.vol, np.where(live, moved.vol, np.nan)),
    )
    by_name = dict(zip(market.universe.currencies, factor.tolist(), strict=True))
    index = {pair: value * _pair_factor(pair, by_name) for pair, value in market.index.items()}
    return assemble_market(after, index, table, source=market.source, derived=(*market.derived, *lines))


def shocked(market: Market, moves: Mapping[str, Any], what: str) -> Market:
    """``shock`` with its arguments as a mapping.

    Args:
        market: Today's.
        moves: Arguments of ``shock``.
        what: Who asks, for the message.

    Raises:
        InputError: An argument that ``shock`` does not have; as for ``shock``.
        ShockError: As for ``shock``.
    """
    known = ("price", "vol", "peg", "basis", "time")
    for name in moves:
        if name not in known:
            raise InputError(what, f"shock.{name}", f"one of {', '.join(known)}")
    return shock(market, **moves)


def _time_after(market: Market, time: Time | None) -> np.datetime64:
    if time is None:
        return market.time
    try:
        if isinstance(time, str | np.datetime64):
            after = np.datetime64(str(time).removesuffix("Z"), "ms")
        else:
            duration = isinstance(time, dt.timedelta | np.timedelta64)
            days = np.timedelta64(time) / np.timedelta64(1, "D") if duration else time
            _require_finite("time", days)
            after = market.time + np.timedelta64(round(days * DAY_MS), "ms")
    except (ValueError, TypeError, OverflowError):  # no time, a duration in months, longer than clocks go
        raise InputError("shock", "time", "days, a duration or a time such as 2025-03-28T08:00:00Z", time) from None
    if np.isnat(after) or after < market.time:
        raise InputError("shock", "time", f"a time not before the market's, {time_text(market.time)}", time)
    return after


def _factors(market: Market, price: Moves | None, peg: Moves | None) -> np.ndarray:
    """Factor on the USD price of each currency."""
    currencies = market.universe.currencies
    coins = [c for c in currencies if c not in DENOMINATIONS]
    stablecoins = [c for c in currencies if c in STABLECOINS]
    factor = dict.fromkeys(currencies, 1.0)
    for name, moves, movable, other in (
        ("price", price, coins, "a coin (stablecoins move by peg)"),
        ("peg", peg, stablecoins, "a stablecoin (coins move by price)"),
    ):
        for currency, move in _named(moves, movable).items():
            if currency not in movable:
                expected = f"{other} with an index price in USD in the market {market.source.file}"
                raise InputError("shock", f"{name}.{currency}", expected)
            _require_finite(f"{name}.{currency}", move)
            if move <= -1.0:
                raise ShockError("shock", f"{name}.{currency}", "a move above -1, which leaves a price above 0", move)
            factor[currency] = 1.0 + move
    return np.array(list(factor.values()))


def _by_coin(market: Market, name: str, moves: Moves | None) -> np.ndarray:
    """``[instrument]`` a move of each coin's instruments."""
    coins = market.universe.coins
    of_coin = np.zeros(max(len(coins), 1))
    for coin, move in _named(moves, coins).items():
        if coin not in coins:
            expected = f"a coin with instruments in the market {market.source.file}"
            raise InputError("shock", f"{name}.{coin}", expected)
        _require_finite(f"{name}.{coin}", move)
        of_coin[coins.index(coin)] = move
    return of_coin[market.universe.contracts.coin]


def _basis(market: Market, moves: Moves | None) -> np.ndarray:
    """``[instrument]`` the move of each one's basis: that of its coin, and its own."""
    universe = market.universe
    place = {name: i for i, name in enumerate(universe.ids.tolist()) if not universe.contracts.is_option[i]}
    given = moves if isinstance(moves, Mapping) else {} if moves is None else {"*": moves}
    for name in given:
        if name != "*" and name not in place and name not in universe.coins:
            expected = f"a coin, a perpetual or a future of the market {market.source.file}"
            raise InputError("shock", f"basis.{name}", expected)
    basis = _by_coin(market, "basis", {name: move for name, move in given.items() if name not in place})
    named = {*given} & {*universe.coins}
    for name, move in given.items():
        if name in place:
            _require_finite(f"basis.{name}", move)
            i = place[name]
            # On top of what its coin was given; every other coin's move is not for those that have their own.
            basis[i] = move + (basis[i] if universe.coins[universe.contracts.coin[i]] in named else 0.0)
    return basis


def _named(moves: Moves | None, every: tuple[str, ...] | list[str]) -> dict[str, float]:
    if moves is None:
        return {}
    named: dict[str, float] = dict(moves) if isinstance(moves, Mapping) else {"*": moves}
    return dict.fromkeys(every, named.pop("*")) | named if "*" in named else named


def _require_finite(path: str, move: object) -> None:
    if isinstance(move, bool) or not isinstance(move, int | float | np.number) or not np.isfinite(move):
        raise InputError("shock", path, "a finite number", repr(move))


def _moved_padded(
    market: Market, factor: np.ndarray, vol: np.ndarray, basis: np.ndarray, years: np.floating | float
) -> Snapshot:
    """The moved snapshot, computed at the market's size bucket."""
    contracts, today = pad_market(market.universe.contracts, market.snapshot)
    n = len(contracts.coin)
    move = MarketMove(
        currency=pad_axis(factor, today.index_usd.shape[-1], 1.0),
        vol=pad_axis(vol, n, 0.0),
        basis=pad_axis(basis, n, 0.0),
        years=np.array(years),
    )
    with jax.enable_x64(True):
        moved = jax.device_get(_moved(contracts, today, move))
    fields = {name: getattr(moved, name)[: len(market.universe)] for name in ("mark", "forward", "vol")}
    return dataclasses.replace(market.snapshot, **fields)


def _require_positive(market: Market, moved: Snapshot, after: np.datetime64) -> None:
    """Raise for the first contract that a move leaves without a price, a forward or a volatility."""
    contracts, expiry = market.universe.contracts, market.universe.expiry
    live = np.isnat(expiry) | (expiry > after)
    for what, values, asked in (
        ("mark", moved.mark, ~contracts.is_option),
        ("forward", moved.forward, contracts.is_option & live),
        ("vol", moved.vol, contracts.is_option & live),
    ):
        bad = asked & ~(values > 0)
        if bad.any():
            i = int(np.argmax(bad))
            expected = f"moves that leave the {what} of {market.universe.ids[i]} above 0"
            raise ShockError("shock", "vol" if what == "vol" else "basis", expected, f"{values[i]:.6g}")


def _pair_factor(pair: str, factor: Mapping[str, float]) -> float:
    base, quote = pair.split("-")
    return factor.get(base, 1.0) / factor.get(quote, 1.0)


def _in_file_order(market: Market, given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sorted values put back into file order; what was not given stays absent, and what has no value as it was."""
    out = np.array(given, float)
    out[market.order] = values
    return np.where(np.isnan(out) | np.isnan(given), given, out)


def _lines(moves: Mapping[str, Moves | None], after: np.datetime64 | None) -> list[str]:
    """What was moved, in words, for the market's list of what is derived."""
    lines = []
    for name, given in moves.items():
        for target, move in (given if isinstance(given, Mapping) else {"*": given or 0.0}).items():
            if move != 0:
                lines.append(f"{name} of {'all' if target == '*' else target} moved by {move:+.4%}")
    return lines + ([] if after is None else [f"time moved to {time_text(after)}"])

"""A market after its index prices moved, everything else keeping its place (okx_computation.md section 2a).

A move of a coin multiplies its index in USD and in every other currency. Linear marks keep their ratio to the index in
their quote, inverse marks and option forwards theirs to the index in USD. Volatility sticks to the contract, and
option marks are revalued with Black-76 at it. A move of a stablecoin leaves the indices in USD alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.market.snapshot import Snapshot
from shockgrid.pricing.coin_values import coin_values


def moved_market(market: Market, moves: Mapping[str, float]) -> Market:
    """The market with the USD prices of some currencies moved.

    Args:
        market: Today's.
        moves: Relative move of each currency's index in USD, -0.1 is a fall of 10 %; 0 leaves it alone to the bit.

    Raises:
        InputError: A currency without an index price in USD, or a move that is not above -1.
    """
    currencies = market.universe.currencies
    for name, move in moves.items():
        if name not in currencies:
            expected = f"a currency with an index price in USD in the market {market.source.file}"
            raise InputError("moves", name, expected)
        if not (np.isfinite(move) and move > -1.0):
            raise InputError("moves", name, "a finite move above -1", move)
    factor = np.array([1.0 + moves.get(name, 0.0) for name in currencies])
    snapshot = _moved_snapshot(market, factor)
    by_name = dict(zip(currencies, factor.tolist(), strict=True))
    index = {pair: price * _pair_factor(pair, by_name) for pair, price in market.index.items()}
    table = dataclasses.replace(
        market.table,
        mark=_in_file_order(market, market.table.mark, snapshot.mark),
        forward=_in_file_order(market, market.table.forward, snapshot.forward),
    )
    lines = tuple(f"{name} moved by {move:+.4%}" for name, move in moves.items() if move != 0)
    return dataclasses.replace(market, index=index, table=table, snapshot=snapshot, derived=(*market.derived, *lines))


def _pair_factor(pair: str, factor: Mapping[str, float]) -> float:
    base, quote = pair.split("-")
    return factor.get(base, 1.0) / factor.get(quote, 1.0)


def _moved_snapshot(market: Market, factor: np.ndarray) -> Snapshot:
    contracts, today = market.universe.contracts, market.snapshot
    of_coin = factor[contracts.coin_currency[contracts.coin]]
    linear = ~contracts.is_option & ~contracts.is_inverse
    in_quote = np.where(linear, of_coin / factor[contracts.settle], of_coin)
    forward = today.forward * of_coin
    mark = np.where(contracts.is_option, today.mark, today.mark * in_quote)
    revalued = contracts.is_option & (of_coin != 1.0) & (today.years > 0)
    if revalued.any():
        terms = (forward, contracts.strike, today.vol, today.years, contracts.is_call)
        # A mark is per coin of underlying, as the value is: the contract's size is not in it.
        mark[revalued] = coin_values(*(x[revalued] for x in terms))
    place = {name: i for i, name in enumerate(market.universe.currencies)}
    usdt, usdc = (factor[place[name]] if name in place else 1.0 for name in ("USDT", "USDC"))
    return dataclasses.replace(
        today,
        index_usd=today.index_usd * factor,
        quote_index=today.quote_index * in_quote,
        mark=mark,
        forward=forward,
        usdt_usdc=np.array(today.usdt_usdc * usdt / usdc),
    )


def _in_file_order(market: Market, given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sorted values put back into file order; what was not given stays absent."""
    out = np.array(given, float)
    out[market.order] = values
    return np.where(np.isnan(given), np.nan, out)

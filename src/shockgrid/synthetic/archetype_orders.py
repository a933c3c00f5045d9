"""Open orders of an invented population: a few accounts add to or reduce a position, or trade the coin."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.holdings import Labels, Orders
from shockgrid.market.market import Market
from shockgrid.synthetic.archetype_positions import QUANTITY_DECIMALS, People, Traded, significant
from shockgrid.synthetic.archetype_trades import Menu

DERIVATIVE_FRACTION, SPOT_FRACTION = 0.08, 0.04
"""Of all positions' owners, and of all accounts."""
QUANTITY_RANGE = (0.1, 0.6)
"""Of the position, or of the equity."""
DISTANCE_MAX_FRAC = 0.02
SPOT_QUOTE, SPOT_DECIMALS = "USDT", 6


def draw_orders(rng: np.random.Generator, market: Market, menu: Menu, people: People, traded: Traded) -> Orders:
    """Limit orders on the passive side of the mark, in instruments held and in spot pairs that the index quotes."""
    owner, code, quantity, price = _derivative_orders(rng, market, menu, traded)
    pairs = [f"{coin}-{SPOT_QUOTE}" for coin in market.universe.coins]
    quoted = np.array([pair in market.index for pair in pairs])
    buyer = np.flatnonzero((rng.random(len(people)) < SPOT_FRACTION) & quoted[people.coin])
    coin = people.coin[buyer]
    index = np.array([market.index.get(pair, 1.0) for pair in pairs])[coin]
    usd = people.equity_frac[buyer] * people.size_usd[buyer] * rng.uniform(*QUANTITY_RANGE, len(buyer))
    amount = np.round(_either_side(rng, len(buyer)) * usd / index, SPOT_DECIMALS)
    limit = significant(_passive(rng, index, amount))
    names = (*(str(name) for name in market.universe.ids), *pairs)
    codes = np.concatenate([code, len(market.universe) + coin]).astype(np.int32)
    orders = np.concatenate([owner, buyer]), np.concatenate([quantity, amount]), np.concatenate([price, limit])
    kept = np.flatnonzero(orders[1])
    kept = kept[np.argsort(orders[0][kept], kind="stable")]
    return Orders(orders[0][kept], Labels(codes[kept], names), orders[1][kept], orders[2][kept])


def _derivative_orders(
    rng: np.random.Generator, market: Market, menu: Menu, traded: Traded
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    book = traded.positions
    owner, first = np.unique(book.account, return_index=True)
    mark = np.asarray(market.snapshot.mark)[book.instrument.codes[first]]
    chosen = (rng.random(len(owner)) < DERIVATIVE_FRACTION) & (mark > 0)
    owner, row, mark = owner[chosen], first[chosen], mark[chosen]
    code = book.instrument.codes[row]
    lots = book.quantity[row] / menu.lot[code] * rng.uniform(*QUANTITY_RANGE, len(row))
    size = np.round(np.maximum(np.rint(np.abs(lots)), 1.0) * menu.lot[code], QUANTITY_DECIMALS)
    quantity = _either_side(rng, len(row)) * size
    return owner, code, quantity, significant(_passive(rng, mark, quantity))


def _either_side(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.where(rng.random(count) < 0.5, 1.0, -1.0)


def _passive(rng: np.random.Generator, price: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    return price * (1.0 - np.sign(quantity) * DISTANCE_MAX_FRAC * rng.random(len(price)))

"""The kinds of account in an invented population, and every knob of their size and leverage, in one table.

The numbers are made up. They are set so that under OKX's rules (okx/v2-2025-01-15) most accounts are safe, one in ten
or twelve has a margin ratio below 3 and one or two in a hundred below 1. Equity of a directional account is a large
part of its size because a naked position needs 12 % to 25 % of it as maintenance margin; hedged books need far less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shockgrid.synthetic import archetype_trades as trades

DISTRESSED_FRACTION, DISTRESSED_RANGE = 0.03, (0.03, 0.25)
"""Of all accounts, those that lost most of their equity, and what is left of it."""
BORROWER_EQUITY_MAX = 0.9
"""Of the spot that an account bought for its own sake: with more it would owe nothing."""


class Archetype(NamedTuple):
    """Medians and logarithmic standard deviations of one kind of account.

    Attributes:
        share: Of all accounts.
        trades, trades_sigma, trades_min, trades_max: How many trades an account holds; ``max`` after scaling.
        size_usd, size_sigma, size_max_usd: Gross notional, or the balance of an account without positions. A
            single-coin account is smaller by its coin's popularity.
        equity_frac, equity_sigma: Equity over size: the leverage.
        coin_margin: Fraction of accounts whose collateral is the coin, not a stablecoin or USD.
        sign: Who decides the direction: the ``trade`` as listed, the ``account`` or each ``leg`` at random.
        spot_frac: Spot bought (or sold) beside the trades, as a fraction of the size.
        traded_frac: Gross notional of the trades as a fraction of the size.
        build: Lists the trades that a market offers; no groups mean that the archetype cannot be built.
    """

    share: float
    trades: float
    trades_sigma: float
    trades_min: int
    trades_max: int
    size_usd: float
    size_sigma: float
    size_max_usd: float
    equity_frac: float
    equity_sigma: float
    coin_margin: float
    sign: str
    spot_frac: float
    traded_frac: float
    build: Callable[[trades.Menu], list[trades.Group]]


# fmt: off
ARCHETYPES = {
    #                share trades sigma min max  size_usd sigma max  equity sigma coin sign       spot traded build
    "market_maker": Archetype(
        0.05, 40.0, 0.8, 2, 500,  5e6, 1.5, 4e8,  0.32, 0.50, 0.05, "leg",     0.0, 1.0, trades.all_instruments),
    "covered_call": Archetype(
        0.16,  3.0, 0.8, 1, 100,  2e5, 1.6, 2e7,  0.80, 0.30, 0.00, "trade",   0.0, 1.0, trades.covered_calls),
    "short_strangle": Archetype(
        0.14,  3.0, 0.8, 1, 200,  2e5, 1.6, 5e7,  0.30, 0.60, 0.15, "trade",   0.0, 1.0, trades.strangles),
    "calendar_spread": Archetype(
        0.12,  2.0, 0.8, 1, 200,  3e5, 1.6, 5e7,  0.16, 0.60, 0.10, "account", 0.0, 1.0, trades.calendars),
    "cash_and_carry": Archetype(
        0.15,  1.5, 0.6, 1,  50,  5e5, 1.6, 5e7,  0.32, 0.50, 0.00, "trade",   0.0, 1.0, trades.carries),
    "directional": Archetype(
        0.22,  1.3, 0.6, 1,  40,  4e4, 1.8, 5e7,  1.00, 0.50, 0.10, "account", 0.0, 1.0, trades.outrights),
    "borrower": Archetype(
        0.06,  0.8, 0.6, 0,  10,  1e5, 1.5, 4e6,  0.40, 0.70, 0.00, "account", 1.0, 0.3, trades.occasional_trades),
    "dust": Archetype(
        0.10,  0.4, 0.5, 0,   2,  2e1, 1.0, 5e2,  2.00, 0.60, 0.50, "account", 0.0, 1.0, trades.tiny_trades),
}
# fmt: on

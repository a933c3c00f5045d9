"""From the factors of paths to moves of a market (okx_computation.md section 2a).

* A coin's price moves by its factor, a stablecoin's by ``exp(noise - depth)``.
* An option's volatility moves with the level factor of its coin, ``vol (exp(x w) - 1)`` with
  ``w = min(1, (reference_days / days)**term_power)``: short expiries move most; and along today's skew with the price,
  ``(stickiness - 1) skew ln(S'/S)``, where ``skew`` is the slope of today's volatilities in ``ln(K/F)``: with a
  stickiness of 1 a strike keeps its volatility, with 0 a moneyness does (Bergomi 2009, "Smile dynamics IV").
* A perpetual's basis moves by ``basis.COIN``; a dated contract's by an annual rate times its remaining years:
  ``carry.COIN + rate.level + rate.slope (1 - 2 min(days, 365) / 365)``, the curve moves of MR5.
"""

from __future__ import annotations

import numpy as np

from shockgrid.market.market import Market
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.montecarlo.path_config import PathConfig
from shockgrid.scenarios.moved_snapshot import MarketMove

YEAR_DAYS = 365.0
LEAST_DAYS = 1.0 / 24


def market_moves(market: Market, config: PathConfig, factors: np.ndarray, days: np.ndarray) -> MarketMove:
    """Moves of a market's primitives, float64.

    Args:
        market: Today's.
        config: What the factors are.
        factors: ``[..., column]``, columns as in ``PathConfig.columns``.
        days: ``[...]`` from today.
    """
    column = dict(zip(config.columns, np.moveaxis(np.asarray(factors, float), -1, 0), strict=True))
    nothing = np.zeros(np.shape(days))
    return MarketMove(
        currency=np.stack([_currency_factor(name, column, nothing) for name in market.universe.currencies], axis=-1),
        vol=_vol_moves(market, config, column, days),
        basis=_basis_moves(market, column, days),
        years=np.array(days / YEAR_DAYS),
    )


def _currency_factor(name: str, column: dict[str, np.ndarray], nothing: np.ndarray) -> np.ndarray:
    if name in DENOMINATIONS:
        return np.exp(column.get(f"peg.{name}", nothing) - column.get(f"depeg.{name}", nothing))
    return np.exp(column.get(f"price.{name}", nothing))


def _by_instrument(market: Market, kind: str, column: dict[str, np.ndarray], nothing: np.ndarray) -> np.ndarray:
    """``[..., instrument]`` the factor of each one's coin."""
    of_coin = np.stack([column.get(f"{kind}.{coin}", nothing) for coin in market.universe.coins], axis=-1)
    return of_coin[..., market.universe.contracts.coin]


def _vol_moves(market: Market, config: PathConfig, column: dict[str, np.ndarray], days: np.ndarray) -> np.ndarray:
    snapshot, nothing = market.snapshot, np.zeros(np.shape(days))
    left = np.maximum(snapshot.years * YEAR_DAYS - np.asarray(days)[..., None], LEAST_DAYS)
    weight = np.minimum((config.reference_days / left) ** config.term_power, 1.0)
    level = snapshot.vol * np.expm1(_by_instrument(market, "vol", column, nothing) * weight)
    stickiness = np.array([config.skew_stickiness.get(coin, 1.0) for coin in market.universe.coins])
    along = (stickiness[market.universe.contracts.coin] - 1.0) * skews(market)
    return level + along * _by_instrument(market, "price", column, nothing)


def _basis_moves(market: Market, column: dict[str, np.ndarray], days: np.ndarray) -> np.ndarray:
    snapshot, nothing = market.snapshot, np.zeros(np.shape(days))
    left = np.maximum(snapshot.years - np.asarray(days)[..., None] / YEAR_DAYS, 0.0)
    level, slope = (column.get(f"rate.{name}", nothing)[..., None] for name in ("level", "slope"))
    shape = 1.0 - 2.0 * np.minimum(left * YEAR_DAYS, YEAR_DAYS) / YEAR_DAYS
    dated = (_by_instrument(market, "carry", column, nothing) + level + slope * shape) * left
    return np.where(snapshot.years > 0, dated, _by_instrument(market, "basis", column, nothing))


def skews(market: Market) -> np.ndarray:
    """``[instrument]`` slope of today's volatilities in ``ln(K/F)``, by least squares over each coin's expiry.

    0 where an expiry has one strike, and for contracts without a volatility.
    """
    contracts, snapshot = market.universe.contracts, market.snapshot
    slope = np.zeros(len(market.universe))
    options = np.flatnonzero(contracts.is_option & (snapshot.vol > 0))
    x = np.log(contracts.strike[options] / snapshot.forward[options])
    keys = np.stack([contracts.coin[options], snapshot.years[options]], axis=-1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    n = np.bincount(group)
    mean_x, mean_vol = (np.bincount(group, v) / n for v in (x, snapshot.vol[options]))
    dx, dv = x - mean_x[group], snapshot.vol[options] - mean_vol[group]
    square = np.bincount(group, dx**2)
    slope[options] = np.where(square > 0, np.bincount(group, dx * dv) / np.where(square > 0, square, 1.0), 0.0)[group]
    return slope

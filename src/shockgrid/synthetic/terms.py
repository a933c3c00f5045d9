"""Every knob of the invented market: coins, liquidity, noise."""

from __future__ import annotations

from typing import NamedTuple

STABLECOIN_USD = {"USDT": 0.9997, "USDC": 0.9999}


class CoinTerms(NamedTuple):
    """What one coin's invented market looks like.

    ``decimals`` of its prices; ``*_value`` contract values (okx_portfolio_margin.md section 14, else plausible);
    ``atm_vol`` at ``VOL_TENOR_DAYS`` with the power-law exponent ``vol_power``; ``basis`` of forwards, a year;
    ``depth_usd`` of its USDT perpetual; ``option_share`` of the option expiries and strikes that BTC has.
    """

    usd: float
    decimals: int
    linear_value: float
    inverse_value: float
    option_value: float
    atm_vol: float
    vol_power: float
    rho: float
    eta: float
    basis: float
    depth_usd: float
    option_share: float


COINS = {
    "BTC": CoinTerms(104_000.0, 1, 0.01, 100.0, 0.01, 0.42, 0.05, -0.18, 0.75, 0.055, 2.5e7, 1.0),
    "ETH": CoinTerms(2_500.0, 2, 0.1, 10.0, 0.1, 0.64, 0.03, -0.12, 0.75, 0.05, 1.2e7, 1.0),
    "SOL": CoinTerms(145.0, 3, 1.0, 10.0, 1.0, 0.74, -0.02, -0.05, 0.8, 0.04, 4e6, 0.5),
    "DOGE": CoinTerms(0.17, 5, 1000.0, 10.0, 1000.0, 0.86, -0.04, 0.08, 0.85, 0.03, 1.5e6, 0.5),
}
VOL_TENOR_DAYS = 30.0

JITTER = {"level": 0.03, "residual": 2e-4, "premium": 3e-4, "atm_vol": 0.004, "basis": 0.003, "liquidity": 0.25}
"""Standard deviations of the seed's relative noise: coin price, coin-stablecoin quotes, perpetual marks, at-the-money
volatility and basis by expiry, and (logarithmic) liquidity by instrument."""

STRIKE_RANGE = 2.5
"""Strikes span this many at-the-money standard deviations of log-moneyness on each side of the forward."""


class Liquidity(NamedTuple):
    """Trading terms of a kind of instrument: depth, volume and open interest relative to the coin's ``depth_usd``."""

    taker_fee_frac: float
    spread_frac: float
    depth: float
    volume: float
    open_interest: float


LIQUIDITY = {
    "perpetual": Liquidity(0.0005, 0.0001, 1.0, 400.0, 120.0),
    "future": Liquidity(0.0005, 0.0004, 0.15, 15.0, 20.0),
    "option": Liquidity(0.0003, 0.02, 0.02, 0.4, 3.0),
}
SETTLE_SHARE = {"USDT": 1.0, "USDC": 0.15, "coin": 0.35}
TENOR_DECAY, MONEYNESS_DECAY = 3.0, 0.35
"""Liquidity is divided by ``1 + TENOR_DECAY * years`` and multiplied by ``exp(-MONEYNESS_DECAY * z^2)``."""
MARK_DECIMALS = 8
OPTION_LOT, CONTRACT_LOT, OPTION_TICK = 1.0, {"linear": 0.01, "inverse": 1.0}, 0.0001
FUNDING_MEAN, FUNDING_STD = 1e-4, 5e-5

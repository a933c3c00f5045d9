"""An invented market: coherent, deterministic from a seed, for examples, tests and benchmarks.

Every number is made up. The smile is an SSVI surface (Gatheral and Jacquier, 2014, with ``phi(theta) = eta /
sqrt(theta)``): a function of log-moneyness divided by at-the-money standard deviations, free of butterfly arbitrage
while ``eta^2 (1 + |rho|) <= 4`` and of calendar arbitrage while at-the-money total variance grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from shockgrid.errors import InputError
from shockgrid.market.assembly import assemble_market
from shockgrid.market.clock import years_between
from shockgrid.market.market import DETAIL_COLUMNS, InstrumentTable, Market
from shockgrid.market.source import Source
from shockgrid.pricing.coin_values import coin_values
from shockgrid.synthetic.expiry_calendar import MAX_EXPIRIES, expiry_dates, is_quarterly
from shockgrid.synthetic.terms import (
    COINS,
    CONTRACT_LOT,
    FUNDING_MEAN,
    FUNDING_STD,
    JITTER,
    LIQUIDITY,
    MARK_DECIMALS,
    MONEYNESS_DECAY,
    OPTION_LOT,
    OPTION_TICK,
    SETTLE_SHARE,
    STABLECOIN_USD,
    STRIKE_RANGE,
    TENOR_DECAY,
    VOL_TENOR_DAYS,
    CoinTerms,
)

DEFAULT_TIME = "2025-06-20T12:00:00Z"
CALL, PUT = "call", "put"
YEAR_DAYS = 365.0


class _CoinMarket(NamedTuple):
    """One coin's draws that several instruments share: forward and at-the-money volatility by expiry."""

    name: str
    terms: CoinTerms
    quotes: dict[str, float]
    expiries: np.ndarray
    years: np.ndarray
    forward: np.ndarray
    atm_vol: np.ndarray


def synthetic_market(
    seed: int = 7,
    *,
    time: str | np.datetime64 = DEFAULT_TIME,
    strikes_per_expiry: int = 14,
    expiries: int = 8,
    coins: Sequence[str] = tuple(COINS),
) -> Market:
    """Invent a market of perpetuals, futures and options. **The numbers are made up**, not observed.

    Every coin has a USDT, a USDC and an inverse perpetual, USDT and inverse futures at quarterly expiries, and
    options on every expiry (BTC, ETH) or on half of them (SOL, DOGE). The default has about 600 instruments;
    ``strikes_per_expiry=29, expiries=10`` about 1,500.

    Args:
        seed: Same seed and arguments, same market.
        time: Valuation time, UTC. Expiries are at 08:00 UTC, the first within a day.
        strikes_per_expiry: Option strikes of BTC and ETH on each expiry; half as many for the other coins.
        expiries: Number of expiries, from the next day to the quarterly about nine months ahead and beyond.
        coins: Some of BTC, ETH, SOL, DOGE.

    Returns:
        The checked market.

    Raises:
        InputError: An unknown coin, or a number of strikes or expiries that cannot be built.
    """
    _check_arguments(strikes_per_expiry, expiries, coins)
    now = np.datetime64(str(time).removesuffix("Z"), "ms")
    rng = np.random.Generator(np.random.PCG64(seed))
    dates = expiry_dates(now, expiries)
    index = {f"{coin}-USD": usd for coin, usd in STABLECOIN_USD.items()}
    index["USDT-USDC"] = round(STABLECOIN_USD["USDT"] / STABLECOIN_USD["USDC"], 5)
    rows: list[dict] = []
    for name in coins:
        coin = _coin_market(rng, name, now, dates)
        index |= {f"{name}-{quote}": price for quote, price in coin.quotes.items()}
        rows += _perpetuals(rng, coin) + _futures(rng, coin) + _options(rng, coin, dates, strikes_per_expiry)
    return assemble_market(now, index, _with_marks(_table(rows), now), source=Source("synthetic_market"))


def _check_arguments(strikes: int, expiries: int, coins: Sequence[str]) -> None:
    if strikes < 2:
        raise InputError("synthetic_market", "strikes_per_expiry", "2 or more", strikes)
    if not 1 <= expiries <= MAX_EXPIRIES:
        raise InputError("synthetic_market", "expiries", f"1 to {MAX_EXPIRIES}", expiries)
    if not coins or set(coins) - set(COINS) or len(set(coins)) < len(coins):
        raise InputError("synthetic_market", "coins", "some of " + ", ".join(COINS) + ", each once", list(coins))


def _coin_market(rng: np.random.Generator, name: str, now: np.datetime64, dates: np.ndarray) -> _CoinMarket:
    terms, expiries = COINS[name], np.sort(dates)
    usd = round(terms.usd * math.exp(JITTER["level"] * rng.standard_normal()), terms.decimals)
    residual = (1.0 + JITTER["residual"] * rng.standard_normal(len(STABLECOIN_USD))).tolist()
    quotes = {"USD": usd}
    for (stable, value), factor in zip(STABLECOIN_USD.items(), residual, strict=True):
        quotes[stable] = round(usd / value * factor, terms.decimals + 1)
    years = years_between(now, expiries)
    basis = terms.basis + JITTER["basis"] * rng.standard_normal(len(expiries))
    noise = np.exp(JITTER["atm_vol"] * rng.standard_normal(len(expiries)))
    vol = terms.atm_vol * (years * YEAR_DAYS / VOL_TENOR_DAYS) ** terms.vol_power * noise
    forward = np.round(usd * np.exp(basis * years), terms.decimals)
    return _CoinMarket(name, terms, quotes, expiries, years, forward, vol)


def _perpetuals(rng: np.random.Generator, coin: _CoinMarket) -> list[dict]:
    rows = []
    for settle, quote in (("USDT", "USDT"), ("USDC", "USDC"), (coin.name, "USD")):
        premium = JITTER["premium"] * rng.standard_normal()
        mark = round(coin.quotes[quote] * (1.0 + premium), coin.terms.decimals)
        funding = round(FUNDING_MEAN + FUNDING_STD * rng.standard_normal(), 6)
        row = _delta_one(rng, coin, f"{coin.name}-{quote}-SWAP", settle, mark=mark, years=0.0)
        rows.append({**row, "kind": "perpetual", "funding_rate": funding})
    return rows


def _futures(rng: np.random.Generator, coin: _CoinMarket) -> list[dict]:
    rows = []
    for expiry, years, forward in zip(coin.expiries, coin.years, coin.forward, strict=True):
        if not is_quarterly(expiry):
            continue
        for settle, quote in (("USDT", "USDT"), (coin.name, "USD")):
            # A USDT future is the same forward seen in USDT, so one basis serves every contract of an expiry.
            mark = round(forward * coin.quotes[quote] / coin.quotes["USD"], coin.terms.decimals)
            row = _delta_one(rng, coin, f"{coin.name}-{quote}-{_stamp(expiry)}", settle, mark=mark, years=years)
            rows.append({**row, "kind": "future", "expiry": expiry})
    return rows


def _delta_one(
    rng: np.random.Generator, coin: _CoinMarket, name: str, settle: str, *, mark: float, years: float
) -> dict:
    terms, inverse = coin.terms, settle == coin.name
    share = SETTLE_SHARE["coin" if inverse else settle] / (1.0 + TENOR_DECAY * years)
    return {
        "id": name,
        "coin": coin.name,
        "settle": settle,
        "contract_value": terms.inverse_value if inverse else terms.linear_value,
        "mark": mark,
        "lot": CONTRACT_LOT["inverse" if inverse else "linear"],
        "tick": round(0.1**terms.decimals, terms.decimals),
        **_liquidity(rng, terms, "perpetual" if name.endswith("SWAP") else "future", share),
    }


def _liquidity(rng: np.random.Generator, terms: CoinTerms, kind: str, share: float) -> dict:
    base = LIQUIDITY[kind]
    noise = np.exp(JITTER["liquidity"] * rng.standard_normal(3))
    depth, volume, interest = terms.depth_usd * share * noise * base[2:]
    return {
        "taker_fee_frac": base.taker_fee_frac,
        "spread_frac": _three_digits(base.spread_frac * math.sqrt(COINS["BTC"].depth_usd / terms.depth_usd / share)),
        "depth_usd": _three_digits(depth),
        "volume_24h_usd": _three_digits(volume),
        "open_interest_usd": _three_digits(interest),
    }


def _options(rng: np.random.Generator, coin: _CoinMarket, dates: np.ndarray, strikes_per_expiry: int) -> list[dict]:
    share = coin.terms.option_share
    chosen = dates[: max(1, round(share * len(dates)))]
    count = max(2, round(share * strikes_per_expiry))
    rows = []
    for e in np.flatnonzero(np.isin(coin.expiries, chosen)):
        deviation = float(coin.atm_vol[e] * math.sqrt(coin.years[e]))
        for strike in _strikes(float(coin.forward[e]), deviation, count):
            rows += _option_pair(rng, coin, int(e), strike, deviation)
    return rows


def _strikes(forward: float, deviation: float, count: int) -> list[float]:
    """Round strikes, evenly spaced in standard deviations of log-moneyness before rounding."""
    raw = forward * np.exp(deviation * np.linspace(-STRIKE_RANGE, STRIKE_RANGE, count))
    spacing = float(min(raw[0], np.diff(raw).min()))
    power = math.floor(math.log10(spacing))
    step = max(m for m in (1, 2, 5) if m * 10.0**power <= spacing) * 10.0**power
    # Rounded half up, not half to even: strikes a step apart must stay apart.
    return [round(k * step, max(0, -power)) for k in np.maximum(np.floor(raw / step + 0.5), 1.0)]


def _option_pair(rng: np.random.Generator, coin: _CoinMarket, e: int, strike: float, deviation: float) -> list[dict]:
    forward, years = float(coin.forward[e]), float(coin.years[e])
    z = math.log(strike / forward) / deviation
    vol = round(float(coin.atm_vol[e]) * _smile(z, coin.terms.rho, coin.terms.eta), 4)
    share = math.exp(-MONEYNESS_DECAY * z * z) / (1.0 + TENOR_DECAY * years)
    common = {
        "kind": "option",
        "coin": coin.name,
        "settle": coin.name,
        "contract_value": coin.terms.option_value,
        "expiry": coin.expiries[e],
        "strike": strike,
        "forward": forward,
        "vol": vol,
        "lot": OPTION_LOT,
        "tick": OPTION_TICK,
    }
    name = f"{coin.name}-USD-{_stamp(coin.expiries[e])}-{strike:.10g}"
    return [
        {**common, "id": f"{name}-{right[0].upper()}", "right": right} | _liquidity(rng, coin.terms, "option", share)
        for right in (CALL, PUT)
    ]


def _smile(z: float, rho: float, eta: float) -> float:
    """Volatility over the at-the-money one; ``z`` is log-moneyness in at-the-money standard deviations."""
    skewed = eta * z + rho
    return math.sqrt(0.5 * (1.0 + rho * eta * z + math.sqrt(skewed * skewed + 1.0 - rho * rho)))


def _stamp(expiry: np.datetime64) -> str:
    return str(expiry.astype("datetime64[D]")).replace("-", "")[2:]


def _three_digits(value: float) -> float:
    return float(f"{value:.3g}")


def _table(rows: list[dict]) -> InstrumentTable:
    def column(key: str, absent: object, dtype: type | str) -> np.ndarray:
        return np.array([row.get(key, absent) for row in rows], dtype)

    nan, nat = float("nan"), np.datetime64("NaT", "ms")
    names = {key: column(key, "", object) for key in ("id", "kind", "coin", "settle", "right")}
    numbers = {key: column(key, nan, float) for key in ("contract_value", "mark", "strike", "forward", "vol")}
    details = {key: column(key, nan, float) for key in DETAIL_COLUMNS}
    return InstrumentTable(**names, **numbers, expiry=column("expiry", nat, "datetime64[ms]"), details=details)


def _with_marks(table: InstrumentTable, now: np.datetime64) -> InstrumentTable:
    """The options marked at Black-76 of their volatility."""
    option = table.kind == "option"
    years = years_between(now, table.expiry[option])
    values = coin_values(
        table.forward[option], table.strike[option], table.vol[option], years, table.right[option] == CALL
    )
    mark = table.mark.copy()
    mark[option] = np.round(values, MARK_DECIMALS)
    return replace(table, mark=mark)

"""An invented market: coherent, deterministic from a seed, for examples, tests and benchmarks.

Every number is made up. The smile is an SSVI surface (Gatheral and Jacquier, 2014, with ``phi(theta) = eta /
sqrt(theta)``): a function of log-moneyness divided by at-the-money standard deviations, free of butterfly arbitrage
while ``eta^2 (1 + |rho|) <= 4`` and of calendar arbitrage while at-the-money total variance grows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shockgrid.errors import InputError
from shockgrid.market.assembly import YEAR_MS, assemble_market
from shockgrid.market.market import DETAIL_COLUMNS, InstrumentTable, Market
from shockgrid.market.source import Source

DEFAULT_TIME = "2025-06-20T12:00:00Z"
STABLECOIN_USD = {"USDT": 0.9997, "USDC": 0.9999}
CALL, PUT = "call", "put"


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
OPTION_LOT, CONTRACT_LOT, OPTION_TICK = 1.0, {"linear": 0.01, "inverse": 1.0}, 0.0001
FUNDING_MEAN, FUNDING_STD = 1e-4, 5e-5

DAY, YEAR_DAYS = np.timedelta64(1, "D"), 365.0
EXPIRY_HOUR = np.timedelta64(8, "h")
FRIDAY = 1  # 1970-01-01, day 0, was a Thursday
MAX_EXPIRIES = 16


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
    dates = _expiry_dates(now, expiries)
    index = {f"{coin}-USD": usd for coin, usd in STABLECOIN_USD.items()}
    index["USDT-USDC"] = round(STABLECOIN_USD["USDT"] / STABLECOIN_USD["USDC"], 5)
    rows: list[dict] = []
    for name in coins:
        coin = _coin_market(rng, name, now, dates)
        index |= {f"{name}-{quote}": price for quote, price in coin.quotes.items()}
        rows += _perpetuals(rng, coin) + _futures(rng, coin) + _options(rng, coin, dates, strikes_per_expiry)
    return assemble_market(now, index, _table(rows), source=Source("synthetic_market"))


def _check_arguments(strikes: int, expiries: int, coins: Sequence[str]) -> None:
    if strikes < 2:
        raise InputError("synthetic_market", "strikes_per_expiry", "2 or more", strikes)
    if not 1 <= expiries <= MAX_EXPIRIES:
        raise InputError("synthetic_market", "expiries", f"1 to {MAX_EXPIRIES}", expiries)
    if not coins or set(coins) - set(COINS) or len(set(coins)) < len(coins):
        raise InputError("synthetic_market", "coins", "some of " + ", ".join(COINS) + ", each once", list(coins))


def _expiry_dates(now: np.datetime64, count: int) -> np.ndarray:
    """Expiry times, most important first, so that a coin with fewer expiries takes the first ones."""
    first = now.astype("datetime64[D]") + EXPIRY_HOUR
    first = (first if first > now else first + DAY).astype("datetime64[D]")
    day = [first + k * DAY for k in range(MAX_EXPIRIES)]
    week = [d for k in range(10) if (d := _next_friday(first + 2 * DAY) + 7 * k * DAY)]
    month = [d for d in _last_fridays(first) if d > first + 14 * DAY]
    quarter = [d for d in month if _is_quarterly(d) and d > first + 45 * DAY]
    ranked = [day[0], quarter[0], week[0], quarter[2], month[0], day[1], quarter[1], week[1], month[1], week[2]]
    distinct = dict.fromkeys([*ranked, quarter[3], month[2], week[3], month[3], *day[2:]])
    return np.array(list(distinct)[:count], "datetime64[ms]") + EXPIRY_HOUR


def _next_friday(date: np.datetime64) -> np.datetime64:
    return date + (FRIDAY - date.astype(int)) % 7 * DAY


def _last_fridays(date: np.datetime64) -> list[np.datetime64]:
    months = date.astype("datetime64[M]") + np.arange(1, 17)
    return [_next_friday(month.astype("datetime64[D]") - 7 * DAY) for month in months]


def _is_quarterly(expiry: np.datetime64) -> bool:
    date = expiry.astype("datetime64[D]")
    month = int(date.astype("datetime64[M]").astype(int)) % 12 + 1
    return month % 3 == 0 and date in _last_fridays(date)[:1]


def _coin_market(rng: np.random.Generator, name: str, now: np.datetime64, dates: np.ndarray) -> _CoinMarket:
    terms, expiries = COINS[name], np.sort(dates)
    usd = round(terms.usd * math.exp(JITTER["level"] * rng.standard_normal()), terms.decimals)
    residual = (1.0 + JITTER["residual"] * rng.standard_normal(len(STABLECOIN_USD))).tolist()
    quotes = {"USD": usd}
    for (stable, value), factor in zip(STABLECOIN_USD.items(), residual, strict=True):
        quotes[stable] = round(usd / value * factor, terms.decimals + 1)
    years = (expiries - now).astype(np.int64) / YEAR_MS
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
        if not _is_quarterly(expiry):
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
    spacing = float(np.diff(raw).min())
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
    name, marks = f"{coin.name}-USD-{_stamp(coin.expiries[e])}-{strike:.10g}", _coin_values(forward, strike, vol, years)
    return [
        {**common, "id": f"{name}-{right[0].upper()}", "right": right, "mark": marks[right]}
        | _liquidity(rng, coin.terms, "option", share)
        for right in (CALL, PUT)
    ]


def _smile(z: float, rho: float, eta: float) -> float:
    """Volatility over the at-the-money one; ``z`` is log-moneyness in at-the-money standard deviations."""
    skewed = eta * z + rho
    return math.sqrt(0.5 * (1.0 + rho * eta * z + math.sqrt(skewed * skewed + 1.0 - rho * rho)))


def _coin_values(forward: float, strike: float, vol: float, years: float) -> dict[str, float]:
    """Black-76 in coin, undiscounted: the out-of-the-money side, and the other by put-call parity."""
    deviation = vol * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    d2, ratio = d1 - deviation, strike / forward
    if strike >= forward:
        call = _cdf(d1) - ratio * _cdf(d2)
        put = call - 1.0 + ratio
    else:
        put = ratio * _cdf(-d2) - _cdf(-d1)
        call = put + 1.0 - ratio
    return {CALL: max(0.0, round(call, 8)), PUT: max(0.0, round(put, 8))}


def _cdf(x: float) -> float:
    # Not numerics.normal_cdf: JAX would round to float32 outside an x64 context.
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


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

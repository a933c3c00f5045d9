"""Random native market documents: linear, inverse and option books on five coins, stablecoins at par or depegged."""

import math
from datetime import UTC, datetime, timedelta
from random import Random

from tests.reference import black76

LAST_COINS = ("DOT", "AVAX", "OKB", "TRX", "XYZ", "LINK")  # group C in every component but, for some, MR1
INDEX_RANGES = {"BTC": (2e4, 1.2e5), "ETH": (1e3, 5e3), "LTC": (50.0, 200.0), "SOL": (20.0, 300.0)}
CONTRACT_VALUES = {"BTC": (0.01, 100.0), "ETH": (0.1, 10.0), "LTC": (1.0, 10.0), "SOL": (1.0, 10.0)}
PEGS = ((1.0, 1.0), (0.9995, 1.0002), (0.93, 1.02), (1.03, 0.88), (0.985, 0.9999), (0.78, 0.9949))
EXPIRY_HOURS = (3.0, 20.0, 48.0, 24.0 * 30.0, 24.0 * 91.3, 24.0 * 300.0)
MONEYNESS = (0.3, 0.75, 0.95, 1.0, 1.06, 1.4, 3.0)


def random_market(seed: int) -> dict:
    """A market document (formats.md). Marks and forwards stay within 10 % of the index, so no grid reaches zero."""
    rng = Random(f"market-{seed}")
    time = datetime(2025, 1, 15, 10, 26, 41, 642_000, tzinfo=UTC) + timedelta(hours=rng.randrange(0, 4000))
    coins = ["BTC", "ETH", "LTC", "SOL", rng.choice(LAST_COINS)]
    index = random_index(rng, seed, coins)
    instruments = []
    for coin in coins:
        instruments += random_linear_and_inverse(rng, coin, index, time)
        if coin != "LTC":
            instruments += random_options(rng, coin, index, time)
    rng.shuffle(instruments)
    return {
        "format": "shockgrid.market/1",
        "time": stamp(time, "milliseconds"),
        "index": index,
        "instruments": instruments,
    }


def random_index(rng: Random, seed: int, coins: list[str]) -> dict[str, float]:
    """Coins and two other balance currencies in USD, USDT and USDC; pegs by seed; USDT-USDC quoted or not."""
    usdt, usdc = PEGS[seed % len(PEGS)]
    index = {"USDT-USD": usdt, "USDC-USD": usdc, "BNB-USD": round(log_uniform(rng, 200.0, 700.0), 2), "ZZZ-USD": 0.0371}
    for coin in coins:
        spot = float(f"{log_uniform(rng, *INDEX_RANGES.get(coin, (0.01, 60.0))):.7g}")
        index[f"{coin}-USD"] = spot
        for stable, peg in (("USDT", usdt), ("USDC", usdc)):
            index[f"{coin}-{stable}"] = float(f"{spot / peg * (1.0 + rng.uniform(-0.002, 0.002)):.8g}")
    if seed % 2:
        index["USDT-USDC"] = round(usdt / usdc * (1.0 + rng.uniform(-0.004, 0.004)), 6)
    if seed % 3 == 0:
        index["USDC-USDT"] = 0.5  # a quote in the other direction, which no rule may use
    return index


def random_linear_and_inverse(rng: Random, coin: str, index: dict, time: datetime) -> list[dict]:
    """Perpetuals settled in USDT, USDC, USD and the coin, and some futures of each."""
    linear_value, inverse_value = CONTRACT_VALUES.get(coin, (10.0, 10.0))
    rows = []
    for settle in ("USDT", "USDC", "USD", coin):
        value = inverse_value if settle == coin else linear_value
        quote = index[f"{coin}-USD"] if settle == coin else index[f"{coin}-{settle}"]
        name = f"{coin}-USD" if settle == coin else f"{coin}-{'USD_UM' if settle == 'USD' else settle}"
        common = {"coin": coin, "settle": settle, "contract_value": value}
        rows.append({"id": f"{name}-SWAP", "kind": "perpetual", **common, "mark": near(rng, quote, 0.005)})
        for hours in rng.sample(EXPIRY_HOURS, 3):
            expiry = time + timedelta(hours=hours)
            mark = near(rng, quote, 0.005 + 0.07 * min(hours / 7200.0, 1.0))
            name_hour = f"{name}-{expiry:%y%m%d%H}"
            rows.append({"id": name_hour, "kind": "future", **common, "mark": mark, "expiry": stamp(expiry)})
    return rows


def random_options(rng: Random, coin: str, index: dict, time: datetime) -> list[dict]:
    """Calls and puts at seven strikes from 30 % to 300 % of the forward on every expiry."""
    rows, spot = [], index[f"{coin}-USD"]
    for hours in EXPIRY_HOURS:
        expiry = time + timedelta(hours=hours)
        forward = near(rng, spot, 0.002 + 0.08 * hours / 7200.0)
        level = rng.choice((0.06, 0.4, 0.6, 0.9, 1.6))  # the low one reaches the volatility floor
        for moneyness in MONEYNESS:
            strike = float(f"{forward * moneyness * rng.uniform(0.98, 1.02):.4g}")
            vol = round(level * (1.0 + 0.3 * abs(math.log(moneyness))) * rng.uniform(0.95, 1.05), 4)
            for right in ("call", "put"):
                rows.append(option_row(rng, coin, time, expiry, forward, strike, vol, right))
    return rows


def option_row(rng: Random, coin: str, time, expiry, forward: float, strike: float, vol: float, right: str) -> dict:
    """One option; its mark is near the model value, never below one tick of 0.0001."""
    kept = datetime.fromisoformat(stamp(expiry))
    years = (kept - time).total_seconds() / (365.0 * 86400.0)
    mark = black76.value(right, forward, strike, vol, years) * (1.0 + rng.uniform(-0.05, 0.05))
    size = {"BTC": 0.01, "ETH": 0.1}.get(coin, 1.0)
    return {
        "id": f"{coin}-USD-{expiry:%y%m%d%H}-{strike:g}-{right[0].upper()}", "kind": "option", "coin": coin,
        "settle": coin,
        "contract_value": size, "mark": max(round(mark, 6), 0.0001), "expiry": stamp(expiry), "strike": strike,
        "right": right, "forward": forward, "vol": vol,
    }  # fmt: skip


def near(rng: Random, price: float, width: float) -> float:
    """A price within `width` (relative) of another, with eight digits."""
    return float(f"{price * (1.0 + rng.uniform(-width, width)):.8g}")


def log_uniform(rng: Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def stamp(time: datetime, precision: str = "seconds") -> str:
    """ISO 8601 in UTC with a final Z."""
    return time.isoformat(timespec=precision).replace("+00:00", "Z")

"""Random documents for comparing liquidations: markets with depth, lots and halts, accounts about to be liquidated."""

import math
from datetime import datetime, timedelta
from random import Random

from tests.reference.liquidation_book import opened
from tests.reference.liquidation_margin import Margin, margined
from tests.reference.liquidation_market import PricedMarket
from tests.reference.random_documents import random_accounts
from tests.reference.random_markets import log_uniform, stamp

MOST_MMR_USD = 2e7
LOTS = (None, None, 1.0, 0.01, 0.1, 10.0)


def with_depths(market: dict, seed: int) -> dict:
    """The market with depths, volumes, lots, fees and spreads on some instruments; a few cannot be traded."""
    rng, now = Random(f"depths-{seed}"), datetime.fromisoformat(market["time"])
    return market | {"instruments": [deep_row(row, rng, now) for row in market["instruments"]]}


def deep_row(row: dict, rng: Random, now: datetime) -> dict:
    """One instrument with random optional keys (formats.md)."""
    keys: dict[str, object] = {
        "lot": rng.choice(LOTS),
        "taker_fee_frac": rng.choice((None, None, 0.0002, 0.002)),
        "volume_24h_usd": rng.choice((None, 1e6, 4e7)),
    }
    if rng.random() < 0.6:
        keys["depth_usd"] = 0.0 if rng.random() < 0.08 else round(log_uniform(rng, 3e5, 1e9), 2)
        keys["spread_frac"] = rng.choice((None, 0.0001, 0.003))
    hour = timedelta(hours=1)
    keys |= rng.choice([{}] * 20 + [{"halted": stamp(now - hour)}, {"halted": stamp(now + hour)}])
    keys |= rng.choice([{}] * 20 + [{"listed": stamp(now - hour)}, {"listed": stamp(now + hour)}])
    return row | {key: value for key, value in keys.items() if value is not None}


def troubled_accounts(priced: PricedMarket, seed: int, count: int) -> list[dict]:
    """`count` random accounts of many shapes, each with a margin ratio between 0.05 and 1 by its USDT.

    Those whose MMR is beyond what the depths of `with_depths` can take in a reasonable number of steps are left out.
    """
    rng, accounts, batch = Random(f"troubled-{seed}"), [], 0
    while len(accounts) < count:
        for account in random_accounts(priced.market, 1000 * seed + batch, 14):
            if 0.0 < margin_of(account, priced).mmr <= MOST_MMR_USD:
                troubled = with_ratio(account, rng.choice((0.05, 0.5, 0.8, 0.95, 0.999)), priced)
                accounts += [troubled] if troubled else []
        batch += 1
    return accounts[:count]


def with_ratio(account: dict, ratio: float, priced: PricedMarket) -> dict | None:
    """The account with as much USDT as its margin ratio needs; None where the ratio cannot be reached."""
    low, high = -1e11, 1e11  # the ratio rises with the balance
    for _ in range(70):
        middle = 0.5 * (low + high)
        if margin_of(funded(account, middle), priced).ratio > ratio:
            high = middle
        else:
            low = middle
    chosen = funded(account, float(f"{low:.9g}"))
    return chosen if math.isclose(margin_of(chosen, priced).ratio, ratio, rel_tol=0.05) else None


def funded(account: dict, usdt: float) -> dict:
    return account | {"balances": account.get("balances", {}) | {"USDT": usdt}}


def margin_of(account: dict, priced: PricedMarket) -> Margin:
    return margined(opened(account, priced), priced, {})

"""How cost grows: with accounts, with positions an account, with instruments; and that pricing ignores accounts.

Slopes are those of straight lines through the logarithms; 1 is proportional, 0 independent. They are fitted to the
larger half of the sizes, where fixed costs no longer count.

    python -m benchmarks.scaling [--accounts 1000000]
"""

from __future__ import annotations

import argparse
import json

import jax
import numpy as np

import shockgrid as sg
from benchmarks.population import COINS, benchmark_market, equal_accounts, scattered_accounts
from benchmarks.protocol import seconds, write
from benchmarks.stages import frames
from shockgrid.accounts.holdings import Accounts
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_market
from shockgrid.venues.okx.margin import price_contracts
from shockgrid.venues.okx.rule_lookup import padded_rule_tables
from shockgrid.venues.okx.rulebook import Rulebook

MOST_ACCOUNTS = 1_000_000
POSITIONS, ACCOUNTS_OF_POSITIONS = (1, 3, 10, 30, 100, 300, 1_000), 2_000
MARKETS = {100: (2, 3, 10), 300: (6, 8, 8), 1_000: (14, 10, 34), 1_500: (20, 10, 50), 3_000: (46, 10, 70)}
"""Instruments, about: strikes, expiries and coins."""
ACCOUNTS_OF_INSTRUMENTS = 10_000
RUNS = 7


def main() -> None:
    """Measure, print and write ``results/scaling.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=MOST_ACCOUNTS)
    market, rules = benchmark_market(), sg.load_rulebook("okx")
    results = {
        "accounts": by_accounts(market, rules, parser.parse_args().accounts),
        "positions_per_account": by_positions(market, rules),
        "instruments": by_instruments(rules),
    }
    print(json.dumps(results, indent=2))
    print("written to", write("scaling", results))


def by_accounts(market: Market, rules: Rulebook, most: int) -> dict[str, object]:
    """From a hundred accounts by half decades, about 20 positions each."""
    halves = np.arange(4, 2 * np.log10(most) + 1e-9)
    points = [point(market, scattered_accounts(market, round(10 ** (h / 2))), rules) for h in halves]
    return _fitted(points, "accounts")


def by_positions(market: Market, rules: Rulebook) -> dict[str, object]:
    """A fixed number of accounts with ever more positions, from one coin up to four."""
    points = [point(market, equal_accounts(market, ACCOUNTS_OF_POSITIONS, n), rules) for n in POSITIONS]
    return _fitted([p | {"positions_per_account": p["positions"] / p["accounts"]} for p in points], None)


def by_instruments(rules: Rulebook) -> dict[str, object]:
    """A fixed number of accounts in ever larger markets."""
    points = []
    for wanted, (strikes, expiries, coins) in MARKETS.items():
        market = benchmark_market(wanted, min(coins, COINS + 20), strikes=strikes, expiries=expiries)
        points.append(point(market, scattered_accounts(market, ACCOUNTS_OF_INSTRUMENTS), rules))
    return _fitted(points, "instruments")


def point(market: Market, accounts: Accounts, rules: Rulebook) -> dict[str, object]:
    """Pricing, and margin from loaded inputs to frames."""
    contracts, snapshot = pad_market(market.universe.contracts, market.snapshot)
    tables = padded_rule_tables(market, rules, contracts, snapshot)
    with jax.enable_x64(True):
        pricing = seconds(lambda: price_contracts(contracts, snapshot, tables.contracts), RUNS)
    return {
        "accounts": len(accounts),
        "positions": len(accounts.positions.quantity),
        "instruments": len(market.universe),
        "pricing": pricing,
        "margin": seconds(lambda: frames(sg.margin(market, accounts, rules)), RUNS),
    }


def _fitted(points: list[dict], axis: str | None) -> dict[str, object]:
    axis = axis or "positions_per_account"
    later = points[len(points) // 2 :] if len(points) > 2 else points
    x = np.log([p[axis] for p in later])
    slopes = {
        name: float(np.polyfit(x, np.log([p[name]["median_s"] for p in later]), 1)[0]) for name in ("pricing", "margin")
    }
    return {"axis": axis, "points": points, "log_log_slope": slopes}


if __name__ == "__main__":
    main()

"""``shockgrid generate``: example data."""

from __future__ import annotations

from pathlib import Path

import cyclopts

import shockgrid as sg
from shockgrid.cli.market_source import SourceOptions, read_market

app = cyclopts.App(name="generate", help="Make example data; every number of it is invented.")


@app.command(name="market")
def generate_market(path: Path, *, seed: int = 7, strikes_per_expiry: int = 14, expiries: int = 8) -> None:
    """Write a market: BTC, ETH, SOL, DOGE; linear and inverse contracts, options with a smile.

    Example: shockgrid generate market market.json

    Parameters
    ----------
    path
        A .json file, or a folder for Parquet.
    seed
        Same seed, same market.
    strikes_per_expiry
        Option strikes of BTC and ETH on each expiry.
    expiries
        Number of expiries.
    """
    sg.write_market(sg.synthetic_market(seed, strikes_per_expiry=strikes_per_expiry, expiries=expiries), path)
    print(f"market written to {path}")


@app.command(name="accounts")
def generate_accounts(
    market: Path,
    path: Path,
    *,
    count: int = 1000,
    seed: int = 7,
    mean_positions: float | None = None,
    source: SourceOptions | None = None,
) -> None:
    """Write a population of accounts that trade in a market.

    Example: shockgrid generate accounts market.json accounts --count 1000

    Parameters
    ----------
    market
        What they trade in.
    path
        A .json file, or a folder for Parquet.
    count
        How many accounts.
    seed
        Same seed, same accounts.
    mean_positions
        Average number of positions an account; about 6 by default.
    """
    population = sg.synthetic_accounts(read_market(market, source), count, seed, mean_positions=mean_positions)
    sg.write_accounts(population, path)
    print(f"{count} accounts written to {path}")

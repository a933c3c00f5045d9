"""``shockgrid convert``: one form into another."""

from __future__ import annotations

from pathlib import Path

import cyclopts

import shockgrid as sg
from shockgrid.cli.market_source import SourceOptions, read_market

app = cyclopts.App(name="convert", help="Rewrite a market or accounts in another form.")


@app.command(name="market")
def convert_market(source: Path, target: Path, *, options: SourceOptions | None = None) -> None:
    """Write a market in another form; what an option chain lacks is derived, and told.

    Example: shockgrid convert market chain.parquet market.json --snapshot 2021-06-15

    Parameters
    ----------
    source
        JSON, a Parquet folder, a Parquet file with an option chain, or a folder of OKX or Deribit payloads.
    target
        A .json file, or a folder for Parquet.
    """
    market = read_market(source, options)
    sg.write_market(market, target)
    for line in market.derived:
        print(f"derived: {line}")
    print(f"market written to {target}")


@app.command(name="accounts")
def convert_accounts(source: Path, target: Path) -> None:
    """Write accounts in another form.

    Example: shockgrid convert accounts accounts.json accounts

    Parameters
    ----------
    source
        JSON or a Parquet folder.
    target
        A .json file, or a folder for Parquet.
    """
    accounts = sg.read_accounts(source)
    sg.write_accounts(accounts, target)
    print(f"{len(accounts)} accounts written to {target}")

"""The command line: thin, every command one call of the library."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

import shockgrid as sg
from shockgrid.market.market import Market
from shockgrid.report.margin_summary import print_summary, summary_json
from shockgrid.report.parameters_page import parameters_page

app = cyclopts.App(name="shockgrid", help="Portfolio-margin stress research for crypto derivatives.")
generate = cyclopts.App(name="generate", help="Make example data; every number of it is invented.")
convert = cyclopts.App(name="convert", help="Rewrite a market or accounts in another form.")
rulebooks = cyclopts.App(name="rulebook", help="List, show and check rule versions.")
for group in (generate, convert, rulebooks):
    app.command(group)


@Parameter(name="*")
@dataclass(frozen=True)
class ChainOptions:
    """How to read a market from an option chain."""

    snapshot: Annotated[str | None, Parameter(help="Which snapshot of the chain, e.g. 2021-06-15.")] = None
    index: Annotated[
        dict[str, float] | None,
        Parameter(help="Index prices that the chain does not give, e.g. --index.USDT-USD 0.9998."),
    ] = None
    drop_unusable: Annotated[
        bool,
        Parameter(negative=(), help="Leave out options without volatility or expired; the report says how many."),
    ] = False


def _read_market(path: Path, chain: ChainOptions | None) -> Market:
    return sg.read_market(path) if chain is None else sg.read_market(path, **vars(chain))


@app.command
def margin(
    market: Path,
    accounts: Path,
    *,
    rulebook: str = "okx",
    at: str | None = None,
    chain: ChainOptions | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Margin accounts and print who is near liquidation and what drives margin.

    Example: shockgrid margin examples/market.json examples/accounts.json --out report

    Parameters
    ----------
    market
        A market: JSON, a Parquet folder, or a Parquet file with an option chain.
    accounts
        Accounts: JSON or a Parquet folder.
    rulebook
        ``okx`` for the newest version, ``okx/v2-2025-01-15``, or a TOML file.
    at
        With ``okx``: the version in force at this time, e.g. 2025-02-01 (the end of that day, UTC).
    out
        Folder for the frames as Parquet and a manifest.
    json
        Print accounts and units as JSON instead of a table.
    """
    report = sg.margin(_read_market(market, chain), sg.read_accounts(accounts), sg.load_rulebook(rulebook, at))
    if out is not None:
        report.save(out)
    if json:
        print(summary_json(report))
        return
    print_summary(report, Console())
    if out is not None:
        print(f"frames and manifest written to {out}")


@generate.command(name="market")
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


@generate.command(name="accounts")
def generate_accounts(
    market: Path,
    path: Path,
    *,
    count: int = 1000,
    seed: int = 7,
    mean_positions: float | None = None,
    chain: ChainOptions | None = None,
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
    population = sg.synthetic_accounts(_read_market(market, chain), count, seed, mean_positions=mean_positions)
    sg.write_accounts(population, path)
    print(f"{count} accounts written to {path}")


@convert.command(name="market")
def convert_market(source: Path, target: Path, *, chain: ChainOptions | None = None) -> None:
    """Write a market in another form; what an option chain lacks is derived, and told.

    Example: shockgrid convert market chain.parquet market.json --snapshot 2021-06-15

    Parameters
    ----------
    source
        JSON, a Parquet folder, or a Parquet file with an option chain.
    target
        A .json file, or a folder for Parquet.
    """
    market = _read_market(source, chain)
    sg.write_market(market, target)
    for line in market.derived:
        print(f"derived: {line}")
    print(f"market written to {target}")


@convert.command(name="accounts")
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


@rulebooks.command(name="list")
def rulebook_list() -> None:
    """Print the rule versions that come with shockgrid.

    Example: shockgrid rulebook list
    """
    for name in sg.list_rulebooks():
        rules = sg.load_rulebook(name)
        print(f"{name}  in force from {rules.effective:%Y-%m-%d %H:%M} UTC  {rules.summary}")


@rulebooks.command(name="show")
def rulebook_show(name: str = "okx", *, at: str | None = None) -> None:
    """Print every number of a rule version with unit, range, provenance and source, as Markdown.

    Example: shockgrid rulebook show okx/v2-2025-01-15

    Parameters
    ----------
    name
        ``okx`` for the newest version, ``okx/v2-2025-01-15``, or a TOML file.
    at
        With ``okx``: the version in force at this time.
    """
    print(parameters_page(sg.load_rulebook(name, at)), end="")


@rulebooks.command(name="validate")
def rulebook_validate(file: Path) -> None:
    """Check a rulebook file: keys, types, ranges, provenance, tables that belong together.

    Example: shockgrid rulebook validate my-rules.toml

    Parameters
    ----------
    file
        A TOML file.
    """
    rules = sg.load_rulebook(file)
    modelled = len(rules.modelled)
    print(f"{file}: {rules.name} is valid, {len(rules.parameters)} parameters, {modelled} of them modelled")


def main() -> None:
    """Run, and turn bad input into one line and exit code 2."""
    try:
        app()
    except sg.ShockgridError as error:
        Console(stderr=True).print(Text.assemble(("error ", "bold red"), str(error)), soft_wrap=True)
        sys.exit(2)

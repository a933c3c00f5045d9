"""``shockgrid borrow``: what accounts owe, interest, forced conversion, whether orders would be taken."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console

import shockgrid as sg
from shockgrid.cli.market_source import SourceOptions, read_market
from shockgrid.cli.rule_source import RuleOptions, read_rules
from shockgrid.report.counted import counted
from shockgrid.report.frame_table import frame_table, shown_columns

app = cyclopts.App(name="borrow", help="What accounts owe, its interest, forced conversion, and their orders.")

_SHOWN = {
    "account": "account",
    "currency": "owes",
    "liability": "amount",
    "loss_liability": "of losses",
    "mmr_usd": "MMR USD",
    "interest_per_hour": "an hour",
    "to_convert": "to convert",
}
_STEPS = {
    "account": "account",
    "sold_amount": "sells",
    "sold_currency": "of",
    "bought_amount": "for",
    "bought_currency": "in",
    "fee_usd": "fee USD",
    "slippage_usd": "slip USD",
}


@app.command(name="show")
def borrow_show(
    market: Path,
    accounts: Path,
    *,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Print every debt: its margin, its interest, and what of it must be converted.

    Example: shockgrid borrow show examples/market.json examples/accounts.json

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    json
        Print all currencies with all columns as JSON; an infinite limit is ``null``.
    """
    report = sg.margin(read_market(market, source), sg.read_accounts(accounts), read_rules(rules))
    if json:
        frame = loads(str(report.currencies.to_json(orient="records")))
        print(dumps({"manifest": report.manifest, "currencies": frame}, indent=2))
        return
    owed = report.currencies.query("liability > 0")
    Console().print(frame_table(shown_columns(owed, _SHOWN), f"{counted(len(owed), 'debt')} under {report.rules.name}"))


@app.command(name="accrue")
def borrow_accrue(
    market: Path,
    accounts: Path,
    out: Path,
    *,
    hours: float,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
) -> None:
    """Charge interest for some hours and write the accounts after it.

    Example: shockgrid borrow accrue examples/market.json examples/accounts.json after.json --hours 24

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    out
        A .json file, or a folder for Parquet.
    hours
        How long; a charge falls on every full hour.
    """
    before = sg.read_accounts(accounts)
    after = sg.accrue_interest(before, read_market(market, source), hours, read_rules(rules))
    sg.write_accounts(after, out)
    print(f"{counted(len(after), 'account')} with {hours:g} hours of interest written to {out}")


@app.command(name="convert")
def borrow_convert(
    market: Path,
    accounts: Path,
    *,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Plan the forced conversion of debts above the quota or near the limit.

    Example: shockgrid borrow convert examples/market.json examples/accounts.json --out after.json

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    out
        Where to write the accounts after it: a .json file, or a folder for Parquet.
    json
        Print the plan as JSON instead of a table.
    """
    report = sg.convert_debts(read_market(market, source), sg.read_accounts(accounts), read_rules(rules))
    if out is not None:
        sg.write_accounts(report.after, out)
    if json:
        print(report.to_json())
        return
    n = len(report.accounts)
    verb = "converts" if n == 1 else "convert"
    title = f"{counted(n, 'account')} {verb} in {counted(len(report.steps), 'trade')}"
    title += f" under {report.before.rules.name}"
    Console().print(frame_table(shown_columns(report.steps, _STEPS), title))
    if out is not None:
        print(f"accounts after the conversion written to {out}")


@app.command(name="check")
def borrow_check(
    market: Path,
    accounts: Path,
    *,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
) -> None:
    """Check that the exchange would have taken the open orders: balances, borrow limits, initial margin.

    Example: shockgrid borrow check examples/market.json examples/accounts.json

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    """
    holdings = sg.read_accounts(accounts)
    sg.check_orders(read_market(market, source), holdings, read_rules(rules))
    print(f"the open orders of {counted(len(holdings), 'account')} would be taken")

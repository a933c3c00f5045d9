"""``shockgrid margin`` and ``shockgrid explain``."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

import shockgrid as sg
from shockgrid.builder.okx_reply import okx_reply
from shockgrid.cli.margin_stream import stream_margin
from shockgrid.cli.market_source import SourceOptions, read_market
from shockgrid.cli.rule_source import RuleOptions, read_rules
from shockgrid.io.okx.position_builder import read_position_builder_request
from shockgrid.market.market import Market
from shockgrid.report.margin_report import OrderBooks
from shockgrid.report.margin_summary import print_summary, summary_json
from shockgrid.report.replay_summary import print_replay
from shockgrid.venues.okx.margin import Precision
from shockgrid.venues.okx.rulebook import Rulebook


def margin(
    market: Path,
    accounts: Path | None = None,
    *,
    okx_request: Path | None = None,
    rulebook: list[str] | None = None,
    at: str | None = None,
    orders: OrderBooks = "three_books",
    precision: Precision = "float64",
    stream: Annotated[bool, Parameter(negative=())] = False,
    source: SourceOptions | None = None,
    out: Path | None = None,
    html: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Margin accounts and print who is near liquidation and what drives margin.

    Example: shockgrid margin examples/market.json examples/accounts.json --out report

    Parameters
    ----------
    market
        A market: JSON, a Parquet folder, a Parquet file with an option chain, or a folder of OKX or Deribit payloads.
    accounts
        Accounts: JSON or a Parquet folder.
    okx_request
        A position-builder request of OKX's: print the reply as JSON in OKX's form. Accounts are then its real holdings.
    rulebook
        ``okx`` for the newest version, ``okx/v2-2025-01-15``, or a TOML file. Several, or ``all``: one table over
        versions.
    at
        With ``okx``: the version in force at this time, e.g. 2025-02-01 (the end of that day, UTC).
    orders
        How open orders enter initial margin: the worst of three books, or of every subset of a unit's orders.
    precision
        Of the sums over positions and the rules of units.
    stream
        Margin a Parquet folder of any size in bounded memory into ``--out``, with a progress bar; goes on where an
        interrupted run stopped.
    out
        Folder for the frames as Parquet and a manifest.
    html
        File for a self-contained page with plots.
    json
        Print accounts and units as JSON instead of a table.
    """
    names = rulebook or ["okx"]
    if len(names) > 1 and "all" in names:
        raise sg.InputError("shockgrid margin", "--rulebook", "all by itself, or several names", ", ".join(names))
    if len(names) > 1 or names == ["all"]:
        subsets = None if orders == "three_books" else orders
        other = {"--precision": None if precision == "float64" else precision, "--stream": stream or None}
        other |= {"--orders": subsets, "--at": at, "--html": html, "--okx-request": okx_request}
        _refuse("several rulebooks", other)
        _replay(market, accounts, names, source, out, json)
        return
    rules, prices = sg.load_rulebook(names[0], at), read_market(market, source)
    if okx_request is not None:
        _print_reply(prices, okx_request, rules, accounts)
        return
    if stream:
        _refuse("--stream", {"--html": html, "--json": json or None})
        stream_margin(prices, _given(accounts), rules, out, orders=orders, precision=precision)
        return
    report = sg.margin(prices, sg.read_accounts(_given(accounts)), rules, orders=orders, precision=precision)
    if out is not None:
        report.save(out)
    if html is not None:
        report.to_html(html)
    if json:
        print(summary_json(report))
        return
    print_summary(report, Console())
    for what, path in (("frames and manifest", out), ("page", html)):
        if path is not None:
            print(f"{what} written to {path}")


def _print_reply(market: Market, request: Path, rules: Rulebook, accounts: Path | None) -> None:
    holdings = None if accounts is None else sg.read_accounts(accounts)
    print(dumps(okx_reply(market, read_position_builder_request(request), rules, holdings), indent=2))


def _given(accounts: Path | None) -> Path:
    if accounts is None:
        raise sg.InputError("shockgrid margin", "accounts", "a file or folder of accounts, or --okx-request", "none")
    return accounts


def _refuse(with_what: str, options: dict[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise sg.InputError("shockgrid margin", name, f"no such option with {with_what}", value)


def _replay(
    market: Path, accounts: Path | None, names: list[str], source: SourceOptions | None, out: Path | None, json: bool
) -> None:
    holdings = sg.read_accounts(_given(accounts))
    report = sg.margin(read_market(market, source), holdings, rulebooks="all" if names == ["all"] else names)
    if out is not None:
        report.save(out)
    if json:
        print(report.to_json())
        return
    print_replay(report, Console())
    if out is not None:
        print(f"frames and manifest written to {out}")


def explain(
    market: Path,
    accounts: Path,
    account: str,
    *,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    markdown: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Explain an account's margin: scenarios, components, positions, equity, distance to liquidation.

    Example: shockgrid explain examples/market.json examples/accounts.json market_maker-000005

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    account
        Which one.
    markdown
        Print Markdown instead of a layout for the terminal.
    """
    report = sg.margin(read_market(market, source), sg.read_accounts(accounts), read_rules(rules))
    explanation = report.explain(account)
    if markdown:
        print(explanation.markdown)
    else:
        Console().print(explanation)

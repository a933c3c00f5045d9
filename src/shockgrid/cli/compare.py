"""``shockgrid attribute`` and ``compare-modes``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
from cyclopts import Parameter
from rich.console import Console

import shockgrid as sg
from shockgrid.cli.figure_file import write_figure
from shockgrid.cli.market_source import SourceOptions, read_market
from shockgrid.cli.rule_source import RuleOptions, read_rules
from shockgrid.report.frame_table import frame_table

ROUNDING = 1e-12
"""Relative to the largest part: sums in another order."""


def attribute(
    market: Path,
    accounts: Path,
    *,
    market_after: Path | None = None,
    accounts_after: Path | None = None,
    rulebook_after: str | None = None,
    account: str | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    html: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Why margin, equity and ratio moved from one market, set of accounts or rulebook to another.

    Example: shockgrid attribute examples/market.json examples/accounts.json --rulebook-after okx/v2-2025-01-15
    --account market_maker-000005

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    market_after
        The market afterwards; the same by default.
    accounts_after
        The accounts afterwards; the same by default.
    rulebook_after
        The rulebook afterwards; the same by default.
    account
        Which account to print and to plot; by default the only one, or the sum of all.
    out
        Folder for the frames as Parquet and a manifest.
    html
        File for the waterfall of one account.
    json
        Print the frames as JSON instead of a table.
    """
    if market_after is None and accounts_after is None and rulebook_after is None:
        raise sg.InputError("shockgrid attribute", "options", "--market-after, --accounts-after or --rulebook-after")
    was, held, rulebook = read_market(market, source), sg.read_accounts(accounts), read_rules(rules)
    before = sg.margin(was, held, rulebook)
    after = sg.margin(
        was if market_after is None else read_market(market_after, source),
        held if accounts_after is None else sg.read_accounts(accounts_after),
        rulebook if rulebook_after is None else sg.load_rulebook(rulebook_after),
    )
    found = sg.attribute(before, after)
    if out is not None:
        found.save(out)
    if html is not None:
        write_figure(found.plot(account), html)
    if json:
        print(found.to_json())
        return
    _print(found, account)


def _print(found: sg.Attribution, account: str | None) -> None:
    frame, ids = found.contributions, found.before.inputs.ids.tolist()
    if account is not None and account not in ids:
        raise sg.InputError("shockgrid attribute", "--account", "the id of an account", repr(account))
    frame = frame if account is None else frame.loc[frame.account == account]
    # Ratios of several accounts do not add up; neither do the spans of their sums.
    one = account is not None or len(ids) == 1
    columns = ["change", "low", "high"] if one else ["change"]
    figures = frame if one else frame.loc[frame.figure != "margin_ratio"]
    table = pd.DataFrame(figures.groupby(["figure", "factor"], sort=False)[columns].sum()).reset_index()
    rounding = ROUNDING * table.groupby("figure").change.transform(lambda x: x.abs().max())
    table[columns] = table[columns].where(table[columns].abs().gt(rounding, axis=0), 0.0)
    table = table.loc[table.factor.isin(found.changed) | (table.change != 0)]
    title = f"{account or (ids[0] if one else 'all accounts')}: what moved margin, equity and ratio"
    Console().print(frame_table(table, title))


def compare_modes(
    market: Path,
    accounts: Path,
    *,
    leverage: float | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """What accounts need in multi-currency margin mode, position by position, and whether they may switch.

    Example: shockgrid compare-modes examples/market.json examples/accounts.json --leverage 5

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    leverage
        Of perpetuals and futures; unset by default, which a switch does not allow.
    out
        Folder for the frames as Parquet and a manifest.
    json
        Print the frames as JSON instead of tables.
    """
    found = sg.compare_modes(
        read_market(market, source), sg.read_accounts(accounts), read_rules(rules), leverage=leverage
    )
    if out is not None:
        found.save(out)
    if json:
        print(found.to_json())
        return
    Console().print(found)

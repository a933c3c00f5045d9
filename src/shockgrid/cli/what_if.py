"""``shockgrid shock``, ``stress`` and ``what-if``."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from cyclopts import Parameter
from rich.console import Console

import shockgrid as sg
from shockgrid.cli.edit_words import read_edits, trade
from shockgrid.cli.market_source import SourceOptions, read_market
from shockgrid.cli.moves import MoveOptions, moves
from shockgrid.cli.rule_source import RuleOptions, read_rules
from shockgrid.report.counted import counted
from shockgrid.report.frame_table import frame_table

_SHOWN_FIGURES = ("equity_usd", "mmr_usd", "imr_usd", "margin_ratio")
_MOST_ROWS = 40
_TOTALS = {
    "stress": "stress",
    "pnl_usd": "P&L USD",
    "mmr_usd": "MMR USD",
    "liquidation": "liq.",
    "lowest_ratio": "lowest",
}


def shock(market: Path, out: Path, *, by: MoveOptions | None = None, source: SourceOptions | None = None) -> None:
    """Move a market and write it.

    Example: shockgrid shock examples/market.json crash.json --price.BTC -0.15 --vol.BTC 0.10 --peg.USDT -0.03

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    out
        A .json file, or a folder for Parquet.
    """
    before = read_market(market, source)
    after = sg.shock(before, **moves(by))
    sg.write_market(after, out)
    for line in after.derived[len(before.derived) :]:
        print(line)
    print(f"market written to {out}")


def stress(
    market: Path,
    accounts: Path,
    stresses: Path,
    *,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Margin accounts under named stresses: P&L, margin, and who would be liquidated.

    Example: shockgrid stress examples/market.json examples/accounts.json configs/stress/historical_days.toml

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    stresses
        A TOML file (docs/formats.md).
    out
        Folder for the frames as Parquet and a manifest.
    json
        Print both frames as JSON instead of a table.
    """
    report = sg.stress(read_market(market, source), sg.read_accounts(accounts), read_rules(rules), stresses)
    if out is not None:
        report.save(out)
    if json:
        print(report.to_json())
        return
    console = Console()
    title = f"{counted(len(report.today.inputs), 'account')} under {report.today.rules.name}"
    console.print(frame_table(report.totals.loc[:, list(_TOTALS)].rename(columns=_TOTALS), title))
    if report.not_listed:
        names = sorted({line.rpartition(": ")[2] for line in report.not_listed})
        console.print(f"not in this market, so not moved: {', '.join(names)}", style="dim", soft_wrap=True)


def what_if(
    market: Path,
    accounts: Path,
    *,
    account: list[str] | None = None,
    add: list[str] | None = None,
    remove: list[str] | None = None,
    close: list[str] | None = None,
    order: list[str] | None = None,
    balance: dict[str, float] | None = None,
    spot_mode: str | None = None,
    auto_borrow: bool | None = None,
    to_rulebook: str | None = None,
    edits: Path | None = None,
    by: MoveOptions | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Margin accounts as they are and as they would be.

    Example: shockgrid what-if examples/market.json examples/accounts.json --account directional-000001
    --add BTC-USDT-SWAP=-50 --price.BTC -0.1

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    account
        Whom the edits are of, and who is shown; all by default.
    add
        ``INSTRUMENT=QUANTITY`` or ``INSTRUMENT=QUANTITY@PRICE``: a position more, at today's mark by default.
    remove
        ``INSTRUMENT`` or ``INSTRUMENT=QUANTITY``: as if it had never been held.
    close
        ``INSTRUMENT``, or ``all``: traded out at today's marks.
    order
        ``INSTRUMENT=QUANTITY@PRICE``: an open order more.
    balance
        Paid in, or out where below zero: --balance.USDT 1000.
    spot_mode
        Spot mode of all accounts (version 1).
    auto_borrow
        Auto-borrow of all accounts.
    to_rulebook
        Another rulebook afterwards.
    edits
        A JSON file with arguments of ``sg.what_if``, instead of words.
    out
        Folder for the frames as Parquet and a manifest.
    json
        Print the frames as JSON instead of tables.
    """
    given = _given(account, add, remove, close, order, balance, spot_mode, auto_borrow, to_rulebook)
    given |= {"shock": moves(by)} if moves(by) else {}
    if edits is not None:
        if given:
            raise sg.InputError("shockgrid what-if", "--edits", "a file or words, not both", ", ".join(given))
        given = read_edits(edits)
    found = sg.what_if(read_market(market, source), sg.read_accounts(accounts), read_rules(rules), **given)
    if out is not None:
        found.save(out)
    frames = {name: _of(getattr(found, name), account) for name in ("accounts", "units", "statuses")}
    if json:
        print(dumps({name: loads(str(frame.to_json(orient="records"))) for name, frame in frames.items()}, indent=2))
        return
    console = Console()
    shown = frames["accounts"].loc[frames["accounts"].figure.isin(_SHOWN_FIGURES)]
    changed = frames["units"].loc[frames["units"].change != 0]
    _print(console, shown, f"{found.before.rules.name} to {found.after.rules.name}")
    if len(changed):
        _print(console, changed, "what changed in the units")
    moved = frames["statuses"].query("status_before != status_after")
    if len(moved):
        _print(console, moved, "status")


def _given(
    account: list[str] | None,
    add: list[str] | None,
    remove: list[str] | None,
    close: list[str] | None,
    order: list[str] | None,
    balance: dict[str, float] | None,
    spot_mode: str | None,
    auto_borrow: bool | None,
    to_rulebook: str | None,
) -> dict[str, Any]:
    """The arguments of ``sg.what_if`` that were given."""
    whose: dict[str, Any] = {"account": account} if account else {}
    settings = {"spot_mode": spot_mode, "auto_borrow": auto_borrow, "rulebook": to_rulebook}
    closing: Any = [trade("--close", word, account, price="price") for word in close or []]
    found: dict[str, Any] = {
        "add": [trade("--add", word, account, price="average_price") for word in add or []],
        "remove": [trade("--remove", word, account, price="average_price") for word in remove or []],
        "close": closing,
        "orders": [trade("--order", word, account, price="price", needs_price=True) for word in order or []],
        "balances": [{"currency": c, "amount": x, **whose} for c, x in (balance or {}).items()],
        "settings": {name: value for name, value in settings.items() if value is not None},
    }
    return {name: value for name, value in found.items() if value}


def _of(frame: pd.DataFrame, account: list[str] | None) -> pd.DataFrame:
    return frame if account is None else frame.loc[frame.account.isin(account)].reset_index(drop=True)


def _print(console: Console, frame: pd.DataFrame, title: str) -> None:
    if len(set(frame.account)) == 1:
        title, frame = f"{frame.account.iloc[0]}: {title}", frame.drop(columns="account")
    console.print(frame_table(frame.head(_MOST_ROWS), title))
    if len(frame) > _MOST_ROWS:
        console.print(f"and {len(frame) - _MOST_ROWS:,} rows more (--out or --json has them all)", style="dim")

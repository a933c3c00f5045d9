"""``shockgrid liquidate`` and ``shockgrid cascade``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress

import shockgrid as sg
from shockgrid.cli.figure_file import write_figure
from shockgrid.cli.market_source import SourceOptions, read_market
from shockgrid.cli.moves import MoveOptions, moves
from shockgrid.cli.rule_source import RuleOptions, read_rules
from shockgrid.report.counted import counted
from shockgrid.report.frame_table import frame_table, shown_columns

_ACCOUNTS = {
    "account": "account",
    "outcome": "outcome",
    "ratio_before": "ratio",
    "margin_ratio": "after",
    "equity_after_usd": "equity USD",
    "fees_usd": "fees",
    "slippage_usd": "slippage",
    "fund_loss_usd": "fund pays",
    "steps": "steps",
}
_ROUNDS = {
    "round": "round",
    "liquidated": "liquidated",
    "bankrupt": "bankrupt",
    "turnover_usd": "turnover USD",
    "fees_usd": "fees",
    "slippage_usd": "slippage",
    "loss_usd": "losses",
    "fund_usd": "fund left",
}


def liquidate(
    market: Path,
    accounts: Path,
    *,
    account: str | None = None,
    move: MoveOptions | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    after: Path | None = None,
    plot: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Liquidate the accounts whose margin ratio is 1 or below, step by step.

    Example: shockgrid liquidate examples/market.json examples/accounts.json --price.BTC -0.3

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    account
        Tell the story of this one.
    out
        A folder for the steps, the accounts and the manifest.
    after
        Where to write the accounts that are left: a .json file, or a folder for Parquet.
    plot
        An HTML file for the plot of ``account``.
    json
        Print steps and accounts as JSON instead of a table.
    """
    if plot is not None and account is None:
        raise sg.InputError("liquidate", "plot", "--account, whose liquidation is plotted", "none")
    report = sg.liquidate(
        read_market(market, source), sg.read_accounts(accounts), read_rules(rules), shock=moves(move) or None
    )
    if out is not None:
        report.save(out)
    if after is not None:
        sg.write_accounts(report.after, after)
    if plot is not None and account is not None:
        write_figure(report.plot(account), plot)
    if json:
        print(report.to_json())
    elif account is not None:
        print(report.explain(account))
    else:
        _show(report)


def _show(report: sg.LiquidationReport) -> None:
    touched = report.accounts.query("outcome != 'untouched'")
    verb = "is" if len(touched) == 1 else "are"
    title = f"{counted(len(touched), 'account')} of {len(report.accounts):,} {verb} liquidated"
    title += f" under {report.before.rules.name}; sizes of steps and costs are modelled"
    Console().print(frame_table(shown_columns(touched, _ACCOUNTS), title))


def cascade(
    market: Path,
    accounts: Path,
    *,
    fund_usd: float = 0.0,
    depth: Annotated[
        dict[str, float] | None,
        Parameter(help="USD within 1 % of the price by coin: --depth.BTC 5e7; --depth.'*' is all."),
    ] = None,
    max_rounds: int = 100,
    move: MoveOptions | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    plot: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Liquidate accounts on one liquidity: trades move prices, prices bring about the next liquidations.

    Example: shockgrid cascade examples/market.json examples/accounts.json --price.BTC -0.3 --fund-usd 1e5

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    fund_usd
        What the insurance fund holds.
    max_rounds
        The most that are played.
    out
        A folder for all frames and the manifest.
    plot
        An HTML file for the plot.
    json
        Print all frames as JSON instead of a table.
    """
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("round", total=None)
        report = sg.cascade(
            read_market(market, source),
            sg.read_accounts(accounts),
            read_rules(rules),
            shock=moves(move) or None,
            fund_usd=fund_usd,
            depth_usd=depth,
            max_rounds=max_rounds,
            done=lambda r: progress.update(
                task, description=f"round {r.number}: {len(r.liquidation.entered)} accounts"
            ),
        )
    if out is not None:
        report.save(out)
    if plot is not None:
        write_figure(report.plot(), plot)
    if json:
        print(report.to_json())
        return
    touched = int((report.accounts.outcome != "untouched").sum())
    title = f"{counted(touched, 'account')} liquidated in {counted(len(report.rounds), 'round')}: a model"
    Console().print(frame_table(shown_columns(report.rounds, _ROUNDS), title))
    taken = report.accounts[["deleveraged_usd", "clawed_back_usd"]].sum()
    print(
        f"beyond the fund: {taken.deleveraged_usd:,.0f} USD from profitable positions, "
        f"{taken.clawed_back_usd:,.0f} USD from all, {report.unassigned_usd:,.0f} USD from no one"
    )

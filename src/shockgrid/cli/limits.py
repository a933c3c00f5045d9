"""``shockgrid max-quantity``, ``curve``, ``liquidation-price`` and ``marginal``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from cyclopts import Parameter
from rich.console import Console

import shockgrid as sg
from shockgrid.cli.figure_file import write_figure
from shockgrid.cli.market_source import SourceOptions, read_market
from shockgrid.cli.rule_source import RuleOptions, read_rules
from shockgrid.report.frame_table import frame_table

_WHO = {"account": "account", "coin": "coin", "instrument": "instrument"}
_QUANTITY = _WHO | {
    "side": "side",
    "quantity": "contracts",
    "ratio": "ratio",
    "ratio_next": "a lot more",
    "binds": "binds",
}
_PRICES = {"price_usd": "USD", "margin_ratio": "ratio", "down_move": "down", "down_price_usd": "at USD"}
_PRICES = _WHO | _PRICES | {"up_move": "up", "up_price_usd": "or at USD"}
_POINTS = {"price_move": "move", "price_usd": "at USD", "equity_usd": "equity USD", "mmr_usd": "MMR USD"}
_POINTS = _WHO | _POINTS | {"margin_ratio": "ratio"}
_MARGINAL = _WHO | {"quantity": "contracts", "cash_delta_usd": "delta USD", "marginal_mmr_usd": "marginal USD"}


def max_quantity(
    market: Path,
    accounts: Path,
    instrument: list[str],
    *,
    ratio: float,
    side: Literal["buy", "sell", "both"] = "both",
    account: list[str] | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """How much an account can trade before its margin ratio reaches a level.

    Example: shockgrid max-quantity examples/market.json examples/accounts.json BTC-USDT-SWAP --ratio 3
    --account directional-000001

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    instrument
        One or several.
    ratio
        The level of the margin ratio: 3 is 300 %.
    side
        Buy, sell, or both.
    account
        One or several; all by default.
    json
        Print JSON instead of a table.
    """
    found = sg.max_quantity(
        read_market(market, source),
        sg.read_accounts(accounts),
        read_rules(rules),
        instrument,
        ratio=ratio,
        side=side,
        account=account,
    )
    _show(found, f"largest trades that keep a margin ratio of {ratio:.0%}", json, _QUANTITY)


def liquidation_price(
    market: Path,
    accounts: Path,
    *,
    account: list[str] | None = None,
    coin: list[str] | None = None,
    ratio: float | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """The nearest prices at which accounts would be liquidated, all other prices held.

    Example: shockgrid liquidation-price examples/market.json examples/accounts.json --account short_strangle-000003

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    account
        One or several; all by default.
    coin
        One or several; all that an account holds or trades by default.
    ratio
        The level of the margin ratio; that of liquidation by default.
    json
        Print JSON instead of a table.
    """
    found = sg.liquidation_price(
        read_market(market, source),
        sg.read_accounts(accounts),
        read_rules(rules),
        account=account,
        coin=coin,
        ratio=ratio,
    )
    _show(found, "nearest prices, below and above today's", json, _PRICES)


def curve(
    market: Path,
    accounts: Path,
    *,
    account: list[str] | None = None,
    coin: list[str] | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    out: Path | None = None,
    html: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Margin and ratio against the price of each coin, from -90 % to +100 %.

    Example: shockgrid curve examples/market.json examples/accounts.json --account short_strangle-000003
    --html curve.html

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    account
        One or several; all by default.
    coin
        One or several; all that an account holds or trades by default.
    out
        Folder for the points as Parquet and a manifest.
    html
        File for the plot of one account.
    json
        Print all points as JSON; without it every tenth is printed.
    """
    found = sg.margin_curve(
        read_market(market, source), sg.read_accounts(accounts), read_rules(rules), account=account, coin=coin
    )
    if out is not None:
        found.save(out)
    if html is not None:
        write_figure(found.plot(), html)
    if json:
        print(found.to_json())
        return
    tenth = (found.points.price_move * 100).round().astype(int) % 10 == 0
    _show(found.points.loc[tenth], "margin against price", json, _POINTS)


def marginal(
    market: Path,
    accounts: Path,
    *,
    account: list[str] | None = None,
    rules: RuleOptions | None = None,
    source: SourceOptions | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """What each position adds to the margin of its account; below zero: it reduces margin.

    Example: shockgrid marginal examples/market.json examples/accounts.json --account covered_call-000004

    Parameters
    ----------
    market
        A market, in any form that ``margin`` takes.
    accounts
        Accounts: JSON or a Parquet folder.
    account
        One or several; all by default.
    json
        Print JSON instead of a table.
    """
    report = sg.margin(read_market(market, source), sg.read_accounts(accounts), read_rules(rules))
    _show(sg.marginal_margin(report, account), f"marginal margin under {report.rules.name}", json, _MARGINAL)


def _show(frame: pd.DataFrame, title: str, json: bool, names: dict[str, str]) -> None:
    """A frame as JSON, or some of its columns as a table; an account that is the only one stands in the title."""
    if json:
        print(frame.to_json(orient="records", indent=2))
        return
    if len(set(frame.account)) == 1:
        title, frame = f"{frame.account.iloc[0]}: {title}", frame.drop(columns="account")
    shown = frame.loc[:, [name for name in names if name in frame]]
    flags = {name: np.where(shown[name], "yes", "no") for name in shown if shown[name].dtype == bool}
    # To the ten-thousandth of a percent: a lot more is often no more than that.
    flags |= {name: [f"{x:.4%}" for x in shown[name]] for name in ("ratio", "ratio_next") if name in shown}
    Console().print(frame_table(shown.assign(**flags).rename(columns=names), title))

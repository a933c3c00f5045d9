"""What stands in the way of a switch of the account mode, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shockgrid.accounts.book import POSITIONS
from shockgrid.builder.mode_accounts import AccountFigures
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.modes.position_margin import Holdings

N_NAMES = 6
"""Instruments named one by one."""


def words_into_mode(
    report: MarginReport, figures: AccountFigures, holdings: Holdings, leverage: np.ndarray
) -> list[str]:
    """For every account all that forbids the switch, in the order in which it is checked; empty where nothing does."""
    words: list[list[str]] = [[] for _ in range(len(report.inputs))]
    for account, text in _debts(report, figures):
        words[account].append(text)
    for account, text in _unset(report, figures, holdings, leverage):
        words[account].append(text)
    equity = report.accounts["equity_usd"].to_numpy(float)
    short = (figures.shortfall_usd > 0) | figures.below_ratio
    for account in np.flatnonzero(short).tolist():
        words[account].append(_margin(report, figures, float(equity[account]), account))
    return ["; ".join(parts) for parts in words]


def words_into_pm(report: MarginReport) -> list[str]:
    """For every account all that forbids entering portfolio margin; empty where nothing does."""
    frame, rules = report.accounts, report.rules
    least, level = float(rules["account.minimum_equity_usd"]), float(rules["ratio.liquidation"])
    equity, ratio = (frame[name].to_numpy(float) for name in ("gross_equity_usd", "margin_ratio"))
    words: list[list[str]] = [[] for _ in range(len(frame))]
    for account in np.flatnonzero(~report.inputs.declared).tolist():
        words[account].append("the user has not declared to understand the mode")
    for account in np.flatnonzero(equity < least).tolist():
        words[account].append(f"net equity of {equity[account]:,.2f} USD is below the least of {least:,.0f} USD")
    for account in np.flatnonzero(ratio <= level).tolist():
        words[account].append(f"the margin ratio of portfolio margin, {ratio[account]:.1%}, is not above {level:.0%}")
    return ["; ".join(parts) for parts in words]


def _debts(report: MarginReport, figures: AccountFigures) -> list[tuple[int, str]]:
    """Account and words for those who must repay."""
    rows, names = report.rows, report.market.universe.currencies
    amounts: dict[int, list[str]] = {}
    for row in np.flatnonzero(figures.repay > 0).tolist():
        text = f"{figures.repay[row]:,.8g} {names[rows.currency[row]]}"
        amounts.setdefault(int(rows.currency_account[row]), []).append(text)
    limit = {True: "above the account's borrow limit", False: "above the interest-free quota, without auto-borrow"}
    return [
        (account, f"repay {', '.join(texts)} of debt first, {limit[bool(report.inputs.auto_borrow[account])]}")
        for account, texts in amounts.items()
    ]


def _unset(
    report: MarginReport, figures: AccountFigures, holdings: Holdings, leverage: np.ndarray
) -> Iterator[tuple[int, str]]:
    """Account and words for those who hold a perpetual or future without a leverage."""
    universe = report.market.universe
    lacks = ~universe.contracts.is_option & np.isnan(leverage)
    row = np.flatnonzero(lacks[holdings.instrument] & (holdings.quantity[POSITIONS] != 0))
    accounts = np.flatnonzero(figures.leverage_unset)
    starts, ends = (np.searchsorted(holdings.account[row], accounts, side=side) for side in ("left", "right"))
    for account, start, end in zip(accounts.tolist(), starts.tolist(), ends.tolist(), strict=True):
        names = [str(name) for name in universe.ids[holdings.instrument[row[start:end][:N_NAMES]]]]
        more = f" and {end - start - N_NAMES} more" if end - start > N_NAMES else ""
        yield account, f"set the leverage of {', '.join(names)}{more}"


def _margin(report: MarginReport, figures: AccountFigures, equity: float, account: int) -> str:
    required, least = float(figures.required_usd[account]), float(figures.least_required_usd[account])
    repaid = ", after repaying," if figures.repay_usd[account] > 0 else ""
    if equity >= required:
        return f"adjusted equity of {equity:,.2f} USD does not cover maintenance margin and fees"
    text = f"adjusted equity of {equity:,.2f} USD{repaid} is below the initial margin of {required:,.2f} USD"
    if least < required and equity >= least:
        return f"{text}, but not below {least:,.2f} USD, that at the highest leverage of each tier"
    return text

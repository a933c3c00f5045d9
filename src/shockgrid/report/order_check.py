"""``sg.check_orders``: whether the open orders of accounts are such as the exchange would have taken."""

from __future__ import annotations

import dataclasses

import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels, Orders
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.report.borrowing import currencies_frame
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.rulebook import Rulebook

ROUNDING = 1e-9


def check_orders(market: Market, accounts: Accounts, rules: Rulebook) -> None:
    """Refuse accounts with open orders that the exchange would refuse.

    Orders may not freeze more of a currency than the account has (without auto-borrow), nor borrow more than its
    borrow limit (with auto-borrow), nor raise the initial margin above the adjusted equity
    (okx_portfolio_margin.md sections 1.3 and 11). ``margin`` itself takes accounts as they are.

    Args:
        market: Where they trade.
        accounts: The accounts.
        rules: The rulebook.

    Raises:
        InputError: The first account, in order, whose orders would be refused; names the currency or the margin.
    """
    report = margin(market, accounts, rules)
    found = [_first_frozen(report, accounts), _first_short_of_equity(report, market, accounts, rules)]
    refused = [entry for entry in found if entry is not None]
    if refused:
        account, expected, shown = min(refused, key=lambda entry: entry[0])
        where = accounts.source.locate("accounts", account, "orders")
        raise InputError(accounts.source.file, where, expected, f"{shown} (account {accounts.ids[account]!r})")


_Refusal = tuple[int, str, str]


def _first_frozen(report: MarginReport, accounts: Accounts) -> _Refusal | None:
    """The first account whose orders take more of a currency than it has or may borrow."""
    frame = currencies_frame(report)
    frozen, potential = frame["frozen"].to_numpy(float), frame["potential_borrowing"].to_numpy(float)
    account = report.rows.currency_account
    may_borrow = np.where(accounts.auto_borrow[account], frame["borrow_limit"].to_numpy(float), 0.0)
    bad = np.flatnonzero((frozen > 0) & (potential > may_borrow + ROUNDING * frozen))
    if len(bad) == 0:
        return None
    row = int(bad[0])
    name, limit = str(frame["currency"].iloc[row]), float(may_borrow[row])
    expected = (
        f"orders that borrow at most {limit:,.8g} {name} (borrow_limits)"
        if accounts.auto_borrow[account[row]]
        else f"orders within the account's {name}, without auto-borrow"
    )
    return int(account[row]), expected, f"{potential[row]:,.8g} {name} to borrow"


def _first_short_of_equity(
    report: MarginReport, market: Market, accounts: Accounts, rules: Rulebook
) -> _Refusal | None:
    """The first account whose orders raise its initial margin above its equity."""
    none = np.zeros(0)
    without = dataclasses.replace(accounts, orders=Orders(none.astype(np.int32), Labels.of([]), none, none))
    before = margin(market, without, rules).accounts["imr_usd"].to_numpy(float)
    after, equity = (report.accounts[name].to_numpy(float) for name in ("imr_usd", "equity_usd"))
    bad = np.flatnonzero((after > before * (1.0 + ROUNDING)) & (after > equity))
    if len(bad) == 0:
        return None
    row = int(bad[0])
    expected = f"orders whose initial margin the adjusted equity of {equity[row]:,.2f} USD covers"
    return row, expected, f"{after[row]:,.2f} USD"

"""``sg.liquidate``: forced liquidation of all accounts that are due, step by step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from shockgrid.accounts.account_rows import AccountRows, plan_rows
from shockgrid.accounts.after_trades import NewHoldings, with_holdings
from shockgrid.accounts.book import contract_values
from shockgrid.accounts.copies import copy_accounts
from shockgrid.accounts.entry_prices import entered_at_marks
from shockgrid.accounts.holdings import Accounts, Labels, Orders
from shockgrid.market.market import Market
from shockgrid.report.liquidation_report import LiquidationReport
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.shock import shocked
from shockgrid.venues.okx.liquidation.layout import lay_books
from shockgrid.venues.okx.liquidation.process import make_process
from shockgrid.venues.okx.liquidation.sequence import Liquidated, liquidate_books
from shockgrid.venues.okx.rulebook import Rulebook


def liquidate(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    *,
    shock: Mapping[str, Any] | None = None,
    done: Callable[[str], object] | None = None,
) -> LiquidationReport:
    """Liquidate every account whose margin ratio is 1 or below, in OKX's order of stages (docs/liquidation.md).

    Orders are cancelled; debts are bought back; then, until the ratio is above ``liquidation.stop_ratio``: DDH1
    (version 2), DDH2, basis hedging, general reduction; then debts are bought back again. Each step trades the
    candidate that relieves the shortfall most for its cost, and is a margin of the account anew. Step sizes, costs and
    ties are choices of this project (parameters ``liquidation.*``); the order of the stages is OKX's.

    Args:
        market: Prices, and where it has them depths, spreads, lots and fees. Trades do not move it: see ``cascade``.
        accounts: As of the market's time.
        rules: Of margin and liquidation.
        shock: How the market moves first: arguments of ``sg.shock``. Positions without an average price then count as
            entered at the marks before it.
        done: Called with the name of each stage when accounts of one size are through with it.

    Returns:
        The steps, what became of each account, and the accounts afterwards.

    Raises:
        InputError: As for ``margin`` and ``shock``.
        ShockError: Likewise.
    """
    if shock is not None:
        accounts = entered_at_marks(accounts, market)
        market = shocked(market, shock, "liquidate")
    return liquidate_report(margin(market, accounts, rules), done or (lambda stage: None))


def liquidate_report(before: MarginReport, done: Callable[[str], object] = lambda stage: None) -> LiquidationReport:
    """The same from the margin of the accounts.

    Args:
        before: From ``margin``.
        done: As for ``liquidate``.
    """
    market, rules = before.market, before.rules
    entered = np.flatnonzero(before.accounts.margin_ratio.to_numpy() <= float(rules["ratio.liquidation"]))
    entries = copy_accounts(before.inputs, entered)
    rows = plan_rows(_without_orders(entries), market, before.risk_units)
    process = make_process(market, rules, before.exposures)
    parts = tuple(
        liquidate_books(process, books, market, rules, done) for books in lay_books(rows, market, process.tables.spot)
    )
    after = with_holdings(before.inputs, entered, _left(entries, entered, rows, parts, market))
    return LiquidationReport(before, entered, entries, parts, after)


def _without_orders(accounts: Accounts) -> Accounts:
    none = np.zeros(0)
    return dataclasses.replace(accounts, orders=Orders(none.astype(np.int32), Labels.of([]), none, none))


def _left(
    entries: Accounts, entered: np.ndarray, rows: AccountRows, parts: tuple[Liquidated, ...], market: Market
) -> NewHoldings:
    """Positions at their entry prices, and balances, of the accounts that were liquidated."""
    n_currencies = len(market.universe.currencies)
    held, owned = [], []
    for part in parts:
        account, entry, price, cash = _positions_and_cash(part, market)
        quantity, who = part.after.held.quantity[account, entry], part.books.account
        held.append((who[account], part.books.book.instrument[account, entry], quantity, price))
        b, c = np.nonzero(cash[:, :n_currencies])
        owned.append((who[b], c, cash[b, c]))
    a, i, q, p = (np.concatenate([np.zeros(0), *column]) for column in _columns(held, 4))
    b, c, m = (np.concatenate([np.zeros(0), *column]) for column in _columns(owned, 3))
    ids, currencies = market.universe.ids, market.universe.currencies
    interest = _accrued(entries, market)
    owing, of = np.nonzero(interest)
    return NewHoldings(
        position_account=entered[a.astype(int)],
        instrument=ids[i.astype(int)].tolist(),
        quantity=q,
        average_price=p,
        balance_account=entered[np.append(b.astype(int), owing)],
        currency=[currencies[int(k)] for k in np.append(c, of)],
        amount=np.append(m, interest[owing, of]),
        accrued_interest=np.append(np.zeros(len(m)), interest[owing, of]),
    )


def _columns(parts: list[tuple[np.ndarray, ...]], n: int) -> list[tuple[np.ndarray, ...]]:
    return list(zip(*parts, strict=True)) if parts else [()] * n


def _positions_and_cash(part: Liquidated, market: Market) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Place and entry of every position, its entry price, and ``[account, currency]`` cash.

    Gains that no entry price can carry are cash: of rows that net to zero, and of those that nearly do, whose entry
    price would not be a price.
    """
    held, book, contracts = part.after.held, part.books.book, market.universe.contracts
    value = contract_values(market)[book.instrument]
    with np.errstate(divide="ignore", invalid="ignore"):
        per_contract = np.where(held.quantity != 0.0, held.entry_value / held.quantity, 0.0)
    has_price = (held.quantity != 0.0) & (per_contract * value > 0.0)
    account, entry = np.nonzero(held.quantity)
    at_entry = np.where(has_price, per_contract, value)
    size = contracts.contract_value[book.instrument]
    price = np.where(contracts.is_inverse[book.instrument], -size / at_entry, at_entry / size)
    gain = np.where(has_price | contracts.is_option[book.instrument], 0.0, held.quantity * value - held.entry_value)
    cash = held.cash.copy()
    np.add.at(cash, (np.arange(len(cash))[:, None], contracts.settle[book.instrument]), gain)
    return account, entry, price[account, entry], cash


def _accrued(entries: Accounts, market: Market) -> np.ndarray:
    """``[account, currency]`` interest that is accrued and not yet charged."""
    b, names = entries.balances, list(market.universe.currencies)
    table = np.zeros((len(entries), len(names)))
    place = np.array([names.index(name) for name in b.currency.names], int)
    if len(b.amount):
        np.add.at(table, (b.account, place[b.currency.codes]), b.accrued_interest)
    return table

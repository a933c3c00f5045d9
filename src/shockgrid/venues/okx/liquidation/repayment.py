"""Forced repayment: all debts are bought back with what may be sold, by the plan of a forced conversion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import numpy as np

from shockgrid.market.market import Market
from shockgrid.numerics.ordering import place_in_group
from shockgrid.venues.okx.conversion import Assets, BuyBacks, Trades, plan_conversion
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.choosing import LEAST_RELIEF
from shockgrid.venues.okx.liquidation.figures import AccountFigures
from shockgrid.venues.okx.liquidation.layout import LaidBooks
from shockgrid.venues.okx.liquidation.process import Process, State, evaluate, rows_of, write_rows
from shockgrid.venues.okx.liquidation.trades import LEAST_SPOT_USD
from shockgrid.venues.okx.rulebook import Rulebook
from shockgrid.venues.okx.sale_order import first_discount_rates, sale_order


@dataclass(frozen=True)
class RepaymentLog:
    """What accounts of one size sold and bought, in order for each account (NumPy).

    Attributes:
        stage: Which of the two repayments.
        books: Theirs.
        trades: What; its ``account`` is a place among the books.
        before, after: Margin around each.
    """

    stage: str
    books: LaidBooks
    trades: Trades
    before: AccountFigures
    after: AccountFigures


def repay(
    stage: str, process: Process, books: LaidBooks, state: State, active: np.ndarray, market: Market, rules: Rulebook
) -> tuple[State, RepaymentLog]:
    """Buy back debts, trade by trade as far as each lowers the shortfall, until the ratio is above the stop ratio.

    Args:
        stage: Its name, for the log.
        process: What all accounts share.
        books: Theirs.
        state: Of all of the books.
        active: ``[account]`` whether each takes part.
        market: Names and volumes of currencies.
        rules: Discount rates and costs.

    Returns:
        The state of all afterwards, and what was traded.
    """
    state = jax.tree.map(np.array, state)
    planned = _plan(state, active, market, rules)
    rank = place_in_group(planned.account)
    done, before, after = np.zeros(len(rank), bool), [], []
    for k in range(int(rank.max(initial=-1)) + 1):
        row = np.flatnonzero(rank == k)
        row = row[state.now.account.margin_ratio[planned.account[row]] <= process.stop_ratio]
        place = planned.account[row]
        then, _ = evaluate(process, books, _converted(rows_of(state.held, place), planned, row), place)
        was, now = rows_of(state.now.account, place), then.now.account
        helps = was.shortfall_usd - now.shortfall_usd > LEAST_RELIEF * (np.abs(was.equity_usd) + was.required_usd)
        write_rows(state, place[helps], rows_of(then, helps))
        done[row[helps]] = True
        before.append(rows_of(was, helps))
        after.append(rows_of(now, helps))
    order = np.lexsort((planned.account[done], rank[done]))
    in_rounds = Trades(**{name: values[done][order] for name, values in vars(planned).items()})
    return state, RepaymentLog(stage, books, in_rounds, _joined(before, state), _joined(after, state))


def _plan(state: State, active: np.ndarray, market: Market, rules: Rulebook) -> Trades:
    """The conversion of all debts, largest in USD first."""
    n, names = len(market.universe.currencies), market.universe.currencies
    price, is_usdt = market.snapshot.index_usd, np.array([name == "USDT" for name in names])
    equity, cash = state.now.equity[:, :n], state.held.cash[:, :n]
    order = sale_order(market, rules)
    sellable = np.maximum(np.minimum(cash, equity), 0.0) * (first_discount_rates(market, rules) > 0) * active[:, None]
    account, place = np.nonzero(sellable[:, order] > 0)
    sold = order[place]
    assets = Assets(account, sold, sellable[account, sold], price[sold], is_usdt[sold])
    debts = np.where(-equity * price >= LEAST_SPOT_USD, -equity, 0.0) * active[:, None]
    account, bought = np.nonzero(debts > 0)
    largest = np.lexsort((bought, -debts[account, bought] * price[bought], account))
    account, bought = account[largest], bought[largest]
    owed = BuyBacks(account, bought, debts[account, bought], price[bought], is_usdt[bought])
    return plan_conversion(assets, owed, float(rules["conversion.fee_frac"]), float(rules["conversion.slippage_frac"]))


def _converted(held: Holdings, trades: Trades, row: np.ndarray) -> Holdings:
    """Holdings of one account each after one trade each."""
    cash, place = held.cash.copy(), np.arange(len(row))
    cash[place, trades.sold[row]] -= trades.sold_amount[row]
    cash[place, trades.bought[row]] += trades.bought_amount[row]
    return replace(held, cash=cash)


def _joined(parts: list[AccountFigures], state: State) -> AccountFigures:
    none = rows_of(state.now.account, np.zeros(0, int))
    return jax.tree.map(lambda *x: np.concatenate(x), none, *parts)

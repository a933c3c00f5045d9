"""One round of a cascade: who is below 100 % is liquidated, prices move, and all are margined anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.after_trades import NewHoldings, with_holdings
from shockgrid.accounts.balance_changes import with_balance_changes
from shockgrid.accounts.holdings import Accounts
from shockgrid.contagion.impact import coin_depths, price_moves
from shockgrid.contagion.ledger import Totals, value_of_moves
from shockgrid.errors import InputError
from shockgrid.market.liquidity import AVERAGE_OF_ROOT
from shockgrid.market.market import Market
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.report.liquidation import liquidate_report
from shockgrid.report.liquidation_report import LiquidationReport
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.shock import shock


@dataclass(frozen=True)
class Round:
    """What happened in a round.

    Attributes:
        number: From 1.
        liquidation: Of the accounts below 100 %, at the marks when the round began.
        traded_usd: ``[coin]`` net cash delta bought; below zero for sold.
        crowding_usd: ``[account]`` what trading together cost beyond what each paid alone.
        loss_usd: ``[account]`` equity below zero of those that ended bankrupt.
        fund_paid_usd: What the fund paid of it.
        price_moves: ``[coin]`` that stayed.
        turnover_usd: Gross size of all that was traded.
        moved_usd: What the move of the market added to the equity of all accounts, from totals over them.
        after: Margin of all accounts after the move.
    """

    number: int
    liquidation: LiquidationReport
    traded_usd: np.ndarray
    crowding_usd: np.ndarray
    loss_usd: np.ndarray
    fund_paid_usd: float
    price_moves: np.ndarray
    turnover_usd: float
    moved_usd: float
    after: MarginReport


def play_round(before: MarginReport, number: int, depth_usd: np.ndarray, fund_usd: float) -> Round | None:
    """Play a round; None where no one trades and no one is bankrupt.

    Args:
        before: Margin of all accounts.
        number: Of the round.
        depth_usd: ``[coin]``.
        fund_usd: What the fund has left.
    """
    market, rules = before.market, before.rules
    found = liquidate_report(before)
    if not len(found.entered):
        return None
    band = float(rules["liquidation.depth_band_frac"])
    legs = _legs(found, market)
    traded = np.bincount(legs.coin, legs.usd, minlength=len(depth_usd))
    crowding = _crowding(legs, traded, depth_usd, band, len(before.inputs))
    paid = _with_costs(found.after, market, crowding)
    settled = margin(market, paid, rules)
    bankrupt = _bankrupt(settled, found)
    loss = np.where(bankrupt, -settled.accounts.gross_equity_usd.to_numpy(), 0.0)
    if not len(legs.usd) and not bankrupt.any():
        return None
    left = margin(market, _without(paid, np.flatnonzero(bankrupt)), rules) if bankrupt.any() else settled
    moves = price_moves(traded, depth_usd, band)
    moving = {coin: float(move) for coin, move in zip(market.universe.coins, moves, strict=True) if move}
    moved = shock(market, price=moving) if moving else market
    after = margin(moved, left.inputs, rules) if moving else left
    return Round(
        number=number,
        liquidation=found,
        traded_usd=traded,
        crowding_usd=crowding,
        loss_usd=loss,
        fund_paid_usd=min(fund_usd, float(loss.sum())),
        price_moves=moves,
        turnover_usd=float((np.abs(found.legs.quantity) * _usd_of_each(found, gross=True)).sum()),
        moved_usd=value_of_moves(_totals(left), market, moved),
        after=after,
    )


def coin_depths_of(market: Market, given: float | Mapping[str, float] | None) -> np.ndarray:
    """``[coin]`` the depth of each coin, as given or as the market has it.

    Raises:
        InputError: A coin without a depth, a depth that is not above 0, a coin that the market does not know.
    """
    coins = market.universe.coins
    by_coin = dict(given) if isinstance(given, Mapping) else {} if given is None else dict.fromkeys(coins, given)
    if "*" in by_coin:
        by_coin = dict.fromkeys(coins, by_coin.pop("*")) | by_coin
    unknown = [name for name in by_coin if name not in coins]
    if unknown:
        raise InputError("cascade", "depth_usd", f"coins of the market: {', '.join(coins)}", repr(unknown[0]))
    depths = coin_depths(market)
    depths = np.array([by_coin.get(coin, depth) for coin, depth in zip(coins, depths, strict=True)], float)
    bad = ~(depths > 0.0)
    if bad.any():
        coin, found = coins[int(np.argmax(bad))], float(depths[np.argmax(bad)])
        expected = f"a depth above 0 for {coin}: depth_usd={{...}}, or depth_usd of its contracts in the market"
        raise InputError("cascade", "depth_usd", expected, "none" if np.isnan(found) else found)
    return depths


@dataclass(frozen=True)
class _Legs:
    """What was traded: place of the account, coin, cash delta bought in USD, slippage paid."""

    account: np.ndarray
    coin: np.ndarray
    usd: np.ndarray
    slippage_usd: np.ndarray


def _legs(found: LiquidationReport, market: Market) -> _Legs:
    legs, contracts = found.legs, market.universe.contracts
    coin_of_currency = np.full(len(market.universe.currencies), -1)
    coin_of_currency[contracts.coin_currency] = np.arange(len(market.universe.coins))
    stable = [c for c, name in enumerate(market.universe.currencies) if name in DENOMINATIONS]
    coin_of_currency[stable] = -1
    coin = np.append(contracts.coin, coin_of_currency)[legs.instrument]
    columns = (found.entered[legs.account], coin, legs.quantity * _usd_of_each(found), legs.slippage_usd)
    return _Legs(*(column[coin >= 0] for column in columns))


def _usd_of_each(found: LiquidationReport, *, gross: bool = False) -> np.ndarray:
    """``[leg]`` cash delta of one contract, or its gross size; of a currency its price."""
    exposures, universe = found.before.exposures, found.before.market.universe
    contract = exposures.gross.size if gross else exposures.linear.denominations.sum(axis=1)
    return np.append(contract[: len(universe)], found.before.market.snapshot.index_usd)[found.legs.instrument]


def _crowding(legs: _Legs, traded: np.ndarray, depth: np.ndarray, band: float, n: int) -> np.ndarray:
    """``[account]`` cost of the net trade of each coin beyond the slippage paid, by size among those on its side."""
    cost = np.abs(traded) * AVERAGE_OF_ROOT * band * np.sqrt(np.abs(traded) / depth)
    with_it = np.sign(legs.usd) == np.sign(traded[legs.coin])
    size = np.where(with_it, np.abs(legs.usd), 0.0)
    alone = np.bincount(legs.coin, np.where(with_it, legs.slippage_usd, 0.0), minlength=len(depth))
    total = np.bincount(legs.coin, size, minlength=len(depth))
    per_usd = np.maximum(cost - alone, 0.0) / np.where(total > 0.0, total, 1.0)
    return np.bincount(legs.account, size * per_usd[legs.coin], minlength=n)


def _with_costs(accounts: Accounts, market: Market, cost_usd: np.ndarray) -> Accounts:
    """Costs taken from the balances of the currency that spot is traded against."""
    payers = np.flatnonzero(cost_usd > 0.0)
    if not len(payers):
        return accounts
    currency = next(name for name in DENOMINATIONS if name in market.universe.currencies)
    price = market.snapshot.index_usd[market.universe.currencies.index(currency)]
    amount = -cost_usd[payers] / price
    none = np.zeros(len(payers))
    return with_balance_changes(accounts, payers, [currency] * len(payers), amount=amount, accrued_interest=none)


def _bankrupt(settled: MarginReport, found: LiquidationReport) -> np.ndarray:
    """Accounts that were liquidated, have not recovered, and whose equity is below zero."""
    a, entered = settled.accounts, np.zeros(len(settled.inputs), bool)
    entered[found.entered] = True
    below = a.margin_ratio.to_numpy() <= float(settled.rules["liquidation.stop_ratio"])
    return entered & below & (a.gross_equity_usd.to_numpy() < 0.0)


def _without(accounts: Accounts, places: np.ndarray) -> Accounts:
    """Accounts of which some hold nothing any more."""
    none = np.zeros(0)
    empty = NewHoldings(none.astype(int), [], none, none, none.astype(int), [], none, none)
    return with_holdings(accounts, places, empty)


def _totals(report: MarginReport) -> Totals:
    universe, rows = report.market.universe, report.rows
    book = rows.book
    held = np.bincount(book.instrument, book.quantity[0], minlength=len(universe))
    equity = np.bincount(rows.currency, report.result.currencies.equity, minlength=len(universe.currencies))
    return Totals(held, equity)

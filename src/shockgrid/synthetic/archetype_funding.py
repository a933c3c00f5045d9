"""Balances, accrued interest and limits of an invented population, such that equity is what its leverage says."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.holdings import Balances, Labels, Limits
from shockgrid.market.market import Market
from shockgrid.synthetic.archetype_positions import People, Traded

COLLATERAL = {"USDT": 0.75, "USDC": 0.17, "USD": 0.08}
"""Currencies of those who do not post the coin, as far as the market knows them."""
BARE_SPOT_LONG = 0.7
"""Of the accounts that borrow for its own sake, how many own the coin and owe dollars; the others owe the coin."""
INTEREST_FRACTION, INTEREST_MAX_FRAC = 0.7, 2e-4
SPOT_LIMIT_FRACTION, SPOT_LIMIT_RANGE = 0.15, (0.2, 1.2)
BORROW_LIMIT_FRACTION, BORROW_LIMIT_RANGE = 0.25, (1.2, 4.0)
INTEREST_DIGITS = 8


def draw_balances(rng: np.random.Generator, market: Market, people: People, traded: Traded) -> Balances:
    """Balances that bring every account's equity (before haircuts) to ``equity_frac`` of its size.

    Options were paid for, or their premium received, in the coin; spot lies in the coin; the collateral currency
    takes the rest, which is a debt where the spot was bought on credit.
    """
    book, n = traded.positions, len(people)
    currencies, usd = market.universe.currencies, np.asarray(market.snapshot.index_usd)
    contracts = market.universe.contracts
    size = np.where(traded.gross_usd > 0, traded.gross_usd / people.traded_frac, people.size_usd)
    spot_usd = traded.spot_usd + _bare_spot(rng, people) * size
    amount = np.zeros((n, len(currencies)))
    account, coin = np.arange(n), contracts.coin_currency[people.coin]
    amount[account, coin] += spot_usd / usd[coin]
    premium, profit_usd = _premium_and_profit(market, book.instrument.codes, book.quantity, book.average_price)
    paid_in = contracts.coin_currency[contracts.coin[book.instrument.codes]]
    np.add.at(amount, (book.account, paid_in), -premium)
    rest_usd = people.equity_frac * size - spot_usd - np.bincount(book.account, profit_usd, n)
    collateral = _collateral(rng, market, people, coin)
    amount[account, collateral] += rest_usd / usd[collateral]
    # To about a cent.
    decimals = np.clip(np.ceil(np.log10(usd)) + 2, 2, 8).astype(int)
    rounded = np.stack([np.round(amount[:, c], decimals[c]) for c in range(len(currencies))], axis=1)
    return _nonzero(rng, rounded, currencies)


def draw_limits(rng: np.random.Generator, market: Market, balances: Balances) -> Limits:
    """Limits on the use of some coins held, and on the borrowing of some coins owed."""
    code, amount = balances.currency.codes, balances.amount
    draw, level = rng.random((2, len(amount)))
    is_coin = np.isin(np.array(balances.currency.names, object), market.universe.coins)[code]
    spot = is_coin & (amount > 0) & (draw < SPOT_LIMIT_FRACTION)
    borrow = is_coin & (amount < 0) & (draw < BORROW_LIMIT_FRACTION)
    row = np.flatnonzero(spot | borrow)

    def limit(chosen: np.ndarray, span: tuple[float, float]) -> np.ndarray:
        value = np.round(np.abs(amount) * (span[0] + (span[1] - span[0]) * level), 4)
        return np.where(chosen, value, np.nan)[row]

    return Limits(
        account=balances.account[row],
        coin=Labels(code[row], balances.currency.names),
        spot_limit=limit(spot, SPOT_LIMIT_RANGE),
        borrow_limit=limit(borrow, BORROW_LIMIT_RANGE),
    )


def _bare_spot(rng: np.random.Generator, people: People) -> np.ndarray:
    return people.spot_frac * np.where(rng.random(len(people)) < BARE_SPOT_LONG, 1.0, -1.0)


def _premium_and_profit(
    market: Market, instrument: np.ndarray, quantity: np.ndarray, average: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coin paid for each option position, and unrealised profit of every position in USD."""
    c, s = market.universe.contracts, market.snapshot
    mark, usd = np.asarray(s.mark)[instrument], np.asarray(s.index_usd)
    average = np.where(np.isnan(average), mark, average)
    size = quantity * c.contract_value[instrument]
    option, inverse = c.is_option[instrument], c.is_inverse[instrument]
    # Marks of zero belong to options only; the guard keeps the unused branch quiet.
    inverse_profit = 1.0 / np.where(inverse, average, 1.0) - 1.0 / np.where(inverse, mark, 1.0)
    profit = size * np.where(inverse, inverse_profit, mark - average)
    return np.where(option, size * average, 0.0), profit * usd[c.settle[instrument]]


def _collateral(rng: np.random.Generator, market: Market, people: People, coin: np.ndarray) -> np.ndarray:
    currencies = market.universe.currencies
    known = {name: weight for name, weight in COLLATERAL.items() if name in currencies}
    weight = np.array(list(known.values()))
    place = np.array([currencies.index(name) for name in known])
    drawn = place[rng.choice(len(place), len(people), p=weight / weight.sum())]
    return np.where(rng.random(len(people)) < people.coin_margin, coin, drawn)


def _nonzero(rng: np.random.Generator, amount: np.ndarray, currencies: tuple[str, ...]) -> Balances:
    account, currency = np.nonzero(amount)
    held = amount[account, currency]
    owing = (held < 0) & (rng.random(len(held)) < INTEREST_FRACTION)
    interest = np.where(owing, -held * INTEREST_MAX_FRAC * rng.random(len(held)), 0.0)
    names = Labels(currency.astype(np.int32), currencies)
    return Balances(account, names, held, np.round(interest, INTEREST_DIGITS))

"""``sg.cascade``: liquidations move prices, which bring about the next ones, until no account is below 100 %."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from shockgrid.accounts.book import POSITIONS, contract_values
from shockgrid.accounts.entry_prices import entered_at_marks
from shockgrid.accounts.holdings import Accounts
from shockgrid.contagion.deleveraging import Assignment, Positions, assign
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.report.cascade_report import CascadeReport
from shockgrid.report.cascade_round import Round, coin_depths_of, play_round
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.scenarios.shock import shocked
from shockgrid.venues.okx.rulebook import Rulebook


def cascade(
    market: Market,
    accounts: Accounts,
    rules: Rulebook,
    *,
    shock: Mapping[str, Any] | None = None,
    fund_usd: float = 0.0,
    depth_usd: float | Mapping[str, float] | None = None,
    max_rounds: int = 100,
    done: Callable[[Round], object] | None = None,
) -> CascadeReport:
    """Liquidate all accounts on one liquidity, round after round (a model: docs/liquidation.md).

    In a round every account whose ratio is 1 or below is liquidated at the round's marks. What they trade on a coin
    together moves its price by a square-root law on its depth, and costs them what such a trade costs beyond what each
    pays alone. Accounts that end bankrupt leave; the fund pays. The market moves, all are margined anew. It ends when
    no one trades or no price moves; then what the fund could not pay is assigned to profitable positions in the order
    of auto-deleveraging, and what is left after them to all, by equity.

    Args:
        market: As for ``liquidate``.
        accounts: Likewise. Positions without an average price count as entered at its marks.
        rules: Likewise.
        shock: How the market moves first: arguments of ``sg.shock``.
        fund_usd: What the insurance fund holds.
        depth_usd: USD on one side within ``liquidation.depth_band_frac`` of the price, for all coins or by coin (``*``
            stands for every other); infinity for prices that do not move. By default that of all perpetuals and futures
            on the coin in the market.
        max_rounds: The most that are played.
        done: Called after each round.

    Returns:
        Rounds, prices, what became of each account, and who paid.

    Raises:
        InputError: A depth that is missing or not above 0, a fund below 0; as for ``margin`` and ``shock``.
        ShockError: As for ``margin`` and ``shock``.
    """
    if isinstance(fund_usd, bool) or not isinstance(fund_usd, int | float | np.number) or not fund_usd >= 0.0:
        raise InputError("cascade", "fund_usd", "0 or more", repr(fund_usd))
    accounts = entered_at_marks(accounts, market)
    market = market if shock is None else shocked(market, shock, "cascade")
    depths = coin_depths_of(market, depth_usd)
    start = report = margin(market, accounts, rules)
    rounds: list[Round] = []
    fund = float(fund_usd)
    while len(rounds) < max_rounds:
        found = play_round(report, len(rounds) + 1, depths, fund)
        if found is None:
            break
        rounds.append(found)
        report, fund = found.after, fund - found.fund_paid_usd
        if done is not None:
            done(found)
        if not found.price_moves.any():
            break
    positions = _positions(report)
    return CascadeReport(start, report, tuple(rounds), float(fund_usd), positions, _assigned(rounds, positions, report))


def _assigned(rounds: list[Round], positions: Positions, report: MarginReport) -> Assignment:
    """What the fund could not pay."""
    loss = sum(float(r.loss_usd.sum()) - r.fund_paid_usd for r in rounds)
    return assign(loss, positions, report.accounts.gross_equity_usd.to_numpy())


def _positions(report: MarginReport) -> Positions:
    """All open positions, netted, at today's marks and at their entry."""
    market, book = report.market, report.rows.book
    c, index = market.universe.contracts, market.snapshot.index_usd
    held = book.quantity[POSITIONS] != 0.0
    instrument, quantity, entered = book.instrument[held], book.quantity[POSITIONS][held], book.entry_value[held]
    value, price = quantity * contract_values(market)[instrument], index[c.settle[instrument]]
    underlying = np.abs(quantity) * c.contract_value[instrument] * index[c.coin_currency[c.coin[instrument]]]
    return Positions(
        account=book.account[held],
        instrument=instrument,
        profit_usd=(value - entered) * price,
        entry_usd=np.abs(entered) * price,
        size_usd=np.where(c.is_option[instrument], underlying, np.abs(value) * price),
    )

"""Entry prices of positions that gave none."""

from __future__ import annotations

import dataclasses

import numpy as np

from shockgrid.accounts.holdings import Accounts
from shockgrid.market.market import Market


def entered_at_marks(accounts: Accounts, market: Market) -> Accounts:
    """Positions without an average price as if entered at a market's marks: what then moves is P&L.

    Positions in instruments that the market does not list are left as they are; margining them is an error anyway.
    """
    p = accounts.positions
    mark = dict(zip(market.universe.ids.tolist(), market.snapshot.mark.tolist(), strict=True))
    today = np.array([mark.get(name, np.nan) for name in p.instrument.names], float)
    if not np.isnan(p.average_price).any():
        return accounts
    entry = np.where(np.isnan(p.average_price), today[p.instrument.codes], p.average_price)
    return dataclasses.replace(accounts, positions=dataclasses.replace(p, average_price=entry))

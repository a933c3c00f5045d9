"""Holdings of a simulation that starts from a real account (OKX's ``inclRealPosAndEq``)."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels, Positions
from shockgrid.errors import InputError
from shockgrid.market.source import Source


def with_real_holdings(simulated: Accounts, real: Accounts | None) -> Accounts:
    """The real account with the simulated positions added; the real positions come first.

    As OKX's reference says, simulated assets are ignored beside real ones. Real limits and settings stay. Open orders
    are left out: OKX imports positions and assets.

    Args:
        simulated: One account.
        real: One account.

    Returns:
        One account, under the id of the simulated one.

    Raises:
        InputError: No real account, or more than one.
    """
    if real is None:
        expected = "false, as no real account is given (real_accounts)"
        raise InputError(simulated.source.file, "inclRealPosAndEq", expected, "true")
    if len(real) != 1:
        raise InputError(real.source.file, "accounts", "the one account that the simulation starts from", len(real))
    return Accounts(
        ids=simulated.ids,
        positions=_joined(real.positions, simulated.positions),
        orders=simulated.orders,
        balances=real.balances,
        limits=real.limits,
        spot_mode=real.spot_mode,
        auto_borrow=real.auto_borrow,
        declared=real.declared,
        source=_source_of_both(simulated, real),
    )


def _joined(first: Positions, second: Positions) -> Positions:
    names = [p.instrument.names[code] for p in (first, second) for code in p.instrument.codes]
    return Positions(
        np.concatenate([first.account, second.account]),
        Labels.of(names),
        np.concatenate([first.quantity, second.quantity]),
        np.concatenate([first.average_price, second.average_price]),
    )


def _source_of_both(simulated: Accounts, real: Accounts) -> Source:
    """Places in the request, and where a row is the real account's, its file and the place there."""
    n_real = len(real.positions.quantity)

    def locate(table: str, row: int, column: str) -> str:
        if table in ("accounts", "orders"):
            return simulated.source.locate(table, row, column)
        if table == "positions" and row >= n_real:
            return simulated.source.locate(table, row - n_real, column)
        return f"{real.source.file}: {real.source.locate(table, row, column)}"

    return Source(simulated.source.file, locate)

"""``sg.accrue_interest``: accounts after some hours of interest on what they owe."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.balance_changes import with_balance_changes
from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.io.rulebook_file import load_rulebook
from shockgrid.market.market import Market
from shockgrid.report.borrowing import debts_of
from shockgrid.report.margin import margin
from shockgrid.venues.okx.rulebook import Rulebook

HOUR_MS = 3_600_000
MOST_HOURS = 1_000_000


def accrue_interest(accounts: Accounts, market: Market, hours: float, rules: Rulebook | None = None) -> Accounts:
    """Charge interest on what accounts owe, market and debts held.

    Interest is charged at every full hour (UTC) after the market's time, up to and with the end: borrowed at 14:55 and
    repaid at 14:57 costs nothing, held until 15:00 an hour. Each charge is a 24th of the daily rate on what bears
    interest at the start; the charges of one call do not bear interest on each other.

    Args:
        accounts: As of the market's time.
        market: Values positions, whose losses are debts too.
        hours: How long, from 0 to ``MOST_HOURS``.
        rules: Rates and quotas; the newest OKX rulebook by default. Live rates float: override ``borrow.daily_rate``.

    Returns:
        The accounts with more accrued interest.

    Raises:
        InputError: Hours out of range; otherwise as for ``margin``.
    """
    if not (isinstance(hours, int | float) and not isinstance(hours, bool) and 0 <= hours <= MOST_HOURS):
        raise InputError("accrue_interest", "hours", f"a number from 0 to {MOST_HOURS:,}", repr(hours))
    report = margin(market, accounts, load_rulebook("okx") if rules is None else rules)
    interest = charges_within(market.time, hours) * debts_of(report).hourly_interest
    charged = np.flatnonzero(interest > 0)
    return with_balance_changes(
        accounts,
        report.rows.currency_account[charged],
        [market.universe.currencies[c] for c in report.rows.currency[charged]],
        amount=np.zeros(len(charged)),
        accrued_interest=interest[charged],
    )


def charges_within(time: np.datetime64, hours: float) -> int:
    """Full hours that lie in ``(time, time + hours]``, to the millisecond."""
    start = int(time.astype("datetime64[ms]").astype(np.int64))
    return (start + round(hours * HOUR_MS)) // HOUR_MS - start // HOUR_MS

"""What an account owes in each currency, what of it bears interest, and what must be converted.

okx_portfolio_margin.md section 11. An account with auto-borrow may sell and open beyond its balance; its debt is
converted only near its borrow limit. One without may use what it has; its debts are passive, from fees and losses, free
of interest up to a quota and converted above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.accounts.row_plan import RowPlan
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.numerics.ragged import ragged_sum
from shockgrid.numerics.shapes import AnyArray, Array, Float
from shockgrid.venues.okx.borrowing_tables import BorrowingTables

HOURS_PER_DAY = 24.0
ROUNDING = 1e-12
"""A debt that is a step's share of its limit but for rounding has reached the step."""

USDT, USDC = DENOMINATIONS.index("USDT"), DENOMINATIONS.index("USDC")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Debts:
    """Of every currency of every account, in units of the currency.

    Attributes:
        liability: What is owed.
        loss_part: What of it comes from unrealised losses and not from a negative balance.
        free_quota: How much of it may be free of interest.
        bearing: What of it bears interest.
        hourly_interest: What an hour of it costs.
        to_convert: How much must be bought back by forced conversion.
        available: What further orders may take; infinite with auto-borrow and no limit.
    """

    liability: Float[AnyArray, " currency_row"]
    loss_part: Float[AnyArray, " currency_row"]
    free_quota: Float[AnyArray, " currency_row"]
    bearing: Float[AnyArray, " currency_row"]
    hourly_interest: Float[AnyArray, " currency_row"]
    to_convert: Float[AnyArray, " currency_row"]
    available: Float[AnyArray, " currency_row"]


def debts(plan: RowPlan, equity: Float[Array, " currency_row"], tables: BorrowingTables) -> Debts:
    """Debts of all accounts.

    Args:
        plan: The accounts.
        equity: Of each currency row, in the currency.
        tables: Looked up for the market's currencies.
    """
    rows = plan.currencies
    liability = jnp.maximum(-equity, 0.0)
    # Accrued interest is part of the balance here: what it adds to a debt bears interest from the next charge on.
    balance_part = jnp.minimum(liability, jnp.maximum(-rows.balance, 0.0))
    loss_part = liability - balance_part
    quota = free_quota(plan, equity, tables)
    above = jnp.maximum(liability - quota, 0.0)
    covered = ~rows.auto_borrow & (tables.covers_balance > 0.0)
    bearing = jnp.where(covered, above, balance_part + jnp.maximum(loss_part - quota, 0.0))
    by_limit = jax.vmap(above_limit, in_axes=(0, 0, None))(liability, rows.borrow_limit, tables)
    own = jnp.maximum(equity - rows.frozen + jnp.where(rows.auto_borrow, rows.borrow_limit, 0.0), 0.0)
    return Debts(
        liability=liability,
        loss_part=loss_part,
        free_quota=quota,
        bearing=bearing,
        hourly_interest=bearing * tables.daily_rate[rows.currency] / HOURS_PER_DAY,
        to_convert=jnp.where(rows.auto_borrow, by_limit, above_quota(liability, quota, tables)),
        available=own,
    )


def free_quota(
    plan: RowPlan, equity: Float[Array, " currency_row"], tables: BorrowingTables
) -> Float[Array, " currency_row"]:
    """Interest-free quota of each row; that of USDT grows by the account's positive equity in USDC."""
    rows = plan.currencies
    usdc = jnp.where(rows.denomination == USDC, jnp.maximum(equity, 0.0), 0.0)
    usdc_of_account = ragged_sum(plan.account_currencies, usdc[:, None])[:, 0]
    added = tables.usdt_adds_usdc * usdc_of_account[rows.account]
    return tables.free_quota[rows.currency] + jnp.where(rows.denomination == USDT, added, 0.0)


def above_quota(
    liability: Float[Array, "*s"], quota: Float[Array, "*s"], tables: BorrowingTables
) -> Float[Array, "*s"]:
    """What an account without auto-borrow buys back: the excess over the quota, and a buffer; 0 within the quota."""
    excess = liability - quota
    return jnp.where(excess > 0.0, jnp.minimum(liability, excess + tables.quota_buffer * quota), 0.0)


def above_limit(liability: Float[Array, ""], limit: Float[Array, ""], tables: BorrowingTables) -> Float[Array, ""]:
    """What an account with auto-borrow buys back near its limit: by utilisation, and never less than the excess.

    Args:
        liability: What is owed.
        limit: What may be borrowed; infinity without a limit, under which nothing is converted.
        tables: Steps of utilisation and what each buys, as fractions of the limit.
    """
    has_limit = jnp.isfinite(limit) & (liability > 0.0)
    used = jnp.where(has_limit, liability / jnp.where(limit > 0.0, limit, 1.0), 0.0)
    reached = jnp.sum(used >= tables.limit_utilisation * (1.0 - ROUNDING))
    share = jnp.append(0.0, tables.limit_buy)[reached]
    # A limit of zero is used up by any debt.
    buy = jnp.maximum(share * limit, liability - limit)
    wanted = (reached > 0) | (limit == 0.0)
    return jnp.where(has_limit & wanted, jnp.minimum(liability, buy), 0.0)

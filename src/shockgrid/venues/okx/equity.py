"""What accounts own: by currency, then in USD with and without haircuts (okx_computation.md section 4)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from shockgrid.accounts.row_plan import RowPlan
from shockgrid.market.universe import INVERSE_VALUE, LINEAR_VALUE, OPTION_VALUE
from shockgrid.numerics.marginal_tiers import marginal_tiers
from shockgrid.numerics.ragged import ragged_sum
from shockgrid.numerics.shapes import Array, Float, Int
from shockgrid.venues.okx.rule_tables import RuleTables


def position_values(plan: RowPlan, contract_value: Float[Array, "instrument value"]) -> Float[Array, "row value"]:
    """Value of each unit's positions where it is booked: for linear and inverse contracts the unrealised P&L.

    An option's column holds its value, not its P&L: options are paid for, so their value is part of equity.
    """
    values = ragged_sum(plan.unit_plan, contract_value)
    return values - _rows_like(plan.units.entry_value, values).at[:, OPTION_VALUE].set(0.0)


def unrealised_pnl_usd(
    plan: RowPlan,
    values: Float[Array, "row value"],
    coin_usd: Float[Array, " unit"],
    denomination_usd: Float[Array, " denomination"],
) -> Float[Array, " row"]:
    """Unrealised P&L of each unit: options against their entry price, everything at today's index prices.

    Args:
        plan: The accounts.
        values: From ``position_values``.
        coin_usd: Index price of the coin of every unit.
        denomination_usd: Price of each denomination.
    """
    pnl = values.at[:, OPTION_VALUE].add(-_rows_like(plan.units.entry_value, values)[:, OPTION_VALUE])
    coin = coin_usd[_rows_like(plan.units.unit, values)]
    return jnp.sum(pnl[:, :LINEAR_VALUE], axis=1) * coin + jnp.sum(
        pnl[:, LINEAR_VALUE:] * denomination_usd[None, :], axis=1
    )


def _rows_like(row_array: Array, results: Array) -> Array:
    """Row arrays carry at least one padding row more than results do."""
    return row_array[: results.shape[0]]


def currency_equity(
    plan: RowPlan, values: Float[Array, "row value"]
) -> tuple[Float[Array, " currency_row"], Float[Array, " currency_row"]]:
    """Equity of each currency row, without and with the value of options, in the currency."""
    rows = plan.currencies
    linear_by_account = ragged_sum(plan.account_units, values[:, LINEAR_VALUE:])
    linear = linear_by_account[rows.account, rows.denomination]
    coin = values[rows.unit_row]
    has_unit, is_denomination = rows.unit_row >= 0, rows.denomination >= 0
    without_options = (
        rows.balance + jnp.where(is_denomination, linear, 0.0) + jnp.where(has_unit, coin[:, INVERSE_VALUE], 0.0)
    )
    return without_options, without_options + jnp.where(has_unit, coin[:, OPTION_VALUE], 0.0)


def adjusted_usd(
    equity_usd: Float[Array, " currency_row"], currency: Int[Array, " currency_row"], rules: RuleTables
) -> Float[Array, " currency_row"]:
    """Equity after haircuts: marginal tiers of what is positive; what is owed counts in full."""
    tables = rules.currencies
    collateral = jax.vmap(marginal_tiers)(
        jnp.maximum(equity_usd, 0.0), tables.haircut_upper[currency], tables.haircut_rate[currency]
    )
    return jnp.where(equity_usd < 0.0, equity_usd, collateral)

"""MR8: margin of what is borrowed, by currency (okx_computation.md section 4)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Float, Int
from shockgrid.venues.okx.rule_tables import RuleTables


def borrow_rates(
    amount: Float[Array, ""], currency: Int[Array, ""], rules: RuleTables
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Maintenance and initial rate of a liability, those of the tier that the whole amount falls in.

    Args:
        amount: In the currency, 0 or more.
        currency: Index into the currency tables.
        rules: Beyond the table every further step adds ``borrow_step_rate`` to both, up to ``borrow_rate_cap``.
    """
    tables = rules.currencies
    upper = tables.borrow_upper[currency]
    tier = jnp.minimum(jnp.sum(amount > upper), upper.shape[0] - 1)
    beyond = jnp.where(amount > upper[-1], amount - upper[-1], 0.0)
    extra = rules.borrow_step_rate * jnp.ceil(beyond / tables.borrow_step[currency])

    def rate(table: Array) -> Array:
        return jnp.minimum(table[currency, tier] + extra, rules.borrow_rate_cap)

    return rate(tables.borrow_mmr), rate(tables.borrow_imr)


def borrow_margin_usd(
    equity: Float[Array, ""],
    frozen: Float[Array, ""],
    price_usd: Float[Array, ""],
    currency: Int[Array, ""],
    rules: RuleTables,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Maintenance margin of the liability, and the initial margin with potential borrowing, in USD.

    Args:
        equity: In the currency; below zero it is a liability.
        frozen: What open orders would take.
        price_usd: Of the currency.
        currency: Index into the currency tables.
        rules: The rule tables.
    """
    liability, potential = jnp.maximum(-equity, 0.0), jnp.maximum(frozen - equity, 0.0)
    mmr_rate, _ = borrow_rates(liability, currency, rules)
    _, imr_rate = borrow_rates(potential, currency, rules)
    return liability * price_usd * mmr_rate, potential * price_usd * imr_rate

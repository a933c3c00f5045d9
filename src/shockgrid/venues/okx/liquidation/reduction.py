"""General reduction: slices of positions with the best relief for their cost; where none helps, of whole units."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Bool
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.choosing import Candidates, single_legs
from shockgrid.venues.okx.liquidation.figures import Evaluation, Setting, members
from shockgrid.venues.okx.liquidation.trades import LiquidationRules, leg_size


def triggered(s: Setting, rules: LiquidationRules, held: Holdings, now: Evaluation) -> Bool[Array, " unit"]:
    """Units that hold anything."""
    del rules, now
    return jnp.any((members(s) > 0.0) & (held.quantity != 0.0)[None, :], axis=1)


def candidates(
    s: Setting,
    rules: LiquidationRules,
    held: Holdings,
    now: Evaluation,
    began: tuple[Holdings, Evaluation],
    whole: Array,
    by_unit: Array,
) -> Candidates:
    """Every position by itself, or every unit as a whole.

    Args:
        s: The setting.
        rules: The process's numbers.
        held: Holdings now.
        now: Their margin.
        began: Both when the stage began.
        whole: Whether candidates are taken whole.
        by_unit: Whether they are units.
    """
    del now
    terms, q = s.terms, held.quantity
    wanted = jnp.minimum(jnp.where(whole, 1.0, rules.step_frac) * jnp.abs(began[0].quantity), jnp.abs(q))
    size = jnp.where(terms.tradable & s.book.present, leg_size(wanted, jnp.abs(q), terms), 0.0)
    contracts, trades = -jnp.sign(q) * size, size > 0.0
    has_trade = jnp.any((members(s) > 0.0) & trades[None, :], axis=1)
    singles = single_legs(s, contracts, trades & ~by_unit)
    return replace(singles, slices=contracts, unit_valid=has_trade & by_unit)

"""General reduction: slices of positions with the best relief for their cost; where none helps, of whole units."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Bool
from shockgrid.venues.okx.liquidation.choosing import Candidates, single_legs
from shockgrid.venues.okx.liquidation.figures import members
from shockgrid.venues.okx.liquidation.moment import Moment
from shockgrid.venues.okx.liquidation.trades import leg_size


def triggered(m: Moment) -> Bool[Array, " unit"]:
    """Units that hold anything."""
    return jnp.any((members(m.setting) > 0.0) & (m.held.quantity != 0.0)[None, :], axis=1)


def candidates(m: Moment) -> Candidates:
    """Every position by itself, or every unit as a whole."""
    s, terms, q = m.setting, m.setting.terms, m.held.quantity
    wanted = jnp.minimum(m.fraction * jnp.abs(m.began[0].quantity), jnp.abs(q))
    size = jnp.where(terms.tradable & s.book.present, leg_size(wanted, jnp.abs(q), terms), 0.0)
    contracts, trades = -jnp.sign(q) * size, size > 0.0
    has_trade = jnp.any((members(s) > 0.0) & trades[None, :], axis=1)
    singles = single_legs(s, contracts, trades & ~m.by_unit)
    return replace(singles, slices=contracts, unit_valid=has_trade & m.by_unit)

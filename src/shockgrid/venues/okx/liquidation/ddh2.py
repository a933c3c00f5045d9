"""DDH2 (DDH in version 1): where MR1 or MR6 dominates an option book, its delta is hedged with other contracts."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Bool, Float
from shockgrid.venues.okx.liquidation.choosing import Candidates, first_largest, single_legs
from shockgrid.venues.okx.liquidation.figures import Evaluation, members
from shockgrid.venues.okx.liquidation.moment import Moment
from shockgrid.venues.okx.liquidation.trades import leg_size

ROUNDING = 1e-12


def triggered(m: Moment) -> Bool[Array, " unit"]:
    """Units with options whose MR1 or MR6 is more than a share of their MMR."""
    options = m.setting.terms.is_option & (m.held.quantity != 0.0)
    has_options = jnp.any((members(m.setting) > 0.0) & options[None, :], axis=1)
    return has_options & (_charge(m.now) > m.rules.trigger_frac * m.now.units.mmr_usd)


def candidates(m: Moment) -> Candidates:
    """Every perpetual and future held in the unit, and its most liquid one, against the unit's net delta."""
    s, terms, q = m.setting, m.setting.terms, m.held.quantity
    eligible = triggered(m)
    unit = first_largest(_charge(m.now), eligible, s.book.rank[len(q) :])
    delta, at_first = _net_delta(m.now)[unit], _net_delta(m.began[1])[unit]
    coins = jnp.minimum(m.fraction * jnp.abs(at_first), jnp.abs(delta))
    side = -jnp.sign(delta)
    most = jnp.where(q * side < 0.0, jnp.abs(q), jnp.inf)
    per_contract = jnp.where(terms.is_hedge, jnp.abs(terms.delta_coin), 1.0)
    size = leg_size(coins / per_contract, most, terms)
    hedges = terms.is_hedge & (s.book.unit == unit) & s.book.present & ((q != 0.0) | s.book.is_main)
    return single_legs(s, side * size, hedges & jnp.any(eligible) & (size > 0.0))


def _charge(now: Evaluation) -> Float[Array, " unit"]:
    return jnp.maximum(now.units.mr1, now.units.mr6)


def _net_delta(now: Evaluation) -> Float[Array, " unit"]:
    """Delta of derivatives and of the spot that hedges them; what rounding leaves of a full hedge is none."""
    delta, used = now.units.delta_coin, now.units.spot_in_use
    return jnp.where(jnp.abs(delta + used) > ROUNDING * jnp.abs(delta), delta + used, 0.0)

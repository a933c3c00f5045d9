"""Basis hedging: in the unit with the largest MR4, legs of opposite sign in different tenors are closed together."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Bool, Float, Int
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.choosing import Candidates, first_largest, single_legs
from shockgrid.venues.okx.liquidation.figures import Evaluation, Setting, one_hot
from shockgrid.venues.okx.liquidation.moment import Moment
from shockgrid.venues.okx.liquidation.trades import LEAST_SPOT_USD, Trade, leg_size, terms_of

_SPOT_TENOR = -1


def triggered(m: Moment) -> Bool[Array, " unit"]:
    """Units that MR4 charges and that hold offsetting legs in different tenors."""
    s, unit = m.setting, _leg_units(m.setting)
    paired = jnp.any(_offsets(s, _leg_deltas(s, m.held, m.now)), axis=1)
    has_pair = jnp.any(one_hot(unit, s.book.unit_key.shape[0]) & paired[:, None], axis=0)
    return has_pair & (m.now.units.mr4 > 0.0)


def candidates(m: Moment) -> Candidates:
    """Every leg with the largest one opposite to it in another tenor."""
    s, held, n, unit_of = m.setting, m.held, m.held.quantity.shape[0], _leg_units(m.setting)
    eligible = triggered(m)
    unit = first_largest(m.now.units.mr4, eligible, s.book.rank[n:])
    delta, at_first = _leg_deltas(s, held, m.now), _leg_deltas(s, *m.began)
    offsets = _offsets(s, delta)
    partner = jax.vmap(first_largest, in_axes=(None, 0, None))(jnp.abs(delta), offsets, s.book.rank)
    most = jnp.minimum(jnp.minimum(m.fraction * jnp.abs(at_first), jnp.abs(delta)), _room_usd(s))
    volume = jnp.minimum(most, most[partner])
    own, other = _closing(s, held, jnp.arange(len(partner)), volume), _closing(s, held, partner, volume)
    # Two legs of one unit are never both spot.
    is_spot = jnp.arange(len(partner)) >= n
    spot_delta = jnp.where(is_spot, delta, jnp.where(partner >= n, delta[partner], 0.0))
    trades = Trade(
        entry=jnp.minimum(jnp.stack([jnp.arange(len(partner)), partner], axis=1), n - 1),
        contracts=jnp.stack([own, other], axis=1),
        coins=-jnp.sign(spot_delta) * volume / s.units.index_usd[unit_of],
        unit=unit_of,
    )
    legs = (own != 0.0).astype(int) + (other != 0.0) + (trades.coins != 0.0)
    valid = jnp.any(offsets, axis=1) & (unit_of == unit) & jnp.any(eligible) & (legs == 2)
    return replace(single_legs(s, jnp.zeros(n), jnp.zeros(n, bool)), trades=trades, valid=valid)


def _leg_units(s: Setting) -> Int[Array, " leg"]:
    """Unit of each leg: the entries, then spot of each unit."""
    return jnp.concatenate([s.book.unit, jnp.arange(s.book.unit_key.shape[0], dtype=s.book.unit.dtype)])


def _leg_deltas(s: Setting, held: Holdings, now: Evaluation) -> Float[Array, " leg"]:
    """Cash delta of each leg that could be closed: perpetuals, futures, and spot in use that is cash."""
    futures = jnp.where(s.terms.is_hedge & s.book.present, held.quantity * s.terms.delta_usd, 0.0)
    used = now.units.spot_in_use
    cash = jnp.where(s.book.spot_currency >= 0, held.cash[s.book.spot_currency], 0.0)
    spot_usd = jnp.minimum(jnp.abs(used), jnp.abs(cash)) * s.units.index_usd
    counts = (used * cash > 0.0) & (spot_usd >= LEAST_SPOT_USD)
    return jnp.concatenate([futures, s.shared.basis_spot * jnp.where(counts, jnp.sign(used) * spot_usd, 0.0)])


def _offsets(s: Setting, delta: Float[Array, " leg"]) -> Bool[Array, "leg leg"]:
    """Whether two legs are of one unit, of opposite sign, and in different tenors."""
    unit = _leg_units(s)
    tenor = jnp.concatenate([s.terms.tenor, jnp.full(s.book.unit_key.shape[0], _SPOT_TENOR, s.terms.tenor.dtype)])
    apart = (unit[:, None] == unit[None, :]) & (tenor[:, None] != tenor[None, :])
    return apart & (delta[:, None] * delta[None, :] < 0.0)


def _room_usd(s: Setting) -> Float[Array, " leg"]:
    room = s.terms.room * jnp.abs(s.terms.delta_usd)
    return jnp.concatenate([room, jnp.full(s.book.unit_key.shape[0], jnp.inf)])


def _closing(s: Setting, held: Holdings, leg: Int[Array, " leg"], volume: Float[Array, " leg"]) -> Float[Array, " leg"]:
    """Contracts that take a volume in USD off legs; 0 of spot, which has none."""
    n = s.book.instrument.shape[0]
    entry = jnp.minimum(leg, n - 1)
    terms, q = terms_of(s, entry), held.quantity[entry]
    per_contract = jnp.where(terms.is_hedge, jnp.abs(terms.delta_usd), 1.0)
    return jnp.where(leg < n, -jnp.sign(q) * leg_size(volume / per_contract, jnp.abs(q), terms), 0.0)

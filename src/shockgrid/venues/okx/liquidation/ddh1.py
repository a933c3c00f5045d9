"""DDH1 (version 2): where MR9 dominates, the hedge of one stablecoin's contracts with another's is made smaller."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from shockgrid.market.universe import DENOMINATIONS
from shockgrid.numerics.shapes import Array, Bool, Float, Int
from shockgrid.scenarios.exposures import split_linear
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.choosing import Candidates, first_largest, single_legs, with_partners
from shockgrid.venues.okx.liquidation.figures import Evaluation, Setting
from shockgrid.venues.okx.liquidation.moment import Moment
from shockgrid.venues.okx.liquidation.trades import leg_size, terms_of
from shockgrid.venues.okx.mr9_depeg import PAIRS, hedged_volumes
from shockgrid.venues.okx.unit_margin import TIE_TOLERANCE

_FIRST, _SECOND = (tuple(pair[side] for pair in PAIRS) for side in (0, 1))


def triggered(m: Moment) -> Bool[Array, " unit"]:
    """Units that MR9 charges more than anything else."""
    u = m.now.units
    others = jnp.maximum(jnp.maximum(jnp.maximum(u.mr1, u.mr2), u.mr6), u.mr4)
    return u.mr9 > others * (1.0 + TIE_TOLERANCE)


def candidates(m: Moment) -> Candidates:
    """Every leg of a side of the pair, with the main leg of the other side."""
    s, held, now, terms, n = m.setting, m.held, m.now, m.setting.terms, m.held.quantity.shape[0]
    eligible = triggered(m)
    unit = first_largest(now.units.mr9, eligible, s.book.rank[n:])
    volumes, net = _volumes(s, now)
    pair = jnp.argmax(volumes[unit] > 0.0)
    sides = jnp.stack([jnp.asarray(_FIRST)[pair], jnp.asarray(_SECOND)[pair]])
    side_of = jnp.where(terms.denomination == sides[0], 0, jnp.where(terms.denomination == sides[1], 1, -1))
    sign = jnp.sign(net[unit, sides])[jnp.maximum(side_of, 0)]
    legs, is_held = _legs(s, held, unit, side_of, sign)
    main = jnp.stack([_main(s, held, legs & (side_of == side)) for side in (0, 1)])
    partner = main[1 - jnp.maximum(side_of, 0)]
    most = jnp.where(is_held, jnp.abs(held.quantity), jnp.inf)
    limit = jnp.minimum(most, terms.room) * jnp.abs(terms.delta_usd)
    began_volume = _volumes(s, m.began[1])[0][unit, pair]
    volume = jnp.minimum(m.fraction * began_volume, volumes[unit, pair])
    volume = jnp.minimum(volume, jnp.minimum(limit, limit[partner]))
    own = -sign * leg_size(volume / jnp.abs(terms.delta_usd), most, terms)
    other_terms = terms_of(s, partner)
    other = -sign[partner] * leg_size(volume / jnp.abs(other_terms.delta_usd), most[partner], other_terms)
    both = legs & jnp.any(legs & (side_of == 0)) & jnp.any(legs & (side_of == 1))
    alone = single_legs(s, own, both & jnp.any(eligible) & (own != 0.0) & (other != 0.0))
    return with_partners(alone, partner, other)


def _volumes(s: Setting, now: Evaluation) -> tuple[Float[Array, "unit pair"], Float[Array, "unit denomination"]]:
    """Hedged volume of each pair, and net cash delta of each denomination, as MR9 counts them."""
    net = split_linear(now.linear, s.like).denominations
    depeg = s.shared.depeg
    if depeg is not None:
        spot_usd = depeg.count_spot * now.units.spot_in_use * s.units.index_usd
        net = net.at[:, DENOMINATIONS.index("USD")].add(spot_usd)
    return jax.vmap(lambda x: jnp.stack(hedged_volumes(list(x))))(net), net


def _legs(
    s: Setting, held: Holdings, unit: Array, side_of: Int[Array, " entry"], sign: Float[Array, " entry"]
) -> tuple[Bool[Array, " entry"], Bool[Array, " entry"]]:
    """Legs of both sides: what is held and can be reduced, and where a side has none, its most liquid hedge."""
    ours = s.terms.is_hedge & (s.book.unit == unit) & s.book.present & (side_of >= 0)
    is_held = ours & (jnp.sign(held.quantity) == sign) & (held.quantity != 0.0)
    has_any = jnp.stack([jnp.any(is_held & (side_of == side)) for side in (0, 1)])[jnp.maximum(side_of, 0)]
    return is_held | (ours & s.book.is_main_of_denomination & ~has_any), is_held


def _main(s: Setting, held: Holdings, legs: Bool[Array, " entry"]) -> Int[Array, ""]:
    """The largest leg of a side."""
    return first_largest(jnp.abs(held.quantity * s.terms.delta_usd), legs, s.book.rank[: len(legs)])

"""MR4: tenors that drift apart while the coin stands still (okx_computation.md section 3).

Both versions charge the cash delta of each tenor bucket with the bucket's own move, spot in use being a bucket. Version
2 charges all of it; version 1 only what long and short buckets match.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import DENOMINATIONS, PERPETUAL_TENOR, Contracts
from shockgrid.numerics.fold import total
from shockgrid.numerics.shapes import Array, Float
from shockgrid.scenarios.sensitivities import DAYS_PER_YEAR
from shockgrid.venues.okx.rule_tables import MatchedBasis, TenorBasis
from shockgrid.venues.okx.rulebook import Structure


def mr4(delta_usd: Sequence[Float[Array, ""]], moves: Float[Array, " bucket"]) -> Float[Array, ""]:
    """``sum |CD_b| move_b``.

    Args:
        delta_usd: Charged cash delta of each bucket: perpetuals, expiries, spot in use.
        moves: Of each bucket.
    """
    return total([jnp.abs(delta) * moves[bucket] for bucket, delta in enumerate(delta_usd)])


def charged_delta(delta_usd: Sequence[Float[Array, ""]], structure: Structure) -> Sequence[Float[Array, ""]]:
    """What of each bucket's cash delta MR4 charges: all of it, in version 1 the matched part."""
    return matched_delta(delta_usd) if structure == "v1" else delta_usd


def matched_delta(delta_usd: Sequence[Float[Array, ""]]) -> list[Float[Array, ""]]:
    """What of each bucket is hedged by buckets of the other sign, in proportion to its size."""
    long, short = [jnp.maximum(d, 0.0) for d in delta_usd], [jnp.maximum(-d, 0.0) for d in delta_usd]
    total_long, total_short = total(long), total(short)
    matched = jnp.minimum(total_long, total_short)

    def share(side: Array) -> Array:
        return jnp.where(side > 0.0, matched / jnp.where(side > 0.0, side, 1.0), 0.0)

    share_long, share_short = share(total_long), share(total_short)
    return [a * share_long - b * share_short for a, b in zip(long, short, strict=True)]


def tenor_moves(tenor_years: Float[Array, "coin tenor"], rules: TenorBasis) -> Float[Array, "coin bucket"]:
    """Moves of version 2, ``max(floor, annual move * sqrt(days / 365))``; spot, the last bucket, at the floor."""
    years = tenor_years.at[:, PERPETUAL_TENOR].set(rules.perpetual_days / DAYS_PER_YEAR)
    scaled = jnp.maximum(rules.floor[:, None], rules.annual_move[:, None] * jnp.sqrt(years))
    return jnp.concatenate([scaled, rules.floor[:, None]], axis=1)


def forward_moves(contracts: Contracts, snapshot: Snapshot, rules: MatchedBasis) -> Float[Array, "unit bucket"]:
    """Moves of version 1, ``forward move + basis change * |F / I - 1|``; of perpetuals and spot the first term alone.

    A unit is a coin and a denomination. Where spot does not count, its move, of the last bucket, stays and its delta is
    left out.
    """
    basis = listed_basis(contracts, snapshot)
    n_coins, n_denominations, n_tenors = basis.shape
    flat = rules.forward_move[:, None, None]
    moves = flat + rules.basis_change[:, None, None] * basis
    spot = jnp.broadcast_to(flat, (n_coins, n_denominations, 1))
    return jnp.concatenate([moves, spot], axis=2).reshape(n_coins * n_denominations, n_tenors + 1)


def listed_basis(contracts: Contracts, snapshot: Snapshot) -> Float[Array, "coin denomination tenor"]:
    """Largest ``|F / I - 1|`` of the listed instruments of each unit and expiry; 0 for perpetuals and empty slots.

    ``F`` is the mark, of options the forward; ``I`` the index in the contract's quote currency.
    """
    forward = jnp.where(contracts.is_option, snapshot.forward, snapshot.mark)
    expires = (contracts.tenor != PERPETUAL_TENOR) & (snapshot.years > 0.0)
    deviation = jnp.where(expires, jnp.abs(forward / snapshot.quote_index - 1.0), 0.0)
    shape = (snapshot.tenor_years.shape[0], len(DENOMINATIONS), snapshot.tenor_years.shape[1])
    return jnp.zeros(shape, deviation.dtype).at[contracts.coin, contracts.denomination, contracts.tenor].max(deviation)

"""MR4, v2: every tenor moves on its own by its basis move (okx_computation.md section 3)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.market.universe import PERPETUAL_TENOR
from shockgrid.numerics.shapes import Array, Float
from shockgrid.stress.sensitivities import DAYS_PER_YEAR
from shockgrid.venues.okx.rule_tables import RuleTables


def basis_moves(tenor_years: Float[Array, "coin tenor"], rules: RuleTables) -> Float[Array, "coin tenor"]:
    """``max(floor, annual move * sqrt(days / 365))`` of every tenor slot."""
    perpetual_years = rules.basis_perpetual_days / DAYS_PER_YEAR
    years = tenor_years.at[:, PERPETUAL_TENOR].set(perpetual_years)
    scaled = rules.coins.basis_annual_move[:, None] * jnp.sqrt(years)
    return jnp.maximum(rules.coins.basis_floor[:, None], scaled)


def mr4(
    tenor_delta_usd: Float[Array, " tenor"],
    moves: Float[Array, " tenor"],
    spot_usd: Float[Array, ""],
    spot_move: Float[Array, ""],
) -> Float[Array, ""]:
    """Absolute net cash delta of each bucket times its move, summed; spot in use is a bucket at the floor.

    Args:
        tenor_delta_usd: Net cash delta of perpetuals and of each expiry.
        moves: From ``basis_moves``.
        spot_usd: Value of the spot in use.
        spot_move: The floor.
    """
    return jnp.sum(jnp.abs(tenor_delta_usd) * moves) + jnp.abs(spot_usd) * spot_move

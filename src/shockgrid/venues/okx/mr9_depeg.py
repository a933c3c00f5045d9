"""MR9: what a hedge of one stablecoin's contracts with another's can lose (okx_computation.md section 3; v2 only)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from shockgrid.numerics.marginal_tiers import marginal_tiers
from shockgrid.numerics.shapes import Array, Float
from shockgrid.venues.okx.rule_tables import DepegTables

PAIRS = ((0, 2), (0, 1), (1, 2))
"""USDT-USD, USDT-USDC, USDC-USD, as places among ``DENOMINATIONS``, in the order of netting."""


def hedged_volumes(delta_usd: Float[Array, " denomination"]) -> Float[Array, " pair"]:
    """Volume of each pair: where its two have opposite signs, the smaller; both shrink by it before the next."""
    a = delta_usd
    volumes = []
    for first, second in PAIRS:
        opposite = a[first] * a[second] < 0.0
        volume = jnp.where(opposite, jnp.minimum(jnp.abs(a[first]), jnp.abs(a[second])), 0.0)
        a = a.at[first].add(-jnp.sign(a[first]) * volume).at[second].add(-jnp.sign(a[second]) * volume)
        volumes.append(volume)
    return jnp.stack(volumes)


def tier_factors(pair_price: Float[Array, " pair"], table: DepegTables) -> Float[Array, "pair tier"]:
    """Factor of each tier at each pair's price, linear between the table's prices; a price above 1 counts as 1/p."""
    price = jnp.where(pair_price > 1.0, 1.0 / pair_price, pair_price)
    return jax.vmap(lambda column: jnp.interp(price, table.prices, column), in_axes=1, out_axes=1)(table.factors)


def pair_charges(
    delta_usd: Float[Array, " denomination"], factors: Float[Array, "pair tier"], upper_usd: Float[Array, " tier"]
) -> Float[Array, " pair"]:
    """Marginal charge of each pair's volume.

    Args:
        delta_usd: Net cash delta in USDT, USDC and USD contracts.
        factors: From ``tier_factors``.
        upper_usd: Upper bounds of the tiers.
    """
    return jax.vmap(marginal_tiers, in_axes=(0, None, 0))(hedged_volumes(delta_usd), upper_usd, factors)


def mr9(
    delta_usd: Float[Array, " denomination"], factors: Float[Array, "pair tier"], upper_usd: Float[Array, " tier"]
) -> Float[Array, ""]:
    """The charges of all pairs, summed; arguments as for ``pair_charges``."""
    return jnp.sum(pair_charges(delta_usd, factors, upper_usd))

"""MR9: what a hedge of one stablecoin's contracts with another's can lose (okx_computation.md section 3; v2 only)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from shockgrid.numerics.fold import total
from shockgrid.numerics.marginal_tiers import marginal_tiers
from shockgrid.numerics.shapes import Array, Float
from shockgrid.venues.okx.rule_tables import DepegTables

PAIRS = ((0, 2), (0, 1), (1, 2))
"""USDT-USD, USDT-USDC, USDC-USD, as places among ``DENOMINATIONS``, in the order of netting."""


def hedged_volumes(delta_usd: Sequence[Float[Array, ""]]) -> list[Float[Array, ""]]:
    """Volume of each pair: where its two have opposite signs, the smaller; both shrink by it before the next.

    Args:
        delta_usd: Net cash delta of each of ``DENOMINATIONS``.
    """
    left = list(delta_usd)
    volumes = []
    for first, second in PAIRS:
        opposite = left[first] * left[second] < 0.0
        volume = jnp.where(opposite, jnp.minimum(jnp.abs(left[first]), jnp.abs(left[second])), 0.0)
        for side in (first, second):
            left[side] = left[side] - jnp.sign(left[side]) * volume
        volumes.append(volume)
    return volumes


def tier_factors(pair_price: Float[Array, " pair"], table: DepegTables) -> Float[Array, "pair tier"]:
    """Factor of each tier at each pair's price, linear between the table's prices; a price above 1 counts as 1/p."""
    price = jnp.where(pair_price > 1.0, 1.0 / pair_price, pair_price)
    return jax.vmap(lambda column: jnp.interp(price, table.prices, column), in_axes=1, out_axes=1)(table.factors)


def pair_charges(
    delta_usd: Sequence[Float[Array, ""]], factors: Float[Array, "pair tier"], upper_usd: Float[Array, " tier"]
) -> list[Float[Array, ""]]:
    """Marginal charge of each pair's volume.

    Args:
        delta_usd: Net cash delta in USDT, USDC and USD contracts.
        factors: From ``tier_factors``.
        upper_usd: Upper bounds of the tiers.
    """
    return [marginal_tiers(volume, upper_usd, factors[pair]) for pair, volume in enumerate(hedged_volumes(delta_usd))]


def mr9(
    delta_usd: Sequence[Float[Array, ""]], factors: Float[Array, "pair tier"], upper_usd: Float[Array, " tier"]
) -> Float[Array, ""]:
    """The charges of all pairs, summed; arguments as for ``pair_charges``."""
    return total(pair_charges(delta_usd, factors, upper_usd))

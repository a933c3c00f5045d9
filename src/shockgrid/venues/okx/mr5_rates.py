"""MR5: two moves of the rate curve, a shift and a tilt (okx_computation.md section 3; modelled)."""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.numerics.fold import total
from shockgrid.numerics.shapes import Array, Float
from shockgrid.venues.okx.rule_tables import ContractRules


def factor_loadings(days: Float[Array, " instrument"], rules: ContractRules) -> Float[Array, "instrument factor"]:
    """Rate move at each time to expiry: PC1 flat, PC2 from +pc2 at once to -pc2 at the tilt's end and beyond."""
    tilt = 1.0 - 2.0 * jnp.minimum(days, rules.rate_tilt_days) / rules.rate_tilt_days
    return jnp.stack([jnp.full_like(tilt, rules.rate_pc1), rules.rate_pc2 * tilt], axis=1)


def mr5(factor_pnl_usd: Float[Array, " factor"]) -> Float[Array, ""]:
    """The absolute effect of each factor on the unit, summed."""
    return total(jnp.abs(factor_pnl_usd))

"""The shocks of a grid: price moves by coin, volatility states by contract.

Cells are ordered by preference among equal losses: volatility up, unchanged, down; then the smaller move, then the
positive one. The first of several worst cells is then the one to report (okx_computation.md section 3, MR1).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Float

VOL_STATES = ("up", "unchanged", "down")
VOL_COLUMNS = ("up points", "up relative", "unchanged", "down points", "down relative")
UNCHANGED = VOL_COLUMNS.index("unchanged")
"""Place of the unchanged volatility among ``VOL_COLUMNS``."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class VolShocks:
    """Volatility shocks by time to expiry, interpolated linearly in days and flat outside the table.

    A version axis may stand before each.

    Attributes:
        days: Nodes, ascending.
        points: Shock in volatility, 0.30 is 30 points.
        relative: Shock as a fraction of the volatility.
        floor: Least shocked volatility; the unchanged one has no floor.
    """

    days: Float[AnyArray, "*version node"]
    points: Float[AnyArray, "*version node"]
    relative: Float[AnyArray, "*version node"]
    floor: Float[AnyArray, "*version"]


def signed_moves(steps: Float[Array, "coin step"]) -> Float[Array, "coin move"]:
    """Moves ``0, +a, -a, +b, -b, ...`` from steps ``0, a, b, ...``."""
    pairs = jnp.stack([steps[:, 1:], -steps[:, 1:]], axis=-1)
    return jnp.concatenate([steps[:, :1], pairs.reshape(steps.shape[0], -1)], axis=1)


def point_shock(shocks: VolShocks, days: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Shock in volatility at a time to expiry."""
    return jnp.interp(days, shocks.days, shocks.points)


def shocked_vols(
    vol: Float[Array, " instrument"], days: Float[Array, " instrument"], shocks: VolShocks
) -> Float[Array, "instrument vol_column"]:
    """Volatility in each of ``VOL_COLUMNS``."""
    points, relative = point_shock(shocks, days), vol * jnp.interp(days, shocks.days, shocks.relative)
    moved = jnp.stack([vol + points, vol + relative, vol - points, vol - relative], axis=-1)
    up, down = jnp.split(jnp.maximum(moved, shocks.floor), 2, axis=-1)
    return jnp.concatenate([up, vol[:, None], down], axis=-1)

"""Normal jumps of log prices at Poisson times (Merton 1976), of one coin alone or of all coins together."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.numerics.shapes import AnyArray, Array, Float

MOST_A_STEP = 64
"""Jumps of one step that counts can reach; with 10 expected, more come once in 1e29 steps."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Jumps:
    """Jumps of each coin.

    Attributes:
        intensity: Jumps a year.
        mean, sd: Of a jump's log return.
        count_cdf: Probability of at most 0, 1, ... jumps in a step, from ``count_cdf``; of as many counts as matter.
    """

    intensity: Float[AnyArray, " coin"]
    mean: Float[AnyArray, " coin"]
    sd: Float[AnyArray, " coin"]
    count_cdf: Float[AnyArray, "coin count"]


def count_cdf(expected: np.ndarray) -> np.ndarray:
    """``[..., count]`` distribution function of Poisson counts, until all reach 1 in double precision.

    Args:
        expected: Jumps a step, 10 at most.
    """
    counts = np.arange(MOST_A_STEP)
    factorial = np.cumsum(np.log(np.maximum(counts, 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(counts == 0, 0.0, counts * np.log(expected[..., None])) - expected[..., None] - factorial
    cdf = np.cumsum(np.exp(log), axis=-1)
    enough = int((cdf < 1 - 1e-15).any(axis=tuple(range(cdf.ndim - 1))).sum())
    return np.minimum(cdf[..., : max(enough, 1)], 1.0)


def jump_counts(cdf: Float[Array, "coin count"], u: Float[Array, "coin path"]) -> Float[Array, "coin path"]:
    """Jumps of a step, by inversion of uniforms."""
    return (u[:, None, :] > cdf[:, :, None]).sum(axis=1).astype(u.dtype)


def compensator(jumps: Jumps) -> Float[Array, " coin"]:
    """What jumps add to the drift of the price, per year: ``intensity * (E[exp(jump)] - 1)``."""
    return jumps.intensity * jnp.expm1(jumps.mean + jumps.sd**2 / 2)


def jump_step(
    jumps: Jumps, dt_years: Float[Array, ""], counts: Float[Array, "#coin path"], z: Float[Array, "#coin path"]
) -> Float[Array, "coin path"]:
    """Log returns of a step's jumps, less what keeps the price's drift as it is.

    Args:
        jumps: Parameters.
        dt_years: Length of the step.
        counts: Jumps of each coin, or of all.
        z: Standard normals of the sizes, of each coin, or one for all.
    """
    size = jumps.mean[:, None] * counts + jumps.sd[:, None] * jnp.sqrt(counts) * z
    return size - (compensator(jumps) * dt_years)[:, None]

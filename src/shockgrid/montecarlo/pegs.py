"""Stablecoins: small noise about the peg, and depegs that come in jumps and recover.

A coin is worth ``exp(noise - depth)`` of its price today. The noise reverts to zero (``mean_reversion``). The depth is
zero until a jump adds to it: exponential in size, by itself at Poisson times or, with a given probability, with a
jump that all coins share; it recovers at a constant rate. A depeg is a loss in expectation: pegs are no martingales.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pegs:
    """Depegs of stablecoins.

    Attributes:
        intensity: Depegs a year by itself.
        crash_probability: That a shared jump of the coins brings a depeg.
        mean_depth: Of a depeg, in log price.
        recovery: Per year, at which the depth decays.
    """

    intensity: Float[AnyArray, " stablecoin"]
    crash_probability: Float[AnyArray, " stablecoin"]
    mean_depth: Float[AnyArray, " stablecoin"]
    recovery: Float[AnyArray, " stablecoin"]


def peg_step(
    pegs: Pegs,
    dt_years: Float[Array, ""],
    depth: Float[Array, "stablecoin path"],
    crashes: Float[Array, "1 path"],
    u: Float[Array, "stablecoin path"],
    u_size: Float[Array, "stablecoin path"],
) -> Float[Array, "stablecoin path"]:
    """Depth after a step.

    Args:
        pegs: Parameters.
        dt_years: Length of the step, in which a coin depegs once at most.
        depth: Before it.
        crashes: Shared jumps of the step.
        u: Uniforms that decide about a depeg.
        u_size: Uniforms of its size.
    """
    calm = jnp.exp(-pegs.intensity * dt_years)[:, None] * (1 - pegs.crash_probability[:, None]) ** crashes
    jump = jnp.where(u > calm, -pegs.mean_depth[:, None] * jnp.log(u_size), 0.0)
    return jnp.exp(-pegs.recovery * dt_years)[:, None] * depth + jump

"""Factors that return to zero (Ornstein-Uhlenbeck), with their exact step: volatility level, basis, carry, rates."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Reverting:
    """``dx = -reversion x dt + sd dW``, from 0.

    Attributes:
        reversion: Per year; 0 is a Brownian motion.
        sd: Of a year's noise, in units of the factor.
    """

    reversion: Float[AnyArray, " factor"]
    sd: Float[AnyArray, " factor"]


def reverting_step(
    model: Reverting, dt_years: Float[Array, ""], x: Float[Array, "factor path"], z: Float[Array, "factor path"]
) -> Float[Array, "factor path"]:
    """The factors after a step, of length ``dt_years``; ``z`` are standard normals."""
    rate = jnp.where(model.reversion > 0, model.reversion, 1.0)
    variance = jnp.where(model.reversion > 0, -jnp.expm1(-2 * rate * dt_years) / (2 * rate), dt_years)
    kept, noise = jnp.exp(-model.reversion * dt_years), model.sd * jnp.sqrt(variance)
    return kept[:, None] * x + noise[:, None] * z

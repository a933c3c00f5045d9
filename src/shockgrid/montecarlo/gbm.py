"""Geometric Brownian motion (Samuelson 1965), with its exact step."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import AnyArray, Array, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Gbm:
    """``dS / S = drift dt + vol dW``.

    Attributes:
        drift: Per year; 0 makes prices martingales.
        vol: Annualised.
    """

    drift: Float[AnyArray, " coin"]
    vol: Float[AnyArray, " coin"]


def gbm_step(model: Gbm, dt_years: Float[Array, ""], z: Float[Array, "coin path"]) -> Float[Array, "coin path"]:
    """Log returns over a step.

    Args:
        model: Parameters.
        dt_years: Length of the step.
        z: Standard normals.
    """
    mean = (model.drift - model.vol**2 / 2) * dt_years
    return mean[:, None] + (model.vol * jnp.sqrt(dt_years))[:, None] * z

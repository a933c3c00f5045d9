"""Heston's stochastic variance (1993), by the quadratic-exponential scheme of Andersen (2008).

Variance is drawn from a squared normal where it is far from zero, and from an exponential with a mass at zero where it
is near, so that mean and variance of the step are exact in both. The log price follows with central weights, and its
drift is corrected so that the price is a martingale (sections 3.2, 4.2 and 4.3 of Andersen, "Simple and efficient
simulation of the Heston stochastic volatility model", J. Comp. Finance 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from shockgrid.numerics.normal import normal_cdf
from shockgrid.numerics.shapes import AnyArray, Array, Float

SWITCH = 1.5
"""Andersen's psi_c: variance over squared mean of the step, above which the exponential is used."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Heston:
    """``dS / S = drift dt + sqrt(v) dW``, ``dv = reversion (long_variance - v) dt + vol_of_vol sqrt(v) dB``.

    Attributes:
        drift: Per year; 0 makes prices martingales.
        variance: Today's, annualised.
        long_variance: Where it reverts to.
        reversion: Per year.
        vol_of_vol: Annualised.
        correlation: Of dW and dB.
    """

    drift: Float[AnyArray, " coin"]
    variance: Float[AnyArray, " coin"]
    long_variance: Float[AnyArray, " coin"]
    reversion: Float[AnyArray, " coin"]
    vol_of_vol: Float[AnyArray, " coin"]
    correlation: Float[AnyArray, " coin"]


def heston_step(
    model: Heston,
    dt_years: Float[Array, ""],
    variance: Float[Array, "coin path"],
    z_price: Float[Array, "coin path"],
    z_variance: Float[Array, "coin path"],
) -> tuple[Float[Array, "coin path"], Float[Array, "coin path"]]:
    """Variance after a step, and the log return.

    Args:
        model: Parameters.
        dt_years: Length of the step.
        variance: Before it.
        z_price: Standard normals with the model's correlation to those of the variance.
        z_variance: Those.
    """
    one = jax.vmap(_one_coin, in_axes=(0, None, 0, 0, 0))
    return one(model, dt_years, variance, z_price, z_variance)


class _Law(NamedTuple):
    """How the variance after a step is distributed, given the one before."""

    mean: Array
    still: Array  # without noise
    far: Array  # from zero
    a: Array  # far: a (b + z)**2, with b2 = b**2
    b2: Array
    p: Array  # near: 0 with probability p, else exponential with rate beta
    beta: Array


def _one_coin(
    m: Heston, dt: Float[Array, ""], v: Float[Array, " path"], z_price: Float[Array, " path"], z: Float[Array, " path"]
) -> tuple[Float[Array, " path"], Float[Array, " path"]]:
    law = _law(m, dt, v)
    after = _drawn(law, z)
    rho = jnp.where(law.still, 0.0, m.correlation)
    rho_over = rho / jnp.where(law.still, 1.0, m.vol_of_vol)
    free = (z_price - rho * z) / jnp.sqrt(1 - rho**2)  # of the variance's normal
    central = dt / 2 * (m.reversion * rho_over - 0.5)
    k1, k2, k3 = central - rho_over, central + rho_over, dt / 2 * (1 - rho**2)
    k0 = -_log_moment(law, k2 + k3 / 2) - (k1 + k3 / 2) * v
    return after, m.drift * dt + k0 + k1 * v + k2 * after + jnp.sqrt(k3 * (v + after)) * free


def _law(m: Heston, dt: Float[Array, ""], v: Float[Array, " path"]) -> _Law:
    info = jnp.finfo(v.dtype)
    reverts = m.reversion > 0
    span = jnp.where(reverts, -jnp.expm1(-m.reversion * dt) / jnp.where(reverts, m.reversion, 1.0), dt)
    decay = jnp.exp(-m.reversion * dt)
    mean = m.long_variance + (v - m.long_variance) * decay
    spread = m.vol_of_vol**2 * span * (v * decay + m.long_variance * (1 - decay) / 2)
    psi = spread / jnp.maximum(mean**2, info.tiny)
    inverse = 2 / jnp.clip(psi, info.eps, SWITCH)
    b2 = inverse - 1 + jnp.sqrt(inverse) * jnp.sqrt(inverse - 1)
    near = jnp.maximum(psi, SWITCH)
    p = (near - 1) / (near + 1)
    beta = (1 - p) / jnp.maximum(mean, info.tiny)
    return _Law(mean, m.vol_of_vol == 0, psi <= SWITCH, mean / (1 + b2), b2, p, beta)


def _drawn(law: _Law, z: Float[Array, " path"]) -> Float[Array, " path"]:
    tail = jnp.maximum(normal_cdf(-z), jnp.finfo(z.dtype).tiny)
    exponential = jnp.maximum(jnp.log((1 - law.p) / tail), 0.0) / law.beta
    noisy = jnp.where(law.far, law.a * (jnp.sqrt(law.b2) + z) ** 2, exponential)
    return jnp.where(law.still, law.mean, noisy)


def _log_moment(law: _Law, A: Float[Array, ""]) -> Float[Array, " path"]:
    """``log E[exp(A v)]`` of the variance after the step."""
    far = A * law.b2 * law.a / (1 - 2 * A * law.a) - jnp.log(1 - 2 * A * law.a) / 2
    near = jnp.log(law.p + law.beta * (1 - law.p) / (law.beta - A))
    return jnp.where(law.still, A * law.mean, jnp.where(law.far, far, near))

"""Random numbers that depend on a seed, a block of paths and a step, and on nothing else.

A block of paths always draws the same numbers, whoever draws it and whatever was drawn before: so a result does not
depend on chunks, devices or the order of work.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Float, Int

Generator: TypeAlias = Literal["threefry4x32", "philox4x32", "threefry2x32"]
"""Counter-based generators (Salmon et al. 2011), by the names that JAX gives them."""


def block_key(seed: Int[Array, ""], generator: Generator, block: Int[Array, ""]) -> Array:
    """The key of a block of paths."""
    return jax.random.fold_in(jax.random.key(seed, impl=generator), block)


def step_normals(key: Array, shape: tuple[int, int], dtype: jnp.dtype, *, antithetic: bool) -> Float[Array, "row path"]:
    """Standard normals of one step.

    Args:
        key: Of the step.
        shape: Rows, and paths.
        dtype: float32 or float64.
        antithetic: Every other path gets the numbers of the one before it with the other sign.
    """
    if not antithetic:
        return jax.random.normal(key, shape, dtype)
    half = jax.random.normal(key, (shape[0], shape[1] // 2), dtype)
    return jnp.stack([half, -half], axis=2).reshape(shape)


def step_uniforms(
    key: Array, shape: tuple[int, int], dtype: jnp.dtype, *, antithetic: bool
) -> Float[Array, "row path"]:
    """Uniforms in (0, 1) of one step; arguments as for ``step_normals``, antithetic ones add up to 1."""
    tiny = jnp.finfo(dtype).eps / 4
    if not antithetic:
        return jax.random.uniform(key, shape, dtype, tiny)
    half = jax.random.uniform(key, (shape[0], shape[1] // 2), dtype, tiny)
    return jnp.stack([half, 1 - half], axis=2).reshape(shape)

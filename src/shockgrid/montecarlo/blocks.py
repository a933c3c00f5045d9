"""Paths, block by block: every block is one call of one program, so chunks and devices change no bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.montecarlo.joint import JointModel, PathState, first_state, joint_step, today
from shockgrid.numerics.compiling import compiling_once, program_key
from shockgrid.numerics.devices import Device, device_slots, map_on_devices, on_each_device
from shockgrid.numerics.random_streams import Generator, block_key
from shockgrid.numerics.shapes import Array, Float, Int

BLOCK = 8192
"""Paths of a block: a few factors' states stay in a core's cache."""

PathPrecision: TypeAlias = Literal["float32", "float64"]


@partial(jax.jit, static_argnames=("generator", "n_steps", "antithetic", "dtype"))
def draw_block(
    model: JointModel,
    seed: Int[Array, ""],
    block: Int[Array, ""],
    *,
    generator: Generator,
    n_steps: int,
    antithetic: bool,
    dtype: str,
) -> Float[Array, "step factor path"]:
    """A block of paths.

    Args:
        model: What moves; arrays in ``dtype``.
        seed: Of the run.
        block: Its number.
        generator: Of random numbers.
        n_steps: Of a path.
        antithetic: Whether every other path mirrors the one before it.
        dtype: float32 or float64.

    Returns:
        After each step, the log price of every coin over today's, the reverting factors, the depths of depegs, and the
        variances where the model has them.
    """
    key = block_key(seed, generator, block)
    u = jax.random.uniform(jax.random.fold_in(key, n_steps), (BLOCK,), dtype)

    def step(state: PathState, i: Array) -> tuple[PathState, Array]:
        state = joint_step(model, state, i, jax.random.fold_in(key, i), antithetic=antithetic)
        return state, jnp.concatenate([state.log_price, state.reverting, state.depth, state.variance])

    return jax.lax.scan(step, first_state(model, u), jnp.arange(n_steps))[1]


def draw_paths(
    model: JointModel,
    seed: int,
    n_paths: int,
    n_steps: int,
    *,
    generator: Generator,
    antithetic: bool,
    precision: PathPrecision,
    first: int = 0,
    done: Callable[[int], object] | None = None,
) -> np.ndarray:
    """``[path, step, column]`` of ``draw_block``, on all devices, with today as the first step.

    Args:
        model: What moves (NumPy).
        seed: Of the run.
        n_paths: How many.
        n_steps: Of each.
        generator: Of random numbers.
        antithetic: As for ``draw_block``.
        precision: Of the arithmetic and of what comes out.
        first: Number of the first path, a multiple of ``BLOCK``: a part of a larger set has that set's paths.
        done: Called with each block that is drawn.
    """
    devices = device_slots()
    cast = jax.tree.map(lambda x: np.asarray(x, precision), model)
    with jax.enable_x64(True):
        placed = on_each_device(cast, devices)
    options = {"generator": generator, "n_steps": n_steps, "antithetic": antithetic, "dtype": precision}
    program = program_key(f"paths {options}", cast)
    start = today(model)
    paths = np.empty((n_paths, n_steps + 1, len(start)), precision)
    paths[:, 0] = start
    blocks = range(first // BLOCK, first // BLOCK + -(-n_paths // BLOCK))

    def draw(block: int, device: Device) -> None:
        numbers = np.int64(seed), np.int64(block)
        drawn = compiling_once((program, device), lambda: draw_block(placed[device], *numbers, **options))
        at = (block - blocks[0]) * BLOCK
        part = paths[at : at + BLOCK, 1:]
        part[...] = np.asarray(drawn).transpose(2, 0, 1)[: len(part)]

    map_on_devices(draw, blocks, devices, done)
    return paths

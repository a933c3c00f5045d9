"""Stationary bootstrap of historical joint returns (Politis and Romano 1994).

A path walks through history: at each step it goes on to the next day, or, with probability ``restart``, to a day drawn
at random; after the last day comes the first. All coins take the same day, so their dependence is history's.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.numerics.shapes import AnyArray, Array, Float, Int


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bootstrap:
    """History, and how to walk through it.

    Attributes:
        history: Log returns of equal steps, oldest first.
        growth: Of the mean price by history, log, at each step of a path (``mean_growth``); it is taken off.
        drift: Per year, added.
        restart: Probability of a day drawn at random, the inverse of the mean block.
    """

    history: Float[AnyArray, "time coin"]
    growth: Float[AnyArray, "step coin"]
    drift: Float[AnyArray, " coin"]
    restart: Float[AnyArray, ""]


def mean_growth(history: np.ndarray, restart: float, steps: int) -> np.ndarray:
    """``[step, coin]`` log growth of the mean price at each step, exactly, so that paths can be made martingales.

    Args:
        history: ``[time, coin]`` log returns.
        restart: As in ``Bootstrap``.
        steps: Of a path.
    """
    onward = np.ones_like(history)  # by day: the mean growth of the steps that follow it
    total = np.zeros((steps + 1, history.shape[1]))
    for step in range(1, steps + 1):
        ahead = (1 - restart) * np.roll(onward, -1, axis=0) + restart * onward.mean(axis=0)
        onward = np.exp(history) * (onward if step == 1 else ahead)
        scale = onward.mean(axis=0)
        total[step] = total[step - 1] + np.log(scale)
        onward = onward / scale
    return np.diff(total, axis=0)


def drawn_days(n: int, u: Float[Array, " path"]) -> Int[Array, " path"]:
    """Days of a history of ``n``, by uniforms."""
    return jnp.minimum((u * n).astype(jnp.int32), n - 1)


def next_days(
    n: int, restart: Float[Array, ""], day: Int[Array, " path"], u: Float[Array, " path"], u_day: Float[Array, " path"]
) -> Int[Array, " path"]:
    """Where paths go.

    Args:
        n: Days of history.
        restart: Probability of a day drawn at random.
        day: Where they are.
        u: Uniforms that decide about going on.
        u_day: Uniforms that the new day is drawn by.
    """
    return jnp.where(u < restart, drawn_days(n, u_day), jnp.where(day + 1 < n, day + 1, 0))


def bootstrap_step(
    model: Bootstrap, step: Int[Array, ""], dt_years: Float[Array, ""], day: Int[Array, " path"]
) -> Float[Array, "coin path"]:
    """Log returns of the step ``step``, of length ``dt_years``, by the days where paths are."""
    return model.history[day].T + (model.drift * dt_years - model.growth[step])[:, None]

"""One step of everything that moves: coins by one model, jumps, reverting factors and pegs, on correlated normals.

The driver's normals are those of the coins, of Heston's variances, and of the reverting factors, in this order; their
correlation is one matrix, factored once. A jump that all coins share can bring depegs, and lifts volatility factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.montecarlo.bootstrap import Bootstrap, bootstrap_step, drawn_days, next_days
from shockgrid.montecarlo.filtered_bootstrap import FilteredBootstrap, filtered_step
from shockgrid.montecarlo.gbm import Gbm, gbm_step
from shockgrid.montecarlo.heston import Heston, heston_step
from shockgrid.montecarlo.jumps import Jumps, jump_counts, jump_step
from shockgrid.montecarlo.mean_reversion import Reverting, reverting_step
from shockgrid.montecarlo.pegs import Pegs, peg_step
from shockgrid.numerics.random_streams import step_normals, step_uniforms
from shockgrid.numerics.shapes import AnyArray, Array, Float, Int

PriceModel: TypeAlias = Gbm | Heston | Bootstrap | FilteredBootstrap


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class JointModel:
    """All models of a run; what is None does not move.

    Attributes:
        price: Of the coins.
        reverting: Factors, among them the noise of each peg.
        jumps: Of each coin by itself.
        shared: Of all coins at the same times, with the same normal for their sizes; counts have one row.
        vol_jump: What a shared jump adds to each reverting factor.
        pegs: Depegs.
        cholesky: Lower factor of the correlation of the driver's normals; None where they are independent.
        dt_years: Length of a step.
    """

    price: PriceModel
    reverting: Reverting
    jumps: Jumps | None
    shared: Jumps | None
    vol_jump: Float[AnyArray, " factor"]
    pegs: Pegs | None
    cholesky: Float[AnyArray, "normal normal"] | None
    dt_years: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PathState:
    """Where the paths of a block are; today all are 0 but the variances and days.

    Attributes:
        log_price: Of each coin over today's.
        variance: Heston's, annualised, or GARCH's, of the next step; empty in other models.
        day: Of history, in bootstraps.
        reverting: The reverting factors.
        depth: Of each stablecoin's depeg.
    """

    log_price: Float[Array, "coin path"]
    variance: Float[Array, "variance path"]
    day: Int[Array, " path"]
    reverting: Float[Array, "factor path"]
    depth: Float[Array, "stablecoin path"]


def first_state(model: JointModel, u: Float[Array, " path"]) -> PathState:
    """Today, in a block of paths; ``u`` are uniforms that draw the first day of a bootstrap."""
    n, dtype = len(u), u.dtype
    price = model.price
    variance = _variance(price)
    n_stablecoins = 0 if model.pegs is None else len(model.pegs.intensity)
    return PathState(
        log_price=jnp.zeros((len(price.drift), n), dtype),
        variance=jnp.broadcast_to(variance[:, None], (len(variance), n)).astype(dtype),
        day=drawn_days(n_days(price), u),
        reverting=jnp.zeros((len(model.reverting.sd), n), dtype),
        depth=jnp.zeros((n_stablecoins, n), dtype),
    )


def today(model: JointModel) -> np.ndarray:
    """``[column]`` the numbers of every path before its first step."""
    pegs = 0 if model.pegs is None else len(model.pegs.intensity)
    zeros = np.zeros(len(model.price.drift) + len(model.reverting.sd) + pegs)
    return np.concatenate([zeros, _variance(model.price)])


def _variance(price: PriceModel) -> AnyArray:
    return price.variance if isinstance(price, Heston | FilteredBootstrap) else np.zeros(0)


def n_days(price: PriceModel) -> int:
    """Length of a bootstrap's history, 1 in other models."""
    if isinstance(price, Bootstrap):
        return len(price.history)
    return len(price.residuals) if isinstance(price, FilteredBootstrap) else 1


def joint_step(model: JointModel, state: PathState, step: Int[Array, ""], key: Array, *, antithetic: bool) -> PathState:
    """The paths of a block after one step.

    Args:
        model: What moves.
        state: Before it.
        step: Its number, from 0.
        key: Its random numbers.
        antithetic: As for ``step_normals``.
    """
    n_coins, n = state.log_price.shape
    dtype, dt = state.log_price.dtype, model.dt_years
    variance = n_coins if isinstance(model.price, Heston) else 0
    reads = n_coins if isinstance(model.price, Gbm | Heston) else 0
    rows = reads + variance + len(state.reverting)
    sizes = (n_coins if model.jumps is not None else 0) + (model.shared is not None)
    normals = step_normals(jax.random.fold_in(key, 0), (rows + sizes, n), dtype, antithetic=antithetic)
    z, z_size = normals[:rows], normals[rows:]
    if model.cholesky is not None:
        z = jnp.matmul(model.cholesky, z, precision=jax.lax.Precision.HIGHEST)
    u = _uniforms(model, key, n, dtype, antithetic=antithetic)

    state, log_return = _price_step(model, state, step, z[:reads], z[reads : reads + variance], u)
    crashes = jnp.zeros((1, n), dtype)
    if model.jumps is not None:
        counts = jump_counts(model.jumps.count_cdf, u["jumps"])
        log_return += jump_step(model.jumps, dt, counts, z_size[:n_coins])
    if model.shared is not None:
        counts = jump_counts(model.shared.count_cdf, u["shared"])
        log_return += jump_step(model.shared, dt, counts, z_size[-1:])
        crashes = counts
    reverting = reverting_step(model.reverting, dt, state.reverting, z[reads + variance :])
    depth = state.depth
    if model.pegs is not None:
        depth = peg_step(model.pegs, dt, depth, crashes, u["pegs"], u["depths"])
    return PathState(
        log_price=state.log_price + log_return,
        variance=state.variance,
        day=state.day,
        reverting=reverting + model.vol_jump[:, None] * crashes,
        depth=depth,
    )


def _uniforms(model: JointModel, key: Array, n: int, dtype: jnp.dtype, *, antithetic: bool) -> dict[str, Array]:
    """Uniforms by purpose, of those that the model has."""
    n_coins = len(model.price.drift)
    n_pegs = 0 if model.pegs is None else len(model.pegs.intensity)
    rows = {
        "days": 2 if isinstance(model.price, Bootstrap | FilteredBootstrap) else 0,
        "jumps": 0 if model.jumps is None else n_coins,
        "shared": 0 if model.shared is None else 1,
        "pegs": n_pegs,
        "depths": n_pegs,
    }
    if not sum(rows.values()):
        return {}
    drawn = step_uniforms(jax.random.fold_in(key, 1), (sum(rows.values()), n), dtype, antithetic=antithetic)
    end, out = 0, {}
    for name, count in rows.items():
        out[name], end = drawn[end : end + count], end + count
    return out


def _price_step(
    model: JointModel, state: PathState, step: Int[Array, ""], z: Array, z_variance: Array, u: dict[str, Array]
) -> tuple[PathState, Float[Array, "coin path"]]:
    """The state with the price model's own part moved, and the coins' log returns."""
    price, dt = model.price, model.dt_years
    if isinstance(price, Gbm):
        return state, gbm_step(price, dt, z)
    if isinstance(price, Heston):
        variance, log_return = heston_step(price, dt, state.variance, z, z_variance)
        return _moved(state, state.day, variance), log_return
    day = next_days(n_days(price), price.restart, state.day, u["days"][0], u["days"][1])
    if isinstance(price, Bootstrap):
        return _moved(state, day, state.variance), bootstrap_step(price, step, dt, state.day)
    variance, log_return = filtered_step(price, dt, state.day, state.variance)
    return _moved(state, day, variance), log_return


def _moved(state: PathState, day: Array, variance: Array) -> PathState:
    return PathState(state.log_price, variance, day, state.reverting, state.depth)

"""From a run's configuration to the arrays of its kernels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import numpy as np

from shockgrid.errors import InputError
from shockgrid.montecarlo.bootstrap import Bootstrap, mean_growth
from shockgrid.montecarlo.correlation import correlation_matrix
from shockgrid.montecarlo.filtered_bootstrap import FilteredBootstrap, garch_variances, growth_table
from shockgrid.montecarlo.gbm import Gbm
from shockgrid.montecarlo.heston import Heston
from shockgrid.montecarlo.joint import JointModel, PriceModel
from shockgrid.montecarlo.jumps import Jumps, count_cdf
from shockgrid.montecarlo.mean_reversion import Reverting
from shockgrid.montecarlo.path_config import Numbers, PathConfig
from shockgrid.montecarlo.pegs import Pegs

YEAR_DAYS = 365.0
MOST_JUMPS_A_STEP = 10.0


class FellerWarning(UserWarning):
    """A Heston variance that can reach zero: the scheme allows it, calibrations seldom mean it."""


def joint_model(config: PathConfig) -> JointModel:
    """The kernels' arrays (float64, NumPy).

    Args:
        config: The run.

    Raises:
        InputError: Coins, factors or parameters that do not fit together; more than 10 jumps expected in a step; a
            correlation matrix that is not positive definite.

    Warns:
        FellerWarning: ``2 reversion long_variance < vol_of_vol**2``.
    """
    dt_years = config.step_days / YEAR_DAYS
    names, pairs = _normals(config), config.correlation
    return JointModel(
        price=_price_model(config),
        reverting=Reverting(**_columns(config.factors.values(), "reversion", "sd")),
        jumps=_jumps(config, dt_years),
        shared=_shared(config, dt_years),
        vol_jump=np.array([config.shared_factors.get(name, 0.0) for name in config.factors]),
        pegs=_pegs(config),
        cholesky=np.linalg.cholesky(correlation_matrix(names, pairs, config.file)) if pairs else None,
        dt_years=np.array(dt_years),
    )


def _normals(config: PathConfig) -> tuple[str, ...]:
    """Names of the driver's normals, in the order of ``joint``."""
    driven = config.coins if config.price_model in ("gbm", "heston") else ()
    variances = config.coins if config.price_model == "heston" else ()
    return (*(f"price.{c}" for c in driven), *(f"variance.{c}" for c in variances), *config.factors)


def _columns(rows: Iterable[Numbers], *names: str) -> dict[str, np.ndarray]:
    rows = list(rows)
    return {name: np.array([row[name] for row in rows], float) for name in names}


def _price_model(config: PathConfig) -> PriceModel:
    rows = config.prices.values()
    if config.price_model == "gbm":
        return Gbm(**_columns(rows, "drift", "vol"))
    if config.price_model == "heston":
        for coin, row in config.prices.items():
            _warn_of_feller(config.file, coin, row)
        pair = [_own_correlation(config.correlation, coin) for coin in config.prices]
        names = ("drift", "variance", "long_variance", "reversion", "vol_of_vol")
        return Heston(**_columns(rows, *names), correlation=np.array(pair))
    history, restart = _history(config), np.array(config.restart)
    if config.price_model == "bootstrap":
        growth = mean_growth(history, config.restart, config.steps)
        return Bootstrap(history, growth, **_columns(rows, "drift"), restart=restart)
    return _filtered(history, restart, _columns(rows, "drift", "alpha", "beta"))


def _filtered(history: np.ndarray, restart: np.ndarray, columns: dict[str, np.ndarray]) -> FilteredBootstrap:
    returns = history - history.mean(axis=0)
    long_variance = returns.var(axis=0)
    omega = long_variance * (1 - columns["alpha"] - columns["beta"])
    variances = garch_variances(returns, omega, columns["alpha"], columns["beta"])
    residuals = returns / np.sqrt(variances[:-1])
    residuals /= residuals.std(axis=0)
    log_vol, growth = growth_table(residuals, variances[-1], long_variance)
    now, tables = {"variance": variances[-1], "omega": omega}, {"log_vol": log_vol, "log_mean_growth": growth}
    return FilteredBootstrap(residuals, **columns, restart=restart, **now, **tables)


def _history(config: PathConfig) -> np.ndarray:
    if config.history is None:
        raise InputError(config.file, "history", f"returns of the past, which {config.price_model} draws from")
    return np.asarray(config.history, float)


def _own_correlation(pairs: Mapping[str, Numbers], coin: str) -> float:
    price, variance = f"price.{coin}", f"variance.{coin}"
    return pairs.get(price, {}).get(variance, pairs.get(variance, {}).get(price, 0.0))


def _warn_of_feller(file: str, coin: str, row: Numbers) -> None:
    if 2 * row["reversion"] * row["long_variance"] < row["vol_of_vol"] ** 2:
        text = f"{file}: prices.{coin}: 2 reversion long_variance < vol_of_vol^2, so the variance reaches 0"
        warnings.warn(text, FellerWarning, stacklevel=4)


def _jumps(config: PathConfig, dt_years: float) -> Jumps | None:
    if not config.jumps:
        return None
    still = {"intensity": 0.0, "mean": 0.0, "sd": 0.0}
    columns = _columns((config.jumps.get(coin, still) for coin in config.coins), "intensity", "mean", "sd")
    return Jumps(**columns, count_cdf=_counts(config, "jumps", columns["intensity"] * dt_years))


def _shared(config: PathConfig, dt_years: float) -> Jumps | None:
    if not config.shared_intensity:
        return None
    columns = _columns((config.shared.get(coin, {"mean": 0.0, "sd": 0.0}) for coin in config.coins), "mean", "sd")
    cdf = _counts(config, "shared_jumps", np.array([config.shared_intensity * dt_years]))
    return Jumps(np.full(len(config.coins), config.shared_intensity), **columns, count_cdf=cdf)


def _counts(config: PathConfig, where: str, expected: np.ndarray) -> np.ndarray:
    if (expected > MOST_JUMPS_A_STEP).any():
        raise InputError(config.file, where, f"at most {MOST_JUMPS_A_STEP:g} jumps a step", expected.max())
    return count_cdf(expected)


def _pegs(config: PathConfig) -> Pegs | None:
    names = ("intensity", "crash_probability", "mean_depth", "recovery")
    return Pegs(**_columns(config.pegs.values(), *names)) if config.pegs else None

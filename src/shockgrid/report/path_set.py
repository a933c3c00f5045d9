"""``sg.draw_paths``: joint paths of everything that moves a market."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.montecarlo import blocks
from shockgrid.montecarlo.joint_model import joint_model
from shockgrid.montecarlo.path_config import PathConfig
from shockgrid.montecarlo.path_moves import market_moves
from shockgrid.report.path_files import PATH_SET_FORMAT, load_paths, write_paths
from shockgrid.report.plot_paths import plot_correlation, plot_fan, plot_histogram
from shockgrid.scenarios.moved_snapshot import MarketMove
from shockgrid.scenarios.shock import market_after

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, repr=False)
class PathSet:
    """Paths from one moment on; the first step is that moment.

    Attributes:
        config: Their models.
        seed: Of the random numbers.
        values: ``[path, step, column]``, columns as in ``columns``.
    """

    config: PathConfig
    seed: int
    values: np.ndarray

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the numbers of a path at a step: ``price.BTC`` (log price over today's), factors, ``depeg.USDT``."""
        return self.config.columns

    @property
    def days(self) -> np.ndarray:
        """``[step]`` from today."""
        return np.arange(self.values.shape[1]) * self.config.step_days

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        n, steps = self.values.shape[:2]
        return f"PathSet({n:,} paths of {steps - 1} steps of {self.config.step_days:g} days, {self.config.name})"

    def of(self, column: str) -> np.ndarray:
        """``[path, step]`` of one column.

        Raises:
            InputError: An unknown column.
        """
        if column not in self.columns:
            raise InputError("paths", "column", f"one of {', '.join(self.columns)}", repr(column))
        return self.values[:, :, self.columns.index(column)]

    def frame(self) -> pd.DataFrame:
        """One row a path and step: ``path, step, days`` and the columns."""
        n, steps = self.values.shape[:2]
        frame = pd.DataFrame(self.values.reshape(n * steps, -1), columns=list(self.columns))
        frame.insert(0, "path", np.repeat(np.arange(n, dtype=np.int32), steps))
        frame.insert(1, "step", np.tile(np.arange(steps, dtype=np.int32), n))
        frame.insert(2, "days", np.tile(self.days, n))
        return frame

    def moves(self, market: Market, paths: slice = slice(None)) -> MarketMove:
        """Moves of a market, ``[path, step, ...]``, for ``moved_snapshot``."""
        values = self.values[paths]
        return market_moves(market, self.config, values, np.broadcast_to(self.days, values.shape[:2]))

    def market(self, market: Market, path: int, step: int) -> Market:
        """The market at a step of a path.

        Raises:
            InputError: A path or step that there is not.
            ShockError: A path that leaves a mark, a forward or a volatility without a positive value.
        """
        for name, place, n in (("path", path, len(self)), ("step", step, self.values.shape[1])):
            if not 0 <= place < n:
                raise InputError("paths", name, f"a whole number from 0 to {n - 1}", place)
        at = self.values[path, step]
        move = market_moves(market, self.config, at, self.days[step])
        after = market.time + np.timedelta64(round(self.days[step] * DAY_MS), "ms")
        line = f"step {step} of path {path} of {self.config.name}, seed {self.seed}"
        return market_after(market, move.currency, move.vol, move.basis, after, [line])

    def save(self, folder: str | Path) -> None:
        """Write ``paths.parquet`` and ``manifest.json``; ``sg.read_paths`` reads them.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_paths(folder, self.frame(), self.manifest)

    @property
    def manifest(self) -> dict[str, Any]:
        """What the paths rest on."""
        config = {k: v for k, v in dataclasses.asdict(self.config).items() if k != "history"}
        return {"format": PATH_SET_FORMAT, "seed": self.seed, "jax": jax.__version__, "config": config}

    def plot_fan(self, column: str) -> go.Figure:
        """Quantiles of a column over time."""
        return plot_fan(self.of(column), self.days, column)

    def plot_histogram(self, column: str) -> go.Figure:
        """Distribution of a column at the last step, beside a normal one."""
        return plot_histogram(self.of(column)[:, -1], column, float(self.days[-1]))

    def plot_correlation(self) -> go.Figure:
        """Correlation of the steps of all columns, as measured."""
        return plot_correlation(np.diff(self.values, axis=1), self.columns)


def draw_paths(
    config: PathConfig, *, seed: int, paths: int | None = None, done: Callable[[int], object] | None = None
) -> PathSet:
    """Draw joint paths.

    The result depends on the configuration, the seed and the generator that it names, and on nothing else: a smaller
    set is the beginning of a larger one, and devices change no bit.

    Args:
        config: From ``load_path_config``.
        seed: A whole number from 0 to 2**32 - 1.
        paths: How many; by default as many as the configuration says.
        done: Called with the number of each block of paths that is drawn.

    Raises:
        InputError: A configuration that does not fit together (``joint_model``), a seed or number out of range.

    Warns:
        FellerWarning: As for ``joint_model``.
    """
    n = config.paths if paths is None else paths
    for name, value, low, high in (("seed", seed, 0, 2**32 - 1), ("paths", n, 1, 2**31 - 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
            raise InputError("draw_paths", name, f"a whole number from {low} to {high:,}", repr(value))
    values = blocks.draw_paths(
        joint_model(config),
        int(seed),
        int(n),
        config.steps,
        generator=config.generator,
        antithetic=config.antithetic,
        precision=config.precision,
        done=done,
    )
    return PathSet(config, int(seed), values)


def read_paths(folder: str | Path) -> PathSet:
    """Read what ``PathSet.save`` wrote; a history that paths were drawn from is not in it.

    Raises:
        InputError: A file that is missing, or is not what was written.
    """
    return PathSet(*load_paths(folder))

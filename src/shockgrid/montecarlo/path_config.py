"""What a Monte Carlo run is: models and their parameters by name, as read from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from shockgrid.montecarlo.blocks import PathPrecision
from shockgrid.numerics.random_streams import Generator

PriceModelName: TypeAlias = Literal["gbm", "heston", "bootstrap", "filtered_bootstrap"]
Numbers: TypeAlias = Mapping[str, float]

RATE_FACTORS = ("rate.level", "rate.slope")


@dataclass(frozen=True)
class PathConfig:
    """A run's models; parameters as in docs/models.md.

    Attributes:
        name, summary, file: What it is, and where it was read.
        generator: Of random numbers.
        step_days, steps, paths: Length and number of steps, and how many paths by default.
        antithetic: Whether paths come in mirrored pairs.
        precision: Of paths.
        price_model: Of all coins.
        prices: ``{coin: {parameter: value}}`` of that model.
        restart: Of bootstraps: probability of a day drawn at random.
        history: ``[time, coin]`` log returns of bootstraps, coins as in ``prices``.
        jumps: ``{coin: {intensity, mean, sd}}``.
        shared_intensity: Jumps a year that all coins share.
        shared: ``{coin: {mean, sd}}`` of those.
        shared_factors: ``{factor: jump}`` that they add to reverting factors.
        factors: ``{factor: {reversion, sd}}``: ``vol.COIN``, ``basis.COIN``, ``carry.COIN``, ``peg.STABLECOIN``,
            ``rate.level`` and ``rate.slope``.
        pegs: ``{stablecoin: {intensity, crash_probability, mean_depth, recovery}}``.
        correlation: ``{name: {name: value}}`` of ``price.COIN``, ``variance.COIN`` and factors.
        skew_stickiness: By coin: 1 keeps the volatility of a strike, 0 that of a moneyness.
        term_power, reference_days: Volatility of an expiry moves by ``(reference_days / days) ** term_power`` of its
            coin's level factor, never by more than the factor itself.
        provenance: ``{section: (provenance, source)}``.
    """

    name: str
    summary: str
    file: str
    generator: Generator
    step_days: float
    steps: int
    paths: int
    antithetic: bool
    precision: PathPrecision
    price_model: PriceModelName
    prices: Mapping[str, Numbers]
    restart: float = 1.0
    history: np.ndarray | None = None
    jumps: Mapping[str, Numbers] = field(default_factory=dict)
    shared_intensity: float = 0.0
    shared: Mapping[str, Numbers] = field(default_factory=dict)
    shared_factors: Numbers = field(default_factory=dict)
    factors: Mapping[str, Numbers] = field(default_factory=dict)
    pegs: Mapping[str, Numbers] = field(default_factory=dict)
    correlation: Mapping[str, Numbers] = field(default_factory=dict)
    skew_stickiness: Numbers = field(default_factory=dict)
    term_power: float = 0.0
    reference_days: float = 30.0
    provenance: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def coins(self) -> tuple[str, ...]:
        """Coins that move."""
        return tuple(self.prices)

    @property
    def variances(self) -> tuple[str, ...]:
        """Coins whose variance is a factor of its own."""
        return self.coins if self.price_model in ("heston", "filtered_bootstrap") else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a path's numbers, in the order of ``blocks.draw_block``."""
        prices = (f"price.{coin}" for coin in self.coins)
        depths = (f"depeg.{coin}" for coin in self.pegs)
        return (*prices, *self.factors, *depths, *(f"variance.{coin}" for coin in self.variances))

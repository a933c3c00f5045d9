"""Configurations for tests."""

from __future__ import annotations

from typing import Any

from shockgrid.montecarlo.path_config import PathConfig

BTC = {"BTC": {"drift": 0.0, "vol": 0.6}}


def config(**changes: Any) -> PathConfig:
    """BTC under geometric Brownian motion, ten days, with changes."""
    base: dict[str, Any] = {"name": "test", "summary": "", "file": "test.toml", "generator": "threefry4x32"}
    base |= {"step_days": 1.0, "steps": 10, "paths": 1000, "antithetic": False, "precision": "float32"}
    return PathConfig(**(base | {"price_model": "gbm", "prices": BTC} | changes))

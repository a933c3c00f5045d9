"""Marks of inputs: equal where the inputs are, so that a run goes on with what it began with."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from shockgrid.market.clock import time_text
from shockgrid.market.market import Market
from shockgrid.venues.okx.rulebook import Rulebook

TAIL_BYTES = 1 << 16
"""A Parquet file ends with its footer, which holds the size and the bounds of every column chunk."""


def file_mark(path: Path) -> str:
    """Of a Parquet file: its size and the hash of its end."""
    size = os.path.getsize(path)
    with path.open("rb") as file:
        file.seek(max(size - TAIL_BYTES, 0))
        return f"{size}-{hashlib.sha256(file.read()).hexdigest()[:16]}"


def market_mark(market: Market) -> str:
    """Of a market: the hash of its time, index prices and instruments."""
    digest = hashlib.sha256(time_text(market.time).encode())
    digest.update(repr(sorted(market.index.items())).encode())
    for name, values in sorted((vars(market.table) | dict(market.table.details)).items()):
        if isinstance(values, np.ndarray):
            text = values.dtype.kind in "OU"
            digest.update(name.encode() + (repr(values.tolist()).encode() if text else values.tobytes()))
    return digest.hexdigest()[:16]


def rulebook_mark(rules: Rulebook) -> str:
    """Of a rulebook: its name and the hash of its numbers and groups."""
    numbers = [(key, parameter.value) for key, parameter in sorted(rules.parameters.items())]
    groups = [(key, dict(grouping.members)) for key, grouping in sorted(rules.groupings.items())]
    return f"{rules.name}-{hashlib.sha256(repr((numbers, groups)).encode()).hexdigest()[:16]}"

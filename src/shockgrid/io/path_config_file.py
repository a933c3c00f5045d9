"""Monte Carlo configurations: TOML files of models, each row with the provenance of its numbers (formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from shockgrid.errors import InputError
from shockgrid.io.schema import ByName, Flag, Name, Number, check_document
from shockgrid.io.toml_file import load_toml
from shockgrid.montecarlo.blocks import PathPrecision
from shockgrid.montecarlo.path_config import RATE_FACTORS, PathConfig
from shockgrid.numerics.random_streams import Generator

PATHS_FORMAT = "shockgrid.paths/1"

_STRICT = ConfigDict(extra="forbid", strict=True)
Above = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number above 0")]
NotBelow = Annotated[float, Field(ge=0, allow_inf_nan=False, description="a number of 0 or more")]
Share = Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")]
Count = Annotated[int, Field(ge=1, description="a whole number above 0")]
Provenance = Literal["published", "corroborated", "inferred", "modelled", "calibrated"]


@with_config(_STRICT)
class _Row(TypedDict):
    provenance: Provenance
    source: Name


@with_config(_STRICT)
class GbmRow(_Row):
    """A coin under geometric Brownian motion."""

    drift: NotRequired[Number]
    vol: NotBelow


@with_config(_STRICT)
class HestonRow(_Row):
    """A coin under Heston's model."""

    drift: NotRequired[Number]
    variance: NotBelow
    long_variance: NotBelow
    reversion: NotBelow
    vol_of_vol: NotBelow


@with_config(_STRICT)
class BootstrapRow(_Row):
    """A coin that draws from its history."""

    drift: NotRequired[Number]


@with_config(_STRICT)
class FilteredRow(_Row):
    """A coin that draws GARCH residuals from its history."""

    drift: NotRequired[Number]
    alpha: Share
    beta: Share


@with_config(_STRICT)
class JumpRow(_Row):
    """Jumps of a coin by itself."""

    intensity: NotBelow
    mean: Number
    sd: NotBelow


@with_config(_STRICT)
class SizeRow(TypedDict):
    """What a shared jump does to a coin."""

    mean: Number
    sd: NotBelow


@with_config(_STRICT)
class SharedRow(_Row):
    """Jumps of all coins at once."""

    intensity: NotBelow
    coins: Annotated[dict[str, SizeRow], Field(description="a table by coin")]
    factors: NotRequired[ByName]


@with_config(_STRICT)
class FactorRow(_Row):
    """A factor that reverts to zero."""

    reversion: NotBelow
    sd: NotBelow


@with_config(_STRICT)
class PegRow(_Row):
    """Depegs of a stablecoin."""

    intensity: NotBelow
    crash_probability: NotRequired[Share]
    mean_depth: NotBelow
    recovery: NotBelow


@with_config(_STRICT)
class SurfaceRow(_Row):
    """How volatilities follow price, level and time."""

    skew_stickiness: NotRequired[ByName]
    term_power: NotRequired[NotBelow]
    reference_days: NotRequired[Above]


@with_config(_STRICT)
class PricesRow(TypedDict):
    """The model of all coins."""

    model: Literal["gbm", "heston", "bootstrap", "filtered_bootstrap"]
    mean_block_steps: NotRequired[Annotated[float, Field(ge=1, description="a number of 1 or more")]]
    coins: Annotated[dict[str, dict[str, Any]], Field(min_length=1, description="a table of one or more coins")]


@with_config(_STRICT)
class PathsDocument(TypedDict):
    """``shockgrid.paths/1``."""

    format: Literal["shockgrid.paths/1"]
    name: Name
    summary: NotRequired[Name]
    generator: NotRequired[Generator]
    step_days: Above
    steps: Count
    paths: Count
    antithetic: NotRequired[Flag]
    precision: NotRequired[PathPrecision]
    prices: PricesRow
    jumps: NotRequired[Annotated[dict[str, JumpRow], Field(description="a table by coin")]]
    shared_jumps: NotRequired[SharedRow]
    factors: NotRequired[Annotated[dict[str, FactorRow], Field(description="a table by factor")]]
    pegs: NotRequired[Annotated[dict[str, PegRow], Field(description="a table by stablecoin")]]
    correlation: NotRequired[Annotated[dict[str, ByName], Field(description="a table of tables of numbers")]]
    surface: NotRequired[SurfaceRow]


_DOCUMENT = TypeAdapter(PathsDocument)
_ROWS: dict[str, Any] = {
    "gbm": GbmRow,
    "heston": HestonRow,
    "bootstrap": BootstrapRow,
    "filtered_bootstrap": FilteredRow,
}


def load_path_config(path: str | Path, history: np.ndarray | None = None) -> PathConfig:
    """Read a Monte Carlo configuration.

    Args:
        path: A TOML file (formats.md).
        history: ``[time, coin]`` log returns of equal steps, for bootstraps, coins in the order of the file.

    Raises:
        InputError: The file cannot be read or is not TOML; an unknown key, model, coin or factor; a value of a wrong
            type or range.
    """
    file = str(path)
    document = check_document(_DOCUMENT, PathsDocument, load_toml(Path(path)), file)
    prices, coins = document["prices"], document["prices"]["coins"]
    kind = _ROWS[prices["model"]]
    rows = {coin: _price_row(kind, row, file, coin) for coin, row in coins.items()}
    shared = document.get("shared_jumps", {})
    factors = document.get("factors", {})
    _require_known(file, rows, document)
    surface = document.get("surface", {})
    return PathConfig(
        name=document["name"],
        summary=document.get("summary", ""),
        file=file,
        generator=document.get("generator", "threefry4x32"),
        step_days=float(document["step_days"]),
        steps=document["steps"],
        paths=document["paths"],
        antithetic=document.get("antithetic", False),
        precision=document.get("precision", "float32"),
        price_model=prices["model"],
        prices={coin: _numbers(row) for coin, row in rows.items()},
        restart=1.0 / prices.get("mean_block_steps", 1.0),
        history=history,
        jumps={coin: _numbers(row) for coin, row in document.get("jumps", {}).items()},
        shared_intensity=shared.get("intensity", 0.0),
        shared=shared.get("coins", {}),
        shared_factors=shared.get("factors", {}),
        factors={name: _numbers(row) for name, row in factors.items()},
        pegs={name: {"crash_probability": 0.0} | _numbers(row) for name, row in document.get("pegs", {}).items()},
        correlation=document.get("correlation", {}),
        skew_stickiness=surface.get("skew_stickiness", {}),
        term_power=surface.get("term_power", 0.0),
        reference_days=surface.get("reference_days", 30.0),
        provenance=_provenance(document, rows),
    )


def _price_row(kind: Any, row: Mapping[str, Any], file: str, coin: str) -> dict[str, Any]:
    """A coin's row, checked; errors name its place in the file."""
    try:
        found = check_document(TypeAdapter(kind), kind, row, file)
    except InputError as error:
        raise InputError(file, f"prices.coins.{coin}.{error.path}", error.expected, error.found) from None
    return {"drift": 0.0} | found


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if name not in ("provenance", "source")}


def _require_known(file: str, coins: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Every name is a coin that moves, or a factor that exists."""
    factors = document.get("factors", {})
    shared = document.get("shared_jumps", {})
    for where, names, known in (
        ("jumps", document.get("jumps", {}), coins),
        ("shared_jumps.coins", shared.get("coins", {}), coins),
        ("shared_jumps.factors", shared.get("factors", {}), factors),
        ("surface.skew_stickiness", document.get("surface", {}).get("skew_stickiness", {}), coins),
    ):
        for name in names:
            if name not in known:
                raise InputError(file, f"{where}.{name}", f"one of {', '.join(known) or 'none'}", repr(name))
    for name in factors:
        kind, _, of = name.partition(".")
        if name not in RATE_FACTORS and not (of and kind in ("vol", "basis", "carry", "peg")):
            expected = "vol.COIN, basis.COIN, carry.COIN, peg.STABLECOIN, rate.level or rate.slope"
            raise InputError(file, f"factors.{name}", expected, repr(name))


def _provenance(document: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """``{place: (provenance, source)}`` of every row."""
    named = {f"prices.{coin}": row for coin, row in rows.items()}
    for section in ("jumps", "factors", "pegs"):
        named |= {f"{section}.{name}": row for name, row in document.get(section, {}).items()}
    for section in ("shared_jumps", "surface"):
        if section in document:
            named[section] = document[section]
    return {name: (row["provenance"], row["source"]) for name, row in named.items()}

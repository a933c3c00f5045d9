"""Stress sets: TOML files of named moves, grids of moves, and combinations (formats.md)."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from shockgrid.errors import InputError
from shockgrid.io.schema import ByName, Name, Number, check_document
from shockgrid.io.toml_file import load_toml
from shockgrid.scenarios.named_stress import FAMILIES, Stress, combination

STRESS_FORMAT = "shockgrid.stress/1"

_STRICT = ConfigDict(extra="forbid", strict=True)
Numbers = Annotated[list[Number], Field(min_length=1, description="a list of finite numbers")]
ListsByName = Annotated[dict[str, Numbers], Field(description="a table of lists of numbers by coin")]


@with_config(_STRICT)
class StressRow(TypedDict):
    """One stress."""

    name: Name
    price: NotRequired[ByName]
    vol: NotRequired[ByName]
    peg: NotRequired[ByName]
    basis: NotRequired[ByName]
    days: NotRequired[Number]
    source: NotRequired[Name]


@with_config(_STRICT)
class GridRow(TypedDict):
    """Every combination of the listed moves; ``price``, ``vol``, ``peg`` and ``basis`` hold lists by name."""

    name: Name
    price: NotRequired[ListsByName]
    vol: NotRequired[ListsByName]
    peg: NotRequired[ListsByName]
    basis: NotRequired[ListsByName]
    days: NotRequired[Numbers]
    source: NotRequired[Name]


@with_config(_STRICT)
class CombinationRow(TypedDict):
    """Stresses of the file, at once."""

    name: Name
    of: Annotated[list[Name], Field(min_length=2, description="a list of two or more names of stresses")]
    source: NotRequired[Name]


@with_config(_STRICT)
class StressDocument(TypedDict):
    """``shockgrid.stress/1``."""

    format: Literal["shockgrid.stress/1"]
    stress: NotRequired[Annotated[list[StressRow], Field(description="tables of stresses")]]
    grid: NotRequired[Annotated[list[GridRow], Field(description="tables of grids")]]
    combination: NotRequired[Annotated[list[CombinationRow], Field(description="tables of combinations")]]


_DOCUMENT = TypeAdapter(StressDocument)


def read_stresses(path: str | Path) -> tuple[Stress, ...]:
    """Read a stress set, in the order of the file: stresses, the points of grids, combinations.

    Raises:
        InputError: The file cannot be read or is not TOML; an unknown key or value of a wrong type; a name that occurs
            twice, or a combination of what the file does not have.
    """
    file = str(path)
    document = check_document(_DOCUMENT, StressDocument, load_toml(Path(path)), file)
    found: dict[str, Stress] = {}

    def put(stress: Stress, where: str) -> None:
        if stress.name in found:
            raise InputError(file, f"{where}.name", "names that occur once", repr(stress.name))
        found[stress.name] = stress

    for i, row in enumerate(document.get("stress", [])):
        put(Stress(**row), f"stress[{i}]")
    for i, row in enumerate(document.get("grid", [])):
        for point in _points(row):
            put(point, f"grid[{i}]")
    for i, row in enumerate(document.get("combination", [])):
        for j, name in enumerate(row["of"]):
            if name not in found:
                raise InputError(file, f"combination[{i}].of[{j}]", f"one of {', '.join(found)}", repr(name))
        parts = [found[name] for name in row["of"]]
        put(combination(row["name"], parts, row.get("source", "")), f"combination[{i}]")
    return tuple(found.values())


def _points(row: GridRow) -> list[Stress]:
    """The points of a grid, the first axis slowest; a name says where each is: ``fall price BTC -0.3 vol BTC 0.2``."""
    axes = [(family, name, moves) for family in FAMILIES for name, moves in row.get(family, {}).items()]
    axes += [("days", "", row["days"])] if "days" in row else []
    points = []
    for chosen in product(*(moves for _, _, moves in axes)):
        fields: dict[str, Any] = {}
        words = [row["name"]]
        for (family, name, _), move in zip(axes, chosen, strict=True):
            words.append(" ".join(filter(None, (family, name, f"{move:g}"))))
            if family == "days":
                fields["days"] = move
            else:
                fields.setdefault(family, {})[name] = move
        points.append(Stress(" ".join(words), **fields, source=row.get("source", "")))
    return points

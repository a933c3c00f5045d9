"""A rulebook from its TOML file: read, checked against what its structure requires, and made into the record."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shockgrid.errors import RulebookError
from shockgrid.rulebooks import shelf
from shockgrid.rulebooks.difference import with_overrides
from shockgrid.rulebooks.inheritance import Draft, extended
from shockgrid.rulebooks.shelf import Moment
from shockgrid.rulebooks.structure import STRUCTURES, Shape
from shockgrid.rulebooks.value_checks import check_values
from shockgrid.venues.okx.rulebook import Grouping, Parameter, Provenance, Rulebook, Structure

_Name = Annotated[str, Field(pattern=r"^\S+$")]
_Text = Annotated[str, Field(min_length=1)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_STRICT = ConfigDict(strict=True, extra="forbid")


class _Grouping(BaseModel):
    """Every key but ``default`` is a group and lists its members (typed extras, as pydantic's documents have them)."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, list[_Name]]  # pyright: ignore[reportIncompatibleVariableOverride]
    default: _Name


class _Header(BaseModel):
    """Everything in a file that is not a parameter."""

    model_config = _STRICT
    format: Literal["shockgrid.rulebook/1"]
    venue: _Name
    version: _Name
    structure: Structure
    effective: AwareDatetime
    summary: _Text
    sources: dict[str, _Text]
    groupings: dict[str, _Grouping]


_PARTITIONED = ("sources", "groupings")


class _Parameter(BaseModel):
    """One parameter's table; ``provenance`` and ``value`` are read once ``by`` is known."""

    model_config = _STRICT
    unit: _Text
    range: Annotated[list[_Finite], Field(min_length=2, max_length=2)]
    by: str = ""
    provenance: Any
    source: str
    note: str = ""
    value: Any


_FORMS: Mapping[str, Any] = {"switch": bool, "number": _Finite, "numbers": list[_Finite], "matrix": list[list[_Finite]]}
# By kind, for a value that depends on no grouping and for one that does.
_VALUE: Mapping[tuple[str, bool], TypeAdapter[Any]] = {
    (kind, grouped): TypeAdapter(
        dict[str, form] if grouped else form,  # pyright: ignore[reportInvalidTypeForm] - a type made at run time
        config=ConfigDict(strict=True),
    )
    for kind, form in _FORMS.items()
    for grouped in (False, True)
}
_PROVENANCE: Mapping[bool, TypeAdapter[Any]] = {
    False: TypeAdapter(Provenance),
    True: TypeAdapter(dict[str, Provenance]),
}


def load_rulebook(name: str | os.PathLike[str] = "okx", at: Moment | None = None) -> Rulebook:
    """Read a rulebook and check it.

    Args:
        name: ``okx`` (the newest version), ``okx/v2-2025-01-15``, or the path of a ``.toml`` file, which may hold a
            whole rulebook or ``extends`` another and override some of its values.
        at: With a bare venue, the version in force then. A date without a time means the end of that day, and a time
            without an offset is UTC.

    Returns:
        The record, every number inside its range and every list of the length its rules need.

    Raises:
        RulebookError: No such rulebook, none in force at that time, or a file that is malformed; names the file, the
            path in it (``mr1.price_moves.A[2]``), what was expected and what was found.
    """
    # A copy: packaged rulebooks are read once, and whoever changes a list of one must not change it for all.
    return deepcopy(_read(shelf.find(os.fspath(name), at))[1])


def list_rulebooks() -> list[str]:
    """Names of the packaged rulebooks, by venue, the oldest version first.

    Raises:
        RulebookError: A packaged file is malformed.
    """
    return shelf.names()


def _read(source: Traversable, above: tuple[str, ...] = ()) -> tuple[Draft, Rulebook]:
    """What a file says, over what the files say that it extends; ``above`` are the files that extend it."""
    # Packaged files do not change and extend none but packaged ones: each is read once.
    return _read_packaged(source) if shelf.is_packaged(source) else _read_file(source, above)


@cache
def _read_packaged(source: Traversable) -> tuple[Draft, Rulebook]:
    return _read_file(source, ())


def _read_file(source: Traversable, above: tuple[str, ...]) -> tuple[Draft, Rulebook]:
    file, document = str(source), shelf.read_toml(source)
    parent_name = document.pop("extends", None)
    if parent_name is None:
        draft = _own_draft(file, document, document.get("structure"))
        return draft, _rulebook(file, draft)
    parent_source, chain = _parent(file, parent_name, source), (*above, _identity(source))
    if _identity(parent_source) in chain:
        raise RulebookError(file, "extends", "a rulebook that does not extend this one in turn", repr(parent_name))
    for key in ("format", "version"):
        if key not in document:
            raise RulebookError(file, key, "a value of its own in a file that extends another", "nothing")
    if isinstance(document["version"], str) and parent_name == f"{document.get('venue', 'okx')}/{document['version']}":
        raise RulebookError(file, "version", f"a name of its own, not that of {parent_name}", repr(document["version"]))
    # The parent is checked under its own name: what is wrong in a file is not put on those that extend it.
    parent, parent_rules = _read(parent_source, chain)
    structure = document.get("structure", parent_rules.structure)
    draft = extended(_own_draft(file, document, structure), parent, parent_name, STRUCTURES[structure])
    rules = _rulebook(file, draft)
    return draft, rules if shelf.is_packaged(source) else with_overrides(rules, parent_rules)


def _rulebook(file: str, draft: Draft) -> Rulebook:
    header = _read_header(file, draft)
    shapes = STRUCTURES[header.structure]
    groupings = _read_groupings(file, header, shapes)
    for key in shapes:
        if key not in draft.tables:
            raise RulebookError(file, key, f"this parameter, which structure {header.structure} requires", "nothing")
    parameters = {key: _read_parameter(file, key, draft.tables[key], shapes[key], groupings) for key in shapes}
    _check_sources(file, parameters, header.sources)
    check_values(file, parameters, shapes)
    return Rulebook(
        venue=header.venue,
        version=header.version,
        structure=header.structure,
        effective=header.effective.astimezone(UTC),
        summary=header.summary,
        groupings=groupings,
        parameters=parameters,
        sources=header.sources,
        file=file,
    )


def _identity(source: Traversable) -> str:
    return str(Path(str(source)).resolve())


def _parent(file: str, name: Any, source: Traversable) -> Traversable:
    """The file that ``extends`` names: a packaged rulebook, or a path seen from the file's own folder."""
    if isinstance(name, str) and name.endswith(".toml"):
        path = Path(str(source)).parent / name
        if not path.is_file():
            raise RulebookError(file, "extends", "the path of a file, seen from this one", repr(name))
        return path
    if name not in shelf.names():
        expected = f"one of {', '.join(shelf.names())}, or the path of a .toml file"
        raise RulebookError(file, "extends", expected, repr(name))
    return shelf.find(name, None)


def _own_draft(file: str, document: Mapping[str, Any], structure: Any) -> Draft:
    if structure is None:
        raise RulebookError(file, "structure", "this key", "nothing")
    if not isinstance(structure, str) or structure not in STRUCTURES:
        raise RulebookError(file, "structure", " or ".join(map(repr, STRUCTURES)), repr(structure))
    tree = {key: value for key, value in document.items() if key not in _Header.model_fields}
    return Draft(
        header={key: document[key] for key in document if key in _Header.model_fields and key not in _PARTITIONED},
        sources=document.get("sources", {}),
        groupings=document.get("groupings", {}),
        tables=dict(_parameter_tables(file, tree, STRUCTURES[structure])),
    )


def _read_header(file: str, draft: Draft) -> _Header:
    whole = {**draft.header, "sources": draft.sources, "groupings": draft.groupings}
    return _validated(file, "", _Header.model_validate, whole)


def _read_groupings(file: str, header: _Header, shapes: Mapping[str, Shape]) -> dict[str, Grouping]:
    required = {shape.by: None for shape in shapes.values() if shape.by}
    _check_keys(file, "groupings", header.groupings, list(required))
    return {name: _read_grouping(file, f"groupings.{name}", header.groupings[name]) for name in required}


def _read_grouping(file: str, path: str, grouping: _Grouping) -> Grouping:
    members = {group: tuple(names) for group, names in grouping.__pydantic_extra__.items()}
    if grouping.default in members:
        raise RulebookError(file, f"{path}.default", "a group of its own, without a list", repr(grouping.default))
    seen: dict[str, str] = {}
    for group, names in members.items():
        for i, name in enumerate(names):
            if name in seen:
                raise RulebookError(file, f"{path}.{group}[{i}]", f"a name not listed before (in {seen[name]})", name)
            seen[name] = group
    return Grouping(members, grouping.default)


def _parameter_tables(
    file: str, tree: Mapping[str, Any], shapes: Mapping[str, Shape], above: str = ""
) -> Iterator[tuple[str, Any]]:
    """Key and table of every parameter in the file; anything else in it is an error."""
    names = dict.fromkeys(key.removeprefix(above).split(".")[0] for key in shapes if key.startswith(above))
    for name, node in tree.items():
        path = above + name
        if name not in names:
            raise RulebookError(file, path, f"one of {', '.join(names)}", name)
        if path in shapes:
            yield path, node
        elif isinstance(node, dict):
            yield from _parameter_tables(file, node, shapes, f"{path}.")
        else:
            raise RulebookError(file, path, "a table of parameters", repr(node))


def _read_parameter(file: str, key: str, table: Any, shape: Shape, groupings: Mapping[str, Grouping]) -> Parameter:
    raw = _validated(file, key, _Parameter.model_validate, table)
    if raw.by != shape.by:
        raise RulebookError(file, f"{key}.by", f"the grouping {shape.by}" if shape.by else "no grouping", repr(raw.by))
    groups = groupings[shape.by].names if shape.by else ()
    low, high = raw.range
    if low > high:
        raise RulebookError(file, f"{key}.range", "[low, high], the lower first", raw.range)
    return Parameter(
        key=key,
        value=_read_value(file, key, raw.value, shape, groups),
        by=raw.by,
        unit=raw.unit,
        low=low,
        high=high,
        provenance=_read_provenance(file, f"{key}.provenance", raw.provenance, groups),
        source=raw.source,
        note=raw.note,
    )


def _read_value(file: str, path: str, raw: Any, shape: Shape, groups: tuple[str, ...]) -> Any:
    """The value with every number a float; a path leads to it without the word ``value``."""
    if groups and isinstance(raw, dict):
        _check_keys(file, path, raw, groups)
    return _validated(file, path, _VALUE[shape.kind, bool(groups)].validate_python, raw)


def _read_provenance(file: str, path: str, raw: Any, groups: tuple[str, ...]) -> Provenance | dict[str, Provenance]:
    grouped = bool(groups) and isinstance(raw, dict)
    if grouped:
        _check_keys(file, path, raw, groups)
    return _validated(file, path, _PROVENANCE[grouped].validate_python, raw)


def _check_keys(file: str, path: str, found: Mapping[str, Any], wanted: list[str] | tuple[str, ...]) -> None:
    for name in found:
        if name not in wanted:
            raise RulebookError(file, f"{path}.{name}", f"one of {', '.join(wanted)}", name)
    for name in wanted:
        if name not in found:
            raise RulebookError(file, f"{path}.{name}", "an entry", "nothing")


def _check_sources(file: str, parameters: Mapping[str, Parameter], sources: Mapping[str, str]) -> None:
    for key, parameter in parameters.items():
        if parameter.source not in sources:
            raise RulebookError(file, f"{key}.source", f"one of {', '.join(sources)}", parameter.source)


# --- pydantic's errors in our words ---


def _validated(file: str, path: str, validate: Callable[[Any], Any], raw: Any) -> Any:
    try:
        return validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        missing = first["type"] == "missing"
        found = "nothing" if missing else _shortened(repr(first["input"]))
        raise RulebookError(file, _path(path, first["loc"]), _expected(first), found) from error


def _path(path: str, loc: tuple[int | str, ...]) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return (path + steps).lstrip(".") or "file"


def _expected(error: ErrorDetails) -> str:
    known = {
        "missing": "this key",
        "extra_forbidden": f"one of {', '.join(_Parameter.model_fields)}",
        "timezone_aware": "a time with its offset, such as 2025-01-15T08:00:00Z",
        "string_pattern_mismatch": "a name without blanks",
        "model_type": "a table",
        "dict_type": "a table",
    }
    return known.get(error["type"]) or re.sub(r"^[A-Z]\w+ should (be )?", "", error["msg"])


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."

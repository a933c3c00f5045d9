"""A rulebook file that extends another: what it inherits, and what an override does to provenance.

It inherits everything that its structure knows. A parameter's table is overridden key by key, its values and
provenances group by group; a grouping is replaced whole. A value that is overridden without a provenance of its own
is ``modelled``: the exchange's name does not stay on a number that the exchange did not print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shockgrid.rulebooks.structure import Shape

OVERRIDE = "override"
"""Source of a value that a file overrides without naming its source."""


@dataclass(frozen=True)
class Draft:
    """A rulebook as its files say it, before it is checked.

    Attributes:
        header: Name, time, structure.
        sources, groupings: As in the file.
        tables: Table of every parameter, by key.
    """

    header: Mapping[str, Any]
    sources: Any
    groupings: Any
    tables: Mapping[str, Any]


def extended(own: Draft, parent: Draft, parent_name: str, shapes: Mapping[str, Shape]) -> Draft:
    """A file's own draft laid over that of the rulebook that it extends.

    Args:
        own: What the file says itself.
        parent: The rulebook below it, with all that it inherits.
        parent_name: How the file calls it.
        shapes: The parameters of the file's structure; others are not inherited.
    """
    partitions = {shape.by for shape in shapes.values()}
    inherited = {key: table for key, table in parent.tables.items() if key in shapes}
    tables = inherited | {key: _overridden(table, inherited.get(key), parent_name) for key, table in own.tables.items()}
    sources = _over(own.sources, _used(parent.sources, tables))
    if isinstance(sources, dict) and any(isinstance(t, dict) and t.get("source") == OVERRIDE for t in tables.values()):
        sources = {OVERRIDE: "A value of one's own, without a source"} | sources
    return Draft(
        header={**parent.header, "summary": f"{parent_name} with overrides.", **own.header},
        sources=sources,
        groupings=_over(own.groupings, {name: g for name, g in parent.groupings.items() if name in partitions}),
        tables=tables,
    )


def _used(sources: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """The sources that a parameter still names, as its source or in its note."""
    texts = [f"{table.get('source')} {table.get('note')}" for table in tables.values() if isinstance(table, dict)]
    words = set(re.findall(r"\w+", " ".join(texts)))
    return {name: text for name, text in sources.items() if name in words}


def _over(own: Any, parent: dict[str, Any]) -> Any:
    """Own entries over inherited ones; what is not a table stays as it is, to be refused by the checks."""
    return {**parent, **own} if isinstance(own, dict) else own


def _overridden(own: Any, parent: Any, parent_name: str) -> Any:
    if not (isinstance(own, dict) and isinstance(parent, dict)):
        return own
    table = {**parent, **own}
    if "value" not in own:
        return table
    changed = own["value"]
    by_group = isinstance(changed, dict) and isinstance(parent["value"], dict)
    former = {group: parent["value"].get(group) for group in changed} if by_group else parent["value"]
    kinds = own.get("provenance", "modelled")
    if by_group:
        table["value"] = {**parent["value"], **changed}
        kinds = {**_by_group(parent["provenance"], parent["value"]), **_by_group(kinds, changed)}
    was = f"In {parent_name} it is {_text(former)} ({parent['source']})."
    return {**table, "provenance": kinds, "source": own.get("source", OVERRIDE), "note": own.get("note", was)}


def _by_group(provenance: Any, groups: Mapping[str, Any]) -> dict[str, Any]:
    return provenance if isinstance(provenance, dict) else dict.fromkeys(groups, provenance)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{group} {_text(entry)}" for group, entry in value.items())
    return str(value)

"""A rulebook file that extends another: what it inherits, and what an override does to provenance.

It inherits everything that its structure knows. A parameter's table is overridden key by key, its values and
provenances group by group; a grouping is replaced whole, and groups that it no longer has are dropped. A value that is
overridden without a provenance of its own is ``modelled``: the exchange's name does not stay on a number that the
exchange did not print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shockgrid.rulebooks.structure import Shape
from shockgrid.rulebooks.value_text import value_text

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
    inherited = {key: _with_groups_of(table, own.groupings) for key, table in parent.tables.items() if key in shapes}
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
    text = " ".join(texts)
    return {name: what for name, what in sources.items() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)}


def _over(own: Any, parent: dict[str, Any]) -> Any:
    """Own entries over inherited ones; what is not a table stays as it is, to be refused by the checks."""
    return {**parent, **own} if isinstance(own, dict) else own


def _overridden(own: Any, parent: Any, parent_name: str) -> Any:
    """A parameter's table over the inherited one."""
    if not (isinstance(own, dict) and isinstance(parent, dict)):
        return own
    table, groups = {**parent, **own}, parent["value"]
    kinds = own.get("provenance", {})
    if "value" not in own:
        if isinstance(kinds, dict) and isinstance(groups, dict):
            table["provenance"] = {**_by_group(parent["provenance"], groups), **kinds}
        return table
    changed = own["value"]
    if isinstance(changed, dict) and isinstance(groups, dict):
        table["value"] = {**groups, **changed}
        own_kinds = {**dict.fromkeys(changed, "modelled"), **_by_group(kinds, changed)}
        table["provenance"] = {**_by_group(parent["provenance"], groups), **own_kinds}
        was = ", ".join(f"{group} {value_text(groups.get(group))}" for group in changed)
    else:
        table["provenance"] = kinds or "modelled"
        was = value_text(groups) if not isinstance(groups, dict) else "a value for each group"
    note = f"In {parent_name} it is {was} ({parent['source']})."
    return {**table, "source": own.get("source", OVERRIDE), "note": own.get("note", note)}


def _by_group(provenance: Any, groups: Mapping[str, Any]) -> dict[str, Any]:
    return provenance if isinstance(provenance, dict) else dict.fromkeys(groups, provenance)


def _with_groups_of(table: Any, own_groupings: Any) -> Any:
    """An inherited table without the groups that the file's own grouping no longer has: they apply to nothing."""
    grouping = own_groupings.get(table["by"]) if isinstance(own_groupings, dict) and table.get("by") else None
    if not isinstance(grouping, dict):
        return table
    left = {*grouping, grouping.get("default")} - {"default"}
    value = {group: entry for group, entry in table["value"].items() if group in left}
    kinds = {group: kind for group, kind in _by_group(table["provenance"], table["value"]).items() if group in left}
    return {**table, "value": value, "provenance": kinds}

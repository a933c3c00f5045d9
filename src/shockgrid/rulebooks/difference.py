"""What differs between two rulebooks: numbers, group lists, provenance."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from shockgrid.rulebooks.structure import PARAMETERS
from shockgrid.rulebooks.value_checks import by_group
from shockgrid.venues.okx.rulebook import Difference, Parameter, Rulebook


def differences(before: Rulebook, after: Rulebook) -> tuple[Difference, ...]:
    """Everything that differs, in the order of the rules; group lists last.

    A parameter that depends on groups is compared group by group, and a group list coin by coin: its difference names
    the coins that moved, with the group of each before and after.
    """
    keys = [key for key in PARAMETERS if key in before.parameters or key in after.parameters]
    found = [d for key in keys for d in _of_parameter(before.parameters.get(key), after.parameters.get(key))]
    names = dict.fromkeys([*before.groupings, *after.groupings])
    return (*found, *(d for name in names for d in _of_grouping(name, before, after)))


def with_overrides(rules: Rulebook, parent: Rulebook) -> Rulebook:
    """A rulebook of one's own, saying what it overrides of the rulebook that it extends: values, not provenance."""
    found = tuple(d for d in differences(parent.base, rules) if d.is_numeric and d.after is not None)
    return dataclasses.replace(rules, parent=parent, overrides=found)


def _of_parameter(before: Parameter | None, after: Parameter | None) -> Iterator[Difference]:
    was, now = _entries(before), _entries(after)
    for path in dict.fromkeys([*was, *now]):
        first, second = was.get(path, (None, "")), now.get(path, (None, ""))
        if first != second:
            yield Difference(path, first[0], second[0], first[1], second[1])


def _entries(parameter: Parameter | None) -> dict[str, tuple[Any, str]]:
    """Value and provenance by path."""
    if parameter is None:
        return {}
    return {
        f"{parameter.key}.{group}" if group else parameter.key: (value, parameter.provenance_of(group))
        for group, value in by_group(parameter)
    }


def _of_grouping(name: str, before: Rulebook, after: Rulebook) -> Iterator[Difference]:
    was, now = before.groupings.get(name), after.groupings.get(name)
    listed = {coin for grouping in (was, now) if grouping for members in grouping.members.values() for coin in members}
    for coin in sorted(listed):
        first, second = (grouping.of(coin) if grouping else None for grouping in (was, now))
        # Where one of the two has no such list, its structure has none: the parameters say so already.
        if first is not None and second is not None and first != second:
            yield Difference(f"groupings.{name}.{coin}", first, second)

"""A rulebook: every number of one rule version, with where it comes from.

The record only; ``shockgrid.io.rulebook_file`` reads it from TOML and checks it, ``rule_tables`` turns it into the
arrays that kernels read. A rule version is added, never edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Provenance = Literal["published", "corroborated", "inferred", "modelled"]
Structure = Literal["v1", "v2"]
"""Which rules apply: v1 with a risk unit for each coin and settlement currency, v2 with one for each coin."""


@dataclass(frozen=True)
class Parameter:
    """One number or table of a rulebook.

    Attributes:
        key: ``mr1.price_moves``.
        value: A number, a list, or, where ``by`` names a grouping, one of these for each of its groups.
        by: The grouping of coins or currencies that the value depends on; empty where it depends on none.
        unit: Of the value.
        low, high: Every number in the value lies between them, bounds included.
        provenance: How sure the number is; by group where groups differ.
        source: Key into ``Rulebook.sources``.
        note: What a reader should know.
    """

    key: str
    value: Any
    by: str
    unit: str
    low: float
    high: float
    provenance: Provenance | Mapping[str, Provenance]
    source: str
    note: str = ""

    def provenance_of(self, group: str) -> Provenance:
        """How sure the value for a group is; the group is empty where the value depends on none."""
        return self.provenance[group] if isinstance(self.provenance, Mapping) else self.provenance


@dataclass(frozen=True)
class Grouping:
    """A partition of coins or currencies: named lists, and the group of all that no list holds."""

    members: Mapping[str, tuple[str, ...]]
    default: str

    @property
    def names(self) -> tuple[str, ...]:
        """All groups, the default last."""
        return (*self.members, self.default)

    def of(self, name: str) -> str:
        """The group of a coin or currency."""
        return next((group for group, members in self.members.items() if name in members), self.default)


@dataclass(frozen=True)
class Difference:
    """One number, list or group that differs between two rulebooks.

    Attributes:
        path: ``mr7.rate.A``, or ``groupings.mr1.SOL`` for the group of a coin.
        before, after: The values; None where the rulebook's structure has no such parameter.
        provenance_before, provenance_after: How sure they are; empty for groups and where there is no value.
    """

    path: str
    before: Any
    after: Any
    provenance_before: str = ""
    provenance_after: str = ""

    @property
    def is_numeric(self) -> bool:
        """Whether the value itself differs, and not only what is known of it."""
        return self.before != self.after


@dataclass(frozen=True, repr=False)
class Rulebook:
    """A rule version.

    Attributes:
        venue: ``okx``.
        version: ``v2-2025-01-15``.
        structure: Which rules apply; everything else is numbers.
        effective: In force from, UTC.
        summary: One sentence.
        groupings: Partitions that parameters refer to, by name.
        parameters: By key.
        sources: What each source key means.
        file: Where it was read.
        parent: What a file of one's own extends; None for packaged rulebooks and for files that extend nothing.
        overrides: What differs from the packaged rulebook below, if there is one.
    """

    venue: str
    version: str
    structure: Structure
    effective: datetime
    summary: str
    groupings: Mapping[str, Grouping]
    parameters: Mapping[str, Parameter]
    sources: Mapping[str, str]
    file: str
    parent: Rulebook | None = None
    overrides: tuple[Difference, ...] = ()

    def __repr__(self) -> str:
        n = len(self.overrides)
        below = f", {n} override{'s' * (n != 1)} of {self.base.name}" if self.parent is not None else ""
        return f"Rulebook({self.name}, {len(self.parameters)} parameters{below})"

    @property
    def name(self) -> str:
        """``okx/v2-2025-01-15``."""
        return f"{self.venue}/{self.version}"

    @property
    def base(self) -> Rulebook:
        """The rulebook at the bottom of what this one extends: a packaged one, or a file that stands alone."""
        return self if self.parent is None else self.parent.base

    @property
    def provenance(self) -> dict[str, Provenance | Mapping[str, Provenance]]:
        """Provenance of every parameter, by key."""
        return {key: p.provenance for key, p in self.parameters.items()}

    @property
    def modelled(self) -> tuple[str, ...]:
        """Keys of the parameters that are modelling choices, wholly or for some groups."""
        return tuple(key for key, p in self.parameters.items() if "modelled" in _kinds(p.provenance))

    def __getitem__(self, key: str) -> Any:
        """The value of a parameter; where it depends on a grouping, a value for each group."""
        return self.parameters[key].value

    def of_each(self, key: str, names: Iterable[str]) -> list[Any]:
        """The value that applies to each of these coins or currencies."""
        parameter = self.parameters[key]
        grouping = self.groupings[parameter.by]
        return [parameter.value[grouping.of(name)] for name in names]


def _kinds(provenance: Provenance | Mapping[str, Provenance]) -> set[str]:
    return set(provenance.values()) if isinstance(provenance, Mapping) else {provenance}

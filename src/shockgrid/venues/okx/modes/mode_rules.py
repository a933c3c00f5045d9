"""Every number of the modes that margin positions one by one, with where it comes from.

The record only; ``shockgrid.io.mode_rules_file`` reads it, ``mode_tables`` makes arrays of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shockgrid.venues.okx.rulebook import Grouping, Parameter, Provenance


@dataclass(frozen=True, repr=False)
class ModeRules:
    """A set of numbers.

    Attributes:
        venue: ``okx``.
        version: ``2025-02-06``.
        summary: One sentence.
        groupings: Partitions that parameters refer to, by name.
        parameters: By key.
        sources: What each source key means.
        file: Where it was read.
    """

    venue: str
    version: str
    summary: str
    groupings: Mapping[str, Grouping]
    parameters: Mapping[str, Parameter]
    sources: Mapping[str, str]
    file: str

    def __repr__(self) -> str:
        return f"ModeRules({self.name}, {len(self.parameters)} parameters)"

    @property
    def name(self) -> str:
        """``okx/modes/2025-02-06``."""
        return f"{self.venue}/modes/{self.version}"

    @property
    def provenance(self) -> dict[str, Provenance | Mapping[str, Provenance]]:
        """Provenance of every parameter, by key."""
        return {key: p.provenance for key, p in self.parameters.items()}

    @property
    def modelled(self) -> dict[str, tuple[str, ...]]:
        """Groups of each parameter whose value is a modelling choice; the group is empty where there are none."""
        groups = {key: self.groupings[p.by].names if p.by else ("",) for key, p in self.parameters.items()}
        chosen = {
            key: tuple(group for group in groups[key] if p.provenance_of(group) == "modelled")
            for key, p in self.parameters.items()
        }
        return {key: found for key, found in chosen.items() if found}

    def __getitem__(self, key: str) -> Any:
        """The value of a parameter; where it depends on a grouping, a value for each group."""
        return self.parameters[key].value

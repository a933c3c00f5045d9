"""How a command reads its rulebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

import shockgrid as sg
from shockgrid.venues.okx.rulebook import Rulebook


@Parameter(name="*")
@dataclass(frozen=True)
class RuleOptions:
    """Which rules."""

    rulebook: Annotated[
        str, Parameter(help="``okx`` for the newest version, ``okx/v2-2025-01-15``, or a TOML file.")
    ] = "okx"
    at: Annotated[
        str | None,
        Parameter(help="With ``okx``: the version in force then, e.g. 2025-02-01 (the end of that day, UTC)."),
    ] = None


def read_rules(options: RuleOptions | None) -> Rulebook:
    """Read the rulebook, the newest one without options."""
    return sg.load_rulebook("okx") if options is None else sg.load_rulebook(options.rulebook, options.at)

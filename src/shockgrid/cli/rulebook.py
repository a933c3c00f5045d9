"""``shockgrid rulebook``: rule versions."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

import shockgrid as sg
from shockgrid.report.parameters_page import parameters_page
from shockgrid.report.rulebook_changes import changes_page, override_line
from shockgrid.rulebooks.difference import differences

app = cyclopts.App(name="rulebook", help="List, show, compare and check rule versions.")


@app.command(name="list")
def rulebook_list() -> None:
    """Print the rule versions that come with shockgrid.

    Example: shockgrid rulebook list
    """
    for name in sg.list_rulebooks():
        rules = sg.load_rulebook(name)
        print(f"{name}  in force from {rules.effective:%Y-%m-%d %H:%M} UTC  {rules.summary}")


@app.command(name="show")
def rulebook_show(name: str = "okx", *, at: str | None = None) -> None:
    """Print every number of a rule version with unit, range, provenance and source, as Markdown.

    Example: shockgrid rulebook show okx/v2-2025-01-15

    Parameters
    ----------
    name
        ``okx`` for the newest version, ``okx/v2-2025-01-15``, or a TOML file.
    at
        With ``okx``: the version in force at this time.
    """
    print(parameters_page(sg.load_rulebook(name, at)), end="")


@app.command(name="diff")
def rulebook_diff(
    before: str, after: str, *, json: Annotated[bool, Parameter(negative=())] = False, values_only: bool = False
) -> None:
    """Print what differs between two rule versions: values, group lists, provenance, as Markdown.

    Example: shockgrid rulebook diff okx/v2-2025-01-06 okx/v2-2025-01-15

    Parameters
    ----------
    before
        The first, as for ``show``.
    after
        The second.
    json
        Print a list of differences as JSON.
    values_only
        Leave out what differs only in provenance.
    """
    first, second = sg.load_rulebook(before), sg.load_rulebook(after)
    if json:
        found = [asdict(d) for d in differences(first, second) if d.is_numeric or not values_only]
        print(dumps(found, indent=2))
        return
    print(changes_page(first, second, provenance=not values_only), end="")


@app.command(name="validate")
def rulebook_validate(file: Path) -> None:
    """Check a rulebook file: keys, types, ranges, provenance, tables that belong together.

    Example: shockgrid rulebook validate my-rules.toml

    Parameters
    ----------
    file
        A TOML file.
    """
    rules = sg.load_rulebook(file)
    modelled = len(rules.modelled)
    print(f"{file}: {rules.name} is valid, {len(rules.parameters)} parameters, {modelled} of them modelled")
    for difference in rules.overrides:
        print(override_line(difference, rules.base.name))

"""``shockgrid rulebook``: rule versions."""

from __future__ import annotations

from pathlib import Path

import cyclopts

import shockgrid as sg
from shockgrid.report.parameters_page import parameters_page

app = cyclopts.App(name="rulebook", help="List, show and check rule versions.")


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

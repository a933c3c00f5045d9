"""The command line: thin, every command one call of the library."""

from __future__ import annotations

import sys

import cyclopts
from rich.console import Console
from rich.text import Text

import shockgrid as sg
from shockgrid.cli import borrow, convert, generate, rulebook
from shockgrid.cli.bench import bench
from shockgrid.cli.compare import attribute, compare_modes
from shockgrid.cli.limits import curve, liquidation_price, marginal, max_quantity
from shockgrid.cli.liquidate import cascade, liquidate
from shockgrid.cli.margin import explain, margin
from shockgrid.cli.what_if import shock, stress, what_if

app = cyclopts.App(name="shockgrid", help="Portfolio-margin stress research for crypto derivatives.")
HYPOTHETICAL = (what_if, shock, stress, attribute, curve, liquidation_price, max_quantity, marginal, compare_modes)
for command in (
    margin,
    explain,
    *HYPOTHETICAL,
    liquidate,
    cascade,
    borrow.app,
    generate.app,
    convert.app,
    rulebook.app,
    bench,
):
    app.command(command)


def main() -> None:
    """Run, and turn bad input into one line and exit code 2."""
    try:
        app(exit_on_error=False, print_error=False)
    except sg.ShockgridError as error:
        Console(stderr=True).print(Text.assemble(("error ", "bold red"), str(error)), soft_wrap=True)
        sys.exit(2)
    except cyclopts.CycloptsError as error:
        words = " ".join(str(error).split())
        Console(stderr=True).print(Text.assemble(("error ", "bold red"), words, " (see --help)"), soft_wrap=True)
        sys.exit(2)

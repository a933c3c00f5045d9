"""The numbers of the account modes other than portfolio margin, from the file that comes with shockgrid."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from shockgrid.errors import RulebookError
from shockgrid.rulebooks import shelf
from shockgrid.rulebooks.structure import Shape
from shockgrid.rulebooks.value_checks import check_values
from shockgrid.venues.okx.modes.mode_rules import ModeRules
from shockgrid.venues.okx.rulebook import Grouping, Parameter

NEWEST = "okx/modes/2025-02-06"
FORMAT = "shockgrid.mode_rules/1"

SHAPES: Mapping[str, Shape] = {
    "option.floor": Shape(),
    "option.base": Shape(),
    "option.maintenance": Shape(by="option_coin"),
    "option.order_floor": Shape(),
    "option.tier_size": Shape(by="option_coin"),
    "option.factor_step": Shape(),
    "contract.in_contracts": Shape("switch", by="tier_table"),
    "contract.bounds": Shape("numbers", by="tier_table", ascending=True),
    "contract.step_size": Shape(by="tier_table"),
    "contract.mmr_rates": Shape("numbers", by="tier_table", like="contract.bounds", least=1),
    "contract.imr_rates": Shape("numbers", by="tier_table", like="contract.bounds", least=1),
    "contract.step_rate": Shape(),
    "contract.rate_cap": Shape(),
    "leverage.unset": Shape(),
}
"""What the file must hold, as ``rulebooks.structure`` says it for portfolio margin."""


@cache
def load_mode_rules() -> ModeRules:
    """The packaged numbers; they are read once, so do not change a list of them.

    Raises:
        RulebookError: The file is malformed; names the place in it.
    """
    source = resources.files("shockgrid.rulebooks").joinpath(f"{NEWEST}.toml")
    file, document = str(source), shelf.read_toml(source)
    if document.get("format") != FORMAT:
        raise RulebookError(file, "format", FORMAT, repr(document.get("format")))
    groupings = {name: _grouping(entry) for name, entry in document["groupings"].items()}
    parameters = {key: _parameter(file, key, document, shape) for key, shape in SHAPES.items()}
    check_values(file, parameters, SHAPES)
    return ModeRules(
        venue=document["venue"],
        version=document["version"],
        summary=document["summary"],
        groupings=groupings,
        parameters=parameters,
        sources=document["sources"],
        file=file,
    )


def _grouping(entry: Mapping[str, Any]) -> Grouping:
    members = {group: tuple(names) for group, names in entry.items() if group != "default"}
    return Grouping(members, entry["default"])


def _parameter(file: str, key: str, document: Mapping[str, Any], shape: Shape) -> Parameter:
    section, _, name = key.partition(".")
    table = document.get(section, {}).get(name)
    if table is None or table.get("by", "") != shape.by:
        raise RulebookError(file, key, f"a table by {shape.by}" if shape.by else "a table without groups", "nothing")
    low, high = table["range"]
    kept = {field: table[field] for field in ("value", "unit", "provenance", "source", "note")}
    return Parameter(key=key, by=shape.by, low=low, high=high, **kept)

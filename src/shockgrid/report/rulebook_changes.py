"""Differences between rulebooks as text: what an override changed, and ``rulebook diff``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields

import pandas as pd

from shockgrid.rulebooks.difference import differences
from shockgrid.rulebooks.value_text import value_text
from shockgrid.venues.okx.rulebook import Difference, Rulebook


def override_line(difference: Difference, base: str) -> str:
    """``mr7.rate.A = 0.006 overrides 0.0045 of okx/v2-2025-01-15``."""
    return f"{difference.path} = {value_text(difference.after)} overrides {value_text(difference.before)} of {base}"


def rulebook_diff(before: Rulebook, after: Rulebook) -> pd.DataFrame:
    """What differs from one rulebook to another, one row a number, list or coin's group.

    Args:
        before: The first rulebook.
        after: The second.

    Returns:
        Columns ``path`` (``mr7.rate.A``, ``groupings.mr1.SOL``), ``before, after`` (None where a structure has no such
        parameter), ``provenance_before, provenance_after``. Rows whose values are equal differ in provenance.
    """
    columns = [field.name for field in fields(Difference)]
    return pd.DataFrame([asdict(d) for d in differences(before, after)], columns=columns).astype(
        {"before": object, "after": object}
    )


def changes_page(before: Rulebook, after: Rulebook, *, provenance: bool = True) -> str:
    """What differs from one rulebook to another, as Markdown.

    Args:
        before: The first rulebook.
        after: The second.
        provenance: Whether to list what differs only in how well it is known.
    """
    found = [d for d in differences(before, after) if provenance or d.is_numeric]
    values = [d for d in found if d.is_numeric and not d.path.startswith("groupings.")]
    blocks = [f"# From {before.name} to {after.name}", f"{before.summary}  \n{after.summary}"]
    blocks += _section("Values", _rows(values), ("key", "before", "after", "provenance before", "after"))
    blocks += _section("Groups", _group_rows(found), ("list", "coins", "before", "after"))
    known = [(f"`{d.path}`", d.provenance_before, d.provenance_after) for d in found if not d.is_numeric]
    blocks += _section("Only the provenance differs", known, ("key", "before", "after"))
    return "\n\n".join(blocks if found else [*blocks[:1], "Nothing differs."]) + "\n"


def _rows(values: Iterable[Difference]) -> list[tuple[str, ...]]:
    return [
        (f"`{d.path}`", value_text(d.before), value_text(d.after), d.provenance_before, d.provenance_after)
        for d in values
    ]


def _group_rows(found: Iterable[Difference]) -> list[tuple[str, ...]]:
    """Coins that move from one group of a list to another, those with the same move together."""
    moves: dict[tuple[str, str, str], list[str]] = {}
    for d in found:
        if d.path.startswith("groupings."):
            _, name, coin = d.path.split(".", 2)
            moves.setdefault((name, d.before, d.after), []).append(coin)
    return [(f"`{name}`", ", ".join(coins), before, after) for (name, before, after), coins in moves.items()]


def _section(title: str, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> list[str]:
    if not rows:
        return []
    lines = [header, ("---",) * len(header), *rows]
    return [f"## {title}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]

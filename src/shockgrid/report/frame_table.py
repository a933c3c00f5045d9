"""A frame as a table for the terminal."""

from __future__ import annotations

from math import isnan

import pandas as pd
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

SHORT = 6


def frame_table(frame: pd.DataFrame, title: str) -> Group:
    """Every row of a frame: numbers to four digits at least, aligned right; other columns as they are."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    for name, right in zip(frame.columns, numeric, strict=True):
        longest = frame[name].astype(str).str.len().max() if len(frame) and not right else 0
        # On a narrow screen names of accounts give way, those of currencies stay whole.
        least = int(longest) if longest <= SHORT else None
        table.add_column(str(name), justify="right" if right else "left", no_wrap=True, min_width=least)
    for row in frame.itertuples(index=False):
        # An id may look like markup, so cells are texts.
        cells = [_number(value) if right else str(value) for value, right in zip(row, numeric, strict=True)]
        table.add_row(*map(Text, cells))
    # Not the table's own title, which would break at its width.
    return Group(Text(title, style="bold"), table)


def shown_columns(frame: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Some columns of a frame under short names."""
    return pd.DataFrame({short: frame[name] for name, short in names.items()})


def _number(value: float) -> str:
    if isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 9_999.5 else f"{value:,.4g}"

"""Where a row of input came from, so that an error can point at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _by_row(table: str, row: int, column: str) -> str:
    return f"{table}[{row}].{column}" if column else f"{table}[{row}]"


@dataclass(frozen=True)
class Source:
    """The file that tables were read from and how to name a place in it.

    Attributes:
        file: Path as the user gave it, or ``<memory>``.
        locate: ``(table, row, column) -> path``; an empty column means the whole row.
    """

    file: str = "<memory>"
    locate: Callable[[str, int, str], str] = _by_row

"""What goes wrong, said once: which file, where in it, what was expected."""

from __future__ import annotations


class ShockgridError(Exception):
    """Base of every error that shockgrid raises on purpose."""


class InputError(ShockgridError, ValueError):
    """Input that cannot be used.

    Attributes:
        file: The file (or the name of the object) that was read.
        path: Where in it, e.g. ``instruments[3].vol`` or ``positions.parquet row 17 column quantity``.
        expected: What would have been accepted.
        found: What was there instead; empty where showing it would not help.
    """

    def __init__(self, file: str, path: str, expected: str, found: object = "") -> None:
        self.file, self.path, self.expected, self.found = str(file), path, expected, str(found)
        was = f", found {self.found}" if self.found else ""
        super().__init__(f"{self.file}: {path}: expected {expected}{was}")


class RulebookError(InputError):
    """A rulebook that does not exist, is malformed, or holds a value out of its range."""


class ShockError(InputError):
    """A price shock that would make a mark or a forward zero or negative."""

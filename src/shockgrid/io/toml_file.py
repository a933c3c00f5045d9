"""TOML documents from disk."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from shockgrid.errors import InputError


def load_toml(path: Path) -> dict[str, Any]:
    """The document of a file.

    Raises:
        InputError: The file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), "file", "a readable file", error.strerror or error) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(str(path), "file", "well-formed TOML", error) from None

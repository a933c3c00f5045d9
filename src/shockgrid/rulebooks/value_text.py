"""Values of rulebooks on one line."""

from __future__ import annotations

from typing import Any


def value_text(value: Any) -> str:
    """A number, switch, list or group; a table of several rows by its size, and what is not there as ``absent``."""
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return f"table of {len(value)} by {len(value[0])}"
        return "; ".join(map(value_text, value)) or "none"
    return value if isinstance(value, str) else f"{value:,.15g}"

"""Numbers of things in words."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """``1 account``, ``2,000 accounts``."""
    return f"{n:,} {noun}{'s' * (n != 1)}"

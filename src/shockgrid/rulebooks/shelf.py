"""Which rulebook files there are, and which was in force when.

The packaged versions lie in ``shockgrid/rulebooks/<venue>/<version>.toml``; a user's own file is given by its path.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from shockgrid.errors import RulebookError

Moment = date | datetime | str


def find(name: str, at: Moment | None) -> Traversable:
    """The file of a rulebook.

    Args:
        name: A venue, ``venue/version``, or the path of a ``.toml`` file.
        at: With a venue, picks the version in force then; otherwise the newest.

    Raises:
        RulebookError: No such rulebook, or none in force then.
    """
    if name in _venues():
        return _in_force(name, at)
    if at is not None:
        raise RulebookError(name, "at", "a venue such as okx as the name, where a time is given", at)
    if name.endswith(".toml"):
        return Path(name)
    if name not in names():
        known = ", ".join([*_venues(), *names()])
        raise RulebookError(name, "name", f"one of {known}, or the path of a .toml file", name)
    return _shelf().joinpath(f"{name}.toml")


def names() -> list[str]:
    """``venue/version`` of the packaged rulebooks, by venue, the oldest version first.

    Raises:
        RulebookError: A packaged file is malformed.
    """
    return [f"{venue}/{file.name.removesuffix('.toml')}" for venue in _venues() for _, file in _versions(venue)]


def read_toml(source: Traversable) -> dict[str, Any]:
    """What a file says.

    Raises:
        RulebookError: It cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise RulebookError(str(source), "file", "a readable file", error.strerror or error) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulebookError(str(source), "file", "well-formed TOML", error) from error


def is_packaged(source: Traversable) -> bool:
    """Whether a file is one of those that come with shockgrid."""
    path = Path(str(source)).resolve()
    return any(path == Path(str(file)).resolve() for venue in _venues() for file in _files(_shelf().joinpath(venue)))


def _shelf() -> Traversable:
    return resources.files("shockgrid.rulebooks")


def _venues() -> list[str]:
    return sorted(folder.name for folder in _shelf().iterdir() if folder.is_dir() and _files(folder))


def _files(folder: Traversable) -> list[Traversable]:
    return [file for file in folder.iterdir() if file.name.endswith(".toml")]


def _versions(venue: str) -> list[tuple[datetime, Traversable]]:
    """The files of a venue with the time from which each is in force, oldest first."""
    dated = [(_effective(file), file) for file in _files(_shelf().joinpath(venue))]
    return sorted(dated, key=lambda pair: (pair[0], pair[1].name))


@cache
def _effective(file: Traversable) -> datetime:
    effective = read_toml(file).get("effective")
    if not isinstance(effective, datetime) or effective.tzinfo is None:
        raise RulebookError(str(file), "effective", "a time with its offset, such as 2025-01-15T08:00:00Z", effective)
    return effective


def _in_force(venue: str, at: Moment | None) -> Traversable:
    versions = _versions(venue)
    if at is None:
        return versions[-1][1]
    moment = _last_instant(venue, at)
    started = [file for effective, file in versions if effective <= moment]
    if not started:
        raise RulebookError(venue, "at", f"{versions[0][0]:%Y-%m-%d %H:%M} UTC, its first rulebook, or later", at)
    return started[-1]


def _last_instant(venue: str, at: Moment) -> datetime:
    """The time meant; of a date its end; without an offset UTC."""
    if isinstance(at, str):
        try:
            at = date.fromisoformat(at) if len(at) <= len("2025-01-15") else datetime.fromisoformat(at)
        except ValueError as error:
            form = "an ISO date or time such as 2025-01-15 or 2025-01-15T08:00"
            raise RulebookError(venue, "at", form, at) from error
    if isinstance(at, datetime):
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return datetime.combine(at, time.max, tzinfo=UTC)

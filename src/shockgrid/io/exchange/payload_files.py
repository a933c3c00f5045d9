"""Which files of a folder hold which payload, told by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

from shockgrid.errors import InputError


def payload_files(
    source: str | PathLike[str] | Iterable[str | PathLike[str]], kinds: Sequence[str]
) -> dict[str, list[Path]]:
    """Sort files by what they hold: the kind that the name begins with, ``-`` read as ``_``.

    Args:
        source: A folder, whose other files are left alone, or the files themselves.
        kinds: ``("instruments", "mark_price")`` for ``instruments*.json`` and ``mark_price*.json``; the first must
            be there.

    Returns:
        Files by kind, sorted by name within a folder, in the given order otherwise.

    Raises:
        InputError: No such folder or file, a file of no known name, or none of the first kind.
    """
    found: dict[str, list[Path]] = {kind: [] for kind in kinds}
    known = ", ".join(f"{kind}*.json" for kind in kinds)
    name = str(source) if isinstance(source, str | PathLike) else "<files>"
    for file in _listed(source, known):
        kind = _kind(file, kinds)
        if kind:
            found[kind].append(file)
        elif not isinstance(source, str | PathLike):
            raise InputError(str(file), "file", f"a name like {known}", file.name)
    if not found[kinds[0]]:
        raise InputError(name, "file", f"{kinds[0]}*.json among {known}", "none")
    return found


def _listed(source: str | PathLike[str] | Iterable[str | PathLike[str]], known: str) -> list[Path]:
    if not isinstance(source, str | PathLike):
        return [Path(file) for file in source]
    folder = Path(source)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing at this path"
        raise InputError(str(folder), "file", f"a folder with {known}", found)
    return sorted(folder.glob("*.json"))


def _kind(file: Path, kinds: Sequence[str]) -> str | None:
    stem = file.stem.replace("-", "_")
    return next((kind for kind in kinds if stem.startswith(kind)), None) if file.suffix == ".json" else None

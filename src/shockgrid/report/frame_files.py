"""Frames and what they rest on, as files in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from shockgrid.errors import InputError


def write_frames(path: str | Path, frames: Mapping[str, pd.DataFrame], manifest: Mapping[str, object]) -> None:
    """Write frames as Parquet and the manifest as JSON into a folder, which is made if need be.

    Raises:
        InputError: The path cannot be made a folder.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            frame.to_parquet(folder / f"{name}.parquet", index=False)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    except OSError as error:
        expected = "a folder that can be written, or a path where one can be made"
        raise InputError(str(folder), "file", expected, error.strerror or error) from None

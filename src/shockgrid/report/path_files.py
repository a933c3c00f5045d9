"""Path sets as files in a folder: ``paths.parquet`` and ``manifest.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from shockgrid.errors import InputError
from shockgrid.montecarlo.path_config import PathConfig
from shockgrid.report.frame_files import write_frames

PATH_SET_FORMAT = "shockgrid.path_set/1"


def write_paths(folder: str | Path, frame: pd.DataFrame, manifest: Mapping[str, Any]) -> None:
    """Write both files into a folder, which is made if need be.

    Raises:
        InputError: The path cannot be made a folder.
    """
    write_frames(folder, {"paths": frame}, manifest)


def load_paths(folder: str | Path) -> tuple[PathConfig, int, np.ndarray]:
    """Configuration, seed and ``[path, step, column]`` of what ``write_paths`` wrote.

    Raises:
        InputError: A file that is missing, or is not what was written.
    """
    manifest_file, paths_file = Path(folder) / "manifest.json", Path(folder) / "paths.parquet"
    try:
        manifest = json.loads(manifest_file.read_text())
        frame = pd.read_parquet(paths_file)
    except (OSError, ValueError) as error:
        raise InputError(str(folder), "file", "a folder that PathSet.save wrote", error) from None
    if manifest.get("format") != PATH_SET_FORMAT:
        raise InputError(str(manifest_file), "format", PATH_SET_FORMAT, repr(manifest.get("format")))
    config = PathConfig(**manifest["config"])
    steps = config.steps + 1
    missing = [name for name in config.columns if name not in frame.columns]
    if missing or len(frame) % steps:
        expected = f"the columns {', '.join(config.columns)}, in {steps} rows a path"
        raise InputError(str(paths_file), "paths", expected, f"{len(frame):,} rows of {', '.join(frame.columns)}")
    values = frame[list(config.columns)].to_numpy(config.precision)
    return config, manifest["seed"], values.reshape(-1, steps, len(config.columns))

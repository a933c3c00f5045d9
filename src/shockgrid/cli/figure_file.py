"""A plot as a page of its own."""

from __future__ import annotations

from pathlib import Path

from plotly.graph_objects import Figure

import shockgrid as sg


def write_figure(figure: Figure, path: Path) -> None:
    """Write a self-contained HTML file.

    Raises:
        InputError: A path that cannot be written.
    """
    try:
        figure.write_html(path)
    except OSError as error:
        raise sg.InputError(str(path), "file", "a file that can be written", error.strerror or error) from None

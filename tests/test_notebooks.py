"""Every notebook runs from top to bottom, and its two files say the same."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SCRIPTS = sorted(NOTEBOOKS.glob("*.py"))


def by_name(path: Path) -> str:
    return path.stem


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def read_ipynb(script: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_every_notebook_has_both_files():
    assert SCRIPTS
    assert [p.stem for p in SCRIPTS] == [p.stem for p in sorted(NOTEBOOKS.glob("*.ipynb"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_both_files_agree(script):
    """If not: ``jupytext --sync notebooks/*.py``."""
    from_script, notebook = jupytext.read(script), read_ipynb(script)
    assert cells(notebook) == cells(from_script)
    for each in (from_script, notebook):
        assert each.metadata["jupytext"]["formats"] == "ipynb,py:percent"
        assert each.metadata["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("script", SCRIPTS, ids=by_name)
def test_outputs_are_not_committed(script):
    """If they are: ``jupyter nbconvert --clear-output --inplace notebooks/*.ipynb``."""
    for cell in read_ipynb(script).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


LONG = {"08_liquidation_and_cascades", "09_rule_change_2025"}
"""Notebooks that compile many programs."""
RUNS = [pytest.param(p, marks=pytest.mark.long) if p.stem in LONG else p for p in SCRIPTS]


@pytest.mark.parametrize("folder", ["notebooks", pytest.param(".", marks=pytest.mark.long)])
@pytest.mark.parametrize("script", RUNS, ids=[p.stem for p in SCRIPTS])
def test_runs(script, folder):
    """From its own folder, as JupyterLab starts it, and from the root of the project, as some editors do."""
    # Without kernel folders there is one kernel left, which is this interpreter.
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    path = {"metadata": {"path": str(NOTEBOOKS.parent / folder)}}
    NotebookClient(read_ipynb(script), km=kernel, timeout=300, resources=path).execute()

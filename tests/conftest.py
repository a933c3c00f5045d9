"""Strict settings for every test, and where the shared data lies."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import jax
import pytest
from jaxtyping import install_import_hook

# Shapes and dtypes of every kernel call are checked at trace time. Before anything imports shockgrid.
KERNELS = ["numerics", "market", "accounts", "pricing", "synthetic", "scenarios", "venues"]
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
install_import_hook([f"shockgrid.{package}" for package in KERNELS], CHECKER)

ROOT = Path(__file__).parent.parent

# No silent broadcasting of a vector over a matrix.
jax.config.update("jax_numpy_rank_promotion", "raise")

# The first example of a property compiles, which no deadline in milliseconds would survive.
hypothesis.settings.register_profile("shockgrid", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("shockgrid")


CACHE = "JAX_COMPILATION_CACHE_DIR"


def pytest_configure(config):
    """Processes of one run share what they compile; nothing outlives the run, so that every run compiles anew.

    The long tests have two devices, so that code which shards runs on every laptop; each compiles all programs, for
    which the quick ones have no time (but those that are about devices: ``tests/venues/okx/test_block_margin.py``).
    """
    jax.config.update("jax_num_cpu_devices", 2 if config.option.markexpr == "long" else 1)
    if CACHE not in os.environ:
        os.environ[CACHE] = config.stash[_cache] = tempfile.mkdtemp(prefix="shockgrid-compiled-")
    jax.config.update("jax_compilation_cache_dir", os.environ[CACHE])


def pytest_unconfigure(config):
    shutil.rmtree(config.stash.get(_cache, ""), ignore_errors=True)


_cache = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of specifications, vectors and market data beside the project (``SHOCKGRID_SHARED``)."""
    folder = Path(os.environ.get("SHOCKGRID_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder} (set SHOCKGRID_SHARED)")
    return folder


@pytest.fixture(scope="session")
def rules():
    """The newest rulebook."""
    import shockgrid as sg  # noqa: PLC0415 - only after the hook

    return sg.load_rulebook("okx")


@pytest.fixture
def x64():
    """float64 inside the test, as the entry points set it."""
    with jax.enable_x64(True):
        yield


MOST_MAPS = 30_000
"""Linux lets a process have 65,530 pieces of mapped memory, of which every compiled program takes some; beyond, XLA
crashes while it compiles."""


@pytest.fixture(scope="module", autouse=True)
def room_for_programs():
    """Programs of modules that are done make room for those to come."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()

"""What ``import shockgrid`` offers and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import shockgrid as sg

SOURCE = Path(sg.__file__)


def run(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names_for_type_checkers() -> set[str]:
    """What the ``if TYPE_CHECKING:`` block imports, with the module each comes from."""
    (block,) = [node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If)]
    return {(f"{node.module}", alias.asname) for node in block.body for alias in node.names}


def test_all_lists_the_lazily_loaded_names_sorted():
    assert sg.__all__ == sorted(sg._HOME)
    assert dir(sg) == sorted(sg.__all__)


def test_type_checkers_see_the_same_names_from_the_same_places():
    assert names_for_type_checkers() == {(f"shockgrid.{home}", name) for name, home in sg._HOME.items()}


@pytest.mark.parametrize("name", sg.__all__)
def test_every_name_resolves_to_what_its_module_defines(name):
    found = getattr(sg, name)
    assert found.__name__ == name
    assert found.__module__ == f"shockgrid.{sg._HOME[name]}"


@pytest.mark.parametrize("name", sg.__all__)
def test_every_name_has_a_description(name):
    assert getattr(sg, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'shockgrid' has no attribute 'margins'"):
        _ = sg.margins


HEAVY = ("numpy", "jax", "jaxlib", "pandas", "pyarrow", "pydantic", "scipy", "plotly", "rich", "cyclopts")


def test_importing_shockgrid_imports_nothing_heavy():
    code = "import sys, shockgrid; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in run(code).split()}
    assert "shockgrid" in loaded
    assert not loaded & set(HEAVY)


def test_errors_are_caught_without_anything_heavy():
    """``except sg.ShockgridError`` must not cost an import of JAX."""
    loaded = run("import sys, shockgrid; shockgrid.ShockError; shockgrid.InputError; print(*sys.modules)").split()
    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)


BLOCKED = ("pandas", "pydantic", "scipy", "pyarrow", "jaxtyping", "rich", "cyclopts", "plotly")

KERNEL_ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} was not blocked")

import jax
import numpy as np
import shockgrid.venues.okx.margin as okx
from shockgrid.numerics.marginal_tiers import marginal_tiers
from shockgrid.accounts.account_rows import plan_rows
from shockgrid.market.assembly import assemble_market
from shockgrid.synthetic.market import synthetic_market

assert callable(okx.margin_result)
tiers = jax.jit(marginal_tiers)(np.float32(30.0), np.float32([10.0, np.inf]), np.float32([1.0, 2.0]))
print(float(tiers))
"""


def test_kernels_work_where_only_jax_and_numpy_are_installed():
    """The numerical core is usable inside other people's JAX programs (README)."""
    # JAX itself uses scipy where it finds it; only its own optional parts need it.
    assert run(KERNEL_ALONE, *BLOCKED).split() == ["50.0"]

"""The wheel holds everything the library needs and nothing else, and works where it is all there is of the project."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import shockgrid as sg
from shockgrid.io.mode_rules_file import NEWEST

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"

PROBE = """
import json, sys
import shockgrid as sg
rules = sg.load_rulebook("okx")
print(json.dumps({"file": sg.__file__, "version": sg.__version__, "rulebook": rules.name,
                  "rulebook_file": rules.file, "rulebooks": sg.list_rulebooks()}))
"""


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path) -> str:
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Where the build backend is not installed, pip fetches it.
    installed = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip("wheel", "--no-deps", *installed, "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """The interpreter of an environment that has the wheel, and finds other packages in this one."""
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", home)
    scheme = sysconfig.get_preferred_scheme("prefix")
    places = {"base": str(home), "platbase": str(home)}
    # Lines of a .pth file are not searched for further .pth files, so an editable install here stays out of reach.
    own = Path(sysconfig.get_path("purelib", scheme, places))
    outer = dict.fromkeys(sysconfig.get_path(key) for key in ("purelib", "platlib"))
    (own / "outer.pth").write_text("\n".join(outer) + "\n")
    interpreter = Path(sysconfig.get_path("scripts", scheme, places)) / Path(sys.executable).name
    pip("--python", interpreter, "install", "-q", "--no-deps", "--no-index", wheel)
    return interpreter


def test_wheel_contains_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    metadata = f"shockgrid-{sg.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"shockgrid", metadata}
    assert not [name for name in names if name.rpartition("/")[2].startswith(("test_", "conftest"))]
    assert "shockgrid/py.typed" in names
    assert f"{metadata}/licenses/LICENSE" in names


def test_wheel_contains_every_source_file(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("shockgrid/")}
    files = [path for path in (SOURCE / "shockgrid").rglob("*") if path.is_file()]
    sources = [path for path in files if "__pycache__" not in path.parts]
    assert {path.relative_to(SOURCE).as_posix() for path in sources} == names
    assert {name for name in names if name.endswith(".toml")} == {
        f"shockgrid/rulebooks/{name}.toml" for name in [*sg.list_rulebooks(), NEWEST]
    }


def test_installed_wheel_loads_its_own_rulebook(python):
    found = json.loads(run(python, "-I", "-c", PROBE))
    environment = python.parent.parent
    assert Path(found["file"]).is_relative_to(environment)
    assert Path(found["rulebook_file"]).is_relative_to(environment)
    assert found["version"] == sg.__version__
    assert found["rulebooks"] == sg.list_rulebooks()
    assert found["rulebook"] == sg.load_rulebook("okx").name == sg.list_rulebooks()[-1]


def test_installed_command_runs(python):
    assert "margin" in run(python.with_name("shockgrid"), "--help")

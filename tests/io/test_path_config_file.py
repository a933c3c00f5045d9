"""Monte Carlo configurations as files: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import shockgrid as sg

CONFIGS = Path(__file__).parents[2] / "configs" / "montecarlo"
BASE = """
format = "shockgrid.paths/1"
name = "t"
step_days = 1.0
steps = 2
paths = 10
[prices]
model = "{model}"
[prices.coins]
BTC = {{ {row}, provenance = "modelled", source = "a test" }}
"""
GBM = BASE.format(model="gbm", row="vol = 0.5")
HESTON = "variance = 0.2, long_variance = 0.2, reversion = 2.0"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "c.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.toml")), ids=lambda file: file.stem)
def test_the_files_of_the_project_are_read_and_draw(file):
    config = sg.load_path_config(file)
    paths = sg.draw_paths(config, seed=1, paths=4)
    assert paths.values.shape == (4, config.steps + 1, len(config.columns))
    assert paths.values[:, 1:, 0].all()
    assert {provenance for provenance, _ in config.provenance.values()} == {"modelled"}


def test_what_is_left_out_has_its_default(tmp_path):
    config = sg.load_path_config(written(tmp_path, GBM))
    assert (config.generator, config.precision, config.antithetic) == ("threefry4x32", "float32", False)
    assert dict(config.prices["BTC"]) == {"drift": 0.0, "vol": 0.5}
    assert config.provenance == {"prices.BTC": ("modelled", "a test")}


REFUSED = {
    "unknown model": (BASE.format(model="sabr", row="vol = 0.5"), "prices.model", "one of gbm, heston"),
    "negative vol": (BASE.format(model="gbm", row="vol = -0.5"), "prices.coins.BTC.vol", "a number of 0 or more"),
    "negative vol of vol": (
        BASE.format(model="heston", row=HESTON + ", vol_of_vol = -1.0"),
        "prices.coins.BTC.vol_of_vol",
        "a number of 0 or more",
    ),
    "of another model": (BASE.format(model="heston", row="vol = 0.5"), "prices.coins.BTC.variance", "a number of 0"),
    "no steps": (GBM.replace("steps = 2", "steps = 0"), "steps", "a whole number above 0"),
    "unknown generator": ("generator = 'mt19937'\n" + GBM, "generator", "one of threefry4x32"),
    "unknown factor": (
        GBM + '[factors."skew.BTC"]\nreversion = 1.0\nsd = 1.0\nprovenance = "modelled"\nsource = "x"\n',
        "factors.skew.BTC",
        "vol.COIN",
    ),
    "jumps of an unknown coin": (
        GBM + '[jumps.SOL]\nintensity = 1.0\nmean = 0.0\nsd = 0.1\nprovenance = "modelled"\nsource = "x"\n',
        "jumps.SOL",
        "one of BTC",
    ),
    "no provenance": (GBM.replace('provenance = "modelled", ', ""), "prices.coins.BTC.provenance", "one of published"),
    "no TOML": ("format = ", "file", "well-formed TOML"),
}


@pytest.mark.parametrize(("text", "path", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused(tmp_path, text, path, expected):
    file = written(tmp_path, text)
    with pytest.raises(sg.InputError) as caught:
        sg.load_path_config(file)
    assert (caught.value.file, caught.value.path) == (str(file), path)
    assert expected in caught.value.expected

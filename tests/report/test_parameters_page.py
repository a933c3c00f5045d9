"""docs/parameters.md is what the rulebook says."""

import re
from pathlib import Path

import pytest

from shockgrid.io.rulebook_file import load_rulebook
from shockgrid.report.parameters_page import PROVENANCE, SECTIONS, parameters_page, write_parameters_page
from shockgrid.rulebooks.structure import STRUCTURES

DOCS = Path(__file__).parents[2] / "docs/parameters.md"


@pytest.fixture(scope="module")
def rules():
    return load_rulebook("okx")


@pytest.fixture(scope="module")
def page(rules):
    return parameters_page(rules)


def test_the_committed_page_is_current(page):
    assert DOCS.read_text(encoding="utf-8") == page, "run: python -m shockgrid.report.parameters_page"


def test_every_value_has_a_row(rules, page):
    for key, parameter in rules.parameters.items():
        groups = [f".{group}" for group in rules.groupings[parameter.by].names] if parameter.by else [""]
        for group in groups:
            assert page.count(f"\n| `{key}{group}` | ") == 1


def test_rows(page):
    assert (
        "\n| `mr1.price_moves.A` | 0; 0.04; 0.08; 0.12 | fraction of the index price | 0 to 0.95 | corroborated | S9 |"
        in page
    )
    assert "\n| `mr6.price_move.B` | 0.36 |  |  | published |  |  |" in page
    assert "\n| `borrow.bounds.other` | none |" in page
    assert "\n| `mr9.count_spot` | false |" in page
    assert "\n| **0.9** | 0.3 | 0.31 | 0.32 |" in page
    assert "\n| **6** | all others |" in page


def test_rows_of_a_table_are_as_wide_as_its_header(page):
    for table in re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
        assert len({line.count(" | ") for line in table.splitlines()}) == 1


def test_provenance_counts_add_up(rules, page):
    counts = [int(re.search(rf"\*\*{kind}\*\* \| .* \| (\d+) \|", page)[1]) for kind in PROVENANCE]
    values = [len(p.value) if p.by else 1 for p in rules.parameters.values()]
    assert sum(counts) == sum(values)


def test_every_section_has_a_title():
    used = {key.split(".")[0] for shapes in STRUCTURES.values() for key in shapes}
    assert used == set(SECTIONS)


def test_a_bar_in_a_text_does_not_end_the_cell(tmp_path):
    text = (
        Path(load_rulebook("okx/v2-2025-01-15").file)
        .read_text(encoding="utf-8")
        .replace('note = "24 hours.', 'note = "24 | hours.')
    )
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert "24 \\| hours." in parameters_page(load_rulebook(tmp_path / "mine.toml"))


def test_written_where_asked(tmp_path, page):
    write_parameters_page(tmp_path / "docs/parameters.md")
    assert (tmp_path / "docs/parameters.md").read_text(encoding="utf-8") == page

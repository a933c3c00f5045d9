"""Rulebooks are found by name, path and date, and a file that is wrong in any way says where and how."""

import json
import math
import os
import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from shockgrid.errors import RulebookError
from shockgrid.io.rulebook_file import list_rulebooks, load_rulebook
from shockgrid.rulebooks import shelf
from shockgrid.rulebooks.structure import STRUCTURES

V2 = STRUCTURES["v2"]
NAME = "okx/v2-2025-01-15"
REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / f"src/shockgrid/rulebooks/{NAME}.toml").read_text(encoding="utf-8")
SHARED = REPOSITORY / os.environ.get("SHOCKGRID_SHARED", "../shared")


@pytest.fixture(scope="module")
def rules():
    return load_rulebook(NAME)


def refused(folder: Path, text: str) -> RulebookError:
    """The error of a file with this text."""
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RulebookError) as caught:
        load_rulebook(file)
    assert caught.value.file == str(file)
    return caught.value


def mutated(old: str, new: str) -> str:
    assert old in TEXT, f"the rulebook no longer holds {old!r}"
    return TEXT.replace(old, new, 1)


def section(key: str) -> str:
    """A parameter's table, as it stands in the file."""
    return re.search(rf"^\[{re.escape(key)}\]\n.*?(?=^\[|^#|\Z)", TEXT, re.DOTALL | re.MULTILINE)[0]


def in_section(key: str, pattern: str, new: str) -> str:
    changed, count = re.subn(pattern, new, section(key), count=1, flags=re.MULTILINE)
    assert count, f"{key} no longer holds {pattern!r}"
    return TEXT.replace(section(key), changed, 1)


# --- finding one ---


def test_names():
    assert NAME in list_rulebooks()
    assert load_rulebook(NAME).name == NAME
    assert load_rulebook().name == list_rulebooks()[-1]


@pytest.mark.parametrize("name", list_rulebooks())
def test_every_packaged_rulebook_loads_and_is_called_what_it_says(name):
    assert load_rulebook(name).name == name


@pytest.mark.parametrize("form", [str, Path])
def test_a_path(tmp_path, form):
    file = tmp_path / "mine.toml"
    file.write_text(mutated('version = "v2-2025-01-15"', 'version = "mine"'), encoding="utf-8")
    loaded = load_rulebook(form(file))
    assert loaded.name == "okx/mine"
    assert loaded.file == str(file)


@pytest.fixture
def three_versions(tmp_path, monkeypatch):
    """A venue with versions in force from 08:00 UTC of three days, in files whose names do not sort by date."""
    (tmp_path / "okx").mkdir()
    for version, day in (("c", "2024-12-30"), ("a", "2025-01-06"), ("b", "2025-01-15")):
        text = mutated("effective = 2025-01-15", f"effective = {day}").replace("v2-2025-01-15", version)
        (tmp_path / f"okx/{version}.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(shelf, "_shelf", lambda: tmp_path)


@pytest.mark.usefixtures("three_versions")
@pytest.mark.parametrize(
    ("at", "version"),
    [
        (None, "b"),
        ("2024-12-30", "c"),  # a bare date is the end of that day
        (date(2024, 12, 30), "c"),
        ("2025-01-05", "c"),
        ("2025-01-06T08:00", "a"),
        ("2025-01-06T07:59:59", "c"),
        (datetime(2025, 1, 6, 7, 59), "c"),  # without an offset: UTC
        (datetime(2025, 1, 6, 8, tzinfo=UTC), "a"),
        (datetime(2025, 1, 6, 8, 30, tzinfo=timezone(timedelta(hours=1))), "c"),
        ("2025-01-06T09:30:00+01:00", "a"),
        ("2025-01-15T07:59Z", "a"),
        ("2025-01-15", "b"),
        (date(2030, 1, 1), "b"),
    ],
)
def test_the_version_in_force(at, version):
    assert load_rulebook("okx", at=at).version == version


@pytest.mark.usefixtures("three_versions")
def test_versions_are_listed_by_date():
    assert list_rulebooks() == ["okx/c", "okx/a", "okx/b"]


@pytest.mark.usefixtures("three_versions")
@pytest.mark.parametrize("at", ["2024-12-29", "2024-12-30T07:59", date(2001, 1, 1)])
def test_no_version_yet(at):
    with pytest.raises(RulebookError, match=r"okx: at: expected 2024-12-30 08:00 UTC, its first rulebook, or later"):
        load_rulebook("okx", at=at)


@pytest.mark.parametrize("at", ["yesterday", "2025-1-1", "2025-13-01", "2025-01-15 at noon", ""])
def test_not_a_time(at):
    with pytest.raises(RulebookError, match="okx: at: expected an ISO date or time such as"):
        load_rulebook("okx", at=at)


@pytest.mark.parametrize("name", ["okx/v9", "deribit", "v2-2025-01-15", "okx/", "", "mine.json"])
def test_unknown_rulebook(name):
    with pytest.raises(RulebookError, match=rf"expected one of okx, .*{NAME}.*, or the path of a \.toml file"):
        load_rulebook(name)


def test_a_time_picks_among_versions_only(tmp_path):
    for name in (NAME, str(tmp_path / "mine.toml")):
        with pytest.raises(RulebookError, match="at: expected a venue such as okx"):
            load_rulebook(name, at="2025-02-01")


def test_no_such_file(tmp_path):
    with pytest.raises(RulebookError, match=r"mine\.toml: file: expected a readable file"):
        load_rulebook(tmp_path / "mine.toml")


# --- what is in it ---


def test_the_record(rules):
    assert (rules.venue, rules.version, rules.structure) == ("okx", "v2-2025-01-15", "v2")
    assert rules.effective == datetime(2025, 1, 15, 8, tzinfo=UTC)
    assert list(rules.parameters) == list(V2)
    assert rules["imr.multiple"] == 1.3
    assert rules["mr9.count_spot"] is False
    assert rules.of_each("mr1.price_moves", ["BTC", "SOL"]) == [[0.0, 0.04, 0.08, 0.12], [0.0, 0.08, 0.16, 0.25]]
    assert rules.of_each("mr6.price_move", ["ETH", "SOL", "DOT"]) == [0.24, 0.36, 0.50]
    assert rules.of_each("borrow.bounds", ["USDC", "DOGE"])[1] == []


def test_numbers_are_floats(rules):
    def numbers(value):
        if isinstance(value, (dict, list)):
            for entry in value.values() if isinstance(value, dict) else value:
                yield from numbers(entry)
        else:
            yield value

    found = {key: {type(x) for x in numbers(p.value)} for key, p in rules.parameters.items()}
    switches = [key for key, shape in V2.items() if shape.kind == "switch"]
    assert switches
    for key in switches:
        assert found.pop(key) == {bool}
    assert set().union(*found.values()) == {float}


def test_provenance_by_group(rules):
    assert rules.provenance["mr7.rate"] == {"A": "inferred", "B": "inferred", "C": "modelled"}
    assert rules.provenance["mr6.price_move"] == "published"
    assert "mr3.kappa" in rules.modelled
    assert "mr1.price_moves" not in rules.modelled


@pytest.mark.parametrize("name", list_rulebooks())
def test_every_source_is_used(name):
    rules = load_rulebook(name)
    used = {p.source for p in rules.parameters.values()}
    notes = " ".join(p.note for p in rules.parameters.values())
    assert [key for key in rules.sources if key not in used and not re.search(rf"\b{key}\b", notes)] == []
    assert set(re.findall(r"\bS\d+\b", notes)) <= set(rules.sources)


def test_modelled_wholly_means_no_source(rules):
    wholly = {key: p for key, p in rules.parameters.items() if p.provenance == "modelled"}
    assert {p.source for p in wholly.values()} == {"choice"}
    assert [key for key, p in rules.parameters.items() if p.source == "choice" and key not in wholly] == []


def test_factors_of_further_tiers_continue_the_third(rules):
    for row in rules["mr9.factors"]:
        assert row[3:] == pytest.approx([row[2] + 0.005 * k for k in range(1, 6)], abs=1e-15)


# --- what is refused: every parameter ---


@pytest.mark.parametrize("key", V2)
def test_missing_parameter(tmp_path, key):
    error = refused(tmp_path, TEXT.replace(section(key), "", 1))
    assert (error.path, error.found) == (key, "nothing")
    assert "structure v2 requires" in error.expected


@pytest.mark.parametrize("key", V2)
def test_value_out_of_range(tmp_path, key):
    error = refused(tmp_path, in_section(key, r"^range = .*$", "range = [1e15, 1e16]"))
    assert re.fullmatch(rf"{re.escape(key)}(\.\w+)?(\[\d+\])*", error.path)
    assert error.expected == "a number from 1e+15 to 1e+16"


@pytest.mark.parametrize("key", [key for key, shape in V2.items() if shape.by])
def test_missing_group(tmp_path, key):
    group = re.search(r"^value\.(\w+)", section(key), re.MULTILINE)[1]
    error = refused(tmp_path, in_section(key, r"^value\.\w+ = .*\n", ""))
    assert (error.path, error.expected, error.found) == (f"{key}.{group}", "an entry", "nothing")


@pytest.mark.parametrize("key", [key for key, shape in V2.items() if shape.by])
def test_unknown_grouping_of_a_parameter(tmp_path, key):
    error = refused(tmp_path, in_section(key, r"^by = .*$", 'by = "colour"'))
    assert (error.path, error.expected, error.found) == (f"{key}.by", f"the grouping {V2[key].by}", "'colour'")


@pytest.mark.parametrize("field", ["unit", "range", "provenance", "source", "value"])
def test_missing_field(tmp_path, field):
    error = refused(tmp_path, in_section("mr2.horizon_days", rf"^{field} = .*\n", ""))
    assert (error.path, error.expected, error.found) == (f"mr2.horizon_days.{field}", "this key", "nothing")


@pytest.mark.parametrize("field", ["format", "venue", "version", "structure", "effective", "summary"])
def test_missing_header(tmp_path, field):
    text, count = re.subn(rf"^{field} = .*\n", "", TEXT, count=1, flags=re.MULTILINE)
    assert count == 1
    error = refused(tmp_path, text)
    assert (error.path, error.expected, error.found) == (field, "this key", "nothing")


# --- what is refused: one slip each (old text, new text, path, expected, found) ---

HEADER = [
    ('format = "shockgrid.rulebook/1"', 'format = "shockgrid.rulebook/2"', "format", "'shockgrid.rulebook/1'", "/2'"),
    ('structure = "v2"', 'structure = "v7"', "structure", "'v2'", "'v7'"),
    ('venue = "okx"', "venue = 3", "venue", "a valid string", "3"),
    ('venue = "okx"', 'venue = "the okx"', "venue", "a name without blanks", "'the okx'"),
    ("2025-01-15T08:00:00Z", "2025-01-15T08:00:00", "effective", "a time with its offset", "2025, 1, 15"),
    ("2025-01-15T08:00:00Z", '"15 Jan"', "effective", "a valid datetime", "'15 Jan'"),
    ('S2 = "OKX help', 'S2 = 5 # "', "sources.S2", "a valid string", "5"),
    ("\n[sources]\n", "\n[sources.more]\n", "sources.more", "a valid string", "S1"),
    ('venue = "okx"', 'venue = "okx"\ncolour = "red"', "colour", "one of mr1, mr2", "colour"),
    ('venue = "okx"', 'venue = "okx"\nmr2 = 1', "file", "well-formed TOML", "line"),
    ('venue = "okx"', "venue = okx", "file", "well-formed TOML", "line"),
    ('venue = "okx"', 'venue = "okx"\nvenue = "okx"', "file", "well-formed TOML", "overwrite"),
]

GROUPINGS = [
    ("[groupings.mr4]", "[groupings.mr4x]", "groupings.mr4x", "one of mr1, mr4", "mr4x"),
    ('[groupings.mr1]\ndefault = "C"', "[groupings.mr1]", "groupings.mr1.default", "this key", "nothing"),
    (
        '[groupings.mr1]\ndefault = "C"',
        '[groupings.mr1]\ndefault = "B"',
        "groupings.mr1.default",
        "a group of its",
        "'B'",
    ),
    ('A = ["BTC", "ETH"]', 'A = ["BTC", "BTC"]', "groupings.mr1.A[1]", "a name not listed before (in A)", "BTC"),
    ('B = ["LTC", "BCH"', 'B = ["LTC", "ETH"', "groupings.mr1.B[1]", "a name not listed before (in A)", "ETH"),
    ('A = ["BTC", "ETH"]', 'A = "BTC"', "groupings.mr1.A", "a valid list", "'BTC'"),
    ('A = ["BTC", "ETH"]', 'A = ["BTC", 7]', "groupings.mr1.A[1]", "a valid string", "7"),
    ('A = ["BTC", "ETH"]', 'A = ["BTC", ""]', "groupings.mr1.A[1]", "a name without blanks", "''"),
]

TABLES = [
    ("[mr2.horizon_days]", "[mr2.horizon]", "mr2.horizon", "one of horizon_days", "horizon"),
    ("[mr7.option.vega_points]", "[mr7.option.vega]", "mr7.option.vega", "one of fee_index_frac", "vega"),
    ("[imr.multiple]", "[imr]\nextra = 2\n[imr.multiple]", "imr.extra", "one of multiple", "extra"),
    ("[mr2.horizon_days]", "[mr2.horizon_days]\ncolour = 1", "mr2.horizon_days.colour", "one of unit, range", "1"),
    ("[mr2.horizon_days]\nunit", "[mr2.horizon_days]\nunits", "mr2.horizon_days.unit", "this key", "nothing"),
    ('unit = "days"', "unit = 1", "mr2.horizon_days.unit", "a valid string", "1"),
    ("range = [0.0, 30.0]", "range = [30.0, 0.0]", "mr2.horizon_days.range", "the lower first", "[30.0, 0.0]"),
    ("range = [0.0, 30.0]", "range = [0.0, inf]", "mr2.horizon_days.range[1]", "a finite number", "inf"),
    ("range = [0.0, 30.0]", "range = [0.0]", "mr2.horizon_days.range", "have at least 2 items", "[0.0]"),
    ('source = "summaries"', 'source = "S99"', "mr2.horizon_days.source", "one of S1, S2", "S99"),
    (
        '"corroborated"\nsource = "summaries"',
        '"sure"\nsource = "S1"',
        "mr2.horizon_days.provenance",
        "'published'",
        "'sure'",
    ),
    ('C = "corroborated" }', 'C = "sure" }', "mr4.floor.provenance.C", "'published'", "'sure'"),
    (', C = "corroborated" }', " }", "mr4.floor.provenance.C", "an entry", "nothing"),
    ('C = "corroborated" }', 'D = "inferred" }', "mr4.floor.provenance.D", "one of A, B, C", "D"),
    (
        '"corroborated"\nsource = "summaries"',
        '{A="inferred"}\nsource="S1"',
        "mr2.horizon_days.provenance",
        "'modelled'",
        "A",
    ),
    ("value = 1.0\n", 'value = 1.0\nby = "mr4"\n', "mr2.horizon_days.by", "no grouping", "'mr4'"),
    ('by = "mr6"\n', "", "mr6.price_move.by", "the grouping mr6", "''"),
]

MOVES = "value.A = [0.0, 0.04, 0.08, 0.12]"
DAYS = "value = [0.0, 30.0, 60.0, 90.0, 180.0]"
VALUES = [
    ("value = 1.0\n", "value = nan\n", "mr2.horizon_days", "a finite number", "nan"),
    ("value = 1.0\n", "value = -inf\n", "mr2.horizon_days", "a finite number", "-inf"),
    ("value = 1.0\n", 'value = "1"\n', "mr2.horizon_days", "a valid number", "'1'"),
    ("value = 1.0\n", "value = true\n", "mr2.horizon_days", "a valid number", "True"),
    ("value = 1.0\n", "value = [1.0]\n", "mr2.horizon_days", "a valid number", "[1.0]"),
    ("value = 1.0\n", "value = 31\n", "mr2.horizon_days", "a number from 0 to 30", "31"),
    ("value = false", "value = 0", "mr9.count_spot", "a valid boolean", "0"),
    ("value.B = 0.36", "value.B = nan", "mr6.price_move.B", "a finite number", "nan"),
    ("value.B = 0.36", "value.B = 0.99", "mr6.price_move.B", "a number from 0 to 0.95", "0.99"),
    ("value.B = 0.36", "value.B = 0.36\nvalue.D = 0.4", "mr6.price_move.D", "one of A, B, C", "D"),
    (
        "value.A = 0.24\nvalue.B = 0.36\nvalue.C = 0.50",
        "value = 0.3",
        "mr6.price_move",
        "a table",
        "0.3",
    ),
    (MOVES, "value.A = [0.0, 0.04, nan, 0.12]", "mr1.price_moves.A[2]", "a finite number", "nan"),
    (MOVES, "value.A = [0.0, 0.04, '8', 0.12]", "mr1.price_moves.A[2]", "a valid number", "'8'"),
    (MOVES, "value.A = [0.0, 0.04, 0.08, 1.2]", "mr1.price_moves.A[3]", "a number from 0 to 0.95", "1.2"),
    (MOVES, "value.A = [0.01, 0.04, 0.08, 0.12]", "mr1.price_moves.A[0]", "0", "0.01"),
    (MOVES, "value.A = [0.0, 0.08, 0.04, 0.12]", "mr1.price_moves.A[2]", "more than the 0.08 before it", "0.04"),
    (MOVES, "value.A = [0.0, 0.08, 0.08, 0.12]", "mr1.price_moves.A[2]", "more than the 0.08 before it", "0.08"),
    (MOVES, "value.A = [0.0, 0.08, 0.12]", "mr1.price_moves.A", "4 entries", "3"),
    (MOVES, "value.A = []", "mr1.price_moves.A", "4 entries", "0"),
    (DAYS, "value = []", "mr1.vol_shock_days", "1 or more entries", "0"),
    (DAYS, "value = [0.0, 60.0, 30.0, 90.0, 180.0]", "mr1.vol_shock_days[2]", "more than the 60", "30.0"),
    (DAYS, "value = [0.0, 30.0, 60.0, 90.0]", "mr1.vol_shock_points", "4 entries (as many as mr1.vol_shock_days)", "5"),
    (
        "value = [0.45, 0.30, 0.25, 0.20, 0.15]",
        "value = [0.45, 0.30]",
        "mr1.vol_shock_relative",
        "5 entries (as many as mr1.vol_shock_days)",
        "2",
    ),
    (
        "250e3, 500e3, 1e6, 2e6",
        "500e3, 250e3, 1e6, 2e6",
        "mr7.multiplier_bounds_usd.A[1]",
        "more than the 500000",
        "250000.0",
    ),
    (
        "value.C = [1, 2, 3, 4]",
        "value.C = [1, 2, 3]",
        "mr7.multipliers.C",
        "4 entries (1 more than mr7.multiplier_bounds_usd)",
        "3",
    ),
    ("[1e6, 5e6, 10e6", "[5e6, 1e6, 10e6", "mr9.tier_bounds_usd[1]", "more than the 5000000", "1000000.0"),
    ("[1e6, 5e6, 10e6", "[1e6, 10e6", "mr9.factors[0]", "7 entries (1 more than mr9.tier_bounds_usd)", "8"),
    ("[0.80, 0.90, 0.95", "[0.95, 0.90, 0.80", "mr9.prices[1]", "more than the 0.95", "0.9"),
    ("[0.80, 0.90, 0.95", "[0.80, 0.95", "mr9.factors", "5 entries (as many as mr9.prices)", "6"),
    ("[0.300, 0.310, 0.320", "[0.300, 0.310", "mr9.factors[1]", "8 entries", "7"),
    ("[0.300, 0.310, 0.320", "[0.300, 0.310, 3.20", "mr9.factors[1][2]", "a number from 0 to 1", "3.2"),
    ("[0.300, 0.310, 0.320", "[0.300, 0.310, inf", "mr9.factors[1][2]", "a finite number", "inf"),
    (
        "value.BTC = [35, 70, 105]",
        "value.BTC = [35, 70]",
        "borrow.mmr_rates.BTC",
        "2 entries (as many as borrow.bounds)",
        "3",
    ),
    ("value.BTC = [35, 70, 105]", "value.BTC = [35, 105, 70]", "borrow.bounds.BTC[2]", "more than the 105", "70.0"),
    ("value.other = [0.20]", "value.other = []", "borrow.imr_rates.other", "1 entry (as many as borrow.bounds)", "0"),
    ("value.6 = [0.50, 0.0]", "value.6 = [0.50]", "haircut.rates.6", "2 entries (1 more than haircut.bounds_usd)", "1"),
]
SLIPS = HEADER + GROUPINGS + TABLES + VALUES


@pytest.mark.parametrize(("old", "new", "path", "expected", "found"), SLIPS, ids=[f"{s[2]}-{s[4]}" for s in SLIPS])
def test_one_slip(tmp_path, old, new, path, expected, found):
    error = refused(tmp_path, mutated(old, new))
    assert error.path == path
    assert expected in error.expected
    assert found in error.found


def test_the_message_says_it_all(tmp_path):
    error = refused(tmp_path, mutated(MOVES, "value.A = [0.0, 0.04, 0.04, 0.12]"))
    file = tmp_path / "mine.toml"
    assert str(error) == f"{file}: mr1.price_moves.A[2]: expected more than the 0.04 before it, found 0.04"


def test_not_text(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RulebookError, match="expected well-formed TOML"):
        load_rulebook(file)


def test_a_packaged_file_without_a_time(tmp_path, monkeypatch):
    (tmp_path / "okx").mkdir()
    (tmp_path / "okx/a.toml").write_text(mutated("2025-01-15T08:00:00Z", "2025-01-15"), encoding="utf-8")
    monkeypatch.setattr(shelf, "_shelf", lambda: tmp_path)
    with pytest.raises(RulebookError, match="effective: expected a time with its offset"):
        load_rulebook("okx")


def test_companions_stand_in_the_same_structure():
    for shapes in STRUCTURES.values():
        for shape in shapes.values():
            for key in filter(None, (shape.like, shape.columns_like)):
                assert shapes[key].by in ("", shape.by)
                assert shapes[key].kind == "numbers"


# --- against the tables of the specification ---


def shared(name: str) -> dict:
    file = SHARED / "spec" / name
    if not file.exists():
        pytest.skip(f"no {file}: set SHOCKGRID_SHARED to the folder that holds spec/")
    return json.loads(file.read_text(encoding="utf-8"))


def bounds(upper: list) -> list:
    assert upper[-1] is None
    return upper[:-1]


def groups_of(rules, key: str) -> list:
    return [rules.parameters[key].value[group] for group in "ABC"]


def test_price_moves_against_the_specification(rules):
    spec = shared("parameters.json")
    moves, extreme = spec["mr1_price_grid"][1], spec["mr6"][1]
    assert moves["from"] == extreme["from"] == "2025-01-06"
    assert groups_of(rules, "mr1.price_moves") == [moves[g] for g in ("A", "B_v1_mr1_mr4", "C")]
    assert groups_of(rules, "mr6.price_move") == [extreme[g] for g in ("A", "B_v2", "C")]
    assert rules["mr6.loss_fraction"] == spec["mr6_loss_fraction"]["value"]


def test_groups_against_the_specification(rules):
    spec = shared("parameters.json")["groups"]
    for name, old_or_new in (
        ("mr1", "B_v1_mr1_mr4"),
        *((n, "B_v2") for n in ("mr4", "mr6", "mr7_rate", "mr7_multiplier")),
    ):
        members = rules.groupings[name].members
        assert (list(members["A"]), list(members["B"])) == (spec["A"], spec[old_or_new])


def test_vol_shock_against_the_specification(rules):
    spec = shared("parameters.json")["mr1_vol_shock"]["suggested"]
    days = [str(int(day)) for day in rules["mr1.vol_shock_days"]]
    assert dict(zip(days, rules["mr1.vol_shock_points"], strict=True)) == spec["points"]
    assert dict(zip(days, rules["mr1.vol_shock_relative"], strict=True)) == spec["relative"]


def test_basis_against_the_specification(rules):
    spec = shared("parameters.json")["mr4_v2"]
    assert groups_of(rules, "mr4.annual_move") == [spec["annualized_move"][g] for g in ("A", "B_v2", "C")]
    assert groups_of(rules, "mr4.floor") == [spec["a"][g]["value"] for g in ("A", "B_v2", "C")]
    assert rules["mr4.perpetual_days"] == spec["days"]["perpetual"]


def test_minimum_charge_against_the_specification(rules):
    spec = shared("parameters.json")
    table, old = spec["mr7_multiplier_v2"]["A"], spec["mr7_multiplier_v1"]
    rate = spec["mr7_raw_perp_rate"]
    assert rules.of_each("mr7.rate", ["BTC", "LTC"]) == [rate["BTC"]["value"], rate["LTC"]["value"]]
    tiers = groups_of(rules, "mr7.multiplier_bounds_usd")
    assert tiers == [
        bounds(table["upper"]),
        *([25 * x for x in bounds(old[s]["upper"])] for s in ("set2", "set3_others")),
    ]
    assert groups_of(rules, "mr7.multipliers") == [table["mult"], old["set2"]["mult"], old["set3_others"]["mult"]]


def test_depeg_against_the_specification(rules):
    spec = shared("parameters.json")["mr9"]
    known = spec["suggested"]
    assert rules["mr9.tier_bounds_usd"] == bounds(known["tiers_upper_usd"])
    assert rules["mr9.prices"] == known["price"][::-1]
    for tier in (1, 2, 3):
        assert [row[tier - 1] for row in rules["mr9.factors"]] == known[f"tier{tier}"][::-1]


def test_depeg_example_of_the_specification(rules):
    low, high = (rules["mr9.factors"][rules["mr9.prices"].index(price)] for price in (0.98, 0.99))
    inferred = shared("parameters.json")["mr9"]["known_cells"]["0.985_inferred"]
    assert [(a + b) / 2 for a, b in zip(low[:3], high[:3], strict=True)] == pytest.approx(list(inferred.values()))


def test_borrowing_against_the_specification(rules):
    spec = shared("parameters.json")
    for group, table, upper in (
        ("USDT", "borrow_usdt_tiers", "upper_usdt"),
        ("BTC", "borrow_btc_tiers_2023", "upper_btc"),
        ("ETH", "borrow_eth_tiers_2023", "upper_eth"),
    ):
        assert rules.parameters["borrow.bounds"].value[group] == spec[table][upper]
        assert rules.parameters["borrow.mmr_rates"].value[group] == spec[table]["mmr"]
        assert rules.parameters["borrow.imr_rates"].value[group] == spec[table]["imr"]


def test_ratio_against_the_specification(rules):
    spec = shared("parameters.json")
    assert rules["imr.multiple"] == spec["imr_multiple_of_derivatives_mmr"]["value"]
    assert rules["ratio.liability_fee"] == spec["liquidation_fee_on_liabilities"]["value"]
    assert rules["ratio.warning"] == spec["margin_levels"]["warning"]
    assert rules["ratio.liquidation"] == spec["margin_levels"]["liquidate_at_or_below"]


def test_haircuts_against_the_specification(rules):
    spec = shared("haircut_classes.json")
    grouping = rules.groupings["haircut"]
    assert grouping.default == spec["default_class"]
    assert set(grouping.names) == set(spec["classes"])
    for name, table in spec["classes"].items():
        assert rules.parameters["haircut.bounds_usd"].value[name] == bounds(table["upper_usd"])
        assert rules.parameters["haircut.rates"].value[name] == table["rate"]
        assert {grouping.of(member) for member in table["members"]} == {name}


def test_rates_recovered_from_the_position_builder(rules):
    """The figures printed in the reply of 15 January 2025, by division."""
    assert math.isclose(19.4098073796 / 9704.903689800001, rules.of_each("mr4.floor", ["BTC"])[0])
    assert math.isclose(8.1562464 / 1019.5308, rules.of_each("mr4.floor", ["LTC"])[0])
    assert math.isclose(43.67206660410001 / 9704.903689800001, rules.of_each("mr7.rate", ["BTC"])[0])
    assert math.isclose(7.1367156 / 1019.5308, rules.of_each("mr7.rate", ["LTC"])[0])

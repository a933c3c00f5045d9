"""A file of one's own that extends another: what it inherits, what it overrides, and what every report says of it."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from html import unescape
from pathlib import Path

import pytest

import shockgrid as sg
from shockgrid.cli import app
from shockgrid.errors import RulebookError
from shockgrid.io.rulebook_file import list_rulebooks, load_rulebook
from shockgrid.rulebooks.difference import differences
from shockgrid.rulebooks.structure import STRUCTURES
from shockgrid.venues.okx.rulebook import Difference, Rulebook
from tests.documents import accounts_of, market_of

# Cyclopts suspects a mistake where a test leaves it the words of the command line, as ``main`` does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

PARENT = "okx/v2-2025-01-15"
FORMAT = 'format = "shockgrid.rulebook/1"\n'
STANDALONE = (Path(__file__).parents[2] / f"src/shockgrid/rulebooks/{PARENT}.toml").read_text(encoding="utf-8")


def header(extends: str = PARENT, version: str = "mine") -> str:
    return f'{FORMAT}extends = "{extends}"\nversion = "{version}"\n'


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def extend(tmp_path):
    """Load a file that extends the version of January 2025 with these lines."""

    def load(lines: str = "", **head: str) -> Rulebook:
        return load_rulebook(written(tmp_path, header(**head) + lines))

    return load


@pytest.fixture
def refused(tmp_path):
    """The error of such a file, which must name it."""

    def error(lines: str, **head: str) -> RulebookError:
        file = written(tmp_path, header(**head) + lines)
        with pytest.raises(RulebookError) as caught:
            load_rulebook(file)
        assert caught.value.file == str(file)
        return caught.value

    return error


def others_inherited(rules: Rulebook, parent: Rulebook, *keys: str) -> bool:
    """Whether all parameters but these are those of the parent, with provenance, source and note."""
    assert set(keys) <= set(rules.parameters)
    kept = [key for key in parent.parameters if key not in keys]
    return list(rules.parameters) == list(parent.parameters) and all(
        rules.parameters[key] == parent.parameters[key] for key in kept
    )


# --- what is inherited ---


@pytest.mark.parametrize("name", list_rulebooks())
def test_a_file_that_overrides_nothing_is_its_parent_under_another_name(extend, name):
    rules, parent = extend(extends=name), load_rulebook(name)
    assert rules.name == "okx/mine"
    assert rules.parameters == parent.parameters
    assert rules.groupings == parent.groupings
    assert (rules.venue, rules.structure, rules.effective) == (parent.venue, parent.structure, parent.effective)
    assert rules.overrides == ()
    assert rules.parent == rules.base == parent
    assert repr(rules) == f"Rulebook(okx/mine, {len(parent.parameters)} parameters, 0 overrides of {name})"


def test_the_file_is_its_own(extend, tmp_path):
    assert extend().file == str(tmp_path / "mine.toml")


def test_a_summary_is_made_up_where_the_file_has_none(extend):
    assert extend().summary == f"{PARENT} with overrides."
    assert extend('summary = "Mine."\n').summary == "Mine."


def test_own_header_wins(extend):
    rules = extend('venue = "desk"\neffective = 2026-02-03T09:00:00+01:00\n')
    assert rules.name == "desk/mine"
    assert f"{rules.effective:%Y-%m-%d %H:%M %Z}" == "2026-02-03 08:00 UTC"


def test_sources_of_the_parent_that_nothing_names_any_more_are_left_out(extend):
    """S2 stands for the minimum equity alone, in v2."""
    parent = load_rulebook(PARENT)
    assert extend().sources == parent.sources
    lines = '[account.minimum_equity_usd]\nvalue = 5e3\nsource = "choice"\nnote = "Ours."\n'
    assert set(parent.sources) - set(extend(lines).sources) == {"S2"}


def test_a_source_of_ones_own_joins_those_inherited(extend):
    rules = extend('[sources]\ndesk = "A memo of 2026"\n[mr3.kappa]\nvalue = 0.7\nsource = "desk"\n')
    assert rules.sources == {**load_rulebook(PARENT).sources, "desk": "A memo of 2026"}
    assert rules.parameters["mr3.kappa"].source == "desk"


# --- single values ---

A_GROUP = "[mr7.rate]\nvalue.A = 0.006\n"
A_NUMBER = "[imr.multiple]\nvalue = 2\n"
A_LIST = "[mr1.vol_shock_points]\nvalue = [0.4, 0.3, 0.2, 0.1, 0.05]\n"
A_LIST_OF_A_GROUP = "[mr1.price_moves]\nvalue.C = [0.0, 0.1, 0.2, 0.3]\n"
A_SWITCH = "[mr9.count_spot]\nvalue = true\n"

SINGLE = [
    (A_GROUP, "mr7.rate", {"A": 0.006, "B": 0.007, "C": 0.01}, "A", 0.0045, 0.006),
    (A_NUMBER, "imr.multiple", 2.0, "", 1.3, 2.0),
    (
        A_LIST,
        "mr1.vol_shock_points",
        [0.4, 0.3, 0.2, 0.1, 0.05],
        "",
        [0.3, 0.2, 0.15, 0.12, 0.1],
        [0.4, 0.3, 0.2, 0.1, 0.05],
    ),
    (
        A_LIST_OF_A_GROUP,
        "mr1.price_moves",
        {"A": [0, 0.04, 0.08, 0.12], "B": [0, 0.06, 0.12, 0.18], "C": [0, 0.1, 0.2, 0.3]},
        "C",
        [0, 0.08, 0.16, 0.25],
        [0, 0.1, 0.2, 0.3],
    ),
    (A_SWITCH, "mr9.count_spot", True, "", False, True),
]


@pytest.mark.parametrize(("lines", "key", "value", "group", "was", "now"), SINGLE, ids=[s[1] for s in SINGLE])
def test_one_override(extend, lines, key, value, group, was, now):
    rules, parent = extend(lines), load_rulebook(PARENT)
    before, after = parent.parameters[key], rules.parameters[key]
    assert rules[key] == value
    assert others_inherited(rules, parent, key)
    assert (after.by, after.unit, after.low, after.high) == (before.by, before.unit, before.low, before.high)
    path = f"{key}.{group}" if group else key
    assert rules.overrides == (Difference(path, was, now, before.provenance_of(group), "modelled"),)
    assert rules.groupings == parent.groupings


def test_numbers_overridden_by_whole_numbers_are_floats(extend):
    rules = extend("imr.multiple.value = 2\nborrow.bounds.value.BTC = [10, 20, 30]\n")
    assert [type(x) for x in (rules["imr.multiple"], *rules["borrow.bounds"]["BTC"])] == [float] * 4


def test_lists_that_belong_together_may_get_longer_together(extend):
    rules = extend("mr7.multiplier_bounds_usd.value.C = [1e3, 2e3]\nmr7.multipliers.value.C = [1, 5, 9]\n")
    assert rules["mr7.multiplier_bounds_usd"]["C"] == [1e3, 2e3]
    assert rules["mr7.multipliers"]["C"] == [1, 5, 9]
    assert [d.path for d in rules.overrides] == ["mr7.multiplier_bounds_usd.C", "mr7.multipliers.C"]


@pytest.mark.parametrize(
    "lines",
    [
        "[mr7.rate]\nvalue.A = 0.006\n",
        "[mr7.rate.value]\nA = 0.006\n",
        "[mr7]\nrate.value.A = 0.006\n",
        "mr7.rate.value.A = 0.006\n",
        "mr7.rate.value = { A = 0.006 }\n",
        "mr7.rate = { value = { A = 0.006 } }\n",
    ],
)
def test_every_form_of_toml_says_the_same(extend, lines):
    assert extend(lines).parameters == extend(A_GROUP).parameters
    assert extend(lines)["mr7.rate"] == {"A": 0.006, "B": 0.007, "C": 0.01}


def test_several_overrides_stand_in_the_order_of_the_rules(extend):
    rules = extend("imr.multiple.value = 2\nmr7.rate.value = { C = 0.02, A = 0.006 }\nmr3.kappa.value = 0.7\n")
    assert [d.path for d in rules.overrides] == ["mr3.kappa", "mr7.rate.A", "mr7.rate.C", "imr.multiple"]
    assert others_inherited(rules, load_rulebook(PARENT), "mr3.kappa", "mr7.rate", "imr.multiple")


# --- groupings ---

THREE = '[groupings.mr7_rate]\ndefault = "C"\nA = ["BTC", "ETH", "SOL"]\nB = ["XRP", "LTC", "DOT"]\n'


def test_a_grouping_is_replaced_whole(extend):
    rules, parent = extend(THREE), load_rulebook(PARENT)
    assert rules.groupings["mr7_rate"].members == {"A": ("BTC", "ETH", "SOL"), "B": ("XRP", "LTC", "DOT")}
    assert rules.of_each("mr7.rate", ["SOL", "DOT", "DOGE"]) == [0.0045, 0.007, 0.01]
    assert rules.parameters == parent.parameters
    assert {name: g for name, g in rules.groupings.items() if name != "mr7_rate"} == {
        name: g for name, g in parent.groupings.items() if name != "mr7_rate"
    }


def test_overrides_name_the_coins_that_a_replaced_grouping_moves(extend):
    moves = {"DOT": ("C", "B"), "SOL": ("B", "A")} | dict.fromkeys(
        ["ADA", "BCH", "BNB", "DOGE", "ORDI", "PEPE", "SHIB", "WLD"], ("B", "C")
    )
    expected = tuple(Difference(f"groupings.mr7_rate.{coin}", *moves[coin]) for coin in sorted(moves))
    assert extend(THREE).overrides == expected


def test_a_group_may_be_added_with_its_values(extend):
    lines = '[groupings.mr4]\ndefault = "C"\nA = ["BTC"]\nB = ["SOL"]\nmajor = ["ETH"]\n'
    values = "[mr4.floor]\nvalue.major = 0.003\n[mr4.annual_move]\nvalue.major = 0.06\n"
    rules = extend(lines + values)
    assert rules.of_each("mr4.floor", ["BTC", "ETH", "SOL"]) == [0.002, 0.003, 0.008]
    assert rules.parameters["mr4.floor"].provenance_of("major") == "modelled"
    assert rules.parameters["mr4.floor"].provenance_of("A") == "published"
    assert Difference("mr4.floor.major", None, 0.003, "", "modelled") in rules.overrides
    assert Difference("groupings.mr4.ETH", "A", "major") in rules.overrides


# --- provenance, source, note ---


def test_what_is_overridden_is_modelled_and_only_that_group(extend):
    rules, parent = extend(A_GROUP), load_rulebook(PARENT)
    assert parent.provenance["mr7.rate"] == {"A": "inferred", "B": "inferred", "C": "modelled"}
    assert rules.provenance["mr7.rate"] == {"A": "modelled", "B": "inferred", "C": "modelled"}


def test_one_word_for_all_groups_is_split_where_one_is_overridden(extend):
    parent, rules = load_rulebook(PARENT), extend("mr6.price_move.value.C = 0.6\n")
    assert parent.provenance["mr6.price_move"] == "published"
    assert rules.provenance["mr6.price_move"] == {"A": "published", "B": "published", "C": "modelled"}
    assert set(rules.modelled) - set(parent.modelled) == {"mr6.price_move"}


def test_a_whole_value_that_is_overridden_joins_the_modelled(extend):
    parent, rules = load_rulebook(PARENT), extend(A_NUMBER)
    assert rules.provenance["imr.multiple"] == "modelled"
    assert set(rules.modelled) - set(parent.modelled) == {"imr.multiple"}


@pytest.mark.parametrize(
    ("lines", "provenance"),
    [
        ('provenance = "inferred"\nvalue.A = 0.3\n', {"A": "inferred", "B": "published", "C": "published"}),
        (
            'provenance = { A = "inferred" }\nvalue.A = 0.3\n',
            {"A": "inferred", "B": "published", "C": "published"},
        ),
        (
            'provenance = { A = "inferred", C = "corroborated" }\nvalue.A = 0.3\nvalue.C = 0.6\n',
            {"A": "inferred", "B": "published", "C": "corroborated"},
        ),
        (
            'provenance = "corroborated"\nvalue.A = 0.3\nvalue.B = 0.4\nvalue.C = 0.6\n',
            {"A": "corroborated", "B": "corroborated", "C": "corroborated"},
        ),
        (
            'provenance = { A = "inferred" }\nvalue.A = 0.3\nvalue.B = 0.4\n',
            {"A": "inferred", "B": "modelled", "C": "published"},
        ),
    ],
)
def test_own_provenance_counts_for_what_is_overridden(extend, lines, provenance):
    assert extend(f"[mr6.price_move]\n{lines}").provenance["mr6.price_move"] == provenance


def test_own_provenance_of_a_value_without_groups(extend):
    assert extend('[imr.multiple]\nvalue = 2\nprovenance = "published"\n').provenance["imr.multiple"] == "published"


def test_provenance_alone_may_be_overridden(extend):
    rules, parent = extend('[mr2.horizon_days]\nprovenance = "published"\nsource = "S2"\n'), load_rulebook(PARENT)
    before, after = parent.parameters["mr2.horizon_days"], rules.parameters["mr2.horizon_days"]
    assert (after.value, after.note) == (before.value, before.note)
    assert (after.provenance, after.source) == ("published", "S2")
    assert rules.overrides == (), "an override is a value"
    assert differences(parent, rules) == (Difference("mr2.horizon_days", 1.0, 1.0, "corroborated", "published"),)


def test_provenance_of_one_group_alone_may_be_overridden(extend):
    rules = extend('[mr7.rate]\nprovenance.C = "corroborated"\n')
    assert rules.provenance["mr7.rate"] == {"A": "inferred", "B": "inferred", "C": "corroborated"}


def test_the_source_of_an_override_says_that_it_is_one(extend):
    rules = extend(A_GROUP)
    assert rules.parameters["mr7.rate"].source == "override"
    assert rules.sources["override"] == "A value of one's own, without a source"
    assert "override" not in extend('[mr7.rate]\nvalue.A = 0.006\nsource = "S13"\n').sources


def test_own_words_for_the_source_of_overrides_win(extend):
    assert extend(f'[sources]\noverride = "Risk desk"\n{A_GROUP}').sources["override"] == "Risk desk"


def test_own_source_and_note_win(extend):
    parameter = extend('[mr7.rate]\nvalue.A = 0.006\nsource = "S13"\nnote = "With slippage."\n').parameters["mr7.rate"]
    assert (parameter.source, parameter.note) == ("S13", "With slippage.")


@pytest.mark.parametrize(
    ("lines", "key", "note"),
    [
        (A_GROUP, "mr7.rate", f"In {PARENT} it is A 0.0045 (S1)."),
        ("mr7.rate.value = { A = 0.006, C = 0.02 }\n", "mr7.rate", f"In {PARENT} it is A 0.0045, C 0.01 (S1)."),
        (A_NUMBER, "imr.multiple", f"In {PARENT} it is 1.3 (S1)."),
        (A_LIST, "mr1.vol_shock_points", f"In {PARENT} it is 0.3; 0.2; 0.15; 0.12; 0.1 (choice)."),
        (A_LIST_OF_A_GROUP, "mr1.price_moves", f"In {PARENT} it is C 0; 0.08; 0.16; 0.25 (S8)."),
    ],
)
def test_the_note_of_an_override_says_what_it_was(extend, lines, key, note):
    assert extend(lines).parameters[key].note == note


def test_a_note_alone_may_be_overridden(extend):
    rules, parent = extend('[mr7.rate]\nnote = "Checked in 2026."\n'), load_rulebook(PARENT)
    before, after = parent.parameters["mr7.rate"], rules.parameters["mr7.rate"]
    assert after.note == "Checked in 2026."
    assert (after.value, after.provenance, after.source) == (before.value, before.provenance, before.source)
    assert rules.overrides == ()


def test_a_value_set_to_what_it_was_is_no_override_of_the_number(extend):
    rules = extend("mr3.kappa.value = 0.5\nimr.multiple.value = 1.3\n")
    assert rules.overrides == ()
    assert rules.provenance["imr.multiple"] == "modelled"


def test_the_packaged_rulebook_is_left_as_it_is(extend):
    before = load_rulebook(PARENT)
    extend(THREE + A_LIST_OF_A_GROUP + A_SWITCH)
    after = load_rulebook(PARENT)
    assert after["mr1.price_moves"]["C"] == [0.0, 0.08, 0.16, 0.25]
    assert (after["mr9.count_spot"], after.overrides, after.sources) == (False, (), before.sources)
    assert after.groupings["mr7_rate"].of("SOL") == "B"


def test_what_a_user_does_to_a_loaded_rulebook_does_not_reach_the_next_one(monkeypatch):
    with suppress(TypeError):  # a value that cannot be changed would be as good
        monkeypatch.setitem(load_rulebook(PARENT)["mr7.rate"], "A", 99.0)
    assert load_rulebook(PARENT)["mr7.rate"]["A"] == 0.0045


# --- paths and chains ---


def test_a_parent_by_a_path_beside_the_file(tmp_path):
    written(tmp_path, header(version="base") + A_GROUP, "base.toml")
    rules = load_rulebook(written(tmp_path, header("base.toml") + A_NUMBER))
    assert (rules["mr7.rate"]["A"], rules["imr.multiple"]) == (0.006, 2.0)
    assert rules.parent.file == str(tmp_path / "base.toml")


@pytest.mark.parametrize("extends", ["../shared/base.toml", "../team/../shared/base.toml", "ABSOLUTE"])
def test_a_path_is_seen_from_the_folder_of_the_file_that_names_it(tmp_path, monkeypatch, extends):
    base = written(tmp_path, header(version="base") + A_GROUP, "shared/base.toml")
    path = str(base) if extends == "ABSOLUTE" else extends
    written(tmp_path, header(path) + A_NUMBER, "team/mine.toml")
    (tmp_path / "elsewhere").mkdir()
    for folder, name in (
        (tmp_path, "team/mine.toml"),
        (tmp_path / "elsewhere", os.path.join("..", "team", "mine.toml")),
    ):
        monkeypatch.chdir(folder)
        rules = load_rulebook(name)
        assert (rules["mr7.rate"]["A"], rules["imr.multiple"]) == (0.006, 2.0)
        assert rules.file == name


def test_a_packaged_file_by_its_path_is_the_packaged_rulebook(extend):
    rules = extend(A_GROUP, extends=load_rulebook(PARENT).file)
    assert rules.base.name == PARENT
    assert rules.base.parent is None


@pytest.fixture
def chain(tmp_path):
    """desk extends region extends house extends the packaged one; each has its own and one of the one below."""
    written(tmp_path, header(version="house") + "mr7.rate.value.A = 0.005\nmr3.kappa.value = 0.6\n", "house.toml")
    region = "mr7.rate.value.B = 0.008\nmr3.kappa.value = 0.7\nimr.multiple.value = 1.5\n"
    written(tmp_path, header("house.toml", "region") + region, "region.toml")
    return load_rulebook(written(tmp_path, header("region.toml", "desk") + "imr.multiple.value = 2\n", "desk.toml"))


def test_in_a_chain_the_nearest_wins(chain):
    assert chain["mr7.rate"] == {"A": 0.005, "B": 0.008, "C": 0.01}
    assert (chain["mr3.kappa"], chain["imr.multiple"]) == (0.7, 2.0)
    assert others_inherited(chain, load_rulebook(PARENT), "mr7.rate", "mr3.kappa", "imr.multiple")


def test_overrides_of_a_chain_are_those_of_the_packaged_one_below(chain):
    assert chain.overrides == (
        Difference("mr3.kappa", 0.5, 0.7, "modelled", "modelled"),
        Difference("mr7.rate.A", 0.0045, 0.005, "inferred", "modelled"),
        Difference("mr7.rate.B", 0.007, 0.008, "inferred", "modelled"),
        Difference("imr.multiple", 1.3, 2.0, "published", "modelled"),
    )
    assert repr(chain) == f"Rulebook(okx/desk, 64 parameters, 4 overrides of {PARENT})"


def test_a_chain_knows_its_links(chain):
    names = [chain.name, chain.parent.name, chain.parent.parent.name, chain.parent.parent.parent.name]
    assert names == ["okx/desk", "okx/region", "okx/house", PARENT]
    assert chain.base == load_rulebook(PARENT)
    assert [d.path for d in chain.parent.parent.overrides] == ["mr3.kappa", "mr7.rate.A"]
    assert chain.summary == "region.toml with overrides."


def test_provenance_and_notes_of_a_chain_point_to_the_link_below(chain):
    assert chain.provenance["mr7.rate"] == {"A": "modelled", "B": "modelled", "C": "modelled"}
    assert chain.parameters["mr7.rate"].note == "In house.toml it is B 0.007 (override)."
    assert chain.parameters["imr.multiple"].note == "In region.toml it is 1.5 (override)."
    assert chain.sources["override"] == "A value of one's own, without a source"


def test_an_override_taken_back_is_none(tmp_path):
    written(tmp_path, header(version="base") + "mr3.kappa.value = 0.7\n", "base.toml")
    rules = load_rulebook(written(tmp_path, header("base.toml") + "mr3.kappa.value = 0.5\n"))
    assert rules.overrides == ()


@pytest.mark.parametrize(
    "name",
    [
        "desk",
        "desk_2025",
        "desk-2025",
        "risk desk",
    ],
)
def test_sources_of_ones_own_go_down_a_chain(tmp_path, name):
    base = f'[sources]\n"{name}" = "A memo"\n[mr7.rate]\nvalue.A = 0.006\nsource = "{name}"\n'
    assert load_rulebook(written(tmp_path, header(version="base") + base, "base.toml")).sources[name] == "A memo"
    rules = load_rulebook(written(tmp_path, header("base.toml") + A_NUMBER))
    assert rules.parameters["mr7.rate"].source == name
    assert rules.sources[name] == "A memo"


def test_a_file_that_stands_alone_is_a_base_too(tmp_path):
    whole = written(tmp_path, STANDALONE.replace('version = "v2-2025-01-15"', 'version = "house"'), "house.toml")
    assert load_rulebook(whole).parent is None
    assert load_rulebook(whole).overrides == ()
    rules = load_rulebook(written(tmp_path, header("house.toml") + A_GROUP))
    assert rules.base.name == "okx/house"
    assert repr(rules) == "Rulebook(okx/mine, 64 parameters, 1 override of okx/house)"
    assert rules.overrides == (Difference("mr7.rate.A", 0.0045, 0.006, "inferred", "modelled"),)


# --- another structure than the parent's ---

ONLY_V1 = {
    "mr4.forward_move": ('by = "mr4"\n', "{ A = 0.006, B = 0.008, C = 0.01 }"),
    "mr4.basis_change": ('by = "mr4"\n', "{ A = 0.1, B = 0.4, C = 0.4 }"),
    "mr4.count_spot": ("", "true"),
    "spot.usdt_mode": ("", "true"),
    "spot.usdc_mode": ("", "true"),
    "spot.coin_mode": ("", "true"),
    "spot.orders": ("", "true"),
    "spot.user_limit": ("", "true"),
}


def whole_table(key: str) -> str:
    by, value = ONLY_V1[key]
    facts = 'unit = "of one\'s own"\nrange = [0, 1]\nprovenance = "modelled"\nsource = "choice"\n'
    return f"[{key}]\n{facts}{by}value = {value}\n"


def test_the_keys_of_version_1_alone_are_typed_in_here():
    assert list(ONLY_V1) == [key for key in STRUCTURES["v1"] if key not in STRUCTURES["v2"]]


def test_version_1_over_a_file_of_version_2_that_gives_what_is_missing(extend):
    rules = extend('structure = "v1"\n' + "".join(map(whole_table, ONLY_V1)))
    parent = load_rulebook(PARENT)
    assert rules.structure == "v1"
    assert list(rules.parameters) == list(STRUCTURES["v1"])
    assert rules["mr4.forward_move"] == {"A": 0.006, "B": 0.008, "C": 0.01}
    shared = [key for key in STRUCTURES["v1"] if key in STRUCTURES["v2"]]
    assert {key: rules.parameters[key] for key in shared} == {key: parent.parameters[key] for key in shared}
    assert rules.groupings == parent.groupings
    assert "S18" in parent.sources
    assert "S18" not in rules.sources, "a source of MR9 alone"


@pytest.mark.parametrize("missing", ONLY_V1)
def test_version_1_over_version_2_names_the_key_that_is_missing(refused, missing):
    given = "".join(whole_table(key) for key in ONLY_V1 if key != missing)
    error = refused(f'structure = "v1"\n{given}')
    assert (error.path, error.found) == (missing, "nothing")
    assert error.expected == "this parameter, which structure v1 requires"


@pytest.mark.parametrize(
    ("extends", "structure", "first"),
    [(PARENT, "v1", "mr4.forward_move"), ("okx/v1-2024-06-05", "v2", "mr4.floor")],
)
def test_without_any_of_the_missing_keys_the_first_is_named(refused, extends, structure, first):
    error = refused(f'structure = "{structure}"\n', extends=extends)
    assert (error.path, error.expected) == (first, f"this parameter, which structure {structure} requires")


def test_a_key_that_the_parent_lacks_needs_its_whole_table(refused):
    given = "".join(whole_table(key) for key in ONLY_V1 if key != "mr4.count_spot")
    error = refused(f'structure = "v1"\n{given}[mr4.count_spot]\nvalue = true\n')
    assert (error.path, error.expected, error.found) == ("mr4.count_spot.unit", "this key", "nothing")


def test_a_key_of_the_other_structure_is_unknown(refused):
    for extends, lines, path in (
        ("okx/v1-2024-06-05", "mr4.floor.value.A = 0.003\n", "mr4.floor"),
        ("okx/v1-2024-06-05", "mr9.count_spot.value = true\n", "mr9"),
        (PARENT, "spot.orders.value = false\n", "spot"),
        (PARENT, "mr4.forward_move.value.A = 0.01\n", "mr4.forward_move"),
    ):
        error = refused(lines, extends=extends)
        assert error.path == path
        assert error.expected.startswith("one of ")


# --- what is refused ---

KNOWN = f"one of {', '.join(list_rulebooks())}, or the path of a .toml file"
SECTIONS = (
    "one of mr1, mr2, mr3, mr4, mr5, mr6, mr7, mr9, imr, borrow, conversion, liquidation, haircut, ratio, account"
)

SLIPS = [
    ("mr7.rate.value.A = 0.6\n", "mr7.rate.A", "a number from 0 to 0.2", "0.6"),
    ("imr.multiple.value = 0.9\n", "imr.multiple", "a number from 1 to 10", "0.9"),
    ("mr1.price_moves.value.B = [0.0, 0.06, 0.12, 1.2]\n", "mr1.price_moves.B[3]", "a number from 0 to 0.95", "1.2"),
    ("mr3.kappa.value = nan\n", "mr3.kappa", "a finite number", "nan"),
    ("mr3.kappa.value = '0.7'\n", "mr3.kappa", "a valid number", "'0.7'"),
    ("mr9.count_spot.value = 1\n", "mr9.count_spot", "a valid boolean", "1"),
    ("mr1.price_moves.value.A = [0.0, 0.1]\n", "mr1.price_moves.A", "4 entries", "2"),
    (
        "mr1.vol_shock_points.value = [0.3, 0.2]\n",
        "mr1.vol_shock_points",
        "5 entries (as many as mr1.vol_shock_days)",
        "2",
    ),
    (
        "mr7.multipliers.value.A = [1, 2]\n",
        "mr7.multipliers.A",
        "7 entries (1 more than mr7.multiplier_bounds_usd)",
        "2",
    ),
    ("mr1.price_moves.value.A = [0.0, 0.2, 0.1, 0.3]\n", "mr1.price_moves.A[2]", "more than the 0.2 before it", "0.1"),
    ("mr7.rate.value = 0.006\n", "mr7.rate", "a table", "0.006"),
    ("imr.multiple.value.A = 2\n", "imr.multiple", "a valid number", "{'A': 2}"),
    ("mr3.kappa = 0.7\n", "mr3.kappa", "a table", "0.7"),
    ("mr7.rate.value.D = 0.02\n", "mr7.rate.D", "one of A, B, C", "D"),
    ("mr7.rate.value.SOL = 0.02\n", "mr7.rate.SOL", "one of A, B, C", "SOL"),
    (
        "mr7.rates.value.A = 0.006\n",
        "mr7.rates",
        "one of rate, multiplier_bounds_usd, multipliers, funding_days, option",
        "rates",
    ),
    ("mr77.rate.value.A = 0.006\n", "mr77", SECTIONS, "mr77"),
    ("mr7 = 0.006\n", "mr7", "a table of parameters", "0.006"),
    ("mr7.rate.A = 0.006\n", "mr7.rate.A", "one of unit, range, by, provenance, source, note, value", "0.006"),
    ("mr7.rate.value.A = 0.006\nmr7.rate.by = 'mr6'\n", "mr7.rate.by", "the grouping mr7_rate", "'mr6'"),
    ("mr3.kappa.range = [2.0, 1.0]\n", "mr3.kappa.range", "[low, high], the lower first", "[2.0, 1.0]"),
    ("mr3.kappa.range = [0.6, 1.0]\n", "mr3.kappa", "a number from 0.6 to 1", "0.5"),
    (
        "mr7.rate.value.A = 0.006\nmr7.rate.provenance.A = 'sure'\n",
        "mr7.rate.provenance.A",
        "'published', 'corroborated', 'inferred' or 'modelled'",
        "'sure'",
    ),
    (
        "mr7.rate.value.A = 0.006\nmr7.rate.provenance.D = 'inferred'\n",
        "mr7.rate.provenance.D",
        "one of A, B, C",
        "D",
    ),
    (
        '[groupings.mr1]\ndefault = "C"\nA = ["BTC"]\nB = ["BTC"]\n',
        "groupings.mr1.B[0]",
        "a name not listed before (in A)",
        "BTC",
    ),
    ('groupings.mr1.A = ["BTC"]\n', "groupings.mr1.default", "this key", "nothing"),
    (
        'groupings.colour = { default = "C" }\n',
        "groupings.colour",
        "one of mr1, mr4, mr6, mr7_rate, mr7_multiplier, borrow, free_quota, haircut",
        "colour",
    ),
    (
        '[groupings.mr7_rate]\ndefault = "C"\nA = ["BTC"]\nB = ["ETH"]\nD = ["SOL"]\n',
        "mr7.rate.D",
        "an entry",
        "nothing",
    ),
    ("sources = 5\n", "sources", "a table", "5"),
    ("groupings = 5\n", "groupings", "a table", "5"),
    ('structure = "v3"\n', "structure", "'v1' or 'v2'", "'v3'"),
    ("structure = 2\n", "structure", "'v1' or 'v2'", "2"),
    ("effective = 2026-01-01\n", "effective", "a valid datetime", "datetime.date(2026, 1, 1)"),
    ('colour = "red"\n', "colour", SECTIONS, "colour"),
]


@pytest.mark.parametrize(("lines", "path", "expected", "found"), SLIPS, ids=[f"{s[1]}-{s[3]}" for s in SLIPS])
def test_one_slip(refused, lines, path, expected, found):
    error = refused(lines)
    assert (error.path, error.expected, error.found) == (path, expected, found)


@pytest.mark.parametrize("extends", [f'extends = "{PARENT}"\n', ""])
def test_a_structure_that_is_a_list(tmp_path, extends):
    file = written(tmp_path, f'{FORMAT}{extends}version = "mine"\nstructure = ["v2"]\n')
    with pytest.raises(RulebookError, match="structure: expected 'v1' or 'v2'"):
        load_rulebook(file)


def test_an_unknown_source_of_an_override(refused):
    error = refused('mr3.kappa.value = 0.7\nmr3.kappa.source = "desk"\n')
    assert (error.path, error.found) == ("mr3.kappa.source", "desk")
    assert error.expected == f"one of {', '.join(load_rulebook(PARENT).sources)}"


def test_the_message_of_an_override_says_it_all(refused, tmp_path):
    text = f"{tmp_path / 'mine.toml'}: mr7.rate.A: expected a number from 0 to 0.2, found 0.6"
    assert str(refused("mr7.rate.value.A = 0.6\n")) == text


@pytest.mark.parametrize("missing", ["format", "version"])
def test_format_and_version_are_not_inherited(tmp_path, missing):
    file = written(tmp_path, re.sub(rf"(?m)^{missing} = .*\n", "", header() + A_GROUP))
    with pytest.raises(RulebookError) as caught:
        load_rulebook(file)
    error = caught.value
    assert (error.file, error.path, error.found) == (str(file), missing, "nothing")
    assert error.expected == "a value of its own in a file that extends another"


def test_another_format(tmp_path):
    file = written(tmp_path, (header() + A_GROUP).replace("rulebook/1", "rulebook/2"))
    with pytest.raises(RulebookError) as caught:
        load_rulebook(file)
    assert (caught.value.file, caught.value.path) == (str(file), "format")
    assert (caught.value.expected, caught.value.found) == ("'shockgrid.rulebook/1'", "'shockgrid.rulebook/2'")


@pytest.mark.parametrize(
    ("extends", "found"),
    [
        ('"okx/v9"', "'okx/v9'"),
        ('"okx"', "'okx'"),  # a file extends one version, not the newest
        ('"v2-2025-01-15"', "'v2-2025-01-15'"),
        ('"base.json"', "'base.json'"),
        ('""', "''"),
        ("7", "7"),
        ("true", "True"),
        ('["okx/v2-2025-01-15"]', "['okx/v2-2025-01-15']"),
        ('{ name = "okx/v2-2025-01-15" }', "{'name': 'okx/v2-2025-01-15'}"),
    ],
)
def test_extends_what_is_no_rulebook(tmp_path, extends, found):
    file = written(tmp_path, f'{FORMAT}version = "mine"\nextends = {extends}\n')
    with pytest.raises(RulebookError) as caught:
        load_rulebook(file)
    error = caught.value
    assert (error.file, error.path, error.expected, error.found) == (str(file), "extends", KNOWN, found)


def test_a_parent_that_is_not_there(tmp_path):
    file = written(tmp_path, header("no.toml") + A_GROUP)
    with pytest.raises(RulebookError) as caught:
        load_rulebook(file)
    error = caught.value
    assert (error.file, error.path, error.found) == (str(file), "extends", "'no.toml'")
    assert error.expected == "the path of a file, seen from this one"


def test_a_name_that_is_the_parents(refused):
    error = refused(A_GROUP, version=PARENT.partition("/")[2])
    assert (error.path, error.expected) == ("version", f"a name of its own, not that of {PARENT}")


def test_a_packaged_file_by_a_relative_path_is_packaged(monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2] / "src/shockgrid")
    rules = load_rulebook("rulebooks/okx/v2-2025-12-04.toml")
    assert (rules.parent, rules.overrides) == (None, ())


def test_a_grouping_may_leave_groups_out(extend):
    """What was inherited for them applies to nothing any more."""
    rules = extend('[groupings.mr7_rate]\ndefault = "C"\nA = ["BTC"]\n')
    assert rules["mr7.rate"] == {"A": 0.0045, "C": 0.01}
    assert rules.provenance["mr7.rate"] == {"A": "inferred", "C": "modelled"}
    assert rules.of_each("mr7.rate", ["BTC", "ETH", "SOL"]) == [0.0045, 0.01, 0.01]
    assert {d.path for d in rules.overrides} >= {"groupings.mr7_rate.ETH", "groupings.mr7_rate.SOL"}


def test_a_parent_that_is_not_toml(tmp_path):
    written(tmp_path, "not toml", "base.toml")
    with pytest.raises(RulebookError) as caught:
        load_rulebook(written(tmp_path, header("base.toml")))
    error = caught.value
    assert (error.file, error.path, error.expected) == (str(tmp_path / "base.toml"), "file", "well-formed TOML")


@pytest.mark.parametrize("folder", ["", "./", "../{}/"])
def test_a_file_that_extends_itself(refused, tmp_path, folder):
    name = folder.format(tmp_path.name) + "mine.toml"
    error = refused(A_GROUP, extends=name)
    assert (error.path, error.found) == ("extends", repr(name))
    assert error.expected == "a rulebook that does not extend this one in turn"


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_two_files_that_extend_each_other(tmp_path, first, second):
    written(tmp_path, header("b.toml", "a"), "a.toml")
    written(tmp_path, header("a.toml", "b"), "b.toml")
    with pytest.raises(RulebookError) as caught:
        load_rulebook(tmp_path / f"{first}.toml")
    error = caught.value
    assert (error.file, error.path) == (str(tmp_path / f"{second}.toml"), "extends")
    assert error.expected == "a rulebook that does not extend this one in turn"
    assert error.found == f"'{first}.toml'"


def test_a_cycle_below_the_file_and_through_a_link(tmp_path):
    written(tmp_path, header("b.toml", "a"), "a.toml")
    written(tmp_path, header("folder/c.toml", "b"), "b.toml")
    written(tmp_path, header("link.toml", "c"), "folder/c.toml")
    (tmp_path / "folder/link.toml").symlink_to(tmp_path / "b.toml")
    with pytest.raises(RulebookError) as caught:
        load_rulebook(tmp_path / "a.toml")
    error = caught.value
    assert (error.file, error.path, error.found) == (str(tmp_path / "folder/c.toml"), "extends", "'link.toml'")


@pytest.mark.parametrize(
    ("slip", "path", "expected"),
    [
        ("mr3.kappa.value = 99\n", "mr3.kappa", "a number from 0 to 2"),
        ("mr33.kappa.value = 1\n", "mr33", SECTIONS),
        ("mr7.rate.value.D = 0.01\n", "mr7.rate.D", "one of A, B, C"),
    ],
)
def test_an_error_in_a_parent_is_reported_under_the_parent(tmp_path, slip, path, expected):
    written(tmp_path, header(version="house") + slip, "house.toml")
    written(tmp_path, header("house.toml", "region"), "region.toml")
    file = written(tmp_path, header("region.toml", "desk") + "mr3.kappa.value = 1\n", "desk.toml")
    with pytest.raises(RulebookError) as caught:
        load_rulebook(file)
    error = caught.value
    assert (error.file, error.path, error.expected) == (str(tmp_path / "house.toml"), path, expected)


def test_an_error_in_the_parent_comes_before_one_in_the_file(tmp_path):
    written(tmp_path, header(version="base") + "mr3.kappa.value = 99\n", "base.toml")
    with pytest.raises(RulebookError, match=r"base\.toml: mr3\.kappa: "):
        load_rulebook(written(tmp_path, header("base.toml") + "mr7.rate.value.A = 99\n"))


# --- what every output says of it ---

MARKET = {
    "format": "shockgrid.market/1",
    "time": "2025-06-20T12:00:00Z",
    "index": {"BTC-USD": 104e3, "BTC-USDT": 104.03e3, "USDT-USD": 0.9997},
    "instruments": [
        {
            "id": "BTC-USDT-SWAP",
            "kind": "perpetual",
            "coin": "BTC",
            "settle": "USDT",
            "contract_value": 0.01,
            "mark": 104.02e3,
        }
    ],
}
HOLDER = {
    "id": "holder",
    "balances": {"USDT": 5000.0},
    "positions": [{"instrument": "BTC-USDT-SWAP", "quantity": 10}],
}

OVERRIDES = "mr7.rate.value.A = 0.006\nimr.multiple.value = 2\n[mr9.count_spot]\nvalue = true\n"
LINES = [
    f"mr7.rate.A = 0.006 overrides 0.0045 of {PARENT}",
    f"mr9.count_spot = true overrides false of {PARENT}",
    f"imr.multiple = 2 overrides 1.3 of {PARENT}",
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The folder in which ``shockgrid margin`` wrote, under a rulebook with three overrides."""
    folder = tmp_path_factory.mktemp("margin")
    (folder / "market.json").write_text(json.dumps(MARKET))
    (folder / "accounts.json").write_text(json.dumps({"format": "shockgrid.accounts/1", "accounts": [HOLDER]}))
    written(folder, header() + OVERRIDES)
    return folder


@pytest.fixture
def run(outputs, capsys, monkeypatch):
    """Run the command line in that folder and return what it printed; it must succeed."""
    monkeypatch.chdir(outputs)
    monkeypatch.setenv("COLUMNS", "60")

    def words(*tokens: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            app(list(tokens))
        assert done.value.code == 0
        return capsys.readouterr().out

    return words


def test_the_summary_names_every_override(run):
    text = run("margin", "market.json", "accounts.json", "--rulebook", "mine.toml")
    assert "1 account under okx/mine, " in text
    assert [line for line in text.splitlines() if "overrides" in line] == LINES
    assert f"{len(load_rulebook('mine.toml').modelled)} parameters of okx/mine are modelling choices" in text
    assert "overrides" not in run("margin", "market.json", "accounts.json", "--rulebook", PARENT)


def test_manifest_and_page_name_every_override(run, outputs):
    run("margin", "market.json", "accounts.json", "--rulebook", "mine.toml", "--out", "kept", "--html", "page.html")
    manifest = json.loads((outputs / "kept/manifest.json").read_text())
    assert manifest["rulebook"] == "okx/mine"
    assert manifest["overrides"] == {
        "mr7.rate.A": {PARENT: 0.0045, "here": 0.006},
        "mr9.count_spot": {PARENT: False, "here": True},
        "imr.multiple": {PARENT: 1.3, "here": 2.0},
    }
    assert {"mr7.rate", "mr9.count_spot", "imr.multiple"} <= set(manifest["modelled"])
    page = (outputs / "page.html").read_text(encoding="utf-8")
    assert [unescape(text) for text in re.findall(r"<dt>Overridden</dt><dd>(.*?)</dd>", page)] == LINES


def test_json_names_every_override(run):
    document = json.loads(run("margin", "market.json", "accounts.json", "--rulebook", "mine.toml", "--json"))
    assert list(document["manifest"]["overrides"]) == ["mr7.rate.A", "mr9.count_spot", "imr.multiple"]
    (unit,) = document["units"]
    assert unit["imr_usd"] == pytest.approx(2 * unit["mmr_usd"], rel=1e-12)


def test_a_packaged_rulebook_has_no_overrides_in_the_manifest(run):
    document = json.loads(run("margin", "market.json", "accounts.json", "--rulebook", PARENT, "--json"))
    assert document["manifest"]["overrides"] == {}
    (unit,) = document["units"]
    assert unit["imr_usd"] == pytest.approx(1.3 * unit["mmr_usd"], rel=1e-12)


def test_overrides_reach_the_margin(extend):
    """MR7 of 10 contracts: 0.1 BTC at the mark, in USD, in the first tier, times the rate."""
    market, accounts = market_of(MARKET), accounts_of(HOLDER)
    before = sg.margin(market, accounts, load_rulebook(PARENT))
    after = sg.margin(market, accounts, extend(A_GROUP))
    assert before.units.mr7[0] == pytest.approx(0.1 * 104.02e3 * 0.9997 * 0.0045, rel=1e-12)
    assert after.units.mr7[0] == pytest.approx(0.1 * 104.02e3 * 0.9997 * 0.006, rel=1e-12)


def test_validate_prints_every_override(run):
    first, *rest = run("rulebook", "validate", "mine.toml").splitlines()
    assert first.startswith("mine.toml: okx/mine is valid, 64 parameters, ")
    assert rest == LINES


def test_show_prints_the_value_and_the_note_of_an_override(run):
    (row,) = re.findall(r"^\| `mr7\.rate\.A` \|.*$", run("rulebook", "show", "mine.toml"), re.MULTILINE)
    assert "0.006" in row
    assert "modelled" in row


def test_a_replay_keeps_the_overrides_of_each_version(run):
    text = run("margin", "market.json", "accounts.json", "--rulebook", PARENT, "--rulebook", "mine.toml", "--json")
    rulebooks = json.loads(text)["manifest"]["rulebooks"]
    assert [(r["rulebook"], list(r["overrides"])) for r in rulebooks] == [
        (PARENT, []),
        ("okx/mine", ["mr7.rate.A", "mr9.count_spot", "imr.multiple"]),
    ]


@pytest.mark.parametrize("version", ["house[old]", "house[/]"])
def test_the_summary_prints_names_as_they_are_when_they_look_like_markup(run, outputs, version):
    written(outputs, STANDALONE.replace('version = "v2-2025-01-15"', f'version = "{version}"'), "house.toml")
    written(outputs, header("house.toml") + A_GROUP, "over.toml")
    text = run("margin", "market.json", "accounts.json", "--rulebook", "over.toml")
    assert f"mr7.rate.A = 0.006 overrides 0.0045 of okx/{version}" in text.splitlines()

"""What differs between two rulebooks, as records, as Markdown and on the command line."""

from __future__ import annotations

import json
import sys
from itertools import pairwise, product
from pathlib import Path

import pytest

from shockgrid.cli import app, main
from shockgrid.io.rulebook_file import list_rulebooks, load_rulebook
from shockgrid.report.rulebook_changes import changes_page, override_line
from shockgrid.rulebooks.difference import differences
from shockgrid.rulebooks.structure import STRUCTURES
from shockgrid.venues.okx.rulebook import Difference

# Cyclopts suspects a mistake where a test leaves it the words of the command line, as ``main`` does.
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens")

NAMES = list_rulebooks()
V2 = "okx/v2-2025-01-15"
NEWEST = "okx/v2-2025-12-04"

NEW_IN_B = ["BNB", "DOGE", "ORDI", "PEPE", "SHIB", "SOL", "WLD"]
NO_LONGER_IN_B = ["BSV", "DOT", "EOS", "FIL", "LINK", "OKB", "TRX", "UNI"]


def between(before: str, after: str) -> tuple[Difference, ...]:
    return differences(load_rulebook(before), load_rulebook(after))


def page(before: str, after: str, **options: bool) -> str:
    return changes_page(load_rulebook(before), load_rulebook(after), **options)


@pytest.fixture
def mine(tmp_path):
    """The path of a file that extends the version of January 2025 with these lines."""

    def write(lines: str = "", extends: str = V2, version: str = "mine") -> str:
        file = tmp_path / f"{version}.toml"
        head = f'format = "shockgrid.rulebook/1"\nextends = "{extends}"\nversion = "{version}"\n'
        file.write_text(head + lines, encoding="utf-8")
        return str(file)

    return write


# --- records ---


@pytest.mark.parametrize("name", NAMES)
def test_a_rulebook_does_not_differ_from_itself(name):
    assert between(name, name) == ()


@pytest.mark.parametrize(("before", "after"), list(pairwise(NAMES)))
def test_a_rulebook_differs_from_the_next_one(before, after):
    found = between(before, after)
    assert found
    assert len({d.path for d in found}) == len(found)


@pytest.mark.parametrize(("before", "after"), list(product(NAMES[::2], NAMES[1::2])))
def test_the_other_way_round_before_and_after_change_places(before, after):
    turned = {d.path: d for d in between(after, before)}
    expected = {
        d.path: Difference(d.path, d.after, d.before, d.provenance_after, d.provenance_before)
        for d in between(before, after)
    }
    assert turned == expected


def test_numbers_by_group():
    assert between("okx/v1-2023-06-08", "okx/v1-2023-07-12") == (
        Difference("mr4.forward_move.A", 0.015, 0.006, "published", "published"),
        Difference("mr4.forward_move.B", 0.02, 0.008, "published", "published"),
        Difference("mr4.forward_move.C", 0.025, 0.01, "published", "published"),
    )


def test_a_group_that_stays_is_not_listed():
    """MR1 of group C and MR6 of group C stayed in January 2025."""
    assert [d.path for d in between("okx/v2-2024-12-30", "okx/v2-2025-01-06")] == [
        "mr1.price_moves.A",
        "mr1.price_moves.B",
        "mr4.annual_move.A",
        "mr4.annual_move.B",
        "mr4.annual_move.C",
        "mr6.price_move.A",
        "mr6.price_move.B",
    ]


def test_lists_and_provenance_together():
    first, *rest = between("okx/v2-2025-01-06", V2)
    assert first == Difference(
        "mr7.multiplier_bounds_usd.A",
        [10e3, 70e3, 170e3, 300e3, 470e3, 700e3],
        [250e3, 500e3, 1e6, 2e6, 3e6, 4e6],
        "published",
        "corroborated",
    )
    *bounds, multipliers = rest
    assert [d.path for d in bounds] == ["mr7.multiplier_bounds_usd.B", "mr7.multiplier_bounds_usd.C"]
    assert [d.after for d in bounds] == [[25 * x for x in d.before] for d in bounds]
    same = [1, 2, 4, 6, 8, 10, 12]
    assert multipliers == Difference("mr7.multipliers.A", same, same, "published", "corroborated")


def test_switches():
    assert between("okx/v1-2021-12-24", "okx/v1-2022-08-24") == (
        Difference("spot.usdt_mode", False, True, "published", "published"),
        Difference("spot.coin_mode", False, True, "published", "published"),
    )


def test_provenance_alone_is_a_difference_but_not_in_the_number():
    found = between("okx/v1-2023-07-12", "okx/v1-2024-02-01")
    assert [(d.path, d.provenance_before, d.provenance_after) for d in found] == [
        ("borrow.bounds.USDT", "modelled", "corroborated"),
        ("borrow.mmr_rates.USDT", "modelled", "corroborated"),
        ("borrow.imr_rates.USDT", "modelled", "corroborated"),
        ("borrow.step_amount.USDT", "modelled", "inferred"),
    ]
    assert [d for d in found if d.is_numeric] == []


def test_numbers_that_stay_while_others_change():
    """Of the borrowing tables of June 2023, only the provenance is new; the rate moves and the minimum equity are."""
    numeric = {d.path: (d.before, d.after) for d in between(*NAMES[1:3]) if d.is_numeric}
    assert numeric == {
        "mr5.pc1": (0.0, 0.03),
        "mr5.pc2": (0.0, 0.015),
        "account.minimum_equity_usd": (100e3, 10e3),
    }
    assert {d.path for d in between(*NAMES[1:3]) if not d.is_numeric} == {
        *(f"borrow.{key}.{c}" for key in ("bounds", "mmr_rates", "imr_rates", "step_amount") for c in ("BTC", "ETH")),
        *(f"haircut.{key}.{group}" for key in ("bounds_usd", "rates") for group in "123456"),
        "borrow.step_rate",
    }


@pytest.mark.parametrize(
    ("before", "after", "gone", "come"),
    [("v1-2024-06-05", "v2-2024-12-30", "v1", "v2"), ("v2-2025-12-04", "v1-2021-12-24", "v2", "v1")],
)
def test_what_only_one_of_two_structures_has_is_none_in_the_other(before, after, gone, come):
    found = between(f"okx/{before}", f"okx/{after}")

    def keys(paths: list[str]) -> set[str]:
        return {
            key
            for path in paths
            for key in (path, path.rpartition(".")[0])
            if key in STRUCTURES["v1"] | STRUCTURES["v2"]
        }

    only = {name: set(STRUCTURES[name]) - set(STRUCTURES[other]) for name, other in ((gone, come), (come, gone))}
    assert keys([d.path for d in found if d.after is None]) == only[gone]
    assert keys([d.path for d in found if d.before is None]) == only[come]
    assert {d.provenance_after for d in found if d.after is None} == {""}
    assert {d.provenance_before for d in found if d.before is None} == {""}


def test_version_1_against_version_2():
    found = {d.path: d for d in between("okx/v1-2024-06-05", "okx/v2-2024-12-30")}
    assert found["mr4.basis_change.B"] == Difference("mr4.basis_change.B", 0.4, None, "modelled", "")
    assert found["mr4.floor.A"] == Difference("mr4.floor.A", None, 0.002, "", "published")
    assert found["mr9.count_spot"] == Difference("mr9.count_spot", None, False, "", "modelled")
    assert found["spot.orders"] == Difference("spot.orders", True, None, "published", "")
    assert found["mr7.option.short_floor_frac"] == Difference(
        "mr7.option.short_floor_frac", 0.02, 0.002, "modelled", "modelled"
    )
    assert found["groupings.mr4.SOL"] == Difference("groupings.mr4.SOL", "C", "B")
    assert found["groupings.mr7_multiplier.ETC"] == Difference("groupings.mr7_multiplier.ETC", "B", "C")
    moved = {d.path for d in found.values() if d.is_numeric}
    assert not {path for path in moved if path.startswith(("mr1.", "mr6.", "groupings.mr1.", "groupings.mr6."))}
    assert found["mr6.loss_fraction"].provenance_after == "published"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("okx/v1-2021-12-24", "okx/v1-2024-06-05"),
        ("okx/v2-2024-12-30", NEWEST),
        ("okx/v1-2024-06-05", "okx/v2-2024-12-30"),
    ],
)
def test_differences_stand_in_the_order_of_the_rules(before, after):
    sections = [f"mr{i}" for i in range(1, 10)] + [
        "spot",
        "imr",
        "borrow",
        "conversion",
        "liquidation",
        "haircut",
        "ratio",
        "account",
        "groupings",
    ]
    places = [sections.index(d.path.split(".")[0]) for d in between(before, after)]
    assert places == sorted(places)


# --- coins that move ---


def test_coins_that_move_between_groups():
    """December 2025: the new list of group B in MR1, and no number."""
    found = between(V2, NEWEST)
    assert [d for d in found if d.path.startswith("groupings.")] == [
        Difference(f"groupings.mr1.{coin}", *(("C", "B") if coin in NEW_IN_B else ("B", "C")))
        for coin in sorted(NEW_IN_B + NO_LONGER_IN_B)
    ]
    assert {d.path for d in found if d.is_numeric} == {f"groupings.mr1.{c}" for c in NEW_IN_B + NO_LONGER_IN_B}


def test_coins_that_stay_in_their_group_or_are_in_no_list_are_not_listed():
    moved = {d.path.rpartition(".")[2] for d in between(V2, NEWEST) if d.path.startswith("groupings.")}
    assert moved.isdisjoint({"BTC", "ETH", "XRP", "LTC", "BCH", "ADA", "AVAX"})


def test_a_list_in_another_order_does_not_differ(mine):
    lines = 'groupings.mr1 = { default = "C", A = ["ETH", "BTC"], B = ["XRP", "UNI", "TRX", "ADA", "FIL", "LINK", '
    lines += '"BSV", "DOT", "OKB", "EOS", "BCH", "LTC"] }\n'
    assert between(V2, mine(lines)) == ()


def test_a_coin_with_a_dot_in_its_name_keeps_it(mine):
    lines = 'groupings.mr6 = { default = "C", A = ["BTC", "ETH", "1000.CAT"], B = ["SOL"] }\n'
    path = mine(lines)
    assert Difference("groupings.mr6.1000.CAT", "C", "A") in between(V2, path)
    assert "| `mr6` | 1000.CAT | C | A |" in page(V2, path)


def test_a_currency_changes_its_haircut_class(mine):
    classes = load_rulebook(V2).groupings["haircut"]
    lists = {name: [c for c in members if c != "SOL"] for name, members in classes.members.items()}
    lists["3"].append("SOL")
    text = "".join(f"{name} = {json.dumps(members)}\n" for name, members in lists.items())
    assert between(V2, mine(f'[groupings.haircut]\ndefault = "6"\n{text}')) == (
        Difference("groupings.haircut.SOL", "4", "3"),
    )


# --- one line an override ---


@pytest.mark.parametrize(
    ("difference", "line"),
    [
        (Difference("mr7.rate.A", 0.0045, 0.006), "mr7.rate.A = 0.006 overrides 0.0045 of okx/base"),
        (Difference("imr.multiple", 1.3, 2.0), "imr.multiple = 2 overrides 1.3 of okx/base"),
        (Difference("mr9.count_spot", False, True), "mr9.count_spot = true overrides false of okx/base"),
        (
            Difference("borrow.daily_rate.BTC", 0.00019992, 2.5e-7),
            "borrow.daily_rate.BTC = 2.5e-07 overrides 0.00019992 of okx/base",
        ),
        (
            Difference("account.minimum_equity_usd", 10e3, 2.5e6),
            "account.minimum_equity_usd = 2,500,000 overrides 10,000 of okx/base",
        ),
        (
            Difference("mr1.price_moves.A", [0.0, 0.04, 0.08, 0.12], [0.0, 0.05, 0.1, 0.15]),
            "mr1.price_moves.A = 0; 0.05; 0.1; 0.15 overrides 0; 0.04; 0.08; 0.12 of okx/base",
        ),
        (Difference("borrow.bounds.other", [], [5.0]), "borrow.bounds.other = 5 overrides none of okx/base"),
        (Difference("spot.orders", None, True), "spot.orders = true overrides absent of okx/base"),
        (Difference("groupings.mr1.SOL", "C", "B"), "groupings.mr1.SOL = B overrides C of okx/base"),
        (
            Difference("mr9.factors", [[0.1, 0.2]] * 6, [[0.1, 0.2, 0.3]] * 4),
            "mr9.factors = table of 4 by 3 overrides table of 6 by 2 of okx/base",
        ),
    ],
)
def test_override_line(difference, line):
    assert override_line(difference, "okx/base") == line


# --- as Markdown ---

FORWARD_MOVE = """\
# From okx/v1-2023-06-08 to okx/v1-2023-07-12

OKX portfolio margin v1 with the borrowing tiers of BTC and ETH of 8 June 2023.\x20\x20
OKX portfolio margin v1 after MR4's forward move was lowered to 0.6, 0.8 and 1 %.

## Values

| key | before | after | provenance before | after |
| --- | --- | --- | --- | --- |
| `mr4.forward_move.A` | 0.015 | 0.006 | published | published |
| `mr4.forward_move.B` | 0.02 | 0.008 | published | published |
| `mr4.forward_move.C` | 0.025 | 0.01 | published | published |
"""

NEW_LIST = """\
# From okx/v2-2025-01-15 to okx/v2-2025-12-04

OKX portfolio margin v2 after the MR7 multiplier tiers were widened on 15 January 2025.\x20\x20
OKX portfolio margin v2 with the new list of group B in MR1 too.

## Groups

| list | coins | before | after |
| --- | --- | --- | --- |
| `mr1` | BNB, DOGE, ORDI, PEPE, SHIB, SOL, WLD | C | B |
| `mr1` | BSV, DOT, EOS, FIL, LINK, OKB, TRX, UNI | B | C |
"""

ITS_PROVENANCE = """
## Only the provenance differs

| key | before | after |
| --- | --- | --- |
| `mr1.price_moves.A` | published | corroborated |
| `mr1.price_moves.B` | published | corroborated |
| `mr1.price_moves.C` | published | corroborated |
"""


def test_the_page_of_changed_numbers():
    assert page("okx/v1-2023-06-08", "okx/v1-2023-07-12") == FORWARD_MOVE


def test_the_page_of_moved_coins():
    assert page(V2, NEWEST) == NEW_LIST + ITS_PROVENANCE
    assert page(V2, NEWEST, provenance=False) == NEW_LIST


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_identical_rulebooks(name):
    assert page(name, name) == f"# From {name} to {name}\n\nNothing differs.\n"


def test_a_copy_under_another_name_says_that_nothing_differs(mine):
    assert page(V2, mine()) == f"# From {V2} to okx/mine\n\nNothing differs.\n"


def test_the_page_of_two_structures():
    text = page("okx/v1-2024-06-05", "okx/v2-2024-12-30")
    for row in (
        "| `mr4.forward_move.A` | 0.006 | absent | published |  |",
        "| `mr4.annual_move.C` | absent | 0.45 |  | published |",
        "| `mr9.factors` | absent | table of 6 by 8 |  | modelled |",
        "| `mr9.tier_bounds_usd` | absent | "
        "1,000,000; 5,000,000; 10,000,000; 20,000,000; 40,000,000; 80,000,000; 120,000,000 |  | modelled |",
        "| `spot.usdt_mode` | true | absent | published |  |",
        f"| `mr4` | {', '.join(NEW_IN_B)} | C | B |",
        f"| `mr4` | {', '.join(NO_LONGER_IN_B)} | B | C |",
        "| `mr7_multiplier` | BSV, DOT, EOS, ETC, FIL, LINK, TRX | B | C |",
    ):
        assert row in text.splitlines()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Values",
        "## Groups",
        "## Only the provenance differs",
    ]


@pytest.mark.parametrize(("before", "after"), list(pairwise(NAMES)))
def test_every_difference_has_its_place_on_the_page(before, after):
    rows = [line for line in page(before, after).splitlines() if line.startswith("| `")]
    groups: dict[str, list[str]] = {}
    for d in between(before, after):
        if d.path.startswith("groupings."):
            groups.setdefault(d.path.split(".")[1], []).append(d.path.split(".")[2])
        else:
            assert [row for row in rows if row.startswith(f"| `{d.path}` |")], d.path
    for name, coins in groups.items():
        listed = [coin for row in rows if row.startswith(f"| `{name}` |") for coin in row.split(" | ")[1].split(", ")]
        assert sorted(listed) == sorted(coins)


def test_rows_have_as_many_cells_as_their_header():
    for before, after in pairwise(NAMES):
        for block in page(before, after).split("\n\n"):
            lines = block.splitlines()
            if lines[0].startswith("| "):
                assert {line.count("|") for line in lines} == {lines[0].count("|")}


def test_the_page_of_values_says_that_none_differs_where_only_provenance_does():
    assert "Nothing differs" in page("okx/v1-2023-07-12", "okx/v1-2024-02-01", provenance=False)


# --- on the command line ---


@pytest.fixture
def printed(capsys):
    """Run ``shockgrid rulebook diff`` with these words and return what it printed; it must succeed."""

    def run(*words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            app(["rulebook", "diff", *words])
        assert done.value.code == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return run


def test_diff_prints_the_page(printed):
    assert printed("okx/v1-2023-06-08", "okx/v1-2023-07-12") == FORWARD_MOVE
    assert printed(V2, NEWEST) == NEW_LIST + ITS_PROVENANCE


def test_diff_of_values_leaves_out_what_differs_in_provenance_alone(printed):
    assert printed(V2, NEWEST, "--values-only") == NEW_LIST


def test_diff_takes_the_venue_for_its_newest_version(printed):
    assert printed(V2, "okx") == NEW_LIST + ITS_PROVENANCE


def test_diff_of_identical_rulebooks(printed):
    assert printed(V2, V2) == f"# From {V2} to {V2}\n\nNothing differs.\n"
    assert json.loads(printed(V2, V2, "--json")) == []


def test_diff_as_json(printed):
    found = json.loads(printed("okx/v2-2025-01-06", V2, "--json"))
    paths = [f"mr7.multiplier_bounds_usd.{group}" for group in "ABC"]
    assert [entry["path"] for entry in found] == [*paths, "mr7.multipliers.A"]
    assert found[2] == {
        "path": "mr7.multiplier_bounds_usd.C",
        "before": [3e3, 8e3, 14e3],
        "after": [75e3, 200e3, 350e3],
        "provenance_before": "modelled",
        "provenance_after": "modelled",
    }


def test_diff_as_json_of_two_structures(printed):
    found = {entry["path"]: entry for entry in json.loads(printed("okx/v1-2024-06-05", "okx/v2-2024-12-30", "--json"))}
    assert found["mr9.count_spot"] == {
        "path": "mr9.count_spot",
        "before": None,
        "after": False,
        "provenance_before": "",
        "provenance_after": "modelled",
    }
    assert (found["groupings.mr4.SOL"]["before"], found["groupings.mr4.SOL"]["after"]) == ("C", "B")
    assert len(found) == len(between("okx/v1-2024-06-05", "okx/v2-2024-12-30"))


@pytest.mark.parametrize(("before", "after"), list(pairwise(NAMES)))
def test_diff_as_json_of_values_alone(printed, before, after):
    everything = json.loads(printed(before, after, "--json"))
    values = json.loads(printed(before, after, "--json", "--values-only"))
    assert values == [entry for entry in everything if entry["before"] != entry["after"]]


def test_diff_against_a_file_of_ones_own_says_what_it_overrides(printed, mine):
    path = mine("mr7.rate.value.A = 0.006\n")
    text = printed(V2, path)
    assert text.splitlines()[0] == f"# From {V2} to okx/mine"
    assert "| `mr7.rate.A` | 0.0045 | 0.006 | inferred | modelled |" in text.splitlines()
    (entry,) = json.loads(printed(V2, path, "--json"))
    assert (entry["path"], entry["before"], entry["after"]) == ("mr7.rate.A", 0.0045, 0.006)


def test_diff_of_two_files_of_ones_own(printed, mine):
    first = mine("mr3.kappa.value = 0.6\n", version="first")
    second = mine("mr3.kappa.value = 0.7\n", version="second")
    (entry,) = json.loads(printed(first, second, "--json"))
    assert (entry["path"], entry["before"], entry["after"]) == ("mr3.kappa", 0.6, 0.7)


@pytest.mark.parametrize("words", [("okx/v9", V2), (V2, "okx/v9")])
def test_diff_of_an_unknown_rulebook_is_one_line_and_code_2(capsys, monkeypatch, words):
    monkeypatch.setattr(sys, "argv", ["shockgrid", "rulebook", "diff", *words])
    with pytest.raises(SystemExit) as done:
        main()
    captured = capsys.readouterr()
    assert (done.value.code, captured.out) == (2, "")
    assert captured.err.startswith("error okx/v9: name: expected one of okx, okx/v1-2021-12-24, ")
    assert captured.err.count("\n") == 1


def test_diff_of_a_file_with_a_slip_is_one_line_and_code_2(capsys, monkeypatch, mine):
    path = mine("mr7.rate.value.A = 0.6\n")
    monkeypatch.setattr(sys, "argv", ["shockgrid", "rulebook", "diff", V2, path])
    with pytest.raises(SystemExit) as done:
        main()
    captured = capsys.readouterr()
    assert (done.value.code, captured.out) == (2, "")
    assert captured.err == f"error {Path(path)}: mr7.rate.A: expected a number from 0 to 0.2, found 0.6\n"

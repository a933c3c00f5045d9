"""``read_stresses``: what a file says, in its order, and how a mistake in it is located."""

from __future__ import annotations

import pytest

import shockgrid as sg
from tests.documents import market_of
from tests.properties.books import DOCUMENT

FILE = """
format = "shockgrid.stress/1"

# Families of tables may stand in any order in the file.
[[combination]]
name = "both"
of = ["crash", "spike"]
source = "desk"

[[stress]]
name = "crash"
price = { BTC = -0.30, "*" = -0.40 }
vol = { "*" = 0.25 }
peg = { USDT = -0.02 }
basis = { BTC = -0.01, "SOL-USDT-SWAP" = 0.005 }
days = 1
source = "exchange data"

[[stress]]
name = "spike"
vol = { BTC = 0.5 }

[[grid]]
name = "fan"
price = { BTC = [-0.3, 0.15] }
vol = { BTC = [0.0, 0.2], SOL = [0.1] }
days = [0, 7]
source = "memo 12"
"""


@pytest.fixture
def read(tmp_path):
    """Reads a text as a stress file; the default is a file without stresses to which the text is added."""

    def of(text: str, head: str = 'format = "shockgrid.stress/1"\n') -> tuple[sg.Stress, ...]:
        path = tmp_path / "stresses.toml"
        path.write_text(head + text)
        return sg.read_stresses(path)

    return of


@pytest.fixture
def found(read):
    return {stress.name: stress for stress in read(FILE, head="")}


# -- what is read -----------------------------------------------------------------------------------------------------


def test_a_stress_is_the_moves_of_its_table(found):
    assert found["crash"] == sg.Stress(
        "crash",
        price={"BTC": -0.3, "*": -0.4},
        vol={"*": 0.25},
        peg={"USDT": -0.02},
        basis={"BTC": -0.01, "SOL-USDT-SWAP": 0.005},
        days=1.0,
        source="exchange data",
    )


def test_what_is_left_out_does_not_move(found):
    assert found["spike"] == sg.Stress("spike", price={}, vol={"BTC": 0.5}, peg={}, basis={}, days=0.0, source="")


def test_order_is_stresses_points_of_grids_combinations(read):
    names = [stress.name for stress in read(FILE, head="")]
    assert names[:2] == ["crash", "spike"]
    assert names[-1] == "both"
    assert all(name.startswith("fan ") for name in names[2:-1])
    assert len(names) == 2 + 2 * 2 * 1 * 2 + 1


def test_a_grid_has_every_combination_the_first_axis_slowest(found):
    points = [stress for name, stress in found.items() if name.startswith("fan ")]
    moves = [(p.price["BTC"], p.vol["BTC"], p.vol["SOL"], p.days) for p in points]
    vols_and_days = [(0.0, 0.1, 0), (0.0, 0.1, 7), (0.2, 0.1, 0), (0.2, 0.1, 7)]
    assert moves == [(price, *rest) for price in (-0.3, 0.15) for rest in vols_and_days]
    assert all(p.source == "memo 12" and not p.peg and not p.basis for p in points)


def test_points_of_a_grid_say_in_their_names_where_they_are(read):
    (point,) = read('[[grid]]\nname = "fall"\nprice.BTC = [-0.3]\nvol.BTC = [0.20]')
    assert point.name == "fall price BTC -0.3 vol BTC 0.2"
    (point,) = read('[[grid]]\nname = "wait"\npeg."*" = [-0.01]\nbasis.SOL = [0.002]\ndays = [14]')
    assert point.name == "wait peg * -0.01 basis SOL 0.002 days 14"


def test_a_file_may_have_no_stresses(read):
    assert read("") == ()


def test_paths_may_be_strings(tmp_path):
    path = tmp_path / "stresses.toml"
    path.write_text(FILE)
    assert sg.read_stresses(str(path)) == sg.read_stresses(path)


# -- combinations -----------------------------------------------------------------------------------------------------


def test_relative_moves_compound_and_points_ratios_and_days_add_up(read):
    *_, both = read("""
        [[stress]]
        name = "one"
        price.BTC = -0.3
        peg.USDT = -0.02
        vol.BTC = 0.25
        basis.BTC-USDT-SWAP = -0.01
        days = 1
        source = "first"
        [[stress]]
        name = "two"
        price.BTC = -0.1
        peg.USDT = 0.01
        vol.BTC = -0.05
        basis.BTC-USDT-SWAP = 0.004
        days = 2.5
        source = "second"
        [[combination]]
        name = "both"
        of = ["one", "two"]
    """)
    assert both.price == {"BTC": pytest.approx(0.7 * 0.9 - 1, rel=1e-14)}
    assert both.peg == {"USDT": pytest.approx(0.98 * 1.01 - 1, rel=1e-14)}
    assert both.vol == {"BTC": pytest.approx(0.2, rel=1e-14)}
    assert both.basis == {"BTC-USDT-SWAP": pytest.approx(-0.006, rel=1e-14)}
    assert both.days == 3.5
    assert "first" in both.source
    assert "second" in both.source


def test_a_name_of_one_part_meets_the_star_of_the_other(read):
    *_, mixed = read("""
        [[stress]]
        name = "all"
        price."*" = -0.5
        vol."*" = 0.1
        [[stress]]
        name = "some"
        price = { BTC = 0.2, SOL = -0.1 }
        vol = { BTC = 0.3 }
        [[stress]]
        name = "rest"
        price = { SOL = 0.4, "*" = 0.1 }
        [[combination]]
        name = "mixed"
        of = ["all", "some", "rest"]
    """)
    expected = {"*": 0.5 * 1.1 - 1, "BTC": 0.5 * 1.2 * 1.1 - 1, "SOL": 0.5 * 0.9 * 1.4 - 1}
    assert mixed.price == pytest.approx(expected, rel=1e-14)
    assert mixed.vol == pytest.approx({"*": 0.1, "BTC": 0.4}, rel=1e-14)


def test_combinations_have_the_source_that_they_give(found):
    assert found["both"].source == "desk"


def test_combinations_may_be_of_grid_points_and_of_combinations_before_them(read):
    *_, last = read("""
        [[grid]]
        name = "g"
        price.BTC = [-0.1, -0.2]
        [[combination]]
        name = "first"
        of = ["g price BTC -0.1", "g price BTC -0.2"]
        [[combination]]
        name = "last"
        of = ["first", "g price BTC -0.1"]
    """)
    assert last.price == {"BTC": pytest.approx(0.9 * 0.8 * 0.9 - 1, rel=1e-14)}


COMBINED = [
    ({"price": {"*": -0.2}, "peg": {"USDT": -0.1}}, {"price": {"BTC": 0.1}, "peg": {"*": 0.05}}),
    ({"vol": {"*": 0.2}, "days": 2.0}, {"vol": {"SOL": -0.1}, "days": 1.0}),
    ({"basis": {"*": 0.01, "BTC": -0.02}}, {"basis": {"SOL": 0.03}}),
    ({"basis": {"BTC": 0.01}}, {"basis": {"BTC-USDT-SWAP": 0.02}}),
    (
        {"basis": {"*": 0.01}},
        {"basis": {"BTC-USDT-SWAP": 0.02}},
    ),
]


@pytest.mark.parametrize(("first", "second"), COMBINED)
def test_a_combination_is_one_stress_after_the_other(read, first, second):
    one, two = sg.Stress("one", **first), sg.Stress("two", **second)
    *_, both = read(
        "".join(f"[[stress]]\nname = '{s.name}'\n{_moves(s)}" for s in (one, two))
        + "[[combination]]\nname = 'both'\nof = ['one', 'two']"
    )
    market = market_of(DOCUMENT)
    at_once, in_turn = both.of(market), two.of(one.of(market))
    assert at_once.time == in_turn.time
    assert dict(at_once.index) == pytest.approx(dict(in_turn.index), rel=1e-12)
    for column in ("mark", "forward", "vol"):
        values = [getattr(m.snapshot, column).tolist() for m in (at_once, in_turn)]
        assert values[0] == pytest.approx(values[1], rel=1e-12, abs=1e-14), column


def _moves(stress: sg.Stress) -> str:
    tables = [(f"{kind}.'{name}'", x) for kind in ("price", "vol", "peg", "basis") for name, x in _of(stress, kind)]
    return "".join(f"{key} = {move}\n" for key, move in [*tables, ("days", stress.days)])


def _of(stress: sg.Stress, kind: str):
    return getattr(stress, kind).items()


# -- a stress by itself -----------------------------------------------------------------------------------------------


def test_a_stress_of_a_market_is_the_shocked_market():
    market = market_of(DOCUMENT)
    price, vol, peg, basis = {"BTC": -0.3}, {"*": 0.1}, {"USDT": -0.01}, {"SOL": 0.02}
    stressed = sg.Stress("a", price, vol, peg, basis, days=2).of(market)
    shocked = sg.shock(market, price=price, vol=vol, peg=peg, basis=basis, time=2)
    assert stressed.time == shocked.time
    assert stressed.index == shocked.index
    assert stressed.snapshot.mark.tolist() == shocked.snapshot.mark.tolist()


def test_a_stress_of_names_that_the_market_does_not_know_is_refused():
    market = market_of(DOCUMENT)
    with pytest.raises(sg.InputError, match=r"price\.DOGE"):
        sg.Stress("a", price={"DOGE": -0.3}).of(market)
    with pytest.raises(sg.ShockError, match=r"price\.BTC"):
        sg.Stress("a", price={"BTC": -1.0}).of(market)


def test_the_part_of_a_stress_that_a_market_knows():
    price, vol, peg = {"*": -0.1, "DOGE": -0.5}, {"BTC": 0.1, "DOGE": 1.0}, {"DAI": -0.1}
    stress = sg.Stress("a", price, vol, peg, {"SOL-USDT-SWAP": 0.01, "GONE-SWAP": 0.02}, days=1, source="s")
    known, absent = stress.listed(market_of(DOCUMENT))
    expected = sg.Stress(
        "a", price={"*": -0.1}, vol={"BTC": 0.1}, peg={}, basis={"SOL-USDT-SWAP": 0.01}, days=1, source="s"
    )
    assert known == expected
    assert absent == ["price.DOGE", "vol.DOGE", "peg.DAI", "basis.GONE-SWAP"]


# -- mistakes ---------------------------------------------------------------------------------------------------------

STRESS, GRID = "[[stress]]\nname = 'a'\n", "[[grid]]\nname = 'g'\n"
TWO = STRESS + "[[stress]]\nname = 'b'\n"
COMBINATION = TWO + "[[combination]]\nname = 'c'\n"
MISTAKES = [
    ("scenario = 1", "scenario", "one of the keys format, stress, grid, combination"),
    ("stress = 3", "stress", "tables of stresses"),
    ("[stress]\nname = 'a'", "stress", "tables of stresses"),
    ("[[stress]]\nprice.BTC = 0.1", "stress[0].name", "a non-empty string"),
    ("[[stress]]\nname = ''", "stress[0].name", "a non-empty string"),
    ("[[stress]]\nname = 3", "stress[0].name", "a non-empty string"),
    (STRESS + "prise.BTC = 0.1", "stress[0].prise", "one of the keys name, price, vol, peg, basis, days, source"),
    (TWO + "time = 3", "stress[1].time", "one of the keys name, price, vol, peg, basis, days, source"),
    (STRESS + "price = -0.3", "stress[0].price", "numbers by"),
    (STRESS + "price.BTC = '-30 %'", "stress[0].price.BTC", "a finite number"),
    (STRESS + "price.BTC = [-0.1, 0.1]", "stress[0].price.BTC", "a finite number"),
    (STRESS + "peg.USDT = nan", "stress[0].peg.USDT", "a finite number"),
    (STRESS + "vol.BTC = inf", "stress[0].vol.BTC", "a finite number"),
    (STRESS + "basis.BTC = true", "stress[0].basis.BTC", "a finite number"),
    (STRESS + "days = '1'", "stress[0].days", "a finite number"),
    (STRESS + "source = 5", "stress[0].source", "a non-empty string"),
    ("[[grid]]\nprice.BTC = [0.1]", "grid[0].name", "a non-empty string"),
    (GRID + "price.BTC = 0.1", "grid[0].price.BTC", "a list of finite numbers"),
    (GRID + "price.BTC = []", "grid[0].price.BTC", "a list of finite numbers"),
    (GRID + "price.BTC = [0.1, 'x']", "grid[0].price.BTC[1]", "a finite number"),
    (GRID + "price = [0.1]", "grid[0].price", "lists of numbers by coin"),
    (GRID + "days = 3", "grid[0].days", "a list of finite numbers"),
    (GRID + "sigma.BTC = [0.1]", "grid[0].sigma", "one of the keys name, price, vol, peg, basis, days, source"),
    (COMBINATION, "combination[0].of", "two or more names of stresses"),
    (COMBINATION + "of = ['a']", "combination[0].of", "two or more names of stresses"),
    (COMBINATION + "of = 'a'", "combination[0].of", "two or more names of stresses"),
    (COMBINATION + "of = ['a', 3]", "combination[0].of[1]", "a non-empty string"),
    (COMBINATION + "of = ['a', 'b']\nprice.BTC = 0.1", "combination[0].price", "one of the keys name, of, source"),
    (COMBINATION + "of = ['a', 'z']", "combination[0].of[1]", "one of a, b"),
    (COMBINATION + "of = ['c', 'a']", "combination[0].of[0]", "one of a, b"),
    (STRESS + "[[stress]]\nname = 'a'", "stress[1].name", "names that occur once"),
    (COMBINATION.replace("'c'", "'b'") + "of = ['a', 'b']", "combination[0].name", "names that occur once"),
    (GRID + "price.BTC = [0.1, 0.1]", "grid[0].name", "names that occur once"),
    (
        "[[stress]]\nname = 'g price BTC 0.1'\n" + GRID + "price.BTC = [0.1]",
        "grid[0].name",
        "names that occur once",
    ),
]


@pytest.mark.parametrize(("text", "path", "expected"), MISTAKES)
def test_a_mistake_is_located(read, tmp_path, text, path, expected):
    with pytest.raises(sg.InputError) as caught:
        read(text)
    assert (caught.value.file, caught.value.path) == (str(tmp_path / "stresses.toml"), path)
    assert expected in caught.value.expected


@pytest.mark.parametrize("head", ["", 'format = "shockgrid.stress/2"\n', "format = 1\n"])
def test_a_file_says_which_format_it_has(read, head):
    with pytest.raises(sg.InputError, match=r"stresses.toml: format: expected shockgrid.stress/1, found"):
        read(STRESS, head=head)


def test_names_that_are_unknown_and_repeated_are_told(read):
    with pytest.raises(sg.InputError, match=r"of\[1\]: expected one of a, b, found 'z'"):
        read(COMBINATION + "of = ['a', 'z']")
    with pytest.raises(sg.InputError, match="occur once, found 'a'"):
        read(STRESS + STRESS)


@pytest.mark.parametrize("content", [b"[[stress]\nname = 'a'", b'{"format": 1}', b"name = '\xff'"])
def test_what_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "stresses.toml"
    path.write_bytes(content)
    with pytest.raises(sg.InputError, match=r"stresses.toml: file: expected well-formed TOML, found "):
        sg.read_stresses(path)


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(sg.InputError, match="file: expected a readable file, found ") as caught:
            sg.read_stresses(path)
        assert caught.value.file == str(path)

"""The eleven packaged versions: when each is in force, and every number, group and provenance that the texts give it.

Numbers are typed in from the rule text (the sections of ``okx_portfolio_margin.md`` and ``okx_computation.md`` are
named beside them); where a machine-readable table of the specification says the same, it is compared as well.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shockgrid.errors import RulebookError
from shockgrid.io.rulebook_file import list_rulebooks, load_rulebook
from shockgrid.rulebooks.structure import STRUCTURES
from shockgrid.venues.okx.rulebook import Rulebook

# Section 18: the chronology. Where it names no hour, the day's start; of a window, its start.
EFFECTIVE = {
    "v1-2021-12-24": datetime(2021, 12, 24, tzinfo=UTC),
    "v1-2022-08-24": datetime(2022, 8, 24, tzinfo=UTC),
    "v1-2023-06-08": datetime(2023, 6, 8, tzinfo=UTC),
    "v1-2023-07-12": datetime(2023, 7, 12, 8, 30, tzinfo=UTC),
    "v1-2024-02-01": datetime(2024, 2, 1, tzinfo=UTC),
    "v1-2024-05-11": datetime(2024, 5, 11, 8, tzinfo=UTC),
    "v1-2024-06-05": datetime(2024, 6, 5, 4, tzinfo=UTC),
    "v2-2024-12-30": datetime(2024, 12, 30, 8, tzinfo=UTC),
    "v2-2025-01-06": datetime(2025, 1, 6, 8, tzinfo=UTC),
    "v2-2025-01-15": datetime(2025, 1, 15, 8, tzinfo=UTC),
    "v2-2025-12-04": datetime(2025, 12, 4, tzinfo=UTC),
}
VERSIONS = list(EFFECTIVE)
V1 = [version for version in VERSIONS if version.startswith("v1")]
V2 = [version for version in VERSIONS if version.startswith("v2")]
FIRST = VERSIONS[0]

ABSENT = "absent"


@pytest.fixture(scope="module")
def packaged() -> dict[str, Rulebook]:
    return {version: load_rulebook(f"okx/{version}") for version in VERSIONS}


def spread(*steps: tuple[str, Any]) -> dict[str, Any]:
    """What holds in every version, from the versions at which it changes."""
    found, changes = {}, dict(steps)
    current = ABSENT
    for version in VERSIONS:
        current = changes.pop(version, current)
        found[version] = current
    assert not changes, f"no version {list(changes)}"
    return found


def always(value: Any) -> dict[str, Any]:
    return spread((FIRST, value))


def in_v1(value: Any) -> dict[str, Any]:
    return spread((FIRST, value), (V2[0], ABSENT))


def in_v2(value: Any) -> dict[str, Any]:
    return spread((V2[0], value))


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def abc(a: Any, b: Any, c: Any) -> dict[str, Any]:
    return {"A": a, "B": b, "C": c}


# --- names and times ---


def test_names_in_order():
    assert list_rulebooks() == [f"okx/{version}" for version in VERSIONS]


@pytest.mark.parametrize("version", VERSIONS)
def test_header_of_every_version(packaged, version):
    rules = packaged[version]
    assert (rules.venue, rules.version, rules.name) == ("okx", version, f"okx/{version}")
    assert rules.structure == version[:2]
    assert rules.effective == EFFECTIVE[version]
    assert rules.effective.utcoffset() == timedelta(0)
    assert Path(rules.file).name == f"{version}.toml"
    assert rules.summary.startswith(f"OKX portfolio margin {version[:2]} ")


@pytest.mark.parametrize("version", VERSIONS)
def test_packaged_versions_have_no_parent_and_no_overrides_although_their_files_extend(packaged, version):
    rules = packaged[version]
    assert rules.parent is None
    assert rules.base is rules
    assert rules.overrides == ()
    assert repr(rules) == f"Rulebook(okx/{version}, {len(STRUCTURES[version[:2]])} parameters)"


def test_every_version_has_its_own_summary(packaged):
    assert len({rules.summary for rules in packaged.values()}) == len(VERSIONS)


def test_the_newest_is_the_default():
    assert load_rulebook("okx").version == VERSIONS[-1]


FORMS = {"time": lambda t: t, "text": datetime.isoformat, "without an offset": lambda t: t.replace(tzinfo=None)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", list(FORMS.values()), ids=list(FORMS))
def test_in_force_from_exactly_its_time(version, form):
    assert load_rulebook("okx", at=form(EFFECTIVE[version])).version == version


@pytest.mark.parametrize(("before", "version"), list(pairwise(VERSIONS)))
def test_the_one_before_is_in_force_until_a_second_before(before, version):
    moment = EFFECTIVE[version] - timedelta(seconds=1)
    assert load_rulebook("okx", at=moment).version == before
    assert load_rulebook("okx", at=moment.isoformat()).version == before


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", [lambda day: day, date.isoformat], ids=["date", "text"])
def test_a_bare_date_is_the_end_of_its_day(version, form):
    assert load_rulebook("okx", at=form(EFFECTIVE[version].date())).version == version


@pytest.mark.parametrize(("before", "version"), list(pairwise(VERSIONS)))
def test_the_day_before_belongs_to_the_one_before(before, version):
    assert load_rulebook("okx", at=EFFECTIVE[version].date() - timedelta(days=1)).version == before


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("2022-03-07T07:51:37", "v1-2021-12-24"),  # the option example of 2022
        ("2023-01-01", "v1-2022-08-24"),
        ("2024-05-31", "v1-2024-05-11"),  # the spot example of 31 May 2024, before spot entered MR4
        ("2024-06-05T03:59", "v1-2024-05-11"),
        ("2024-12-17", "v1-2024-06-05"),  # v2 on demo trading only
        ("2024-12-30T07:59:59", "v1-2024-06-05"),
        ("2024-12-30T08:00", "v2-2024-12-30"),  # v1 accounts migrate until 21 January 2025
        ("2024-12-30T16:00:00+08:00", "v2-2024-12-30"),
        ("2024-12-30T15:59:59+08:00", "v1-2024-06-05"),
        ("2025-01-05", "v2-2024-12-30"),
        ("2025-01-15T08:00:01.642Z", "v2-2025-01-15"),
        ("2025-01-21T08:00", "v2-2025-01-15"),  # v1 ends
        ("2025-12-03", "v2-2025-01-15"),
        ("2025-12-04T00:00", "v2-2025-12-04"),
        ("2099-01-01", "v2-2025-12-04"),
    ],
)
def test_the_version_of_a_day_in_history(at, version):
    assert load_rulebook("okx", at=at).version == version


@pytest.mark.parametrize(
    "at", ["2021-12-23", date(2021, 12, 23), "2021-12-23T23:59:59", datetime(2021, 12, 23, 23, 59, 59), "2015-01-01"]
)
def test_before_the_first_version(at):
    with pytest.raises(RulebookError) as caught:
        load_rulebook("okx", at=at)
    error = caught.value
    assert (error.file, error.path) == ("okx", "at")
    assert error.expected == "2021-12-24 00:00 UTC, its first rulebook, or later"
    assert str(error) == f"okx: at: expected 2021-12-24 00:00 UTC, its first rulebook, or later, found {at}"


# --- every number ---

USDT_BTC_ETH_OTHER = ("USDT", "BTC", "ETH", "other")


def borrowed(*values: Any) -> dict[str, Any]:
    return dict(zip(USDT_BTC_ETH_OTHER, values, strict=True))


SET_2_BOUNDS = [7e3, 16e3, 29e3, 43e3, 69e3, 95e3, 121e3, 147e3, 173e3, 199e3, 225e3, 251e3]
SET_3_BOUNDS = [3e3, 8e3, 14e3]

QUOTA_WORDS = words("""
USDT 20000 USDC 5000 BTC 1 ETH 5 LTC 10 ETC 2000 XRP 5000 EOS 500 BCH 5 BSV 5 TRX 30000 LINK 50 DOT 50 ADA 500 ALGO 500
ATOM 20 CRV 100 FIL 10 DASH 2 IOST 10000 IOTA 500 KNC 200 NEO 10 ONT 300 QTUM 100 THETA 100 SUSHI 30 SUN 20 XLM 1000
UNI 20 XMR 2 XTZ 100 ZEC 2 YFI 0.01 YFII 0.1 other 0
""")
QUOTAS = {name: float(quota) for name, quota in zip(QUOTA_WORDS[::2], QUOTA_WORDS[1::2], strict=True)}

NUMBERS = {
    # Section 2.1.
    "mr1.price_moves": spread(
        (FIRST, abc([0, 0.05, 0.10, 0.15], [0, 0.07, 0.14, 0.20], [0, 0.08, 0.16, 0.25])),
        ("v2-2025-01-06", abc([0, 0.04, 0.08, 0.12], [0, 0.06, 0.12, 0.18], [0, 0.08, 0.16, 0.25])),
    ),
    # Sections 2.3, 3 and 4.
    "mr1.vol_shock_days": always([0, 30, 60, 90, 180]),
    "mr1.vol_shock_points": always([0.30, 0.20, 0.15, 0.12, 0.10]),
    "mr1.vol_shock_relative": always([0.45, 0.30, 0.25, 0.20, 0.15]),
    "mr1.vol_floor": always(0.01),
    "mr2.horizon_days": always(1),
    "mr3.kappa": always(0.5),
    # Section 5.1: forward price move and basis change of v1.
    "mr4.forward_move": spread(
        (FIRST, abc(0.015, 0.02, 0.025)), ("v1-2023-07-12", abc(0.006, 0.008, 0.01)), (V2[0], ABSENT)
    ),
    "mr4.basis_change": spread((FIRST, abc(0.30, 0.4, 0.4)), ("v1-2024-05-11", abc(0.10, 0.4, 0.4)), (V2[0], ABSENT)),
    "mr4.count_spot": spread((FIRST, False), ("v1-2024-06-05", True), (V2[0], ABSENT)),
    # Section 5.2: v2.
    "mr4.floor": in_v2(abc(0.002, 0.008, 0.02)),
    "mr4.annual_move": spread((V2[0], abc(0.075, 0.225, 0.45)), ("v2-2025-01-06", abc(0.05, 0.15, 0.30))),
    "mr4.perpetual_days": in_v2(0.33),
    # Computation, section 5: no rate moves before 2023, as the example of 2022 prints.
    "mr5.pc1": spread((FIRST, 0), ("v1-2023-06-08", 0.03)),
    "mr5.pc2": spread((FIRST, 0), ("v1-2023-06-08", 0.015)),
    "mr5.tilt_days": always(365),
    # Section 7.
    "mr6.price_move": spread((FIRST, abc(0.30, 0.40, 0.50)), ("v2-2025-01-06", abc(0.24, 0.36, 0.50))),
    "mr6.loss_fraction": always(0.5),
    # Section 8.
    "mr7.rate": always(abc(0.0045, 0.0070, 0.0100)),
    "mr7.multiplier_bounds_usd": spread(
        (FIRST, abc([10e3, 70e3, 170e3, 300e3, 470e3, 700e3], SET_2_BOUNDS, SET_3_BOUNDS)),
        (
            "v2-2025-01-15",
            abc([250e3, 500e3, 1e6, 2e6, 3e6, 4e6], [25 * x for x in SET_2_BOUNDS], [25 * x for x in SET_3_BOUNDS]),
        ),
    ),
    "mr7.multipliers": always(abc([1, 2, 4, 6, 8, 10, 12], list(range(1, 14)), [1, 2, 3, 4])),
    "mr7.funding_days": always(0),
    "mr7.option.fee_index_frac": always(0.0003),
    "mr7.option.fee_premium_frac": always(0.125),
    "mr7.option.delta_frac": always(0.0045),
    "mr7.option.vega_points": always(3),
    "mr7.option.floor_frac": always(0.002),
    "mr7.option.short_floor_frac": spread((FIRST, 0.02), (V2[0], 0.002)),
    # Section 9: rows from the lowest price on; tiers from the fourth continue the third by half a percent.
    "mr9.tier_bounds_usd": in_v2([1e6, 5e6, 10e6, 20e6, 40e6, 80e6, 120e6]),
    "mr9.prices": in_v2([0.80, 0.90, 0.95, 0.98, 0.99, 0.995]),
    "mr9.factors": in_v2(
        [
            [0.40, 0.40, 0.40, 0.405, 0.41, 0.415, 0.42, 0.425],
            [0.30, 0.31, 0.32, 0.325, 0.33, 0.335, 0.34, 0.345],
            [0.05, 0.06, 0.07, 0.075, 0.08, 0.085, 0.09, 0.095],
            [0.01, 0.02, 0.03, 0.035, 0.04, 0.045, 0.05, 0.055],
            [0.005, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045],
            [0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04],
        ]
    ),
    "mr9.factor_cap": in_v2(0.40),
    "mr9.count_spot": in_v2(False),
    # Section 18: spot in two modes from 24 August 2022, the third, spot orders and the user's limit from 5 June 2024.
    "spot.usdt_mode": spread((FIRST, False), ("v1-2022-08-24", True), (V2[0], ABSENT)),
    "spot.coin_mode": spread((FIRST, False), ("v1-2022-08-24", True), (V2[0], ABSENT)),
    "spot.usdc_mode": spread((FIRST, False), ("v1-2024-06-05", True), (V2[0], ABSENT)),
    "spot.orders": spread((FIRST, False), ("v1-2024-06-05", True), (V2[0], ABSENT)),
    "spot.user_limit": spread((FIRST, False), ("v1-2024-06-05", True), (V2[0], ABSENT)),
    # Section 10: the first known borrowing tables stand in for earlier ones, so they are equal in all versions.
    "imr.multiple": always(1.3),
    "borrow.bounds": always(borrowed([100e3, 200e3, 500e3, 1e6, 2e6, 3e6], [35, 70, 105], [500, 1000, 1500], [])),
    "borrow.mmr_rates": always(
        borrowed([0.02, 0.025, 0.03, 0.04, 0.05, 0.06], [0.03, 0.0625, 0.10], [0.03, 0.0625, 0.10], [0.10])
    ),
    "borrow.imr_rates": always(
        borrowed([0.10, 0.1053, 0.1111, 0.1176, 0.125, 0.20], [0.10, 0.125, 0.20], [0.10, 0.125, 0.20], [0.20])
    ),
    "borrow.step_amount": always(borrowed(1e6, 35, 500, 0)),
    "borrow.step_rate": always(0.01),
    "borrow.rate_cap": always(1),
    # Section 11: the sample rates of the API documents, quotas and conversion.
    "borrow.daily_rate": always(borrowed(0.00043728, 0.00019992, 0.00019992, 0.00043728)),
    "borrow.free_quota": always(QUOTAS),
    "borrow.free_quota_usdt_adds_usdc": always(True),
    "borrow.free_quota_covers_balance": always(True),
    "conversion.quota_buffer_frac": always(0.1),
    "conversion.limit_utilisation": always([0.95, 1.05, 1.08]),
    "conversion.limit_buy_frac": always([0.05, 0.08, 0.10]),
    "conversion.fee_frac": always(0.001),
    "conversion.slippage_frac": always(0),
    # Section 12: the stop ratio is OKX's, the rest are choices (docs/liquidation.md).
    "liquidation.stop_ratio": always(1.1),
    "liquidation.ddh1_step_frac": in_v2(0.1),
    "liquidation.ddh2_step_frac": always(0.2),
    "liquidation.ddh2_trigger_frac": always(0.5),
    "liquidation.basis_step_frac": always(0.1),
    "liquidation.reduction_step_frac": always(0.1),
    "liquidation.whole_below_usd": always(1),
    "liquidation.depth_frac": always(0.25),
    "liquidation.depth_band_frac": always(0.01),
    "liquidation.future_fee_frac": always(0.0005),
    "liquidation.option_fee_frac": always(0.0003),
    "liquidation.option_fee_cap_frac": always(0.125),
    "haircut.bounds_usd": always(
        {
            "1": [5e6, 10e6, 20e6, 40e6, 100e6],
            "2": [2e6, 4e6, 8e6],
            "3": [1e6, 2e6, 4e6],
            "4": [1e6, 2e6, 4e6],
            "5": [250e3, 500e3, 1e6],
            "6": [50e3],
        }
    ),
    "haircut.rates": always(
        {
            "1": [1, 0.975, 0.975, 0.95, 0.90, 0],
            "2": [0.95, 0.85, 0.50, 0],
            "3": [0.90, 0.80, 0.50, 0],
            "4": [0.85, 0.75, 0.50, 0],
            "5": [0.80, 0.70, 0.50, 0],
            "6": [0.50, 0],
        }
    ),
    "ratio.liability_fee": always(0.001),
    "ratio.warning": always(3),
    "ratio.liquidation": always(1),
    # Section 1.1: 100,000 USD in 2021 and 2022.
    "account.minimum_equity_usd": spread((FIRST, 100e3), ("v1-2023-06-08", 10e3)),
}


def test_every_parameter_of_both_structures_is_typed_in_here():
    assert set(NUMBERS) == {key for shapes in STRUCTURES.values() for key in shapes}


@pytest.mark.parametrize("key", NUMBERS)
def test_number_in_every_version(packaged, key):
    found = {v: r.parameters[key].value if key in r.parameters else ABSENT for v, r in packaged.items()}
    assert found == NUMBERS[key]


@pytest.mark.parametrize("version", VERSIONS)
def test_parameters_stand_in_the_order_of_the_structure(packaged, version):
    assert list(packaged[version].parameters) == list(STRUCTURES[version[:2]])


def flat(value: Any) -> list:
    if isinstance(value, (dict, list)):
        return [x for entry in (value.values() if isinstance(value, dict) else value) for x in flat(entry)]
    return [value]


@pytest.mark.parametrize("version", VERSIONS)
def test_switches_are_switches_and_numbers_are_floats(packaged, version):
    kinds = {key: {type(x) for x in flat(p.value)} for key, p in packaged[version].parameters.items()}
    shapes = STRUCTURES[version[:2]]
    wanted = {key: {bool} if shape.kind == "switch" else {float} for key, shape in shapes.items()}
    assert kinds == wanted


# --- groups ---

LARGE = ("BTC", "ETH")
B_OLD = words("LTC BCH EOS OKB DOT BSV LINK FIL ADA TRX UNI XRP")
B_NEW = words("SOL DOGE PEPE XRP BNB SHIB LTC ORDI WLD BCH ADA")
SET_2 = words("LTC BSV TRX DOT XRP ETC EOS FIL ADA BCH LINK")

MEDIUM = {
    "mr1": spread((FIRST, B_OLD), ("v2-2025-12-04", B_NEW)),
    "mr4": spread((FIRST, B_OLD), (V2[0], B_NEW)),
    "mr6": always(B_NEW),
    "mr7_rate": always(B_NEW),
    "mr7_multiplier": spread((FIRST, SET_2), (V2[0], B_NEW)),
}


@pytest.mark.parametrize("name", MEDIUM)
def test_groups_in_every_version(packaged, name):
    found = {version: dict(rules.groupings[name].members) for version, rules in packaged.items()}
    assert found == {version: {"A": LARGE, "B": medium} for version, medium in MEDIUM[name].items()}
    assert {rules.groupings[name].default for rules in packaged.values()} == {"C"}


def test_groups_of_currencies_are_the_same_in_every_version(packaged):
    for name in ("borrow", "free_quota", "haircut"):
        for rules in packaged.values():
            assert rules.groupings[name] == packaged["v2-2025-01-15"].groupings[name]
    borrow = packaged[FIRST].groupings["borrow"]
    assert borrow.members == {"USDT": ("USDT", "USDC", "USD"), "BTC": ("BTC",), "ETH": ("ETH",)}
    assert borrow.default == "other"


def test_a_coin_may_be_in_different_groups_of_different_rules(packaged):
    """Section 0: SOL is in the new list only, DOT in the old ones only, ETC in set 2 alone."""
    by = ("mr1", "mr4", "mr6", "mr7_rate", "mr7_multiplier")
    groups = {
        (version, coin): "".join(packaged[version].groupings[name].of(coin) for name in by)
        for version in ("v1-2024-06-05", "v2-2025-01-15", "v2-2025-12-04")
        for coin in ("BTC", "SOL", "DOT", "ETC", "XRP")
    }
    assert groups == {
        ("v1-2024-06-05", "BTC"): "AAAAA",
        ("v1-2024-06-05", "SOL"): "CCBBC",
        ("v1-2024-06-05", "DOT"): "BBCCB",
        ("v1-2024-06-05", "ETC"): "CCCCB",
        ("v1-2024-06-05", "XRP"): "BBBBB",
        ("v2-2025-01-15", "BTC"): "AAAAA",
        ("v2-2025-01-15", "SOL"): "CBBBB",
        ("v2-2025-01-15", "DOT"): "BCCCC",
        ("v2-2025-01-15", "ETC"): "CCCCC",
        ("v2-2025-01-15", "XRP"): "BBBBB",
        ("v2-2025-12-04", "BTC"): "AAAAA",
        ("v2-2025-12-04", "SOL"): "BBBBB",
        ("v2-2025-12-04", "DOT"): "CCCCC",
        ("v2-2025-12-04", "ETC"): "CCCCC",
        ("v2-2025-12-04", "XRP"): "BBBBB",
    }


# --- against the tables of the specification ---


@pytest.fixture(scope="module")
def tables(shared) -> dict:
    """``parameters.json``."""
    return json.loads((shared / "spec/parameters.json").read_text(encoding="utf-8"))


def bounds(upper: list) -> list:
    assert upper[-1] is None
    return upper[:-1]


def before(version: str) -> list[str]:
    return VERSIONS[: VERSIONS.index(version)]


def from_on(version: str) -> list[str]:
    return VERSIONS[VERSIONS.index(version) :]


def test_price_moves_against_the_specification(packaged, tables):
    old, new, newest = tables["mr1_price_grid"]
    for versions, table, medium in (
        (before("v2-2025-01-06"), old, "B_v1_mr1_mr4"),
        (["v2-2025-01-06", "v2-2025-01-15"], new, "B_v1_mr1_mr4"),
        (["v2-2025-12-04"], newest, "B_v2"),
    ):
        for version in versions:
            assert packaged[version]["mr1.price_moves"] == abc(table["A"], table[medium], table["C"])
            assert list(packaged[version].groupings["mr1"].members["B"]) == tables["groups"][medium]


def test_extreme_moves_against_the_specification(packaged, tables):
    old, new = tables["mr6"]
    for versions, table in ((before("v2-2025-01-06"), old), (from_on("v2-2025-01-06"), new)):
        for version in versions:
            assert packaged[version]["mr6.price_move"] == abc(table["A"], table["B_v2"], table["C"])
            assert packaged[version]["mr6.loss_fraction"] == tables["mr6_loss_fraction"]["value"]
            assert list(packaged[version].groupings["mr6"].members["B"]) == tables["groups"]["B_v2"]


def test_basis_of_version_1_against_the_specification(packaged, tables):
    old, new = tables["mr4_v1_max_forward_price_move"]
    wide, narrow, others = tables["mr4_v1_max_forward_basis_change"]
    for version in V1:
        move = old if version in before("v1-2023-07-12") else new
        change = wide if version in before("v1-2024-05-11") else narrow
        assert packaged[version]["mr4.forward_move"] == abc(move["A"], move["B_v1_mr1_mr4"], move["C"])
        assert packaged[version]["mr4.basis_change"] == abc(change["A"], others["C_max"], others["C_max"])
        assert list(packaged[version].groupings["mr4"].members["B"]) == tables["groups"]["B_v1_mr1_mr4"]


def test_basis_of_version_2_against_the_specification(packaged, tables):
    spec = tables["mr4_v2"]
    for version in V2:
        move = spec["annualized_move_announced_nov_2024" if version == V2[0] else "annualized_move"]
        assert packaged[version]["mr4.annual_move"] == abc(move["A"], move["B_v2"], move["C"])
        assert packaged[version]["mr4.floor"] == {
            g: spec["a"][k]["value"] for g, k in (("A", "A"), ("B", "B_v2"), ("C", "C"))
        }
        assert packaged[version]["mr4.perpetual_days"] == spec["days"]["perpetual"]


def test_minimum_charge_multipliers_against_the_specification(packaged, tables):
    old, new = tables["mr7_multiplier_v1"], tables["mr7_multiplier_v2"]["A"]
    sets = [old[name] for name in ("A", "set2", "set3_others")]
    for version in VERSIONS:
        assert packaged[version]["mr7.multipliers"] == abc(*(table["mult"] for table in sets))
        members = list(packaged[version].groupings["mr7_multiplier"].members["B"])
        assert members == (old["set2"]["members"] if version in V1 else tables["groups"]["B_v2"])
    for version in before("v2-2025-01-15"):
        assert packaged[version]["mr7.multiplier_bounds_usd"] == abc(*(bounds(table["upper"]) for table in sets))
    widened = abc(bounds(new["upper"]), *([25 * x for x in bounds(table["upper"])] for table in sets[1:]))
    for version in from_on("v2-2025-01-15"):
        assert packaged[version]["mr7.multiplier_bounds_usd"] == widened


def test_free_quotas_against_the_specification(packaged, tables):
    limits = {k: v for k, v in tables["interest_free_limits"].items() if k != "conf"}
    assert limits.pop("USDT") == "20000 + max(0, cross equity of USDC)"
    for rules in packaged.values():
        names = [*limits, "USDT", "USD", "SOL"]
        assert rules.of_each("borrow.free_quota", names) == [*limits.values(), 20000, 0, 0]
        assert set(rules.parameters["borrow.free_quota"].value) == {*limits, "USDT", "other"}


@pytest.mark.parametrize(
    ("group", "table", "upper"),
    [
        ("USDT", "borrow_usdt_tiers", "upper_usdt"),
        ("BTC", "borrow_btc_tiers_2023", "upper_btc"),
        ("ETH", "borrow_eth_tiers_2023", "upper_eth"),
    ],
)
def test_borrowing_tables_against_the_specification(packaged, tables, group, table, upper):
    for rules in packaged.values():
        assert rules["borrow.bounds"][group] == tables[table][upper]
        assert rules["borrow.mmr_rates"][group] == tables[table]["mmr"]
        assert rules["borrow.imr_rates"][group] == tables[table]["imr"]


def test_haircuts_against_the_specification(packaged, shared):
    spec = json.loads((shared / "spec/haircut_classes.json").read_text(encoding="utf-8"))
    for rules in packaged.values():
        assert rules["haircut.bounds_usd"] == {name: bounds(c["upper_usd"]) for name, c in spec["classes"].items()}
        assert rules["haircut.rates"] == {name: c["rate"] for name, c in spec["classes"].items()}
        for name, c in spec["classes"].items():
            assert {rules.groupings["haircut"].of(member) for member in c["members"]} == {name}


# --- provenance ---

UNKNOWN_TABLE = borrowed("modelled", "modelled", "modelled", "modelled")
JUNE_2023 = borrowed("modelled", "published", "published", "modelled")
FEBRUARY_2024 = borrowed("corroborated", "published", "published", "modelled")
STAND_IN = spread((FIRST, UNKNOWN_TABLE), ("v1-2023-06-08", JUNE_2023), ("v1-2024-02-01", FEBRUARY_2024))

PROVENANCE = {
    # S8 is exact; the list of December 2025 is from a mirror (section 2.1).
    "mr1.price_moves": spread((FIRST, "published"), ("v2-2025-12-04", "corroborated")),
    "mr1.vol_shock_points": always("modelled"),
    "mr3.kappa": always("modelled"),
    # Section 5.1: A exact, C from summaries, B by choice.
    "mr4.forward_move": in_v1("published"),
    "mr4.basis_change": in_v1(abc("published", "modelled", "corroborated")),
    "mr4.count_spot": in_v1("published"),
    "mr4.floor": in_v2(abc("published", "published", "corroborated")),
    "mr4.annual_move": in_v2("published"),
    # Deduced from the printed zeros of 2022; a choice from then on.
    "mr5.pc1": spread((FIRST, "inferred"), ("v1-2023-06-08", "modelled")),
    "mr5.pc2": spread((FIRST, "inferred"), ("v1-2023-06-08", "modelled")),
    "mr6.price_move": always("published"),
    "mr7.multiplier_bounds_usd": spread(
        (FIRST, abc("published", "inferred", "corroborated")),
        (V2[0], abc("published", "modelled", "modelled")),
        ("v2-2025-01-15", abc("corroborated", "modelled", "modelled")),
    ),
    "mr7.option.short_floor_frac": always("modelled"),
    "mr9.factors": in_v2("modelled"),
    "spot.usdt_mode": in_v1("published"),
    "spot.usdc_mode": in_v1("published"),
    "spot.coin_mode": in_v1("published"),
    "spot.orders": in_v1("published"),
    "spot.user_limit": in_v1("published"),
    "imr.multiple": always("published"),
    "borrow.bounds": STAND_IN,
    "borrow.mmr_rates": STAND_IN,
    "borrow.imr_rates": STAND_IN,
    "borrow.step_amount": spread(
        (FIRST, UNKNOWN_TABLE), ("v1-2023-06-08", JUNE_2023), ("v1-2024-02-01", {**FEBRUARY_2024, "USDT": "inferred"})
    ),
    "borrow.step_rate": spread((FIRST, "modelled"), ("v1-2023-06-08", "corroborated")),
    "borrow.daily_rate": spread(
        (FIRST, "modelled"), (V2[0], borrowed("published", "published", "modelled", "modelled"))
    ),
    "borrow.free_quota": always("corroborated"),
    "haircut.bounds_usd": spread((FIRST, "modelled"), ("v1-2023-06-08", "corroborated")),
    "haircut.rates": spread((FIRST, "modelled"), ("v1-2023-06-08", "corroborated")),
    "mr6.loss_fraction": spread((FIRST, "inferred"), (V2[0], "published")),
    "mr7.rate": spread(
        (FIRST, abc("inferred", "modelled", "modelled")), (V2[0], abc("inferred", "inferred", "modelled"))
    ),
    "account.minimum_equity_usd": always("published"),
}


def uniform(provenance: Any) -> Any:
    """One word where it is the same for all groups; a file that extends spells it out group by group."""
    words = set(provenance.values()) if isinstance(provenance, dict) else {provenance}
    return words.pop() if len(words) == 1 else provenance


def kinds(packaged: dict[str, Rulebook], key: str) -> dict[str, Any]:
    return {version: uniform(rules.provenance.get(key, ABSENT)) for version, rules in packaged.items()}


def expected_kinds(steps: dict[str, Any]) -> dict[str, Any]:
    return {version: uniform(provenance) for version, provenance in steps.items()}


@pytest.mark.parametrize("key", PROVENANCE)
def test_provenance_in_every_version(packaged, key):
    assert kinds(packaged, key) == expected_kinds(PROVENANCE[key])


@pytest.mark.parametrize(
    ("key", "steps"),
    [
        ("mr1.price_moves", always("S8") | {"v2-2025-12-04": "S9"}),
        ("mr4.annual_move", spread((V2[0], "S5"), ("v2-2025-01-06", "S8"))),
        ("mr4.forward_move", in_v1("S11")),
        ("mr4.basis_change", in_v1("S12")),
        ("mr5.pc1", spread((FIRST, "S10"), ("v1-2023-06-08", "choice"))),
        ("mr7.multiplier_bounds_usd", spread((FIRST, "S14"), ("v2-2025-01-15", "S16"))),
        ("account.minimum_equity_usd", spread((FIRST, "S3"), ("v1-2023-06-08", "S2"))),
    ],
)
def test_source_in_every_version(packaged, key, steps):
    found = {v: r.parameters[key].source if key in r.parameters else ABSENT for v, r in packaged.items()}
    assert found == steps


def test_a_parameter_without_a_public_figure_is_among_the_modelled(packaged):
    for version, rules in packaged.items():
        assert {"mr3.kappa", "mr7.option.short_floor_frac", "borrow.bounds"} <= set(rules.modelled)
        assert ("mr4.basis_change" in rules.modelled) == (version in V1)
        assert ("mr5.pc1" in rules.modelled) == (version in from_on("v1-2023-06-08"))
        assert "mr6.price_move" not in rules.modelled


# --- a version that has been released is never edited ---

# Value, provenance and source in the first release of v2-2025-01-15, before other versions came.
RELEASED = {
    "mr1.price_moves": (abc([0, 0.04, 0.08, 0.12], [0, 0.06, 0.12, 0.18], [0, 0.08, 0.16, 0.25]), "published", "S8"),
    "mr1.vol_shock_points": ([0.30, 0.20, 0.15, 0.12, 0.10], "modelled", "choice"),
    "mr1.vol_floor": (0.01, "modelled", "choice"),
    "mr2.horizon_days": (1, "corroborated", "summaries"),
    "mr4.floor": (abc(0.002, 0.008, 0.02), abc("published", "published", "corroborated"), "S1"),
    "mr4.annual_move": (abc(0.05, 0.15, 0.30), "published", "S8"),
    "mr5.pc2": (0.015, "modelled", "choice"),
    "mr6.price_move": (abc(0.24, 0.36, 0.50), "published", "S8"),
    "mr7.rate": (abc(0.0045, 0.0070, 0.0100), abc("inferred", "inferred", "modelled"), "S1"),
    "mr7.multiplier_bounds_usd": (
        abc(
            [250e3, 500e3, 1e6, 2e6, 3e6, 4e6],
            [175e3, 400e3, 725e3, 1075e3, 1725e3, 2375e3, 3025e3, 3675e3, 4325e3, 4975e3, 5625e3, 6275e3],
            [75e3, 200e3, 350e3],
        ),
        abc("corroborated", "modelled", "modelled"),
        "S16",
    ),
    "mr7.option.short_floor_frac": (0.002, "modelled", "choice"),
    "mr9.factor_cap": (0.40, "corroborated", "S18"),
    "mr9.count_spot": (False, "modelled", "choice"),
    "imr.multiple": (1.3, "published", "S1"),
    "borrow.step_amount": (
        borrowed(1e6, 35, 500, 0),
        borrowed("inferred", "published", "published", "modelled"),
        "S21",
    ),
    "borrow.step_rate": (0.01, "corroborated", "S21"),
    "ratio.liability_fee": (0.001, "inferred", "S1"),
    "account.minimum_equity_usd": (10e3, "published", "S2"),
}

# What the versions, borrowing and liquidation added to it.
ADDED = {
    *("mr7.funding_days", "borrow.daily_rate", "borrow.free_quota"),
    *("borrow.free_quota_usdt_adds_usdc", "borrow.free_quota_covers_balance"),
    *("conversion.quota_buffer_frac", "conversion.limit_utilisation", "conversion.limit_buy_frac"),
    *("conversion.fee_frac", "conversion.slippage_frac"),
    *(key for key in STRUCTURES["v2"] if key.startswith("liquidation.")),
}


@pytest.mark.parametrize("key", RELEASED)
def test_the_first_released_version_still_says_what_it_said(packaged, key):
    parameter = packaged["v2-2025-01-15"].parameters[key]
    assert (parameter.value, parameter.provenance, parameter.source) == RELEASED[key]


def test_the_first_released_version_has_new_parameters_and_lost_none(packaged):
    keys = set(packaged["v2-2025-01-15"].parameters)
    assert keys > ADDED
    assert len(keys - ADDED) == 42
    assert not {key for key in keys if key.startswith(("spot.", "mr4.forward_move", "mr4.basis_change"))}

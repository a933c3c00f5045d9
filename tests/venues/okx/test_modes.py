"""The rules of the other account modes by hand: okx_portfolio_margin.md section 19."""

from __future__ import annotations

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.errors import RulebookError
from shockgrid.io import mode_rules_file
from shockgrid.io.mode_rules_file import SHAPES, load_mode_rules
from shockgrid.venues.okx.modes.mode_tables import mode_tables
from shockgrid.venues.okx.modes.option_seller import (
    initial_margin,
    maintenance_margin,
    out_of_the_money_usd,
    sell_order_margin,
    seller_factor,
)
from shockgrid.venues.okx.modes.position_tiers import TierTable, contract_rates, tier_of, tier_rates
from shockgrid.venues.okx.modes.precheck import debt_to_repay, switch_code
from tests.documents import market_of

EXACT = {"rel": 1e-12, "abs": 0.0}
A, B = 0.1, 0.15
TIME, EXPIRY = "2025-06-20T12:00:00Z", "2025-09-26T08:00:00Z"


def row(*values):
    return np.array(values, float)


def initial(otm_usd, forward, mark, factor=1.0):
    return float(initial_margin(row(otm_usd), row(forward), row(mark), row(factor), A, B)[0])


def maintenance(is_call, mark, rate, factor=1.0):
    return float(maintenance_margin(np.array([is_call]), row(mark), row(factor), row(rate))[0])


def test_published_example_of_the_second_tier():
    """Copies of OKX's text of 2020: factor 1.02, 0.1 BTC a contract, 100 USD out of the money at 5,900, mark 0.0575."""
    margin = initial(100.0, 5900.0, 0.0575, 1.02)
    assert 0.1 * margin == pytest.approx(0.01932, abs=5e-6)
    # An order at 0.06 BTC needs 1.334 BTC for 100 contracts there, a fee of 0.00002 BTC a contract included.
    order = float(sell_order_margin(row(margin), row(0.06), 0.1)[0])
    assert 100 * (0.1 * order + 0.00002) == pytest.approx(1.334, abs=5e-4)


@pytest.mark.parametrize(
    ("is_call", "strike", "expected"),
    [(True, 110e3, 10e3), (True, 100e3, 0.0), (True, 90e3, 0.0), (False, 90e3, 10e3), (False, 110e3, 0.0)],
)
def test_distance_out_of_the_money(is_call, strike, expected):
    assert float(out_of_the_money_usd(np.array([is_call]), row(strike), row(100e3))[0]) == expected


@pytest.mark.parametrize(
    ("otm_usd", "mark", "factor", "expected"),
    [
        (0.0, 0.12, 1.0, 0.27),  # in the money: b + mark
        (2e3, 0.04, 1.0, 0.17),  # 2 % out: 0.15 - 0.02 + 0.04
        (5e3, 0.03, 1.0, 0.13),  # 5 % out: both sides of the maximum are 0.1
        (10e3, 0.02, 1.0, 0.12),  # further out the floor counts
        (60e3, 0.0, 1.04, 0.104),
        (2e3, 0.04, 1.5, 0.235),  # the factor is not on the mark
    ],
)
def test_initial_margin_of_a_seller(otm_usd, mark, factor, expected):
    assert initial(otm_usd, 100e3, mark, factor) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize(
    ("is_call", "mark", "rate", "factor", "expected"),
    [
        (True, 0.02, 0.03, 1.0, 0.05),
        (True, 0.02, 0.05, 1.0, 0.07),
        (True, 0.02, 0.03, 1.02, 0.0506),
        (False, 0.02, 0.03, 1.0, 0.05),
        (False, 1.0, 0.03, 1.0, 1.03),
        (False, 1.5, 0.03, 1.0, 1.545),  # c * mark above c only where the mark is above one coin
        (False, 1.5, 0.05, 1.02, 1.5765),
    ],
)
def test_maintenance_margin_of_a_seller(is_call, mark, rate, factor, expected):
    assert maintenance(is_call, mark, rate, factor) == pytest.approx(expected, **EXACT)


def test_order_to_sell_never_needs_less_than_a_tenth_of_a_coin():
    found = sell_order_margin(row(0.27, 0.27, 0.27), row(0.1, 0.17, 0.2), 0.1)
    assert found == pytest.approx([0.17, 0.1, 0.1], **EXACT)


def test_factor_of_sellers_at_the_bounds_of_tiers():
    sold = row(0.01, 1000.0, 1000.01, 2000.0, 2000.5, 10_000.0, 10_000.5, 9e9)
    size = row(1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 10_000.0, 10_000.0, 0.0)
    tier, factor = seller_factor(sold, size, 0.02)
    assert tier.tolist() == [1, 1, 2, 2, 3, 1, 2, 1]
    assert factor == pytest.approx([1.0, 1.0, 1.02, 1.02, 1.04, 1.0, 1.02, 1.0], **EXACT)
    assert [len(part) for part in seller_factor(row(), row(), 0.02)] == [0, 0]


def test_tiers_hold_their_upper_bound():
    bounds = row(500.0, 3000.0, 12_000.0, 24_000.0)
    amount = row(0.0, 1.0, 500.0, 500.1, 3000.0, 3001.0, 12_000.0, 24_000.0, 24_000.5, 36_000.0, 36_000.5, 1.2e6)
    assert tier_of(amount, bounds, 12_000.0).tolist() == [1, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 102]
    assert tier_of(amount, bounds, 0.0).tolist() == [1, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4]
    assert tier_of(amount, row(), 0.0).tolist() == [1] * 12


MAJORS = TierTable(
    row(1e6, 5e6, 20e6, 40e6), 20e6, row(0.004, 0.005, 0.01, 0.015), row(0.008, 0.01, 0.015, 0.02), 0.005, 1.0
)


def test_rates_grow_by_half_a_percent_beyond_the_table_up_to_the_cap():
    mmr, imr = tier_rates(np.array([1, 4, 5, 6, 200, 202, 10_000]), MAJORS)
    assert mmr == pytest.approx([0.004, 0.015, 0.02, 0.025, 0.995, 1.0, 1.0], **EXACT)
    assert imr == pytest.approx([0.008, 0.02, 0.025, 0.03, 1.0, 1.0, 1.0], **EXACT)


def test_initial_margin_is_that_of_the_leverage_but_no_less_than_the_tier_asks():
    notional = row(1e6, 1e6, 1e6, 6e6, 6e6)
    tier, mmr, imr = contract_rates(row(1, 1, 1, 1, 1), notional, row(1, 10, 1000, 50, 100), MAJORS)
    assert tier.tolist() == [1, 1, 1, 3, 3]
    assert mmr == pytest.approx([0.004, 0.004, 0.004, 0.01, 0.01], **EXACT)
    assert imr == pytest.approx([1.0, 0.1, 0.008, 0.02, 0.015], **EXACT)


def test_debt_that_the_mode_does_not_permit():
    liability, quota = row(30e3, 30e3, 30e3, 0.0, 10e3), row(20e3, 20e3, 20e3, 0.0, 20e3)
    auto = np.array([False, True, True, False, False])
    limit = row(np.inf, np.inf, 25e3, np.inf, 0.0)
    assert debt_to_repay(liability, auto, limit, quota).tolist() == [10e3, 0.0, 5e3, 0.0, 0.0]


def test_codes_of_the_precheck():
    """0 may switch, 1 something unmatched, 3 leverage must be set, 4 margin insufficient; the first obstacle counts."""
    unmatched = np.array([0, 0, 0, 0, 1, 1, 1, 1], bool)
    unset = np.array([0, 0, 1, 1, 0, 0, 1, 1], bool)
    short = np.array([0, 1, 0, 1, 0, 1, 0, 1], bool)
    assert switch_code(unmatched, unset, short).tolist() == [0, 4, 3, 3, 1, 1, 1, 1]


def contract(name, kind, coin, settle, **more):
    return {"id": name, "kind": kind, "coin": coin, "settle": settle, "contract_value": 1, "mark": 100.0} | more


def test_each_contract_finds_its_table():
    at = {"expiry": EXPIRY}
    option = {"strike": 100.0, "right": "call", "forward": 100.0, "vol": 0.5, "mark": 0.1, **at}
    document = {
        "format": "shockgrid.market/1",
        "time": TIME,
        "index": {f"{c}-{q}": 100.0 for c in ("BTC", "ETH", "SOL") for q in ("USD", "USDT")} | {"USDT-USD": 1.0},
        "instruments": [
            contract("BTC-USD-SWAP", "perpetual", "BTC", "BTC"),
            contract("BTC-USD-250926", "future", "BTC", "BTC", **at),
            contract("BTC-USDT-250926", "future", "BTC", "USDT", **at),
            contract("ETH-USD-250926", "future", "ETH", "ETH", **at),
            contract("SOL-USDT-SWAP", "perpetual", "SOL", "USDT"),
            contract("SOL-USD-250926", "future", "SOL", "SOL", **at),
            contract("BTC-USD-250926-100-C", "option", "BTC", "BTC", **option),
            contract("ETH-USD-250926-100-C", "option", "ETH", "ETH", **option),
            contract("SOL-USD-250926-100-C", "option", "SOL", "SOL", **option),
        ],
    }
    universe = market_of(document).universe
    tables = mode_tables(load_mode_rules(), universe)
    first = {str(name): tables.tiers[t].bounds[0] for name, t in zip(universe.ids, tables.tier_table, strict=True)}
    assert first["BTC-USD-250926"] == 500
    assert {first[name] for name in first if name != "BTC-USD-250926" and not name.endswith("-C")} == {1e6}
    least = {str(name): tables.tiers[t].imr_rates[0] for name, t in zip(universe.ids, tables.tier_table, strict=True)}
    assert {name: rate for name, rate in least.items() if rate == 0.02}.keys() >= {"SOL-USDT-SWAP", "SOL-USD-250926"}
    assert least["ETH-USD-250926"] == least["BTC-USDT-250926"] == least["BTC-USD-SWAP"] == 0.008
    option_numbers = {
        str(name): (float(tables.option.maintenance[i]), float(tables.option.tier_size[i]))
        for i, name in enumerate(universe.ids)
        if str(name).endswith("-C")
    }
    assert option_numbers == {
        "BTC-USD-250926-100-C": (0.03, 1000.0),
        "ETH-USD-250926-100-C": (0.05, 10_000.0),
        "SOL-USD-250926-100-C": (0.05, 0.0),
    }


def test_every_number_has_a_source_and_a_provenance():
    mode_rules = load_mode_rules()
    kinds = {"published", "corroborated", "inferred", "modelled"}
    assert set(mode_rules.parameters) == set(SHAPES)
    for key, parameter in mode_rules.parameters.items():
        groups = mode_rules.groupings[parameter.by].names if parameter.by else ("",)
        assert {parameter.provenance_of(group) for group in groups} <= kinds, key
        assert parameter.source in mode_rules.sources, key
        assert parameter.note, key
        assert not parameter.by or set(parameter.value) == set(groups), key
    assert all(source in {p.source for p in mode_rules.parameters.values()} | {"option_example"}
               for source in mode_rules.sources)  # fmt: skip
    # What section 19 marks as a choice.
    assert set(mode_rules.modelled) >= {"option.tier_size", "option.factor_step", "contract.bounds"}
    assert mode_rules.modelled["contract.mmr_rates"] == ("majors", "others")
    assert mode_rules.provenance["option.floor"] == "published"
    assert repr(mode_rules) == "ModeRules(okx/modes/2025-02-06, 14 parameters)"


def test_the_numbers_are_no_rulebook():
    assert not [name for name in sg.list_rulebooks() if "modes" in name]
    with pytest.raises(RulebookError, match="okx/modes"):
        sg.load_rulebook(mode_rules_file.NEWEST)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (('format = "shockgrid.mode_rules/1"', 'format = "shockgrid.rulebook/1"'), "format"),
        (("[option.base]", "[option.bass]"), "option.base"),
        (("value.majors = [1e6, 5e6, 20e6, 40e6]", "value.majors = [1e6, 5e6, 20e6]"), "contract.mmr_rates.majors"),
        (("value = 0.15", "value = 15.0"), "option.base"),
    ],
)
def test_a_malformed_file_names_the_place(monkeypatch, tmp_path, change, place):
    text = (mode_rules_file.resources.files("shockgrid.rulebooks") / f"{mode_rules_file.NEWEST}.toml").read_text()
    file = tmp_path / f"{mode_rules_file.NEWEST}.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text.replace(*change))
    monkeypatch.setattr(mode_rules_file.resources, "files", lambda _: tmp_path)
    with pytest.raises(RulebookError) as caught:
        load_mode_rules.__wrapped__()
    assert (caught.value.file, caught.value.path) == (str(file), place)

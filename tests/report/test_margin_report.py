"""What ``sg.margin`` gives back, keeps to itself, and refuses."""

from __future__ import annotations

import copy
import json
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of

# docs/formats.md, section "Results", MarginReport.
COLUMNS = {
    "accounts": (
        "account equity_usd gross_equity_usd derivatives_mmr_usd borrow_mmr_usd mmr_usd derivatives_imr_usd "
        "borrow_imr_usd imr_usd liability_usd margin_ratio status eligible rulebook"
    ),
    "units": (
        "account unit mr1 mr2 mr3 mr4 mr5 mr6 mr7 mr8 mr9 mmr_usd imr_usd dominant worst_price_move worst_vol_state "
        "spot_in_use delta_coin cash_delta_usd gamma_usd theta_usd vega_usd upl_usd"
    ),
    "scenarios": "account unit price_move vol_state pnl_usd",
    "positions": "account instrument quantity mark cash_delta_usd",
}
TEXT = {"account", "unit", "status", "rulebook", "dominant", "worst_vol_state", "vol_state", "instrument"}

TIME, EXPIRED, EXPIRY = "2025-06-20T12:00:00Z", "2025-06-20T12:00:00Z", "2025-09-26T08:00:00Z"


def instrument(name, kind, settle, size, mark, coin="BTC", **more):
    row = {"id": name, "kind": kind, "coin": coin, "settle": settle, "contract_value": size, "mark": mark}
    return row | more


OPTION = {"strike": 110e3, "right": "call", "forward": 105.2e3, "vol": 0.46}
MARKET = {
    "format": "shockgrid.market/1",
    "time": TIME,
    "index": {
        "BTC-USD": 104e3,
        "BTC-USDT": 104.03e3,
        "SOL-USD": 146.0,
        "SOL-USDT": 146.1,
        "USDT-USD": 0.9997,
        "USDC-USD": 0.9999,
    },
    "instruments": [
        # Ids in no order: a report's order is its own.
        instrument("SOL-USDT-SWAP", "perpetual", "USDT", 1, 146.2, coin="SOL"),
        instrument("BTC-USDT-SWAP", "perpetual", "USDT", 0.01, 104.02e3),
        instrument("BTC-USD-250926", "future", "BTC", 100, 105.2e3, expiry=EXPIRY),
        instrument("BTC-USD-250620", "future", "BTC", 100, 104.0e3, expiry=EXPIRED),
        instrument("BTC-USD-250926-110000-C", "option", "BTC", 0.01, 0.0581, expiry=EXPIRY, **OPTION),
    ],
}
TRADER = {
    "id": "trader",
    "balances": {"USDT": 25e3, "BTC": 0.4},
    "positions": [
        {"instrument": "BTC-USD-250926-110000-C", "quantity": -20, "average_price": 0.05},
        {"instrument": "SOL-USDT-SWAP", "quantity": 12.5},
        {"instrument": "BTC-USDT-SWAP", "quantity": 30, "average_price": 100e3},
        {"instrument": "BTC-USDT-SWAP", "quantity": -5},
    ],
    "orders": [{"instrument": "BTC-USD-250926", "quantity": 7, "price": 105e3}],
}
BORROWER = {"id": "borrower", "balances": {"USDT": -40e3, "BTC": 0.5}}
HOLDER = {"id": "a holder", "balances": {"USDT": 100.0}}
NOTHING = {"id": "nothing"}


@pytest.fixture(scope="module")
def market():
    return market_of(MARKET)


@pytest.fixture(scope="module")
def report(market, rules):
    return sg.margin(market, accounts_of(TRADER, NOTHING, BORROWER, HOLDER), rules)


@pytest.fixture(scope="module")
def empty_report(market, rules):
    """Of an accounts document without accounts."""
    return sg.margin(market, accounts_of(), rules)


@pytest.fixture(scope="module")
def idle_report(market, rules):
    """Of two accounts with nothing in them."""
    return sg.margin(market, accounts_of(NOTHING, {"id": "more of nothing"}), rules)


# -- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("which", ["report", "empty_report", "idle_report"])
def test_columns_are_those_of_the_format_also_when_there_are_no_rows(request, which, name):
    frame = getattr(request.getfixturevalue(which), name)
    assert list(frame.columns) == COLUMNS[name].split()


@pytest.mark.parametrize("name", COLUMNS)
def test_numbers_are_float64_and_names_are_text(report, name):
    frame = getattr(report, name)
    assert len(frame)
    for column, dtype in frame.dtypes.items():
        if column in TEXT:
            assert all(isinstance(value, str) for value in frame[column]), column
        else:
            assert dtype == (bool if column == "eligible" else np.float64), column


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("which", ["empty_report", "idle_report"])
def test_frames_without_rows_have_float64_columns_too(request, which, name):
    frame = getattr(request.getfixturevalue(which), name)
    for column in set(frame.columns) - TEXT - {"eligible"}:
        assert frame[column].dtype == np.float64, column


def test_no_account_makes_no_row(empty_report):
    assert [len(getattr(empty_report, name)) for name in COLUMNS] == [0, 0, 0, 0]


def test_accounts_with_nothing_in_them_are_safe(idle_report):
    accounts = idle_report.accounts
    assert accounts.account.tolist() == ["nothing", "more of nothing"]
    # "With no positions and no debt the ratio is +infinity" (okx_computation.md section 4).
    assert accounts.margin_ratio.tolist() == [np.inf, np.inf]
    assert accounts.status.tolist() == ["safe", "safe"]
    assert (accounts[[c for c in accounts if c.endswith("_usd")]] == 0).all(axis=None)
    assert len(idle_report.units) == len(idle_report.scenarios) == len(idle_report.positions) == 0


def test_accounts_keep_their_order_and_units_follow_it(report):
    assert report.accounts.account.tolist() == ["trader", "nothing", "borrower", "a holder"]
    assert list(zip(report.units.account, report.units.unit, strict=True)) == [("trader", "BTC"), ("trader", "SOL")]
    assert set(report.accounts.rulebook) == {report.rules.name}
    assert report.accounts.eligible.tolist() == [True, False, True, False]
    # 0.5 BTC against 40,000 USDT: 52,000 / (0.02 * 40,000 + ...) is far from any threshold.
    assert report.accounts.status.tolist() == ["safe", "safe", "safe", "safe"]
    assert report.accounts.borrow_mmr_usd.tolist()[2] == pytest.approx(0.02 * 40e3 * 0.9997, rel=1e-12)


def test_every_unit_has_21_cells_and_the_worst_one_is_reported(report):
    cells = report.scenarios.groupby(["account", "unit"], sort=False)
    assert cells.size().tolist() == [21, 21]
    for (account, unit), frame in cells:
        assert frame.vol_state.tolist() == ["up"] * 7 + ["unchanged"] * 7 + ["down"] * 7
        for _, moves in frame.groupby("vol_state"):
            assert moves.price_move.is_monotonic_increasing
            assert moves.price_move.nunique() == 7
        row = report.units[(report.units.account == account) & (report.units.unit == unit)].iloc[0]
        worst = frame[(frame.price_move == row.worst_price_move) & (frame.vol_state == row.worst_vol_state)]
        assert worst.pnl_usd.tolist() == [-row.mr1]
        assert row.mr1 == -frame.pnl_usd.min() > 0


def test_positions_are_netted_and_orders_are_none(report):
    rows = report.positions.set_index("instrument")
    assert rows.quantity.to_dict() == {"BTC-USDT-SWAP": 25, "BTC-USD-250926-110000-C": -20, "SOL-USDT-SWAP": 12.5}
    assert rows.mark.to_dict() == {
        "BTC-USDT-SWAP": 104.02e3,
        "BTC-USD-250926-110000-C": 0.0581,
        "SOL-USDT-SWAP": 146.2,
    }
    assert rows.cash_delta_usd["BTC-USDT-SWAP"] == pytest.approx(25 * 0.01 * 104.02e3 * 0.9997, rel=1e-12)
    by_unit = report.units.set_index("unit").cash_delta_usd
    assert rows.cash_delta_usd["SOL-USDT-SWAP"] == pytest.approx(by_unit["SOL"], rel=1e-12)
    assert rows.cash_delta_usd.drop("SOL-USDT-SWAP").sum() == pytest.approx(by_unit["BTC"], rel=1e-12)


def test_a_position_that_nets_to_zero_keeps_its_unit(market, rules):
    """A unit exists where there is a derivative position (okx_computation.md section 2)."""
    legs = [{"instrument": "SOL-USDT-SWAP", "quantity": q, "average_price": 140.0} for q in (3, -3)]
    report = sg.margin(market, accounts_of({"id": "flat", "positions": legs}), rules)
    assert report.units.unit.tolist() == ["SOL"]
    assert report.units.dominant.tolist() == ["none"]
    assert len(report.scenarios) == 21
    assert len(report.positions) == 0


# -- keeping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["report", "empty_report"])
def test_save_writes_what_reads_back_equal(request, which, tmp_path):
    report = request.getfixturevalue(which)
    folder = tmp_path / "not" / "there yet"
    report.save(folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "accounts.parquet",
        "manifest.json",
        "positions.parquet",
        "scenarios.parquet",
        "units.parquet",
    ]
    for name in COLUMNS:
        saved = pd.read_parquet(folder / f"{name}.parquet")
        # An empty column of names has no type that Parquet could keep.
        pd.testing.assert_frame_equal(saved, getattr(report, name), check_exact=True, check_dtype=which == "report")
    assert json.loads((folder / "manifest.json").read_text()) == report.manifest


def test_save_replaces_an_older_report(report, empty_report, tmp_path):
    report.save(tmp_path)
    empty_report.save(tmp_path)
    assert len(pd.read_parquet(tmp_path / "units.parquet")) == 0


def test_save_refuses_a_path_that_is_a_file(report, tmp_path):
    path = tmp_path / "taken"
    path.write_text("")
    with pytest.raises(sg.InputError) as caught:
        report.save(path)
    assert caught.value.file == str(path)


def test_manifest_says_what_the_numbers_rest_on(report):
    manifest = report.manifest
    assert set(manifest) == {
        "kind",
        "rulebook",
        "overrides",
        "modelled",
        "market",
        "derived",
        "accounts",
        "orders",
        "precision",
        "aggregation",
        "device",
        "versions",
    }
    assert manifest["rulebook"] == report.rules.name
    assert "mr3.kappa" in manifest["modelled"], "a modelling choice"
    assert "imr.multiple" not in manifest["modelled"], "published"
    assert manifest["market"] == {"file": report.market.source.file, "time": TIME}
    assert manifest["accounts"] == {"file": report.inputs.source.file, "count": 4}
    assert manifest["precision"] == "float64"
    assert set(manifest["versions"]) == {"shockgrid", "jax", "numpy"}


# -- manners ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x64_before", [False, True])
def test_precision_of_jax_stays_as_it_was(market, rules, report, x64_before):
    """Results are float64 either way, and arrays that others make have the precision that they chose."""
    with jax.enable_x64(x64_before):
        again = sg.margin(market, accounts_of(TRADER, NOTHING, BORROWER, HOLDER), rules)
        assert jax.config.jax_enable_x64 is x64_before
        assert jnp.zeros(1).dtype == (jnp.float64 if x64_before else jnp.float32)
    for name in COLUMNS:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(report, name), check_exact=True)


def test_precision_of_jax_stays_as_it_was_when_margin_fails(market, rules):
    before = jax.config.jax_enable_x64
    with pytest.raises(sg.InputError):
        sg.margin(market, accounts_of({"id": "a", "balances": {"XYZ": 1}}), rules)
    assert jax.config.jax_enable_x64 is before


@contextmanager
def counted_compilations():
    """Programs that XLA compiles inside, in this list."""
    compiled = []

    def listen(event, duration, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def traders(count, quantity):
    return [copy.deepcopy(TRADER) | {"id": f"trader {k}", "balances": {"USDT": k * quantity}} for k in range(count)]


def test_books_of_one_size_bucket_compile_once(rules):
    """Sizes are rounded up to buckets (numerics.size_bucket); prices, quantities and rules are data."""
    with counted_compilations() as first:
        sg.margin(market_of(MARKET), accounts_of(*traders(257, 1000.0)), rules)
    assert first, "the listener hears nothing: has JAX renamed the event?"
    moved = copy.deepcopy(MARKET)
    moved["index"]["BTC-USD"] *= 1.01
    moved["instruments"][0]["mark"] *= 0.99
    entries = traders(258, -500.0)
    entries[3]["positions"].pop()
    entries[4]["positions"][1]["quantity"] = -3.0
    with counted_compilations() as second:
        sg.margin(market_of(moved), accounts_of(*entries), rules)
        sg.margin(market_of(moved), accounts_of(*entries[::-1]), rules)
    assert second == []


# -- refusals ---------------------------------------------------------------------------------------------------------

MARKET_TIME = "the market's time 2025-06-20T12:00:00Z"
REFUSED_ACCOUNTS = {
    "unknown instrument held": (
        {"positions": [{"instrument": "SOL-USDT-SWAP", "quantity": 1}, {"instrument": "BTC-EUR-SWAP", "quantity": 1}]},
        "accounts[1].positions[1].instrument",
        "an instrument of the market {market}",
        "'BTC-EUR-SWAP'",
    ),
    "spot pair held": (
        {"positions": [{"instrument": "BTC-USDT", "quantity": 1}]},
        "accounts[1].positions[0].instrument",
        "an instrument of the market {market}",
        "'BTC-USDT'",
    ),
    "expired instrument held": (
        {"positions": [{"instrument": "BTC-USD-250620", "quantity": 1}]},
        "accounts[1].positions[0].instrument",
        f"an instrument live at {MARKET_TIME}",
        "'BTC-USD-250620', expired 2025-06-20T12:00:00Z",
    ),
    "expired instrument ordered": (
        {"orders": [{"instrument": "BTC-USD-250620", "quantity": 1, "price": 104e3}]},
        "accounts[1].orders[0].instrument",
        f"an instrument live at {MARKET_TIME}",
        "'BTC-USD-250620', expired 2025-06-20T12:00:00Z",
    ),
    "unknown currency": (
        {"balances": {"USDT": 1, "XYZ": 1}},
        "accounts[1].balances.XYZ",
        "a currency with an index price (XYZ-USD) in the market {market}",
        "'XYZ'",
    ),
    "unknown coin of a limit": (
        {"spot_limits": {"XYZ": 1}},
        "accounts[1].spot_limits.XYZ",
        "a currency with an index price (XYZ-USD) in the market {market}",
        "'XYZ'",
    ),
    "spot order with an unknown quote": (
        {"orders": [{"instrument": "BTC-EUR", "quantity": 1, "price": 9e4}]},
        "accounts[1].orders[0].instrument",
        "an instrument of the market {market}, or a spot pair of two of its currencies",
        "'BTC-EUR'",
    ),
    "spot order with an unknown base": (
        {"orders": [{"instrument": "XYZ-USDT", "quantity": 1, "price": 1}]},
        "accounts[1].orders[0].instrument",
        "an instrument of the market {market}, or a spot pair of two of its currencies",
        "'XYZ-USDT'",
    ),
}


@pytest.mark.parametrize(("entry", "path", "expected", "found"), REFUSED_ACCOUNTS.values(), ids=REFUSED_ACCOUNTS.keys())
def test_what_the_market_cannot_price_is_refused_with_its_place(market, rules, entry, path, expected, found):
    accounts = accounts_of(TRADER, {"id": "wrong", **entry})
    with pytest.raises(sg.InputError) as caught:
        sg.margin(market, accounts, rules)
    error = caught.value
    assert error.file == accounts.source.file
    assert error.path == path
    assert error.expected == expected.format(market=market.source.file)
    assert error.found == found


# SOL falls by at most 36 % in MR6, by 25 % in MR1; BTC by 24 %.
REFUSED_PRICES = {
    "mark of a perpetual": (0, {"mark": 0.36 * 146.0}, "mark", "a mark of SOL-USDT-SWAP above 0", "-36%"),
    "mark of a future": (2, {"mark": 0.2 * 104e3}, "mark", "a mark of BTC-USD-250926 above 0", "-24%"),
    "forward of an option": (
        4,
        {"forward": 0.23 * 104e3},
        "forward",
        "a forward of BTC-USD-250926-110000-C above 0",
        "-24%",
    ),
}


@pytest.mark.parametrize(
    ("row", "change", "column", "expected", "move"), REFUSED_PRICES.values(), ids=REFUSED_PRICES.keys()
)
def test_a_shock_below_zero_is_refused_with_its_place(rules, row, change, column, expected, move):
    """``mark + s I > 0`` and ``F + s I > 0`` in every grid (okx_computation.md section 2a), whether held or not."""
    document = copy.deepcopy(MARKET)
    document["instruments"][row] |= change
    market = market_of(document)
    with pytest.raises(sg.ShockError) as caught:
        sg.margin(market, accounts_of(NOTHING), rules)
    error = caught.value
    assert error.file == market.source.file
    assert error.path == f"instruments[{row}].{column}"
    assert error.expected.startswith(expected)
    assert move in error.expected


def test_an_expired_instrument_may_be_listed_and_is_not_shocked(rules):
    document = copy.deepcopy(MARKET)
    document["instruments"][3]["mark"] = 1.0
    report = sg.margin(market_of(document), accounts_of(NOTHING), rules)
    assert report.accounts.mmr_usd.tolist() == [0.0]


@pytest.mark.parametrize(
    "entry",
    [
        {"positions": [{"instrument": "BTC-USDT-SWAP", "quantity": 1e308}]},
        {"balances": {"BTC": -1e308}},
    ],
)
def test_what_overflows_is_refused_and_never_called_safe(rules, entry):
    swap = {"id": "BTC-USDT-SWAP", "kind": "perpetual", "coin": "BTC", "settle": "USDT", "contract_value": 1}
    document = {
        "format": "shockgrid.market/1",
        "time": "2025-02-01T00:00:00Z",
        "index": {"BTC-USD": 1e5, "BTC-USDT": 1e5, "USDT-USD": 1.0},
        "instruments": [{**swap, "mark": 1e5}],
    }
    with pytest.raises(sg.InputError, match="finite") as caught:
        sg.margin(market_of(document), accounts_of({"id": "ok"}, {"id": "big", **entry}), rules)
    assert caught.value.path == "accounts[1].id"


def test_a_spot_order_in_a_market_without_instruments(rules):
    document = {
        "format": "shockgrid.market/1",
        "time": "2025-02-01T00:00:00Z",
        "index": {"BTC-USD": 9e4, "USDT-USD": 1.0},
        "instruments": [],
    }
    order = {"instrument": "BTC-USDT", "quantity": 1, "price": 9e4}
    report = sg.margin(market_of(document), accounts_of({"id": "a", "orders": [order]}), rules)
    assert report.accounts.borrow_imr_usd[0] == pytest.approx(9e4 * 0.10)
    with pytest.raises(sg.InputError, match="spot pair of two"):
        sg.margin(market_of(document), accounts_of({"id": "a", "orders": [{**order, "instrument": "BTC-BTC"}]}), rules)


def test_files_have_one_schema_whether_frames_are_empty_or_not(rules, tmp_path):
    market = sg.synthetic_market(strikes_per_expiry=4, expiries=2)
    sg.margin(market, sg.synthetic_accounts(market, 12), rules).save(tmp_path / "full")
    sg.margin(market, accounts_of(), rules).save(tmp_path / "empty")
    for name in ("accounts", "units", "scenarios", "positions"):
        full, empty = (pq.read_schema(tmp_path / kind / f"{name}.parquet") for kind in ("full", "empty"))
        assert full.equals(empty), name


def test_a_report_that_cannot_be_written_is_an_input_error(rules, tmp_path):
    (tmp_path / "report" / "accounts.parquet").mkdir(parents=True)
    market = sg.synthetic_market(strikes_per_expiry=4, expiries=2)
    with pytest.raises(sg.InputError, match="a folder that can be written"):
        sg.margin(market, accounts_of({"id": "a"}), rules).save(tmp_path / "report")

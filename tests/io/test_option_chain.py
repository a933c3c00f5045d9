"""Option chains: each layout gives back the market it was made from, and real files agree with themselves."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from shockgrid.errors import InputError
from shockgrid.io.native import read_market
from shockgrid.io.option_chain import read_option_chain

TIMES = pd.to_datetime(["2021-06-14T04:00:46Z", "2021-06-15T04:00:43Z"])
EXPIRIES = pd.to_datetime(["2021-06-16T08:00Z", "2021-06-25T08:00Z", "2021-12-31T08:00Z"])
FORWARDS = {EXPIRIES[0]: 40_100.0, EXPIRIES[1]: 40_300.0, EXPIRIES[2]: 42_000.0}
STRIKES = np.array([30_000, 35_000, 38_000, 40_000, 42_000, 45_000, 50_000], float)
DECIMALS = {"mark": 4, "delta": 5, "vol": 4}


def true_value(forward, strike, vol, years, is_call):
    """Value in coin and delta, by the book."""
    deviation = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + deviation / 2
    sign = np.where(is_call, 1, -1)
    value = sign * (norm.cdf(sign * d1) - strike / forward * norm.cdf(sign * (d1 - deviation)))
    return value, sign * norm.cdf(sign * d1)


def chain(times=TIMES, strikes=STRIKES) -> pd.DataFrame:
    """Every option at every time, with all there is to know of it, rounded as exchanges do."""
    product = pd.MultiIndex.from_product([times, EXPIRIES, strikes, ["C", "P"]])
    frame = product.to_frame(index=False, name=["snapshot_utc", "expiry_utc", "strike_usd", "option_type"])
    frame["forward"] = frame["expiry_utc"].map(FORWARDS).astype(float)
    years = ((frame["expiry_utc"] - frame["snapshot_utc"]).dt.total_seconds() / (365 * 86400)).to_numpy()
    frame["vol"] = np.round(0.8 + 0.3 * np.log(frame["strike_usd"] / 40_000) ** 2, DECIMALS["vol"])
    is_call = (frame["option_type"] == "C").to_numpy()
    numbers = [frame[key].to_numpy() for key in ("forward", "strike_usd", "vol")]
    frame["value"], delta = true_value(*numbers, years, is_call)
    frame["delta"] = np.round(delta, DECIMALS["delta"])
    day = frame["expiry_utc"].dt.strftime("%d%b%y").str.upper()
    frame["instrument"] = "BTC-" + day + "-" + frame["strike_usd"].astype(int).astype(str) + "-" + frame["option_type"]
    return frame


COMMON = ["snapshot_utc", "instrument", "expiry_utc", "option_type"]


def deribit_end_of_day(frame):
    new = frame[[*COMMON, "strike_usd", "delta"]].copy()
    new["underlying_price_usd"], new["mark_iv_pct"] = frame["forward"], frame["vol"] * 100
    new["open_interest_btc"], new["volume_24h_btc"] = 10.0, np.nan
    return new


def deribit_hourly(frame):
    new = frame[[*COMMON, "strike_usd", "delta"]].copy()
    new["mark_iv_pct"] = frame["vol"] * 100
    return new


def deribit_dated(frame):
    new = frame[["expiry_utc", "option_type", "strike_usd"]].copy()
    new["snapshot_date_approx"] = frame["snapshot_utc"].dt.strftime("%Y-%m-%d")
    new["currency"], new["index_price_usd"] = "BTC", np.linspace(39_990, 40_010, len(frame))
    new["mark_price_coin"], new["mark_iv_pct"] = np.round(frame["value"], DECIMALS["mark"]), frame["vol"] * 100
    new["instrument_created_utc"] = pd.Timestamp("2021-01-01T08:00Z")
    return new


def binance(frame):
    new = frame[[*COMMON, "delta"]].copy()
    new["strike_usdt"], new["mark_iv"] = frame["strike_usd"], frame["vol"]
    new["mark_price_usdt"] = frame["value"] * frame["forward"]
    new["open_interest_contracts"] = 2.0
    return new


def written(tmp_path, frame) -> Path:
    path = tmp_path / "chain.parquet"
    frame.to_parquet(path, index=False)
    return path


def agrees(market, frame, forward, mark):
    """Whether a market is the one a frame was made from, within relative and absolute tolerances."""
    table = market.table
    assert len(table) == len(frame)
    assert (table.kind == "option").all()
    assert (table.settle == "BTC").all()
    assert (table.contract_value == 1.0).all()
    assert table.right.tolist() == ["call" if right == "C" else "put" for right in frame["option_type"]]
    assert table.strike.tolist() == frame["strike_usd"].tolist()
    assert table.vol == pytest.approx(frame["vol"].to_numpy(), rel=1e-12)
    assert table.forward == pytest.approx(frame["forward"].to_numpy(), rel=forward)
    assert table.mark == pytest.approx(frame["value"].to_numpy(), abs=mark)
    return True


def one_day(frame):
    return frame[frame["snapshot_utc"] == TIMES[1]].reset_index(drop=True)


def test_an_own_forward_is_kept_and_marks_are_black_76(tmp_path):
    market = read_option_chain(written(tmp_path, deribit_end_of_day(chain())), snapshot="2021-06-15")
    assert market.time == np.datetime64("2021-06-15T04:00:43")
    assert agrees(market, one_day(chain()), forward=0, mark=1e-12)
    assert market.index["BTC-USD"] == 40_100
    assert market.table.id[0] == "BTC-16JUN21-30000-C"
    # Open interest is in coin; no volume is given at all.
    assert set(market.table.details) == {"open_interest_usd"}
    assert (market.table.details["open_interest_usd"] == 401_000).all()
    assert market.derived == (
        "index BTC-USD = 40100.00: the forward of the shortest expiry; the file has no index",
        "mark of 42 options: Black-76 of the mark volatility",
        "open_interest_usd: coin amounts times the index",
    )


def test_forwards_follow_from_deltas(tmp_path):
    market = read_option_chain(written(tmp_path, deribit_hourly(chain())), snapshot="2021-06-15")
    assert agrees(market, one_day(chain()), forward=1e-5, mark=1e-5)
    forward = "forward of 42 options: median implied by the deltas of the mark volatilities, by expiry (3)"
    assert forward in market.derived
    assert market.index["BTC-USD"] == pytest.approx(40_100, rel=1e-5)


def test_a_few_wrong_deltas_move_no_forward(tmp_path):
    frame = deribit_hourly(one_day(chain()))
    frame.loc[frame["strike_usd"] == 45_000, "delta"] *= 0.8
    market = read_option_chain(written(tmp_path, frame))
    assert agrees(market, one_day(chain()), forward=2e-3, mark=2e-3)


def test_forward_and_time_follow_from_marks(tmp_path):
    frame = one_day(chain())
    market = read_option_chain(written(tmp_path, deribit_dated(frame)))
    # Marks are rounded to 0.0001, which is why neither is exact.
    assert abs(market.time - np.datetime64("2021-06-15T04:00:43")) < np.timedelta64(10, "m")
    assert agrees(market, frame, forward=2e-4, mark=5.1e-5)
    assert market.index["BTC-USD"] == pytest.approx(40_000)
    assert market.table.id[[0, -1]].tolist() == ["BTC-16JUN21-30000-C", "BTC-31DEC21-50000-P"]
    assert (market.table.details["listed"] == np.datetime64("2021-01-01T08:00")).all()
    assert [note.split(" ")[0] for note in market.derived] == ["time", "forward", "index", "ids"]
    assert "the median of the rows (39990.00 to 40010.00)" in market.derived[2]


def test_a_dated_file_may_be_told_its_time(tmp_path):
    path = written(tmp_path, deribit_dated(one_day(chain())))
    market = read_option_chain(path, snapshot="2021-06-15T06:00+02:00")
    assert market.time == np.datetime64("2021-06-15T04:00")
    assert not any("time" in note for note in market.derived)
    assert read_option_chain(path, snapshot="2021-06-15").time == read_option_chain(path).time


def test_an_expiry_without_pairs_lies_between_its_neighbours(tmp_path):
    frame = one_day(chain())
    lonely = (frame["expiry_utc"] == EXPIRIES[1]) & (frame["option_type"] == "P")
    frame = frame[~lonely].reset_index(drop=True)
    market = read_option_chain(written(tmp_path, deribit_dated(frame)), snapshot="2021-06-15T04:00:43")
    middle = market.table.forward[market.table.expiry == np.datetime64("2021-06-25T08:00")]
    weight = (EXPIRIES[1] - EXPIRIES[0]) / (EXPIRIES[2] - EXPIRIES[0])
    expected = 40_100 * (42_000 / 40_100) ** weight
    assert middle == pytest.approx(np.full(len(middle), expected), rel=2e-4)
    assert "by expiry (3, 1 of them from its neighbours)" in market.derived[0]


def test_usdt_marks_become_coin_marks(tmp_path):
    market = read_option_chain(written(tmp_path, binance(chain())), snapshot=TIMES[1])
    assert agrees(market, one_day(chain()), forward=1e-5, mark=1e-5)
    assert any("USDT read as coin-settled (a research proxy)" in note for note in market.derived)
    assert not any(note.startswith("mark of") for note in market.derived)


def test_a_missing_mark_or_forward_is_filled_and_counted(tmp_path):
    frame = deribit_end_of_day(one_day(chain()))
    frame.loc[[0, 20], "underlying_price_usd"] = np.nan
    frame["mark_price_coin"] = one_day(chain())["value"]
    frame.loc[[3, 4, 5], "mark_price_coin"] = np.nan
    market = read_option_chain(written(tmp_path, frame))
    assert agrees(market, one_day(chain()), forward=1e-12, mark=1e-12)
    assert "forward of 2 options: median of the rows that have one, by expiry (3)" in market.derived
    assert "mark of 3 options: Black-76 of the mark volatility" in market.derived


def test_given_index_prices_go_first(tmp_path):
    path = written(tmp_path, deribit_end_of_day(one_day(chain())))
    market = read_option_chain(path, index={"BTC-USD": 40_050.0, "USDT-USD": 0.999}, contract_value=0.1)
    assert market.index == {"BTC-USD": 40_050.0, "USDT-USD": 0.999, "USD-USD": 1.0}
    assert not any(note.startswith("index") for note in market.derived)
    assert (market.table.contract_value == 0.1).all()


@pytest.mark.parametrize(
    "snapshot",
    [
        "2021-06-15",
        "2021-06-15T04",
        "2021-06-15T04:00",
        "2021-06-15 04:00:43",
        "2021-06-15T04:00:43.000Z",
        "2021-06-15T06:00+02:00",
        datetime(2021, 6, 15, 4, 0, 43),
        datetime(2021, 6, 15, 4, 0, 43, tzinfo=UTC),
    ],
)
def test_a_snapshot_is_named_as_finely_as_needed(tmp_path, snapshot):
    path = written(tmp_path, deribit_end_of_day(chain()))
    assert read_market(path, snapshot=snapshot).time == np.datetime64("2021-06-15T04:00:43")


@pytest.mark.parametrize(
    ("snapshot", "expected", "found"),
    [
        (None, "one of 2 snapshots: 2021-06-14T04:00:46Z, 2021-06-15T04:00:43Z", "none chosen"),
        ("2022-01-01", "one of 2 snapshots: 2021-06-14T04:00:46Z, 2021-06-15T04:00:43Z", "'2022-01-01'"),
        (datetime(2021, 6, 15), "one of 2 snapshots: 2021-06-14", "'2021-06-15 00:00:00'"),
        ("15 June", "an ISO 8601 time or day", "'15 June'"),
    ],
)
def test_a_snapshot_that_is_not_there_gets_a_list(tmp_path, snapshot, expected, found):
    path = written(tmp_path, deribit_end_of_day(chain()))
    with pytest.raises(InputError) as caught:
        read_market(path, snapshot=snapshot)
    assert (caught.value.file, caught.value.path) == (str(path), "snapshot")
    assert expected in caught.value.expected
    assert caught.value.found == found


def test_a_day_of_several_snapshots_gets_a_list_of_them(tmp_path):
    times = pd.date_range("2021-06-14T22:00Z", periods=20, freq="1h")
    path = written(tmp_path, deribit_end_of_day(chain(times)))
    with pytest.raises(InputError) as caught:
        read_market(path, snapshot="2021-06-15")
    assert "one of 18 snapshots: 2021-06-15T00:00:00Z" in caught.value.expected
    assert "..., 2021-06-15T17:00:00Z" in caught.value.expected
    assert caught.value.found == "'2021-06-15', which is several"


def unusable_chain():
    """The later snapshot after the first expiry, and two options without volatility."""
    times = pd.to_datetime(["2021-06-14T08:00Z", "2021-06-16T08:00Z"])
    frame = deribit_end_of_day(chain(TIMES))
    frame["snapshot_utc"] = frame["snapshot_utc"].map(dict(zip(TIMES, times, strict=True)))
    late = frame.index[frame["snapshot_utc"] == times[1]]
    frame.loc[late[-1], "mark_iv_pct"] = 0.0
    frame.loc[late[-2], "mark_iv_pct"] = np.nan
    return frame, late


def test_unusable_options_do_not_vanish(tmp_path):
    frame, late = unusable_chain()
    path = written(tmp_path, frame)
    with pytest.raises(InputError) as caught:
        read_market(path, snapshot="2021-06-16")
    assert caught.value.path == f"row {late[0]} column expiry_utc"
    expected = "an expiry after 2021-06-16T08:00:00Z (drop_unusable leaves out 16 options)"
    assert caught.value.expected == expected
    assert caught.value.found == "2021-06-16T08:00:00Z"

    market = read_market(path, snapshot="2021-06-16", drop_unusable=True)
    assert len(market.table) == 42 - 16
    assert "16 options left out: 14 expired at the snapshot, 2 without a mark volatility" in market.derived
    assert market.index["BTC-USD"] == 40_300


def test_an_option_without_volatility_is_named(tmp_path):
    frame = deribit_end_of_day(one_day(chain()))
    frame.loc[7, "mark_iv_pct"] = 0.0
    with pytest.raises(InputError) as caught:
        read_market(written(tmp_path, frame))
    assert caught.value.path == "row 7 column mark_iv_pct"
    assert caught.value.expected == "a volatility above 0 (drop_unusable leaves out 1 option)"


def test_nothing_usable_is_no_market(tmp_path):
    frame = deribit_end_of_day(one_day(chain()))
    frame["mark_iv_pct"] = 0.0
    with pytest.raises(InputError, match="a live option with a mark volatility"):
        read_market(written(tmp_path, frame), drop_unusable=True)


@pytest.mark.parametrize(
    ("change", "place", "expected"),
    [
        (lambda f: f.drop(columns="snapshot_utc"), "columns", "snapshot_utc or snapshot_date_approx"),
        (lambda f: f.drop(columns="strike_usd"), "columns", "strike_usd or strike_usdt"),
        (lambda f: f.drop(columns="mark_iv_pct"), "columns", "mark_iv_pct or mark_iv"),
        (lambda f: f.drop(columns="expiry_utc"), "column expiry_utc", "the column"),
        (
            lambda f: f.drop(columns=["underlying_price_usd", "delta"]),
            "columns",
            "underlying_price_usd, delta, or marks",
        ),
        (lambda f: f.assign(option_type="X"), "row 0 column option_type", "C or P"),
        (lambda f: f.assign(strike_usd="x"), "column strike_usd", "a column of numbers"),
        (lambda f: f.assign(strike_usd=f["strike_usd"].where(f.index != 5)), "row 5 column strike_usd", "a value"),
        (lambda f: f.assign(instrument="same"), "row 1 column instrument", "ids that occur once"),
        (lambda f: f.assign(expiry_utc=f["expiry_utc"].dt.tz_localize(None)), "column expiry_utc", "with a time zone"),
    ],
)
def test_a_mistake_in_a_chain_is_located(tmp_path, change, place, expected):
    path = written(tmp_path, change(deribit_end_of_day(one_day(chain()))))
    with pytest.raises(InputError) as caught:
        read_market(path)
    assert (caught.value.file, caught.value.path) == (str(path), place)
    assert expected in caught.value.expected


def test_a_damaged_file_is_no_chain(tmp_path):
    path = tmp_path / "chain.parquet"
    path.write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read_market(path)
    assert (caught.value.file, caught.value.path) == (str(path), "file")


@pytest.fixture(scope="module")
def real():
    """Folder of the real chains."""
    root = Path(__file__).parents[2]
    folder = root / os.environ.get("SHOCKGRID_SHARED", "../shared") / "data" / "options"
    if not folder.is_dir():
        pytest.skip(f"no real option chains at {folder} (set SHOCKGRID_SHARED)")
    return folder


DAILY = "deribit_btc_eod_chain_2021-06_2021-07.parquet"
DATED = "deribit_btc_chain_2024-05-24.parquet"
HOURLY = "deribit_btc_hourly_chain_2026-01-23.parquet"
BINANCE = "binance_btc_hourly_chain_2023-10-20_22.parquet"


def residual(market) -> np.ndarray:
    """Marks less Black-76 of their volatility."""
    s, terms = market.snapshot, market.universe.contracts
    return s.mark - true_value(s.forward, terms.strike, s.vol, s.years, terms.is_call)[0]


def test_deribit_by_day(real):
    market = read_market(real / DAILY, snapshot="2021-06-15")
    assert len(market.table) == 408
    assert market.index["BTC-USD"] == pytest.approx(40_447, abs=1)
    assert np.abs(residual(market)).max() < 1e-12
    quotes = pd.read_parquet(real / DAILY)
    quotes = quotes[quotes["snapshot_utc"].dt.strftime("%Y-%m-%d") == "2021-06-15"].reset_index(drop=True)
    two_sided = quotes[["bid_price_btc", "ask_price_btc"]].notna().all(axis=1)
    inside = (quotes["bid_price_btc"] <= market.table.mark) & (market.table.mark <= quotes["ask_price_btc"])
    assert inside[two_sided].mean() > 0.98


def test_deltas_give_back_deribits_forwards(real, tmp_path):
    frame = pd.read_parquet(real / DAILY)
    quoted = read_market(real / DAILY, snapshot="2021-06-15")
    path = written(tmp_path, frame.drop(columns="underlying_price_usd"))
    derived = read_market(path, snapshot="2021-06-15")
    # Rows of one expiry were captured over seconds, so that their own forwards differ by about a basis point.
    for expiry in np.unique(quoted.table.expiry):
        rows = quoted.table.expiry == expiry
        assert np.median(derived.table.forward[rows]) == pytest.approx(np.median(quoted.table.forward[rows]), rel=5e-5)


def test_deribit_with_a_date(real):
    market = read_market(real / DATED)
    assert len(market.table) == 578
    # After the last listing and before the first expiry.
    assert np.datetime64("2024-05-24T13:06") < market.time < np.datetime64("2024-05-25T08:00")
    assert market.index["BTC-USD"] == pytest.approx(68_798, abs=1)
    # Marks have four decimals.
    assert np.median(np.abs(residual(market))) < 5e-5
    assert "1 of them from its neighbours" in market.derived[1]


def test_deribit_by_hour(real):
    market = read_market(real / HOURLY, snapshot="2026-01-23T12:00Z")
    curve = [np.median(market.table.forward[market.table.expiry == t]) for t in np.unique(market.table.expiry)]
    assert len(curve) == 12
    assert (np.diff(curve) > 0).all()
    assert np.abs(residual(market)).max() < 1e-12


def test_binance_by_hour(real):
    path = real / BINANCE
    with pytest.raises(InputError, match="drop_unusable leaves out 34 options"):
        read_market(path, snapshot="2023-10-20T08:00Z")
    market = read_market(path, snapshot="2023-10-20T08:00Z", drop_unusable=True)
    assert len(market.table) == 218
    # Binance computes volatility and delta from the index: all forwards are the index.
    assert np.ptp(market.table.forward) / market.index["BTC-USD"] < 3e-4
    assert np.median(np.abs(residual(market))) < 1e-4


@pytest.mark.parametrize("name", [DAILY, HOURLY, BINANCE])
def test_every_snapshot_can_be_read(real, name):
    for time in pd.read_parquet(real / name, columns=["snapshot_utc"])["snapshot_utc"].unique():
        market = read_market(real / name, snapshot=time, drop_unusable=True)
        assert np.isfinite(market.snapshot.mark).all()
        front = market.snapshot.forward[np.argmin(market.universe.expiry)]
        assert front == pytest.approx(market.index["BTC-USD"], rel=3e-3)

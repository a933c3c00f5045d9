"""The stress sets that the project ships: they read, they run, and what they call history follows from the data."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest

import shockgrid as sg

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs" / "stress").glob("*.toml"))
HISTORY = ROOT / "configs" / "stress" / "historical_days.toml"
FAMILIES = ("price", "vol", "peg", "basis")

STABLE = ["DAI", "USD1"]
COINS = ["BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "BNB", "LTC", "BCH", "LINK"]
"""Coins that have figures of their own where the data has them."""

DAY = pd.Timedelta("1D")
Moves = dict[str, dict[str, float]]
Computed = tuple[Moves, str]
"""Moves by family, and how the source of the stress begins."""


def by_stem(path: Path) -> str:
    return path.stem


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.mark.parametrize("path", FILES, ids=by_stem)
def test_reads_and_says_what_it_is(path):
    stresses = sg.read_stresses(path)
    assert stresses
    assert all(stress.source for stress in stresses)
    head = list(chain.from_iterable(line.split() for line in path.read_text().splitlines() if line.startswith("#")))
    command = ["shockgrid", "stress", "examples/market.json", "examples/accounts.json", f"configs/stress/{path.name}"]
    assert any(head[i : i + len(command)] == command for i in range(len(head)))


def test_names_are_unique_over_all_files():
    names = [stress.name for path in FILES for stress in sg.read_stresses(path)]
    assert len(FILES) >= 3
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", FILES, ids=by_stem)
def test_runs_on_the_examples(path, rules):
    """Every stress moves something, but the points of a grid at which nothing moves."""
    market, accounts = sg.read_market(ROOT / "examples/market.json"), sg.read_accounts(ROOT / "examples/accounts.json")
    found = sg.stress(market, accounts, rules, path)
    assert len(found.stresses) == len(sg.read_stresses(path))
    pnl = found.accounts.groupby("stress").pnl_usd.agg(lambda x: x.abs().sum())
    for stress in found.stresses:
        moves = [move for family in FAMILIES for move in getattr(stress, family).values()]
        assert (pnl[stress.name] > 0) == any(moves), stress.name


def test_a_stress_of_prices_moves_every_coin():
    for stress in sg.read_stresses(HISTORY):
        assert "*" in stress.price


class Data:
    """What the figures are computed from. Bars are labelled by their open, closes here by their own time."""

    def __init__(self, shared: Path) -> None:
        self._folder = shared / "data"
        dvol = self._read("options/deribit_dvol_btc_daily_2022-2025")
        self._dvol = dvol.set_index(dvol.date_utc + DAY).dvol_close_pct / 100.0

    def day(self, day: str, days: int = 1, *, vol: bool = False) -> Computed:
        """Close of a day over the close of some days before; others move by the median of the other pairs."""
        bars = self._read("spot/coinbase_spot_daily_2020-2025")
        closes = bars.pivot_table("close", "date_utc", "pair")
        last, first = utc(day), utc(day) - days * DAY
        moves = self._moves(_ratio(closes, last, first), last + DAY, days * DAY, vol=vol)
        return moves, f"Coinbase, USD, daily bars, close of {last:%Y-%m-%d} over close of {first:%Y-%m-%d}"

    def worst(self, coin: str, day: str, file: str, *, best: bool = False, vol: bool = False) -> Computed:
        """The 24 hours in which a coin fell (or rose) most, of those that end on the day or at most 3 hours later."""
        closes = self._hourly(file)
        before = closes.set_axis(closes.index + DAY).reindex(closes.index)[f"{coin}/USDT"]
        moves = (closes[f"{coin}/USDT"] / before - 1.0).loc[utc(day) : utc(day) + DAY + pd.Timedelta("3h")]
        end = moves.idxmax() if best else moves.idxmin()
        moves = self._moves(_ratio(closes, end, end - DAY), end, DAY, vol=vol)
        which = "best" if best else "worst"
        return moves, f"Binance, USDT, hourly bars, 24 hours to {end:%Y-%m-%d %H:%M}, the {which} of {coin}"

    def to_the_low(self, day: str, file: str) -> Computed:
        bars = self._read(file)
        of_day = bars[bars.timestamp_utc.dt.floor("D") == utc(day)].sort_values("timestamp_utc").groupby("pair")
        moves = self._moves(of_day.low.min() / of_day.open.first() - 1.0, utc(day) + DAY, DAY)
        return moves, f"Binance, USDT, hourly bars, lowest price of {day} over its open"

    def usdc_depeg(self) -> Computed:
        bars = self._read("stablecoins/svb_usdc_depeg_2023-03_1m").query("venue == 'kraken'")
        closes = bars.pivot_table("close", "timestamp_utc", "pair")
        end = closes["USDC/USD"].idxmin()
        moves = _ratio(closes, end, end - DAY)
        btc = moves["BTC/USD"]
        peg = {coin: moves[f"{coin}/USD"] for coin in ("USDC", "USDT")}
        vol = {"*": self._vol_points(end - DAY, end)}
        where = f"Kraken, USD, minute bars, 24 hours to {end:%Y-%m-%d %H:%M}, the lowest close of USDC"
        return {"price": {"BTC": btc, "*": btc}, "peg": peg, "vol": vol}, where

    def _moves(self, moves: pd.Series, end: pd.Timestamp, length: pd.Timedelta, *, vol: bool = False) -> Moves:
        coins = moves.rename(lambda pair: pair.split("/")[0]).drop(STABLE, errors="ignore").dropna()
        own = coins[coins.index.isin(COINS)]
        others = coins.drop(own.index)
        if others.empty:
            others = own.drop("BTC")
        price = own.to_dict() | {"*": others.median()}
        return {"price": price, "vol": {"*": self._vol_points(end - length, end)} if vol else {}}

    def _vol_points(self, start: pd.Timestamp, end: pd.Timestamp) -> float:
        """From the last daily close of DVOL before a move to the first one after it."""
        before, after = self._dvol[self._dvol.index <= start], self._dvol[self._dvol.index >= end]
        assert start - before.index[-1] < DAY
        assert after.index[0] - end < DAY
        return after.iloc[0] - before.iloc[-1]

    def _hourly(self, file: str) -> pd.DataFrame:
        bars = self._read(file)
        closes = bars.pivot_table("close", "timestamp_utc", "pair")
        return closes.set_axis(closes.index + pd.Timedelta("1h"))

    def _read(self, file: str) -> pd.DataFrame:
        path = self._folder / f"{file}.parquet"
        if not path.is_file():
            pytest.skip(f"no {path.name} among the shared data")
        return pd.read_parquet(path)


def _ratio(closes: pd.DataFrame, end: pd.Timestamp, start: pd.Timestamp) -> pd.Series:
    return closes.loc[end] / closes.loc[start] - 1.0


HOURLY_2021 = "spot/binance_spot_1h_2017-2021"
HOURLY_2024 = "spot/binance_spot_1h_2024"
HOURLY_2026 = "spot/binance_spot_1h_2024-2026"

COMPUTED: dict[str, Callable[[Data], Computed]] = {
    "2020-03-12 pandemic, day": lambda d: d.day("2020-03-12"),
    "2020-03-12 pandemic, worst 24 h": lambda d: d.worst("BTC", "2020-03-12", HOURLY_2021),
    "2021-05-19 deleveraging, day": lambda d: d.day("2021-05-19"),
    "2021-05-19 deleveraging, worst 24 h": lambda d: d.worst("BTC", "2021-05-19", HOURLY_2021),
    "2021-05-19 deleveraging, to the low": lambda d: d.to_the_low("2021-05-19", HOURLY_2021),
    "2022-06-13 Celsius, day": lambda d: d.day("2022-06-13"),
    "2022-11-09 FTX, day": lambda d: d.day("2022-11-09", vol=True),
    "2022-11-09 FTX, two days": lambda d: d.day("2022-11-09", 2, vol=True),
    "2023-03-11 USDC depeg, worst 24 h": lambda d: d.usdc_depeg(),
    "2023-08-17 liquidations, day": lambda d: d.day("2023-08-17", vol=True),
    "2024-08-05 carry unwind, worst 24 h": lambda d: d.worst("BTC", "2024-08-05", HOURLY_2024, vol=True),
    "2025-02-03 tariffs, worst 24 h": lambda d: d.worst("ETH", "2025-02-03", HOURLY_2026, vol=True),
    "2026-02-05 sell-off, worst 24 h": lambda d: d.worst("BTC", "2026-02-05", HOURLY_2026),
    "2021-02-08 Tesla buys, day": lambda d: d.day("2021-02-08"),
    "2024-05-21 ETH funds, best 24 h": lambda d: d.worst("ETH", "2024-05-21", HOURLY_2024, best=True, vol=True),
    "2024-11-11 election, day": lambda d: d.day("2024-11-11", vol=True),
}


@pytest.fixture(scope="module")
def data(shared):
    return Data(shared)


def test_every_day_of_the_file_is_computed():
    assert [stress.name for stress in sg.read_stresses(HISTORY)] == list(COMPUTED)


@pytest.mark.parametrize("name", COMPUTED)
def test_history_follows_from_the_data(name, data):
    stress = next(s for s in sg.read_stresses(HISTORY) if s.name == name)
    computed, where = COMPUTED[name](data)
    assert stress.source.startswith(where)
    assert stress.source.endswith("; DVOL") == bool(computed.get("vol"))
    for family in FAMILIES:
        given, expected = getattr(stress, family), computed.get(family, {})
        assert set(given) == set(expected), family
        for coin, move in given.items():
            assert move == round(float(expected[coin]), 3), (family, coin)
    assert stress.days == 0

"""Native Parquet: the folder layout, its defaults, and exact round trips with JSON."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shockgrid.accounts.assembly import assemble_accounts
from shockgrid.accounts.holdings import Accounts, Balances, Labels, Limits, Orders, Positions
from shockgrid.io.native import read_accounts, read_market, write_accounts, write_market
from shockgrid.market.assembly import assemble_market
from shockgrid.market.market import InstrumentTable

TIME = np.datetime64("2025-01-15T10:26:41.642")
NO_TIME = np.datetime64("NaT", "ms")


def same(one, other) -> bool:
    """Whether two records are equal, NaN equal to NaN, sources aside."""
    if isinstance(one, np.ndarray):
        equal = np.array_equal(one, other, equal_nan=True) if one.dtype.kind in "fM" else np.array_equal(one, other)
        return one.dtype == other.dtype and equal
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one) if field.name != "source"]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def random_market(seed: int):
    draw = np.random.default_rng(seed)
    n = 40
    option = draw.random(n) < 0.6
    coin = draw.choice(np.array(["BTC", "ETH"], object), n)
    expiry = TIME + draw.integers(1, 400, n).astype("timedelta64[D]")
    table = InstrumentTable(
        id=np.array([f"I-{i}" for i in draw.permutation(n)], object),
        kind=np.where(option, "option", "perpetual").astype(object),
        coin=coin,
        settle=np.where(option | (draw.random(n) < 0.5), coin, "USDT").astype(object),
        contract_value=draw.random(n),
        mark=draw.random(n),
        expiry=np.where(option, expiry, NO_TIME),
        strike=np.where(option, draw.random(n), np.nan),
        right=np.where(option, draw.choice(["call", "put"], n), "").astype(object),
        forward=np.where(option, draw.random(n), np.nan),
        vol=np.where(option, draw.random(n), np.nan),
        details={
            "spread_frac": np.where(draw.random(n) < 0.5, draw.random(n), np.nan),
            "listed": np.where(draw.random(n) < 0.5, TIME - np.timedelta64(5, "D"), NO_TIME),
        },
    )
    pairs = ("BTC-USD", "ETH-USD", "BTC-USDT", "ETH-USDT", "USDT-USD")
    return assemble_market(TIME, dict(zip(pairs, draw.random(5).tolist(), strict=True)), table)


def random_accounts(seed: int, n: int = 30) -> Accounts:
    draw = np.random.default_rng(seed)

    def owners(most):
        return np.repeat(np.arange(n, dtype=np.int32), draw.integers(0, most, n))

    def names(count, *choices):
        return Labels.of(draw.choice(choices, count).tolist())

    def maybe(count):
        return np.where(draw.random(count) < 0.5, draw.random(count), np.nan)

    held, placed, owed, limited = owners(6), owners(3), owners(2), owners(2)
    limit = draw.random(len(limited))
    return assemble_accounts(
        Accounts(
            ids=np.array([f"account {i}" for i in range(n)], object),
            positions=Positions(held, names(len(held), "A", "B", "C"), draw.normal(size=len(held)), maybe(len(held))),
            orders=Orders(
                placed, names(len(placed), "A", "D"), draw.normal(size=len(placed)), draw.random(len(placed))
            ),
            balances=Balances(
                owed, names(len(owed), "BTC", "USDT"), draw.normal(size=len(owed)), draw.random(len(owed))
            ),
            limits=Limits(limited, names(len(limited), "BTC", "ETH"), limit, maybe(len(limited))),
            spot_mode=draw.integers(0, 4, n).astype(np.int32),
            auto_borrow=draw.random(n) < 0.5,
            declared=draw.random(n) < 0.5,
        )
    )


@pytest.mark.parametrize("seed", range(5))
def test_markets_survive_both_formats_exactly(tmp_path, seed):
    market = random_market(seed)
    write_market(market, tmp_path / "market.json")
    from_json = read_market(tmp_path / "market.json")
    write_market(from_json, tmp_path / "market")
    from_parquet = read_market(tmp_path / "market")
    assert same(market, from_json)
    assert same(market, from_parquet)


@pytest.mark.parametrize("seed", range(5))
def test_accounts_survive_both_formats_exactly(tmp_path, seed):
    accounts = random_accounts(seed)
    write_accounts(accounts, tmp_path / "accounts")
    from_parquet = read_accounts(tmp_path / "accounts")
    write_accounts(from_parquet, tmp_path / "accounts.json")
    from_json = read_accounts(tmp_path / "accounts.json")
    assert same(accounts, from_parquet)
    assert same(accounts, from_json)


def test_no_accounts_survive_too(tmp_path):
    for path in (tmp_path / "none.json", tmp_path / "none"):
        write_accounts(random_accounts(0, n=0), path)
        assert len(read_accounts(path)) == 0


def test_writing_over_a_folder_leaves_nothing_of_the_old(tmp_path):
    write_accounts(random_accounts(1), tmp_path)
    write_accounts(random_accounts(0, n=0), tmp_path)
    assert len(read_accounts(tmp_path)) == 0


def test_market_and_accounts_may_share_a_folder(tmp_path):
    write_market(random_market(0), tmp_path)
    write_accounts(random_accounts(0), tmp_path)
    assert same(read_market(tmp_path), random_market(0))
    assert same(read_accounts(tmp_path), random_accounts(0))


def put(folder, **tables):
    for name, columns in tables.items():
        pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet", index=False)


def test_accounts_are_the_union_of_all_tables_in_order_of_appearance(tmp_path):
    put(
        tmp_path,
        limits={"account": ["e"], "coin": ["BTC"], "borrow_limit": [1.0]},
        balances={"account": ["b", "d"], "currency": ["BTC", "BTC"], "amount": [1, 2]},
        positions={"account": ["c", "b", "c"], "instrument": ["X", "Y", "Z"], "quantity": [1, 2, 3]},
        settings={"account": ["a", "b"]},
    )
    accounts = read_accounts(tmp_path)
    assert accounts.ids.tolist() == ["a", "b", "c", "d", "e"]
    assert accounts.positions.account.tolist() == [2, 1, 2]
    assert accounts.balances.account.tolist() == [1, 3]
    assert accounts.balances.accrued_interest.tolist() == [0, 0]
    assert np.isnan(accounts.positions.average_price).all()
    assert np.isnan(accounts.limits.spot_limit).all()
    assert accounts.auto_borrow.all()
    assert (accounts.spot_mode == 1).all()
    assert accounts.source.locate("accounts", 3, "id") == "balances.parquet row 1 column account"
    assert pickle.loads(pickle.dumps(accounts.source)).locate("positions", 2, "") == "positions.parquet row 2"


def test_nulls_in_optional_columns_mean_the_default(tmp_path):
    put(
        tmp_path,
        settings={"account": ["a", "b"], "spot_mode": [None, "spot_coin"], "auto_borrow": [None, False]},
        balances={"account": ["a"], "currency": ["BTC"], "amount": [1.0], "accrued_interest": [None]},
    )
    accounts = read_accounts(tmp_path)
    assert accounts.spot_mode.tolist() == [1, 3]
    assert accounts.auto_borrow.tolist() == [True, False]
    assert accounts.balances.accrued_interest.tolist() == [0]


def test_categories_large_strings_integers_and_other_time_units_are_read(tmp_path):
    account = pa.array(["b", "a"], pa.large_string())
    instrument = pa.array(["Y", "X"]).dictionary_encode()
    columns = {"account": account, "instrument": instrument, "quantity": pa.array([1, 2], pa.int32())}
    pq.write_table(pa.table(columns), tmp_path / "positions.parquet", row_group_size=1)
    accounts = read_accounts(tmp_path)
    assert accounts.ids.tolist() == ["b", "a"]
    assert accounts.positions.instrument.names == ("Y", "X")
    assert accounts.positions.quantity.dtype == np.float64

    write_market(random_market(0), tmp_path / "market")
    file = tmp_path / "market" / "index.parquet"
    frame = pd.read_parquet(file)
    frame["time"] = frame["time"].dt.tz_convert("Asia/Tokyo").astype("datetime64[ns, Asia/Tokyo]")
    frame.to_parquet(file, index=False)
    assert same(read_market(tmp_path / "market"), random_market(0))


def test_files_are_what_pandas_and_others_expect(tmp_path):
    write_accounts(random_accounts(2), tmp_path)
    positions = pd.read_parquet(tmp_path / "positions.parquet")
    assert list(positions) == ["account", "instrument", "quantity", "average_price"]
    assert str(positions["account"].dtype) in ("str", "object")
    schema = pq.read_schema(tmp_path / "positions.parquet")
    assert schema.field("instrument").type == pa.string()
    assert pq.read_table(tmp_path / "positions.parquet").column("average_price").null_count > 0


def test_one_time_of_positions_is_no_history(tmp_path):
    time = pd.to_datetime(["2025-01-15T00:00:00Z"] * 2)
    put(tmp_path, positions={"time": time, "account": ["a", "b"], "instrument": ["X", "X"], "quantity": [1, 2]})
    assert len(read_accounts(tmp_path)) == 2

"""The native Parquet layout: a folder of tables, for a market or a set of accounts of any size (formats.md).

Rows are counted from 0, as pandas counts them. Columns go from Arrow to flat arrays without a Python loop over rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shockgrid.accounts.assembly import assemble_accounts
from shockgrid.accounts.holdings import (
    DEFAULT_SPOT_MODE,
    SPOT_MODES,
    Accounts,
    Balances,
    Labels,
    Limits,
    Orders,
    Positions,
)
from shockgrid.errors import InputError
from shockgrid.io.parquet_table import UTC_MS, ParquetTable
from shockgrid.market.assembly import assemble_market
from shockgrid.market.clock import time_text
from shockgrid.market.market import DETAIL_COLUMNS, TIME_COLUMNS, InstrumentTable, Market
from shockgrid.market.source import Source

_INSTRUMENT_NAMES = ("id", "kind", "coin", "settle")
_INSTRUMENT_NUMBERS = ("contract_value", "mark")
_OPTION_NUMBERS = ("strike", "forward", "vol")
_TERMS = (*_INSTRUMENT_NAMES, *_INSTRUMENT_NUMBERS, "expiry", "strike", "right", "forward", "vol")

TABLES: Mapping[str, tuple[str, ...]] = {
    "instruments": ("time", *_TERMS, *DETAIL_COLUMNS, *TIME_COLUMNS),
    "index": ("time", "pair", "price"),
    "settings": ("account", "spot_mode", "auto_borrow", "declared"),
    "positions": ("time", "account", "instrument", "quantity", "average_price"),
    "balances": ("account", "currency", "amount", "accrued_interest"),
    "orders": ("account", "instrument", "quantity", "price"),
    "limits": ("account", "coin", "spot_limit", "borrow_limit"),
}
"""Every table of the layout and the columns it may have; those of accounts in the order that decides theirs."""

_MARKET_TABLES = ("instruments", "index")
_ACCOUNT_TABLES = ("settings", "positions", "balances", "orders", "limits")


def read_market_folder(folder: Path) -> Market:
    """Read ``instruments.parquet`` and ``index.parquet``.

    Args:
        folder: Where they are.

    Returns:
        The market.

    Raises:
        InputError: Anything wrong with them, located as ``instruments.parquet row 17 column vol``; several times,
            which make a market history.
    """
    tables = _open(folder, _MARKET_TABLES)
    time = _one_time(list(tables.values()))
    if time is None:
        raise InputError(str(folder), "column time", "a time", "tables without rows")
    table, prices = _instrument_table(tables["instruments"]), _index(tables["index"])
    return assemble_market(time, prices, table, source=Source(str(folder), row_place))


def read_accounts_folder(folder: Path) -> Accounts:
    """Read the tables of a set of accounts: the accounts are all that any table names.

    Args:
        folder: Where the tables are; each may be missing, but not all.

    Returns:
        The accounts in the order of ``settings.parquet``, then of first appearance in positions, balances, orders
        and limits.

    Raises:
        InputError: Anything wrong with them, located as ``positions.parquet row 17 column quantity``.
    """
    tables = _open(folder, _ACCOUNT_TABLES)
    if tables["positions"].has("time"):
        _one_time([tables["positions"]])
    ids, owners = _union({name: table.labels("account") for name, table in tables.items()})
    spot_mode, auto_borrow, declared = _settings(tables["settings"], owners["settings"], len(ids))
    positions, balances, orders, limits = (tables[name] for name in _ACCOUNT_TABLES[1:])
    return assemble_accounts(
        Accounts(
            ids=ids,
            positions=Positions(
                owners["positions"],
                positions.labels("instrument"),
                positions.numbers("quantity"),
                positions.numbers("average_price", absent=np.nan),
            ),
            orders=Orders(
                owners["orders"], orders.labels("instrument"), orders.numbers("quantity"), orders.numbers("price")
            ),
            balances=Balances(
                owners["balances"],
                balances.labels("currency"),
                balances.numbers("amount"),
                balances.numbers("accrued_interest", absent=0.0),
            ),
            limits=Limits(
                owners["limits"],
                limits.labels("coin"),
                limits.numbers("spot_limit", absent=np.nan),
                limits.numbers("borrow_limit", absent=np.nan),
            ),
            spot_mode=spot_mode,
            auto_borrow=auto_borrow,
            declared=declared,
            source=Source(str(folder), _AccountPlaces(owners)),
        )
    )


def write_market_folder(market: Market, folder: Path) -> None:
    """Write ``instruments.parquet`` and ``index.parquet``; numbers read back exactly.

    Args:
        market: The market.
        folder: Made where it does not exist; tables of these names in it are overwritten.
    """
    t = market.table
    columns = {key: getattr(t, key) for key in _TERMS}
    columns |= {key: values for key, values in t.details.items() if not _missing(values).all()}
    _write(folder, "instruments", {"time": np.full(len(t), market.time), **columns})
    index = {pair: price for pair, price in market.index.items() if pair != "USD-USD"}
    prices = np.array(list(index.values()), float)
    times = np.full(len(index), market.time)
    _write(folder, "index", {"time": times, "pair": np.array(list(index), object), "price": prices})


def write_accounts_folder(accounts: Accounts, folder: Path) -> None:
    """Write the five tables of a set of accounts, empty ones too; numbers read back exactly.

    Args:
        accounts: The accounts.
        folder: Made where it does not exist; tables of these names in it are overwritten.
    """
    names = pa.array(accounts.ids.tolist(), pa.string())
    modes = np.array(SPOT_MODES, object)[accounts.spot_mode]
    flags = {name: getattr(accounts, name).astype(bool) for name in ("auto_borrow", "declared")}
    _write(folder, "settings", {"account": names, "spot_mode": modes, **flags})
    for name in ("positions", "balances", "orders", "limits"):
        rows = getattr(accounts, name)
        columns = {key: getattr(rows, key) for key in TABLES[name] if key not in ("time", "account")}
        _write(folder, name, {"account": names.take(pa.array(rows.account)), **columns})


def row_place(table: str, row: int, column: str) -> str:
    """Path of a table cell: ``positions.parquet row 17 column quantity``."""
    return f"{table}.parquet row {row}" + (f" column {column}" if column else "")


@dataclass(frozen=True)
class _AccountPlaces:
    """Path of a table cell; an account is where its name first stands."""

    owners: Mapping[str, np.ndarray]

    def __call__(self, table: str, row: int, column: str) -> str:
        if table == "accounts":
            table, column = next((name for name, owner in self.owners.items() if (owner == row).any())), "account"
            row = int(np.argmax(self.owners[table] == row))
        return row_place(table, row, column)


def _open(folder: Path, names: Sequence[str]) -> dict[str, ParquetTable]:
    """The named tables of a folder, empty where there is no file."""
    files = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    for stem in files:
        if stem not in TABLES:
            raise InputError(
                str(folder), f"{stem}.parquet", "one of the tables " + ", ".join(TABLES), "an unknown table"
            )
    if not files.keys() & set(names):
        expected = "at least one of " + ", ".join(f"{name}.parquet" for name in names)
        raise InputError(str(folder), "folder", expected, ", ".join(files) or "no Parquet file")
    return {name: _open_table(files.get(name), str(folder), name) for name in names}


def _open_table(path: Path | None, folder: str, name: str) -> ParquetTable:
    known = TABLES[name]
    if path is None:
        return ParquetTable(pa.table({column: pa.nulls(0) for column in known}), folder, f"{name}.parquet")
    table = ParquetTable.open(path, folder, f"{name}.parquet")
    for column in table.data.column_names:
        if column not in known:
            expected = "one of the columns " + ", ".join(known)
            raise InputError(folder, table.place(column), expected, "an unknown column")
    return table


def _one_time(tables: Sequence[ParquetTable]) -> np.datetime64 | None:
    """The time that all rows share; None where there is no row."""
    columns = [table.times("time") for table in tables]
    firsts = [times[0] for times in columns if len(times)]
    for table, times in zip(tables, columns, strict=True):
        other = times != firsts[0] if firsts else np.zeros(0, bool)
        if other.any():
            row = int(np.argmax(other))
            expected = (
                f"one time for all rows, {time_text(firsts[0])} (several are a history, which has its own reader)"
            )
            raise InputError(table.file, table.place("time", row), expected, time_text(times[row]))
    return firsts[0] if firsts else None


def _instrument_table(table: ParquetTable) -> InstrumentTable:
    return InstrumentTable(
        **{key: table.texts(key) for key in _INSTRUMENT_NAMES},
        **{key: table.numbers(key) for key in _INSTRUMENT_NUMBERS},
        **{key: table.numbers(key, absent=np.nan) for key in _OPTION_NUMBERS},
        expiry=table.times("expiry", optional=True),
        right=table.texts("right", absent=""),
        details={key: table.numbers(key, absent=np.nan) for key in DETAIL_COLUMNS if table.has(key)}
        | {key: table.times(key, optional=True) for key in TIME_COLUMNS if table.has(key)},
    )


def _index(table: ParquetTable) -> dict[str, float]:
    pairs, prices = table.texts("pair"), table.numbers("price")
    _check_once(table, "pair", pairs)
    return dict(zip(pairs.tolist(), prices.tolist(), strict=True))


def _union(columns: Mapping[str, Labels]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All accounts that any table names, and the account of every row of every table."""
    place: dict[str, int] = {}
    owners = {}
    for table, labels in columns.items():
        new_codes = np.array([place.setdefault(name, len(place)) for name in labels.names], np.int32)
        owners[table] = new_codes[labels.codes]
    return np.array(list(place), object), owners


def _settings(table: ParquetTable, owner: np.ndarray, n_accounts: int) -> tuple[np.ndarray, ...]:
    _check_once(table, "account", owner, table.texts("account"))
    labels = table.labels("spot_mode", absent=DEFAULT_SPOT_MODE)
    known = np.array([name in SPOT_MODES for name in labels.names], bool)[labels.codes]
    if not known.all():
        row = int(np.argmin(known))
        found = repr(labels.names[labels.codes[row]])
        raise InputError(table.file, table.place("spot_mode", row), "one of " + ", ".join(SPOT_MODES), found)
    spot_mode = np.full(n_accounts, SPOT_MODES.index(DEFAULT_SPOT_MODE), np.int32)
    spot_mode[owner] = np.array([SPOT_MODES.index(name) for name in labels.names], np.int32)[labels.codes]
    flags = np.ones((2, n_accounts), bool)
    for flag, name in zip(flags, ("auto_borrow", "declared"), strict=True):
        flag[owner] = table.flags(name, absent=True)
    return spot_mode, *flags


def _check_once(table: ParquetTable, column: str, values: np.ndarray, shown: np.ndarray | None = None) -> None:
    first = np.unique(values, return_index=True)[1]
    if len(first) < len(values):
        row = int(np.setdiff1d(np.arange(len(values)), first)[0])
        found = repr((values if shown is None else shown)[row])
        raise InputError(table.file, table.place(column, row), f"each {column} once", found)


def _missing(values: np.ndarray) -> np.ndarray:
    return np.isnat(values) if values.dtype.kind == "M" else np.isnan(values)


def _write(folder: Path, name: str, columns: Mapping[str, np.ndarray | Labels | pa.Array]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({key: _arrow(values) for key, values in columns.items()}), folder / f"{name}.parquet")


def _arrow(values: np.ndarray | Labels | pa.Array) -> pa.Array:
    if isinstance(values, Labels):
        names = pa.array(values.names, pa.string())
        return names.take(pa.array(values.codes))
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            return pa.array(values.astype("datetime64[ms]")).cast(UTC_MS)
        if values.dtype.kind in "fiu":
            return pa.array(values.astype(float), from_pandas=True)  # NaN becomes null
        if values.dtype.kind != "b":
            return pa.array([value or None for value in values.tolist()], pa.string())
        return pa.array(values)
    return values

"""The native Parquet layout: a folder of tables, for a market or a set of accounts of any size (formats.md).

Rows are counted from 0, as pandas counts them. Columns go from Arrow to flat arrays without a Python loop over rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shockgrid.accounts.holdings import SPOT_MODES, Accounts, Labels
from shockgrid.errors import InputError
from shockgrid.io.account_tables import accounts_of_tables, check_once, row_place, union_of
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
ACCOUNT_TABLES = ("settings", "positions", "balances", "orders", "limits")


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
    time = one_time(list(tables.values()))
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
    tables = _open(folder, ACCOUNT_TABLES)
    if tables["positions"].has("time"):
        one_time([tables["positions"]])
    ids, owners = union_of({name: table.labels("account") for name, table in tables.items()})
    return accounts_of_tables(tables, ids, owners, str(folder))


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


def _open(folder: Path, names: Sequence[str]) -> dict[str, ParquetTable]:
    """The named tables of a folder, empty where there is no file."""
    files = table_files(folder, names)
    return {name: _open_table(files.get(name), str(folder), name) for name in names}


def table_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The Parquet files of a folder, by table.

    Args:
        folder: Where they are.
        names: Tables of which at least one must be there.

    Raises:
        InputError: A file that is no table of the layout, or none of the named tables.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    for stem in files:
        if stem not in TABLES:
            raise InputError(
                str(folder), f"{stem}.parquet", "one of the tables " + ", ".join(TABLES), "an unknown table"
            )
    if not files.keys() & set(names):
        expected = "at least one of " + ", ".join(f"{name}.parquet" for name in names)
        raise InputError(str(folder), "folder", expected, ", ".join(files) or "no Parquet file")
    return files


def _open_table(path: Path | None, folder: str, name: str) -> ParquetTable:
    if path is None:
        return empty_table(folder, name)
    table = ParquetTable.open(path, folder, f"{name}.parquet")
    check_columns(table, name)
    return table


def empty_table(folder: str, name: str) -> ParquetTable:
    """A table of the layout without rows, for a file that is not there."""
    return ParquetTable(pa.table({column: pa.nulls(0) for column in TABLES[name]}), folder, f"{name}.parquet")


def check_columns(table: ParquetTable, name: str) -> None:
    """Refuse columns that a table of the layout does not have.

    Raises:
        InputError: Names the column.
    """
    for column in table.data.column_names:
        if column not in TABLES[name]:
            expected = "one of the columns " + ", ".join(TABLES[name])
            raise InputError(table.file, table.place(column), expected, "an unknown column")


def one_time(tables: Sequence[ParquetTable], *before: np.datetime64) -> np.datetime64 | None:
    """The time that all rows share, and that rows read before had; None where there is no row.

    Raises:
        InputError: The first row of another time.
    """
    columns = [table.times("time") for table in tables]
    firsts = [*before, *(times[0] for times in columns if len(times))]
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
    check_once(table, "pair", pairs)
    return dict(zip(pairs.tolist(), prices.tolist(), strict=True))


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

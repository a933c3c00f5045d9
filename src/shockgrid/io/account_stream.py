"""Accounts of a Parquet folder, some at a time: any number of them in bounded memory.

``settings.parquet`` names every account, and the rows of the other tables stand in the order of its accounts; so a
chunk of accounts is a run of rows of every table, and a position in the stream is a number of rows of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.io.account_tables import accounts_of_tables
from shockgrid.io.native_parquet import ACCOUNT_TABLES, check_columns, empty_table, one_time, table_files
from shockgrid.io.parquet_table import ParquetTable

BATCH_ROWS = 1 << 18
"""Rows that are decoded at a time."""

StreamPosition = Mapping[str, int]
"""Rows of each table that have been read."""


class AccountStream:
    """The accounts of a folder.

    Attributes:
        folder: Where the tables are.
        n_accounts: How many accounts ``settings.parquet`` names.
    """

    def __init__(self, folder: Path) -> None:
        """Open the tables and check what can be checked before rows are read.

        Raises:
            InputError: No ``settings.parquet``, an account that it names twice, an unknown file or column.
        """
        self.folder = folder
        self._time: np.datetime64 | None = None
        self._files = table_files(folder, ("settings",))
        if "settings" not in self._files:
            raise InputError(str(folder), "folder", "settings.parquet, which names every account of a stream", "none")
        for name, path in self._files.items():
            if name in ACCOUNT_TABLES:
                empty = _readable(folder, path, lambda file: file.schema_arrow.empty_table())
                check_columns(_part(path, str(folder), 0, empty), name)
        whole = _readable(folder, self._files["settings"], lambda file: file.read(columns=["account"]))
        _part(self._files["settings"], str(folder), 0, whole).strings("account")
        self.n_accounts = len(whole)
        self._names = whole.column("account")
        self._require_distinct()

    def _require_distinct(self) -> None:
        names = self._names
        if len(names.unique()) < len(names):
            _, first = np.unique(names.to_numpy(), return_index=True)
            row = int(np.setdiff1d(np.arange(len(names)), first)[0])
            where = f"settings.parquet row {row} column account"
            raise InputError(str(self.folder), where, "each account once", repr(names[row].as_py()))

    def chunks(self, size: int, start: StreamPosition | None = None) -> Iterator[tuple[Accounts, StreamPosition]]:
        """Chunks of accounts, each with the position after it.

        Args:
            size: Accounts in a chunk.
            start: A position that an earlier pass gave.

        Raises:
            InputError: As for ``read_accounts``; also rows that are not in the order of the accounts.
        """
        tables = {
            name: _TableStream(self._files[name], str(self.folder), (start or {}).get(name, 0))
            for name in ACCOUNT_TABLES
            if name in self._files
        }
        settings, others = tables["settings"], [name for name in ACCOUNT_TABLES[1:] if name in tables]
        edges = [*range(settings.row, self.n_accounts, size), self.n_accounts]
        if not self.n_accounts and start is None:
            edges = [0, 0]  # one chunk, whose frames say what columns there would be
        for first, last in pairwise(edges):
            taken = {"settings": settings.take(last - first)}
            ids = taken["settings"].strings("account").combine_chunks()
            owners = {"settings": np.arange(last - first)}
            for name in ACCOUNT_TABLES[1:]:
                if name in others:
                    taken[name], owners[name] = tables[name].take_of(ids)
                    self._require_later(tables[name], last, size)
                else:
                    taken[name], owners[name] = empty_table(str(self.folder), name), np.zeros(0, np.int64)
            self._require_one_time(taken["positions"])
            accounts = accounts_of_tables(taken, ids.to_numpy(zero_copy_only=False), owners, str(self.folder))
            yield accounts, {name: table.row for name, table in tables.items()}
        for name in others:
            tables[name].require_end()

    def _require_later(self, table: _TableStream, last: int, size: int) -> None:
        """The row that a table waits with must be of an account to come, or it and all after it would be left out."""
        name = table.waiting
        if name is None:
            return
        # Nearly always it is of one of the next accounts.
        if self._names.slice(last, size).index(name).as_py() < 0 and self._names.slice(last).index(name).as_py() < 0:
            table.refuse(0, "an account of settings.parquet, and rows in the order of its accounts")

    def _require_one_time(self, positions: ParquetTable) -> None:
        """Several times are a history, and no set of accounts."""
        if positions.has("time") and len(positions):
            times = [] if self._time is None else [self._time]
            self._time = one_time([positions], *times)


class _TableStream:
    """One table, read from a row on."""

    def __init__(self, path: Path, folder: str, row: int) -> None:
        self.row = row
        self._path, self._folder = path, folder
        file = pq.ParquetFile(path)
        rows = np.cumsum([0, *(file.metadata.row_group(g).num_rows for g in range(file.num_row_groups))])
        group = int(np.searchsorted(rows, row, side="right")) - 1
        groups = list(range(min(group, file.num_row_groups), file.num_row_groups))
        self._batches = file.iter_batches(BATCH_ROWS, row_groups=groups) if groups else iter(())
        self._buffer = file.schema_arrow.empty_table()
        self._skip(row - int(rows[group]))

    def _skip(self, n: int) -> None:
        while n > 0 and self._more():
            here = min(n, len(self._buffer))
            self._buffer, n = self._buffer.slice(here), n - here

    def _more(self) -> bool:
        """Decode further rows; whether there were any."""
        try:
            batch = next(self._batches, None)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self._folder, self._path, error) from None
        if batch is None:
            return False
        self._buffer = pa.concat_tables([self._buffer, pa.Table.from_batches([batch])])
        return True

    def take(self, n: int) -> ParquetTable:
        """The next ``n`` rows."""
        while len(self._buffer) < n and self._more():
            pass
        return self._cut(n)

    def take_of(self, ids: pa.Array) -> tuple[ParquetTable, np.ndarray]:
        """The next rows, as far as they are of these accounts, and the account of each."""
        owner = self._owners(ids, 0)
        while (owner >= 0).all() and self._more():
            owner = np.concatenate([owner, self._owners(ids, len(owner))])
        mine = owner >= 0
        n = len(owner) if mine.all() else int(np.argmin(mine))
        if mine[n:].any():
            row = n + int(np.argmax(mine[n:]))
            self.refuse(row, "rows in the order of the accounts in settings.parquet")
        return self._cut(n), owner[:n]

    def require_end(self) -> None:
        """Refuse rows that are left when all accounts have been read."""
        if len(self._buffer) or self._more():
            self.refuse(0, "an account of settings.parquet, and rows in the order of its accounts")

    def _owners(self, ids: pa.Array, first: int) -> np.ndarray:
        """Account of each row of the buffer from the first on, -1 for none of these."""
        new = _part(self._path, self._folder, self.row + first, self._buffer.slice(first))
        lookup = pc.SetLookupOptions(value_set=ids)
        place = pc.call_function("index_in", [new.strings("account")], lookup)
        return pc.fill_null(place, -1).to_numpy()

    def _cut(self, n: int) -> ParquetTable:
        table = _part(self._path, self._folder, self.row, self._buffer.slice(0, n))
        self._buffer, self.row = self._buffer.slice(n), self.row + n
        return table

    @property
    def waiting(self) -> str | None:
        """The account of the next row, as far as it has been decoded."""
        return self._buffer.column("account")[0].as_py() if len(self._buffer) else None

    def refuse(self, row: int, expected: str) -> None:
        """Raise an error about the account of a row, counted from the next one."""
        table = _part(self._path, self._folder, self.row, self._buffer)
        found = repr(self._buffer.column("account")[row].as_py())
        raise InputError(self._folder, table.place("account", row), expected, found)


def _part(path: Path, folder: str, first_row: int, data: pa.Table) -> ParquetTable:
    return ParquetTable(data, folder, path.name, first_row)


def _readable(folder: Path, path: Path, read: Callable[[pq.ParquetFile], pa.Table]) -> pa.Table:
    try:
        return read(pq.ParquetFile(path))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(str(folder), path, error) from None


def _unreadable(folder: str, path: Path, error: Exception) -> InputError:
    return InputError(folder, path.name, "a readable Parquet file", str(error).partition("\n")[0])

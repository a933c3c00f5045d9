"""Accounts from their five tables: settings, positions, balances, orders, limits (formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

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
from shockgrid.io.parquet_table import ParquetTable
from shockgrid.market.source import Source


def accounts_of_tables(
    tables: Mapping[str, ParquetTable], ids: np.ndarray, owners: Mapping[str, np.ndarray], folder: str
) -> Accounts:
    """The accounts of a set of tables.

    Args:
        tables: The five, by name.
        ids: Of the accounts.
        owners: ``[row]`` the account of every row of each table, an index into ``ids``.
        folder: What errors call the input.

    Raises:
        InputError: Anything wrong with them, located as ``positions.parquet row 17 column quantity``.
    """
    spot_mode, auto_borrow, declared = _settings(tables["settings"], owners["settings"], len(ids))
    positions, balances, orders, limits = (tables[name] for name in ("positions", "balances", "orders", "limits"))
    first_row = {name: table.first_row for name, table in tables.items()}
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
            source=Source(folder, _AccountPlaces(owners, first_row)),
        )
    )


def row_place(table: str, row: int, column: str) -> str:
    """Path of a table cell: ``positions.parquet row 17 column quantity``."""
    return f"{table}.parquet row {row}" + (f" column {column}" if column else "")


@dataclass(frozen=True)
class _AccountPlaces:
    """Path of a table cell; an account is where its name first stands."""

    owners: Mapping[str, np.ndarray]
    first_row: Mapping[str, int]

    def __call__(self, table: str, row: int, column: str) -> str:
        if table == "accounts":
            table, column = next((name for name, owner in self.owners.items() if (owner == row).any())), "account"
            row = int(np.argmax(self.owners[table] == row))
        return row_place(table, row + self.first_row[table], column)


def union_of(columns: Mapping[str, Labels]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All accounts that any table names, and the account of every row of every table."""
    place: dict[str, int] = {}
    owners = {}
    for table, labels in columns.items():
        new_codes = np.array([place.setdefault(name, len(place)) for name in labels.names], np.int32)
        owners[table] = new_codes[labels.codes]
    return np.array(list(place), object), owners


def _settings(table: ParquetTable, owner: np.ndarray, n_accounts: int) -> tuple[np.ndarray, ...]:
    check_once(table, "account", owner, table.texts("account"))
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


def check_once(table: ParquetTable, column: str, values: np.ndarray, shown: np.ndarray | None = None) -> None:
    """Refuse a value that stands in a column twice.

    Raises:
        InputError: Names the second row.
    """
    first = np.unique(values, return_index=True)[1]
    if len(first) < len(values):
        row = int(np.setdiff1d(np.arange(len(values)), first)[0])
        found = repr((values if shown is None else shown)[row])
        raise InputError(table.file, table.place(column, row), f"each {column} once", found)

"""A Parquet file whose columns are checked as they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shockgrid.accounts.holdings import Labels
from shockgrid.errors import InputError

UTC_MS = pa.timestamp("ms", "UTC")


class ParquetTable:
    """One table of a file.

    Attributes:
        data: The table.
        file: What errors call the file.
        name: Put before rows and columns in their paths; empty where the file is the whole input.
        first_row: Place of the first row in the file, where the table is a part of it.
    """

    def __init__(self, data: pa.Table, file: str, name: str = "", first_row: int = 0) -> None:
        self.data, self.file, self.name, self.first_row = data, file, name, first_row

    @classmethod
    def open(cls, path: Path, file: str, name: str = "") -> ParquetTable:
        """Read a file.

        Raises:
            InputError: It is no Parquet file, is damaged, or has two columns of one name.
        """
        try:
            data = pq.ParquetFile(path).read()
            data.validate(full=True)
        except (pa.ArrowException, OSError) as error:
            first_line = str(error).partition("\n")[0]
            raise InputError(file, name or "file", "a readable Parquet file", first_line) from None
        table = cls(data, file, name)
        for column in data.column_names:
            if data.column_names.count(column) > 1:
                raise InputError(file, table.place(column), "one column of that name", data.column_names.count(column))
        return table

    def __len__(self) -> int:
        return self.data.num_rows

    def place(self, column: str, row: int | None = None) -> str:
        """Path of a column or of one of its cells."""
        where = [self.name] if self.name else []
        return " ".join([*where, *([] if row is None else [f"row {row + self.first_row}"]), f"column {column}"])

    def has(self, column: str) -> bool:
        """Whether there is such a column."""
        return column in self.data.column_names

    def labels(self, column: str, *, absent: str | None = None) -> Labels:
        """A column of strings.

        Args:
            column: Its name.
            absent: What a null or a missing column means; None where there must be a value.

        Raises:
            InputError: No such column, a wrong type, a null.
        """
        values = self.strings(column, optional=absent is not None)
        values = values if absent is None else pc.fill_null(values, absent)
        coded = values.dictionary_encode().unify_dictionaries().combine_chunks()
        return Labels(coded.indices.to_numpy(), tuple(coded.dictionary.to_pylist()))

    def strings(self, column: str, *, optional: bool = False) -> pa.ChunkedArray:
        """A column of strings as Arrow holds it; nulls where it is optional.

        Raises:
            InputError: As for ``labels``.
        """
        return self._values(column, "strings", _is_text, optional).cast(pa.string())

    def texts(self, column: str, *, absent: str | None = None) -> np.ndarray:
        """The same as an array of strings."""
        labels = self.labels(column, absent=absent)
        return np.array([*labels.names, ""], object)[labels.codes]

    def numbers(self, column: str, *, absent: float | None = None) -> np.ndarray:
        """A column of finite numbers, as float64.

        Args:
            column: Its name.
            absent: What a null or a missing column means; None where there must be a value.

        Raises:
            InputError: No such column, a wrong type, a null, a NaN (which is not a null) or an infinity.
        """
        values = self._values(column, "numbers", _is_number, absent is not None).cast(pa.float64(), safe=False)
        array = values.to_numpy()
        wrong = ~np.isfinite(array) & values.is_valid().to_numpy()
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(self.file, self.place(column, row), "a finite number", array[row])
        return np.where(np.isnan(array), np.nan if absent is None else absent, array)

    def times(self, column: str, *, optional: bool = False) -> np.ndarray:
        """A column of UTC times, as ``datetime64[ms]``; NaT for a null or a missing column where it is optional.

        Raises:
            InputError: No such column, a wrong type, times without a zone, a null.
        """
        values = self._values(column, "timestamps with a time zone", _is_time, optional)
        return values.cast(UTC_MS, safe=False).to_numpy().astype("datetime64[ms]")

    def flags(self, column: str, *, absent: bool) -> np.ndarray:
        """A column of booleans.

        Raises:
            InputError: A wrong type.
        """
        values = self._values(column, "booleans", pa.types.is_boolean, True).cast(pa.bool_())
        return pc.fill_null(values, absent).to_numpy().astype(bool)

    def _values(
        self, column: str, expected: str, is_right: Callable[[pa.DataType], bool], optional: bool
    ) -> pa.ChunkedArray:
        if not self.has(column):
            if optional:
                return pa.chunked_array([pa.nulls(len(self))])
            raise InputError(
                self.file, self.place(column), "the column", "columns " + ", ".join(self.data.column_names)
            )
        values = self.data.column(column)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        # A column in which nothing is given has no type of its own.
        if not is_right(values.type) and not (pa.types.is_null(values.type) and (optional or not len(self))):
            raise InputError(self.file, self.place(column), f"a column of {expected}", values.type)
        if values.null_count and not optional:
            row = values.is_null().index(True).as_py()
            raise InputError(self.file, self.place(column, row), "a value", "null")
        return values


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_time(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.tz is not None

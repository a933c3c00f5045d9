"""Opening an OKX payload: ``{"code", "data", "msg"}``, its rows, and numbers and times as OKX writes them.

OKX writes numbers and times as strings, and ``""`` where there is none. A row stays beside the place it came from, so
that an error found much later still names ``data[3].markPx``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from os.path import commonpath
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from shockgrid.errors import InputError
from shockgrid.io.schema import shown

PayloadSource = str | PathLike[str] | Mapping[str, Any]
"""A payload: a JSON file, or the object that a client has parsed already."""

NO_TIME = np.datetime64("NaT", "ms")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MILLISECONDS = re.compile(r"\d{1,15}")


@dataclass(frozen=True)
class Row:
    """One object of a payload, the file it came from and its place there: ``data[3]``, ``data[0].details[2]``."""

    file: str
    path: str
    values: Mapping[str, Any]

    def place(self, key: str) -> str:
        """Path of one field."""
        return f"{self.path}.{key}" if self.path else key

    def error(self, key: str, expected: str, found: object = None) -> InputError:
        """What is wrong with one field; shows the field's own value unless another is given."""
        value = self.values.get(key) if found is None else found
        return InputError(self.file, self.place(key), expected, "nothing" if value is None else shown(value))

    def rows(self, key: str) -> list[Row]:
        """The objects of a list in this row."""
        return _objects(self.file, self.place(key), self.values.get(key))


def number(value: object) -> float:
    """Read a number as OKX writes it: ``"0.01"``; a JSON number is taken too.

    Raises:
        ValueError: ``""``, or no finite number.
    """
    written = isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    if written or (isinstance(value, int | float) and not isinstance(value, bool)):
        found = float(value)  # pyright: ignore[reportArgumentType]
        if np.isfinite(found):
            return found
    raise ValueError("not a number")


def milliseconds(value: object) -> np.datetime64:
    """Read a time as exchanges write it: milliseconds since 1970, UTC, as a string or a number.

    Raises:
        ValueError: Anything else.
    """
    if isinstance(value, bool) or not _MILLISECONDS.fullmatch(str(value)):
        raise ValueError("not a time in milliseconds")
    return np.datetime64(int(str(value)), "ms")


def _or_absent(read: Any, absent: object) -> Any:
    return lambda value: absent if value in ("", None) else read(value)


# The descriptions become the "expected ..." of an error. "Maybe" reads "" and null as NaN, NaT or "".
Text = Annotated[str, Field(min_length=1, description="a non-empty string")]
_NUMBER_TEXT = 'a number, e.g. "0.01"'
Number = Annotated[float, PlainValidator(number), Field(description=_NUMBER_TEXT)]
MaybeNumber = Annotated[float, PlainValidator(_or_absent(number, np.nan)), Field(description=_NUMBER_TEXT + ' or ""')]
_TIME_TEXT = 'a time in milliseconds, e.g. "1743148800000"'
Time = Annotated[Any, PlainValidator(milliseconds), Field(description=_TIME_TEXT)]
MaybeTime = Annotated[Any, PlainValidator(_or_absent(milliseconds, NO_TIME)), Field(description=_TIME_TEXT + ' or ""')]


class PayloadModel(BaseModel):
    """What a reader takes from a row. Exchanges add fields at any time, so unknown ones are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)


Content = TypeVar("Content", bound=PayloadModel)


def parse_row(kind: type[Content], row: Row) -> Content:
    """Check a row against a model.

    Raises:
        InputError: A field that is missing or of another form, named as ``data[3].markPx``.
    """
    try:
        return kind.model_validate(row.values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0])
        field = next(f for name, f in kind.model_fields.items() if key in (name, f.alias))
        raise row.error(key, field.description or "another value") from None


def read_rows(source: PayloadSource, name: str) -> list[Row]:
    """Open an OKX reply, or a document that wraps one as ``payload``, and return its ``data``.

    Args:
        source: A JSON file, or the parsed reply.
        name: What a parsed reply is called in errors, e.g. ``positions``.

    Returns:
        The rows. A wrapped object without ``code`` and ``data`` counts as one row.

    Raises:
        InputError: No such file, no JSON, a ``code`` other than ``"0"`` (with the ``msg``), or no list of objects.
    """
    file, document = load_document(source, name)
    if not isinstance(document, Mapping):
        raise InputError(file, "top level", 'a reply {"code", "data", "msg"}', shown(document))
    if "payload" not in document:
        return _reply_rows(file, "", document)
    payload = document["payload"]
    if isinstance(payload, Mapping) and not {"code", "data"} & set(payload):
        return [Row(file, "payload", payload)]
    if not isinstance(payload, Mapping):
        return _objects(file, "payload", payload)
    return _reply_rows(file, "payload.", payload)


def load_document(source: PayloadSource, name: str) -> tuple[str, Any]:
    """The name that errors use, and the parsed document.

    Raises:
        InputError: No such file, or no JSON.
    """
    if isinstance(source, Mapping):
        return f"<{name}>", source
    path = Path(source)
    try:
        return str(path), json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise InputError(str(path), place, f"valid JSON ({error.msg})") from None
    except (OSError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(str(path), "file", "a readable JSON file", str(error)) from None


def common_folder(files: Iterable[str]) -> str:
    """The folder that a set of files lies in, ``<memory>`` where one is no file: what a joined ``Source`` is called."""
    names = sorted(set(files))
    if not names or any(name.startswith("<") for name in names):
        return "<memory>"
    return str(Path(commonpath([str(Path(name).parent) for name in names])))


def joined_place(row: Row, key: str = "") -> str:
    """A place in one of several files: ``mark_price.json data[3].markPx``."""
    return f"{Path(row.file).name} {row.place(key) if key else row.path}"


def _reply_rows(file: str, prefix: str, reply: Mapping[str, Any]) -> list[Row]:
    code = reply.get("code", "nothing")
    if str(code) != "0":
        message = f"{code!r}, msg {reply.get('msg', '')!r}"
        raise InputError(file, f"{prefix}code", '"0" (a reply that succeeded)', message)
    return _objects(file, f"{prefix}data", reply.get("data"))


def _objects(file: str, path: str, found: object) -> list[Row]:
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise InputError(file, path, "a list of objects", "nothing" if found is None else shown(found))
    for i, values in enumerate(found):
        if not isinstance(values, Mapping):
            raise InputError(file, f"{path}[{i}]", "an object", shown(values))
    return [Row(file, f"{path}[{i}]", values) for i, values in enumerate(found)]

"""Opening a Deribit reply: JSON-RPC 2.0, ``{"jsonrpc": "2.0", "result": ...}``; one reply a file, or a list of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shockgrid.errors import InputError
from shockgrid.io.exchange.payload import Row, load_document
from shockgrid.io.schema import shown


def read_results(path: Path) -> list[Row]:
    """The objects in the ``result`` of a reply, or of every reply of a list.

    Args:
        path: The file; a reply may also be wrapped as ``payload``.

    Returns:
        The objects; places read ``result[3]``, ``[7].result`` in a list of replies.

    Raises:
        InputError: No such file, no JSON, a reply with an ``error`` (with its message), or no ``result`` of objects.
    """
    file, document = load_document(path, "")
    prefix = ""
    if isinstance(document, Mapping) and "payload" in document:
        prefix, document = "payload", document["payload"]
    if isinstance(document, Sequence) and not isinstance(document, str):
        return [row for i, reply in enumerate(document) for row in _reply_rows(file, f"{prefix}[{i}]", reply)]
    return _reply_rows(file, prefix, document)


def _reply_rows(file: str, prefix: str, reply: Any) -> list[Row]:
    start = f"{prefix}." if prefix else ""
    if not isinstance(reply, Mapping):
        raise InputError(file, prefix or "top level", 'a reply {"jsonrpc", "result"}', shown(reply))
    if "error" in reply:
        raise InputError(file, f"{start}error", "a reply that succeeded", shown(reply["error"]))
    result = reply.get("result")
    if isinstance(result, Mapping):
        return [Row(file, f"{start}result", result)]
    if not isinstance(result, Sequence) or isinstance(result, str):
        raise InputError(file, f"{start}result", "an object or a list", "nothing" if result is None else shown(result))
    for i, values in enumerate(result):
        if not isinstance(values, Mapping):
            raise InputError(file, f"{start}result[{i}]", "an object", shown(values))
    return [Row(file, f"{start}result[{i}]", values) for i, values in enumerate(result)]

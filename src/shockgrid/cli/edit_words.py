"""Edits as words of a command line: ``BTC-USDT-SWAP=-3@100000``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import shockgrid as sg


def trade(
    option: str, word: str, account: list[str] | None, *, price: str, needs_price: bool = False
) -> dict[str, Any]:
    """``INSTRUMENT=QUANTITY`` or ``INSTRUMENT=QUANTITY@PRICE`` as an edit; the quantity may be left out of a removal.

    Raises:
        InputError: Words that cannot be read.
    """
    name, _, rest = word.partition("=")
    quantity, at, paid = rest.partition("@")
    expected = f"INSTRUMENT=QUANTITY{'' if needs_price else '[@PRICE]'}{'@PRICE' if needs_price else ''}"
    try:
        edit: dict[str, Any] = {"instrument": name}
        edit |= {"quantity": float(quantity)} if quantity else {}
        edit |= {price: float(paid)} if at else {}
    except ValueError:
        raise sg.InputError("shockgrid", option, expected, word) from None
    if not name or (needs_price and not (quantity and at)):
        raise sg.InputError("shockgrid", option, expected, word)
    return edit | ({"account": account} if account else {})


def read_edits(path: Path) -> dict[str, Any]:
    """A JSON file with arguments of ``sg.what_if``.

    Raises:
        InputError: A file that cannot be read or is no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise sg.InputError(str(path), "file", "a readable file", error.strerror or error) from None
    except ValueError as error:
        raise sg.InputError(str(path), "file", "well-formed JSON", error) from None
    known = ("add", "remove", "close", "orders", "balances", "settings", "shock", "premiums")
    if not isinstance(found, dict):
        raise sg.InputError(str(path), "top level", f"an object with the keys {', '.join(known)}")
    for key in found:
        if key not in known:
            raise sg.InputError(str(path), key, f"one of the keys {', '.join(known)}")
    return found

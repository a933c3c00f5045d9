"""The native JSON documents: one file a market, one file a set of accounts (formats.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from shockgrid.io.schema import (
    ACCOUNTS_FORMAT,
    MARKET_FORMAT,
    AccountRow,
    InstrumentRow,
    check_accounts,
    check_market,
    readable_path,
)
from shockgrid.market.assembly import assemble_market
from shockgrid.market.clock import time_text
from shockgrid.market.market import DETAIL_COLUMNS, TIME_COLUMNS, InstrumentTable, Market
from shockgrid.market.source import Source

_NO_TIME = np.datetime64("NaT", "ms")
_TERMS = ("id", "kind", "coin", "settle", "contract_value", "mark", "expiry", "strike", "right", "forward", "vol")


def read_market_json(path: Path) -> Market:
    """Read a ``shockgrid.market/1`` file.

    Args:
        path: The file.

    Returns:
        The market.

    Raises:
        InputError: Anything wrong with it, located as ``instruments[3].vol`` or ``line 12 column 5``.
    """
    document = check_market(_load(path, MARKET_FORMAT), str(path))
    return assemble_market(
        document["time"], document["index"], _instrument_table(document["instruments"]), source=Source(str(path))
    )


def read_accounts_json(path: Path) -> Accounts:
    """Read a ``shockgrid.accounts/1`` file.

    Args:
        path: The file.

    Returns:
        The accounts, in file order.

    Raises:
        InputError: Anything wrong with it, located as ``accounts[17].balances.BTC`` or ``line 12 column 5``.
    """
    rows = check_accounts(_load(path, ACCOUNTS_FORMAT), str(path))["accounts"]
    positions, orders = _positions(rows), _orders(rows)
    balances = Balances(*_by_name(rows, "balances", "accrued_interest", 0.0))
    limits = Limits(*_by_name(rows, "spot_limits", "borrow_limits", np.nan))
    places = _AccountPlaces(positions, orders, balances, limits)
    return assemble_accounts(
        Accounts(
            ids=np.array([row["id"] for row in rows], object),
            positions=positions,
            orders=orders,
            balances=balances,
            limits=limits,
            spot_mode=np.array([SPOT_MODES.index(row.get("spot_mode", DEFAULT_SPOT_MODE)) for row in rows], np.int32),
            auto_borrow=np.array([row.get("auto_borrow", True) for row in rows], bool),
            declared=np.array([row.get("declared", True) for row in rows], bool),
            source=Source(str(path), places),
        )
    )


def write_market_json(market: Market, path: Path) -> None:
    """Write a market, one instrument a line, defaults left out; numbers read back exactly.

    Args:
        market: The market.
        path: The file, overwritten where it exists.
    """
    index = {pair: float(price) for pair, price in market.index.items() if pair != "USD-USD"}
    head = [f'"format": "{MARKET_FORMAT}"', f'"time": "{time_text(market.time)}"', f'"index": {_dump(index)}']
    rows = _listed("instruments", [_dump(row) for row in _instrument_rows(market.table)], "  ")
    path.write_text("{\n  " + ",\n  ".join([*head, rows]) + "\n}\n", encoding="utf-8")


def write_accounts_json(accounts: Accounts, path: Path) -> None:
    """Write accounts, one position or order a line, defaults left out; numbers read back exactly.

    Args:
        accounts: The accounts.
        path: The file, overwritten where it exists.
    """
    rows = _listed("accounts", _account_texts(accounts), "  ")
    path.write_text(f'{{\n  "format": "{ACCOUNTS_FORMAT}",\n  {rows}\n}}\n', encoding="utf-8")


def _load(path: Path, expected: str) -> object:
    repeated: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            repeated.append((found, next(key for key in keys if keys.count(key) > 1)))
        return found

    text = _text(path, expected)
    try:
        document = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        found = repr(text[error.pos]) if error.pos < len(text) else "the end of the file"
        place = f"line {error.lineno} column {error.colno}"
        raise InputError(str(path), place, f"valid JSON ({error.msg})", found) from None
    except RecursionError:
        raise InputError(str(path), "top level", f"a {expected} document", "brackets nested too deeply") from None
    except ValueError:  # Python refuses integers of thousands of digits
        raise InputError(str(path), "top level", "numbers of ordinary length", "one of thousands of digits") from None
    # An object inside a repeated key is lost with it, so look until one is still there.
    for holder, key in repeated:
        for steps in _steps_to(document, holder):
            raise InputError(str(path), readable_path([*steps, key]), "each key once an object", f"{key!r} repeated")
    return document


def _text(path: Path, expected: str) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            str(path), f"byte {error.start}", "UTF-8 text", f"byte {error.object[error.start]:#04x}"
        ) from None
    except OSError as error:
        raise InputError(str(path), "file", "a readable file", error.strerror or error) from None
    if not text.strip():
        raise InputError(str(path), "top level", f"a {expected} document", "an empty file")
    return text


def _steps_to(node: object, target: object) -> Iterator[tuple[str | int, ...]]:
    if node is target:
        yield ()
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        for rest in _steps_to(child, target):
            yield (step, *rest)


def _instrument_table(rows: Sequence[InstrumentRow]) -> InstrumentTable:
    def numbers(key: str) -> np.ndarray:
        return np.array([row.get(key, np.nan) for row in rows], float)

    def texts(key: str) -> np.ndarray:
        return np.array([row.get(key, "") for row in rows], object)

    def times(key: str) -> np.ndarray:
        return np.array([row.get(key, _NO_TIME) for row in rows], "datetime64[ms]")

    given = {key for row in rows for key in row}
    details = {key: numbers(key) for key in DETAIL_COLUMNS if key in given}
    return InstrumentTable(
        **{key: texts(key) for key in ("id", "kind", "coin", "settle", "right")},
        **{key: numbers(key) for key in ("contract_value", "mark", "strike", "forward", "vol")},
        expiry=times("expiry"),
        details=details | {key: times(key) for key in TIME_COLUMNS if key in given},
    )


def _positions(rows: Sequence[AccountRow]) -> Positions:
    account, held = _nested([row.get("positions", ()) for row in rows])
    return Positions(
        account,
        Labels.of(position["instrument"] for position in held),
        np.array([position["quantity"] for position in held], float),
        np.array([position.get("average_price", np.nan) for position in held], float),
    )


def _orders(rows: Sequence[AccountRow]) -> Orders:
    account, placed = _nested([row.get("orders", ()) for row in rows])
    return Orders(
        account,
        Labels.of(order["instrument"] for order in placed),
        np.array([order["quantity"] for order in placed], float),
        np.array([order["price"] for order in placed], float),
    )


def _nested(lists: Sequence[Sequence[Any]]) -> tuple[np.ndarray, list[Any]]:
    """The owner of every entry, and the entries of all in a row."""
    counts = np.array([len(entries) for entries in lists], np.int64)
    return np.repeat(np.arange(len(lists), dtype=np.int32), counts), [entry for entries in lists for entry in entries]


def _by_name(
    rows: Sequence[AccountRow], first: str, second: str, absent: float
) -> tuple[np.ndarray, Labels, np.ndarray, np.ndarray]:
    """Two objects by currency side by side: owner, currency, value in the first, value in the second."""
    names = [list(row.get(first, {}) | row.get(second, {})) for row in rows]
    account, flat = _nested(names)

    def values(key: str) -> np.ndarray:
        pairs = zip(rows, names, strict=True)
        return np.array([row.get(key, {}).get(name, absent) for row, mine in pairs for name in mine], float)

    return account, Labels.of(flat), values(first), values(second)


# Where the columns of these tables stand in an account: objects by currency, not lists.
_NAMED = {
    ("balances", "amount"): "balances",
    ("balances", "accrued_interest"): "accrued_interest",
    ("balances", "currency"): "balances",
    ("limits", "coin"): "spot_limits",
    ("limits", "spot_limit"): "spot_limits",
    ("limits", "borrow_limit"): "borrow_limits",
}


@dataclass(frozen=True)
class _AccountPlaces:
    """Path of a table row: ``accounts[17].positions[2].quantity``, ``accounts[17].spot_limits.BTC``."""

    positions: Positions
    orders: Orders
    balances: Balances
    limits: Limits

    def __call__(self, table: str, row: int, column: str) -> str:
        steps: list[str | int] = ["accounts", row, column]
        if table != "accounts":
            owners = getattr(self, table).account
            owner = int(owners[row])
            # Rows of one account are neighbours here, in the order of its list.
            steps = ["accounts", owner, table, row - int(np.searchsorted(owners, owner)), column]
            if (table, column) in _NAMED:
                labels = self.balances.currency if table == "balances" else self.limits.coin
                steps[2:] = [self._object(table, row, column), labels.names[labels.codes[row]]]
        return readable_path([step for step in steps if step != ""])

    def _object(self, table: str, row: int, column: str) -> str:
        """The object by currency that names the row: the second of the two where only that one does."""
        if (table, column) == ("limits", "coin") and np.isnan(self.limits.spot_limit[row]):
            return "borrow_limits"
        if (table, column) == ("balances", "currency") and self.balances.amount[row] == 0:
            return "accrued_interest" if self.balances.accrued_interest[row] != 0 else "balances"
        return _NAMED[table, column]


def _instrument_rows(table: InstrumentTable) -> Iterator[dict[str, object]]:
    columns = {key: getattr(table, key) for key in _TERMS} | dict(table.details)
    plain = {key: [_plain(value) for value in values] for key, values in columns.items()}
    for row in range(len(table)):
        yield {key: values[row] for key, values in plain.items() if values[row] is not None}


def _plain(value: Any) -> str | float | None:
    """A value as JSON has it, None where there is none."""
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else time_text(value)
    if isinstance(value, str):
        return str(value) or None
    return None if np.isnan(value) else float(value)


def _account_texts(accounts: Accounts) -> list[str]:
    lists = {
        "positions": _holdings(accounts, accounts.positions, "average_price"),
        "orders": _holdings(accounts, accounts.orders, "price"),
    }
    b, limits = accounts.balances, accounts.limits
    named = {
        "balances": _named(accounts, b.account, b.currency, b.amount, np.isfinite(b.amount)),
        "accrued_interest": _named(accounts, b.account, b.currency, b.accrued_interest, b.accrued_interest != 0),
        "spot_limits": _named(accounts, limits.account, limits.coin, limits.spot_limit, ~np.isnan(limits.spot_limit)),
        "borrow_limits": _named(
            accounts, limits.account, limits.coin, limits.borrow_limit, ~np.isnan(limits.borrow_limit)
        ),
    }
    texts = []
    for row, name in enumerate(accounts.ids):
        line = [f'"id": {_dump(str(name))}', *_settings(accounts, row)]
        line += [f'"{key}": {{{", ".join(values[row])}}}' for key, values in named.items() if values[row]]
        below = [_listed(key, values[row], "     ") for key, values in lists.items() if values[row]]
        texts.append("{" + ",\n     ".join([", ".join(line), *below]) + "}")
    return texts


def _settings(accounts: Accounts, row: int) -> list[str]:
    mode = SPOT_MODES[accounts.spot_mode[row]]
    spot = [f'"spot_mode": "{mode}"'] if mode != DEFAULT_SPOT_MODE else []
    flags = (("auto_borrow", accounts.auto_borrow), ("declared", accounts.declared))
    return [*spot, *(f'"{key}": false' for key, values in flags if not values[row])]


def _holdings(accounts: Accounts, rows: Positions | Orders, price_key: str) -> list[list[str]]:
    names = [_dump(name) for name in rows.instrument.names]
    columns = (rows.instrument.codes, rows.quantity, getattr(rows, price_key))
    # repr of a float is its shortest exact text, the one JSON uses; a price that is not itself is NaN: none given.
    texts = [
        f'{{"instrument": {names[code]}, "quantity": {quantity!r}'
        + (f', "{price_key}": {price!r}}}' if price == price else "}")  # noqa: PLR0124
        for code, quantity, price in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return _by_owner(accounts, rows.account, texts)


def _named(
    accounts: Accounts, owner: np.ndarray, labels: Labels, values: np.ndarray, given: np.ndarray
) -> list[list[str]]:
    names = [_dump(name) for name in labels.names]
    pairs = zip(labels.codes[given].tolist(), values[given].tolist(), strict=True)
    return _by_owner(accounts, owner[given], [f"{names[code]}: {value!r}" for code, value in pairs])


def _by_owner(accounts: Accounts, owner: np.ndarray, texts: Sequence[str]) -> list[list[str]]:
    grouped: list[list[str]] = [[] for _ in range(len(accounts))]
    for account, text in zip(owner.tolist(), texts, strict=True):
        grouped[account].append(text)
    return grouped


def _listed(key: str, texts: Sequence[str], indent: str) -> str:
    """A key and its list, one entry a line."""
    if not texts:
        return f'"{key}": []'
    return f'"{key}": [\n{indent}  ' + f",\n{indent}  ".join(texts) + f"\n{indent}]"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)

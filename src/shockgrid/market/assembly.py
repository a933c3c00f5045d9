"""From the tables of a file to a checked market.

Every reader (native JSON and Parquet, option chains, exchange payloads) ends here, so that one place decides what a
usable market is. The first thing wrong raises an ``InputError`` that names the file, the place and what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shockgrid.errors import InputError
from shockgrid.market.clock import years_between
from shockgrid.market.market import DETAIL_COLUMNS, InstrumentTable, Market
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.source import Source
from shockgrid.market.universe import (
    DENOMINATIONS,
    INVERSE_VALUE,
    KINDS,
    LINEAR_VALUE,
    OPTION_VALUE,
    Contracts,
    Universe,
)


def assemble_market(
    time: np.datetime64 | str,
    index: Mapping[str, float],
    table: InstrumentTable,
    *,
    source: Source = Source(),
    derived: tuple[str, ...] = (),
) -> Market:
    """Check the tables and build the sorted arrays.

    Args:
        time: Valuation time, UTC.
        index: ``{"A-B": price of A in B}``.
        table: The instruments.
        source: Where they came from, for error messages.
        derived: What the reader computed itself.

    Returns:
        The market.

    Raises:
        InputError: A wrong kind, settle currency or number; a missing price, volatility or term; a duplicate
            instrument.
    """
    check, now = _Check(source), np.datetime64(str(time), "ms")
    index = {**index, "USD-USD": index.get("USD-USD", 1.0)}
    _check_pairs(index, source)
    _check_terms(check, table)
    _check_prices(check, table, now)
    _check_details(check, table)
    currencies = tuple(sorted({pair.split("-")[0] for pair in index if pair.endswith("-USD")}))
    _check_index(check, table, index, currencies)
    return _build(now, index, table, currencies, source, derived)


class _Check:
    """Raises for the first row that breaks a rule."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def rows(self, bad: np.ndarray, column: str, expected: str, found: np.ndarray) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            raise InputError(
                self.source.file, self.source.locate("instruments", row, column), expected, _shown(found[row])
            )


def _shown(value: object) -> str:
    if isinstance(value, np.datetime64):
        return "nothing" if np.isnat(value) else f"{value}Z"
    value = value.item() if isinstance(value, np.generic) else value
    return "nothing" if value != value or value == "" else repr(value)  # noqa: PLR0124 - NaN: none given


def _check_terms(check: _Check, t: InstrumentTable) -> None:
    check.rows(t.id == "", "id", "an instrument id", t.id)
    _, first = np.unique(t.id, return_index=True)
    repeated = np.ones(len(t), bool)
    repeated[first] = False
    check.rows(repeated, "id", "ids that occur once", t.id)
    check.rows(~np.isin(t.kind, KINDS), "kind", "one of " + ", ".join(KINDS), t.kind)
    option, perpetual = t.kind == "option", t.kind == "perpetual"
    inverse_or_option = t.settle == t.coin
    check.rows(option & ~inverse_or_option, "settle", "the option's coin (options are coin-settled)", t.settle)
    linear = ~option & ~inverse_or_option
    expected = "the coin (inverse) or one of " + ", ".join(DENOMINATIONS)
    check.rows(linear & ~np.isin(t.settle, DENOMINATIONS), "settle", expected, t.settle)
    check.rows(perpetual & ~np.isnat(t.expiry), "expiry", "no expiry of a perpetual", t.expiry)
    check.rows(~perpetual & np.isnat(t.expiry), "expiry", "an expiry time", t.expiry)
    check.rows(option & ~np.isin(t.right, ("call", "put")), "right", "call or put", t.right)
    check.rows(~option & (t.right != ""), "right", "a right on options only", t.right)


def _check_prices(check: _Check, t: InstrumentTable, time: np.datetime64) -> None:
    option = t.kind == "option"
    live = np.isnat(t.expiry) | (t.expiry > time)
    positive = "a finite number above 0"
    check.rows(~_positive(t.contract_value), "contract_value", positive, t.contract_value)
    # A worthless option has a mark of zero; nothing else has.
    check.rows(~option & ~_positive(t.mark), "mark", positive, t.mark)
    check.rows(option & ~_not_negative(t.mark), "mark", "a finite number, 0 or more", t.mark)
    check.rows(option & ~_positive(t.strike), "strike", positive, t.strike)
    # A file may still list what has expired; holding it is the error (accounts/book.py).
    for column in ("forward", "vol"):
        values = getattr(t, column)
        check.rows(live & option & ~_positive(values), column, positive + " for a live option", values)
        check.rows(option & ~(np.isnan(values) | _not_negative(values)), column, "a finite number, 0 or more", values)
    for column in ("strike", "forward", "vol"):
        values = getattr(t, column)
        check.rows(~option & ~np.isnan(values), column, f"a {column} on options only", values)


def _check_details(check: _Check, t: InstrumentTable) -> None:
    for column in (key for key in DETAIL_COLUMNS if key in t.details):
        values = t.details[column]
        signed = column == "funding_rate"
        good = np.isnan(values) | (np.isfinite(values) if signed else _not_negative(values))
        check.rows(~good, column, "a finite number" + ("" if signed else ", 0 or more"), values)


def _check_pairs(index: Mapping[str, float], source: Source) -> None:
    for pair, price in index.items():
        if not (np.isfinite(price) and price > 0):
            raise InputError(source.file, f"index.{pair}", "a finite price above 0", price)
        if len(pair.split("-")) != 2 or not all(pair.split("-")):
            raise InputError(source.file, f"index.{pair}", "a pair A-B, the price of A in B")
    if index["USD-USD"] != 1:
        raise InputError(source.file, "index.USD-USD", "1", index["USD-USD"])


def _positive(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) & (values > 0)


def _not_negative(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) & (values >= 0)


def _check_index(check: _Check, t: InstrumentTable, index: Mapping[str, float], currencies: tuple[str, ...]) -> None:
    # Rows of one (coin, settle) pair need the same prices: look each pair up once.
    pairs = np.char.add(np.char.add(t.coin.astype(str), "-"), t.settle.astype(str))
    for row in np.sort(np.unique(pairs, return_index=True)[1]):
        coin, settle = str(t.coin[row]), str(t.settle[row])
        needed = [coin + "-USD"] + ([settle + "-USD", f"{coin}-{settle}"] if settle != coin else [])
        for pair in needed:
            if pair not in index:
                where = check.source.locate("instruments", int(row), "id")
                raise InputError(
                    check.source.file, f"index.{pair}", f"an index price, needed by {where} ({t.id[row]})", "none"
                )
    assert set(t.coin) <= set(currencies)


def _build(
    time: np.datetime64,
    index: dict[str, float],
    t: InstrumentTable,
    currencies: tuple[str, ...],
    source: Source,
    derived: tuple[str, ...],
) -> Market:
    coins = tuple(sorted({str(c) for c in t.coin}))
    coin_of = _positions_in(t.coin, coins)
    expiry_key = np.where(np.isnat(t.expiry), np.datetime64(0, "ms"), t.expiry)
    order = np.lexsort((t.id.astype(str), expiry_key, coin_of))
    coin, expiry = coin_of[order], t.expiry[order]
    tenor, tenors = _tenor_slots(coin, expiry, len(coins))
    settle_name, is_option = t.settle[order], t.kind[order] == "option"
    linear = settle_name != t.coin[order]
    denomination = _positions_in(np.where(linear, settle_name, "USD"), DENOMINATIONS)
    contracts = Contracts(
        coin=coin,
        settle=_positions_in(settle_name, currencies),
        denomination=denomination,
        value_slot=np.where(
            is_option, OPTION_VALUE, np.where(linear, LINEAR_VALUE + denomination, INVERSE_VALUE)
        ).astype(np.int32),
        tenor=tenor,
        is_option=is_option,
        is_inverse=~linear & ~is_option,
        is_call=t.right[order] == "call",
        contract_value=t.contract_value[order],
        strike=np.where(is_option, t.strike[order], 1.0),
        coin_currency=_positions_in(np.array(coins, object), currencies),
        denomination_currency=np.array([currencies.index(d) if d in currencies else -1 for d in DENOMINATIONS]),
    )
    universe = Universe(
        ids=t.id[order],
        kinds=_positions_in(t.kind[order], KINDS),
        expiry=expiry,
        coins=coins,
        currencies=currencies,
        tenors=tenors,
        contracts=contracts,
    )
    live = np.isnat(expiry) | (expiry > time)
    index_usd = _lookup_pairs(t.coin[order], np.full(len(t), "USD"), index)
    snapshot = Snapshot(
        index_usd=np.array([index[c + "-USD"] for c in currencies]),
        quote_index=_lookup_pairs(t.coin[order], np.where(linear, settle_name, "USD"), index),
        mark=t.mark[order],
        forward=np.where(is_option & live, t.forward[order], index_usd),
        vol=np.where(is_option & live, t.vol[order], 0.0),
        years=_years_until(expiry, time),
        tenor_years=_years_until(tenors, time),
        funding_rate=np.nan_to_num(t.details.get("funding_rate", np.zeros(len(t)))[order]),
        usdt_usdc=np.array(_usdt_usdc(index)),
    )
    return Market(time, index, t, universe, snapshot, order, derived, source)


def _positions_in(names: np.ndarray, ordered: tuple[str, ...]) -> np.ndarray:
    place = {name: i for i, name in enumerate(ordered)}
    unique, inverse = np.unique(names.astype(str), return_inverse=True)
    return np.array([place[name] for name in unique], np.int32)[inverse] if len(names) else np.zeros(0, np.int32)


def _lookup_pairs(base: np.ndarray, quote: np.ndarray, index: Mapping[str, float]) -> np.ndarray:
    pairs = np.char.add(np.char.add(base.astype(str), "-"), quote.astype(str))
    unique, inverse = np.unique(pairs, return_inverse=True)
    return np.array([index[pair] for pair in unique], float)[inverse]


def _tenor_slots(coin: np.ndarray, expiry: np.ndarray, n_coins: int) -> tuple[np.ndarray, np.ndarray]:
    """Slot of every instrument among its coin's expiries, and the expiry of every slot."""
    tenor = np.zeros(len(coin), np.int32)
    lists = []
    for c in range(n_coins):
        mine = (coin == c) & ~np.isnat(expiry)
        distinct, inverse = np.unique(expiry[mine], return_inverse=True)
        tenor[mine] = inverse + 1
        lists.append(distinct)
    width = 1 + max((len(x) for x in lists), default=0)
    tenors = np.full((n_coins, width), np.datetime64("NaT"), "datetime64[ms]")
    for c, distinct in enumerate(lists):
        tenors[c, 1 : 1 + len(distinct)] = distinct
    return tenor, tenors


def _years_until(expiry: np.ndarray, time: np.datetime64) -> np.ndarray:
    return np.where(np.isnat(expiry), 0.0, np.maximum(years_between(time, expiry), 0.0))


def _usdt_usdc(index: Mapping[str, float]) -> float:
    if "USDT-USDC" in index:
        return index["USDT-USDC"]
    # Without both stablecoins no USDT-USDC volume can arise, so the value is never read.
    return index.get("USDT-USD", 1.0) / index.get("USDC-USD", 1.0)

"""A market between two: some of its primitives those of one, some those of the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from math import isclose
from typing import Any

import numpy as np

from shockgrid.market.assembly import assemble_market
from shockgrid.market.clock import years_between
from shockgrid.market.market import DETAIL_COLUMNS, InstrumentTable, Market
from shockgrid.market.source import Source
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.pricing.coin_values import coin_values

MARKET_FACTORS = ("price", "vol", "time", "stablecoins", "basis")
"""The primitives: prices of coins in USD; volatilities; the time; prices of stablecoins in USD, and how far other pairs
lie from the ratio of USD prices; ratios of marks and forwards to indices, with what is listed, its terms, funding rates
and all other details. How far the mark of an option lies from its model value goes with the first of ``VALUE_FACTORS``
that moves."""
VALUE_FACTORS = ("price", "vol", "time", "basis")
"""What the model value of an option depends on."""

ROUNDING = 1e-12


@dataclass(frozen=True)
class _Primitives:
    """Of one market, by name."""

    time: np.datetime64
    usd: Mapping[str, float]
    residual: Mapping[str, float]
    ratio: Mapping[str, float]
    vol: Mapping[str, float]
    excess: Mapping[str, float]
    details: Mapping[str, Mapping[str, object]]


class MarketPair:
    """Two markets, and every market between them.

    What only one of them lists has the primitives of that one throughout.

    Attributes:
        changed: Which of ``MARKET_FACTORS`` differ.
    """

    def __init__(self, before: Market, after: Market, *, listing_counts: bool) -> None:
        """Compare two markets.

        Args:
            before: The one.
            after: The other.
            listing_counts: Whether a contract that no one holds can change a margin, as in version 1 of the rules.
        """
        self._markets, self._parts = (before, after), (_primitives(before), _primitives(after))
        changed = [f for f in MARKET_FACTORS if _differs(f, *self._parts)]
        if not set(changed) & set(VALUE_FACTORS) and _unlike("excess", *self._parts):
            changed.append("vol")
        if listing_counts and set(before.table.id) != set(after.table.id):
            changed.append("basis")
        self.changed = tuple(f for f in MARKET_FACTORS if f in changed)

    def at(self, moved: frozenset[str], held: Collection[str]) -> Market:
        """The market with some factors as they are after; the given ones themselves where all or none are.

        Args:
            moved: The factors.
            held: What must be listed, whichever of the two lists it.
        """
        moved = moved & set(self.changed)
        table = self._table("basis" in moved, held)
        for side, same in enumerate((not moved, moved == set(self.changed))):
            if same and set(table.id) == set(self._markets[side].table.id):
                return self._markets[side]
        of = {factor: self._parts[factor in moved] for factor in MARKET_FACTORS}
        other = {factor: self._parts[factor not in moved] for factor in MARKET_FACTORS}

        valued = bool(moved & set(VALUE_FACTORS))
        of["value"], other["value"] = self._parts[valued], self._parts[not valued]

        def of_both(factor: str, name: str) -> dict:
            return {**getattr(other[factor], name), **getattr(of[factor], name)}

        stable, coins = of_both("stablecoins", "usd"), of_both("price", "usd")
        usd = {c: stable[c] if c in DENOMINATIONS else price for c, price in coins.items()}
        index = {f"{c}-USD": price for c, price in usd.items()}
        for pair, residual in of_both("stablecoins", "residual").items():
            base, quote = pair.split("-")
            index[pair] = residual * usd[base] / usd[quote]
        prices = _prices(table, of["time"].time, index, *(of_both(*x) for x in _PRICED))
        table = _with(table, {**prices, "details": _details(table, of_both("basis", "details"))})
        return assemble_market(of["time"].time, index, table, source=Source(self._markets[1].source.file))

    def _table(self, after: bool, held: Collection[str]) -> InstrumentTable:
        """What one of the two lists, and of the other what is held besides."""
        own, other = (self._markets[side].table for side in (after, not after))
        besides = np.isin(other.id, list(held)) & ~np.isin(other.id, own.id)
        columns: dict[str, Any] = {
            f.name: np.concatenate([getattr(own, f.name), getattr(other, f.name)[besides]])
            for f in fields(InstrumentTable)
            if f.name != "details"
        }
        return InstrumentTable(**columns)


_PRICED = (("basis", "ratio"), ("vol", "vol"), ("value", "excess"))


def _differs(factor: str, before: _Primitives, after: _Primitives) -> bool:
    """Whether anything that both markets have differs."""
    sides = (before, after)
    if factor == "time":
        return before.time != after.time
    if factor == "vol":
        return _unlike("vol", *sides)
    if factor == "basis":
        return _unlike("ratio", *sides) or _unlike("details", *sides)
    if factor == "price":
        return _unlike("usd", *sides, without=DENOMINATIONS)
    coins = [c for c in before.usd if c not in DENOMINATIONS]
    return _unlike("usd", *sides, without=coins) or _unlike("residual", *sides)


def _unlike(name: str, before: _Primitives, after: _Primitives, without: Collection[str] = ()) -> bool:
    was, now = getattr(before, name), getattr(after, name)
    return any(not _same(was[k], now[k]) for k in was.keys() & now.keys() if k not in without)


def _same(was: object, now: object) -> bool:
    """Primitives are ratios and differences of prices, so equal ones may differ by rounding."""
    if isinstance(was, float) and isinstance(now, float):
        return isclose(was, now, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return was == now


def _primitives(market: Market) -> _Primitives:
    t, universe = market.table, market.universe
    usd = dict(zip(universe.currencies, market.snapshot.index_usd.tolist(), strict=True))
    pairs = [pair.split("-") for pair in market.index]
    residual = {
        f"{base}-{quote}": float(market.index[f"{base}-{quote}"]) * usd[quote] / usd[base]
        for base, quote in pairs
        if quote != "USD" and base in usd and quote in usd
    }
    option, live = t.kind == "option", np.isnat(t.expiry) | (t.expiry > market.time)
    own_index = np.array([_own_index(t, i, market.index) for i in range(len(t))], float)
    ratio = np.where(option, np.where(live, t.forward, np.nan), t.mark) / own_index
    model = np.full(len(t), np.nan)
    priced = option & live
    model[priced] = _model(t, priced, t.forward[priced], t.vol[priced], market.time)
    ids = t.id.tolist()

    def given(values: np.ndarray) -> dict[str, float]:
        return {name: value for name, value in zip(ids, values.tolist(), strict=True) if value == value}  # noqa: PLR0124

    details = {
        name: {
            c: t.details[c][i].item() for c in DETAIL_COLUMNS if c in t.details and t.details[c][i] == t.details[c][i]
        }
        for i, name in enumerate(ids)
    }
    return _Primitives(
        time=market.time,
        usd=usd,
        residual=residual,
        ratio=given(ratio),
        vol=given(np.where(priced, t.vol, np.nan)),
        excess=given(t.mark - model),
        details=details,
    )


def _own_index(t: InstrumentTable, row: int, index: Mapping[str, float]) -> float:
    """The index that a contract's mark, an option's forward, is measured against."""
    linear = t.kind[row] != "option" and t.settle[row] != t.coin[row]
    return float(index[f"{t.coin[row]}-{t.settle[row]}" if linear else f"{t.coin[row]}-USD"])


def _prices(
    t: InstrumentTable,
    time: np.datetime64,
    index: Mapping[str, float],
    ratio: Mapping[str, float],
    vol: Mapping[str, float],
    excess: Mapping[str, float],
) -> dict[str, np.ndarray]:
    """Marks, forwards and volatilities of instruments from the primitives; an expired option keeps its mark."""
    ids = t.id.tolist()
    own_index = np.array([_own_index(t, i, index) for i in range(len(t))], float)
    ratios, vols, excesses = (np.array([x.get(name, np.nan) for name in ids], float) for x in (ratio, vol, excess))
    option, live = t.kind == "option", np.isnat(t.expiry) | (t.expiry > time)
    forward, priced = np.where(option, ratios * own_index, np.nan), option & live
    mark = np.where(option, t.mark, ratios * own_index)
    mark[priced] = np.maximum(_model(t, priced, forward[priced], vols[priced], time) + excesses[priced], 0.0)
    return {"mark": mark, "forward": forward, "vol": np.where(option, vols, np.nan)}


def _model(
    t: InstrumentTable, rows: np.ndarray, forward: np.ndarray, vol: np.ndarray, time: np.datetime64
) -> np.ndarray:
    if not rows.any():
        return np.zeros(0)
    return coin_values(forward, t.strike[rows], vol, years_between(time, t.expiry[rows]), t.right[rows] == "call")


def _details(t: InstrumentTable, by_id: Mapping[str, Mapping[str, object]]) -> dict[str, np.ndarray]:
    names = {column for row in by_id.values() for column in row}
    return {c: np.array([by_id.get(name, {}).get(c, np.nan) for name in t.id.tolist()], float) for c in names}


def _with(table: InstrumentTable, changes: Mapping[str, Any]) -> InstrumentTable:
    return InstrumentTable(**{**vars(table), **changes})

"""The margin of an account in liquidation: as `okx.margin`, from per-contract figures that are computed once a market.

A liquidation margins one account thousands of times in a market that does not move (LP: price moves nothing). The
arithmetic is that of OC; `test_liquidation_twin` compares it with `okx.margin`.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.reference.basis import Bucket, matched_parts, mr4_v2
from tests.reference.borrowing import borrow_mmr, liability_usd
from tests.reference.contracts import Contract, denomination
from tests.reference.depeg import hedged_volumes, mr9_charge, pair_price
from tests.reference.equity import adjusted_equity_usd, gross_equity_usd
from tests.reference.liquidation_book import Book, equities, spot_equities
from tests.reference.liquidation_market import Exposure, PricedMarket, mr1_moves, mr6_moves
from tests.reference.option_risks import by_expiry
from tests.reference.risk_units import RiskUnit, takes_spot
from tests.reference.tables import interpolate, marginal
from tests.reference.units import component_sum, spot_in_use

Held = list[tuple[Exposure, float]]
Memory = dict[tuple, "UnitMargin"]  # units of one account that were valued before


@dataclass(frozen=True)
class UnitMargin:
    """One unit: MR1 to MR9 without MR8, MMR, spot in use, delta with spot in use, and the sides of MR9's netting."""

    mr: dict[str, float]
    mmr: float
    spot_in_use: float
    delta: float  # coin, with spot in use
    cash_deltas: dict[str, float]  # net, per denomination
    volumes: dict[tuple[str, str], float]  # hedged, per pair of denominations


@dataclass(frozen=True)
class Margin:
    """An account: E, R, gross equity, MMR, the equity of each currency, its units."""

    equity: float
    required: float
    gross: float
    mmr: float
    equities: dict[str, float]
    units: dict[RiskUnit, UnitMargin]

    @property
    def ratio(self) -> float:
        """E / R, infinite where R = 0."""
        return self.equity / self.required if self.required != 0.0 else math.inf

    def shortfall(self, stop_ratio: float) -> float:
        """S = stop_ratio * R - E."""
        return stop_ratio * self.required - self.equity


def margined(book: Book, priced: PricedMarket, memory: Memory) -> Margin:
    """The account's margin, of its positions alone (OC 4)."""
    market, p = priced.market, priced.parameters
    amounts, spot = equities(book, priced), spot_equities(book, priced)
    units = {}
    for unit, quantities in by_unit(book, priced).items():
        units[unit] = remembered(unit, quantities, unit_spot(unit, spot, book, priced), book, priced, memory)
    mr8, liability = borrow_mmr(amounts, market, p), liability_usd(amounts, market)
    mmr = math.fsum([*(unit.mmr for unit in units.values()), mr8])
    return Margin(
        equity=adjusted_equity_usd(amounts, market, p),
        required=mmr + p.liability_fee * (liability + mr8),
        gross=gross_equity_usd(amounts, market),
        mmr=mmr,
        equities=amounts,
        units=units,
    )


def by_unit(book: Book, priced: PricedMarket) -> dict[RiskUnit, dict[str, float]]:
    """The positions of each unit that has one; units and instruments in order."""
    units: dict[RiskUnit, dict[str, float]] = {}
    for name in book.held():
        units.setdefault(priced.units[name], {})[name] = book.quantities[name]
    return dict(sorted(units.items()))


def unit_spot(unit: RiskUnit, spot: dict[str, float], book: Book, priced: PricedMarket) -> float:
    """X of a unit: the coin's equity without options where spot joins the unit (OC 2)."""
    return spot.get(unit.coin, 0.0) if takes_spot(unit, book.account, priced.parameters) else 0.0


def remembered(
    unit: RiskUnit, quantities: dict[str, float], x: float, book: Book, priced: PricedMarket, memory: Memory
) -> UnitMargin:
    """The unit's margin, which depends on its quantities and its X alone: valued once."""
    key = (unit, tuple(quantities.items()), x)
    if key not in memory:
        p = priced.parameters
        limit = book.account.get("spot_limits", {}).get(unit.coin, math.inf) if p.spot_limits else math.inf
        held = [(priced.exposure(name), q) for name, q in quantities.items()]
        memory[key] = unit_margin(unit, held, x, limit, priced)
    return memory[key]


def unit_margin(unit: RiskUnit, held: Held, x: float, limit: float, priced: PricedMarket) -> UnitMargin:
    """All components of one unit (OC 2 to 4)."""
    index, p = priced.usd(unit.coin), priced.parameters
    cash = math.fsum(q * e.cash_delta for e, q in held)
    used = spot_in_use(x, cash / index, limit)
    deltas = denomination_deltas(held)
    volumes = hedged_volumes(deltas, p.mr9.pairs)
    mr = option_components(held, priced) | {
        "mr1": max(0.0, -worst([e.mr1 for e, _ in held], held, used * index, mr1_moves(unit.coin, p))),
        "mr4": mr4(unit, held, used * index, priced),
        "mr6": p.mr6_loss_fraction
        * max(0.0, -worst([e.mr6 for e, _ in held], held, used * index, mr6_moves(unit.coin, p))),
        "mr7": mr7(unit, held, priced),
        "mr9": 0.0 if p.structure == "v1" else mr9(volumes, priced),
    }
    return UnitMargin(mr, max(component_sum(mr), mr["mr7"]), used, cash / index + used, deltas, volumes)


def worst(columns: list[tuple[float, ...]], held: Held, spot_usd: float, moves: list[float]) -> float:
    """The smallest P&L of the unit; the moves repeat for every volatility state.

    The smaller one of the two readings of a volatility state makes the cell, so all readings count alike.
    """
    quantities = [q for _, q in held]
    spot = [spot_usd * move for move in moves] * (len(columns[0]) // len(moves))
    return min(
        math.fsum([own, *(q * pnl for q, pnl in zip(quantities, pnls, strict=True))])
        for own, pnls in zip(spot, zip(*columns, strict=True), strict=True)
    )


def option_components(held: Held, priced: PricedMarket) -> dict[str, float]:
    """MR2, MR3, MR5 (OC 3)."""
    p, shock = priced.parameters, priced.parameters.vol_shock
    decay = math.fsum(q * e.decay for e, q in held)
    holdings = [(e.contract, q) for e, q in held]
    vegas = by_expiry(holdings, lambda c: priced.exposure(c.id).vega)
    rhos = by_expiry(holdings, lambda c: priced.exposure(c.id).rate)
    x = [interpolate(days, shock.days, shock.points) * 100.0 * vega for days, vega in vegas.items()]
    parallel = [rho * p.mr5_pc1 for rho in rhos.values()]
    tilt = [rho * p.mr5_pc2 * (1.0 - 2.0 * min(days, p.mr5_tilt_days) / p.mr5_tilt_days) for days, rho in rhos.items()]
    return {
        "mr2": max(0.0, -decay),
        "mr3": p.mr3_kappa * (math.fsum(abs(v) for v in x) - abs(math.fsum(x))) / 2.0,
        "mr5": abs(math.fsum(parallel)) + abs(math.fsum(tilt)),
    }


def buckets_of(held: Held, spot_usd: float, priced: PricedMarket) -> list[Bucket]:
    """Spot where the version counts it, all perpetuals, each exact expiry with its options (OC 3, MR4)."""
    p = priced.parameters
    spot, perpetual = Bucket(p.mr4_spot_days), Bucket(p.mr4_perpetual_days)
    if p.spot_in_mr4:
        spot.parts.append(spot_usd)
    dated: dict[datetime, Bucket] = {}
    for e, q in held:
        bucket, c = perpetual, e.contract
        if c.expiry is not None:
            bucket = dated.setdefault(c.expiry, Bucket(c.days, c.expiry))
        bucket.parts.append(q * e.cash_delta)
    return [spot, perpetual, *dated.values()]


def mr4(unit: RiskUnit, held: Held, spot_usd: float, priced: PricedMarket) -> float:
    """MR4 by the version's structure; the listed bases of v1 are looked up once (OC 3)."""
    buckets, p = buckets_of(held, spot_usd, priced), priced.parameters
    if p.structure == "v2":
        return mr4_v2(buckets, unit.coin, p)
    move: Any = p.mr4_forward_move.of(unit.coin)
    change: Any = p.mr4_basis_change.of(unit.coin)
    parts = []
    for bucket, matched in zip(buckets, matched_parts([b.cash_delta for b in buckets]), strict=True):
        basis = 0.0 if bucket.expiry is None else priced.basis(unit, bucket.expiry)
        parts.append(matched * (move + change * basis))
    return math.fsum(parts)


def mr7(unit: RiskUnit, held: Held, priced: PricedMarket) -> float:
    """The raw charge through the marginal multiplier (OC 3)."""
    raw = math.fsum(abs(q) * (e.charge_short if q < 0.0 else e.charge_long) for e, q in held)
    multiplier: Any = priced.parameters.mr7_multiplier.of(unit.coin)
    return marginal(multiplier, raw)


def denomination_deltas(held: Held) -> dict[str, float]:
    """Net cash delta per denomination (OC 3, MR9)."""
    parts: dict[str, list[float]] = {"USDT": [], "USDC": [], "USD": []}
    for e, q in held:
        parts[denomination(e.contract)].append(q * e.cash_delta)
    return {currency: math.fsum(values) for currency, values in parts.items()}


def mr9(volumes: dict[tuple[str, str], float], priced: PricedMarket) -> float:
    """The charge of the hedged volumes (OC 3)."""
    table, market = priced.parameters.mr9, priced.market
    return math.fsum(mr9_charge(v, pair_price(market, a, b), table) for (a, b), v in volumes.items() if v > 0.0)


def contracts_held(unit: RiskUnit, book: Book, priced: PricedMarket) -> list[Contract]:
    """The contracts of a unit with a position, in order."""
    return [priced.contract(name) for name in book.held() if priced.units[name] == unit]

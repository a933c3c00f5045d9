"""Stages ddh1 (hedges between stablecoins shrink) and ddh2 or ddh (delta of option books shrinks) (LP)."""

import math
from dataclasses import dataclass

from tests.reference.contracts import cash_delta, denomination
from tests.reference.liquidation_margin import UnitMargin, contracts_held
from tests.reference.liquidation_rules import LiquidationRules
from tests.reference.liquidation_stages import View, largest
from tests.reference.liquidation_trades import Leg, Setting, room_usd, sized_leg
from tests.reference.risk_units import RiskUnit

# ddh1


@dataclass(frozen=True)
class Side:
    """One side of a hedged pair: the sign of its net cash delta and the contracts that can carry the trade."""

    sign: float
    names: list[str]
    main: str


def ddh1_candidates(s: Setting, start: View, now: View, fraction: float, whole_units: bool) -> list[list[Leg]] | None:
    """Every leg of the one side with the main leg of the other, both against their sides."""
    unit = depegged_unit(now, s.rules)
    if unit is None:
        return None
    margin = now.margin.units[unit]
    pair = next(pair for pair, volume in margin.volumes.items() if volume > 0.0)
    sides = [side_of(s, now, unit, currency) for currency in pair]
    if sides[0] is None or sides[1] is None:
        return []
    volume = min(fraction * start.margin.units[unit].volumes[pair], margin.volumes[pair])
    candidates = [pair_legs(s, now, sides[0], a, sides[1], b, volume) for a, b in leg_pairs(sides[0], sides[1])]
    return [legs for legs in candidates if legs is not None]


def depegged_unit(now: View, rules: LiquidationRules) -> RiskUnit | None:
    """Of the units with MR9 > max(MR1, MR2, MR6, MR4) the one with the largest MR9."""

    def triggers(u: UnitMargin) -> bool:
        return u.mr["mr9"] > max(u.mr[name] for name in ("mr1", "mr2", "mr6", "mr4")) * (1.0 + rules.tie_frac)

    units = [unit for unit, margin in now.margin.units.items() if triggers(margin)]
    return largest(units, lambda unit: now.margin.units[unit].mr["mr9"], rules) if units else None


def side_of(s: Setting, now: View, unit: RiskUnit, currency: str) -> Side | None:
    """The held contracts of the side's sign, or else the most liquid contract; None where there is none at all."""
    sign = math.copysign(1.0, now.margin.units[unit].cash_deltas[currency])
    names = [
        c.id
        for c in contracts_held(unit, now.book, s.priced)
        if c.kind != "option"
        and denomination(c) == currency
        and now.book.quantity(c.id) * cash_delta(c) * sign > 0.0
        and s.priced.tradable(c.id)
    ]
    if names:
        return Side(sign, names, largest(names, lambda name: held_usd(s, now, name), s.rules))
    other = s.priced.most_liquid(lambda row: row["coin"] == unit.coin and row_denomination(row) == currency)
    return None if other is None else Side(sign, [other], other)


def row_denomination(row: dict) -> str:
    """MR9's denomination of a perpetual or future of the market document."""
    return "USD" if row["settle"] == row["coin"] else row["settle"]


def held_usd(s: Setting, now: View, name: str) -> float:
    return abs(now.book.quantity(name) * cash_delta(s.priced.contract(name)))


def leg_pairs(one: Side, other: Side) -> list[tuple[str, str]]:
    """(leg of the one, leg of the other side), ordered by the leg that is not the main one of its side."""
    pairs = [(name, other.main) for name in one.names if name != one.main]
    pairs += [(one.main, name) for name in other.names if name != other.main]
    keyed = [(a if b == other.main else b, (a, b)) for a, b in pairs]
    keyed.append((min(one.main, other.main), (one.main, other.main)))
    return [pair for _, pair in sorted(keyed)]


def pair_legs(s: Setting, now: View, one: Side, a: str, other: Side, b: str, volume: float) -> list[Leg] | None:
    """Both legs at one volume in USD, as far as what is held and the room of each allow; None if void."""
    chosen = [(one, a), (other, b)]
    for side, name in chosen:
        volume = min(volume, room_usd(name, s))
        if now.book.quantity(name) * side.sign > 0.0:
            volume = min(volume, held_usd(s, now, name))
    legs = [
        sized_leg(now.book, name, volume / abs(cash_delta(s.priced.contract(name))), -side.sign, s)
        for side, name in chosen
    ]
    kept = [leg for leg in legs if leg is not None]
    return kept if len(kept) == len(legs) else None


# ddh2, ddh


def ddh2_candidates(s: Setting, start: View, now: View, fraction: float, whole_units: bool) -> list[list[Leg]] | None:
    """Each perpetual and future of the unit, and the most liquid one, against the unit's net delta."""
    unit = directional_unit(s, now)
    if unit is None:
        return None
    delta, first = now.margin.units[unit].delta, start.margin.units[unit].delta
    if delta == 0.0:
        return []
    size_usd = min(fraction * abs(first), abs(delta)) * s.priced.usd(unit.coin)
    candidates = []
    for name in hedging_contracts(s, now, unit):
        wanted = size_usd / abs(cash_delta(s.priced.contract(name)))
        candidates.append(sized_leg(now.book, name, wanted, -delta, s))
    return [[leg] for leg in candidates if leg is not None]


def directional_unit(s: Setting, now: View) -> RiskUnit | None:
    """Of the units with options and max(MR1, MR6) > half of the MMR the one with the largest max(MR1, MR6)."""

    def price_risk(unit: RiskUnit) -> float:
        return max(now.margin.units[unit].mr["mr1"], now.margin.units[unit].mr["mr6"])

    units = [
        unit
        for unit, margin in now.margin.units.items()
        if any(c.kind == "option" for c in contracts_held(unit, now.book, s.priced))
        and price_risk(unit) > s.rules.ddh2_trigger_frac * margin.mmr
    ]
    return largest(units, price_risk, s.rules) if units else None


def hedging_contracts(s: Setting, now: View, unit: RiskUnit) -> list[str]:
    """The tradable perpetuals and futures held in the unit and the most liquid one of the unit, in order."""
    held = {c.id for c in contracts_held(unit, now.book, s.priced) if c.kind != "option" and s.priced.tradable(c.id)}
    best = s.priced.most_liquid(lambda row: s.priced.units[row["id"]] == unit)
    return sorted(held if best is None else held | {best})

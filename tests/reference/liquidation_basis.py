"""Stage basis: pairs of opposite legs in different tenor buckets are closed together (LP)."""

import math
from dataclasses import dataclass
from datetime import datetime

from tests.reference.contracts import cash_delta
from tests.reference.liquidation_book import cash_of
from tests.reference.liquidation_margin import contracts_held
from tests.reference.liquidation_stages import View, largest
from tests.reference.liquidation_trades import Leg, Setting, room_usd, sized_leg
from tests.reference.risk_units import RiskUnit

LEAST_SPOT_USD = 0.01  # less spot is no leg


@dataclass(frozen=True)
class BasisLeg:
    """A perpetual or future that is held, or the coin's spot in use."""

    name: str
    bucket: datetime | str
    usd: float  # cash delta
    is_spot: bool = False


def basis_candidates(s: Setting, start: View, now: View, fraction: float, whole_units: bool) -> list[list[Leg]] | None:
    """Every leg with its partner, in the order of the legs."""
    unit = basis_unit(s, now)
    if unit is None:
        return None
    began = {leg.name: abs(leg.usd) for leg in basis_legs(s, start, unit)}
    legs = basis_legs(s, now, unit)
    candidates = []
    for leg in legs:
        other = partner(leg, legs, s)
        if other is not None:
            usd = pair_usd(leg, other, began, fraction, s)
            candidates.append(closing([leg, other], usd, unit, now, s))
    return [trade for trade in candidates if trade is not None]


def basis_unit(s: Setting, now: View) -> RiskUnit | None:
    """Of the units with a pair and MR4 > 0 the one with the largest MR4."""

    def has_pair(unit: RiskUnit) -> bool:
        legs = basis_legs(s, now, unit)
        return any(partner(leg, legs, s) is not None for leg in legs)

    units = [unit for unit, margin in now.margin.units.items() if margin.mr["mr4"] > 0.0 and has_pair(unit)]
    return largest(units, lambda unit: now.margin.units[unit].mr["mr4"], s.rules) if units else None


def basis_legs(s: Setting, view: View, unit: RiskUnit) -> list[BasisLeg]:
    """The unit's legs in order, spot last."""
    legs = [
        BasisLeg(c.id, c.expiry or "perpetual", view.book.quantity(c.id) * cash_delta(c))
        for c in contracts_held(unit, view.book, s.priced)
        if c.kind != "option" and s.priced.tradable(c.id)
    ]
    coins = spot_coins(s, view, unit)
    if coins != 0.0:
        legs.append(BasisLeg(unit.coin, "spot", coins * s.priced.usd(unit.coin), is_spot=True))
    return legs


def spot_coins(s: Setting, view: View, unit: RiskUnit) -> float:
    """Spot in use as far as a balance of its sign stands behind it; 0 where MR4 does not count spot."""
    used, balance = view.margin.units[unit].spot_in_use, cash_of(view.book, unit.coin)
    if not s.priced.parameters.spot_in_mr4 or used * balance <= 0.0:
        return 0.0
    coins = min(abs(used), abs(balance))
    return math.copysign(coins, used) if coins * s.priced.usd(unit.coin) >= LEAST_SPOT_USD else 0.0


def partner(leg: BasisLeg, legs: list[BasisLeg], s: Setting) -> BasisLeg | None:
    """The largest leg of opposite sign in another bucket."""
    others = [other for other in legs if other.usd * leg.usd < 0.0 and other.bucket != leg.bucket]
    return largest(others, lambda other: abs(other.usd), s.rules) if others else None


def pair_usd(leg: BasisLeg, other: BasisLeg, began: dict[str, float], fraction: float, s: Setting) -> float:
    """A fraction of the smaller of the two when the stage began; at most what each is now and each one's room."""
    both = (leg, other)
    first = min(began.get(one.name, 0.0) for one in both)
    rooms = [room_usd(one.name, s) for one in both if not one.is_spot]
    return min(fraction * first, *(abs(one.usd) for one in both), *rooms)


def closing(both: list[BasisLeg], usd: float, unit: RiskUnit, now: View, s: Setting) -> list[Leg] | None:
    """Both legs reduced by the same USD; None if either is void."""
    legs: list[Leg | None] = []
    for one in both:
        if one.is_spot:
            coins = math.copysign(usd / s.priced.usd(unit.coin), -one.usd)
            legs.append(Leg(unit.coin, coins, unit.name, is_spot=True) if coins != 0.0 else None)
        else:
            wanted = usd / abs(cash_delta(s.priced.contract(one.name)))
            legs.append(sized_leg(now.book, one.name, wanted, -one.usd, s))
    kept = [leg for leg in legs if leg is not None]
    return kept if len(kept) == len(both) else None

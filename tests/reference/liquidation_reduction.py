"""Stage reduction: slices of single positions, whole ones, then slices of whole units, whole ones (LP)."""

from tests.reference.liquidation_stages import View
from tests.reference.liquidation_trades import Leg, Setting, sized_leg


def reduction_candidates(
    s: Setting, start: View, now: View, fraction: float, whole_units: bool
) -> list[list[Leg]] | None:
    """Every tradable position, or all tradable positions of each unit together."""
    held = now.book.held()
    if not held:
        return None
    reductions = {name: reduction(s, start, now, name, fraction) for name in held if s.priced.tradable(name)}
    legs = [leg for leg in reductions.values() if leg is not None]
    if not whole_units:
        return [[leg] for leg in legs]
    units = sorted({leg.unit for leg in legs})
    return [[leg for leg in legs if leg.unit == unit] for unit in units]


def reduction(s: Setting, start: View, now: View, name: str, fraction: float) -> Leg | None:
    """A fraction of what was held when the stage began, against the position."""
    held = now.book.quantity(name)
    wanted = min(fraction * abs(start.book.quantity(name)), abs(held))
    return sized_leg(now.book, name, wanted, -held, s)

"""Named stresses: moves of a market that are kept, shared and run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import prod

from shockgrid.market.market import Market
from shockgrid.scenarios.shock import shock

FAMILIES = ("price", "vol", "peg", "basis")
"""What moves by name."""


@dataclass(frozen=True)
class Stress:
    """Arguments of ``sg.shock`` under a name.

    Attributes:
        name: What it is called.
        price, vol, peg, basis: Moves by name; ``*`` is every other.
        days: Time that passes.
        source: Where the numbers come from.
    """

    name: str
    price: Mapping[str, float] = field(default_factory=dict)
    vol: Mapping[str, float] = field(default_factory=dict)
    peg: Mapping[str, float] = field(default_factory=dict)
    basis: Mapping[str, float] = field(default_factory=dict)
    days: float = 0.0
    source: str = ""

    def of(self, market: Market) -> Market:
        """The market after it.

        Raises:
            InputError: As for ``shock``.
            ShockError: As for ``shock``.
        """
        return shock(market, **{name: getattr(self, name) for name in FAMILIES}, time=self.days or None)

    def listed(self, market: Market) -> tuple[Stress, list[str]]:
        """The stress as far as a market knows its names, and those that it does not, such as ``price.SOL``."""
        universe = market.universe
        known = {
            "price": universe.currencies,
            "peg": universe.currencies,
            "vol": universe.coins,
            "basis": (*universe.coins, *universe.ids.tolist()),
        }
        moves = {f: {n: m for n, m in getattr(self, f).items() if n == "*" or n in known[f]} for f in FAMILIES}
        absent = [f"{f}.{n}" for f in FAMILIES for n in getattr(self, f) if n not in moves[f]]
        return replace(self, **moves), absent


def combination(name: str, parts: Iterable[Stress], source: str = "") -> Stress:
    """Several stresses at once: relative moves compound, points and days add up."""
    parts = tuple(parts)
    joins: dict[str, Callable[[list[float]], float]] = {"price": _compound, "peg": _compound, "vol": sum, "basis": sum}
    return Stress(
        name,
        **{family: _joined([getattr(part, family) for part in parts], join) for family, join in joins.items()},
        days=sum(part.days for part in parts),
        source=source or "; ".join(part.source for part in parts if part.source),
    )


def _joined(moves: list[Mapping[str, float]], join: Callable[[list[float]], float]) -> dict[str, float]:
    """A name that one part mentions takes the ``*`` of the others."""
    names = dict.fromkeys(name for part in moves for name in part)
    return {name: join([part.get(name, part.get("*", 0.0)) for part in moves]) for name in names}


def _compound(moves: list[float]) -> float:
    return prod(1.0 + move for move in moves) - 1.0

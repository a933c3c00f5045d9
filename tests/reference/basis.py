"""MR4: basis risk of the tenor buckets, v1 and v2 (OC section 3, PM section 5)."""

import math
from dataclasses import dataclass, field
from datetime import datetime

from tests.reference.contracts import cash_delta, read_contract
from tests.reference.grid import Holdings
from tests.reference.parameters import Parameters
from tests.reference.risk_units import RiskUnit, unit_of


@dataclass
class Bucket:
    """One tenor bucket: its days, its exact expiry (None for spot in use and perpetuals), the cash deltas in it."""

    days: float
    expiry: datetime | None = None
    parts: list[float] = field(default_factory=list)

    @property
    def cash_delta(self) -> float:
        return math.fsum(self.parts)


def buckets_of(holdings: Holdings, spot_in_use: float, index: float, p: Parameters) -> list[Bucket]:
    """Spot in use (before June 2024 empty), all perpetuals, each exact expiry with its options."""
    spot, perpetual = Bucket(p.mr4_spot_days), Bucket(p.mr4_perpetual_days)
    if p.spot_in_mr4:
        spot.parts.append(spot_in_use * index)
    dated: dict[datetime, Bucket] = {}
    for contract, quantity in holdings:
        bucket = perpetual
        if contract.expiry is not None:
            bucket = dated.setdefault(contract.expiry, Bucket(contract.days, contract.expiry))
        bucket.parts.append(quantity * cash_delta(contract))
    return [spot, perpetual, *dated.values()]


def mr4(holdings: Holdings, spot_in_use: float, unit: RiskUnit, index: float, market: dict, p: Parameters) -> float:
    """MR4 of a unit by the version's structure."""
    buckets = buckets_of(holdings, spot_in_use, index, p)
    return mr4_v1(buckets, unit, market, p) if p.structure == "v1" else mr4_v2(buckets, unit.coin, p)


def mr4_v2(buckets: list[Bucket], coin: str, p: Parameters) -> float:
    """sum_b |CD_b| * max(floor, annual_move * sqrt(days_b / 365)) (OC 3, MR4 v2)."""
    floor, annual = p.mr4_floor.of(coin), p.mr4_annual_move.of(coin)
    return math.fsum(abs(b.cash_delta) * max(floor, annual * math.sqrt(b.days / p.year_days)) for b in buckets)


def mr4_v1(buckets: list[Bucket], unit: RiskUnit, market: dict, p: Parameters) -> float:
    """sum_b matched_b * (forward_move + basis_change * |F_b / I - 1|) (OC 3, MR4 v1)."""
    move, change = p.mr4_forward_move.of(unit.coin), p.mr4_basis_change.of(unit.coin)
    parts = []
    for bucket, matched in zip(buckets, matched_parts([b.cash_delta for b in buckets]), strict=True):
        basis = 0.0 if bucket.expiry is None else largest_basis(unit, bucket.expiry, market, p)
        parts.append(matched * (move + change * basis))
    return math.fsum(parts)


def matched_parts(deltas: list[float]) -> list[float]:
    """L, S the long and short sums, M = min(L, S): a long CD_b is matched by CD_b * M / L, a short |CD_b| * M / S."""
    long = math.fsum(cd for cd in deltas if cd > 0.0)
    short = math.fsum(-cd for cd in deltas if cd < 0.0)
    matched = min(long, short)
    if matched == 0.0:
        return [0.0] * len(deltas)
    return [abs(cd) * matched / (long if cd > 0.0 else short) for cd in deltas]


def largest_basis(unit: RiskUnit, expiry: datetime, market: dict, p: Parameters) -> float:
    """The largest |F / I - 1| over the market's instruments of the unit with that exact expiry, held or not."""
    return max(
        relative_basis(row, market)
        for row in market["instruments"]
        if unit_of(row["coin"], row["settle"], p) == unit
        and "expiry" in row
        and datetime.fromisoformat(row["expiry"]) == expiry
    )


def relative_basis(row: dict, market: dict) -> float:
    """|mark / I(coin-c) - 1| of a linear future, |mark / I - 1| of an inverse one, |forward / I - 1| of an option."""
    c = read_contract(row, market)
    if c.kind == "option":
        return abs(c.forward / c.index - 1.0)
    return abs(c.mark / (c.quote_index if c.kind == "linear" else c.index) - 1.0)

"""MR4, v2: basis risk of the tenor buckets (OC section 3)."""

import math

from tests.reference.contracts import cash_delta
from tests.reference.grid import Holdings
from tests.reference.parameters import Parameters


def bucket_cash_deltas(
    holdings: Holdings, spot_in_use: float, index: float, p: Parameters
) -> list[tuple[float, float]]:
    """(days, net cash delta) of each bucket: spot in use, all perpetuals, each exact expiry with its options."""
    days = {"spot": p.mr4_spot_days, "perpetual": p.mr4_perpetual_days}
    parts = {"spot": [spot_in_use * index], "perpetual": []}
    for contract, quantity in holdings:
        bucket = contract.expiry or "perpetual"
        days.setdefault(bucket, contract.days)
        parts.setdefault(bucket, []).append(quantity * cash_delta(contract))
    return [(days[bucket], math.fsum(values)) for bucket, values in parts.items()]


def mr4(holdings: Holdings, spot_in_use: float, coin: str, index: float, p: Parameters) -> float:
    """sum_b |CD_b| * max(floor, annual_move * sqrt(days_b / 365))."""
    floor, annual = p.mr4_floor.of(coin), p.mr4_annual_move.of(coin)
    buckets = bucket_cash_deltas(holdings, spot_in_use, index, p)
    return math.fsum(abs(cd) * max(floor, annual * math.sqrt(days / p.year_days)) for days, cd in buckets)

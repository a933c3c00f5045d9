"""MR9: hedges between USDT, USDC and USD (OC section 3, PM section 9)."""

import math

from tests.reference.contracts import cash_delta, denomination, price
from tests.reference.grid import Holdings
from tests.reference.parameters import Depeg, Parameters, Tiers
from tests.reference.tables import interpolate, marginal


def denomination_deltas(holdings: Holdings) -> dict[str, float]:
    """Net cash delta per denomination; spot in use is not counted."""
    parts = {"USDT": [], "USDC": [], "USD": []}
    for contract, quantity in holdings:
        parts[denomination(contract)].append(quantity * cash_delta(contract))
    return {currency: math.fsum(values) for currency, values in parts.items()}


def hedged_volumes(deltas: dict[str, float], pairs: tuple) -> dict[tuple[str, str], float]:
    """Pair by pair: opposite signs hedge min(|a|, |b|), and both are reduced by it toward zero."""
    left, volumes = dict(deltas), {}
    for a, b in pairs:
        volume = 0.0
        if left[a] * left[b] < 0.0:
            volume = min(abs(left[a]), abs(left[b]))
            left[a] -= math.copysign(volume, left[a])
            left[b] -= math.copysign(volume, left[b])
        volumes[a, b] = volume
    return volumes


def pair_price(market: dict, a: str, b: str) -> float:
    """I(a-b); USDT-USDC, when not quoted, is X(USDT) / X(USDC); a price above 1 is replaced by its inverse."""
    if (a, b) == ("USDT", "USDC") and "USDT-USDC" not in market["index"]:
        p = price(market, "USDT", "USD") / price(market, "USDC", "USD")
    else:
        p = price(market, a, b)
    return 1.0 / p if p > 1.0 else p


def tier_factors(p: float, table: Depeg) -> Tiers:
    """The factor of each tier at index price p: cells capped first, then linear in p between rows, flat outside."""
    columns = [table.tier1, table.tier2, table.tier3]
    for k in range(4, len(table.upper) + 1):
        columns.append(tuple(cell + table.further_step * (k - 3) for cell in table.tier3))
    capped = [tuple(min(cell, table.cap) for cell in column) for column in columns]
    return Tiers(table.upper, tuple(interpolate(p, table.price, column) for column in capped))


def mr9_charge(volume: float, p: float, table: Depeg) -> float:
    """sum over tiers of factor_i(p) * (min(volume, hi_i) - lo_i)+."""
    return marginal(tier_factors(p, table), volume)


def mr9(holdings: Holdings, market: dict, p: Parameters) -> float:
    """The sum over the three pairs; a price is read only where the volume is positive."""
    volumes = hedged_volumes(denomination_deltas(holdings), p.mr9.pairs)
    charges = [mr9_charge(v, pair_price(market, a, b), p.mr9) for (a, b), v in volumes.items() if v > 0.0]
    return math.fsum(charges)

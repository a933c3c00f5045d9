"""MR8 and the borrow IMR: liabilities at the rate of their tier (OC section 4, borrow)."""

import math

from tests.reference.contracts import price
from tests.reference.parameters import Parameters


def rates(currency: str, amount: float, p: Parameters) -> tuple[float, float]:
    """(mmr, imr) of the tier of the whole amount, upper bound included; beyond the table +1 % for each further step."""
    table = p.borrow_table(currency)
    if table is None:
        return p.borrow_other_mmr, p.borrow_other_imr
    for upper, mmr, imr in zip(table.upper, table.mmr, table.imr, strict=True):
        if amount <= upper:
            return mmr, imr
    steps = math.ceil((amount - table.upper[-1]) / table.beyond)
    extra = p.borrow_rate_step * steps
    return min(table.mmr[-1] + extra, p.borrow_rate_cap), min(table.imr[-1] + extra, p.borrow_rate_cap)


def liability_usd(equity: dict[str, float], market: dict) -> float:
    """sum_c L_c * X(c), L = max(0, -equity)."""
    return math.fsum(max(0.0, -amount) * price(market, c, "USD") for c, amount in equity.items())


def borrow_mmr(equity: dict[str, float], market: dict, p: Parameters) -> float:
    """MR8 = sum_c L * X * mmr(tier of L)."""
    parts = []
    for currency, amount in equity.items():
        liability = max(0.0, -amount)
        parts.append(liability * price(market, currency, "USD") * rates(currency, liability, p)[0])
    return math.fsum(parts)


def borrow_imr(equity: dict[str, float], frozen: dict[str, float], market: dict, p: Parameters) -> float:
    """sum_c L' * X * imr(tier of L'), L' = max(0, frozen_c - equity_c)."""
    parts = []
    for currency, amount in equity.items():
        liability = max(0.0, frozen.get(currency, 0.0) - amount)
        parts.append(liability * price(market, currency, "USD") * rates(currency, liability, p)[1])
    return math.fsum(parts)

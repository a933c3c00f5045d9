"""MR2, MR3 and MR5: theta, volatility term structure and interest rate of a unit's options (OC section 3)."""

import math

from tests.reference.contracts import decay_usd, rate_usd, vega_usd
from tests.reference.grid import Holdings
from tests.reference.parameters import Parameters
from tests.reference.tables import interpolate


def by_expiry(holdings: Holdings, measure) -> dict[float, float]:
    """{days to expiry: sum of q * measure} over the options of each exact expiry."""
    parts: dict[float, list[float]] = {}
    for contract, quantity in holdings:
        if contract.kind == "option":
            parts.setdefault(contract.days, []).append(quantity * measure(contract))
    return {days: math.fsum(values) for days, values in parts.items()}


def mr2(holdings: Holdings, p: Parameters) -> float:
    """max(0, loss of the net option book in one day)."""
    return max(0.0, -math.fsum(q * decay_usd(c, p.mr2_days) for c, q in holdings))


def mr3(holdings: Holdings, p: Parameters) -> float:
    """kappa * (sum |x_e| - |sum x_e|) / 2 with x_e = points(T_e) * 100 * net vega of expiry e."""
    shock = p.vol_shock
    x = [
        interpolate(days, shock.days, shock.points) * 100.0 * vega
        for days, vega in by_expiry(holdings, vega_usd).items()
    ]
    return p.mr3_kappa * (math.fsum(abs(v) for v in x) - abs(math.fsum(x))) / 2.0


def mr5(holdings: Holdings, p: Parameters) -> float:
    """|sum rho_e PC1| + |sum rho_e PC2(T_e)|."""
    parallel, tilt = [], []
    for days, rho in by_expiry(holdings, rate_usd).items():
        parallel.append(rho * p.mr5_pc1)
        tilt.append(rho * p.mr5_pc2 * (1.0 - 2.0 * min(days, p.mr5_tilt_days) / p.mr5_tilt_days))
    return abs(math.fsum(parallel)) + abs(math.fsum(tilt))

"""Reading a table: marginal tiers and linear interpolation."""

from tests.reference.parameters import Tiers


def marginal(tiers: Tiers, amount: float) -> float:
    """sum_i rate_i * (min(amount, hi_i) - lo_i)+, lo_1 = 0 (OC 3, MR7 and MR9; OC 4, haircuts)."""
    total, low = 0.0, 0.0
    for high, rate in zip(tiers.upper, tiers.rate, strict=True):
        if amount > low:
            total += rate * (min(amount, high) - low)
        low = high
    return total


def interpolate(x: float, nodes: tuple, values: tuple) -> float:
    """Linear between ascending nodes, flat outside them (OC 3, MR1 and MR9)."""
    if x <= nodes[0]:
        return values[0]
    for i in range(1, len(nodes)):
        if x <= nodes[i]:
            weight = (x - nodes[i - 1]) / (nodes[i] - nodes[i - 1])
            return values[i - 1] + weight * (values[i] - values[i - 1])
    return values[-1]

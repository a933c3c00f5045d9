"""MR7: the gross minimum charge of a unit (OC section 3)."""

import math

from tests.reference import black76
from tests.reference.contracts import Contract, cash_delta
from tests.reference.grid import Holdings
from tests.reference.parameters import Parameters
from tests.reference.tables import marginal


def charge(c: Contract, p: Parameters) -> float:
    """USD charge of one contract."""
    return option_charge(c, p) if c.kind == "option" else p.mr7_rate.of(c.coin) * abs(cash_delta(c))


def option_charge(c: Contract, p: Parameters) -> float:
    """mult * (min(fee on index, fee on premium) + max(delta part, vega part, floor))."""
    o = p.mr7_option
    fee = min(o.fee_of_index * c.index, o.fee_of_premium * black76.value(c.right, *c.terms) * c.index)
    delta_part = o.delta_rate * abs(black76.delta(c.right, *c.terms)) * c.index
    vega_part = o.vega_points * black76.vega_per_point(*c.terms) * c.index
    return c.size * (fee + max(delta_part, vega_part, o.floor * c.index))


def mr7_raw(holdings: Holdings, p: Parameters) -> float:
    """sum of |q| * charge over the derivative positions, no netting between instruments."""
    return math.fsum(abs(q) * charge(c, p) for c, q in holdings)


def mr7(holdings: Holdings, coin: str, p: Parameters) -> float:
    """The raw charge through the marginal multiplier of the coin's group."""
    return marginal(p.mr7_multiplier.of(coin), mr7_raw(holdings, p))

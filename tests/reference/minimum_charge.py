"""MR7: the gross minimum charge of a unit (OC section 3)."""

import math

from tests.reference import black76
from tests.reference.contracts import Contract, cash_delta
from tests.reference.grid import Holdings
from tests.reference.parameters import Parameters
from tests.reference.tables import marginal

FUNDINGS_PER_DAY = 3.0  # a funding rate is per 8 hours


def charge(c: Contract, is_short: bool, p: Parameters) -> float:
    """USD charge of one contract held long or short (OC 3, MR7)."""
    if c.kind == "option":
        return option_charge(c, is_short, p)
    cash = abs(cash_delta(c))
    return p.mr7_rate.of(c.coin) * cash + cash * funding_share(c, is_short, p)


def option_charge(c: Contract, is_short: bool, p: Parameters) -> float:
    """mult * (min(fee on index, fee on premium) + max(delta part, vega part, floor)) (OC 3, MR7)."""
    o = p.mr7_option
    floor = o.short_floor if is_short else o.floor
    fee = min(o.fee_of_index * c.index, o.fee_of_premium * black76.value(c.right, *c.terms) * c.index)
    delta_part = o.delta_rate * abs(black76.delta(c.right, *c.terms)) * c.index
    vega_part = o.vega_points * black76.vega_per_point(*c.terms) * c.index
    return c.size * (fee + max(delta_part, vega_part, floor * c.index))


def funding_share(c: Contract, is_short: bool, p: Parameters) -> float:
    """Funding that one contract pays in `funding_days`, as a share of its cash delta; perpetuals only (CH C)."""
    if c.expiry is not None:
        return 0.0
    paid = max(-c.funding_rate if is_short else c.funding_rate, 0.0)
    return paid * FUNDINGS_PER_DAY * p.mr7_funding_days


def mr7_raw(holdings: Holdings, p: Parameters) -> float:
    """sum of |q| * charge over the derivative positions, no netting between instruments."""
    return math.fsum(abs(q) * charge(c, q < 0.0, p) for c, q in holdings)


def mr7(holdings: Holdings, coin: str, p: Parameters) -> float:
    """The raw charge through the marginal multiplier of the coin's group."""
    return marginal(p.mr7_multiplier.of(coin), mr7_raw(holdings, p))

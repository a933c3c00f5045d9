"""Tier tables that OKX publishes: collateral discounts, position tiers, limits of portfolio margin positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from shockgrid.io.exchange.payload import (
    MaybeNumber,
    Number,
    PayloadModel,
    PayloadSource,
    Row,
    Text,
    parse_row,
    read_rows,
)


@dataclass(frozen=True)
class DiscountTier:
    """Collateral between two amounts of a currency counts at a fraction of its value.

    Attributes:
        currency: The currency.
        tier: Its number, from 1.
        min_amount, max_amount: In the currency; infinity at the top.
        discount_frac: The fraction that counts, 0.98 for a haircut of 2 %.
        penalty_frac: Liquidation penalty; NaN where none is given.
    """

    currency: str
    tier: int
    min_amount: float
    max_amount: float
    discount_frac: float
    penalty_frac: float


@dataclass(frozen=True)
class PositionTier:
    """Margin rates between two position sizes (account modes other than portfolio margin).

    Attributes:
        instrument, family: The instrument of a margin pair, or the family of a derivative; the other is empty.
        tier: Its number, from 1.
        min_size, max_size: Contracts, or coin for margin pairs; infinity at the top.
        mmr_frac, imr_frac: Maintenance and initial margin as fractions of the notional.
        max_leverage: NaN where none is given.
        option_margin_factor: NaN where none is given.
    """

    instrument: str
    family: str
    tier: int
    min_size: float
    max_size: float
    mmr_frac: float
    imr_frac: float
    max_leverage: float
    option_margin_factor: float


@dataclass(frozen=True)
class PmPositionLimit:
    """Largest position of a family in portfolio margin, in contracts; ``position_type`` empty where all count."""

    family: str
    max_size: float
    position_type: str


class _Currency(PayloadModel):
    currency: Text = Field(alias="ccy")


class _Discount(PayloadModel):
    tier: Number
    low: Number = Field(alias="minAmt")
    high: MaybeNumber = Field(alias="maxAmt")
    discount: Number = Field(alias="discountRate")
    penalty: MaybeNumber = Field(np.nan, alias="liqPenaltyRate")


class _PositionTier(PayloadModel):
    instrument: str = Field("", alias="instId")
    family: str = Field("", alias="instFamily")
    tier: Number
    low: Number = Field(alias="minSz")
    high: MaybeNumber = Field(alias="maxSz")
    mmr: Number
    imr: Number
    leverage: MaybeNumber = Field(np.nan, alias="maxLever")
    option_factor: MaybeNumber = Field(np.nan, alias="optMgnFactor")


class _Limit(PayloadModel):
    family: Text = Field(alias="instFamily")
    high: Number = Field(alias="maxSz")
    position_type: str = Field("", alias="posType")


def read_discount_tiers(source: PayloadSource) -> tuple[DiscountTier, ...]:
    """Read collateral discounts (``GET /api/v5/public/discount-rate-interest-free-quota``).

    Args:
        source: The reply, a file or the parsed object.

    Returns:
        Tiers of all currencies, in the order of the reply.

    Raises:
        InputError: A reply with an error code; a missing or malformed field; a tier that ends where it begins or
            earlier.
    """
    found = []
    for row in read_rows(source, "discount tiers"):
        currency = parse_row(_Currency, row).currency
        for place in row.rows("details"):
            tier = parse_row(_Discount, place)
            high = _top(place, tier.low, tier.high, "maxAmt")
            found.append(DiscountTier(currency, int(tier.tier), tier.low, high, tier.discount, tier.penalty))
    return tuple(found)


def read_position_tiers(source: PayloadSource) -> tuple[PositionTier, ...]:
    """Read position tiers (``GET /api/v5/public/position-tiers``).

    Args:
        source: The reply, a file or the parsed object.

    Returns:
        Tiers, in the order of the reply.

    Raises:
        InputError: A reply with an error code; a missing or malformed field; a tier of neither an instrument nor a
            family, or one that ends where it begins or earlier.
    """
    found = []
    for row in read_rows(source, "position tiers"):
        tier = parse_row(_PositionTier, row)
        if not (tier.instrument or tier.family):
            raise row.error("instFamily", "a family, or an instrument as instId")
        high = _top(row, tier.low, tier.high, "maxSz")
        rates: dict[str, Any] = {"mmr_frac": tier.mmr, "imr_frac": tier.imr, "max_leverage": tier.leverage}
        found.append(
            PositionTier(
                tier.instrument,
                tier.family,
                int(tier.tier),
                tier.low,
                high,
                **rates,
                option_margin_factor=tier.option_factor,
            )
        )
    return tuple(found)


def read_pm_position_limits(source: PayloadSource) -> tuple[PmPositionLimit, ...]:
    """Read the position limits of portfolio margin (``GET /api/v5/account/position-tiers``).

    Args:
        source: The reply, a file or the parsed object.

    Returns:
        Limits, in the order of the reply.

    Raises:
        InputError: A reply with an error code; a missing or malformed field.
    """
    limits = [parse_row(_Limit, row) for row in read_rows(source, "position limits")]
    return tuple(PmPositionLimit(limit.family, limit.high, limit.position_type) for limit in limits)


def _top(row: Row, low: float, high: float, key: str) -> float:
    """Where a tier ends: infinity where the payload has ``""``."""
    if high <= low:
        raise row.error(key, f"an end above {low:g}, where the tier begins")
    return np.inf if np.isnan(high) else high

"""The numbers of borrowing that margin does not read: interest, interest-free quotas, forced conversion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.numerics.shapes import AnyArray, Float
from shockgrid.venues.okx.rulebook import Rulebook


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BorrowingTables:
    """Numbers of borrowing as arrays, so that one compilation serves all rulebooks.

    Attributes:
        daily_rate: Interest of a day, of each currency.
        free_quota: Debt free of interest, in units of each currency.
        usdt_adds_usdc: 1 if the quota of USDT grows by the equity in USDC.
        covers_balance: 1 if without auto-borrow the quota covers a negative balance too.
        quota_buffer: What is bought back beyond the excess over the quota, as a fraction of the quota.
        limit_utilisation, limit_buy: From which debt over limit on, which fraction of the limit is bought back.
        fee, slippage: Of the value of each trade of a conversion.
    """

    daily_rate: Float[AnyArray, " currency"]
    free_quota: Float[AnyArray, " currency"]
    usdt_adds_usdc: Float[AnyArray, ""]
    covers_balance: Float[AnyArray, ""]
    quota_buffer: Float[AnyArray, ""]
    limit_utilisation: Float[AnyArray, " step"]
    limit_buy: Float[AnyArray, " step"]
    fee: Float[AnyArray, ""]
    slippage: Float[AnyArray, ""]


_SCALAR_KEYS = {
    "usdt_adds_usdc": "borrow.free_quota_usdt_adds_usdc",
    "covers_balance": "borrow.free_quota_covers_balance",
    "quota_buffer": "conversion.quota_buffer_frac",
    "fee": "conversion.fee_frac",
    "slippage": "conversion.slippage_frac",
}


def borrowing_tables(rules: Rulebook, currencies: Iterable[str]) -> BorrowingTables:
    """Look up every number.

    Args:
        rules: A rulebook.
        currencies: Names along the currency axis; padding may be empty strings.
    """
    currencies = list(currencies)
    return BorrowingTables(
        daily_rate=np.array(rules.of_each("borrow.daily_rate", currencies), float),
        free_quota=np.array(rules.of_each("borrow.free_quota", currencies), float),
        limit_utilisation=np.array(rules["conversion.limit_utilisation"], float),
        limit_buy=np.array(rules["conversion.limit_buy_frac"], float),
        **{name: np.array(rules[key], float) for name, key in _SCALAR_KEYS.items()},
    )

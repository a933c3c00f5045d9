"""How positions, units, currencies and accounts hang together, as index arrays for kernels.

    positions --unit_plan--> unit rows (account, unit) --account_units--> accounts
                             currency rows (account, currency) --account_currencies--> accounts

Units that orders could change have two more rows, one for each order book. Arrays are padded to a
``PlanShape``, and all plans of one shape share a compilation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from shockgrid.accounts.market_holdings import UNKNOWN
from shockgrid.accounts.unit_rows import UnitRows, pad_units
from shockgrid.numerics.ragged import SLICE_ROWS, RaggedPlan, RaggedShape, pad_ragged, ragged_shape
from shockgrid.numerics.shapes import AnyArray, Bool, Float, Int
from shockgrid.numerics.size_bucket import pad_axis, size_bucket

ROOM = 8
"""Blocks of equal work differ by less than an eighth, mostly."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CurrencyArrays:
    """Currencies of accounts (see ``CurrencyRows``).

    Attributes:
        currency, balance, frozen: As there.
        account: Of each row.
        denomination: Place among ``DENOMINATIONS``, -1 for other currencies.
        unit_row: The account's unit with the contracts that settle in this coin, -1 for none.
        auto_borrow: Whether the account borrows by itself.
        borrow_limit: The most that it may borrow of the currency; infinity without a limit.
    """

    currency: Int[AnyArray, " currency_row"]
    balance: Float[AnyArray, " currency_row"]
    frozen: Float[AnyArray, " currency_row"]
    account: Int[AnyArray, " currency_row"]
    denomination: Int[AnyArray, " currency_row"]
    unit_row: Int[AnyArray, " currency_row"]
    auto_borrow: Bool[AnyArray, " currency_row"]
    borrow_limit: Float[AnyArray, " currency_row"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RowPlan:
    """Everything kernels need to know of a set of accounts.

    Attributes:
        units, unit_plan: Risk units, and how positions sum to them; after those of the positions, rows with orders
            filled.
        buy_row, sell_row: Of each unit of the positions, its rows with all buys and with all sells filled; -1 for none.
        currencies: Currency rows.
        account_units, account_currencies: How units of the positions, and currencies, sum to accounts.
    """

    units: UnitRows
    unit_plan: RaggedPlan
    buy_row: Int[AnyArray, " row"]
    sell_row: Int[AnyArray, " row"]
    currencies: CurrencyArrays
    account_units: RaggedPlan
    account_currencies: RaggedPlan


@dataclass(frozen=True)
class PlanShape:
    """Sizes of a plan's padded arrays; fields as in ``RowPlan``, with at least one row of padding."""

    units: int
    unit_plan: RaggedShape
    currencies: int
    account_units: RaggedShape
    account_currencies: RaggedShape

    @classmethod
    def of(cls, sizes: dict[str, Any]) -> PlanShape:
        """From ``asdict``, in which JSON has made lists of tuples."""
        fields_of: dict[str, Any] = {k: n if isinstance(n, int) else RaggedShape(*n) for k, n in sizes.items()}
        return cls(**fields_of)

    def __or__(self, other: PlanShape) -> PlanShape:
        """The least shape that holds both."""

        def larger(name: str) -> Any:
            a, b = getattr(self, name), getattr(other, name)
            return RaggedShape(*map(max, a, b)) if isinstance(a, RaggedShape) else max(a, b)

        return PlanShape(**{name: larger(name) for name in vars(self)})

    def roomy(self) -> PlanShape:
        """A shape that others of equal work fit in too, mostly."""

        def larger(n: Any) -> Any:
            return RaggedShape(*map(larger, n)) if isinstance(n, RaggedShape) else size_bucket(n + n // ROOM)

        return PlanShape(**{name: larger(value) for name, value in vars(self).items()})


def plan_shape(plan: RowPlan) -> PlanShape:
    """The size buckets that an unpadded plan fits in."""
    return PlanShape(
        units=size_bucket(len(plan.units.unit) + 1, SLICE_ROWS),
        unit_plan=ragged_shape(plan.unit_plan),
        currencies=size_bucket(len(plan.currencies.currency) + 1, SLICE_ROWS),
        account_units=ragged_shape(plan.account_units),
        account_currencies=ragged_shape(plan.account_currencies),
    )


def pad_plan(plan: RowPlan, shape: PlanShape) -> RowPlan:
    """An unpadded plan with its arrays padded to a shape that it fits in."""
    return RowPlan(
        units=pad_units(plan.units, shape.units),
        unit_plan=pad_ragged(plan.unit_plan, shape.unit_plan),
        buy_row=pad_axis(plan.buy_row, shape.units, UNKNOWN),
        sell_row=pad_axis(plan.sell_row, shape.units, UNKNOWN),
        currencies=_pad_currencies(plan.currencies, shape.currencies),
        account_units=pad_ragged(plan.account_units, shape.account_units),
        account_currencies=pad_ragged(plan.account_currencies, shape.account_currencies),
    )


def _pad_currencies(currencies: CurrencyArrays, n: int) -> CurrencyArrays:
    return CurrencyArrays(
        currency=pad_axis(currencies.currency, n, 0),
        balance=pad_axis(currencies.balance, n, 0.0),
        frozen=pad_axis(currencies.frozen, n, 0.0),
        account=pad_axis(currencies.account, n, 0),
        denomination=pad_axis(currencies.denomination, n, UNKNOWN),
        unit_row=pad_axis(currencies.unit_row, n, UNKNOWN),
        auto_borrow=pad_axis(currencies.auto_borrow, n, True),
        borrow_limit=pad_axis(currencies.borrow_limit, n, np.inf),
    )

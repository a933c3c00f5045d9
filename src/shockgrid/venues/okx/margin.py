"""The margin of many accounts: the three steps, from prices to ratios.

contract_exposures   every contract under every scenario
equity               position values -> equity of every currency -> spot that may hedge
units, accounts      sums of exposures -> rules of each unit -> accounts
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.accounts.row_plan import CurrencyArrays, RowPlan, UnitRows
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.ragged import RaggedPlan, ragged_sum
from shockgrid.numerics.shapes import AnyArray, Array, Float, Int
from shockgrid.scenarios.exposures import Exposures, RiskSums, sum_rows
from shockgrid.scenarios.sensitivities import contract_values
from shockgrid.venues.okx import equity
from shockgrid.venues.okx.contract_exposures import contract_exposures
from shockgrid.venues.okx.mr8_borrowing import borrow_margin_usd
from shockgrid.venues.okx.rule_tables import RuleTables
from shockgrid.venues.okx.unit_margin import (
    SharedRules,
    UnitMargin,
    UnitRules,
    shared_rules,
    unit_components,
    unit_grid,
    unit_margin,
    unit_rules,
)

R = TypeVar("R")
T = TypeVar("T", bound=Any)

Precision = Literal["float64", "float32"]

STATUS = ("safe", "warning", "liquidation")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AccountMargin:
    """Margin of accounts; fields as in the ``accounts`` frame of ``formats.md``.

    Attributes:
        status: Index into ``STATUS``.
    """

    equity_usd: Float[AnyArray, "*version account"]
    gross_equity_usd: Float[AnyArray, "*version account"]
    derivatives_mmr_usd: Float[AnyArray, "*version account"]
    borrow_mmr_usd: Float[AnyArray, "*version account"]
    mmr_usd: Float[AnyArray, "*version account"]
    derivatives_imr_usd: Float[AnyArray, "*version account"]
    borrow_imr_usd: Float[AnyArray, "*version account"]
    imr_usd: Float[AnyArray, "*version account"]
    liability_usd: Float[AnyArray, "*version account"]
    margin_ratio: Float[AnyArray, "*version account"]
    status: Int[AnyArray, "*version account"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CurrencyMargin:
    """Of every currency of every account, in the order of the plan's currency rows.

    Attributes:
        equity, without_options: In the currency, with and without the value of options.
        counted_usd: Equity in USD after haircuts.
        liability: What is owed, in the currency.
        mmr_usd: Maintenance margin of what is owed.
        imr_usd: Initial margin of what is owed and what orders could add to it.
    """

    equity: Float[AnyArray, "*version currency_row"]
    without_options: Float[AnyArray, "*version currency_row"]
    counted_usd: Float[AnyArray, "*version currency_row"]
    liability: Float[AnyArray, "*version currency_row"]
    mmr_usd: Float[AnyArray, "*version currency_row"]
    imr_usd: Float[AnyArray, "*version currency_row"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MarginResult:
    """Everything computed; from kernels with rows of padding beyond the accounts and units there are.

    In a replay a version axis stands before each.

    Attributes:
        units: In row order.
        unit_imr_usd: With orders.
        unit_upl_usd: Unrealised P&L.
        currencies: In the order of the currency rows.
        accounts: In account order.
        price_moves: MR1's, of each unit of the market, in the order of the cells.
        bucket_moves: MR4's, of each unit of the market: perpetuals, expiries, spot in use.
    """

    units: UnitMargin
    unit_imr_usd: Float[AnyArray, "*version row"]
    unit_upl_usd: Float[AnyArray, "*version row"]
    currencies: CurrencyMargin
    accounts: AccountMargin
    price_moves: Float[AnyArray, "*version unit move"]
    bucket_moves: Float[AnyArray, "*version unit bucket"]


def margin_result(contracts: Contracts, snapshot: Snapshot, rules: RuleTables, plan: RowPlan) -> MarginResult:
    """The margin of all accounts of a plan.

    Args:
        contracts: Padded to size buckets (``market.padding``).
        snapshot: Likewise, without leading axes.
        rules: Looked up for the padded coins and currencies.
        plan: The accounts.
    """
    exposures = price_contracts(contracts, snapshot, rules.contracts)
    return evaluate_accounts(contracts, snapshot, rules, plan, exposures)


def evaluation(
    contracts: Contracts,
    snapshot: Snapshot,
    rules: RuleTables,
    plan: RowPlan,
    exposures: Exposures,
    order_mmr: Float[Array, " row"] | None = None,
    *,
    precision: Precision = "float64",
) -> MarginResult:
    """Everything after pricing: equity, the rules of every unit, accounts.

    Args:
        contracts: As for ``margin_result``.
        snapshot: Likewise.
        rules: Likewise.
        plan: Likewise.
        exposures: From ``price_contracts``.
        order_mmr: The worst that orders could make of each unit's MMR; by default that of the two order books.
        precision: Of the sums over positions and of the rules of units; all else is in float64.
    """
    exposures = _cast(exposures, np.dtype(precision))
    denomination_usd = denomination_prices(contracts, snapshot)
    by_unit = unit_rules(contracts, snapshot, rules)
    shared = shared_rules(denomination_usd, snapshot, rules)
    values = equity.position_values(plan, contract_values(contracts, snapshot))
    spot_equity, currency_equity = equity.currency_equity(plan, values)
    units = _unit_margins(exposures, plan.units, plan.unit_plan, spot_equity, by_unit, shared)
    book_mmr = units.mmr_usd
    if order_mmr is not None:
        book_mmr = jnp.maximum(book_mmr, order_mmr[: book_mmr.shape[0]])
    else:
        for row in (plan.buy_row[: book_mmr.shape[0]], plan.sell_row[: book_mmr.shape[0]]):
            book_mmr = jnp.maximum(book_mmr, jnp.where(row >= 0, units.mmr_usd[row], 0.0))
    imr = rules.imr_multiple * book_mmr
    currencies = _currency_margins(snapshot, rules, plan.currencies, spot_equity, currency_equity)
    return MarginResult(
        units=units,
        unit_imr_usd=imr,
        unit_upl_usd=equity.unrealised_pnl_usd(plan, values, by_unit.index_usd, denomination_usd),
        currencies=currencies,
        accounts=_account_margins(snapshot, rules, plan, currencies, units.mmr_usd, imr),
        price_moves=by_unit.moves,
        bucket_moves=by_unit.bucket_moves,
    )


def _book_margins(
    contracts: Contracts,
    snapshot: Snapshot,
    rules: RuleTables,
    plan: RowPlan,
    exposures: Exposures,
    rows: UnitRows,
    row_plan: RaggedPlan,
) -> Float[Array, " book_row"]:
    """MMR of other books of the plan's units, one a row, equity staying as it is.

    Args:
        contracts: As for ``margin_result``.
        snapshot: Likewise.
        rules: Likewise.
        plan: The accounts.
        exposures: From ``price_contracts``.
        rows: The units, with the change of their coins by spot orders.
        row_plan: What each holds.
    """
    return _unit_margins(exposures, rows, row_plan, *_unit_inputs(contracts, snapshot, rules, plan)).mmr_usd


def _unit_grids(
    contracts: Contracts, snapshot: Snapshot, rules: RuleTables, plan: RowPlan, exposures: Exposures
) -> Float[Array, "row vol_state move"]:
    """MR1's grid of every unit of a plan, in USD.

    Args:
        contracts: As for ``margin_result``.
        snapshot: Likewise.
        rules: Likewise.
        plan: The accounts.
        exposures: From ``price_contracts``.
    """
    inputs = _unit_inputs(contracts, snapshot, rules, plan)
    return _map_units(unit_grid, exposures, plan.units, plan.unit_plan, *inputs)


def _unit_inputs(
    contracts: Contracts, snapshot: Snapshot, rules: RuleTables, plan: RowPlan
) -> tuple[Float[Array, " currency_row"], UnitRules, SharedRules]:
    """What units read besides their sums: equity of each currency without options, the unit's rules, those of all."""
    values = equity.position_values(plan, contract_values(contracts, snapshot))
    spot_equity, _ = equity.currency_equity(plan, values)
    shared = shared_rules(denomination_prices(contracts, snapshot), snapshot, rules)
    return spot_equity, unit_rules(contracts, snapshot, rules), shared


# Pricing and evaluation are separate programs: one table serves any number of batches of accounts.
price_contracts = jax.jit(contract_exposures)
evaluate_accounts = jax.jit(evaluation, static_argnames="precision")
book_margins = jax.jit(_book_margins)
unit_grids = jax.jit(_unit_grids)


def required_usd(mmr: T, liability: T, borrow_mmr: T, liability_fee: Array | float) -> T:
    """The denominator of the margin ratio: MMR and the fee on debts and their margin (okx_computation.md section 4)."""
    return mmr + liability_fee * (liability + borrow_mmr)


def denomination_prices(contracts: Contracts, snapshot: Snapshot) -> Float[Array, " denomination"]:
    """Price in USD of each of ``DENOMINATIONS``, 1 for one that is not listed."""
    listed = contracts.denomination_currency >= 0
    return jnp.where(listed, snapshot.index_usd[contracts.denomination_currency], 1.0)


def _unit_margins(
    exposures: Exposures,
    rows: UnitRows,
    plan: RaggedPlan,
    spot_equity: Float[Array, " currency_row"],
    by_unit: UnitRules,
    shared: SharedRules,
) -> UnitMargin:
    return unit_margin(_map_units(unit_components, exposures, rows, plan, spot_equity, by_unit, shared))


def _map_units(
    rule: Callable[[RiskSums, Array, Array, UnitRules, SharedRules], R],
    exposures: Exposures,
    rows: UnitRows,
    plan: RaggedPlan,
    spot_equity: Float[Array, " currency_row"],
    by_unit: UnitRules,
    shared: SharedRules,
) -> R:
    """The one place where a rule of one unit is mapped over units, in the precision of the exposures."""
    dtype, spot = exposures.gross.size.dtype, shared.spot
    by_unit, shared = _cast((by_unit, shared), dtype)
    equity_now = jnp.where(rows.currency_row >= 0, spot_equity[rows.currency_row], 0.0)
    limit = jnp.where(spot.user_limit > 0.0, rows.spot_limit, jnp.inf)

    def finish(sums: RiskSums, row: tuple[Array, Array, Array, Array, Array]) -> R:
        # Arithmetic belongs in here, where arrays have one length: in others XLA rounds products and sums otherwise.
        unit, joins, equity_now, fill, limit = row
        own = joins * (equity_now + spot.orders * fill)
        rules = jax.tree.map(lambda x: x[unit], by_unit)
        return jax.vmap(rule, in_axes=(0, 0, 0, 0, None))(sums, own, limit, rules, shared)

    row_data = _cast((rows.unit, spot.joins[rows.spot_mode], equity_now, rows.spot_fill, limit), dtype)
    found = sum_rows(exposures, replace(plan, weight=jnp.asarray(plan.weight, dtype)), finish, row_data)
    return _cast(found, np.dtype("float64"))


def _cast(tree: R, dtype: np.dtype) -> R:
    """Numbers that are not whole, in a precision."""
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


def _currency_margins(
    snapshot: Snapshot,
    rules: RuleTables,
    rows: CurrencyArrays,
    spot_equity: Float[Array, " currency_row"],
    currency_equity: Float[Array, " currency_row"],
) -> CurrencyMargin:
    price = snapshot.index_usd[rows.currency]
    borrow = jax.vmap(borrow_margin_usd, in_axes=(0, 0, 0, 0, None))
    mmr_usd, imr_usd = borrow(currency_equity, rows.frozen, price, rows.currency, rules)
    return CurrencyMargin(
        equity=currency_equity,
        without_options=spot_equity,
        counted_usd=equity.adjusted_usd(currency_equity * price, rows.currency, rules),
        liability=jnp.maximum(-currency_equity, 0.0),
        mmr_usd=mmr_usd,
        imr_usd=imr_usd,
    )


def _account_margins(
    snapshot: Snapshot,
    rules: RuleTables,
    plan: RowPlan,
    currencies: CurrencyMargin,
    unit_mmr: Float[Array, " row"],
    unit_imr: Float[Array, " row"],
) -> AccountMargin:
    price = snapshot.index_usd[plan.currencies.currency]
    columns = [
        currencies.counted_usd,
        currencies.equity * price,
        currencies.liability * price,
        currencies.mmr_usd,
        currencies.imr_usd,
    ]
    by_currency = ragged_sum(plan.account_currencies, jnp.stack(columns, axis=1))
    by_unit = ragged_sum(plan.account_units, jnp.stack([unit_mmr, unit_imr], axis=1))
    adjusted_equity, gross_equity, liability, borrow_mmr, borrow_imr = by_currency.T
    derivatives_mmr, derivatives_imr = by_unit.T
    mmr = derivatives_mmr + borrow_mmr
    required = required_usd(mmr, liability, borrow_mmr, rules.liability_fee)
    nothing_required = required == 0.0
    ratio = jnp.where(nothing_required, jnp.inf, adjusted_equity / jnp.where(nothing_required, 1.0, required))
    status = (ratio <= rules.warning_ratio).astype(jnp.int32) + (ratio <= rules.liquidation_ratio)
    return AccountMargin(
        equity_usd=adjusted_equity,
        gross_equity_usd=gross_equity,
        derivatives_mmr_usd=derivatives_mmr,
        borrow_mmr_usd=borrow_mmr,
        mmr_usd=mmr,
        derivatives_imr_usd=derivatives_imr,
        borrow_imr_usd=borrow_imr,
        imr_usd=derivatives_imr + borrow_imr,
        liability_usd=liability,
        margin_ratio=ratio,
        status=status.astype(jnp.int32),
    )

"""How positions, units, currencies and accounts hang together, as index arrays: built once, reused for every market.

    positions --unit_plan--> unit rows (account, unit) --account_units--> accounts
                             currency rows (account, currency) --account_currencies--> accounts

Units that orders could change have two more rows, one for each order book (``order_units``).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.book import POSITIONS, UNKNOWN, WITH_BUYS, WITH_SELLS, Book, net_book
from shockgrid.accounts.currency_rows import CurrencyRows, currency_rows, resolve_currencies
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.market.market import Market
from shockgrid.market.padding import pad_axis
from shockgrid.market.universe import DENOMINATIONS, N_VALUES
from shockgrid.numerics.ragged import RaggedPlan, plan_ragged
from shockgrid.numerics.shapes import AnyArray, Float, Int
from shockgrid.numerics.size_bucket import size_bucket


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnitRows:
    """Risk units of accounts.

    Attributes:
        unit: Index into ``RiskUnits.names``.
        spot_mode: Of the account, index into ``SPOT_MODES``.
        currency_row: Row of the balance of the coin that may hedge this unit, -1 for none.
        spot_fill: Change of that balance if the order book's spot orders filled; 0 for the positions.
        spot_limit: The most spot that may be used as a hedge, coin; infinity without a limit.
        entry_value: ``[row, N_VALUES]`` value of the positions at their entry prices, where each is booked.
    """

    unit: Int[AnyArray, " row"]
    spot_mode: Int[AnyArray, " row"]
    currency_row: Int[AnyArray, " row"]
    spot_fill: Float[AnyArray, " row"]
    spot_limit: Float[AnyArray, " row"]
    entry_value: Float[AnyArray, "row value"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OrderUnits:
    """The units that orders could change, in the books with all buys and with all sells filled.

    Attributes:
        rows, plan: As for the positions.
        buy_row, sell_row: The order rows of each unit row, -1 for none.
    """

    rows: UnitRows
    plan: RaggedPlan
    buy_row: Int[AnyArray, " row"]
    sell_row: Int[AnyArray, " row"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CurrencyArrays:
    """Currencies of accounts (see ``CurrencyRows``).

    Attributes:
        currency, balance, frozen: As there.
        account: Index into ``Accounts.ids``.
        denomination: Place among ``DENOMINATIONS``, -1 for other currencies.
        unit_row: The account's unit with the contracts that settle in this coin, -1 for none.
    """

    currency: Int[AnyArray, " currency_row"]
    balance: Float[AnyArray, " currency_row"]
    frozen: Float[AnyArray, " currency_row"]
    account: Int[AnyArray, " currency_row"]
    denomination: Int[AnyArray, " currency_row"]
    unit_row: Int[AnyArray, " currency_row"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RowPlan:
    """Everything kernels need to know of a set of accounts.

    Attributes:
        units, unit_plan: Risk units, and how positions sum to them.
        order_units: What orders could change; None where no account has orders that matter.
        currencies: Currency rows.
        account_units, account_currencies: How both sum to accounts.
    """

    units: UnitRows
    unit_plan: RaggedPlan
    order_units: OrderUnits | None
    currencies: CurrencyArrays
    account_units: RaggedPlan
    account_currencies: RaggedPlan


@dataclass(frozen=True)
class AccountRows:
    """A ``RowPlan`` and the host-side keys of its rows (NumPy).

    Attributes:
        plan: For the kernels.
        book: The netted holdings.
        risk_units: The units of the market.
        unit_account, unit: Account and unit of each unit row, ``unit`` an index into ``risk_units.names``.
        currency_account, currency: Account and currency of each currency row, ``currency`` an index into
            ``Universe.currencies``.
    """

    plan: RowPlan
    book: Book
    risk_units: RiskUnits
    unit_account: np.ndarray
    unit: np.ndarray
    currency_account: np.ndarray
    currency: np.ndarray


@dataclass(frozen=True)
class NettedHoldings:
    """Accounts netted in a market, whatever the rules: contracts by instrument, and currencies."""

    book: Book
    currencies: CurrencyRows


def net_holdings(accounts: Accounts, market: Market) -> NettedHoldings:
    """Resolve names and net.

    Raises:
        InputError: An unknown or expired instrument, an unknown currency.
    """
    book = net_book(accounts, market)
    return NettedHoldings(book, currency_rows(accounts, market, book))


def plan_rows(
    accounts: Accounts, market: Market, risk_units: RiskUnits, netted: NettedHoldings | None = None
) -> AccountRows:
    """Lay out the rows of accounts.

    Args:
        accounts: The accounts.
        market: Where their instruments are listed.
        risk_units: How its contracts group.
        netted: The accounts' holdings, where they are netted already.

    Raises:
        InputError: As for ``net_holdings``.
    """
    netted = net_holdings(accounts, market) if netted is None else netted
    book, currencies = netted.book, netted.currencies
    n_units = max(len(risk_units.names), 1)
    key = book.account.astype(np.int64) * n_units + risk_units.of_instrument[book.instrument]
    entry_order = np.argsort(key, kind="stable")
    unit_key, first = np.unique(key[entry_order], return_index=True)
    start = np.append(first, len(key))
    unit_account, unit = (unit_key // n_units).astype(np.int32), (unit_key % n_units).astype(np.int32)
    coin_currency = market.universe.contracts.coin_currency[risk_units.coin[unit]]
    currency_row = _find(currencies, unit_account, coin_currency)
    spot_mode = accounts.spot_mode[unit_account]
    units = UnitRows(
        unit=unit,
        spot_mode=spot_mode,
        currency_row=np.where(risk_units.joined_by_spot[unit, spot_mode], currency_row, UNKNOWN),
        spot_fill=np.zeros(len(unit)),
        spot_limit=_spot_limits(accounts, market, unit_account, coin_currency),
        entry_value=_entry_values(book, market, entry_order, start),
    )
    instrument = book.instrument[entry_order]
    plan = RowPlan(
        units=_pad_units(units),
        unit_plan=plan_ragged(start, instrument, book.quantity[POSITIONS][entry_order]),
        order_units=_order_units(book, currencies, units, entry_order, start),
        currencies=_currency_arrays(
            currencies, market, np.where(risk_units.holds_coin_settled[unit], currency_row, UNKNOWN)
        ),
        account_units=_by_account(unit_account, len(accounts)),
        account_currencies=_by_account(currencies.account, len(accounts)),
    )
    return AccountRows(plan, book, risk_units, unit_account, unit, currencies.account, currencies.currency)


def _find(currencies: CurrencyRows, account: np.ndarray, currency: np.ndarray) -> np.ndarray:
    """Row of each (account, currency), -1 where there is none."""
    width = 1 + max(currencies.currency.max(initial=0), currency.max(initial=0))
    keys = currencies.account.astype(np.int64) * width + currencies.currency
    wanted = account.astype(np.int64) * width + currency
    if len(keys) == 0:
        return np.full(len(wanted), -1)
    row = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[row] == wanted, row, -1)


def _at(values: np.ndarray, row: np.ndarray) -> np.ndarray:
    """``values[row]``, 0 where the row is -1."""
    return np.append(values, 0.0)[row]


def _spot_limits(accounts: Accounts, market: Market, account: np.ndarray, currency: np.ndarray) -> np.ndarray:
    limits = accounts.limits
    limit_currency = resolve_currencies(accounts, market, "limits", "coin", limits.coin)
    n = len(market.universe.currencies)
    key = limits.account.astype(np.int64) * n + limit_currency
    order = np.argsort(key)
    wanted = account.astype(np.int64) * n + currency
    out = np.full(len(account), np.inf)
    if len(key):
        row = order[np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)]
        given = (key[row] == wanted) & ~np.isnan(limits.spot_limit[row])
        out[given] = limits.spot_limit[row][given]
    return out


def _entry_values(book: Book, market: Market, entry_order: np.ndarray, start: np.ndarray) -> np.ndarray:
    n_rows = len(start) - 1
    row = np.repeat(np.arange(n_rows), np.diff(start))
    slot = market.universe.contracts.value_slot[book.instrument[entry_order]]
    flat = np.bincount(row * N_VALUES + slot, book.entry_value[entry_order], minlength=n_rows * N_VALUES)
    return flat.astype(float).reshape(n_rows, N_VALUES)


def _order_units(
    book: Book,
    currencies: CurrencyRows,
    units: UnitRows,
    entry_order: np.ndarray,
    start: np.ndarray,
) -> OrderUnits | None:
    quantity = book.quantity[:, entry_order]
    entry_changes = (quantity != quantity[POSITIONS]).any(axis=0)
    n_rows = len(start) - 1
    row_of_entry = np.repeat(np.arange(n_rows), np.diff(start))
    changes = np.bincount(row_of_entry, entry_changes, minlength=n_rows) > 0
    fill = [_at(currencies.fill[b], units.currency_row) for b in (WITH_BUYS, WITH_SELLS)]
    changes |= (fill[0] != 0) | (fill[1] != 0)
    changed = np.flatnonzero(changes)
    if len(changed) == 0:
        return None
    length = np.diff(start)[changed]
    entry = np.repeat(start[changed] - np.append(0, np.cumsum(length)[:-1]), length) + np.arange(length.sum())
    order_start = np.append(0, np.cumsum(np.tile(length, 2)))
    weight = np.concatenate([quantity[WITH_BUYS, entry], quantity[WITH_SELLS, entry]])
    unit_row = np.tile(changed, 2)
    rows = UnitRows(
        unit=units.unit[unit_row],
        spot_mode=units.spot_mode[unit_row],
        currency_row=units.currency_row[unit_row],
        spot_fill=np.concatenate([fill[0][changed], fill[1][changed]]),
        spot_limit=units.spot_limit[unit_row],
        entry_value=units.entry_value[unit_row],
    )
    instrument = book.instrument[entry_order]
    buy_row = np.full(n_rows, UNKNOWN)
    buy_row[changed] = np.arange(len(changed))
    sell_row = np.where(buy_row >= 0, buy_row + len(changed), UNKNOWN)
    return OrderUnits(
        rows=_pad_units(rows),
        plan=plan_ragged(order_start, np.tile(instrument[entry], 2), weight),
        buy_row=_pad_rows(buy_row, UNKNOWN),
        sell_row=_pad_rows(sell_row, UNKNOWN),
    )


def _currency_arrays(currencies: CurrencyRows, market: Market, currency_row_of_unit: np.ndarray) -> CurrencyArrays:
    denomination = np.array([_place(c, DENOMINATIONS) for c in market.universe.currencies], np.int32)
    unit_row = np.full(len(currencies.account), UNKNOWN)
    has_currency = currency_row_of_unit >= 0
    unit_row[currency_row_of_unit[has_currency]] = np.flatnonzero(has_currency)
    return CurrencyArrays(
        currency=_pad_rows(currencies.currency, 0),
        balance=_pad_rows(currencies.balance, 0.0),
        frozen=_pad_rows(currencies.frozen, 0.0),
        account=_pad_rows(currencies.account, 0),
        denomination=_pad_rows(denomination[currencies.currency], UNKNOWN),
        unit_row=_pad_rows(unit_row, UNKNOWN),
    )


def _place(name: str, names: tuple[str, ...]) -> int:
    return names.index(name) if name in names else UNKNOWN


def _by_account(account: np.ndarray, n_accounts: int) -> RaggedPlan:
    start = np.searchsorted(account, np.arange(n_accounts + 1))
    return plan_ragged(start, np.arange(len(account)), np.ones(len(account)))


def _pad_rows(values: np.ndarray, fill: float) -> np.ndarray:
    """Pad to a size bucket with at least one padding row, which padding lanes read."""
    values = values.astype(np.int32) if values.dtype.kind == "i" else values
    return pad_axis(values, size_bucket(len(values) + 1), fill)


def _pad_units(units: UnitRows) -> UnitRows:
    return UnitRows(
        unit=_pad_rows(units.unit, 0),
        spot_mode=_pad_rows(units.spot_mode, 0),
        currency_row=_pad_rows(units.currency_row, UNKNOWN),
        spot_fill=_pad_rows(units.spot_fill, 0.0),
        spot_limit=_pad_rows(units.spot_limit, 0.0),
        entry_value=pad_axis(units.entry_value, size_bucket(len(units.unit) + 1), 0.0, axis=0),
    )

"""The rows of accounts: risk units and currencies, with what each holds (NumPy, on the host)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shockgrid.accounts.book import POSITIONS, Book, net_book
from shockgrid.accounts.currency_rows import CurrencyRows, currency_rows
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.market_holdings import UNKNOWN, MarketHoldings, SpotOrders, resolve_holdings
from shockgrid.accounts.order_books import order_rows
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.accounts.row_plan import CurrencyArrays, RowPlan, pad_plan, plan_shape
from shockgrid.accounts.unit_rows import UnitRows, join_units
from shockgrid.market.market import Market
from shockgrid.market.universe import DENOMINATIONS, N_VALUES
from shockgrid.numerics.ordering import compact, run_begins
from shockgrid.numerics.ragged import SLICE_ROWS, RaggedPlan, plan_ragged


@dataclass(frozen=True)
class AccountRows:
    """Rows of a block of accounts, sorted by account; accounts are counted from the block's first.

    Attributes:
        first: Place of the first account among all.
        n_accounts: Of the block.
        book: The netted holdings.
        order_quantity: Of each contract order, signed.
        spot_orders: Orders in spot pairs.
        risk_units: The units of the market.
        unit_account, unit: Account and unit of each unit row, ``unit`` an index into ``risk_units.names``.
        units: The unit rows.
        start: Where the entries of each unit row begin in the book, and where the last ends.
        currencies: The currency rows.
        fill: ``[3, currency row]`` as in ``CurrencyRows``.
    """

    first: int
    n_accounts: int
    book: Book
    order_quantity: np.ndarray
    spot_orders: SpotOrders
    risk_units: RiskUnits
    unit_account: np.ndarray
    units: UnitRows
    start: np.ndarray
    currencies: CurrencyArrays
    fill: np.ndarray

    @property
    def unit(self) -> np.ndarray:
        """Unit of each unit row."""
        return np.asarray(self.units.unit)

    @property
    def currency_account(self) -> np.ndarray:
        """Account of each currency row."""
        return np.asarray(self.currencies.account)

    @property
    def currency(self) -> np.ndarray:
        """Currency of each currency row, an index into ``Universe.currencies``."""
        return np.asarray(self.currencies.currency)

    @cached_property
    def plan(self) -> RowPlan:
        """The rows for kernels, padded to their size buckets."""
        packed = pack_rows(self)
        return pad_plan(packed, plan_shape(packed))


def plan_rows(accounts: Accounts, market: Market, risk_units: RiskUnits) -> AccountRows:
    """Lay out all accounts as one block.

    Raises:
        InputError: As for ``resolve_holdings``.
    """
    return lay_rows(resolve_holdings(accounts, market), market, risk_units)


def lay_rows(holdings: MarketHoldings, market: Market, risk_units: RiskUnits) -> AccountRows:
    """Net a block of accounts and lay out its rows.

    Args:
        holdings: What they hold.
        market: Where their instruments are listed.
        risk_units: How its contracts group.
    """
    book = net_book(holdings, market, risk_units)
    found = currency_rows(holdings, market, book)
    n_units = len(risk_units.names)
    dtype = compact(len(holdings) * n_units)
    unit_of_entry = risk_units.of_instrument[book.instrument]
    key = book.account.astype(dtype, copy=False) * dtype(n_units) + unit_of_entry
    begins = np.flatnonzero(run_begins(key))
    unit_account, unit = book.account[begins], unit_of_entry[begins]
    start = np.append(begins, len(unit_of_entry))
    coin_currency = market.universe.contracts.coin_currency[risk_units.coin[unit]]
    currency_row = found.row_of[unit_account, coin_currency]
    spot_mode = holdings.spot_mode[unit_account]
    spot_limit = _limits(holdings, market, holdings.limits.spot_limit)
    units = UnitRows(
        unit=unit,
        spot_mode=spot_mode.astype(np.int32),
        currency_row=np.where(risk_units.joined_by_spot[unit, spot_mode], currency_row, UNKNOWN),
        spot_fill=np.zeros(len(unit)),
        spot_limit=np.full(len(unit), np.inf) if spot_limit is None else spot_limit[unit_account, coin_currency],
        entry_value=_entry_values(book, market, start),
    )
    unit_of_coin = np.where(risk_units.holds_coin_settled[unit], currency_row, UNKNOWN)
    return AccountRows(
        first=holdings.first,
        n_accounts=len(holdings),
        book=book,
        order_quantity=holdings.contract_orders.quantity,
        spot_orders=holdings.spot_orders,
        risk_units=risk_units,
        unit_account=unit_account,
        units=units,
        start=start,
        currencies=_currency_arrays(holdings, market, found, unit_of_coin),
        fill=found.fill,
    )


def _limits(holdings: MarketHoldings, market: Market, given: np.ndarray) -> np.ndarray | None:
    """``[account, currency]`` the limits of a column, infinity where there is none; None where no account has one."""
    if not len(given):
        return None
    table = np.full((len(holdings), len(market.universe.currencies)), np.inf)
    rows = ~np.isnan(given)
    table[holdings.limits.account[rows], holdings.limits.currency[rows]] = given[rows]
    return table


def _entry_values(book: Book, market: Market, start: np.ndarray) -> np.ndarray:
    n = (len(start) - 1) * N_VALUES
    place = np.repeat(np.arange(0, n, N_VALUES), np.diff(start))
    place += market.universe.contracts.value_slot[book.instrument]
    flat = np.bincount(place, book.entry_value, minlength=n)
    return flat.astype(float, copy=False).reshape(-1, N_VALUES)


def _currency_arrays(
    holdings: MarketHoldings, market: Market, found: CurrencyRows, currency_row_of_unit: np.ndarray
) -> CurrencyArrays:
    denomination = np.array([_place(c, DENOMINATIONS) for c in market.universe.currencies], np.int32)
    unit_row = np.full(len(found.account), UNKNOWN, np.int32)
    has_currency = np.flatnonzero(currency_row_of_unit >= 0)
    unit_row[currency_row_of_unit[has_currency]] = has_currency
    limit = _limits(holdings, market, holdings.limits.borrow_limit)
    return CurrencyArrays(
        currency=found.currency,
        balance=found.balance,
        frozen=found.frozen,
        account=found.account,
        denomination=denomination[found.currency],
        unit_row=unit_row,
        auto_borrow=holdings.auto_borrow[found.account],
        borrow_limit=np.full(len(found.account), np.inf) if limit is None else limit[found.account, found.currency],
    )


def _place(name: str, names: tuple[str, ...]) -> int:
    return names.index(name) if name in names else UNKNOWN


def pack_rows(rows: AccountRows, lanes: int = SLICE_ROWS, entries: int = 0) -> RowPlan:
    """The rows for kernels, not yet padded.

    Args:
        rows: The rows.
        lanes: Rows of a slice of ``plan_ragged``.
        entries: Room for so many packed entries, if they are known to be padded to it.
    """
    n = len(rows.unit)
    orders = order_rows(rows.book, rows.fill, rows.units, rows.start)
    start = np.append(rows.start, rows.start[-1] + orders.start[1:])
    instrument = np.append(rows.book.instrument, orders.instrument)
    quantity = np.append(rows.book.quantity[POSITIONS], orders.quantity)
    return RowPlan(
        units=join_units(rows.units, orders.units),
        unit_plan=plan_ragged(start, instrument, quantity, lanes, entries),
        buy_row=np.where(orders.buy_row >= 0, orders.buy_row + n, UNKNOWN).astype(np.int32),
        sell_row=np.where(orders.sell_row >= 0, orders.sell_row + n, UNKNOWN).astype(np.int32),
        currencies=rows.currencies,
        account_units=_by_account(rows.unit_account, rows.n_accounts, lanes),
        account_currencies=_by_account(rows.currency_account, rows.n_accounts, lanes),
    )


def _by_account(account: np.ndarray, n_accounts: int, lanes: int) -> RaggedPlan:
    start = np.searchsorted(account, np.arange(n_accounts + 1))
    return plan_ragged(start, np.arange(len(account)), np.ones(len(account)), lanes)

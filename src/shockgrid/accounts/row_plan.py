"""How positions, units, currencies and accounts hang together, as index arrays: built once, reused for every market.

    positions --unit_plan--> unit rows (account, unit) --account_units--> accounts
                             currency rows (account, currency) --account_currencies--> accounts

Units that orders could change have two more rows, one for each order book (``order_units``).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.book import POSITIONS, UNKNOWN, Book, net_book
from shockgrid.accounts.currency_rows import CurrencyRows, currency_rows, resolve_currencies
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.order_books import OrderUnits, order_units
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.accounts.unit_rows import UnitRows, pad_rows, pad_units
from shockgrid.market.market import Market
from shockgrid.market.universe import DENOMINATIONS, N_VALUES
from shockgrid.numerics.ragged import RaggedPlan, plan_ragged
from shockgrid.numerics.shapes import AnyArray, Bool, Float, Int


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CurrencyArrays:
    """Currencies of accounts (see ``CurrencyRows``).

    Attributes:
        currency, balance, frozen: As there.
        account: Index into ``Accounts.ids``.
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
        units: The unit rows, without padding.
        entry_order, start: Entries of the book in the order of the unit rows, and where each row starts among them.
        currency_account, currency: Account and currency of each currency row, ``currency`` an index into
            ``Universe.currencies``.
    """

    plan: RowPlan
    book: Book
    risk_units: RiskUnits
    unit_account: np.ndarray
    unit: np.ndarray
    units: UnitRows
    entry_order: np.ndarray
    start: np.ndarray
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
        spot_limit=_limits(accounts, market, accounts.limits.spot_limit, unit_account, coin_currency),
        entry_value=_entry_values(book, market, entry_order, start),
    )
    instrument = book.instrument[entry_order]
    plan = RowPlan(
        units=pad_units(units),
        unit_plan=plan_ragged(start, instrument, book.quantity[POSITIONS][entry_order]),
        order_units=order_units(book, currencies, units, entry_order, start),
        currencies=_currency_arrays(
            accounts, currencies, market, np.where(risk_units.holds_coin_settled[unit], currency_row, UNKNOWN)
        ),
        account_units=_by_account(unit_account, len(accounts)),
        account_currencies=_by_account(currencies.account, len(accounts)),
    )
    return AccountRows(
        plan=plan,
        book=book,
        risk_units=risk_units,
        unit_account=unit_account,
        unit=unit,
        units=units,
        entry_order=entry_order,
        start=start,
        currency_account=currencies.account,
        currency=currencies.currency,
    )


def _find(currencies: CurrencyRows, account: np.ndarray, currency: np.ndarray) -> np.ndarray:
    """Row of each (account, currency), -1 where there is none."""
    width = 1 + max(currencies.currency.max(initial=0), currency.max(initial=0))
    keys = currencies.account.astype(np.int64) * width + currencies.currency
    wanted = account.astype(np.int64) * width + currency
    if len(keys) == 0:
        return np.full(len(wanted), -1)
    row = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[row] == wanted, row, -1)


def _limits(
    accounts: Accounts, market: Market, given: np.ndarray, account: np.ndarray, currency: np.ndarray
) -> np.ndarray:
    """A column of the accounts' limits for each (account, currency), infinity where there is none."""
    limits = accounts.limits
    limit_currency = resolve_currencies(accounts, market, "limits", "coin", limits.coin)
    n = len(market.universe.currencies)
    key = limits.account.astype(np.int64) * n + limit_currency
    order = np.argsort(key)
    wanted = account.astype(np.int64) * n + currency
    out = np.full(len(account), np.inf)
    if len(key):
        row = order[np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)]
        found = (key[row] == wanted) & ~np.isnan(given[row])
        out[found] = given[row][found]
    return out


def _entry_values(book: Book, market: Market, entry_order: np.ndarray, start: np.ndarray) -> np.ndarray:
    n_rows = len(start) - 1
    row = np.repeat(np.arange(n_rows), np.diff(start))
    slot = market.universe.contracts.value_slot[book.instrument[entry_order]]
    flat = np.bincount(row * N_VALUES + slot, book.entry_value[entry_order], minlength=n_rows * N_VALUES)
    return flat.astype(float).reshape(n_rows, N_VALUES)


def _currency_arrays(
    accounts: Accounts, currencies: CurrencyRows, market: Market, currency_row_of_unit: np.ndarray
) -> CurrencyArrays:
    denomination = np.array([_place(c, DENOMINATIONS) for c in market.universe.currencies], np.int32)
    unit_row = np.full(len(currencies.account), UNKNOWN)
    has_currency = currency_row_of_unit >= 0
    unit_row[currency_row_of_unit[has_currency]] = np.flatnonzero(has_currency)
    limit = _limits(accounts, market, accounts.limits.borrow_limit, currencies.account, currencies.currency)
    return CurrencyArrays(
        currency=pad_rows(currencies.currency, 0),
        balance=pad_rows(currencies.balance, 0.0),
        frozen=pad_rows(currencies.frozen, 0.0),
        account=pad_rows(currencies.account, 0),
        denomination=pad_rows(denomination[currencies.currency], UNKNOWN),
        unit_row=pad_rows(unit_row, UNKNOWN),
        auto_borrow=pad_rows(accounts.auto_borrow[currencies.account], True),
        borrow_limit=pad_rows(limit, np.inf),
    )


def _place(name: str, names: tuple[str, ...]) -> int:
    return names.index(name) if name in names else UNKNOWN


def _by_account(account: np.ndarray, n_accounts: int) -> RaggedPlan:
    start = np.searchsorted(account, np.arange(n_accounts + 1))
    return plan_ragged(start, np.arange(len(account)), np.ones(len(account)))

"""What all peers start from: the accounts as sorted flat arrays, and the market's numbers in NumPy (version 2)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.accounts.holdings import Accounts, Labels
from shockgrid.market.market import Market
from shockgrid.market.universe import DENOMINATIONS
from shockgrid.scenarios.exposures import Exposures
from shockgrid.venues.okx.rule_lookup import rule_tables
from shockgrid.venues.okx.rule_tables import RuleTables
from shockgrid.venues.okx.rulebook import Rulebook

COMPONENTS = ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7", "mr9", "mmr_usd")
FIGURES = ("equity_usd", "borrow_mmr_usd", "mmr_usd", "margin_ratio")
MOVES, VOL_COLUMNS = 7, 5
DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class Numbers:
    """A market and a rulebook as NumPy arrays, without padding.

    Attributes:
        table: ``[instrument, column]`` of everything linear: the grid move by move, extreme up and down, decay, two
            rate factors, three denominations, delta in coin, half the difference of the charges of long and short,
            cash delta by tenor, shocked vega by tenor.
        charge: Half the sum of the charges of long and short, by instrument.
        n_tenors: Width of the last two parts of the table.
        instrument_place, currency_place: Number of each instrument and currency.
        coin, settle, is_option, mark: By instrument.
        value: Of one contract in its settlement currency.
        index_usd, moves, extreme_move, bucket_moves, multiplier_upper, multiplier: By coin.
        coin_currency: Currency of each coin.
        currency_usd: Price of each currency.
        depeg_factors: ``[pair, tier]`` at today's prices.
        rules: Everything else.
    """

    table: np.ndarray
    charge: np.ndarray
    n_tenors: int
    instrument_place: dict[str, int]
    currency_place: dict[str, int]
    coin: np.ndarray
    settle: np.ndarray
    is_option: np.ndarray
    mark: np.ndarray
    value: np.ndarray
    index_usd: np.ndarray
    moves: np.ndarray
    extreme_move: np.ndarray
    bucket_moves: np.ndarray
    multiplier_upper: np.ndarray
    multiplier: np.ndarray
    coin_currency: np.ndarray
    currency_usd: np.ndarray
    depeg_factors: np.ndarray
    rules: RuleTables


@dataclass(frozen=True)
class PeerBook:
    """Accounts as arrays sorted by account: entries (netted positions), unit rows and currency rows.

    Attributes:
        n_accounts: How many.
        instrument, quantity, entry_currency: Of each entry; its currency row is that of the settlement currency.
        unit_start, unit_account, unit_coin, unit_currency: First entry of each unit row (one more than rows), and what
            it is; its currency row is that of the coin, -1 for none.
        unit_limit: The most spot that it may use.
        balance: Of each currency row, less what non-option positions were worth when entered.
        currency_account, currency: Of each currency row.
        account_units, account_currencies, account_entries: First row or entry of each account, and the end.
    """

    n_accounts: int
    instrument: np.ndarray
    quantity: np.ndarray
    entry_currency: np.ndarray
    unit_start: np.ndarray
    unit_account: np.ndarray
    unit_coin: np.ndarray
    unit_currency: np.ndarray
    unit_limit: np.ndarray
    balance: np.ndarray
    currency_account: np.ndarray
    currency: np.ndarray
    account_units: np.ndarray
    account_currencies: np.ndarray
    account_entries: np.ndarray


@dataclass(frozen=True)
class Answer:
    """What a peer computes: by unit row and by account."""

    units: dict[str, np.ndarray]
    accounts: dict[str, np.ndarray]


def market_numbers(market: Market, rules: Rulebook, exposures: Exposures) -> Numbers:
    """Gather the numbers; exposures padded or not."""
    universe, snapshot = market.universe, market.snapshot
    contracts, n, n_tenors = universe.contracts, len(universe), snapshot.tenor_years.shape[1]
    tables = rule_tables(rules, universe.coins, universe.currencies)
    size, mark = contracts.contract_value, snapshot.mark
    steps = tables.contracts.price_steps
    pairs = np.stack([steps[:, 1:], -steps[:, 1:]], axis=2).reshape(len(steps), -1)
    table, charge = _table(exposures, n, n_tenors)
    return Numbers(
        table=table,
        charge=charge,
        n_tenors=n_tenors,
        instrument_place={name: i for i, name in enumerate(universe.ids.tolist())},
        currency_place={name: i for i, name in enumerate(universe.currencies)},
        coin=contracts.coin,
        settle=contracts.settle,
        is_option=contracts.is_option,
        mark=mark,
        value=np.where(contracts.is_inverse, -size / np.where(contracts.is_inverse, mark, 1.0), size * mark),
        index_usd=snapshot.index_usd[contracts.coin_currency],
        moves=np.concatenate([steps[:, :1], pairs], axis=1),
        extreme_move=tables.contracts.extreme_move,
        bucket_moves=_bucket_moves(snapshot.tenor_years, tables),
        multiplier_upper=tables.multipliers.upper,
        multiplier=tables.multipliers.multiplier,
        coin_currency=contracts.coin_currency,
        currency_usd=snapshot.index_usd,
        depeg_factors=_depeg_factors(market, tables),
        rules=tables,
    )


def _table(exposures: Exposures, n: int, n_tenors: int) -> tuple[np.ndarray, np.ndarray]:
    exposures = jax.tree.map(np.asarray, exposures)
    linear, gross = exposures.linear, exposures.gross
    parts = [
        linear.price_vol,
        linear.extreme,
        linear.decay,
        linear.rates,
        linear.denominations,
        linear.greeks[:, :1],
        0.5 * (gross.charge_long - gross.charge_short)[:, None],
        linear.tenor_delta[:, :n_tenors],
        linear.tenor_vega[:, :n_tenors],
    ]
    table = np.concatenate([part[:n] for part in parts], axis=1)
    return np.ascontiguousarray(table), 0.5 * (gross.charge_long + gross.charge_short)[:n]


def _bucket_moves(tenor_years: np.ndarray, tables: RuleTables) -> np.ndarray:
    basis, years = tables.basis, tenor_years.copy()
    years[:, 0] = basis.perpetual_days / DAYS_PER_YEAR
    scaled = np.maximum(basis.floor[:, None], basis.annual_move[:, None] * np.sqrt(years))
    return np.concatenate([scaled, basis.floor[:, None]], axis=1)


def _depeg_factors(market: Market, tables: RuleTables) -> np.ndarray:
    price = {name: market.index.get(f"{name}-USD", 1.0) for name in DENOMINATIONS}
    pair = [price["USDT"], float(market.snapshot.usdt_usdc), price["USDC"]]
    below = [1.0 / p if p > 1.0 else p for p in pair]
    return np.array([[np.interp(p, tables.depeg.prices, column) for column in tables.depeg.factors.T] for p in below])


def lay_out(numbers: Numbers, accounts: Accounts) -> PeerBook:
    """Net and sort a set of accounts."""
    p, n, n_currencies = accounts.positions, len(accounts), len(numbers.currency_place)
    held = _coded(p.instrument, numbers.instrument_place)
    key, entry = np.unique(p.account * len(numbers.coin) + held, return_inverse=True)
    account, instrument = np.divmod(key, len(numbers.coin))
    settle = account * n_currencies + numbers.settle[instrument]
    row_of, currency_key, balance = _currency_rows(numbers, accounts, settle)
    paid = _entry_values(numbers, held, p.quantity, p.average_price)
    coin = numbers.coin[instrument]
    first = np.flatnonzero(np.append(True, (account[1:] != account[:-1]) | (coin[1:] != coin[:-1])))
    own = account[first] * n_currencies + numbers.coin_currency[coin[first]]
    currency_account, currency = np.divmod(currency_key, n_currencies)
    ends = np.arange(n + 1)
    return PeerBook(
        n_accounts=n,
        instrument=instrument.astype(np.int32),
        quantity=np.bincount(entry, p.quantity, minlength=len(key)),
        entry_currency=row_of[settle],
        unit_start=np.append(first, len(key)),
        unit_account=account[first],
        unit_coin=coin[first],
        unit_currency=row_of[own],
        unit_limit=_spot_limits(numbers, accounts, n * n_currencies)[own],
        balance=balance - np.bincount(row_of[settle[entry]], paid, minlength=len(currency_key)),
        currency_account=currency_account,
        currency=currency,
        account_units=np.searchsorted(account[first], ends),
        account_currencies=np.searchsorted(currency_account, ends),
        account_entries=np.searchsorted(account, ends),
    )


def _coded(names: Labels, place: dict[str, int]) -> np.ndarray:
    """Number of each row's name; there is always one more name, so that no rows are no special case."""
    return np.array([*(place.get(name, -1) for name in names.names), -1], np.int64)[names.codes]


def _currency_rows(
    numbers: Numbers, accounts: Accounts, settle: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row of each account and currency, the key of each row, and its balance less interest."""
    b = accounts.balances
    owned = b.account * len(numbers.currency_place) + _coded(b.currency, numbers.currency_place)
    used = np.zeros(len(accounts) * len(numbers.currency_place), bool)
    used[owned] = used[settle] = True
    key = np.flatnonzero(used)
    row_of = np.full(len(used), -1, np.int64)
    row_of[key] = np.arange(len(key))
    return row_of, key, np.bincount(row_of[owned], b.amount - b.accrued_interest, minlength=len(key))


def _spot_limits(numbers: Numbers, accounts: Accounts, n: int) -> np.ndarray:
    """By account and currency, infinity where there is none."""
    limits = accounts.limits
    table = np.full(n, np.inf)
    place = limits.account * len(numbers.currency_place) + _coded(limits.coin, numbers.currency_place)
    table[place] = np.where(np.isnan(limits.spot_limit), np.inf, limits.spot_limit)
    return table


def _entry_values(numbers: Numbers, held: np.ndarray, quantity: np.ndarray, average: np.ndarray) -> np.ndarray:
    """What positions were worth when entered, in their settlement currency; 0 for options, which are paid for."""
    # The value of a linear contract is proportional to its price, that of an inverse one to the price's reciprocal.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = average / numbers.mark[held]
        grown = np.where(numbers.value[held] < 0.0, 1.0 / ratio, ratio)
    at_entry = numbers.value[held] * np.where(np.isnan(average), 1.0, grown)
    return np.where(numbers.is_option[held], 0.0, quantity * at_entry)

"""A rulebook as arrays: traced, padded, looked up once for every coin and currency of a market.

Since every number is an array, one compilation serves all versions of one structure, and gradients reach all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import jax
import numpy as np

from shockgrid.numerics.shapes import AnyArray, Float
from shockgrid.stress.scenarios import VolShocks
from shockgrid.venues.okx.rulebook import Rulebook


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CoinTables:
    """Numbers that depend on the coin.

    Attributes:
        price_steps: MR1 moves ``0, a, b, c``.
        extreme_move: MR6.
        basis_floor, basis_annual_move: MR4.
        liquidation_rate: MR7, of the absolute cash delta.
        multiplier_upper, multiplier: MR7 marginal tiers of the raw charge, USD.
    """

    price_steps: Float[AnyArray, "coin step"]
    extreme_move: Float[AnyArray, " coin"]
    basis_floor: Float[AnyArray, " coin"]
    basis_annual_move: Float[AnyArray, " coin"]
    liquidation_rate: Float[AnyArray, " coin"]
    multiplier_upper: Float[AnyArray, "coin tier"]
    multiplier: Float[AnyArray, "coin tier"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CurrencyTables:
    """Numbers that depend on the currency.

    Attributes:
        borrow_upper, borrow_mmr, borrow_imr: Borrowing tiers, in units of the currency, upper bound included.
        borrow_step: Size of the further tiers beyond the table; infinity where there are none.
        haircut_upper, haircut_rate: Marginal tiers by USD value; the rate is the share that counts.
    """

    borrow_upper: Float[AnyArray, "currency borrow_tier"]
    borrow_mmr: Float[AnyArray, "currency borrow_tier"]
    borrow_imr: Float[AnyArray, "currency borrow_tier"]
    borrow_step: Float[AnyArray, " currency"]
    haircut_upper: Float[AnyArray, "currency haircut_tier"]
    haircut_rate: Float[AnyArray, "currency haircut_tier"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LiquidationCharge:
    """MR7's charge of an option contract, as fractions of its underlying's USD value."""

    fee_index: Float[AnyArray, ""]
    fee_premium: Float[AnyArray, ""]
    delta: Float[AnyArray, ""]
    vega_points: Float[AnyArray, ""]
    floor: Float[AnyArray, ""]
    short_floor: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DepegTables:
    """MR9: marginal tiers of the hedged volume in USD, a factor for each at each index price."""

    upper: Float[AnyArray, " depeg_tier"]
    prices: Float[AnyArray, " price"]
    factors: Float[AnyArray, "price depeg_tier"]
    count_spot: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RuleTables:
    """All numbers that kernels read; names as in the rulebook's keys."""

    coins: CoinTables
    currencies: CurrencyTables
    vol_shocks: VolShocks
    decay_days: Float[AnyArray, ""]
    vega_term_kappa: Float[AnyArray, ""]
    basis_perpetual_days: Float[AnyArray, ""]
    rate_pc1: Float[AnyArray, ""]
    rate_pc2: Float[AnyArray, ""]
    rate_tilt_days: Float[AnyArray, ""]
    extreme_loss_fraction: Float[AnyArray, ""]
    option_charge: LiquidationCharge
    depeg: DepegTables
    imr_multiple: Float[AnyArray, ""]
    borrow_step_rate: Float[AnyArray, ""]
    borrow_rate_cap: Float[AnyArray, ""]
    liability_fee: Float[AnyArray, ""]
    warning_ratio: Float[AnyArray, ""]
    liquidation_ratio: Float[AnyArray, ""]


def rule_tables(rules: Rulebook, coins: Iterable[str], currencies: Iterable[str]) -> RuleTables:
    """Look up every number.

    Args:
        rules: A rulebook of structure v2.
        coins: Names along the coin axis; padding may be empty strings, which get the default group.
        currencies: Names along the currency axis, likewise.
    """
    option = {name: _number(rules[f"mr7.option.{key}"]) for name, key in _OPTION_KEYS.items()}
    return RuleTables(
        coins=_coin_tables(rules, list(coins)),
        currencies=_currency_tables(rules, list(currencies)),
        vol_shocks=VolShocks(
            days=np.array(rules["mr1.vol_shock_days"], float),
            points=np.array(rules["mr1.vol_shock_points"], float),
            relative=np.array(rules["mr1.vol_shock_relative"], float),
            floor=_number(rules["mr1.vol_floor"]),
        ),
        option_charge=LiquidationCharge(**option),
        depeg=DepegTables(
            upper=_upper([rules["mr9.tier_bounds_usd"]])[0],
            prices=np.array(rules["mr9.prices"], float),
            factors=np.minimum(np.array(rules["mr9.factors"], float), rules["mr9.factor_cap"]),
            count_spot=_number(rules["mr9.count_spot"]),
        ),
        **{name: _number(rules[key]) for name, key in _SCALAR_KEYS.items()},
    )


_OPTION_KEYS = {
    "fee_index": "fee_index_frac",
    "fee_premium": "fee_premium_frac",
    "delta": "delta_frac",
    "vega_points": "vega_points",
    "floor": "floor_frac",
    "short_floor": "short_floor_frac",
}
_SCALAR_KEYS = {
    "decay_days": "mr2.horizon_days",
    "vega_term_kappa": "mr3.kappa",
    "basis_perpetual_days": "mr4.perpetual_days",
    "rate_pc1": "mr5.pc1",
    "rate_pc2": "mr5.pc2",
    "rate_tilt_days": "mr5.tilt_days",
    "extreme_loss_fraction": "mr6.loss_fraction",
    "imr_multiple": "imr.multiple",
    "borrow_step_rate": "borrow.step_rate",
    "borrow_rate_cap": "borrow.rate_cap",
    "liability_fee": "ratio.liability_fee",
    "warning_ratio": "ratio.warning",
    "liquidation_ratio": "ratio.liquidation",
}


def _coin_tables(rules: Rulebook, coins: list[str]) -> CoinTables:
    def by_coin(key: str) -> np.ndarray:
        return np.array(rules.of_each(key, coins), float)

    return CoinTables(
        price_steps=by_coin("mr1.price_moves"),
        extreme_move=by_coin("mr6.price_move"),
        basis_floor=by_coin("mr4.floor"),
        basis_annual_move=by_coin("mr4.annual_move"),
        liquidation_rate=by_coin("mr7.rate"),
        multiplier_upper=_upper(rules.of_each("mr7.multiplier_bounds_usd", coins)),
        multiplier=_pad_last(rules.of_each("mr7.multipliers", coins)),
    )


def _currency_tables(rules: Rulebook, currencies: list[str]) -> CurrencyTables:
    step = np.array(rules.of_each("borrow.step_amount", currencies), float)
    return CurrencyTables(
        # A table without bounds has one rate for any amount.
        borrow_upper=_pad_last([bounds or [np.inf] for bounds in rules.of_each("borrow.bounds", currencies)]),
        borrow_mmr=_pad_last(rules.of_each("borrow.mmr_rates", currencies)),
        borrow_imr=_pad_last(rules.of_each("borrow.imr_rates", currencies)),
        borrow_step=np.where(step > 0, step, np.inf),
        haircut_upper=_upper(rules.of_each("haircut.bounds_usd", currencies)),
        haircut_rate=_pad_last(rules.of_each("haircut.rates", currencies)),
    )


def _number(value: float) -> np.ndarray:
    return np.array(value, float)


def _pad_last(rows: list[list[float]]) -> np.ndarray:
    """Rows of unequal length, each continued with its last entry."""
    width = max((len(row) for row in rows), default=1)
    return np.array([[*row, *[row[-1]] * (width - len(row))] for row in rows], float).reshape(len(rows), width)


def _upper(bounds: list[list[float]]) -> np.ndarray:
    """Upper bounds of marginal tiers: the given ones, then infinity."""
    return _pad_last([[*row, np.inf] for row in bounds])

"""A rulebook as arrays: traced, padded, looked up once for every coin and currency of a market.

Since every number is an array, one compilation serves all versions of one structure, and gradients reach all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import jax
import numpy as np

from shockgrid.accounts.holdings import SPOT_MODES
from shockgrid.numerics.shapes import AnyArray, Float
from shockgrid.stress.scenarios import VolShocks
from shockgrid.venues.okx.rulebook import Rulebook, Structure


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CoinTables:
    """Numbers that depend on the coin.

    Attributes:
        price_steps: MR1 moves ``0, a, b, c``.
        extreme_move: MR6.
        liquidation_rate: MR7, of the absolute cash delta.
        multiplier_upper, multiplier: MR7 marginal tiers of the raw charge, USD.
    """

    price_steps: Float[AnyArray, "coin step"]
    extreme_move: Float[AnyArray, " coin"]
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
class TenorBasis:
    """MR4 of version 2: a floor, and an annual move by the square root of time."""

    floor: Float[AnyArray, " coin"]
    annual_move: Float[AnyArray, " coin"]
    perpetual_days: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MatchedBasis:
    """MR4 of version 1: a forward move, and a change of the basis; whether spot in use is a bucket."""

    forward_move: Float[AnyArray, " coin"]
    basis_change: Float[AnyArray, " coin"]
    count_spot: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SpotTables:
    """What of an account's spot enters risk units.

    Attributes:
        joins: 1 for each spot mode in which it does.
        orders: 1 if open spot orders count.
        user_limit: 1 if the account may limit it.
    """

    joins: Float[AnyArray, " mode"]
    orders: Float[AnyArray, ""]
    user_limit: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RuleTables:
    """All numbers that kernels read; names as in the rulebook's keys.

    Attributes:
        structure: Which rules apply. Static: each structure is a compiled program of its own.
        depeg: None in version 1, which has no MR9.
    """

    structure: Structure = field(metadata={"static": True})
    coins: CoinTables
    currencies: CurrencyTables
    basis: TenorBasis | MatchedBasis
    spot: SpotTables
    vol_shocks: VolShocks
    decay_days: Float[AnyArray, ""]
    vega_term_kappa: Float[AnyArray, ""]
    rate_pc1: Float[AnyArray, ""]
    rate_pc2: Float[AnyArray, ""]
    rate_tilt_days: Float[AnyArray, ""]
    extreme_loss_fraction: Float[AnyArray, ""]
    option_charge: LiquidationCharge
    funding_days: Float[AnyArray, ""]
    depeg: DepegTables | None
    imr_multiple: Float[AnyArray, ""]
    borrow_step_rate: Float[AnyArray, ""]
    borrow_rate_cap: Float[AnyArray, ""]
    liability_fee: Float[AnyArray, ""]
    warning_ratio: Float[AnyArray, ""]
    liquidation_ratio: Float[AnyArray, ""]


def rule_tables(rules: Rulebook, coins: Iterable[str], currencies: Iterable[str]) -> RuleTables:
    """Look up every number.

    Args:
        rules: A rulebook.
        coins: Names along the coin axis; padding may be empty strings, which get the default group.
        currencies: Names along the currency axis, likewise.
    """
    coins = list(coins)
    option = {name: _number(rules[f"mr7.option.{key}"]) for name, key in _OPTION_KEYS.items()}
    is_v1 = rules.structure == "v1"
    return RuleTables(
        structure=rules.structure,
        coins=_coin_tables(rules, coins),
        currencies=_currency_tables(rules, list(currencies)),
        basis=_matched_basis(rules, coins) if is_v1 else _tenor_basis(rules, coins),
        spot=_spot_tables(rules) if is_v1 else _ALL_SPOT,
        vol_shocks=VolShocks(
            **{name: np.array(rules[f"mr1.vol_shock_{name}"], float) for name in ("days", "points", "relative")},
            floor=_number(rules["mr1.vol_floor"]),
        ),
        option_charge=LiquidationCharge(**option),
        depeg=None if is_v1 else _depeg_tables(rules),
        **{name: _number(rules[key]) for name, key in _SCALAR_KEYS.items()},
    )


_ALL_SPOT = SpotTables(joins=np.ones(len(SPOT_MODES)), orders=np.array(1.0), user_limit=np.array(1.0))
"""Version 2 has no modes: spot always joins the coin's one unit."""

_MODE_KEYS = {"spot_usdt": "spot.usdt_mode", "spot_usdc": "spot.usdc_mode", "spot_coin": "spot.coin_mode"}


def _spot_tables(rules: Rulebook) -> SpotTables:
    joins = [float(mode in _MODE_KEYS and rules[_MODE_KEYS[mode]]) for mode in SPOT_MODES]
    return SpotTables(np.array(joins), _number(rules["spot.orders"]), _number(rules["spot.user_limit"]))


def _tenor_basis(rules: Rulebook, coins: list[str]) -> TenorBasis:
    floor, annual_move = (np.array(rules.of_each(key, coins), float) for key in ("mr4.floor", "mr4.annual_move"))
    return TenorBasis(floor, annual_move, _number(rules["mr4.perpetual_days"]))


def _matched_basis(rules: Rulebook, coins: list[str]) -> MatchedBasis:
    forward, change = (np.array(rules.of_each(key, coins), float) for key in ("mr4.forward_move", "mr4.basis_change"))
    return MatchedBasis(forward, change, _number(rules["mr4.count_spot"]))


def _depeg_tables(rules: Rulebook) -> DepegTables:
    return DepegTables(
        upper=np.append(np.array(rules["mr9.tier_bounds_usd"], float), np.inf),
        prices=np.array(rules["mr9.prices"], float),
        # Cells are capped before anything is interpolated between them.
        factors=np.minimum(np.array(rules["mr9.factors"], float), rules["mr9.factor_cap"]),
        count_spot=_number(rules["mr9.count_spot"]),
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
    "rate_pc1": "mr5.pc1",
    "rate_pc2": "mr5.pc2",
    "rate_tilt_days": "mr5.tilt_days",
    "extreme_loss_fraction": "mr6.loss_fraction",
    "funding_days": "mr7.funding_days",
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

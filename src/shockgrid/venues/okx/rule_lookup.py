"""Looking up the numbers of a rulebook for the coins and currencies of a market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from shockgrid.accounts.holdings import SPOT_MODES
from shockgrid.market.market import Market
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.scenarios.grid import VolShocks
from shockgrid.venues.okx.rule_tables import (
    ContractRules,
    CurrencyTables,
    DepegTables,
    LiquidationCharge,
    MatchedBasis,
    MultiplierTables,
    RuleTables,
    SpotTables,
    TenorBasis,
)
from shockgrid.venues.okx.rulebook import Rulebook


def padded_rule_tables(market: Market, rules: Rulebook, contracts: Contracts, snapshot: Snapshot) -> RuleTables:
    """Look up a rulebook for the coins and currencies of a market.

    Args:
        market: Names the coins and currencies.
        rules: The rulebook.
        contracts: The market's, padded; padding gets the default groups.
        snapshot: Likewise.
    """
    coins = padded_names(market.universe.coins, len(contracts.coin_currency))
    return rule_tables(rules, coins, padded_names(market.universe.currencies, snapshot.index_usd.shape[-1]))


def padded_names(names: Iterable[str], n: int) -> list[str]:
    """Names continued with empty ones, which no list holds."""
    names = list(names)
    return [*names, *[""] * (n - len(names))]


def rule_tables(rules: Rulebook, coins: Iterable[str], currencies: Iterable[str]) -> RuleTables:
    """Look up every number.

    Args:
        rules: A rulebook.
        coins: Names along the coin axis; padding may be empty strings, which get the default group.
        currencies: Names along the currency axis, likewise.
    """
    coins, is_v1 = list(coins), rules.structure == "v1"
    return RuleTables(
        contracts=_contract_rules(rules, coins),
        basis=_matched_basis(rules, coins) if is_v1 else _tenor_basis(rules, coins),
        spot=_spot_tables(rules) if is_v1 else _ALL_SPOT,
        multipliers=MultiplierTables(
            _upper(rules.of_each("mr7.multiplier_bounds_usd", coins)),
            _pad_last(rules.of_each("mr7.multipliers", coins)),
        ),
        depeg=None if is_v1 else _depeg_tables(rules),
        currencies=_currency_tables(rules, list(currencies)),
        **_numbers(rules, _SCALAR_KEYS),
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
    "fee_index": "mr7.option.fee_index_frac",
    "fee_premium": "mr7.option.fee_premium_frac",
    "delta": "mr7.option.delta_frac",
    "vega_points": "mr7.option.vega_points",
    "floor": "mr7.option.floor_frac",
    "short_floor": "mr7.option.short_floor_frac",
}
_CONTRACT_KEYS = {
    "decay_days": "mr2.horizon_days",
    "rate_pc1": "mr5.pc1",
    "rate_pc2": "mr5.pc2",
    "rate_tilt_days": "mr5.tilt_days",
    "funding_days": "mr7.funding_days",
}
_SCALAR_KEYS = {
    "vega_term_kappa": "mr3.kappa",
    "extreme_loss_fraction": "mr6.loss_fraction",
    "imr_multiple": "imr.multiple",
    "borrow_step_rate": "borrow.step_rate",
    "borrow_rate_cap": "borrow.rate_cap",
    "liability_fee": "ratio.liability_fee",
    "warning_ratio": "ratio.warning",
    "liquidation_ratio": "ratio.liquidation",
}


def _contract_rules(rules: Rulebook, coins: list[str]) -> ContractRules:
    def by_coin(key: str) -> np.ndarray:
        return np.array(rules.of_each(key, coins), float)

    return ContractRules(
        structure=rules.structure,
        price_steps=by_coin("mr1.price_moves"),
        extreme_move=by_coin("mr6.price_move"),
        vol_shocks=VolShocks(
            **{name: np.array(rules[f"mr1.vol_shock_{name}"], float) for name in ("days", "points", "relative")},
            floor=_number(rules["mr1.vol_floor"]),
        ),
        liquidation_rate=by_coin("mr7.rate"),
        option_charge=LiquidationCharge(**_numbers(rules, _OPTION_KEYS)),
        **_numbers(rules, _CONTRACT_KEYS),
    )


def _numbers(rules: Rulebook, keys: Mapping[str, str]) -> dict[str, np.ndarray]:
    return {name: _number(rules[key]) for name, key in keys.items()}


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

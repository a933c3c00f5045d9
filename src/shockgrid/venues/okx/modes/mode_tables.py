"""The numbers of the modes as arrays, for the instruments of a market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.market.universe import KINDS, Universe
from shockgrid.numerics.shapes import Float, Int
from shockgrid.venues.okx.modes.mode_rules import ModeRules
from shockgrid.venues.okx.modes.position_tiers import TierTable


@dataclass(frozen=True)
class OptionNumbers:
    """Of option sellers, in coin per coin where no other unit is given.

    Attributes:
        floor, base: a and b of the initial margin.
        order_floor: Least margin of an order to sell.
        maintenance: c, of the coin of each instrument.
        tier_size: Coins in a tier, of the coin of each instrument; 0: one tier.
        factor_step: Added to the factor by each tier after the first.
    """

    floor: float
    base: float
    order_floor: float
    maintenance: Float[np.ndarray, " instrument"]
    tier_size: Float[np.ndarray, " instrument"]
    factor_step: float


@dataclass(frozen=True)
class ModeTables:
    """All of them.

    Attributes:
        option: Of option sellers.
        tiers: The tables of perpetuals and futures.
        tier_table: Index into ``tiers`` of each instrument; of no meaning for options.
    """

    option: OptionNumbers
    tiers: tuple[TierTable, ...]
    tier_table: Int[np.ndarray, " instrument"]


def mode_tables(rules: ModeRules, universe: Universe) -> ModeTables:
    """Look up every number for the instruments of a market."""
    tables = rules.groupings["tier_table"].names
    return ModeTables(
        option=_option_numbers(rules, universe),
        tiers=tuple(_tier_table(rules, name) for name in tables),
        tier_table=np.array([tables.index(_table_of(rules, universe, i)) for i in range(len(universe))], np.int64),
    )


def _option_numbers(rules: ModeRules, universe: Universe) -> OptionNumbers:
    groups = [rules.groupings["option_coin"].of(coin) for coin in universe.coins]

    def of_each(key: str) -> np.ndarray:
        return np.array([rules[key][group] for group in groups], float)[universe.contracts.coin]

    return OptionNumbers(
        floor=float(rules["option.floor"]),
        base=float(rules["option.base"]),
        order_floor=float(rules["option.order_floor"]),
        maintenance=of_each("option.maintenance"),
        tier_size=of_each("option.tier_size"),
        factor_step=float(rules["option.factor_step"]),
    )


def _tier_table(rules: ModeRules, name: str) -> TierTable:
    return TierTable(
        bounds=np.array(rules["contract.bounds"][name], float),
        step=float(rules["contract.step_size"][name]),
        mmr_rates=np.array(rules["contract.mmr_rates"][name], float),
        imr_rates=np.array(rules["contract.imr_rates"][name], float),
        step_rate=float(rules["contract.step_rate"]),
        rate_cap=float(rules["contract.rate_cap"]),
        in_contracts=bool(rules["contract.in_contracts"][name]),
    )


def _table_of(rules: ModeRules, universe: Universe, instrument: int) -> str:
    """Inverse futures of some coins have a table of their own; all else goes by the coin."""
    grouping, coin = rules.groupings["tier_table"], universe.coins[universe.contracts.coin[instrument]]
    family = f"{coin}-USD futures"
    inverse_future = universe.contracts.is_inverse[instrument] and KINDS[universe.kinds[instrument]] == "future"
    listed = any(family in members for members in grouping.members.values())
    return grouping.of(family if inverse_future and listed else coin)

"""A rulebook as arrays: traced, padded, one entry for every coin and currency of a market (``rule_lookup`` makes them).

Since every number is an array, one compilation serves all versions of one structure, and gradients reach all of them.
Several versions may stand behind one another, a version axis in front of every number (``stacked``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import jax
import numpy as np

from shockgrid.numerics.shapes import AnyArray, Float
from shockgrid.scenarios.grid import VolShocks
from shockgrid.venues.okx.rulebook import Structure

T = TypeVar("T")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LiquidationCharge:
    """MR7's charge of an option contract, as fractions of its underlying's USD value."""

    fee_index: Float[AnyArray, "*version"]
    fee_premium: Float[AnyArray, "*version"]
    delta: Float[AnyArray, "*version"]
    vega_points: Float[AnyArray, "*version"]
    floor: Float[AnyArray, "*version"]
    short_floor: Float[AnyArray, "*version"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ContractRules:
    """What pricing a contract under the rules reads. Versions that agree in it share their exposures.

    Attributes:
        structure: Which rules apply. Static: each structure is a compiled program of its own.
        price_steps: MR1 moves ``0, a, b, c``.
        extreme_move: MR6.
        vol_shocks: MR1 and MR3.
        decay_days: MR2.
        rate_pc1, rate_pc2, rate_tilt_days: MR5.
        liquidation_rate: MR7, of the absolute cash delta.
        option_charge, funding_days: MR7.
    """

    structure: Structure = field(metadata={"static": True})
    price_steps: Float[AnyArray, "*version coin step"]
    extreme_move: Float[AnyArray, "*version coin"]
    vol_shocks: VolShocks
    decay_days: Float[AnyArray, "*version"]
    rate_pc1: Float[AnyArray, "*version"]
    rate_pc2: Float[AnyArray, "*version"]
    rate_tilt_days: Float[AnyArray, "*version"]
    liquidation_rate: Float[AnyArray, "*version coin"]
    option_charge: LiquidationCharge
    funding_days: Float[AnyArray, "*version"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MultiplierTables:
    """MR7: marginal tiers of the raw charge in USD, and what each slice of it is multiplied with."""

    upper: Float[AnyArray, "*version coin tier"]
    multiplier: Float[AnyArray, "*version coin tier"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CurrencyTables:
    """Numbers that depend on the currency.

    Attributes:
        borrow_upper, borrow_mmr, borrow_imr: Borrowing tiers, in units of the currency, upper bound included.
        borrow_step: Size of the further tiers beyond the table; infinity where there are none.
        haircut_upper, haircut_rate: Marginal tiers by USD value; the rate is the share that counts.
    """

    borrow_upper: Float[AnyArray, "*version currency borrow_tier"]
    borrow_mmr: Float[AnyArray, "*version currency borrow_tier"]
    borrow_imr: Float[AnyArray, "*version currency borrow_tier"]
    borrow_step: Float[AnyArray, "*version currency"]
    haircut_upper: Float[AnyArray, "*version currency haircut_tier"]
    haircut_rate: Float[AnyArray, "*version currency haircut_tier"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DepegTables:
    """MR9: marginal tiers of the hedged volume in USD, a factor for each at each index price."""

    upper: Float[AnyArray, "*version depeg_tier"]
    prices: Float[AnyArray, "*version price"]
    factors: Float[AnyArray, "*version price depeg_tier"]
    count_spot: Float[AnyArray, "*version"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TenorBasis:
    """MR4 of version 2: a floor, and an annual move by the square root of time."""

    floor: Float[AnyArray, "*version coin"]
    annual_move: Float[AnyArray, "*version coin"]
    perpetual_days: Float[AnyArray, "*version"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MatchedBasis:
    """MR4 of version 1: a forward move, and a change of the basis; whether spot in use is a bucket."""

    forward_move: Float[AnyArray, "*version coin"]
    basis_change: Float[AnyArray, "*version coin"]
    count_spot: Float[AnyArray, "*version"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SpotTables:
    """What of an account's spot enters risk units.

    Attributes:
        joins: 1 for each spot mode in which it does.
        orders: 1 if open spot orders count.
        user_limit: 1 if the account may limit it.
    """

    joins: Float[AnyArray, "*version mode"]
    orders: Float[AnyArray, "*version"]
    user_limit: Float[AnyArray, "*version"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RuleTables:
    """All numbers that kernels read; names as in the rulebook's keys.

    Attributes:
        contracts: What pricing reads.
        basis: MR4, and by its type which MR4.
        spot: Which spot enters risk units.
        multipliers: MR7.
        depeg: MR9; None in version 1, which has none.
        currencies: Borrowing tiers and haircuts.
    """

    contracts: ContractRules
    basis: TenorBasis | MatchedBasis
    spot: SpotTables
    multipliers: MultiplierTables
    depeg: DepegTables | None
    currencies: CurrencyTables
    vega_term_kappa: Float[AnyArray, "*version"]
    extreme_loss_fraction: Float[AnyArray, "*version"]
    imr_multiple: Float[AnyArray, "*version"]
    borrow_step_rate: Float[AnyArray, "*version"]
    borrow_rate_cap: Float[AnyArray, "*version"]
    liability_fee: Float[AnyArray, "*version"]
    warning_ratio: Float[AnyArray, "*version"]
    liquidation_ratio: Float[AnyArray, "*version"]

    @property
    def structure(self) -> Structure:
        """Which rules apply."""
        return self.contracts.structure


def stacked(tables: Sequence[T]) -> T:
    """Tables of several rulebooks of one structure, a leading version axis before each number.

    Lists of unequal length continue with their last entry, which changes no result: a tier that ends where it begins
    charges nothing, and beyond the last node a table is flat.
    """

    def stack(*arrays: np.ndarray) -> np.ndarray:
        shape = np.max([x.shape for x in arrays], axis=0).astype(int)
        widths = [[(0, n - k) for n, k in zip(shape, x.shape, strict=True)] for x in arrays]
        return np.stack([np.pad(x, w, mode="edge") if w else x for x, w in zip(arrays, widths, strict=True)])

    return jax.tree.map(stack, *tables)

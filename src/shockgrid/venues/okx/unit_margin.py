"""The margin of one risk unit: the components in the order of the rule text, and how they combine.

Two steps, because XLA would otherwise compute every component again for each result that reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import DENOMINATIONS, Contracts
from shockgrid.numerics.fold import total
from shockgrid.numerics.shapes import AnyArray, Array, Float, Int
from shockgrid.scenarios.exposures import RiskSums
from shockgrid.scenarios.grid import signed_moves
from shockgrid.venues.okx import mr9_depeg
from shockgrid.venues.okx.mr1_price_vol import STATE_COLUMNS, mr1, pnl_cells
from shockgrid.venues.okx.mr2_theta import mr2
from shockgrid.venues.okx.mr3_vega_term import mr3
from shockgrid.venues.okx.mr4_basis import charged_delta, forward_moves, mr4, tenor_moves
from shockgrid.venues.okx.mr5_rates import mr5
from shockgrid.venues.okx.mr6_extreme import mr6
from shockgrid.venues.okx.mr7_liquidation_cost import mr7
from shockgrid.venues.okx.rule_tables import RuleTables, SpotTables, TenorBasis
from shockgrid.venues.okx.rulebook import Structure
from shockgrid.venues.okx.spot_in_use import spot_in_use

DOMINANT = ("none", "mr1", "mr6", "mr2", "mr3", "mr4", "mr5", "mr9", "mr7")
"""What can decide a unit's margin, in the order that ties prefer."""

TIE_TOLERANCE = 1e-9
"""Components closer than this, relatively, are equal."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnitRules:
    """What the rules of one unit read besides its sums; with a leading unit axis before the unit is chosen.

    Attributes:
        index_usd: Index of the coin.
        moves: MR1's price moves.
        extreme_move: MR6's.
        bucket_moves: MR4's, of each tenor and, last, of spot in use.
        multiplier_upper, multiplier: MR7's tiers.
    """

    index_usd: Float[AnyArray, "*unit"]
    moves: Float[AnyArray, "*unit move"]
    extreme_move: Float[AnyArray, "*unit"]
    bucket_moves: Float[AnyArray, "*unit bucket"]
    multiplier_upper: Float[AnyArray, "*unit tier"]
    multiplier: Float[AnyArray, "*unit tier"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DepegAtPrices:
    """MR9's tiers at today's prices of the three pairs."""

    factors: Float[AnyArray, "pair depeg_tier"]
    upper: Float[AnyArray, " depeg_tier"]
    count_spot: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SharedRules:
    """Numbers that all units share.

    Attributes:
        structure: Which rules apply.
        spot: Which spot may enter.
        basis_spot: 1 if spot in use is a bucket of MR4.
        depeg: MR9's tiers; None in version 1, whose units have one denomination each.
        vega_term_kappa: MR3's.
        extreme_loss_fraction: MR6's.
    """

    structure: Structure = field(metadata={"static": True})
    spot: SpotTables
    basis_spot: Float[AnyArray, ""]
    depeg: DepegAtPrices | None
    vega_term_kappa: Float[AnyArray, ""]
    extreme_loss_fraction: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnitComponents:
    """What each component charges a risk unit, and its Greeks; as in the ``units`` frame of ``formats.md``.

    Attributes:
        worst_cell: MR1's, into the grid flattened.
    """

    mr1: Float[AnyArray, "*row"]
    mr2: Float[AnyArray, "*row"]
    mr3: Float[AnyArray, "*row"]
    mr4: Float[AnyArray, "*row"]
    mr5: Float[AnyArray, "*row"]
    mr6: Float[AnyArray, "*row"]
    mr7: Float[AnyArray, "*row"]
    mr9: Float[AnyArray, "*row"]
    worst_cell: Int[AnyArray, "*row"]
    spot_in_use: Float[AnyArray, "*row"]
    delta_coin: Float[AnyArray, "*row"]
    cash_delta_usd: Float[AnyArray, "*row"]
    gamma_usd: Float[AnyArray, "*row"]
    theta_usd: Float[AnyArray, "*row"]
    vega_usd: Float[AnyArray, "*row"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnitMargin(UnitComponents):
    """The components of a risk unit, and its margin.

    Attributes:
        dominant: Index into ``DOMINANT``.
    """

    mmr_usd: Float[AnyArray, "*row"]
    dominant: Int[AnyArray, "*row"]


def unit_rules(contracts: Contracts, snapshot: Snapshot, rules: RuleTables) -> UnitRules:
    """The rules of every unit in this market, in the order of ``risk_units``."""
    per_coin = 1 if isinstance(rules.basis, TenorBasis) else len(DENOMINATIONS)

    def by_unit(by_coin: Array) -> Array:
        return jnp.repeat(jnp.asarray(by_coin), per_coin, axis=0)

    return UnitRules(
        index_usd=by_unit(snapshot.index_usd[contracts.coin_currency]),
        moves=by_unit(signed_moves(rules.contracts.price_steps)),
        extreme_move=by_unit(rules.contracts.extreme_move),
        bucket_moves=tenor_moves(snapshot.tenor_years, rules.basis)
        if isinstance(rules.basis, TenorBasis)
        else forward_moves(contracts, snapshot, rules.basis),
        multiplier_upper=by_unit(rules.multipliers.upper),
        multiplier=by_unit(rules.multipliers.multiplier),
    )


def shared_rules(denomination_usd: Float[Array, " denomination"], snapshot: Snapshot, rules: RuleTables) -> SharedRules:
    """The numbers that do not depend on the unit, at today's stablecoin prices."""
    usdt, usdc = denomination_usd[0], denomination_usd[1]
    pair_price = jnp.stack([usdt, snapshot.usdt_usdc, usdc])
    table = rules.depeg
    return SharedRules(
        structure=rules.structure,
        spot=rules.spot,
        basis_spot=jnp.ones(()) if isinstance(rules.basis, TenorBasis) else rules.basis.count_spot,
        depeg=None
        if table is None
        else DepegAtPrices(mr9_depeg.tier_factors(pair_price, table), table.upper, table.count_spot),
        vega_term_kappa=rules.vega_term_kappa,
        extreme_loss_fraction=rules.extreme_loss_fraction,
    )


def unit_components(
    sums: RiskSums,
    spot_equity: Float[Array, ""],
    spot_limit: Float[Array, ""],
    unit: UnitRules,
    shared: SharedRules,
) -> UnitComponents:
    """One unit's charges from the sums over its positions (okx_computation.md section 3).

    Args:
        sums: Of the unit's positions, no row axis.
        spot_equity: The account's equity in the coin without option value, as far as it may enter this unit.
        spot_limit: The most that may be used.
        unit: The unit's rules.
        shared: Those of all units.
    """
    linear = sums.linear
    delta_coin, gamma, theta, vega = linear.greeks
    used = spot_in_use(delta_coin, spot_equity, spot_limit)
    spot_usd = used * unit.index_usd
    charge_1, worst_cell = mr1(pnl_cells(linear.price_vol, spot_usd, unit.moves), sums.size_usd + jnp.abs(spot_usd))
    bucket_delta = [*linear.tenor_delta, shared.basis_spot * spot_usd]
    return UnitComponents(
        mr1=charge_1,
        mr2=mr2(linear.decay[0]),
        mr3=mr3(linear.tenor_vega, shared.vega_term_kappa),
        mr4=mr4(charged_delta(bucket_delta, shared.structure), unit.bucket_moves),
        mr5=mr5(linear.rates),
        mr6=mr6(linear.extreme, spot_usd, unit.extreme_move, shared.extreme_loss_fraction),
        mr7=mr7(sums.charge_usd, unit.multiplier_upper, unit.multiplier),
        mr9=_depeg_charge(linear.denominations, spot_usd, shared.depeg),
        worst_cell=worst_cell,
        spot_in_use=used,
        delta_coin=delta_coin,
        cash_delta_usd=total(linear.denominations),
        gamma_usd=gamma,
        theta_usd=theta,
        vega_usd=vega,
    )


def unit_grid(
    sums: RiskSums,
    spot_equity: Float[Array, ""],
    spot_limit: Float[Array, ""],
    unit: UnitRules,
    shared: SharedRules,
) -> Float[Array, "vol_state move"]:
    """MR1's 21 cells of one unit, in USD; arguments as for ``unit_components``."""
    del shared
    used = spot_in_use(sums.linear.greeks[0], spot_equity, spot_limit)
    cells = pnl_cells(sums.linear.price_vol, used * unit.index_usd, unit.moves)
    return jnp.stack(cells).reshape(len(STATE_COLUMNS), -1)


def _depeg_charge(
    delta_usd: Float[Array, " denomination"], spot_usd: Float[Array, ""], depeg: DepegAtPrices | None
) -> Float[Array, ""]:
    if depeg is None:
        return jnp.zeros_like(spot_usd)
    usdt, usdc, usd = delta_usd
    return mr9_depeg.mr9([usdt, usdc, usd + depeg.count_spot * spot_usd], depeg.factors, depeg.upper)


def unit_margin(components: UnitComponents) -> UnitMargin:
    """The maintenance margin of units, and which component decided it; any number of units, elementwise.

    ``MMR = max( max(MR1, MR2, MR6) + MR3 + MR4 + MR5 + MR9, MR7 )``, in version 1 without MR9 (okx_computation.md
    section 4).
    """
    c = components
    combined = jnp.maximum(jnp.maximum(c.mr1, c.mr2), c.mr6) + c.mr3 + c.mr4 + c.mr5 + c.mr9
    largest, dominant = c.mr1, jnp.full_like(c.mr1, DOMINANT.index("mr1"), jnp.int32)
    for name in DOMINANT[2:-1]:
        charge = getattr(c, name)
        # A later component must be larger by more than rounding: MR1 and MR6 of a linear book are equal by design.
        larger = charge > largest * (1.0 + TIE_TOLERANCE)
        largest, dominant = jnp.where(larger, charge, largest), jnp.where(larger, DOMINANT.index(name), dominant)
    dominant = jnp.where(c.mr7 > combined * (1.0 + TIE_TOLERANCE), DOMINANT.index("mr7"), dominant)
    mmr = jnp.maximum(combined, c.mr7)
    return UnitMargin(**vars(c), mmr_usd=mmr, dominant=jnp.where(mmr == 0.0, DOMINANT.index("none"), dominant))

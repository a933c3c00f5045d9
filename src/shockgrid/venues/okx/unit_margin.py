"""The margin of one risk unit, v2: the components in the order of the rule text, and how they combine."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.shapes import AnyArray, Array, Float, Int
from shockgrid.stress.exposures import RiskSums
from shockgrid.stress.scenarios import signed_moves
from shockgrid.venues.okx import mr9_depeg
from shockgrid.venues.okx.mr1_price_vol import mr1, pnl_grid
from shockgrid.venues.okx.mr2_theta import mr2
from shockgrid.venues.okx.mr3_vega_term import mr3
from shockgrid.venues.okx.mr4_basis import basis_moves, mr4
from shockgrid.venues.okx.mr5_rates import mr5
from shockgrid.venues.okx.mr6_extreme import mr6
from shockgrid.venues.okx.mr7_liquidation_cost import mr7
from shockgrid.venues.okx.rule_tables import RuleTables
from shockgrid.venues.okx.spot_in_use import spot_in_use

DOMINANT = ("none", "mr1", "mr6", "mr2", "mr3", "mr4", "mr5", "mr9", "mr7")
"""What can decide a unit's margin, in the order that ties prefer."""

TIE_TOLERANCE = 1e-9
"""Components closer than this, relatively, are equal."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnitRules:
    """What the rules of one unit read besides its sums; with a leading coin axis before the unit is chosen.

    Attributes:
        index_usd: Index of the coin.
        moves: MR1's price moves.
        extreme_move: MR6's.
        tenor_moves, spot_move: MR4's.
        multiplier_upper, multiplier: MR7's tiers.
    """

    index_usd: Float[AnyArray, "*coin"]
    moves: Float[AnyArray, "*coin move"]
    extreme_move: Float[AnyArray, "*coin"]
    tenor_moves: Float[AnyArray, "*coin tenor"]
    spot_move: Float[AnyArray, "*coin"]
    multiplier_upper: Float[AnyArray, "*coin tier"]
    multiplier: Float[AnyArray, "*coin tier"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SharedRules:
    """Numbers that all units share.

    Attributes:
        depeg_factors, depeg_upper, count_spot: MR9's tiers at today's prices.
        vega_term_kappa: MR3's.
        extreme_loss_fraction: MR6's.
    """

    depeg_factors: Float[AnyArray, "pair depeg_tier"]
    depeg_upper: Float[AnyArray, " depeg_tier"]
    count_spot: Float[AnyArray, ""]
    vega_term_kappa: Float[AnyArray, ""]
    extreme_loss_fraction: Float[AnyArray, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class UnitMargin:
    """Margin of risk units; fields as in the ``units`` frame of ``formats.md``, a row axis before each.

    Attributes:
        worst_cell: MR1's, into ``pnl_usd`` flattened.
        dominant: Index into ``DOMINANT``.
        pnl_usd: MR1's grid.
    """

    mr1: Float[AnyArray, "*row"]
    mr2: Float[AnyArray, "*row"]
    mr3: Float[AnyArray, "*row"]
    mr4: Float[AnyArray, "*row"]
    mr5: Float[AnyArray, "*row"]
    mr6: Float[AnyArray, "*row"]
    mr7: Float[AnyArray, "*row"]
    mr9: Float[AnyArray, "*row"]
    mmr_usd: Float[AnyArray, "*row"]
    dominant: Int[AnyArray, "*row"]
    worst_cell: Int[AnyArray, "*row"]
    spot_in_use: Float[AnyArray, "*row"]
    delta_coin: Float[AnyArray, "*row"]
    cash_delta_usd: Float[AnyArray, "*row"]
    gamma_usd: Float[AnyArray, "*row"]
    theta_usd: Float[AnyArray, "*row"]
    vega_usd: Float[AnyArray, "*row"]
    pnl_usd: Float[AnyArray, "*row vol_state move"]


def coin_rules(contracts: Contracts, snapshot: Snapshot, rules: RuleTables) -> UnitRules:
    """The rules of every coin in this market."""
    return UnitRules(
        index_usd=snapshot.index_usd[contracts.coin_currency],
        moves=signed_moves(rules.coins.price_steps),
        extreme_move=rules.coins.extreme_move,
        tenor_moves=basis_moves(snapshot.tenor_years, rules),
        spot_move=rules.coins.basis_floor,
        multiplier_upper=rules.coins.multiplier_upper,
        multiplier=rules.coins.multiplier,
    )


def shared_rules(denomination_usd: Float[Array, " denomination"], snapshot: Snapshot, rules: RuleTables) -> SharedRules:
    """The numbers that do not depend on the unit, at today's stablecoin prices."""
    usdt, usdc = denomination_usd[0], denomination_usd[1]
    pair_price = jnp.stack([usdt, snapshot.usdt_usdc, usdc])
    return SharedRules(
        depeg_factors=mr9_depeg.tier_factors(pair_price, rules.depeg),
        depeg_upper=rules.depeg.upper,
        count_spot=rules.depeg.count_spot,
        vega_term_kappa=rules.vega_term_kappa,
        extreme_loss_fraction=rules.extreme_loss_fraction,
    )


def unit_margin(
    sums: RiskSums,
    spot_equity: Float[Array, ""],
    spot_limit: Float[Array, ""],
    unit: UnitRules,
    shared: SharedRules,
) -> UnitMargin:
    """One unit's margin from the sums over its positions.

    ``MMR = max( max(MR1, MR2, MR6) + MR3 + MR4 + MR5 + MR9, MR7 )`` (okx_computation.md sections 3 and 4).

    Args:
        sums: Of the unit's positions, no row axis.
        spot_equity: The account's equity in the coin without option value.
        spot_limit: The most that may be used.
        unit: Of the unit's coin.
        shared: Of all units.
    """
    linear = sums.linear
    delta_coin, gamma, theta, vega = linear.greeks
    used = spot_in_use(delta_coin, spot_equity, spot_limit)
    spot_usd = used * unit.index_usd
    grid = pnl_grid(linear.price_vol, spot_usd, unit.moves)
    gross = sums.size_usd + jnp.abs(spot_usd)
    charge_1, worst_cell = mr1(grid, gross)
    delta_by_denomination = linear.denominations.at[2].add(shared.count_spot * spot_usd)
    charges = {
        "mr1": charge_1,
        "mr2": mr2(linear.decay[0]),
        "mr3": mr3(linear.tenor_vega, shared.vega_term_kappa),
        "mr4": mr4(linear.tenor_delta, unit.tenor_moves, spot_usd, unit.spot_move),
        "mr5": mr5(linear.rates),
        "mr6": mr6(linear.extreme, spot_usd, unit.extreme_move, shared.extreme_loss_fraction),
        "mr7": mr7(sums.charge_usd, unit.multiplier_upper, unit.multiplier),
        "mr9": mr9_depeg.mr9(delta_by_denomination, shared.depeg_factors, shared.depeg_upper),
    }
    mmr, dominant = _combine(charges)
    return UnitMargin(
        **charges,
        mmr_usd=mmr,
        dominant=dominant,
        worst_cell=worst_cell,
        spot_in_use=used,
        delta_coin=delta_coin,
        cash_delta_usd=jnp.sum(linear.denominations),
        gamma_usd=gamma,
        theta_usd=theta,
        vega_usd=vega,
        pnl_usd=grid,
    )


def _combine(charges: dict[str, Array]) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """The unit's maintenance margin and which component decided it."""
    worst_move = jnp.maximum(jnp.maximum(charges["mr1"], charges["mr2"]), charges["mr6"])
    total = worst_move + charges["mr3"] + charges["mr4"] + charges["mr5"] + charges["mr9"]
    minimum = charges["mr7"]
    largest, dominant = charges["mr1"], jnp.array(DOMINANT.index("mr1"))
    for name in DOMINANT[2:-1]:
        # A later component must be larger by more than rounding: MR1 and MR6 of a linear book are equal by design.
        larger = charges[name] > largest * (1.0 + TIE_TOLERANCE)
        largest, dominant = jnp.where(larger, charges[name], largest), jnp.where(larger, DOMINANT.index(name), dominant)
    dominant = jnp.where(minimum > total * (1.0 + TIE_TOLERANCE), DOMINANT.index("mr7"), dominant)
    mmr = jnp.maximum(total, minimum)
    return mmr, jnp.where(mmr == 0.0, DOMINANT.index("none"), dominant)

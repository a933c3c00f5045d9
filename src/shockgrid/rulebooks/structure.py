"""What a rulebook must hold: the one list of required keys, by structure, and the shape of each value.

A structure is a set of rules (which kernels run); its rulebooks differ in numbers alone. So the keys, the grouping that
each depends on, and the lists that belong together are fixed here, and a rulebook file fills them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["switch", "number", "numbers", "matrix"]


@dataclass(frozen=True)
class Shape:
    """The form of one parameter's value, in each group where it depends on a grouping.

    Attributes:
        kind: true or false, one number, a list, or a list of rows.
        by: The grouping it depends on; empty for none.
        ascending: Each entry is greater than the one before.
        starts_at: What the first entry must be.
        length: How many entries, where that is fixed.
        like: The key whose list sets how many entries (rows of a matrix) there are.
        more: So many more than ``like`` has.
        least: But at least so many.
        columns_like: The key whose list sets the columns of a matrix: one more than it has.
        only: The structure that has the parameter; empty where all have it.
    """

    kind: Kind = "number"
    by: str = ""
    ascending: bool = False
    starts_at: float | None = None
    length: int | None = None
    like: str = ""
    more: int = 0
    least: int = 0
    columns_like: str = ""
    only: Literal["", "v1", "v2"] = ""


_NUMBER = Shape()
_SWITCH = Shape("switch")

PARAMETERS: Mapping[str, Shape] = {
    "mr1.price_moves": Shape("numbers", by="mr1", ascending=True, starts_at=0.0, length=4),
    "mr1.vol_shock_days": Shape("numbers", ascending=True, least=1),
    "mr1.vol_shock_points": Shape("numbers", like="mr1.vol_shock_days"),
    "mr1.vol_shock_relative": Shape("numbers", like="mr1.vol_shock_days"),
    "mr1.vol_floor": _NUMBER,
    "mr2.horizon_days": _NUMBER,
    "mr3.kappa": _NUMBER,
    "mr4.forward_move": Shape(by="mr4", only="v1"),
    "mr4.basis_change": Shape(by="mr4", only="v1"),
    "mr4.count_spot": Shape("switch", only="v1"),
    "mr4.floor": Shape(by="mr4", only="v2"),
    "mr4.annual_move": Shape(by="mr4", only="v2"),
    "mr4.perpetual_days": Shape(only="v2"),
    "mr5.pc1": _NUMBER,
    "mr5.pc2": _NUMBER,
    "mr5.tilt_days": _NUMBER,
    "mr6.price_move": Shape(by="mr6"),
    "mr6.loss_fraction": _NUMBER,
    "mr7.rate": Shape(by="mr7_rate"),
    "mr7.multiplier_bounds_usd": Shape("numbers", by="mr7_multiplier", ascending=True),
    "mr7.multipliers": Shape("numbers", by="mr7_multiplier", like="mr7.multiplier_bounds_usd", more=1),
    "mr7.funding_days": _NUMBER,
    "mr7.option.fee_index_frac": _NUMBER,
    "mr7.option.fee_premium_frac": _NUMBER,
    "mr7.option.delta_frac": _NUMBER,
    "mr7.option.vega_points": _NUMBER,
    "mr7.option.floor_frac": _NUMBER,
    "mr7.option.short_floor_frac": _NUMBER,
    "mr9.tier_bounds_usd": Shape("numbers", ascending=True, only="v2"),
    "mr9.prices": Shape("numbers", ascending=True, least=1, only="v2"),
    "mr9.factors": Shape("matrix", like="mr9.prices", columns_like="mr9.tier_bounds_usd", only="v2"),
    "mr9.factor_cap": Shape(only="v2"),
    "mr9.count_spot": Shape("switch", only="v2"),
    "spot.usdt_mode": Shape("switch", only="v1"),
    "spot.usdc_mode": Shape("switch", only="v1"),
    "spot.coin_mode": Shape("switch", only="v1"),
    "spot.orders": Shape("switch", only="v1"),
    "spot.user_limit": Shape("switch", only="v1"),
    "imr.multiple": _NUMBER,
    "borrow.bounds": Shape("numbers", by="borrow", ascending=True),
    # A currency without tiers still has one rate, so the rates are never empty where the bounds are.
    "borrow.mmr_rates": Shape("numbers", by="borrow", like="borrow.bounds", least=1),
    "borrow.imr_rates": Shape("numbers", by="borrow", like="borrow.bounds", least=1),
    "borrow.step_amount": Shape(by="borrow"),
    "borrow.step_rate": _NUMBER,
    "borrow.rate_cap": _NUMBER,
    "borrow.daily_rate": Shape(by="borrow"),
    "borrow.free_quota": Shape(by="free_quota"),
    "borrow.free_quota_usdt_adds_usdc": _SWITCH,
    "borrow.free_quota_covers_balance": _SWITCH,
    "conversion.quota_buffer_frac": _NUMBER,
    "conversion.limit_utilisation": Shape("numbers", ascending=True, least=1),
    "conversion.limit_buy_frac": Shape("numbers", like="conversion.limit_utilisation"),
    "conversion.fee_frac": _NUMBER,
    "conversion.slippage_frac": _NUMBER,
    "liquidation.stop_ratio": _NUMBER,
    "liquidation.ddh1_step_frac": Shape(only="v2"),
    "liquidation.ddh2_step_frac": _NUMBER,
    "liquidation.ddh2_trigger_frac": _NUMBER,
    "liquidation.basis_step_frac": _NUMBER,
    "liquidation.reduction_step_frac": _NUMBER,
    "liquidation.whole_below_usd": _NUMBER,
    "liquidation.depth_frac": _NUMBER,
    "liquidation.depth_band_frac": _NUMBER,
    "liquidation.future_fee_frac": _NUMBER,
    "liquidation.option_fee_frac": _NUMBER,
    "liquidation.option_fee_cap_frac": _NUMBER,
    "haircut.bounds_usd": Shape("numbers", by="haircut", ascending=True),
    "haircut.rates": Shape("numbers", by="haircut", like="haircut.bounds_usd", more=1),
    "ratio.liability_fee": _NUMBER,
    "ratio.warning": _NUMBER,
    "ratio.liquidation": _NUMBER,
    "account.minimum_equity_usd": _NUMBER,
}
"""Of all structures, in the order of the rules; they differ in what ``only`` marks."""

STRUCTURES: Mapping[str, Mapping[str, Shape]] = {
    structure: {key: shape for key, shape in PARAMETERS.items() if shape.only in ("", structure)}
    for structure in ("v1", "v2")
}
"""Required keys of each structure."""

"""Every number of the liquidation process, typed in from its rule text (cited as LP in the modules that use them)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LiquidationRules:
    """Rulebook group `liquidation` (LP). What currencies cost to convert is in `borrowing_rules`."""

    stop_ratio: float = 1.1  # the process is over above this margin ratio
    future_fee_frac: float = 0.0005  # of the notional; only where the market gives the instrument no taker fee
    option_fee_frac: float = 0.0003  # of the index; likewise
    option_fee_cap_frac: float = 0.125  # of the premium
    depth_band_frac: float = 0.01  # depth_usd lies within this distance of the mark
    depth_frac: float = 0.25  # room: the share of the depth that one leg may take
    whole_below_usd: float = 1.0  # the MMR relief that a slice must bring; below it whole positions are tried
    ddh1_step_frac: float = 0.1
    ddh2_step_frac: float = 0.2
    ddh2_trigger_frac: float = 0.5
    basis_step_frac: float = 0.1
    reduction_step_frac: float = 0.1
    least_cost_usd: float = 1e-6  # a cheaper trade is scored as if it cost this
    least_relief_frac: float = 1e-12  # of |E| + R: a trade must lower the shortfall by more
    tie_frac: float = 1e-9  # what is this close to the largest counts as equal to it
    most_steps: int = 10_000

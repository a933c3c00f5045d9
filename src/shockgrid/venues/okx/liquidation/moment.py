"""What a stage sees of an account when it proposes trades."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.numerics.shapes import Array, Bool
from shockgrid.venues.okx.liquidation.book import Holdings
from shockgrid.venues.okx.liquidation.figures import Evaluation, Setting
from shockgrid.venues.okx.liquidation.trades import LiquidationRules


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Moment:
    """One account in one turn of a stage.

    Attributes:
        setting, rules: What it is margined with, and the process's numbers.
        held, now: What it holds, and its margin.
        began: Both when the stage began.
        whole: Whether candidates are taken whole; else slices.
        by_unit: Whether they are whole units, which only the reduction takes.
    """

    setting: Setting
    rules: LiquidationRules
    held: Holdings
    now: Evaluation
    began: tuple[Holdings, Evaluation]
    whole: Bool[Array, ""]
    by_unit: Bool[Array, ""]

    @property
    def fraction(self) -> Array:
        """What candidates take of what there was when the stage began."""
        return jnp.where(self.whole, 1.0, self.rules.step_frac)

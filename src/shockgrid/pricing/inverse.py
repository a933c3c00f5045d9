"""Inverse perpetuals and futures: so many USD per contract, settled in the coin.

A contract is worth ``-ctVal / P`` coin, so a long gains ``ctVal * (1/P0 - 1/P1)``. In OKX's price-adjusted (PA)
convention its delta is ``ctVal / P`` coin and its gamma ``-2 delta``.
"""

from __future__ import annotations

from shockgrid.numerics.shapes import Array, Float


def pnl_coin(
    contract_value: Float[Array, "*s"], mark: Float[Array, "*s"], move_usd: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """P&L in coin of one contract when its price moves by ``move_usd``: ``ctVal * (1/P0 - 1/P1)``.

    Written as one fraction: the difference of two reciprocals would cancel for small moves.
    """
    return contract_value * move_usd / (mark * (mark + move_usd))


def delta_pa_coin(contract_value: Float[Array, "*s"], mark: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """PA delta in coin: change of the coin value per relative move of the price."""
    return contract_value / mark


def gamma_pa_coin(contract_value: Float[Array, "*s"], mark: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """PA gamma in coin, ``-2 ctVal / P``."""
    return -2.0 * contract_value / mark

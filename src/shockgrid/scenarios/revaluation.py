"""P&L of every contract under every scenario, in USD, the price of the coin moving with the basis constant in currency.

Formulas: okx_computation.md section 1. The cost is instruments x scenarios, whatever the number of accounts.
"""

from __future__ import annotations

import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.shapes import Array, Float
from shockgrid.pricing import black76, inverse, linear


def scenario_pnl(
    contracts: Contracts,
    snapshot: Snapshot,
    price_moves: Float[Array, "coin move"],
    vols: Float[Array, "instrument vol_column"],
    unchanged: int,
    *,
    at_moved_index: bool = True,
) -> Float[Array, "instrument move vol_column"]:
    """P&L in USD of one contract in each price move and volatility; exactly 0 in move 0 at unchanged volatility.

    Args:
        contracts: The terms.
        snapshot: The market, without leading axes.
        price_moves: Relative moves by coin; the first is 0.
        vols: Volatility in each state.
        unchanged: The column of ``vols`` that is today's volatility.
        at_moved_index: Whether coin-settled contracts are valued in USD at the moved index; else their P&L in coin
            counts at today's.
    """
    index = snapshot.index_usd[contracts.coin_currency[contracts.coin]]
    moves = price_moves[contracts.coin]
    per_move = [
        contracts.contract_value,
        snapshot.mark,
        index,
        snapshot.quote_index,
        snapshot.index_usd[contracts.settle],
    ]
    size, mark, index_usd, quote_index, settle_usd = (jnp.broadcast_to(x[:, None], moves.shape) for x in per_move)
    growth = 1.0 + moves if at_moved_index else jnp.ones_like(moves)
    delta_one = jnp.where(
        contracts.is_inverse[:, None],
        inverse.pnl_coin(size, mark, moves * index_usd) * index_usd * growth,
        linear.pnl_usd(size, quote_index, settle_usd, moves),
    )
    option = _option_pnl(contracts, snapshot, index, moves, growth, vols, unchanged)
    return jnp.where(contracts.is_option[:, None, None], option, delta_one[:, :, None])


def _option_pnl(
    contracts: Contracts,
    snapshot: Snapshot,
    index: Float[Array, " instrument"],
    moves: Float[Array, "instrument move"],
    growth: Float[Array, "instrument move"],
    vols: Float[Array, "instrument vol_column"],
    unchanged: int,
) -> Float[Array, "instrument move vol_column"]:
    forward = snapshot.forward[:, None] + moves * index[:, None]
    value = black76.value_grid_coin(forward, contracts.strike, vols, snapshot.years, contracts.is_call)
    # The base is the grid's own zero cell, and the index is factored out: the P&L there is then 0 to the bit.
    base = value[:, :1, unchanged : unchanged + 1]
    scale = (contracts.contract_value * index)[:, None, None]
    return scale * (value * growth[:, :, None] - base)

"""Market numbers after the primitives moved, everything else keeping its place (okx_computation.md section 2a).

The primitives are the USD price of every coin and stablecoin, the volatility of every option, the basis of every
contract, and the time. A linear mark keeps its ratio to the index in its quote, an inverse mark and an option's forward
theirs to the index in USD, unless the basis moves. A stablecoin leaves the indices in USD alone. Volatility sticks to
the contract. Marks of options are revalued with Black-76 where something that they depend on moved.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.shapes import AnyArray, Array, Bool, Float
from shockgrid.pricing import black76

USDT, USDC = 0, 1
"""Places among ``DENOMINATIONS``."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MarketMove:
    """Moves of the primitives. Leading axes may stand before each.

    Attributes:
        currency: Factor on the USD price of each currency; 1 leaves it alone to the bit.
        vol: Points added to the volatility of each live option, 0.1 is from 58 % to 68 %.
        basis: Added to the ratio of each contract's mark, of an option's forward, to its index.
        years: Time that passes.
    """

    currency: Float[AnyArray, "*batch currency"]
    vol: Float[AnyArray, "*batch instrument"]
    basis: Float[AnyArray, "*batch instrument"]
    years: Float[AnyArray, "*batch"]


def moved_snapshot(contracts: Contracts, today: Snapshot, move: MarketMove) -> Snapshot:
    """The snapshot after a move; both without leading axes.

    Contracts that expire on the way keep their mark, stand at the index and have no volatility, as in a market that is
    read after their expiry.
    """
    of_coin = move.currency[contracts.coin_currency[contracts.coin]]
    linear = ~contracts.is_option & ~contracts.is_inverse
    in_quote = jnp.where(linear, of_coin / move.currency[contracts.settle], of_coin)
    index_usd, quote_index = today.index_usd * move.currency, today.quote_index * in_quote
    index = index_usd[contracts.coin_currency[contracts.coin]]
    years = jnp.maximum(today.years - move.years, 0.0)
    live = contracts.is_option & (years > 0)
    forward = jnp.where(live, today.forward * of_coin + move.basis * index, index)
    vol = jnp.where(live, today.vol + move.vol, 0.0)
    delta_one = today.mark * in_quote + move.basis * quote_index
    at = (forward, vol, years)
    return dataclasses.replace(
        today,
        index_usd=index_usd,
        quote_index=quote_index,
        mark=jnp.where(contracts.is_option, _option_mark(contracts, today, live, *at), delta_one),
        forward=forward,
        vol=vol,
        years=years,
        tenor_years=jnp.maximum(today.tenor_years - move.years, 0.0),
        usdt_usdc=today.usdt_usdc * _pair_factor(contracts, move.currency),
    )


def _option_mark(
    contracts: Contracts,
    today: Snapshot,
    live: Bool[Array, " instrument"],
    forward: Float[Array, " instrument"],
    vol: Float[Array, " instrument"],
    years: Float[Array, " instrument"],
) -> Float[Array, " instrument"]:
    """A mark is per coin of underlying, as the value is: the contract's size is not in it."""
    changed = live & ((forward != today.forward) | (vol != today.vol) | (years != today.years))
    # What no one can hold still passes through the formula, and must not make a NaN there.
    at = jnp.where(changed, forward, contracts.strike)
    return jnp.where(changed, black76.value_coin(at, contracts.strike, vol, years, contracts.is_call), today.mark)


def _pair_factor(contracts: Contracts, factor: Float[Array, " currency"]) -> Float[Array, ""]:
    listed = contracts.denomination_currency
    of = jnp.where(listed >= 0, factor[listed], 1.0)
    return of[USDT] / of[USDC]

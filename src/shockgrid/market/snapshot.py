"""Prices and volatilities at one time, as kernels see them."""

from __future__ import annotations

from dataclasses import dataclass

import jax

from shockgrid.numerics.shapes import AnyArray, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Snapshot:
    """Market numbers of one moment. Leading time or path axes may stand in front of every field.

    Attributes:
        index_usd: ``X(c)``, value of one unit of each currency in USD.
        quote_index: ``I(coin-c)``, the base of a contract's shocks in its quote currency; ``I`` for coin-settled ones.
        mark: Quote currency per coin for linear, USD per coin for inverse, coin per coin for options.
        forward: USD per coin for live options; the index elsewhere.
        vol: Annualised, 0.58 is 58 %; 0 where the contract is no live option.
        years: Time to expiry in years of 365 days; 0 for perpetuals and what has expired.
        tenor_years: Time to expiry of each tenor slot; 0 for perpetuals and unused slots.
        funding_rate: Per 8 hours, paid by longs; 0 where the market gives none.
        usdt_usdc: Price of USDT in USDC: quoted, else the ratio of their USD prices.
    """

    index_usd: Float[AnyArray, "*batch currency"]
    quote_index: Float[AnyArray, "*batch instrument"]
    mark: Float[AnyArray, "*batch instrument"]
    forward: Float[AnyArray, "*batch instrument"]
    vol: Float[AnyArray, "*batch instrument"]
    years: Float[AnyArray, "*batch instrument"]
    tenor_years: Float[AnyArray, "*batch coin tenor"]
    funding_rate: Float[AnyArray, "*batch instrument"]
    usdt_usdc: Float[AnyArray, "*batch"]

"""Linear perpetuals and futures: so many coins per contract, quoted and settled in a stable currency."""

from __future__ import annotations

from shockgrid.numerics.shapes import Array, Float


def pnl_usd(
    contract_value: Float[Array, "*s"],
    quote_index: Float[Array, "*s"],
    settle_usd: Float[Array, "*s"],
    price_move: Float[Array, "*s"],
) -> Float[Array, "*s"]:
    """P&L of one contract when the coin moves by ``price_move``: ``ctVal * I(coin-c) * s * X(c)``.

    The base is the index in the quote currency, so the basis of the mark stays constant in currency
    (okx_computation.md section 1; exact in OKX's position-builder example).
    """
    return contract_value * quote_index * price_move * settle_usd


def cash_delta_usd(
    contract_value: Float[Array, "*s"], mark: Float[Array, "*s"], settle_usd: Float[Array, "*s"]
) -> Float[Array, "*s"]:
    """Size of one contract in USD, ``ctVal * mark * X(c)``."""
    return contract_value * mark * settle_usd

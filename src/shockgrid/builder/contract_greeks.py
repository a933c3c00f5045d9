"""Greeks of one contract in OKX's three conventions.

**CASH**: USD, as in the ``units`` frame. **BS** and **PA** (okx_portfolio_margin.md section 2.5): delta in coin, the
rest of an option in USD (BS) or coin (PA). In both a linear contract has its size as delta and nothing else; an inverse
one ``ctVal / P``, and in PA the gamma ``-2 ctVal / P``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from shockgrid.io.okx.position_builder import GreeksType
from shockgrid.market.market import Market
from shockgrid.numerics.shapes import AnyArray, Array
from shockgrid.numerics.size_bucket import LEAST_ROWS, size_bucket
from shockgrid.pricing import inverse
from shockgrid.pricing.greeks import greeks_bs, greeks_pa
from shockgrid.scenarios.exposures import Exposures


@dataclass(frozen=True)
class ContractGreeks:
    """Of one contract of each instrument asked for."""

    delta: np.ndarray
    gamma: np.ndarray
    theta: np.ndarray
    vega: np.ndarray


def contract_greeks(
    market: Market, exposures: Exposures, instrument: np.ndarray, convention: GreeksType
) -> ContractGreeks:
    """Greeks of some instruments.

    Args:
        market: The market.
        exposures: Of its instruments, for the cash Greeks.
        instrument: Universe indices.
        convention: Which Greeks.
    """
    if convention == "CASH":
        linear = exposures.linear
        _, gamma, theta, vega = np.asarray(linear.greeks)[instrument].T
        return ContractGreeks(np.asarray(linear.denominations)[instrument].sum(axis=1), gamma, theta, vega)
    # Padded to a size bucket, so that few sizes compile.
    padding = (0, size_bucket(len(instrument), LEAST_ROWS) - len(instrument))
    terms = _Terms(*(np.pad(column[instrument], padding, constant_values=1) for column in _columns(market)))
    with jax.enable_x64(True):
        columns = _coin_greeks(terms, convention)
    return ContractGreeks(*(np.asarray(column)[: len(instrument)] for column in columns))


class _Terms(NamedTuple):
    is_option: AnyArray
    is_inverse: AnyArray
    is_call: AnyArray
    size: AnyArray
    mark: AnyArray
    index: AnyArray
    forward: AnyArray
    strike: AnyArray
    vol: AnyArray
    years: AnyArray


def _columns(market: Market) -> _Terms:
    contracts, snapshot = market.universe.contracts, market.snapshot
    return _Terms(
        is_option=contracts.is_option,
        is_inverse=contracts.is_inverse,
        is_call=contracts.is_call,
        size=contracts.contract_value,
        mark=snapshot.mark,
        index=snapshot.index_usd[contracts.coin_currency[contracts.coin]],
        forward=snapshot.forward,
        strike=contracts.strike,
        vol=snapshot.vol,
        years=snapshot.years,
    )


@partial(jax.jit, static_argnames="convention")
def _coin_greeks(t: _Terms, convention: Literal["BS", "PA"]) -> tuple[Array, Array, Array, Array]:
    """Delta, gamma, theta and vega of one contract."""
    black = greeks_bs if convention == "BS" else greeks_pa
    option = black(t.index, t.forward, t.strike, t.vol, t.years, t.is_call)
    delta = jnp.where(t.is_inverse, inverse.delta_pa_coin(t.size, t.mark), t.size)
    # The USD value of an inverse contract is a straight line in the price, its coin value is not.
    gamma = jnp.where(t.is_inverse & (convention == "PA"), inverse.gamma_pa_coin(t.size, t.mark), 0.0)
    return (
        jnp.where(t.is_option, t.size * option.delta, delta),
        jnp.where(t.is_option, t.size * option.gamma, gamma),
        jnp.where(t.is_option, t.size * option.theta, 0.0),
        jnp.where(t.is_option, t.size * option.vega, 0.0),
    )

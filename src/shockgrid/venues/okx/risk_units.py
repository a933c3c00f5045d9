"""Risk units: a coin in version 2, a coin and a settlement currency in version 1 (okx_computation.md section 2)."""

from __future__ import annotations

import numpy as np

from shockgrid.accounts.holdings import SPOT_MODES
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.market.universe import DENOMINATIONS, Universe
from shockgrid.venues.okx.rulebook import Structure

_UNIT_OF_MODE = {"spot_usdt": "USDT", "spot_usdc": "USDC", "spot_coin": "USD"}
"""Which of a coin's units spot joins in each mode of version 1; contracts settled in the coin belong to USD."""


def risk_units(universe: Universe, structure: Structure) -> RiskUnits:
    """The units of a market under the rules of a version, in the order of its coins."""
    contracts, n_coins = universe.contracts, len(universe.coins)
    if structure == "v2":
        return RiskUnits(
            names=universe.coins,
            coin=np.arange(n_coins, dtype=np.int32),
            of_instrument=contracts.coin,
            joined_by_spot=np.ones((n_coins, len(SPOT_MODES)), bool),
            holds_coin_settled=np.ones(n_coins, bool),
        )
    denominations = np.array(DENOMINATIONS)
    joined = np.array([[_UNIT_OF_MODE.get(mode) == name for mode in SPOT_MODES] for name in denominations])
    return RiskUnits(
        names=tuple(f"{coin}-{name}" for coin in universe.coins for name in DENOMINATIONS),
        coin=np.repeat(np.arange(n_coins, dtype=np.int32), len(DENOMINATIONS)),
        of_instrument=(contracts.coin * len(DENOMINATIONS) + contracts.denomination).astype(np.int32),
        joined_by_spot=np.tile(joined, (n_coins, 1)),
        holds_coin_settled=np.tile(denominations == "USD", n_coins),
    )

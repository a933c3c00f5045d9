"""No shock of a grid may make a mark or a forward zero or negative (okx_computation.md section 2a)."""

from __future__ import annotations

import numpy as np

from shockgrid.errors import ShockError
from shockgrid.market.market import Market
from shockgrid.venues.okx.rule_tables import ContractRules


def require_positive_prices(market: Market, rules: ContractRules, name: str) -> None:
    """Check the deepest fall of MR1 and MR6 on every live instrument.

    Args:
        market: The market.
        rules: Looked up for its coins.
        name: Of the rulebook.

    Raises:
        ShockError: ``mark + s I`` or, for an option, ``forward + s I`` is not above zero; names the first one.
    """
    universe, snapshot = market.universe, market.snapshot
    contracts = universe.contracts
    deepest = np.maximum(np.max(rules.price_steps, axis=1), rules.extreme_move)[contracts.coin]
    index = snapshot.index_usd[contracts.coin_currency[contracts.coin]]
    price = np.where(contracts.is_option, snapshot.forward, snapshot.mark)
    expired = ~np.isnat(universe.expiry) & (universe.expiry <= market.time)
    bad = ~expired & ~(price - deepest * index > 0)
    if bad.any():
        i = int(np.argmax(bad))
        column = "forward" if contracts.is_option[i] else "mark"
        move = f"moves by {-deepest[i]:+.0%} ({name})"
        raise ShockError(
            market.source.file,
            market.source.locate("instruments", int(market.order[i]), column),
            f"a {column} of {universe.ids[i]} above 0 when the index of {index[i]:g} {move}",
            f"{price[i]:g}",
        )

"""What each component adds to a maintenance margin, so that the parts add up to it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from shockgrid.report.margin_summary import COMPONENT_NAMES
from shockgrid.venues.okx.unit_margin import TIE_TOLERANCE

MARKET_MOVES = ["mr1", "mr6", "mr2"]
"""Of these only the largest counts; in the order that ties prefer."""
ADDED = ["mr3", "mr4", "mr5", "mr9"]
UNIT_PARTS = [*MARKET_MOVES, *ADDED, "mr7"]
PARTS = [*UNIT_PARTS, "mr8"]
PART_NAMES = {name: f"{name.upper()} {({'mr8': 'borrowing'} | COMPONENT_NAMES)[name]}" for name in PARTS}
PART_NAMES["mr7"] += ", what the floor adds"


def unit_parts(units: pd.DataFrame) -> pd.DataFrame:
    """Split the margin of units by the formula ``max(max(MR1, MR2, MR6) + MR3 + MR4 + MR5 + MR9, MR7)``.

    Args:
        units: Rows of ``MarginReport.units``.

    Returns:
        Columns ``mr1, mr6, mr2, mr3, mr4, mr5, mr9, mr7`` in USD with the index of ``units``; a row adds up to
        ``mmr_usd``. Of the market moves the largest is there and the others are zero; ``mr7`` is what the floor adds to
        the rest.
    """
    moves = units[MARKET_MOVES].to_numpy(float)
    largest = moves.max(axis=1, keepdims=True)
    counts = np.argmax(moves >= largest * (1.0 - TIE_TOLERANCE), axis=1)
    parts = pd.DataFrame(np.where(np.arange(3) == counts[:, None], largest, 0.0), units.index, MARKET_MOVES)
    parts[ADDED] = units[ADDED]
    parts["mr7"] = np.maximum(units["mr7"].to_numpy(float) - parts.sum(axis=1).to_numpy(float), 0.0)
    return parts

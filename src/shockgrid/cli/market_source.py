"""How a command reads its market."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import shockgrid as sg
from shockgrid.market.market import Market


@Parameter(name="*")
@dataclass(frozen=True)
class SourceOptions:
    """How to read a market from an option chain or an exchange's payloads."""

    snapshot: Annotated[str | None, Parameter(help="Which snapshot of the chain, e.g. 2021-06-15.")] = None
    index: Annotated[
        dict[str, float] | None,
        Parameter(help="Index prices that the source does not give, e.g. --index.USDT-USD 0.9998."),
    ] = None
    drop_unusable: Annotated[
        bool,
        Parameter(
            negative=(), help="Leave out what is expired, unpriced or without volatility; the report says how many."
        ),
    ] = False


def read_market(path: Path, source: SourceOptions | None) -> Market:
    """Read a market in any supported form."""
    return sg.read_market(path) if source is None else sg.read_market(path, **vars(source))

"""Moves of a market as options of a command line."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True)
class MoveOptions:
    """How the market moves."""

    price: Annotated[
        dict[str, float] | None,
        Parameter(help="Relative moves of coins in USD: --price.BTC -0.15; --price.'*' is all."),
    ] = None
    vol: Annotated[
        dict[str, float] | None, Parameter(help="Points added to volatilities: --vol.BTC 0.1 is from 58 % to 68 %.")
    ] = None
    peg: Annotated[dict[str, float] | None, Parameter(help="Relative moves of stablecoins: --peg.USDT -0.03.")] = None
    basis: Annotated[
        dict[str, float] | None, Parameter(help="Added to mark over index, by coin or instrument: --basis.BTC 0.002.")
    ] = None
    time: Annotated[str | None, Parameter(help="Days that pass, or the time to go to: 2025-06-21T08:00:00Z.")] = None


def moves(options: MoveOptions | None) -> dict[str, Any]:
    """Arguments of ``sg.shock``."""
    if options is None:
        return {}
    given = {name: value for name, value in vars(options).items() if value is not None}
    if "time" in given:
        with suppress(ValueError):  # else it is a time to go to
            given["time"] = float(given["time"])
    return given

"""MR1 and MR6: the unit's P&L under price and volatility shocks (OC section 3)."""

import math

from tests.reference.contracts import Contract, gross_size, pnl
from tests.reference.parameters import Parameters, VolShock
from tests.reference.tables import interpolate

VOL_STATES = ("up", "unchanged", "down")  # in the order of preference among equal cells
Holdings = list[tuple[Contract, float]]


def unit_pnl(
    holdings: Holdings, spot_in_use: float, index: float, shock: float, vols: dict[str, float], p: Parameters
) -> float:
    """PnL(s, vol state) = sum of q * P&L + spot_in_use * s * I (OC 3)."""
    parts = [q * pnl(c, shock, vols.get(c.id, c.vol), p.structure) for c, q in holdings]
    return math.fsum([*parts, spot_in_use * shock * index])


def shocked_vol(c: Contract, sign: float, unit: str, table: VolShock) -> float:
    """vol +- points(T) or vol * (1 +- relative(T)), at least the floor (OC 3, MR1)."""
    if unit == "points":
        vol = c.vol + sign * interpolate(c.days, table.days, table.points)
    else:
        vol = c.vol * (1.0 + sign * interpolate(c.days, table.days, table.relative))
    return max(vol, table.floor)


def cell(holdings: Holdings, spot_in_use: float, index: float, move: float, state: str, p: Parameters) -> float:
    """One cell: for up and down the smaller unit P&L of the points reading and the percent reading."""
    if state == "unchanged":
        return unit_pnl(holdings, spot_in_use, index, move, {}, p)
    sign = 1.0 if state == "up" else -1.0
    options = [c for c, _ in holdings if c.kind == "option"]
    readings = []
    for unit in ("points", "relative"):
        vols = {c.id: shocked_vol(c, sign, unit, p.vol_shock) for c in options}
        readings.append(unit_pnl(holdings, spot_in_use, index, move, vols, p))
    return min(readings)


def mr1_cells(holdings: Holdings, spot_in_use: float, coin: str, index: float, p: Parameters) -> dict:
    """The 21 cells, {(price move, vol state): P&L in USD}."""
    moves = [0.0]
    for size in p.mr1_moves.of(coin):
        moves += [size, -size]
    return {(move, state): cell(holdings, spot_in_use, index, move, state, p) for state in VOL_STATES for move in moves}


def worst_cell(cells: dict, gross: float) -> tuple[float, str]:
    """The reported worst cell: among equals vol up, unchanged, down, then smaller |move|, then the positive move."""
    minimum = min(cells.values())
    equal = [key for key, value in cells.items() if value - minimum <= 1e-12 * gross]
    return min(equal, key=lambda key: (VOL_STATES.index(key[1]), abs(key[0]), key[0] < 0.0))


def gross_usd(holdings: Holdings, spot_in_use: float, index: float) -> float:
    """The unit's gross USD size: sum of |q| * size, plus the spot in use."""
    return math.fsum([*(abs(q) * gross_size(c) for c, q in holdings), abs(spot_in_use) * index])


def mr6(holdings: Holdings, spot_in_use: float, coin: str, index: float, p: Parameters) -> float:
    """0.5 * max(0, -min(PnL(+x), PnL(-x))), volatility unchanged."""
    move = p.mr6_move.of(coin)
    worst = min(unit_pnl(holdings, spot_in_use, index, s, {}, p) for s in (move, -move))
    return p.mr6_loss_fraction * max(0.0, -worst)

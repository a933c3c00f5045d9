"""A market in which accounts are liquidated: each contract's figures, computed once; what can be traded (LP)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.reference.basis import largest_basis
from tests.reference.contracts import Contract, cash_delta, decay_usd, pnl, price, rate_usd, read_contract, vega_usd
from tests.reference.grid import shocked_vol
from tests.reference.minimum_charge import charge
from tests.reference.parameters import Parameters
from tests.reference.risk_units import RiskUnit, unit_of

VOL_READINGS = ((1.0, "points"), (1.0, "relative"), (-1.0, "points"), (-1.0, "relative"))


@dataclass(frozen=True)
class Exposure:
    """One contract's figures in USD (OC 1 and 3)."""

    contract: Contract
    mr1: tuple[float, ...]  # P&L in every price move and volatility state of MR1
    mr6: tuple[float, ...]  # P&L in the two moves of MR6
    cash_delta: float
    decay: float
    vega: float
    rate: float
    charge_long: float  # MR7's raw charge
    charge_short: float


class PricedMarket:
    """A market document under one rulebook version."""

    def __init__(self, market: dict, parameters: Parameters):
        self.market, self.parameters = market, parameters
        self.time = datetime.fromisoformat(market["time"])
        self.rows = {row["id"]: row for row in market["instruments"]}
        self.contracts: dict[str, Contract] = {}
        self.exposures: dict[str, Exposure] = {}
        self.bases: dict[tuple[RiskUnit, datetime], float] = {}
        self.units = {name: unit_of(row["coin"], row["settle"], parameters) for name, row in self.rows.items()}

    def usd(self, currency: str) -> float:
        """X of a currency, I of a coin."""
        return price(self.market, currency, "USD")

    def contract(self, name: str) -> Contract:
        if name not in self.contracts:
            self.contracts[name] = read_contract(self.rows[name], self.market)
        return self.contracts[name]

    def exposure(self, name: str) -> Exposure:
        if name not in self.exposures:
            self.exposures[name] = exposure_of(self.contract(name), self.parameters)
        return self.exposures[name]

    def basis(self, unit: RiskUnit, expiry: datetime) -> float:
        """The largest listed basis of an expiry, for MR4 in v1."""
        if (unit, expiry) not in self.bases:
            self.bases[unit, expiry] = largest_basis(unit, expiry, self.market, self.parameters)
        return self.bases[unit, expiry]

    def tradable(self, name: str) -> bool:
        """Listed <= time < halted, and a depth that is not 0."""
        row = self.rows[name]
        listed, halted = (datetime.fromisoformat(row[k]) if k in row else None for k in ("listed", "halted"))
        if (listed is not None and listed > self.time) or (halted is not None and halted <= self.time):
            return False
        return row.get("depth_usd") != 0

    def most_liquid(self, wanted: Callable[[dict], bool]) -> str | None:
        """The most liquid tradable, unexpired perpetual or future among those wanted; None where there is none."""
        names = [
            name
            for name, row in self.rows.items()
            if row["kind"] != "option" and wanted(row) and self.tradable(name) and not self.expired(row)
        ]
        return min(names, key=lambda name: liquidity_place(self.rows[name]), default=None)

    def expired(self, row: dict) -> bool:
        return "expiry" in row and datetime.fromisoformat(row["expiry"]) <= self.time


def liquidity_place(row: dict) -> tuple:
    """Largest depth, then largest volume (where not given: after all given), perpetuals before futures, id (LP)."""
    depth, volume = row.get("depth_usd", -math.inf), row.get("volume_24h_usd", -math.inf)
    return -depth, -volume, row["kind"] != "perpetual", row["id"]


def mr1_moves(coin: str, p: Parameters) -> list[float]:
    """The seven price moves of MR1."""
    sizes: Any = p.mr1_moves.of(coin)
    return [0.0, *(sign * size for size in sizes for sign in (1.0, -1.0))]


def mr6_moves(coin: str, p: Parameters) -> list[float]:
    move: Any = p.mr6_move.of(coin)
    return [move, -move]


def exposure_of(c: Contract, p: Parameters) -> Exposure:
    """All figures of one contract."""
    vols = [c.vol] * (1 + len(VOL_READINGS))
    if c.kind == "option":
        vols[1:] = [shocked_vol(c, sign, reading, p.vol_shock) for sign, reading in VOL_READINGS]
    return Exposure(
        contract=c,
        mr1=tuple(pnl(c, move, vol, p.structure) for vol in vols for move in mr1_moves(c.coin, p)),
        mr6=tuple(pnl(c, move, c.vol, p.structure) for move in mr6_moves(c.coin, p)),
        cash_delta=cash_delta(c),
        decay=decay_usd(c, p.mr2_days),
        vega=vega_usd(c),
        rate=rate_usd(c) if c.kind == "option" else 0.0,
        charge_long=charge(c, False, p),
        charge_short=charge(c, True, p),
    )

"""Which unit a contract belongs to, and the spot equity that joins a unit (OC section 2, PM section 1.2)."""

from dataclasses import dataclass

from tests.reference.books import Book
from tests.reference.contracts import Contract
from tests.reference.parameters import Parameters

SPOT_CURRENCY = {"spot_usdt": "USDT", "spot_usdc": "USDC", "spot_coin": "USD"}  # the v1 unit that a mode names


@dataclass(frozen=True, order=True)
class RiskUnit:
    """A risk unit: `BTC` in v2, `BTC-USDT`, `BTC-USDC` or `BTC-USD` in v1."""

    name: str
    coin: str


def unit_of(coin: str, settle: str, p: Parameters) -> RiskUnit:
    """The unit of a contract on `coin` settled in `settle`; v1's `-USD` also takes what settles in the coin (OC 2)."""
    if p.structure == "v2":
        return RiskUnit(coin, coin)
    currency = "USD" if settle == coin else settle
    return RiskUnit(f"{coin}-{currency}", coin)


def in_unit(c: Contract, unit: RiskUnit, p: Parameters) -> bool:
    return unit_of(c.coin, c.settle, p) == unit


def account_units(account: dict, contracts: dict[str, Contract], p: Parameters) -> list[RiskUnit]:
    """Units with at least one listed derivative position or order, even if it nets to zero (OC 2)."""
    listed = [row["instrument"] for row in account.get("positions", []) + account.get("orders", [])]
    return sorted({unit_of(contracts[n].coin, contracts[n].settle, p) for n in listed if n in contracts})


def takes_spot(unit: RiskUnit, account: dict, p: Parameters) -> bool:
    """Does spot join this unit: in v2 always, in v1 where the account's mode (if the version knows it) says so."""
    if p.structure == "v2":
        return True
    mode = account.get("spot_mode", "spot_usdt")
    return mode in p.spot_modes and unit.name == f"{unit.coin}-{SPOT_CURRENCY[mode]}"


def unit_spot(unit: RiskUnit, account: dict, equity: dict[str, float], book: Book, p: Parameters) -> float:
    """X of a unit in one book: the coin's spot equity, changed by the book's spot orders where these count (CH A)."""
    if not takes_spot(unit, account, p):
        return 0.0
    change = book.spot_change.get(unit.coin, 0.0) if p.spot_orders_in_units else 0.0
    return equity.get(unit.coin, 0.0) + change

"""Equity of each currency, and what it counts for as collateral (OC section 4)."""

import math

from tests.reference.books import add, frozen_amounts
from tests.reference.contracts import Contract, price
from tests.reference.parameters import Parameters
from tests.reference.risk_units import RiskUnit, in_unit
from tests.reference.tables import marginal


def unrealised(position: dict, c: Contract) -> float:
    """Unrealised P&L of one listed position in its settlement currency; 0 without an average price."""
    average = position.get("average_price")
    if average is None:
        return 0.0
    if c.kind == "inverse":
        return position["quantity"] * c.size * (1.0 / average - 1.0 / c.mark)
    return position["quantity"] * c.size * (c.mark - average)


def unrealised_usd(account: dict, contracts: dict[str, Contract], unit: RiskUnit, p: Parameters) -> float:
    """`upl_usd` of a unit: every listed position's unrealised P&L at the value of its settlement currency."""
    held = [(row, contracts[row["instrument"]]) for row in account.get("positions", [])]
    return math.fsum(unrealised(row, c) * c.settle_usd for row, c in held if in_unit(c, unit, p))


def spot_equity(account: dict, contracts: dict[str, Contract]) -> dict[str, float]:
    """X of each currency: its equity without the value of options (OC 2)."""
    return balances_and_profits(account, contracts)


def currency_equity(account: dict, contracts: dict[str, Contract]) -> dict[str, float]:
    """equity_c: balance + unrealised P&L of derivatives settled in c + option value in c - accrued interest (OC 4)."""
    equity = spot_equity(account, contracts)
    for position in account.get("positions", []):
        c = contracts[position["instrument"]]
        if c.kind == "option":
            add(equity, c.coin, position["quantity"] * c.size * c.mark)
    for currency in frozen_amounts(account, contracts):
        add(equity, currency, 0.0)
    return equity


def balances_and_profits(account: dict, contracts: dict[str, Contract]) -> dict[str, float]:
    """Balance - accrued interest + unrealised P&L of linear and inverse contracts, per currency."""
    amounts: dict[str, float] = {}
    for currency, balance in account.get("balances", {}).items():
        add(amounts, currency, balance)
    for currency, interest in account.get("accrued_interest", {}).items():
        add(amounts, currency, -interest)
    for position in account.get("positions", []):
        c = contracts[position["instrument"]]
        if c.kind != "option":
            add(amounts, c.settle, unrealised(position, c))
    return amounts


def gross_equity_usd(equity: dict[str, float], market: dict) -> float:
    """sum_c X(c) * equity_c."""
    return math.fsum(price(market, c, "USD") * amount for c, amount in equity.items())


def adjusted_equity_usd(equity: dict[str, float], market: dict, p: Parameters) -> float:
    """sum_c of X(c) * equity_c if negative, else its haircut-tier value by USD amount."""
    parts = []
    for currency, amount in equity.items():
        usd = price(market, currency, "USD") * amount
        parts.append(usd if usd < 0.0 else marginal(p.haircut(currency), usd))
    return math.fsum(parts)

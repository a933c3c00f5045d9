"""OKX portfolio margin v1 and v2, the slow independent reference: native documents in, report columns out.

Written from the rule text alone (OC = okx_computation.md, PM = okx_portfolio_margin.md, CH = the choices that complete
them), with floats and loops.
"""

import math
from collections.abc import Iterable

from tests.reference.books import Book, frozen_amounts, order_books
from tests.reference.borrowing import borrow_imr, borrow_mmr, liability_usd
from tests.reference.contracts import Contract, read_contract
from tests.reference.equity import adjusted_equity_usd, currency_equity, gross_equity_usd, spot_equity, unrealised_usd
from tests.reference.grid import Holdings
from tests.reference.order_subsets import subset_books
from tests.reference.parameters import V2_2025_01_15, Parameters
from tests.reference.risk_units import RiskUnit, account_units, in_unit, unit_spot
from tests.reference.units import evaluate


def margin(market: dict, account: dict, parameters: Parameters = V2_2025_01_15, orders: str = "three_books") -> dict:
    """{"account": columns, "units": {unit: columns}, "scenarios": {(unit, move, vol state): P&L}} (formats.md).

    `orders` is "three_books" (OC 4) or "every_subset" (CH D).
    """
    contracts = held_contracts(market, account)
    equity = currency_equity(account, contracts)
    mr8 = borrow_mmr(equity, market, parameters)
    units, scenarios = {}, {}
    for unit in account_units(account, contracts, parameters):
        row, cells = unit_row(unit, account, contracts, market, parameters, orders)
        units[unit.name] = row | {"mr8": mr8}
        scenarios.update({(unit.name, move, state): pnl for (move, state), pnl in cells.items()})
    row = account_row(account, contracts, equity, units, market, parameters)
    return {"account": row, "units": units, "scenarios": scenarios}


def held_contracts(market: dict, account: dict) -> dict[str, Contract]:
    """The contracts that the account holds or orders; one with expiry <= now is an input error (OC 3)."""
    named = {row["instrument"] for row in account.get("positions", []) + account.get("orders", [])}
    contracts = {row["id"]: read_contract(row, market) for row in market["instruments"] if row["id"] in named}
    for contract in contracts.values():
        if contract.expiry is not None and contract.years <= 0.0:
            raise ValueError(f"{contract.id} has expired")
    return contracts


def holdings_of(book: Book, unit: RiskUnit, contracts: dict[str, Contract], p: Parameters) -> Holdings:
    """The book's netted positions in one unit."""
    return [(contracts[name], q) for name, q in book.quantities.items() if in_unit(contracts[name], unit, p)]


def books_of(
    unit: RiskUnit, account: dict, contracts: dict[str, Contract], p: Parameters, orders: str
) -> Iterable[Book]:
    """The books among which the unit's IMR takes the largest MMR; the first one holds the positions alone."""
    if orders == "every_subset":
        return subset_books(account, contracts, unit, p)
    if orders == "three_books":
        return order_books(account, contracts)
    raise ValueError(f'orders is "three_books" or "every_subset", not {orders!r}')


def unit_row(
    unit: RiskUnit, account: dict, contracts: dict[str, Contract], market: dict, p: Parameters, orders: str
) -> tuple[dict, dict]:
    """A unit's columns and cells from the positions alone; its IMR from the largest MMR of its books (OC 4)."""
    equity = spot_equity(account, contracts)
    limit = account.get("spot_limits", {}).get(unit.coin, math.inf) if p.spot_limits else math.inf
    results = []
    for book in books_of(unit, account, contracts, p, orders):
        x = unit_spot(unit, account, equity, book, p)
        results.append(evaluate(unit, holdings_of(book, unit, contracts, p), x, limit, market, p))
    row, cells = results[0]
    row["imr_usd"] = p.imr_factor * max(result["mmr_usd"] for result, _ in results)
    row["upl_usd"] = unrealised_usd(account, contracts, unit, p)
    return row, cells


def account_row(
    account: dict, contracts: dict[str, Contract], equity: dict, units: dict, market: dict, p: Parameters
) -> dict:
    """The account's columns (OC 4)."""
    row = {
        "equity_usd": adjusted_equity_usd(equity, market, p),
        "gross_equity_usd": gross_equity_usd(equity, market),
        "derivatives_mmr_usd": math.fsum(unit["mmr_usd"] for unit in units.values()),
        "borrow_mmr_usd": borrow_mmr(equity, market, p),
        "derivatives_imr_usd": math.fsum(unit["imr_usd"] for unit in units.values()),
        "borrow_imr_usd": borrow_imr(equity, frozen_amounts(account, contracts), market, p),
        "liability_usd": liability_usd(equity, market),
    }
    row["mmr_usd"] = row["derivatives_mmr_usd"] + row["borrow_mmr_usd"]
    row["imr_usd"] = row["derivatives_imr_usd"] + row["borrow_imr_usd"]
    row["margin_ratio"] = margin_ratio(row, p)
    row["status"] = status(row["margin_ratio"], p)
    row["eligible"] = row["gross_equity_usd"] >= p.eligible_equity_usd and account.get("declared", True)
    return row


def margin_ratio(row: dict, p: Parameters) -> float:
    """adjusted equity / (account MMR + fee * (liability + MR8)); +inf when the denominator is 0."""
    denominator = row["mmr_usd"] + p.liability_fee * (row["liability_usd"] + row["borrow_mmr_usd"])
    return row["equity_usd"] / denominator if denominator != 0.0 else math.inf


def status(ratio: float, p: Parameters) -> str:
    """safe, warning (<= 3.0), liquidation (<= 1.0)."""
    if ratio <= p.liquidation_ratio:
        return "liquidation"
    return "warning" if ratio <= p.warning_ratio else "safe"

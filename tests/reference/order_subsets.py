"""Orders, exact: a book for every subset of a unit's orders, in place of the three books (CH section D)."""

from collections.abc import Iterator
from itertools import combinations

from tests.reference.books import Book, apply_order, position_book
from tests.reference.contracts import Contract
from tests.reference.parameters import Parameters
from tests.reference.risk_units import RiskUnit, in_unit, takes_spot

MOST_ORDERS = 16


def unit_orders(account: dict, contracts: dict[str, Contract], unit: RiskUnit, p: Parameters) -> list[dict]:
    """The orders in the unit's instruments and, where spot orders count, the spot orders that name its coin."""
    spot_counts = p.spot_orders_in_units and takes_spot(unit, account, p)
    orders = []
    for order in account.get("orders", []):
        name = order["instrument"]
        if name in contracts:
            if in_unit(contracts[name], unit, p):
                orders.append(order)
        elif spot_counts and unit.coin in name.split("-"):
            orders.append(order)
    return orders


def subset_books(account: dict, contracts: dict[str, Contract], unit: RiskUnit, p: Parameters) -> Iterator[Book]:
    """The positions with each of the 2^n subsets of the unit's orders, the empty one first."""
    orders = unit_orders(account, contracts, unit, p)
    if len(orders) > MOST_ORDERS:
        raise ValueError(f"{unit.name} has {len(orders)} orders, every_subset takes {MOST_ORDERS} at most")
    for size in range(len(orders) + 1):
        for subset in combinations(orders, size):
            book = position_book(account)
            for order in subset:
                apply_order(book, order, contracts)
            yield book

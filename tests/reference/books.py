"""Order books of an account: positions, with all buy orders, with all sell orders (OC section 4, unit IMR)."""

from dataclasses import dataclass, field

from tests.reference.contracts import Contract


@dataclass
class Book:
    """Netted quantity of each instrument, and the change of each currency's spot equity by spot orders."""

    quantities: dict[str, float] = field(default_factory=dict)
    spot_change: dict[str, float] = field(default_factory=dict)


def add(amounts: dict[str, float], key: str, amount: float) -> None:
    amounts[key] = amounts.get(key, 0.0) + amount


def position_book(account: dict) -> Book:
    """The netted positions alone (OC 2)."""
    book = Book()
    for position in account.get("positions", []):
        add(book.quantities, position["instrument"], position["quantity"])
    return book


def order_books(account: dict, contracts: dict[str, Contract]) -> tuple[Book, Book, Book]:
    """Positions; positions + buys; positions + sells, where buy and sell mean the sign of the quantity."""
    books = position_book(account), position_book(account), position_book(account)
    for order in account.get("orders", []):
        apply_order(books[1] if order["quantity"] > 0 else books[2], order, contracts)
    return books


def apply_order(book: Book, order: dict, contracts: dict[str, Contract]) -> None:
    """A derivative order fills at mark; a spot order changes X(base) by quantity and X(quote) by -quantity * price."""
    if order["instrument"] in contracts:
        add(book.quantities, order["instrument"], order["quantity"])
        return
    base, quote = order["instrument"].split("-")
    add(book.spot_change, base, order["quantity"])
    add(book.spot_change, quote, -order["quantity"] * order["price"])


def frozen_amounts(account: dict, contracts: dict[str, Contract]) -> dict[str, float]:
    """Base of spot sells, quantity * price of spot buys in the quote, premium of option buys in the coin (OC 4)."""
    frozen: dict[str, float] = {}
    for order in account.get("orders", []):
        name, quantity = order["instrument"], order["quantity"]
        if name in contracts:
            contract = contracts[name]
            if contract.kind == "option" and quantity > 0:
                add(frozen, contract.coin, quantity * contract.size * order["price"])
            continue
        base, quote = name.split("-")
        if quantity > 0:
            add(frozen, quote, quantity * order["price"])
        else:
            add(frozen, base, -quantity)
    return frozen

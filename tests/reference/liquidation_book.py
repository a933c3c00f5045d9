"""What an account in liquidation holds: quantities, entry values, balances; and its equity (LP, OC 4)."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.reference.books import add
from tests.reference.contracts import Contract
from tests.reference.liquidation_market import PricedMarket


@dataclass(frozen=True)
class Book:
    """A book is never changed; a trade makes another one."""

    account: dict  # the account document, for its accrued interest, spot limits and spot mode
    quantities: dict[str, float]
    entries: dict[str, float]  # entry values of linear and inverse contracts, in their settlement currency
    balances: dict[str, float]

    def quantity(self, name: str) -> float:
        return self.quantities.get(name, 0.0)

    def held(self) -> list[str]:
        """The instruments with a position, in order."""
        return sorted(name for name, q in self.quantities.items() if q != 0.0)


def worth(c: Contract, price: float) -> float:
    """value(price) of one contract in its settlement currency."""
    return -c.size / price if c.kind == "inverse" else c.size * price


def opened(account: dict, priced: PricedMarket) -> Book:
    """The account's positions netted: q = sum q, entry value = sum q * value(average price or mark)."""
    quantities: dict[str, float] = {}
    entries: dict[str, float] = {}
    for row in account.get("positions", []):
        c = priced.contract(row["instrument"])
        if c.expiry is not None and c.years <= 0.0:
            raise ValueError(f"{c.id} has expired")
        average = row.get("average_price")
        add(quantities, c.id, row["quantity"])
        if c.kind != "option":
            add(entries, c.id, row["quantity"] * worth(c, c.mark if average is None else average))
    return Book(account, quantities, entries, dict(account.get("balances", {})))


def cash_of(book: Book, currency: str) -> float:
    """The balance that can be spent: less the interest that has accrued (LP)."""
    return book.balances.get(currency, 0.0) - book.account.get("accrued_interest", {}).get(currency, 0.0)


def spot_equities(book: Book, priced: PricedMarket) -> dict[str, float]:
    """X of each currency: balance - accrued interest + q * value(mark) - entry value, without options (OC 2)."""
    amounts = dict(book.balances)
    for currency, interest in book.account.get("accrued_interest", {}).items():
        add(amounts, currency, -interest)
    for name, entry in book.entries.items():
        c = priced.contract(name)
        add(amounts, c.settle, book.quantity(name) * worth(c, c.mark) - entry)
    return amounts


def equities(book: Book, priced: PricedMarket) -> dict[str, float]:
    """equity_c of each currency: the same with the value of options (OC 4)."""
    amounts = spot_equities(book, priced)
    for c, q in options(book, priced):
        add(amounts, c.coin, q * worth(c, c.mark))
    return amounts


def options(book: Book, priced: PricedMarket) -> Iterator[tuple[Contract, float]]:
    """The options that are held."""
    for name, q in book.quantities.items():
        if priced.contract(name).kind == "option":
            yield priced.contract(name), q

"""Stages repayment and final_repayment: the conversion plan applied to all debts (LP, PM 11)."""

from tests.reference.books import add
from tests.reference.conversion import BRIDGE, buy_back, debt_order, first_rate, selling_order
from tests.reference.liquidation_book import Book, cash_of
from tests.reference.liquidation_stages import Process
from tests.reference.liquidation_trades import Setting, step_row


def repay(process: Process, stage: str) -> None:
    """The trades of one plan in order, those left out that do not lower the shortfall."""
    for trade in plan(process):
        if process.is_over():
            return
        book, rows = converted(process.now.book, trade, process.setting)
        after = process.view(book)
        if process.relieves(after):
            process.take(stage, (after, rows))


LEAST_DEBT_USD = 0.01  # less debt is not bought back


def plan(process: Process) -> list[dict]:
    """The largest debt takes from the first asset, then from the second; the next debt from what is left."""
    s, book = process.setting, process.now.book
    market, p = s.priced.market, s.priced.parameters
    equities = process.now.margin.equities.items()
    owed = {c: -equity for c, equity in equities if -equity * s.priced.usd(c) >= LEAST_DEBT_USD}
    left = sellable(process)
    order = selling_order(market, list(left), p)
    trades = []
    for debt in debt_order(market, owed):
        trades += buy_back(market, book.account, debt, owed[debt], order, left, s.conversion)
    return trades


def sellable(process: Process) -> dict[str, float]:
    """min(balance, equity) of each asset whose first haircut rate is above 0."""
    amounts = {}
    for currency, equity in process.now.margin.equities.items():
        amount = min(cash_of(process.now.book, currency), equity)
        if amount > 0.0 and first_rate(currency, process.parameters) > 0.0:
            amounts[currency] = amount
    return amounts


def converted(book: Book, trade: dict, s: Setting) -> tuple[Book, list[dict]]:
    """The book after one trade of the plan; the sale's costs are in the asset's row, the purchase's in the debt's."""
    asset, debt = trade["sold_currency"], trade["bought_currency"]
    after = Book(book.account, book.quantities, book.entries, dict(book.balances))
    add(after.balances, asset, -trade["sold_amount"])
    add(after.balances, debt, trade["bought_amount"])
    v0 = trade["sold_amount"] * s.priced.usd(asset)
    sale = conversion_costs(asset, v0, s)
    purchase = conversion_costs(debt, v0 - sum(sale), s)
    return after, [
        step_row("", asset, -trade["sold_amount"], s.priced.usd(asset), *sale),
        step_row("", debt, trade["bought_amount"], s.priced.usd(debt), *purchase),
    ]


def conversion_costs(currency: str, usd: float, s: Setting) -> tuple[float, float]:
    """(fee, slippage) of the trade of a currency against USDT; none for USDT itself."""
    if currency == BRIDGE:
        return 0.0, 0.0
    return s.conversion.fee_frac * usd, s.conversion.slippage_frac * usd

"""Trades of a liquidation: how large a leg is, what it costs, what it does to the book (LP, "A trade")."""

import math
from dataclasses import dataclass, field

from tests.reference.books import add
from tests.reference.borrowing_rules import BorrowRules
from tests.reference.contracts import Contract, gross_size
from tests.reference.liquidation_book import Book, worth
from tests.reference.liquidation_market import PricedMarket
from tests.reference.liquidation_rules import LiquidationRules

QUOTES = ("USDT", "USDC", "USD")  # the first with a USD price is what spot is traded against


@dataclass(frozen=True)
class Setting:
    """Where and by which rules an account is liquidated."""

    priced: PricedMarket
    rules: LiquidationRules = field(default_factory=LiquidationRules)
    conversion: BorrowRules = field(default_factory=BorrowRules)


@dataclass(frozen=True)
class Leg:
    """What is traded of one instrument, signed; spot legs name a coin."""

    instrument: str
    quantity: float
    unit: str
    is_spot: bool = False


# costs


def fee_per_contract(c: Contract, s: Setting) -> float:
    """Linear, inverse: rate * N. Option: min(rate * ctVal * I, cap * ctVal * mark * I). USD."""
    default = s.rules.option_fee_frac if c.kind == "option" else s.rules.future_fee_frac
    rate = s.priced.rows[c.id].get("taker_fee_frac", default)
    if c.kind == "option":
        return min(rate * c.size * c.index, s.rules.option_fee_cap_frac * c.size * c.mark * c.index)
    return rate * gross_size(c)


def traded_usd(c: Contract) -> float:
    """What one contract trades for: the premium of an option, the size of all else, USD."""
    return c.size * c.mark * c.index if c.kind == "option" else gross_size(c)


def slippage(c: Contract, dq: float, held: float, s: Setting) -> float:
    """By the depth where the market gives one, elsewhere MR7's raw charge less the fee, USD."""
    row = s.priced.rows[c.id]
    if "depth_usd" in row:
        v = abs(dq) * traded_usd(c)
        root = math.sqrt(v / row["depth_usd"])
        return v * (row.get("spread_frac", 0.0) / 2.0 + 2.0 / 3.0 * s.rules.depth_band_frac * root)
    side = held if held != 0.0 else dq
    exposure = s.priced.exposure(c.id)
    charge = exposure.charge_short if side < 0.0 else exposure.charge_long
    return abs(dq) * max(charge - fee_per_contract(c, s), 0.0)


def leg_costs(book: Book, leg: Leg, s: Setting) -> tuple[float, float]:
    """(fee, slippage) of one leg in USD."""
    if leg.is_spot:
        usd = abs(leg.quantity) * s.priced.usd(leg.instrument)
        return s.conversion.fee_frac * usd, s.conversion.slippage_frac * usd
    c = s.priced.contract(leg.instrument)
    return abs(leg.quantity) * fee_per_contract(c, s), slippage(c, leg.quantity, book.quantity(c.id), s)


# sizes


def room_usd(name: str, s: Setting) -> float:
    """What one leg may trade for."""
    row = s.priced.rows[name]
    return s.rules.depth_frac * row["depth_usd"] if "depth_usd" in row else math.inf


def leg_size(name: str, wanted: float, most: float, s: Setting) -> float:
    """How many contracts to trade of the `wanted`, of which at most `most`; 0 where none can be."""
    lot = s.priced.rows[name].get("lot", 1.0)
    room = room_usd(name, s) / max(traded_usd(s.priced.contract(name)), 1e-300)
    size = min(wanted, most, room)
    if size <= 0.0:
        return 0.0
    if size >= most * (1.0 - s.rules.tie_frac):  # all that is held
        return most
    if lot == 0.0:  # any size
        return size
    lots = math.floor(size / lot + 1e-9)
    if lots > 0:
        return lots * lot
    return lot if lot <= min(most, room) else 0.0


def sized_leg(book: Book, name: str, wanted: float, direction: float, s: Setting) -> Leg | None:
    """A leg of the wanted size in a direction, at most what is held where that reduces a position; None if void."""
    held = book.quantity(name)
    most = abs(held) if held * direction < 0.0 else math.inf
    size = leg_size(name, wanted, most, s)
    return Leg(name, math.copysign(size, direction), s.priced.units[name].name) if size > 0.0 else None


# what a trade does


def traded(book: Book, legs: list[Leg], s: Setting) -> tuple[Book, list[dict]]:
    """The book after all legs, and one row a leg."""
    after = Book(book.account, dict(book.quantities), dict(book.entries), dict(book.balances))
    rows = []
    for leg in legs:
        fee, slip = leg_costs(after, leg, s)
        if leg.is_spot:
            trade_spot(after, leg, s.priced)
            price, paid_in = s.priced.usd(leg.instrument), spot_quote(s.priced)
        else:
            c = s.priced.contract(leg.instrument)
            trade_contract(after, c, leg.quantity)
            price, paid_in = c.mark, c.settle
        add(after.balances, paid_in, -(fee + slip) / s.priced.usd(paid_in))
        rows.append(step_row(leg.unit, leg.instrument, leg.quantity, price, fee, slip))
    return after, rows


def step_row(unit: str, instrument: str, quantity: float, price: float, fee: float, slip: float) -> dict:
    """A leg as the report lists it, without its step, stage and margins."""
    return {
        "unit": unit, "instrument": instrument, "quantity": quantity, "price": price, "fee_usd": fee,
        "slippage_usd": slip,
    }  # fmt: skip


def trade_contract(book: Book, c: Contract, dq: float) -> None:
    """Trades at the mark: a reduction realises its part of the P&L; options are paid for."""
    held = book.quantity(c.id)
    if c.kind == "option":
        add(book.balances, c.coin, -dq * worth(c, c.mark))
    elif held * dq < 0.0:
        closed = min(abs(dq) / abs(held), 1.0)
        add(book.balances, c.settle, closed * (held * worth(c, c.mark) - book.entries[c.id]))
        book.entries[c.id] *= 1.0 - closed
    else:
        add(book.entries, c.id, dq * worth(c, c.mark))
    add(book.quantities, c.id, dq)


def spot_quote(priced: PricedMarket) -> str:
    """The first of USDT, USDC, USD that has a USD price in the market; USD's own is 1."""
    return next(c for c in QUOTES if c == "USD" or f"{c}-USD" in priced.market["index"])


def trade_spot(book: Book, leg: Leg, priced: PricedMarket) -> None:
    """Coins against the quote at their prices in USD."""
    quote = spot_quote(priced)
    add(book.balances, leg.instrument, leg.quantity)
    add(book.balances, quote, -leg.quantity * priced.usd(leg.instrument) / priced.usd(quote))

"""One contract of each kind: its size, deltas, P&L under a shock and Greeks, per contract (OC section 1)."""

from dataclasses import dataclass
from datetime import datetime

from tests.reference import black76


@dataclass(frozen=True)
class Contract:
    """An instrument with the market numbers that it needs."""

    id: str
    kind: str  # "linear", "inverse" or "option"
    coin: str
    settle: str
    size: float  # coin (linear, option) or USD (inverse) per contract
    mark: float
    index: float  # I(coin-USD)
    quote_index: float  # I(coin-c), linear only
    settle_usd: float  # X(c)
    expiry: datetime | None  # None for a perpetual
    years: float  # T, ACT/365; 0 for a perpetual
    strike: float
    right: str
    forward: float
    vol: float
    funding_rate: float  # per 8 hours, of a perpetual; 0 where none is given

    @property
    def days(self) -> float:
        return 365.0 * self.years

    @property
    def terms(self) -> tuple:
        """F, K, vol, T: the arguments that every Black-76 function ends with."""
        return self.forward, self.strike, self.vol, self.years


def read_contract(row: dict, market: dict) -> Contract:
    """The contract of one row of the market document's `instruments` (formats.md)."""
    coin, settle = row["coin"], row["settle"]
    kind = "option" if row["kind"] == "option" else ("inverse" if settle == coin else "linear")
    expiry = datetime.fromisoformat(row["expiry"]) if "expiry" in row else None
    now = datetime.fromisoformat(market["time"])
    years = 0.0 if expiry is None else (expiry - now).total_seconds() / (365.0 * 86400.0)
    return Contract(
        id=row["id"], kind=kind, coin=coin, settle=settle, size=row["contract_value"], mark=row["mark"],
        index=price(market, coin, "USD"), quote_index=price(market, coin, settle) if kind == "linear" else 0.0,
        settle_usd=price(market, settle, "USD"), expiry=expiry, years=years,
        strike=row.get("strike", 0.0), right=row.get("right", ""), forward=row.get("forward", 0.0),
        vol=row.get("vol", 0.0), funding_rate=row.get("funding_rate", 0.0),
    )  # fmt: skip


def price(market: dict, base: str, quote: str) -> float:
    """I(base-quote) of the market document; 1 for a currency in itself."""
    return 1.0 if base == quote else market["index"][f"{base}-{quote}"]


def cash_delta(c: Contract) -> float:
    """USD cash delta of one contract (OC 1, row "cash delta")."""
    if c.kind == "linear":
        return c.size * c.mark * c.settle_usd
    if c.kind == "inverse":
        return c.size
    return c.size * black76.delta(c.right, *c.terms) * c.index


def gross_size(c: Contract) -> float:
    """USD size of one contract for the tie rule of MR1's worst cell (OC 3, MR1)."""
    return c.size * c.index if c.kind == "option" else cash_delta(c)


def denomination(c: Contract) -> str:
    """MR9's denomination: the quote of a linear contract, USD for inverse contracts and options (OC 1)."""
    return c.settle if c.kind == "linear" else "USD"


def pnl(c: Contract, shock: float, vol: float, structure: str = "v2") -> float:
    """USD P&L of one contract when the index moves by `shock` and the volatility becomes `vol` (OC 1)."""
    moved = shock * c.index
    if c.kind == "linear":
        check_positive(c, c.mark + shock * c.quote_index, shock)
        return c.size * c.quote_index * shock * c.settle_usd
    growth = 1.0 if structure == "v1" else 1.0 + shock  # v1: the coin P&L times the current index
    if c.kind == "inverse":
        check_positive(c, c.mark + moved, shock)
        return c.size * (1.0 / c.mark - 1.0 / (c.mark + moved)) * c.index * growth
    check_positive(c, c.forward + moved, shock)
    after = black76.value(c.right, c.forward + moved, c.strike, vol, c.years) * c.index * growth
    before = black76.value(c.right, *c.terms) * c.index
    return c.size * (after - before)


def check_positive(c: Contract, moved_price: float, shock: float) -> None:
    """In every grid mark + s I > 0 and F + s I > 0 must hold (OC 2a)."""
    if not moved_price > 0.0:
        raise ValueError(f"{c.id}: price is not positive under a shock of {shock}")


def vega_usd(c: Contract) -> float:
    """USD per volatility point, one contract; 0 unless an option."""
    return c.size * c.index * black76.vega_per_point(*c.terms) if c.kind == "option" else 0.0


def gamma_usd(c: Contract) -> float:
    """mult n(d1) / (F vol sqrt T) I^2 / 100: change of the cash delta per 1 % (OC 4, columns)."""
    return c.size * black76.gamma(*c.terms) * c.index * c.index / 100.0 if c.kind == "option" else 0.0


def decay_usd(c: Contract, days: float) -> float:
    """Value change of one option when `days` pass (a loss is negative); T - days may end at the payoff (OC 3, MR2)."""
    if c.kind != "option":
        return 0.0
    later = black76.value(c.right, c.forward, c.strike, c.vol, max(c.years - days / 365.0, 0.0))
    return c.size * c.index * (later - black76.value(c.right, *c.terms))


def rate_usd(c: Contract) -> float:
    """USD per 1.00 of annual rate of one option (OC 1)."""
    return c.size * c.index * black76.rate_sensitivity(c.right, *c.terms)

"""A small market and random books of one shape, so that all property tests share one compilation of the kernels.

Every book holds every instrument, many at quantity zero, every currency, and an order in each coin; a margin run
always has ``BOOKS_PER_RUN`` of them. Sizes of all arrays are then the same in every example.
"""

from __future__ import annotations

from hypothesis import strategies as st

import shockgrid as sg
from tests.documents import accounts_of, market_of

EXPIRIES = {"250131": "2025-01-31T08:00:00Z", "250627": "2025-06-27T08:00:00Z"}
# BTC is in group A of every component; SOL is in C for MR1 and in B for the others. USDT is off its peg, so that
# MR9's tiers are between two rows of their table; USDT-USDC is quoted apart from the ratio of the two.
INDEX = {
    "BTC-USD": 97032.2,
    "BTC-USDT": 98600.1,
    "BTC-USDC": 97010.7,
    "SOL-USD": 187.31,
    "SOL-USDT": 190.22,
    "SOL-USDC": 187.4,
    "USDT-USD": 0.9847,
    "USDC-USD": 1.0003,
    "USDT-USDC": 0.9851,
}
COINS = ("BTC", "SOL")
CURRENCIES = ("BTC", "SOL", "USDC", "USD", "USDT")
# coins per contract of linear contracts (perpetual, future), USD of inverse ones, coins of options
SIZES = {"BTC": (0.01, 0.1, 100.0, 0.01), "SOL": (1.0, 5.0, 10.0, 1.0)}
BOOKS_PER_RUN = 4


def value_usd(currency: str) -> float:
    return INDEX.get(f"{currency}-USD", 1.0)


def _instruments(coin: str) -> list[dict]:
    perpetual, future, inverse, option = SIZES[coin]
    index = value_usd(coin)

    def row(name, kind, settle, size, mark, **more):
        instrument = {"id": name, "kind": kind, "coin": coin, "settle": settle, "contract_value": size, "mark": mark}
        return instrument | more

    rows = [
        row(f"{coin}-USDT-SWAP", "perpetual", "USDT", perpetual, INDEX[f"{coin}-USDT"] * 1.0003),
        row(f"{coin}-USDC-SWAP", "perpetual", "USDC", perpetual, INDEX[f"{coin}-USDC"] * 0.9996),
        row(f"{coin}-USD_UM-SWAP", "perpetual", "USD", perpetual, index * 1.0001),
        # Mark = index: the condition of the flat hedge.
        row(f"{coin}-USD-SWAP", "perpetual", coin, inverse, index),
    ]
    for k, (day, expiry) in enumerate(EXPIRIES.items()):
        basis = 1.004 + 0.03 * k
        rows.append(row(f"{coin}-USDT-{day}", "future", "USDT", future, INDEX[f"{coin}-USDT"] * basis, expiry=expiry))
        for moneyness, vol in ((0.9, 0.62), (1.1, 0.55)):
            for right in ("call", "put"):
                rows.append(
                    row(
                        f"{coin}-USD-{day}-{moneyness}-{right}",
                        "option",
                        coin,
                        option,
                        0.05,
                        expiry=expiry,
                        strike=round(index * moneyness, 2),
                        right=right,
                        forward=index * basis,
                        vol=vol,
                    )
                )
    rows.append(row(f"{coin}-USD-250627", "future", coin, inverse, index * 1.031, expiry=EXPIRIES["250627"]))
    return rows


INSTRUMENTS = {row["id"]: row for coin in COINS for row in _instruments(coin)}
DOCUMENT = {
    "format": "shockgrid.market/1",
    "time": "2025-01-15T10:26:41.642Z",
    "index": INDEX,
    "instruments": list(INSTRUMENTS.values()),
}
# Orders do not enter maintenance margin; these are here for the shape.
ORDERS = (
    {"instrument": "BTC-USDT-SWAP", "quantity": 2, "price": 90000.0},
    {"instrument": "SOL-USDT-SWAP", "quantity": -3, "price": 200.0},
    {"instrument": "BTC-USD-250131-1.1-call", "quantity": 5, "price": 0.04},
    {"instrument": "BTC-USDT", "quantity": 0.5, "price": 95000.0},
)


def contract_usd(name: str) -> float:
    """Size of one contract in USD, about (what the tests scale rounding by)."""
    row = INSTRUMENTS[name]
    inverse = row["settle"] == row["coin"] and row["kind"] != "option"
    return row["contract_value"] * (1.0 if inverse else value_usd(row["coin"]))


def book(quantities: dict[str, float] | None = None, **more) -> dict:
    """An account entry without id; instruments and currencies that are not named are held at zero."""
    quantities, balances = quantities or {}, more.pop("balances", {})
    entry = {
        "positions": [{"instrument": name, "quantity": quantities.get(name, 0.0)} for name in INSTRUMENTS],
        "balances": dict.fromkeys(CURRENCIES, 0.0) | balances,
        "orders": list(ORDERS),
    }
    return entry | more


def merged(first: dict, second: dict) -> dict:
    """Both accounts' positions and balances in one."""
    balances = {c: first["balances"][c] + second["balances"][c] for c in CURRENCIES}
    return first | {"positions": first["positions"] + second["positions"], "balances": balances}


def gross_usd(entry: dict) -> float:
    """What an account holds, all signs dropped: the scale of rounding errors."""
    return sum(abs(p["quantity"]) * contract_usd(p["instrument"]) for p in entry["positions"]) + sum(
        abs(amount) * value_usd(currency) for currency, amount in entry["balances"].items()
    )


class Run:
    """The reports of some books, by name; tests ask for units and accounts as dictionaries."""

    def __init__(self, market, rules, **books: dict) -> None:
        # Copies of the last book fill the run up to its fixed size.
        filling = {f"filling {k}": list(books.values())[-1] for k in range(BOOKS_PER_RUN - len(books))}
        entries = [{"id": name, **entry} for name, entry in {**books, **filling}.items()]
        self.report = sg.margin(market, accounts_of(*entries), rules)
        self.gross = {name: gross_usd(entry) for name, entry in books.items()}

    def units(self, name: str) -> dict[str, dict]:
        frame = self.report.units
        return {row["unit"]: row for row in frame[frame.account == name].to_dict("records")}

    def account(self, name: str) -> dict:
        frame = self.report.accounts
        return frame[frame.account == name].iloc[0].to_dict()

    def cells(self, name: str) -> list[dict]:
        frame = self.report.scenarios
        return frame[frame.account == name].to_dict("records")


def small_market():
    return market_of(DOCUMENT)


# -- strategies -------------------------------------------------------------------------------------------------------

_fraction = st.one_of(st.just(0.0), st.floats(-1.0, 1.0, allow_subnormal=False))
_scale_usd = st.floats(2.0, 8.0).map(lambda power: 10.0**power)


@st.composite
def quantities(draw) -> dict[str, float]:
    """Signed contracts of every instrument, from dust to some 100 million USD each."""
    scale = draw(_scale_usd)
    fractions = draw(st.lists(_fraction, min_size=len(INSTRUMENTS), max_size=len(INSTRUMENTS)))
    return {name: scale * f / contract_usd(name) for name, f in zip(INSTRUMENTS, fractions, strict=True)}


@st.composite
def amounts(draw, currencies=CURRENCIES, low=-1.0) -> dict[str, float]:
    """Amounts of each currency, from dust to some 100 million USD."""
    scale = draw(_scale_usd)
    fractions = draw(st.lists(st.floats(low, 1.0), min_size=len(currencies), max_size=len(currencies)))
    return {c: scale * f / value_usd(c) for c, f in zip(currencies, fractions, strict=True)}


@st.composite
def whole_books(draw) -> dict:
    """Positions with and without average prices, balances of both signs, interest, limits on spot in use."""
    entry = book(draw(quantities()), balances=draw(amounts()))
    for position in entry["positions"]:
        factor = draw(st.sampled_from([None, 0.8, 1.0, 1.3]))
        if factor is not None:
            position["average_price"] = INSTRUMENTS[position["instrument"]]["mark"] * factor
    interest = draw(amounts(low=0.0))
    limits = draw(amounts(COINS, low=0.0))
    limited = draw(st.sets(st.sampled_from(COINS)))
    return entry | {
        "accrued_interest": {c: 1e-3 * x for c, x in interest.items()},
        "spot_limits": {c: limits[c] for c in COINS if c in limited},
    }

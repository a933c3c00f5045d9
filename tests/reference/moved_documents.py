"""A market document after its primitives moved, in plain Python: okx_computation.md section 2a and `sg.shock`."""

from datetime import UTC, datetime, timedelta

from tests.reference import black76

STABLECOINS = ("USDT", "USDC")
YEAR_SECONDS = 365.0 * 86400.0


def moved_document(market: dict, *, price=None, vol=None, peg=None, basis=None, hours: float = 0.0) -> dict:
    """The document that `sg.shock` should make of another; `hours` of time pass."""
    now = datetime.fromisoformat(market["time"])
    after = now + timedelta(hours=hours)

    def factor(currency: str) -> float:
        if currency == "USD":
            return 1.0
        return 1.0 + (named(peg, currency) if currency in STABLECOINS else named(price, currency))

    index = moved_index(market["index"], factor)
    rows = [moved_row(row, market["index"], index, vol, basis, now, after) for row in market["instruments"]]
    time = after.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return market | {"time": time, "index": index, "instruments": rows}


def named(moves, name: str) -> float:
    """The move of one name: its own, that of every other name, or the number that is of all."""
    if moves is None:
        return 0.0
    return moves.get(name, moves.get("*", 0.0)) if isinstance(moves, dict) else moves


def moved_index(index: dict, factor) -> dict:
    """Prices in USD move; every other quote is the ratio of two of them, times today's residual."""

    def usd(currency: str) -> float:
        return 1.0 if currency == "USD" else index[f"{currency}-USD"]

    moved = {}
    for pair, quote in index.items():
        base, other = pair.split("-")
        residual = quote / (usd(base) / usd(other))
        moved[pair] = usd(base) * factor(base) / (usd(other) * factor(other)) * residual
    return moved


def moved_row(row: dict, before: dict, after: dict, vol, basis, now: datetime, then: datetime) -> dict:
    """An instrument at the moved market; marks and forwards keep their ratio to their index, plus the basis move."""
    coin, settle = row["coin"], row["settle"]
    if row["kind"] != "option":
        pair = f"{coin}-USD" if settle == coin else f"{coin}-{settle}"
        shift = named(basis, coin) + (basis.get(row["id"], 0.0) if isinstance(basis, dict) else 0.0)
        return row | {"mark": (row["mark"] / before[pair] + shift) * after[pair]}
    expiry = datetime.fromisoformat(row["expiry"])
    if expiry <= then:  # a market may list what has expired; it has no forward and no volatility
        return {key: value for key, value in row.items() if key not in ("forward", "vol")}
    forward = (row["forward"] / before[f"{coin}-USD"] + named(basis, coin)) * after[f"{coin}-USD"]
    volatility = row["vol"] + named(vol, coin)
    moved = row | {"forward": forward, "vol": volatility}
    # What nothing moved keeps the mark of the file, which need not be the model's.
    untouched = before[f"{coin}-USD"] == after[f"{coin}-USD"] and not named(basis, coin) and not named(vol, coin)
    if untouched and then == now:
        return moved
    years = (expiry - then).total_seconds() / YEAR_SECONDS
    mark = black76.value(row["right"], forward, row["strike"], volatility, years)
    return moved | {"mark": max(mark, 0.0)}  # the difference of two tails may round below

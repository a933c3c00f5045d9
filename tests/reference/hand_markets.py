"""Small market documents for tests whose numbers are worked out by hand."""

NOW = "2025-01-15T10:26:41.642Z"


def swap(name: str, coin: str, settle: str, size: float, mark: float, expiry: str | None = None) -> dict:
    """A perpetual, or a future where an expiry is given."""
    row = {"id": name, "kind": "perpetual", "coin": coin, "settle": settle, "contract_value": size, "mark": mark}
    return row | ({} if expiry is None else {"kind": "future", "expiry": expiry})


def option(name: str, coin: str, size: float, terms: tuple[str, float, float, float], expiry: str) -> dict:
    """An option; terms are right, strike, forward and volatility; its mark has no part in any MR."""
    right, strike, forward, vol = terms
    row = {"id": name, "kind": "option", "coin": coin, "settle": coin, "contract_value": size, "mark": 0.01}
    return row | {"expiry": expiry, "right": right, "strike": strike, "forward": forward, "vol": vol}


def market_of(index: dict[str, float], *rows: dict, time: str = NOW) -> dict:
    return {"format": "shockgrid.market/1", "time": time, "index": index, "instruments": list(rows)}


def par_index(**coins: float) -> dict[str, float]:
    """Each coin at one price in USD, USDT and USDC, which are all at par."""
    index = {"USDT-USD": 1.0, "USDC-USD": 1.0}
    for coin, price in coins.items():
        index |= {f"{coin}-{currency}": price for currency in ("USD", "USDT", "USDC")}
    return index


def holding(quantities: dict[str, float], **other: object) -> dict:
    """An account with these positions, without average prices, and other keys."""
    return {"id": "a", "positions": [{"instrument": n, "quantity": q} for n, q in quantities.items()], **other}

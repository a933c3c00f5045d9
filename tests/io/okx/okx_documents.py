"""Small OKX payloads: numbers of OKX's own API documents where they exist, in the fields that readers take."""

from __future__ import annotations

import copy
import json
from pathlib import Path

TS = "1736936801642"
"""Time of the position-builder reply, 2025-01-15T10:26:41.642Z."""

SWAP = {
    "instId": "BTC-USDT-SWAP",
    "instType": "SWAP",
    "instFamily": "BTC-USDT",
    "uly": "BTC-USDT",
    "state": "live",
    "ctType": "linear",
    "ctVal": "0.01",
    "ctMult": "1",
    "ctValCcy": "BTC",
    "settleCcy": "USDT",
    "expTime": "",
    "lotSz": "0.01",
    "tickSz": "0.1",
    "listTime": "1573557408000",
    "optType": "",
    "stk": "",
}
LTC_SWAP = SWAP | {
    "instId": "LTC-USDT-SWAP",
    "instFamily": "LTC-USDT",
    "uly": "LTC-USDT",
    "ctVal": "1",
    "ctValCcy": "LTC",
}
INVERSE = SWAP | {
    "instId": "BTC-USD-SWAP",
    "instFamily": "BTC-USD",
    "uly": "BTC-USD",
    "ctType": "inverse",
    "ctVal": "100",
    "ctValCcy": "USD",
    "settleCcy": "BTC",
    "lotSz": "1",
}
FUTURE = INVERSE | {"instId": "BTC-USD-250328", "instType": "FUTURES", "expTime": "1743148800000"}
OPTION = INVERSE | {
    "instId": "BTC-USD-250328-100000-C",
    "instType": "OPTION",
    "ctType": "",
    "ctVal": "1",
    "ctMult": "0.01",
    "ctValCcy": "BTC",
    "expTime": "1743148800000",
    "optType": "C",
    "stk": "100000",
    "tickSz": "0.0001",
}
PUT = OPTION | {"instId": "BTC-USD-250328-100000-P", "optType": "P"}
SPOT = {"instId": "BTC-USDT", "instType": "SPOT", "state": "live", "ctVal": "", "ctMult": "", "settleCcy": ""}


def mark(name: str, price: str, ts: str = TS) -> dict:
    return {"instId": name, "instType": "SWAP", "markPx": price, "ts": ts}


def index(pair: str, price: str, ts: str = TS) -> dict:
    return {"instId": pair, "idxPx": price, "high24h": "", "ts": ts}


def summary(name: str, forward: str = "98400", vol: str = "0.58", ts: str = TS) -> dict:
    return {"instId": name, "instType": "OPTION", "fwdPx": forward, "markVol": vol, "lever": "10", "ts": ts}


FOLDER = {
    "instruments_swap": [SWAP, LTC_SWAP, INVERSE],
    "instruments_futures": [FUTURE],
    "instruments_option": [OPTION, PUT],
    "mark_price": [
        mark("BTC-USDT-SWAP", "97093.7"),
        mark("LTC-USDT-SWAP", "102"),
        mark("BTC-USD-SWAP", "97040"),
        mark("BTC-USD-250328", "98500"),
        mark("BTC-USD-250328-100000-C", "0.0953"),
    ],
    "index_tickers": [
        index("BTC-USD", "97032.2"),
        index("BTC-USDT", "97078.9"),
        index("LTC-USD", "101.89"),
        index("LTC-USDT", "101.9951"),
        index("USDT-USD", "0.99954"),
    ],
    "opt_summary": [summary(OPTION["instId"]), summary(PUT["instId"])],
}


def reply(*rows: dict, code: str = "0", msg: str = "") -> dict:
    return {"code": code, "data": list(rows), "msg": msg}


def folder_of(path: Path, **changes: list | dict) -> Path:
    """A folder of payloads: ``FOLDER`` with some files replaced."""
    for name, rows in (copy.deepcopy(FOLDER) | changes).items():
        written(path / f"{name}.json", rows if isinstance(rows, dict) else reply(*rows))
    return path


def written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def changed(rows: list[dict], row: int, **fields: object) -> list[dict]:
    """Rows with fields of one of them replaced; None takes a field away."""
    rows = copy.deepcopy(rows)
    rows[row].update(fields)
    rows[row] = {key: value for key, value in rows[row].items() if value is not None}
    return rows

"""Accounts of a document after edits, in plain Python: what the docstring of `sg.what_if` says, row by row.

Trades are at the market of the document. A linear contract is worth size * price in its quote, an inverse one
-size / price in its coin, an option size * price in its coin (okx_computation.md section 4).
"""

import copy

from tests.reference.random_documents import find

__all__ = ["edited_accounts", "entered_accounts", "net_quantity", "rows_of"]


def edited_accounts(
    market: dict,
    accounts: list[dict],
    *,
    add=(),
    remove=(),
    close=(),
    orders=(),
    balances=(),
    settings=None,
    premiums="paid",
) -> list[dict]:
    """The accounts' entries after the edits that `sg.what_if` takes by these names, but for `settings["rulebook"]`."""
    edited, paid = entered_accounts(market, accounts), premiums == "paid"
    each(add, edited, lambda account, edit: add_position(market, account, edit, paid))
    each(remove, edited, lambda account, edit: remove_position(market, account, edit, paid))
    each(closing_edits(close, edited), edited, lambda account, edit: close_position(market, account, edit))
    each(orders, edited, add_order)
    if isinstance(balances, dict):
        balances = [{"currency": currency, "amount": amount} for currency, amount in balances.items()]
    each(balances, edited, lambda account, edit: pay(account, edit["currency"], edit["amount"]))
    return [account | {k: v for k, v in (settings or {}).items() if k != "rulebook"} for account in edited]


def each(edits, accounts: list[dict], apply) -> None:
    """Apply edits one after the other, each to the accounts that it names, or to all."""
    for edit in edits:
        given = edit.get("account")
        names = [given] if isinstance(given, str) else given
        for account in accounts:
            if names is None or account["id"] in names:
                apply(account, edit)


def entered_accounts(market: dict, accounts: list[dict]) -> list[dict]:
    """Positions without an average price as entered at the mark of the document."""
    entered = copy.deepcopy(accounts)
    for account in entered:
        for position in account.get("positions", []):
            position.setdefault("average_price", find(market, position["instrument"])["mark"])
    return entered


def rows_of(account: dict, instrument: str) -> list[dict]:
    return [position for position in account.get("positions", []) if position["instrument"] == instrument]


def net_quantity(account: dict, instrument: str) -> float:
    return sum(position["quantity"] for position in rows_of(account, instrument))


def pay(account: dict, currency: str, amount: float) -> None:
    balances = account.setdefault("balances", {})
    balances[currency] = balances.get(currency, 0.0) + amount


def add_order(account: dict, edit: dict) -> None:
    account.setdefault("orders", []).append({key: edit[key] for key in ("instrument", "quantity", "price")})


def worth(row: dict, price: float) -> float:
    """Of one contract at a price, in its settlement currency."""
    inverse = row["kind"] != "option" and row["settle"] == row["coin"]
    return -row["contract_value"] / price if inverse else row["contract_value"] * price


def add_position(market: dict, account: dict, edit: dict, paid: bool) -> None:
    row = find(market, edit["instrument"])
    price = edit.get("average_price", row["mark"])
    position = {"instrument": row["id"], "quantity": edit["quantity"], "average_price": price}
    account.setdefault("positions", []).append(position)
    if paid and row["kind"] == "option":
        pay(account, row["coin"], -edit["quantity"] * worth(row, price))


def taken(account: dict, edit: dict, netted: bool) -> list[tuple[float, float]]:
    """Takes rows away and tells quantity and entry price of each part.

    All rows by default, and where all that is held net is traded out; else the last rows of the side that is named.
    """
    name = edit["instrument"]
    rows = rows_of(account, name)
    if "quantity" not in edit or (netted and edit["quantity"] == net_quantity(account, name)):
        account["positions"] = [p for p in account["positions"] if p["instrument"] != name]
        return [(row["quantity"], row["average_price"]) for row in rows]
    side, missing = (1.0 if edit["quantity"] > 0 else -1.0), abs(edit["quantity"])
    parts = []
    for row in reversed(rows):
        part = min(max(side * row["quantity"], 0.0), missing)
        parts.append((side * part, row["average_price"]))
        row["quantity"] -= side * part
        missing -= part
    account["positions"] = [p for p in account["positions"] if p["instrument"] != name or p["quantity"] != 0]
    return parts


def remove_position(market: dict, account: dict, edit: dict, paid: bool) -> None:
    """As if it had never been: nothing of its P&L stays, and what was paid for an option comes back."""
    row = find(market, edit["instrument"])
    for quantity, entry in taken(account, edit, netted=False):
        if paid and row["kind"] == "option":
            pay(account, row["coin"], quantity * worth(row, entry))


def closing_edits(close, accounts: list[dict]) -> list[dict]:
    """One edit an instrument and holder where no account is named."""
    if isinstance(close, str):
        held = {p["instrument"] for account in accounts for p in account.get("positions", [])}
        close = sorted(held) if close == "all" else [close]
    edits = []
    for item in close:
        edit = {"instrument": item} if isinstance(item, str) else item
        if edit.get("account") is None:
            holders = [account["id"] for account in accounts if rows_of(account, edit["instrument"])]
            edit = edit | {"account": holders}
        edits.append(edit)
    return edits


def close_position(market: dict, account: dict, edit: dict) -> None:
    """P&L at the mark, and the value of options, go to the balance of the settlement currency."""
    row = find(market, edit["instrument"])
    for quantity, entry in taken(account, edit, netted=True):
        paid_for = 0.0 if row["kind"] == "option" else worth(row, entry)
        pay(account, row["settle"], quantity * (worth(row, row["mark"]) - paid_for))

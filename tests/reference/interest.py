"""Hourly interest on debts: the parts of a liability, its interest-free quota, and the charges (PM 11, E)."""

from datetime import UTC, datetime, timedelta

from tests.reference.borrowing_rules import BorrowRules
from tests.reference.contracts import Contract, read_contract
from tests.reference.equity import currency_equity


def contracts_of(market: dict, account: dict) -> dict[str, Contract]:
    """The contracts that the account's positions and orders name, by id; spot pairs are none (formats.md)."""
    named = {row["instrument"] for row in account.get("positions", []) + account.get("orders", [])}
    return {row["id"]: read_contract(row, market) for row in market["instruments"] if row["id"] in named}


def equities_of(market: dict, account: dict) -> dict[str, float]:
    """E of every currency of the account (OC 4)."""
    return currency_equity(account, contracts_of(market, account))


def net_balance(account: dict, currency: str) -> float:
    """B = balance - accrued interest (E)."""
    return account.get("balances", {}).get(currency, 0.0) - account.get("accrued_interest", {}).get(currency, 0.0)


def auto_borrows(account: dict) -> bool:
    """The account's auto-borrow switch, on where it is absent (formats.md)."""
    return account.get("auto_borrow", True)


def liability_parts(balance: float, accrued: float, equity: float) -> tuple[float, float]:
    """(balance part, loss part) of L = max(0, -E): min(L, max(0, -B)), and the rest (E)."""
    liability = max(0.0, -equity)
    balance_part = min(liability, max(0.0, accrued - balance))
    return balance_part, liability - balance_part


def potential_borrowing(equities: dict[str, float], frozen: dict[str, float]) -> dict[str, float]:
    """max(0, F - E) of each currency; it bears no interest (PM 11, E)."""
    return {c: max(0.0, frozen.get(c, 0.0) - equity) for c, equity in equities.items()}


def free_quota(currency: str, equities: dict[str, float], rules: BorrowRules) -> float:
    """Q: the currency's own quota, for USDT plus max(0, E of USDC) (PM 11, E)."""
    own = rules.free_quota.get(currency, rules.free_quota_other)
    if currency == "USDT":
        return own + max(0.0, equities.get("USDC", 0.0))
    return own


def bearing_amount(balance_part: float, loss_part: float, quota: float, auto_borrow: bool, rules: BorrowRules) -> float:
    """The interest-bearing amount: with auto-borrow the quota frees the loss part only, without it all of L (E)."""
    if auto_borrow or not rules.free_quota_covers_balance:
        return balance_part + max(0.0, loss_part - quota)
    return max(0.0, balance_part + loss_part - quota)


def bearing_amounts(account: dict, equities: dict[str, float], rules: BorrowRules) -> dict[str, float]:
    """The interest-bearing amount of each currency of the account (E)."""
    amounts = {}
    for currency, equity in equities.items():
        balance = account.get("balances", {}).get(currency, 0.0)
        accrued = account.get("accrued_interest", {}).get(currency, 0.0)
        parts = liability_parts(balance, accrued, equity)
        quota = free_quota(currency, equities, rules)
        amounts[currency] = bearing_amount(*parts, quota, auto_borrows(account), rules)
    return amounts


def hourly_rate(currency: str, rules: BorrowRules) -> float:
    """Daily rate / 24 (PM 11, E)."""
    return rules.daily_rate.get(currency, rules.daily_rate_other) / rules.hours_per_day


def full_hours(time: str, hours: float) -> int:
    """How many full hours (UTC) lie in (time, time + hours] (E)."""
    start = datetime.fromisoformat(time).astimezone(UTC)
    end = start + timedelta(hours=hours)
    chime = start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    count = 0
    while chime <= end:
        count += 1
        chime += timedelta(hours=1)
    return count


def accrue(market: dict, account: dict, hours: float, rules: BorrowRules) -> dict[str, float]:
    """Interest added per currency: each full hour charges the amount of the start (simple); no zero entries (E)."""
    charges = full_hours(market["time"], hours)
    equities = equities_of(market, account)
    amounts = bearing_amounts(account, equities, rules)
    added = {c: charges * amount * hourly_rate(c, rules) for c, amount in amounts.items()}
    return {c: interest for c, interest in added.items() if interest > 0.0}


def charged(account: dict, added: dict[str, float]) -> dict:
    """The account after a charge: it is added to accrued interest, nothing else changes (E)."""
    accrued = dict(account.get("accrued_interest", {}))
    for currency, interest in added.items():
        accrued[currency] = accrued.get(currency, 0.0) + interest
    return {**account, "accrued_interest": accrued} if added else account

"""Random native accounts with debts of every kind, for comparing an implementation of the borrowing rules with this.

Each account owes in up to three currencies (by balance, by unrealised losses, by accrued interest, or by several of
them) and owns up to six others. Its borrow limits lie around its debts. Guarantee: an account that must convert under
the given rules has something to sell (`give_reserve`).
"""

from random import Random

from tests.reference.borrowing_rules import BorrowRules
from tests.reference.contracts import price, read_contract
from tests.reference.conversion import first_rate, required, sellable
from tests.reference.equity import unrealised
from tests.reference.interest import equities_of
from tests.reference.parameters import Parameters
from tests.reference.random_markets import log_uniform

# a debt as a multiple of its free quota, and of its borrow limit: on both sides of every step (E), never on one
QUOTA_MULTIPLES = (0.3, 0.9, 1.1, 2.0, 20.0)
UTILISATIONS = (0.4, 0.94, 0.96, 1.0, 1.04, 1.06, 1.07, 1.09, 1.3)
VOLUMES = (1e5, 4e6, 1e7, 3e8)
PEERS = ("BTC", "ETH")  # coins of one haircut class, which only volumes or names put in order


def with_volumes(market: dict, seed: int) -> dict:
    """The market with `volume_24h_usd` on some futures and perpetuals, in few sizes so that some tie (E, plan)."""
    rng = Random(f"volumes-{seed}")
    rows = [dict(row) for row in market["instruments"]]
    for row in rows:
        if row["kind"] != "option" and rng.random() < 0.12:
            row["volume_24h_usd"] = rng.choice(VOLUMES)
    silent = rng.choice(sorted({row["coin"] for row in rows}))
    for row in rows:
        if row["coin"] == silent:
            row.pop("volume_24h_usd", None)
    return market | {"instruments": rows}


def random_borrowers(
    market: dict, seed: int, count: int, rules: BorrowRules | None = None, parameters: Parameters | None = None
) -> list[dict]:
    """`count` elements for the "accounts" list of an accounts document (formats.md)."""
    rng = Random(f"borrowers-{seed}")
    rules, parameters = rules or BorrowRules(), parameters or Parameters()
    return [random_borrower(market, rng, f"borrower{seed}-{i}", rules, parameters) for i in range(count)]


def random_borrower(market: dict, rng: Random, name: str, rules: BorrowRules, parameters: Parameters) -> dict:
    """One account: debts, assets, limits, sometimes an order, and the reserve that the guarantee asks for (E)."""
    account = {"id": name, "balances": {}, "accrued_interest": {}, "positions": []}
    if rng.random() < 0.8:
        account["auto_borrow"] = rng.random() < 0.5
    known = currencies_of(market)
    currencies = rng.sample(known, min(7, len(known)))
    debts = rng.choice((0, 1, 1, 2, 2, 3))
    for currency in currencies[:debts]:
        DEBTS[rng.choice(list(DEBTS))](market, rng, account, currency, debt_amount(market, rng, currency, rules))
    owned = set(currencies[3 : 3 + rng.choice((0, 0, 1, 1, 2, 3, 4))])
    if owned and rng.random() < 0.3:
        owned |= set(PEERS) - set(currencies[:debts])
    for currency in sorted(owned & set(known)):
        ASSETS[rng.choice(list(ASSETS))](market, rng, account, currency, asset_amount(market, rng, account, currency))
    if rng.random() < 0.3:
        account["orders"] = [spot_order(market, rng)]
    draw_limits(market, rng, account)
    give_reserve(market, rng, account, rules, parameters)
    return account


def currencies_of(market: dict) -> list[str]:
    """Every currency with a price in USD, and USD (formats.md, index)."""
    return sorted({pair.removesuffix("-USD") for pair in market["index"] if pair.endswith("-USD")} | {"USD"})


def digits(amount: float) -> float:
    """Nine significant digits, as a document would have."""
    return float(f"{amount:.9g}")


def debt_amount(market: dict, rng: Random, currency: str, rules: BorrowRules) -> float:
    """A debt around the currency's free quota, or of any size where it has none (PM 11)."""
    quota = rules.free_quota.get(currency, rules.free_quota_other)
    if quota > 0.0:
        return quota * rng.choice(QUOTA_MULTIPLES) * rng.uniform(0.98, 1.02)
    return log_uniform(rng, 1e3, 1e6) / price(market, currency, "USD")


def asset_amount(market: dict, rng: Random, account: dict, currency: str) -> float:
    """An asset worth a twentieth to twenty times all debts, or of any size where there are none (E, the plan)."""
    equities = equities_of(market, account)
    owed = sum(max(0.0, -equity) * price(market, c, "USD") for c, equity in equities.items())
    usd = owed * rng.choice((0.05, 0.3, 2.0, 20.0)) if owed > 0.0 else log_uniform(rng, 1e2, 1e5)
    return usd * rng.uniform(0.9, 1.1) / price(market, currency, "USD")


def add_to(account: dict, table: str, currency: str, amount: float) -> None:
    """Adds an amount to a currency's entry of `balances` or `accrued_interest` (formats.md)."""
    account[table][currency] = digits(account[table].get(currency, 0.0) + amount)


def balance_debt(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """A negative balance: balance part alone (E)."""
    add_to(account, "balances", currency, -amount)


def loss_debt(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """An unrealised loss larger than a positive balance: loss part alone (PM 11, passive liability)."""
    balance = amount * rng.choice((0.0, 0.4, 1.5))
    add_to(account, "balances", currency, balance)
    add_profit(market, rng, account, currency, -amount - balance)


def mixed_debt(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """A negative balance, accrued interest and an unrealised loss: both parts (E)."""
    share = rng.choice((0.1, 0.5, 0.9))
    add_to(account, "balances", currency, -share * amount)
    add_to(account, "accrued_interest", currency, 0.01 * amount)
    add_profit(market, rng, account, currency, -(0.99 - share) * amount)


def covered_debt(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """A negative balance, part of which an unrealised profit covers: balance part = L (E)."""
    cover = amount * rng.uniform(0.2, 2.0)
    add_to(account, "balances", currency, -amount - cover)
    add_profit(market, rng, account, currency, cover)


def interest_debt(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """Nothing but accrued interest, without an entry in the balances: B = -accrued interest (E)."""
    add_to(account, "accrued_interest", currency, amount)


def plain_asset(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """A positive balance, sometimes with accrued interest on it: S = B = E (E)."""
    add_to(account, "balances", currency, amount)
    if rng.random() < 0.3:
        add_to(account, "accrued_interest", currency, 0.02 * amount)


def profit_asset(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """A positive balance and an unrealised profit: S = B < E (E)."""
    add_to(account, "balances", currency, amount)
    add_profit(market, rng, account, currency, amount)


def dented_asset(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """A positive balance and a smaller unrealised loss: S = E < B (E)."""
    add_to(account, "balances", currency, 2.0 * amount)
    add_profit(market, rng, account, currency, -amount)


def paper_asset(market: dict, rng: Random, account: dict, currency: str, amount: float) -> None:
    """An unrealised profit over a balance that is zero or negative: E > 0, but S = 0 (E)."""
    owed = amount * rng.choice((0.0, 0.5))
    add_to(account, "balances", currency, -owed)
    add_profit(market, rng, account, currency, amount + owed)


def add_profit(market: dict, rng: Random, account: dict, currency: str, profit: float) -> None:
    """One or two positions settled in the currency with this unrealised profit; a balance where none exist (OC 4)."""
    rows = [row for row in market["instruments"] if row["settle"] == currency and row["mark"] > 0.001]
    if not rows:
        add_to(account, "balances", currency, profit)
        return
    options = [row for row in rows if row["kind"] == "option"]
    futures = [row for row in rows if row["kind"] != "option"]
    count = rng.choice((1, 1, 2))
    for _ in range(count):
        chosen = options if options and rng.random() < 0.3 else futures
        account["positions"].append(position_with(market, rng, rng.choice(chosen), profit / count))


def position_with(market: dict, rng: Random, row: dict, profit: float) -> dict:
    """A position bought or sold 2 to 30 % from the mark, as large as the profit needs (OC 4, unrealised P&L)."""
    contract = read_contract(row, market)
    average = digits(row["mark"] * (1.0 + rng.choice((-1, 1)) * rng.uniform(0.02, 0.3)))
    if contract.kind == "option":
        per_contract = contract.size * contract.mark
    else:
        per_contract = unrealised({"quantity": 1.0, "average_price": average}, contract)
    return {"instrument": row["id"], "quantity": digits(profit / per_contract), "average_price": average}


def spot_order(market: dict, rng: Random) -> dict:
    """A spot order large enough to freeze more than is owned: potential borrowing, which no rule of E charges."""
    usd = log_uniform(rng, 1e4, 1e7)
    quantity = rng.choice((-1, 1)) * digits(usd / price(market, "BTC", "USD"))
    return {"instrument": "BTC-USDT", "quantity": quantity, "price": price(market, "BTC", "USDT")}


def draw_limits(market: dict, rng: Random, account: dict) -> None:
    """Borrow limits on both sides of every utilisation step of the debts, rarely 0, and some without a debt (E)."""
    limits = {}
    for currency, equity in equities_of(market, account).items():
        if rng.random() < 0.25:
            continue
        if equity < 0.0:
            utilisation = rng.choice(UTILISATIONS) * rng.uniform(0.998, 1.002)
            limits[currency] = 0.0 if rng.random() < 0.08 else digits(-equity / utilisation)
        elif rng.random() < 0.3:
            limits[currency] = rng.choice((0.0, 5.0))
    if limits or rng.random() < 0.5:
        account["borrow_limits"] = limits


def give_reserve(market: dict, rng: Random, account: dict, rules: BorrowRules, parameters: Parameters) -> None:
    """The guarantee: who must convert and has nothing to sell gets a balance of a currency that it does not owe (E)."""
    equities = equities_of(market, account)
    amounts = required(account, equities, rules)
    if not amounts or sellable(account, equities, parameters):
        return
    free = [c for c in currencies_of(market) if equities.get(c, 0.0) >= 0.0 and first_rate(c, parameters) > 0.0]
    currency = rng.choice(free)
    wanted_usd = sum(amount * price(market, c, "USD") for c, amount in amounts.items())
    gift = digits(wanted_usd * rng.choice((0.1, 0.5, 2.0)) / price(market, currency, "USD"))
    owned = account["balances"].get(currency, 0.0)
    account["balances"][currency] = max(owned, account["accrued_interest"].get(currency, 0.0)) + gift


DEBTS = {
    "balance": balance_debt, "loss": loss_debt, "mixed": mixed_debt, "covered": covered_debt, "interest": interest_debt,
}  # fmt: skip
ASSETS = {"plain": plain_asset, "profit": profit_asset, "dented": dented_asset, "paper": paper_asset}

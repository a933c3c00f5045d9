"""Forced conversion: how much of each debt must be bought back, and what is sold for it (PM 11, E)."""

from tests.reference.borrowing_rules import BorrowRules
from tests.reference.contracts import price
from tests.reference.interest import auto_borrows, equities_of, free_quota, net_balance
from tests.reference.parameters import Parameters

BRIDGE = "USDT"  # every trade goes through it
CASH = ("USDT", "USDC", "USD")  # sold in this order before the coins of the same rate


def required(account: dict, equities: dict[str, float], rules: BorrowRules) -> dict[str, float]:
    """A of each debt that must be bought back; debts that need not are left out (E, forced conversion)."""
    limits = account.get("borrow_limits", {})
    amounts = {}
    for currency, equity in equities.items():
        liability = max(0.0, -equity)
        if not auto_borrows(account):
            amounts[currency] = above_quota(liability, free_quota(currency, equities, rules), rules)
        elif currency in limits:
            amounts[currency] = above_limit(liability, limits[currency], rules)
    return {c: amount for c, amount in amounts.items() if amount > 0.0}


def above_quota(liability: float, quota: float, rules: BorrowRules) -> float:
    """Auto-borrow off: where L > Q, A = min(L, L - Q + 0.1 Q) (E)."""
    if liability > quota:
        return min(liability, liability - quota + rules.conversion_quota_frac * quota)
    return 0.0


def above_limit(liability: float, limit: float, rules: BorrowRules) -> float:
    """Auto-borrow on: A = min(L, max(fraction U, L - U)), the fraction by the highest step that L / U reaches (E)."""
    if limit == 0.0:
        return liability
    fraction = None
    for step, buys in zip(rules.utilisation_steps, rules.utilisation_buys, strict=True):
        if liability / limit >= step:
            fraction = buys
    if fraction is None:
        return 0.0
    return min(liability, max(fraction * limit, liability - limit))


def first_rate(currency: str, parameters: Parameters) -> float:
    """r: the rate of the first haircut tier of the currency's class (E)."""
    return parameters.haircut(currency).rate[0]


def sellable(account: dict, equities: dict[str, float], parameters: Parameters) -> dict[str, float]:
    """S = max(0, min(B, E)) of the currencies with E > 0; those with r = 0 or S = 0 are left out (E)."""
    amounts = {}
    for currency, equity in equities.items():
        amount = max(0.0, min(net_balance(account, currency), equity))
        if equity > 0.0 and amount > 0.0 and first_rate(currency, parameters) != 0.0:
            amounts[currency] = amount
    return amounts


def largest_volume(market: dict, coin: str) -> float:
    """The largest volume_24h_usd among the coin's contracts of the market document; 0 where none is given (E)."""
    return max((row.get("volume_24h_usd", 0.0) for row in market["instruments"] if row["coin"] == coin), default=0.0)


def selling_order(market: dict, currencies: list[str], parameters: Parameters) -> list[str]:
    """r descending; then USDT, USDC, USD; then coins by largest volume descending; then by name (E)."""

    def place(currency: str) -> tuple:
        rate = first_rate(currency, parameters)
        if currency in CASH:
            return -rate, CASH.index(currency), 0.0, currency
        return -rate, len(CASH), -largest_volume(market, currency), currency

    return sorted(currencies, key=place)


def debt_order(market: dict, amounts: dict[str, float]) -> list[str]:
    """Debts by A * X descending, equal ones by name (E)."""
    return sorted(amounts, key=lambda c: (-amounts[c] * price(market, c, "USD"), c))


def trade_cost(currency: str, rules: BorrowRules) -> float:
    """k = fee + slippage of the trade of one currency against USDT; nothing for USDT itself (E)."""
    return 0.0 if currency == BRIDGE else rules.fee_frac + rules.slippage_frac


def bought_by(market: dict, sold: float, asset: str, debt: str, rules: BorrowRules) -> float:
    """V1 (1 - k_buy) / X_d of the debt's currency, V1 = s X_a (1 - k_sale) (E)."""
    v1 = sold * price(market, asset, "USD") * (1.0 - trade_cost(asset, rules))
    return v1 * (1.0 - trade_cost(debt, rules)) / price(market, debt, "USD")


def sold_for(market: dict, bought: float, asset: str, debt: str, rules: BorrowRules) -> float:
    """What must be sold of an asset to buy an amount of the debt's currency: `bought_by` solved for s (E)."""
    return bought / bought_by(market, 1.0, asset, debt, rules)


def step_of(market: dict, account: dict, sale: tuple[str, float], buy: tuple[str, float], rules: BorrowRules) -> dict:
    """One row of the plan; the costs of both trades are split as fee : slippage (E)."""
    (asset, sold), (debt, bought) = sale, buy
    v0 = sold * price(market, asset, "USD")
    v1 = v0 * (1.0 - trade_cost(asset, rules))
    cost = v0 * trade_cost(asset, rules) + v1 * trade_cost(debt, rules)
    both = rules.fee_frac + rules.slippage_frac
    fee = cost * rules.fee_frac / both if both > 0.0 else 0.0
    return {
        "account": account["id"], "sold_currency": asset, "sold_amount": sold, "bought_currency": debt,
        "bought_amount": bought, "fee_usd": fee, "slippage_usd": cost - fee,
    }  # fmt: skip


def buy_back(
    market: dict, account: dict, debt: str, amount: float, order: list[str], left: dict[str, float], rules: BorrowRules
) -> list[dict]:
    """The steps of one debt: each asset as far as needed or as it lasts. `left` loses what is sold (E)."""
    steps, wanted = [], amount
    for asset in order:
        if wanted <= 0.0:
            break
        if left[asset] == 0.0:
            continue
        sold, bought = sold_for(market, wanted, asset, debt, rules), wanted
        if sold > left[asset]:
            sold = left[asset]
            bought = bought_by(market, sold, asset, debt, rules)
        left[asset] -= sold
        wanted -= bought
        steps.append(step_of(market, account, (asset, sold), (debt, bought), rules))
    return steps


def after(account: dict, steps: list[dict]) -> dict:
    """Balances change by what was sold and bought; nothing else does (E)."""
    balances = dict(account.get("balances", {}))
    for step in steps:
        sold, bought = step["sold_currency"], step["bought_currency"]
        balances[sold] = balances.get(sold, 0.0) - step["sold_amount"]
        balances[bought] = balances.get(bought, 0.0) + step["bought_amount"]
    return {**account, "balances": balances} if steps else account


def convert(market: dict, account: dict, rules: BorrowRules, parameters: Parameters) -> tuple[list[dict], dict]:
    """The plan's steps and the account after them; ValueError where nothing at all can be sold (E, the plan)."""
    equities = equities_of(market, account)
    amounts = required(account, equities, rules)
    left = sellable(account, equities, parameters)
    if amounts and not left:
        raise ValueError(f"{account['id']}: must buy back {sorted(amounts)} and has nothing to sell")
    order = selling_order(market, list(left), parameters)
    steps = []
    for debt in debt_order(market, amounts):
        steps += buy_back(market, account, debt, amounts[debt], order, left, rules)
    return steps, after(account, steps)

"""Multi-currency mode, the slow independent reference: native documents in, columns of the comparison out.

Written from okx_portfolio_margin.md section 19 (PM 19), with floats and loops; every number is typed in here. The
choices that complete it are cited as CM:

* a position is netted by instrument; its notional is its cash delta, an option's that of its underlying;
* a seller's size is all that is short in options of one coin once every order to sell is filled;
* orders in perpetuals and futures: the worst of three books; orders to sell options: what opens a short position,
  all orders of an instrument alike;
* debt that the mode does not permit: above the borrow limit, without auto-borrow above the interest-free quota;
* a switch needs adjusted equity of the initial margin after repaying, and a margin ratio above 1.
"""

import math

from tests.reference.books import frozen_amounts, order_books
from tests.reference.borrowing import borrow_imr, borrow_mmr, liability_usd
from tests.reference.borrowing_rules import BorrowRules
from tests.reference.contracts import Contract, gross_size, price
from tests.reference.equity import currency_equity
from tests.reference.interest import auto_borrows, free_quota
from tests.reference.okx import held_contracts, margin
from tests.reference.parameters import Parameters

A, B, ORDER_FLOOR = 0.1, 0.15, 0.1
C_OF_COIN, C_OTHER = {"BTC": 0.03, "ETH": 0.05}, 0.05
TIER_COINS, FACTOR_STEP = {"BTC": 1_000.0, "ETH": 10_000.0}, 0.02

USD_BOUNDS, USD_STEP = (1e6, 5e6, 20e6, 40e6), 20e6
BTCUSD_BOUNDS, BTCUSD_STEP = (500, 3_000, 12_000, 24_000), 12_000
MAJOR_RATES = ((0.004, 0.008), (0.005, 0.010), (0.010, 0.015), (0.015, 0.020))
ALTCOIN_RATES = ((0.0065, 0.02), (0.01, 0.025), (0.015, 0.05), (0.02, 0.055))
RATE_STEP, UNSET_LEVERAGE = 0.005, 1.0


def compare(market: dict, account: dict, leverage: dict[str, float], p: Parameters, rules: BorrowRules) -> dict:
    """{"positions": {instrument: columns}, "account": columns}."""
    contracts = held_contracts(market, account)
    books = [book.quantities for book in order_books(account, contracts)]
    rows = {}
    for name in sorted({name for book in books for name in book}):
        quantities = [book.get(name, 0.0) for book in books]
        if any(q != 0.0 for q in quantities):
            rows[name] = position_row(contracts[name], quantities, leverage.get(name, UNSET_LEVERAGE))
    for name, row in rows.items():
        if contracts[name].kind == "option":
            option_row(row, contracts[name], account, books, contracts)
    return {"positions": rows, "account": account_row(market, account, leverage, contracts, rows, p, rules)}


def position_row(c: Contract, quantities: list[float], leverage: float) -> dict:
    """A perpetual or future; of an option the columns without margin."""
    held = quantities[0]
    row = {"quantity": held, "notional_usd": abs(held) * gross_size(c), "option_factor": math.nan}
    if c.kind == "option":
        return row | {"tier": 0, "mmr_usd": 0.0, "imr_usd": 0.0, "order_imr_usd": 0.0}
    tier, mmr, imr = contract_margin(c, held, leverage)
    worst = max(contract_margin(c, q, leverage)[2] for q in quantities)
    return row | {"tier": tier, "mmr_usd": mmr, "imr_usd": imr, "order_imr_usd": worst - imr}


def contract_margin(c: Contract, quantity: float, leverage: float) -> tuple[int, float, float]:
    """Tier, MMR and IMR of a whole position (PM 19); tier 0 where there is none."""
    notional = abs(quantity) * gross_size(c)
    if notional == 0.0:
        return 0, 0.0, 0.0
    if c.coin == "BTC" and c.kind == "inverse" and c.expiry is not None:
        tier = tier_of(abs(quantity), BTCUSD_BOUNDS, BTCUSD_STEP)
    else:
        tier = tier_of(notional, USD_BOUNDS, USD_STEP)
    rates = MAJOR_RATES if c.coin in ("BTC", "ETH") else ALTCOIN_RATES
    mmr, least = rates[min(tier, 4) - 1]
    further = RATE_STEP * max(tier - 4, 0)
    return tier, notional * min(mmr + further, 1.0), notional * max(1.0 / leverage, min(least + further, 1.0))


def tier_of(amount: float, bounds: tuple, step: float) -> int:
    """The first tier whose upper bound holds the amount."""
    tier, upper = 1, float(bounds[0])
    while amount > upper:
        tier += 1
        upper = float(bounds[tier - 1]) if tier <= len(bounds) else bounds[-1] + step * (tier - len(bounds))
    return tier


def option_row(row: dict, c: Contract, account: dict, books: list[dict], contracts: dict[str, Contract]) -> None:
    """Margin of an option's seller (PM 19), put into its row."""
    sold = sum(
        max(-quantity, 0.0) * contracts[name].size
        for name, quantity in books[2].items()
        if contracts[name].kind == "option" and contracts[name].coin == c.coin
    )
    held, with_sells = books[0].get(c.id, 0.0), books[2].get(c.id, 0.0)
    if with_sells >= 0.0:
        return
    size = TIER_COINS.get(c.coin, math.inf)
    row["tier"] = max(math.ceil(sold / size), 1)
    row["option_factor"] = 1.0 + FACTOR_STEP * (row["tier"] - 1)
    imr, mmr = seller_margin(c, row["option_factor"])
    short = max(-held, 0.0)
    row["mmr_usd"], row["imr_usd"] = (short * c.size * per_coin * c.index for per_coin in (mmr, imr))
    orders = [o for o in account.get("orders", []) if o["instrument"] == c.id and o["quantity"] < 0]
    ordered = sum(-o["quantity"] for o in orders)
    for order in orders:
        opening = -order["quantity"] * (max(-with_sells, 0.0) - short) / ordered
        row["order_imr_usd"] += opening * c.size * max(imr - order["price"], ORDER_FLOOR) * c.index


def seller_margin(c: Contract, factor: float) -> tuple[float, float]:
    """(IMR, MMR) of one coin, in the coin."""
    if c.right == "call":
        otm = max(c.strike - c.forward, 0.0)
        maintenance = C_OF_COIN.get(c.coin, C_OTHER)
    else:
        otm = max(c.forward - c.strike, 0.0)
        maintenance = max(C_OF_COIN.get(c.coin, C_OTHER), C_OF_COIN.get(c.coin, C_OTHER) * c.mark)
    return max(A, B - otm / c.forward) * factor + c.mark, maintenance * factor + c.mark


def account_row(
    market: dict,
    account: dict,
    leverage: dict[str, float],
    contracts: dict[str, Contract],
    rows: dict[str, dict],
    p: Parameters,
    rules: BorrowRules,
) -> dict:
    """Sums, the margin ratio (PM 10.4), and the precheck (PM 19)."""
    pm = margin(market, account, p)["account"]
    mmr = sum(row["mmr_usd"] for row in rows.values())
    imr = sum(row["imr_usd"] + row["order_imr_usd"] for row in rows.values())
    equities, frozen = currency_equity(account, contracts), frozen_amounts(account, contracts)
    repay = {c: not_permitted(account, c, equities, rules) for c in equities}
    after = {c: equity + repay[c] for c, equity in equities.items()}
    required = imr + borrow_imr(after, frozen, market, p)
    ratio_after = ratio(pm["equity_usd"], mmr, after, market, p)
    unset = any(
        row["quantity"] != 0.0 and contracts[name].kind != "option" and name not in leverage
        for name, row in rows.items()
    )
    repay_usd = sum(amount * price(market, c, "USD") for c, amount in repay.items())
    return {
        "equity_usd": pm["equity_usd"],
        "derivatives_mmr_usd": mmr,
        "borrow_mmr_usd": pm["borrow_mmr_usd"],
        "mmr_usd": mmr + pm["borrow_mmr_usd"],
        "derivatives_imr_usd": imr,
        "borrow_imr_usd": pm["borrow_imr_usd"],
        "imr_usd": imr + pm["borrow_imr_usd"],
        "margin_ratio": ratio(pm["equity_usd"], mmr, equities, market, p),
        "pm_mmr_usd": pm["mmr_usd"],
        "pm_imr_usd": pm["imr_usd"],
        "repay_usd": repay_usd,
        "required_usd": required,
        "shortfall_usd": max(required - pm["equity_usd"], 0.0),
        "s_code": code(repay_usd > 0.0, unset, pm["equity_usd"] < required or ratio_after <= 1.0),
        "pm_allowed": pm["eligible"] and pm["margin_ratio"] > 1.0,
    }


def ratio(equity_usd: float, mmr: float, equities: dict[str, float], market: dict, p: Parameters) -> float:
    """Adjusted equity / (MMR + 0.1 % of the liability and its MMR); +inf when nothing is required."""
    mr8 = borrow_mmr(equities, market, p)
    required = mmr + mr8 + 0.001 * (liability_usd(equities, market) + mr8)
    return equity_usd / required if required > 0.0 else math.inf


def not_permitted(account: dict, currency: str, equities: dict[str, float], rules: BorrowRules) -> float:
    """Debt above the borrow limit or, without auto-borrow, above the interest-free quota (CM)."""
    if auto_borrows(account):
        permitted = account.get("borrow_limits", {}).get(currency, math.inf)
    else:
        permitted = free_quota(currency, equities, rules)
    return max(max(0.0, -equities[currency]) - permitted, 0.0)


def code(unmatched: bool, leverage_unset: bool, short: bool) -> int:
    """sCode (PM 19): 1, 3 and 4 in this order, 0 where nothing stands in the way."""
    if unmatched:
        return 1
    if leverage_unset:
        return 3
    return 4 if short else 0

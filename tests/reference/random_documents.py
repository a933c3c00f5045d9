"""Random native documents for comparing an implementation with the twin: markets and accounts of many shapes."""

from random import Random

from tests.reference.random_markets import log_uniform, near, random_market

__all__ = ["random_accounts", "random_market", "random_order_accounts"]

# USD notional per row: dust, small, middle, large, and huge enough for every top tier
SCALES = ((1.0, 50.0), (1e3, 1e5), (1e5, 5e6), (5e6, 2e8), (5e8, 4e9))
UNIT_CURRENCIES = (("USDT", "spot_usdt"), ("USDC", "spot_usdc"), ("USD", "spot_coin"))  # and the mode that names it
SPOT_MODES = ("derivatives_only", "spot_usdt", "spot_usdc", "spot_coin")


def random_accounts(market: dict, seed: int, count: int) -> list[dict]:
    """`count` elements for the "accounts" list of an accounts document (formats.md)."""
    rng = Random(f"accounts-{seed}")
    shapes = list(SHAPES)
    return [random_account(market, rng, f"seed{seed}-{i}", shapes[i % len(shapes)]) for i in range(count)]


def random_account(market: dict, rng: Random, name: str, shape: str) -> dict:
    """One account of the named shape (a key of SHAPES) and of a random scale."""
    scale = SCALES[rng.choices(range(len(SCALES)), weights=(1, 3, 3, 3, 2))[0]]
    account = {"id": name}
    if rng.random() < 0.3:
        account["auto_borrow"] = rng.random() < 0.5
    SHAPES[shape](market, rng, scale, account)
    return account | random_settings(name)


def random_settings(name: str) -> dict:
    """The keys `spot_mode` and `declared`, or none of them; drawn apart so that the other draws of a seed stay."""
    rng = Random(f"settings-{name}")
    settings = {}
    if rng.random() < 0.8:
        settings["spot_mode"] = rng.choice(SPOT_MODES)
    if rng.random() < 0.3:
        settings["declared"] = rng.random() < 0.4
    return settings


def random_order_accounts(market: dict, seed: int, count: int) -> list[dict]:
    """Accounts with one to six orders in one unit, of v1 as of v2, spot orders among them."""
    rng = Random(f"order-accounts-{seed}")
    return [random_order_account(market, rng, f"orders{seed}-{i}") for i in range(count)]


def random_order_account(market: dict, rng: Random, name: str) -> dict:
    """Positions and orders of like sizes in one v1 unit, which the spot mode mostly names, and the coin itself."""
    coin, (currency, mode) = rng.choice(coins(market)), rng.choice(UNIT_CURRENCIES)
    settles = (currency, coin) if currency == "USD" else (currency,)
    rows = [r for r in market["instruments"] if r["coin"] == coin and r["settle"] in settles]
    usd = log_uniform(rng, *SCALES[rng.choice((1, 1, 2, 2, 3))])
    scale = (usd / 3.0, usd * 1.5)
    account = {"id": name, "spot_mode": mode if rng.random() < 0.8 else rng.choice(SPOT_MODES)}
    account["positions"] = [draw_position(market, rng, scale, of_any_kind(rng, rows)) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.3:  # a second unit, whose coin some spot orders may name
        others = [r for r in market["instruments"] if r["coin"] != coin]
        account["positions"].append(draw_position(market, rng, scale, of_any_kind(rng, others)))
    account["orders"] = [draw_unit_order(market, rng, scale, coin, rows) for _ in range(rng.choice((1, 2, 3, 4, 5, 6)))]
    account["balances"] = {"USDT": usd * rng.uniform(-0.3, 2.0)}
    if rng.random() < 0.8:
        account["balances"][coin] = usd * rng.uniform(-1.5, 1.5) / value(market, coin)
    if rng.random() < 0.3:
        account["spot_limits"] = {coin: rng.uniform(0.0, 1.5) * usd / value(market, coin)}
    return account


def draw_unit_order(market, rng, scale, coin, rows) -> dict:
    """A spot order that names the coin, as base or as quote, or an order in one of the unit's instruments."""
    if rng.random() < 0.35:
        return draw_spot_order_of(market, rng, scale, coin)
    row = of_any_kind(rng, rows)
    price = max(near(rng, row["mark"], 0.1), 0.0001)
    return {"instrument": row["id"], "quantity": contracts_for(market, rng, scale, row, 0), "price": price}


def draw_spot_order_of(market, rng, scale, coin) -> dict:
    """A spot order with the coin as base, or (BTC and ETH) sometimes as quote."""
    base, quote = coin, rng.choice([c for c in ("USDT", "USDC", "USD", "BTC", "ETH") if c != coin])
    if coin in ("BTC", "ETH") and rng.random() < 0.25:
        base, quote = rng.choice([c for c in coins(market) if c != coin]), coin
    return spot_order(market, rng, scale, base, quote)


def of_any_kind(rng, rows) -> dict:
    """An instrument of a kind that is drawn first, so that the many options do not crowd out the others."""
    kind = rng.choice(sorted({r["kind"] for r in rows}))
    return rng.choice([r for r in rows if r["kind"] == kind])


def draw_empty(market, rng, scale, account):
    """Nothing but an id and, as every account, random settings."""


def draw_spot(market, rng, scale, account):
    """Positive balances."""
    account["balances"] = draw_balances(market, rng, scale, negative=0.0)


def draw_borrowed(market, rng, scale, account):
    """Balances of which most are negative, some with accrued interest."""
    account["balances"] = draw_balances(market, rng, scale, negative=0.6)
    account["accrued_interest"] = {
        c: abs(b) * rng.uniform(0.0, 0.01) for c, b in account["balances"].items() if rng.random() < 0.5
    }


def draw_perpetuals(market, rng, scale, account):
    rows = [r for r in market["instruments"] if r["kind"] == "perpetual"]
    account["positions"] = [draw_position(market, rng, scale, rng.choice(rows)) for _ in range(rng.randint(1, 8))]
    collateral(market, rng, scale, account)


def draw_calendar(market, rng, scale, account):
    """Long one tenor, short another of the same coin, at nearly equal size."""
    coin = rng.choice(coins(market))
    rows = [r for r in market["instruments"] if r["coin"] == coin and r["kind"] != "option"]
    usd, sign = log_uniform(rng, *scale), rng.choice((-1, 1))
    account["positions"] = [
        draw_position(market, rng, (usd, usd * 1.02), row, sign * (-1) ** k)
        for k, row in enumerate(rng.sample(rows, 4))
    ]
    collateral(market, rng, scale, account)


def draw_options(market, rng, scale, account):
    rows = [r for r in market["instruments"] if r["kind"] == "option"]
    account["positions"] = [draw_position(market, rng, scale, rng.choice(rows)) for _ in range(rng.randint(1, 16))]
    collateral(market, rng, scale, account)


def draw_one_expiry_options(market, rng, scale, account):
    """Options of one coin, all long or all short, with a future or perpetual against them half of the time."""
    coin = rng.choice([c for c in coins(market) if c != "LTC"])
    options = [r for r in market["instruments"] if r["kind"] == "option" and r["coin"] == coin]
    expiry, sign = rng.choice(options)["expiry"], rng.choice((-1, 1))
    chain = [r for r in options if r["expiry"] == expiry]
    account["positions"] = [draw_position(market, rng, scale, r, sign) for r in rng.sample(chain, rng.randint(1, 8))]
    if rng.random() < 0.5:
        hedges = [r for r in market["instruments"] if r["kind"] != "option" and r["coin"] == coin]
        account["positions"].append(draw_position(market, rng, scale, rng.choice(hedges)))
    collateral(market, rng, scale, account)


def draw_spot_hedge(market, rng, scale, account):
    """Coins held against short derivatives; sometimes the user limits the spot in use."""
    hedge(market, rng, scale, account, 1)


def draw_borrowed_hedge(market, rng, scale, account):
    """Borrowed coins against long derivatives."""
    hedge(market, rng, scale, account, -1)


def hedge(market, rng, scale, account, sign):
    coin = rng.choice(coins(market))
    rows = [r for r in market["instruments"] if r["coin"] == coin and r["kind"] != "option"]
    usd = log_uniform(rng, *scale)
    account["balances"] = {coin: sign * usd * rng.uniform(0.5, 1.5) / market["index"][f"{coin}-USD"]}
    account["positions"] = [
        draw_position(market, rng, (usd / 3, usd), rng.choice(rows), -sign) for _ in range(rng.randint(1, 3))
    ]
    if rng.random() < 0.5:
        account["spot_limits"] = {coin: rng.choice((0.0, 0.3, 2.0)) * abs(account["balances"][coin])}
    if rng.random() < 0.5:
        account["accrued_interest"] = {coin: 1e-4 * abs(account["balances"][coin])}
    if rng.random() < 0.7:
        account["balances"]["USDT"] = usd * rng.uniform(-0.5, 1.0)


def draw_stablecoin_hedge(market, rng, scale, account):
    """Opposite contracts of one coin in different denominations (MR9), perpetuals and sometimes futures."""
    coin = rng.choice(coins(market))
    kinds = ("perpetual",) if rng.random() < 0.6 else ("perpetual", "future")
    rows = [r for r in market["instruments"] if r["coin"] == coin and r["kind"] in kinds]
    signs = {"USDT": rng.choice((-1, 1)), "USDC": rng.choice((-1, 1))}
    count = rng.randint(2, 6)
    account["positions"] = [
        draw_position(market, rng, scale, r, signs.get(r["settle"], -signs["USDT"]))
        for r in rng.sample(rows, min(count, len(rows)))
    ]
    collateral(market, rng, scale, account)


def draw_orders_only(market, rng, scale, account):
    account["orders"] = [draw_order(market, rng, scale) for _ in range(rng.randint(1, 5))]
    collateral(market, rng, scale, account)


def draw_spot_orders_only(market, rng, scale, account):
    account["orders"] = [draw_spot_order(market, rng, scale) for _ in range(rng.randint(1, 4))]
    account["balances"] = draw_balances(market, rng, scale, negative=0.2)


def draw_everything(market, rng, scale, account):
    """Positions of every kind, some repeated, with balances, interest, limits and orders of both kinds."""
    account["positions"] = [
        draw_position(market, rng, scale, rng.choice(market["instruments"])) for _ in range(rng.randint(3, 20))
    ]
    for _ in range(rng.randint(1, 3)):
        row = find(market, rng.choice(account["positions"])["instrument"])
        account["positions"].append(draw_position(market, rng, scale, row))
    draw_borrowed(market, rng, scale, account)
    account["orders"] = [draw_order(market, rng, scale) for _ in range(rng.randint(0, 5))]
    account["orders"] += [draw_spot_order(market, rng, scale) for _ in range(rng.randint(0, 3))]
    account["spot_limits"] = {c: log_uniform(rng, 0.01, 100.0) for c in coins(market) if rng.random() < 0.3}
    if rng.random() < 0.3:
        account["borrow_limits"] = {"BTC": 5.0}


def draw_flat(market, rng, scale, account):
    """Positions that net to zero in one instrument; the unit exists all the same."""
    row = rng.choice(market["instruments"])
    first = draw_position(market, rng, scale, row)
    account["positions"] = [first, draw_position(market, rng, scale, row) | {"quantity": -first["quantity"]}]
    if rng.random() < 0.5:
        account["orders"] = [draw_order(market, rng, scale)]
    collateral(market, rng, scale, account)


def draw_balances(market, rng, scale, negative: float) -> dict[str, float]:
    """Balances in up to five currencies, each negative with the given probability."""
    currencies = ["USD", "USDT", "USDC", "BNB", "ZZZ", *coins(market)]
    balances = {}
    for currency in rng.sample(currencies, rng.randint(1, 5)):
        usd = log_uniform(rng, *scale) * (-1.0 if rng.random() < negative else 1.0)
        balances[currency] = float(f"{usd / value(market, currency):.9g}")
    return balances


def collateral(market, rng, scale, account):
    """Ten percent to twice the scale, mostly in one currency."""
    account["balances"] = draw_balances(market, rng, (0.1 * scale[0], 2.0 * scale[1]), negative=0.1)


def draw_position(market, rng, scale, row, sign=0) -> dict:
    """A position of random USD size; 15 % have no average price."""
    position = {"instrument": row["id"], "quantity": contracts_for(market, rng, scale, row, sign)}
    if rng.random() > 0.15:
        position["average_price"] = max(near(rng, row["mark"], 0.2), 0.0001)
    return position


def draw_order(market, rng, scale) -> dict:
    row = rng.choice(market["instruments"])
    quantity = contracts_for(market, rng, scale, row, 0)
    return {"instrument": row["id"], "quantity": quantity, "price": max(near(rng, row["mark"], 0.1), 0.0001)}


def draw_spot_order(market, rng, scale) -> dict:
    """A buy or sell of a coin against USDT, USDC, USD or another coin (as ETH-BTC)."""
    base = rng.choice(coins(market))
    quote = rng.choice([c for c in ("USDT", "USDC", "USD", "BTC", "ETH") if c != base])
    return spot_order(market, rng, scale, base, quote)


def spot_order(market, rng, scale, base, quote) -> dict:
    """A buy or sell of a random USD size at a price near the ratio of the two currencies' values."""
    quantity = rng.choice((-1, 1)) * log_uniform(rng, *scale) / value(market, base)
    price = near(rng, value(market, base) / value(market, quote), 0.05)
    return {"instrument": f"{base}-{quote}", "quantity": float(f"{quantity:.8g}"), "price": price}


def contracts_for(market, rng, scale, row, sign) -> float:
    """Signed contracts worth a random USD amount of underlying, two decimals and at least 0.01."""
    per_contract = row["contract_value"]
    if row["settle"] != row["coin"] or row["kind"] == "option":
        per_contract *= value(market, row["coin"])
    count = max(round(log_uniform(rng, *scale) / per_contract, 2), 0.01)
    return (sign or rng.choice((-1, 1))) * count


def value(market: dict, currency: str) -> float:
    return 1.0 if currency == "USD" else market["index"][f"{currency}-USD"]


def find(market: dict, name: str) -> dict:
    return next(row for row in market["instruments"] if row["id"] == name)


def coins(market: dict) -> list[str]:
    return sorted({row["coin"] for row in market["instruments"]})


# the shapes through which the accounts cycle
SHAPES = {
    "empty": draw_empty,
    "spot": draw_spot,
    "borrowed": draw_borrowed,
    "perpetuals": draw_perpetuals,
    "calendar": draw_calendar,
    "options": draw_options,
    "one_expiry_options": draw_one_expiry_options,
    "spot_hedge": draw_spot_hedge,
    "borrowed_hedge": draw_borrowed_hedge,
    "stablecoin_hedge": draw_stablecoin_hedge,
    "orders_only": draw_orders_only,
    "spot_orders_only": draw_spot_orders_only,
    "everything": draw_everything,
    "flat": draw_flat,
}

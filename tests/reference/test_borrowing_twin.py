"""The twin of the borrowing rules against the worked examples of PM 11, cases of choices E by hand, and properties."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.reference.books import frozen_amounts
from tests.reference.borrowing_rules import BorrowRules
from tests.reference.contracts import price
from tests.reference.conversion import convert, largest_volume, required, sellable, selling_order
from tests.reference.interest import (
    accrue,
    auto_borrows,
    bearing_amount,
    bearing_amounts,
    charged,
    contracts_of,
    equities_of,
    free_quota,
    full_hours,
    hourly_rate,
    liability_parts,
    potential_borrowing,
)
from tests.reference.parameters import Parameters, Tiers
from tests.reference.random_borrowers import random_borrowers, with_volumes
from tests.reference.random_markets import random_market

RULES = BorrowRules()
PARAMETERS = Parameters()
TWELVE_DIGITS = {"rel": 1e-12}
INDEX = {
    "BTC-USD": 50_000.0, "ETH-USD": 2_500.0, "DOT-USD": 5.0, "SOL-USD": 100.0, "TRX-USD": 0.1, "USDT-USD": 1.0,
    "USDC-USD": 0.99, "BTC-USDT": 50_000.0,
}  # fmt: skip


def perpetual(coin, settle, size, mark, volume=None):
    row = {"id": f"{coin}-{settle}-SWAP", "kind": "perpetual", "coin": coin, "settle": settle, "contract_value": size}
    return row | {"mark": mark} | ({} if volume is None else {"volume_24h_usd": volume})


def market_at(clock="14:55:00", *rows):
    btc = perpetual("BTC", "BTC", 100, 50_000.0)
    time = f"2025-01-15T{clock}Z"
    return {"format": "shockgrid.market/1", "time": time, "index": INDEX, "instruments": [btc, *rows]}


def account_of(balances, **rest):
    return {"id": "a", "balances": balances} | rest


def short_btc(loss):
    """A short inverse perpetual, 100 USD a contract, from 25,000 to 50,000: each contract loses 0.002 BTC."""
    return [{"instrument": "BTC-BTC-SWAP", "quantity": -loss / 0.002, "average_price": 25_000.0}]


def pm_11_account(loss, auto_borrow):
    return account_of({"BTC": 1.0, "ETH": 10_000.0}, positions=short_btc(loss), auto_borrow=auto_borrow)


# interest


@pytest.mark.parametrize("auto_borrow", [True, False])
def test_a_loss_of_two_leaves_one_bitcoin_of_free_debt(auto_borrow):
    """PM 11, conversion target: 1 BTC + 10,000 ETH, a loss of 2 BTC."""
    market, account = market_at(), pm_11_account(2.0, auto_borrow)
    equities = equities_of(market, account)
    assert equities["BTC"] == pytest.approx(-1.0, **TWELVE_DIGITS)
    assert bearing_amounts(account, equities, RULES)["BTC"] == pytest.approx(0.0, abs=1e-12)
    assert required(account, equities | {"BTC": -1.0}, RULES) == {}


def test_a_loss_of_three_converts():
    """PM 11: 2 BTC of debt is above the quota of 1; the choice buys the excess 1 and a tenth of the quota with ETH."""
    market, account = market_at(), pm_11_account(3.0, False)
    steps, new = convert(market, account, RULES, PARAMETERS)
    assert len(steps) == 1
    step = steps[0]
    assert (step["account"], step["sold_currency"], step["bought_currency"]) == ("a", "ETH", "BTC")
    assert step["bought_amount"] == pytest.approx(1.1, **TWELVE_DIGITS)
    assert step["sold_amount"] == pytest.approx(55_000.0 / 0.999 / 0.999 / 2_500.0, **TWELVE_DIGITS)
    assert step["fee_usd"] == pytest.approx(55_000.0 / 0.998001 - 55_000.0, rel=1e-9)
    assert step["slippage_usd"] == 0.0
    assert new["balances"] == {"BTC": 1.0 + step["bought_amount"], "ETH": 10_000.0 - step["sold_amount"]}
    assert equities_of(market, new)["BTC"] == pytest.approx(-0.9, **TWELVE_DIGITS)


def test_auto_borrow_without_a_limit_never_converts_but_pays():
    market, account = market_at(), pm_11_account(3.0, True)
    assert convert(market, account, RULES, PARAMETERS) == ([], account)
    added = accrue(market, account, 1.0, RULES)
    assert added == {"BTC": pytest.approx(1.0 * 0.00019992 / 24.0, **TWELVE_DIGITS)}


def test_potential_borrowing_of_two_bitcoin():
    """PM 11: BTC equity 2, frozen 4. It bears no interest."""
    sale = {"instrument": "BTC-USDT", "quantity": -4.0, "price": 50_000.0}
    market, account = market_at(), account_of({"BTC": 2.0}, orders=[sale])
    frozen = frozen_amounts(account, contracts_of(market, account))
    assert potential_borrowing(equities_of(market, account), frozen) == {"BTC": 2.0}
    assert accrue(market, account, 24.0, RULES) == {}


def test_borrowed_at_five_to_three_is_charged_at_three():
    """PM 11: borrow at 14:55, charged at 15:00; repaid at 14:57, free."""
    market, account = market_at("14:55:00"), account_of({"USDT": -48_000.0})
    one_hour = 48_000.0 * 0.00043728 / 24.0
    assert accrue(market, account, 2.0 / 60.0, RULES) == {}
    assert accrue(market, account, 5.0 / 60.0, RULES) == {"USDT": pytest.approx(one_hour, **TWELVE_DIGITS)}
    assert accrue(market, account, 1.0, RULES) == {"USDT": pytest.approx(one_hour, **TWELVE_DIGITS)}
    assert accrue(market, account, 24.0, RULES) == {"USDT": pytest.approx(48_000.0 * 0.00043728, **TWELVE_DIGITS)}


@pytest.mark.parametrize(
    ("time", "hours", "count"),
    [
        ("2025-01-15T15:00:00Z", 0.0, 0),  # a charge at the start itself belongs to the time before
        ("2025-01-15T15:00:00Z", 0.99, 0),
        ("2025-01-15T15:00:00Z", 1.0, 1),
        ("2025-01-15T14:59:59.999Z", 0.0001, 1),
        ("2025-01-15T23:30:00Z", 2.0, 2),
        ("2025-01-15T14:00:00+05:30", 0.5, 1),  # 08:30 UTC
        ("2025-12-31T23:59:00Z", 24.0 * 365.0, 8760),
    ],
)
def test_full_hours(time, hours, count):
    assert full_hours(time, hours) == count


def test_parts_of_a_liability():
    assert liability_parts(5.0, 0.0, 3.0) == (0.0, 0.0)  # no debt
    assert liability_parts(-5.0, 0.0, -5.0) == (5.0, 0.0)  # borrowed
    assert liability_parts(-5.0, 1.0, -8.0) == (6.0, 2.0)  # borrowed, interest, and a loss of 2
    assert liability_parts(-5.0, 0.0, -3.0) == (3.0, 0.0)  # a profit of 2 covers a part
    assert liability_parts(2.0, 0.0, -3.0) == (0.0, 3.0)  # a loss of 5 on a balance of 2
    assert liability_parts(0.0, 0.5, -0.5) == (0.5, 0.0)  # interest alone


def test_bearing_amount_by_switch():
    """PM 11: with auto-borrow the quota frees the loss part only; without it the negative balance as well."""
    assert bearing_amount(6.0, 2.0, 5.0, True, RULES) == 6.0
    assert bearing_amount(6.0, 7.0, 5.0, True, RULES) == 8.0
    assert bearing_amount(6.0, 2.0, 5.0, False, RULES) == 3.0
    assert bearing_amount(1.0, 2.0, 5.0, False, RULES) == 0.0
    assert bearing_amount(6.0, 2.0, 5.0, False, replace(RULES, free_quota_covers_balance=False)) == 6.0


def test_quota_of_usdt_grows_with_usdc():
    """PM 11: 20,000 + max(0, equity of USDC)."""
    assert free_quota("USDT", {"USDT": -1.0}, RULES) == 20_000.0
    assert free_quota("USDT", {"USDC": 7_000.0}, RULES) == 27_000.0
    assert free_quota("USDT", {"USDC": -7_000.0}, RULES) == 20_000.0
    assert free_quota("USDC", {"USDT": 7_000.0}, RULES) == 5_000.0
    assert (free_quota("USD", {}, RULES), free_quota("SOL", {}, RULES)) == (0.0, 0.0)
    account = account_of({"USDT": -30_000.0, "USDC": 7_000.0}, auto_borrow=False)
    equities = equities_of(market_at(), account)
    assert bearing_amounts(account, equities, RULES)["USDT"] == 3_000.0
    assert required(account, equities, RULES) == {"USDT": 3_000.0 + 2_700.0}


def test_daily_rates():
    rates = {"USDT": 43728, "USDC": 43728, "USD": 43728, "BTC": 19992, "ETH": 19992, "SOL": 43728, "LTC": 43728}
    for currency, rate in rates.items():
        assert hourly_rate(currency, RULES) == pytest.approx(rate * 1e-8 / 24.0, **TWELVE_DIGITS)


def test_interest_is_simple_within_a_call_and_owed_after_it():
    market, account = market_at(), account_of({"USDT": -1e6, "BTC": 1.0}, accrued_interest={"USDT": 5.0})
    added = accrue(market, account, 10.0, RULES)
    assert added == {"USDT": pytest.approx(10.0 * 1_000_005.0 * 0.00043728 / 24.0, **TWELVE_DIGITS)}
    new = charged(account, added)
    assert new["accrued_interest"] == {"USDT": 5.0 + added["USDT"]}
    assert new["balances"] == account["balances"]
    assert bearing_amounts(new, equities_of(market, new), RULES)["USDT"] == 1_000_005.0 + added["USDT"]


# forced conversion: how much


@pytest.mark.parametrize(("debt", "buys"), [(9.4, 0.0), (9.5, 0.5), (10.5, 0.8), (10.8, 1.0), (11.5, 1.5)])
def test_conversion_at_a_limit_of_ten(debt, buys):
    """PM 11, the tier case: limit 10; debt 9.5 buys 0.5, 10.5 buys 0.8, 10.8 buys 1.0; then the excess."""
    account = account_of({"BTC": -debt, "USDT": 1e6}, borrow_limits={"BTC": 10.0, "ETH": 3.0}, auto_borrow=True)
    amounts = required(account, equities_of(market_at(), account), RULES)
    assert amounts == ({"BTC": pytest.approx(buys, **TWELVE_DIGITS)} if buys else {})


def test_a_limit_of_zero_converts_all_of_a_debt():
    account = account_of({"BTC": -0.25, "USDT": 1e6}, borrow_limits={"BTC": 0.0, "USDT": 0.0})
    assert required(account, equities_of(market_at(), account), RULES) == {"BTC": 0.25}


def test_without_auto_borrow_the_limit_does_not_matter_and_the_quota_does():
    account = account_of({"BTC": -1.0, "ETH": -5.5, "SOL": -2.0}, borrow_limits={"BTC": 0.1}, auto_borrow=False)
    assert required(account, equities_of(market_at(), account), RULES) == {"ETH": 1.0, "SOL": 2.0}


def test_what_can_be_sold():
    """S = max(0, min(B, E)): interest and losses lower it, profits do not raise it."""
    account = account_of({"BTC": 5.0, "ETH": 3.0, "DOT": 0.0, "SOL": -1.0}, accrued_interest={"ETH": 1.0})
    assert sellable(account, {"BTC": 2.0, "ETH": 2.5, "DOT": 4.0, "SOL": 3.0}, PARAMETERS) == {"BTC": 2.0, "ETH": 2.0}


class NoCoins(Parameters):
    """Haircuts at which SOL counts nothing."""

    def haircut(self, currency):
        return Tiers((math.inf,), (0.0,)) if currency == "SOL" else super().haircut(currency)


def test_assets_that_count_nothing_are_not_sold():
    """PM 11: 0-rate assets excluded."""
    market, account = market_at(), account_of({"SOL": 1e4, "BTC": -2.0}, auto_borrow=False)
    assert [s["sold_currency"] for s in convert(market, account, RULES, PARAMETERS)[0]] == ["SOL"]
    with pytest.raises(ValueError, match="nothing to sell"):
        convert(market, account, RULES, NoCoins())


# forced conversion: the plan


def test_selling_order():
    """Rate; then USDT, USDC, USD; then the largest volume of one contract; then name. XYZ (class 6) comes last."""
    rows = [
        perpetual("ETH", "USDT", 0.1, 2_500.0, 5e6),
        perpetual("ETH", "ETH", 10, 2_500.0, 7e6),
        perpetual("DOT", "DOT", 10, 5.0, 1e9),
        perpetual("TRX", "TRX", 10, 0.1, 2e3),
    ]
    market = market_at("14:55:00", *rows, perpetual("BTC", "USDT", 0.01, 50_000.0, 6e6))
    mixed = ["XYZ", "TRX", "USD", "SOL", "UNI", "TUSD", "AVAX", "BTC", "DOT", "USDC", "ETH", "USDT"]
    expected = ["USDT", "USDC", "USD", "ETH", "BTC", "TUSD", "DOT", "AVAX", "TRX", "SOL", "UNI", "XYZ"]
    assert selling_order(market, mixed, PARAMETERS) == expected


def test_ether_is_sold_before_dot():
    """PM 11: ETH at rate 1.0, then DOT at 0.9; 1 ETH does not suffice, DOT yields the rest."""
    market, account = market_at(), account_of({"DOT": 1e5, "ETH": 1.0, "BTC": -1.1}, auto_borrow=False)
    first, second = convert(market, account, RULES, PARAMETERS)[0]
    assert (first["sold_currency"], first["sold_amount"]) == ("ETH", 1.0)
    assert first["bought_amount"] == pytest.approx(2_500.0 * 0.998001 / 50_000.0, **TWELVE_DIGITS)
    assert second["sold_currency"] == "DOT"
    assert second["bought_amount"] == pytest.approx(0.2 - first["bought_amount"], **TWELVE_DIGITS)
    assert second["sold_amount"] == pytest.approx(second["bought_amount"] * 1e4 / 0.998001, **TWELVE_DIGITS)


def test_usdt_saves_the_fee_of_its_side():
    market = market_at()
    of_usdt = account_of({"USDT": 1e6, "SOL": -10.0}, auto_borrow=False)
    step = convert(market, of_usdt, RULES, PARAMETERS)[0][0]
    assert step["sold_amount"] == pytest.approx(1_000.0 / 0.999, **TWELVE_DIGITS)
    assert step["fee_usd"] == pytest.approx(1.0 / 0.999, **TWELVE_DIGITS)
    for_usdt = account_of({"USDT": -21_000.0, "SOL": 1e4}, auto_borrow=False)
    step = convert(market, for_usdt, RULES, PARAMETERS)[0][0]
    assert step["bought_amount"] == 3_000.0
    assert step["sold_amount"] == pytest.approx(30.0 / 0.999, **TWELVE_DIGITS)
    assert step["fee_usd"] == pytest.approx(3.0 / 0.999, **TWELVE_DIGITS)


def test_costs_split_between_fee_and_slippage():
    market, account = market_at(), account_of({"ETH": 100.0, "SOL": -10.0}, auto_borrow=False)
    step = convert(market, account, replace(RULES, slippage_frac=0.003), PARAMETERS)[0][0]
    cost = 1_000.0 / 0.996**2 - 1_000.0
    assert step["fee_usd"] == pytest.approx(cost / 4.0, rel=1e-10)
    assert step["slippage_usd"] == pytest.approx(cost * 0.75, rel=1e-10)
    free = convert(market, account, replace(RULES, fee_frac=0.0), PARAMETERS)[0][0]
    assert (free["sold_amount"], free["fee_usd"], free["slippage_usd"]) == (0.4, 0.0, 0.0)


def test_debts_share_the_assets_in_order_of_size():
    """SOL (2,000 USD) before DOT and TRX (1,000 USD each, by name); 3,500 USDT last for SOL, DOT and half of TRX."""
    account = account_of({"TRX": -40_000.0, "DOT": -255.0, "SOL": -20.0, "USDT": 3_500.0 / 0.999}, auto_borrow=False)
    balances = account["balances"]
    equal = account | {"balances": balances | {"TRX": -37_000.0, "DOT": -245.0}}
    steps, new = convert(market_at(), equal, RULES, PARAMETERS)
    assert required(equal, balances | equal["balances"], RULES) == {"TRX": 10_000.0, "DOT": 200.0, "SOL": 20.0}
    assert [s["bought_currency"] for s in steps] == ["SOL", "DOT", "TRX"]
    assert [s["bought_amount"] for s in steps] == pytest.approx([20.0, 200.0, 5_000.0], **TWELVE_DIGITS)
    assert new["balances"]["USDT"] == pytest.approx(0.0, abs=1e-9)
    assert new["balances"]["TRX"] == pytest.approx(-32_000.0, **TWELVE_DIGITS)


def test_nothing_to_sell_is_an_error_only_where_conversion_is_due():
    market = market_at()
    with pytest.raises(ValueError, match="nothing to sell"):
        convert(market, account_of({"SOL": -1.0}, auto_borrow=False), RULES, PARAMETERS)
    for account in (account_of({"BTC": -1.0}, auto_borrow=False), account_of({"SOL": -1.0}), {"id": "a"}):
        assert convert(market, account, RULES, PARAMETERS) == ([], account)


def test_a_later_debt_may_find_nothing_left():
    account = account_of({"SOL": -10.0, "USD": -500.0, "USDT": 100.0}, auto_borrow=False)
    steps, new = convert(market_at(), account, RULES, PARAMETERS)
    assert [(s["sold_currency"], s["bought_currency"]) for s in steps] == [("USDT", "SOL")]
    assert new["balances"] == {"SOL": -10.0 + 0.999, "USD": -500.0, "USDT": 0.0}


# random borrowers


def borrowers(seed, count=60):
    market = with_volumes(random_market(seed), seed)
    return [(market, account) for account in random_borrowers(market, seed, count)]


def usd(market, amounts):
    return math.fsum(price(market, c, "USD") * amount for c, amount in amounts.items())


@pytest.mark.parametrize("seed", range(6))
def test_no_liability_grows_and_no_more_than_due_is_bought(seed):
    for market, account in borrowers(seed):
        before, due = equities_of(market, account), required(account, equities_of(market, account), RULES)
        steps, new = convert(market, account, RULES, PARAMETERS)
        later = equities_of(market, new)
        for currency in set(before) | set(later):
            rounding = 1e-12 * (abs(before[currency]) + abs(account["balances"].get(currency, 0.0)))
            assert max(0.0, -later[currency]) <= max(0.0, -before[currency]) + rounding, account["id"]
        bought = Counter()
        for step in steps:
            bought[step["bought_currency"]] += step["bought_amount"]
        assert all(bought[c] <= due[c] * (1.0 + 1e-12) for c in bought), account["id"]


@pytest.mark.parametrize("seed", range(6))
def test_never_more_is_sold_than_held(seed):
    for market, account in borrowers(seed):
        held = sellable(account, equities_of(market, account), PARAMETERS)
        steps, _ = convert(market, account, RULES, PARAMETERS)
        sold = Counter()
        for step in steps:
            assert step["sold_amount"] > 0.0
            assert step["bought_amount"] > 0.0
            sold[step["sold_currency"]] += step["sold_amount"]
        assert all(sold[c] <= held[c] * (1.0 + 1e-12) for c in sold), account["id"]


@pytest.mark.parametrize("seed", range(6))
def test_value_lost_is_fees_and_slippage(seed):
    rules = replace(RULES, slippage_frac=0.0007)
    for market, account in borrowers(seed):
        steps, new = convert(market, account, rules, PARAMETERS)
        balances = account["balances"]
        lost = usd(market, {c: balances.get(c, 0.0) - amount for c, amount in new["balances"].items()})
        paid = math.fsum(step["fee_usd"] + step["slippage_usd"] for step in steps)
        gross = usd(market, {c: abs(amount) for c, amount in balances.items()})
        assert lost == pytest.approx(paid, rel=1e-9, abs=1e-12 * gross), account["id"]
        assert new | {"balances": balances} == account


@pytest.mark.parametrize("seed", range(6))
def test_all_is_bought_or_all_is_sold(seed):
    for market, account in borrowers(seed):
        before = equities_of(market, account)
        left, due = sellable(account, before, PARAMETERS), required(account, before, RULES)
        for step in convert(market, account, RULES, PARAMETERS)[0]:
            left[step["sold_currency"]] -= step["sold_amount"]
            due[step["bought_currency"]] -= step["bought_amount"]
        bought_all = all(abs(amount) <= 1e-12 * -before[c] for c, amount in due.items())
        assert bought_all or all(amount == 0.0 for amount in left.values()), account["id"]


@pytest.mark.parametrize("seed", range(6))
def test_interest_adds_up_and_never_exceeds_the_debt_at_its_rate(seed):
    for market, account in borrowers(seed, 30):
        equities = equities_of(market, account)
        day, half, rest = (accrue(market, account, hours, RULES) for hours in (24.0, 10.0, 14.0))
        assert set(day) == set(half) == set(rest)
        for currency, interest in day.items():
            assert interest == pytest.approx(half[currency] + rest[currency], **TWELVE_DIGITS)
            assert 0.0 < interest <= 24.0 * -equities[currency] * hourly_rate(currency, RULES) * (1.0 + 1e-12)


def test_borrowers_are_the_same_every_time():
    assert borrowers(3, 20) == borrowers(3, 20)
    assert borrowers(3, 20) != borrowers(4, 20)


# the generator reaches every branch


def interest_branches(account, equities):
    """Names of the branches that the interest rules take for one account."""
    switch = ("on" if auto_borrows(account) else "off") + ("" if "auto_borrow" in account else ", by default")
    yield f"auto-borrow {switch}"
    if equities.get("USDT", 0.0) < 0.0 and "USDC" in equities:
        yield f"USDT debt with USDC {'owned' if equities['USDC'] > 0.0 else 'owed'}"
    for currency, equity in equities.items():
        if equity >= 0.0:
            continue
        balance, accrued = account["balances"].get(currency, 0.0), account["accrued_interest"].get(currency, 0.0)
        parts, quota = liability_parts(balance, accrued, equity), free_quota(currency, equities, RULES)
        names = [name for name, part in zip(("balance", "loss"), parts, strict=True) if part > 1e-9 * -equity]
        over = parts[1] > quota if auto_borrows(account) else sum(parts) > quota
        free = "no quota" if quota == 0.0 else ("over quota" if over else "within quota")
        yield f"auto-borrow {'on' if auto_borrows(account) else 'off'}: {' and '.join(names)}, {free}"
        if accrued > balance and equity > balance - accrued:
            yield "profit covers a part"
        if currency not in account["balances"]:
            yield "interest alone"


def limit_branches(account, equities):
    """Names of the branches of the forced conversion with auto-borrow on."""
    if not auto_borrows(account):
        return
    limits = account.get("borrow_limits", {})
    for currency, equity in equities.items():
        if currency not in limits:
            yield "a debt without a limit" if equity < 0.0 else "neither debt nor limit"
        elif equity >= 0.0:
            yield "a limit without a debt"
        elif limits[currency] == 0.0:
            yield "limit zero"
        else:
            used = -equity / limits[currency]
            yield f"{sum(used >= step for step in (0.95, 1.05, 1.08, 1.1))} steps of utilisation"


def asset_branches(account, equities, held):
    """Names of the branches of what can be sold."""
    for currency, equity in equities.items():
        balance = account["balances"].get(currency, 0.0) - account["accrued_interest"].get(currency, 0.0)
        if equity > 0.0 and currency not in held:
            yield "an asset on paper only"
        if currency in held and not math.isclose(balance, equity, rel_tol=1e-6):
            yield "sellable is the balance" if balance < equity else "sellable is the equity"


def plan_branches(market, held, due, steps):
    """Names of the branches of the plan."""
    if not due:
        yield "nothing due, nothing to sell" if not held else "nothing due"
        return
    sold, bought = [s["sold_currency"] for s in steps], [s["bought_currency"] for s in steps]
    yield f"{min(len(due), 3)} debts due"
    total = Counter()
    for step in steps:
        total[step["sold_currency"]] += step["sold_amount"]
    yield "assets run out" if all(math.isclose(total[c], held[c], rel_tol=1e-12) for c in held) else "assets last"
    if len(set(bought)) < len(due):
        yield "a debt finds nothing left"
    if any(count > 1 for count in Counter(sold).values()):
        yield "an asset serves several debts"
    if any(count > 1 for count in Counter(bought).values()):
        yield "a debt takes several assets"
    yield from ("sells USDT" for _ in range(sold.count("USDT")))
    yield from ("buys USDT" for _ in range(bought.count("USDT")))
    yield from ("neither is USDT" for s, b in zip(sold, bought, strict=True) if "USDT" not in (s, b))
    yield from order_branches(market, selling_order(market, list(held), PARAMETERS))


def order_branches(market, order):
    """Which key puts each asset before the next one."""
    for first, second in pairwise(order):
        rates = [PARAMETERS.haircut(c).rate[0] for c in (first, second)]
        cash = [c in ("USDT", "USDC", "USD") for c in (first, second)]
        volumes = [largest_volume(market, c) for c in (first, second)]
        if rates[0] != rates[1]:
            yield "order by rate"
        elif any(cash):
            yield "cash before cash" if all(cash) else "cash before coin"
        else:
            yield "order by volume" if volumes[0] != volumes[1] else "order by name"


EXPECTED = {
    "auto-borrow on", "auto-borrow off", "auto-borrow on, by default", "profit covers a part", "interest alone",
    "USDT debt with USDC owned", "USDT debt with USDC owed",
    *(f"auto-borrow {switch}: {parts}, {free}" for switch in ("on", "off")
      for parts in ("balance", "loss", "balance and loss") for free in ("no quota", "within quota", "over quota")),
    "a debt without a limit", "neither debt nor limit", "a limit without a debt", "limit zero",
    *(f"{n} steps of utilisation" for n in range(5)),
    "an asset on paper only", "sellable is the balance", "sellable is the equity",
    "nothing due", "nothing due, nothing to sell", "1 debts due", "2 debts due", "3 debts due", "assets run out",
    "assets last", "a debt finds nothing left", "an asset serves several debts", "a debt takes several assets",
    "sells USDT", "buys USDT", "neither is USDT", "order by rate", "cash before cash", "cash before coin",
    "order by volume", "order by name",
} - {"auto-borrow on: balance, over quota"}  # fmt: skip


def test_the_generator_reaches_every_branch():
    """With auto-borrow on, a balance part alone has no loss part that could exceed the quota; the rest all occurs."""
    reached = Counter()
    for seed in range(6):
        for market, account in borrowers(seed, 100):
            equities = equities_of(market, account)
            held, due = sellable(account, equities, PARAMETERS), required(account, equities, RULES)
            reached.update(interest_branches(account, equities))
            reached.update(limit_branches(account, equities))
            reached.update(asset_branches(account, equities, held))
            reached.update(plan_branches(market, held, due, convert(market, account, RULES, PARAMETERS)[0]))
    assert set(reached) == EXPECTED
    assert min(reached.values()) >= 3, reached.most_common()[-5:]


@pytest.mark.parametrize("seed", range(12))
def test_who_must_convert_has_something_to_sell(seed):
    for market, account in borrowers(seed, 100):
        equities = equities_of(market, account)
        assert not required(account, equities, RULES) or sellable(account, equities, PARAMETERS), account["id"]

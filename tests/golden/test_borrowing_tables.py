"""Tables and edges of borrowing: every free quota and daily rate, order of sale, steps at the limit, places of errors.

Beside ``test_borrowing_examples.py``, which has the examples of okx_portfolio_margin.md section 11.
"""

from __future__ import annotations

import json

import pytest

import shockgrid as sg
from tests.documents import accounts_of, market_of

PRICES = {"BTC": 50e3, "ETH": 2_500.0, "SOL": 100.0, "DOT": 5.0, "BSV": 40.0, "USDT": 1.0, "USDC": 1.0}


def perpetual(name, coin, settle, size, **more):
    row = {"id": name, "kind": "perpetual", "coin": coin, "settle": settle, "contract_value": size}
    return row | {"mark": PRICES[coin]} | more


def market_in(prices=PRICES, instruments=(), time="2025-02-01T00:00:00Z"):
    """A market of these prices in USD; where it has contracts, coins cost the same in USDT."""
    index = {f"{name}-USD": price for name, price in prices.items()}
    index |= {f"{row['coin']}-USDT": PRICES[row["coin"]] for row in instruments}
    document = {"format": "shockgrid.market/1", "time": time, "index": index, "instruments": list(instruments)}
    return market_of(document)


def debtor(balances, **more):
    """Currencies that are not named are held at zero, so that most accounts share their shapes and a compilation."""
    balances = dict.fromkeys((*PRICES, "USD"), 0.0) | balances
    return {"id": "a", "balances": balances, "auto_borrow": False, **more}


def steps_of(rules, entry, market=None):
    return sg.convert_debts(market or market_in(), accounts_of(entry), rules).steps


# -- tables -----------------------------------------------------------------------------------------------------------


def test_every_interest_free_limit(rules, shared):
    """Section 11's list in parameters.json; a currency that it does not name has no free quota."""
    limits = json.loads((shared / "spec" / "parameters.json").read_text())["interest_free_limits"]
    expected = {name: limit for name, limit in limits.items() if isinstance(limit, (int, float))}
    expected |= {"USDT": 20_000, "SOL": 0}
    assert limits["USDT"].startswith("20000 + ")
    assert len(expected) > 30
    market = market_in(dict.fromkeys(expected, 1.0))
    frame = sg.margin(market, accounts_of({"id": "a", "balances": dict.fromkeys(expected, -1.0)}), rules).currencies
    assert frame.set_index("currency").free_quota.to_dict() == expected


def test_the_daily_rate_of_every_currency(rules):
    """USDT and BTC as the documents print them; USDC and USD as USDT, ETH as BTC, others as USDT by choice."""
    dollar, coin = 0.00043728, 0.00019992
    expected = {"USDT": dollar, "USDC": dollar, "USD": dollar, "BTC": coin, "ETH": coin}
    expected |= dict.fromkeys(("SOL", "DOT", "BSV"), dollar)
    accounts = accounts_of(debtor(dict.fromkeys(expected, -1.0), auto_borrow=True))
    frame = sg.margin(market_in(), accounts, rules).currencies.set_index("currency")
    assert frame.interest_per_hour.to_dict() == pytest.approx(
        {name: rate / 24 for name, rate in expected.items()}, rel=1e-15, abs=0
    )


@pytest.mark.parametrize(("hours", "charges"), [(0, 0), (0.999, 0), (1, 1), (1.999, 1), (2, 2), (8760, 8760)])
def test_a_time_on_the_hour_is_charged_an_hour_later(rules, hours, charges):
    """Full hours in (time, time + hours]: the one at which the call starts was charged before."""
    after = sg.accrue_interest(accounts_of(debtor({"SOL": -24.0})), market_in(), hours, rules)
    b = after.balances
    names = [b.currency.names[code] for code in b.currency.codes]
    expected = dict.fromkeys(names, 0.0) | {"SOL": charges * 0.00043728}
    assert dict(zip(names, b.accrued_interest, strict=True)) == pytest.approx(expected, rel=1e-12, abs=0)


# -- conversion -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dot", "bsv", "first"), [(2e6, 1e6, "DOT"), (1e6, 2e6, "BSV"), (1e6, 1e6, "BSV")])
def test_of_equal_discount_rates_the_larger_volume_is_sold_first_then_names_decide(rules, dot, bsv, first):
    """Section 11's other example sells DOT before BSV; both are in class 3."""
    assert [tiers[0] for tiers in rules.of_each("haircut.rates", ["DOT", "BSV"])] == [0.9, 0.9]
    listed = (
        perpetual("DOT-USDT-SWAP", "DOT", "USDT", 1, volume_24h_usd=dot),
        perpetual("BSV-USDT-SWAP", "BSV", "USDT", 1, volume_24h_usd=bsv),
        # The largest volume of a coin's contracts counts, not their sum.
        perpetual("DOT-USD-SWAP", "DOT", "DOT", 10, volume_24h_usd=0.9 * dot),
    )
    entry = debtor({"BTC": -3, "DOT": 1e6, "BSV": 1e6})
    assert steps_of(rules, entry, market_in(instruments=listed)).sold_currency.tolist() == [first]


def test_at_the_best_rate_stablecoins_go_before_coins(rules):
    steps = steps_of(rules, debtor({"BTC": -3, "ETH": 10, "USD": 1e3, "USDC": 1e3, "USDT": 1e3}))
    assert steps.sold_currency.tolist() == ["USDT", "USDC", "USD", "ETH"]
    assert steps.step.tolist() == [1, 2, 3, 4]
    # Where USDT itself is sold only the purchase costs 0.1 %; the others pay twice.
    assert steps.fee_usd.tolist()[:2] == pytest.approx([1.0, 1e3 - 1e3 * 0.999**2], rel=1e-12)


def test_the_largest_debt_takes_first(rules):
    """70,000 USDT above the quota and 2 BTC: BTC is dearer, so ETH goes there as far as it lasts."""
    steps = steps_of(rules, debtor({"USDT": -90e3, "BTC": -3, "ETH": 42.1}))
    assert steps.bought_currency.tolist() == ["BTC", "USDT"]
    assert steps.bought_amount[0] == pytest.approx(2.1, rel=1e-9)
    assert steps.sold_amount.sum() == pytest.approx(42.1, rel=1e-12)
    left = 42.1 * 2_500 - 2.1 * 50e3 / 0.999**2
    assert steps.bought_amount[1] == pytest.approx(left * 0.999, rel=1e-9), "a debt in USDT is not bought"


@pytest.mark.parametrize("debt", [4.0, 1e-6])
def test_a_limit_of_zero_lets_no_debt_stand(rules, debt):
    entry = debtor({"BTC": -debt, "ETH": 1e3}, auto_borrow=True, borrow_limits={"BTC": 0})
    (step,) = steps_of(rules, entry).to_dict("records")
    assert step["bought_amount"] == pytest.approx(debt, rel=1e-9)
    assert step["reason"] == "near the borrow limit"


@pytest.mark.parametrize(("limit", "debt", "buys"), [(9, 9.45, 0.72), (7, 7.56, 0.70)])
def test_a_step_is_reached_at_its_utilisation(rules, limit, debt, buys):
    """At 105 % of any limit 8 % of it is bought, at 108 % 10 %, as with the limit of 10 of the example."""
    entry = debtor({"BTC": -debt, "ETH": 1e3}, auto_borrow=True, borrow_limits={"BTC": limit})
    assert steps_of(rules, entry).bought_amount.sum() == pytest.approx(buys, rel=1e-9)


def test_a_second_conversion_finds_nothing_left_to_do(rules):
    market, entry = market_in(), debtor({"BTC": -3, "ETH": 100})
    once = sg.convert_debts(market, accounts_of(entry), rules)
    assert len(once.steps) == 1
    assert len(sg.convert_debts(market, once.after, rules).steps) == 0


# -- accounts after ---------------------------------------------------------------------------------------------------

BUSY = {
    "spot_mode": "spot_coin",
    "declared": False,
    "accrued_interest": {"BTC": 0.001, "SOL": 0.5},
    "spot_limits": {"BTC": 2.0},
    "borrow_limits": {"BTC": 5.0, "ETH": 0.0},
    "positions": [
        {"instrument": "BTC-USD-SWAP", "quantity": -10.0},
        {"instrument": "BTC-USD-SWAP", "quantity": -20.0, "average_price": 49e3},
    ],
    "orders": [{"instrument": "BTC-USDT", "quantity": 0.1, "price": 45e3}],
}
OTHER = {"id": "other", "balances": {"DOT": 3.0}, "positions": [{"instrument": "BTC-USD-SWAP", "quantity": 1.0}]}
LISTED = (perpetual("BTC-USD-SWAP", "BTC", "BTC", 100),)


@pytest.mark.parametrize("form", ["after.json", "after"])
def test_only_balances_and_interest_change_and_both_forms_keep_the_rest(rules, tmp_path, form):
    """Everything in the document but ``balances`` and ``accrued_interest`` is as it was, to the letter."""
    market = market_in(instruments=LISTED)
    busy = {"id": "a", "auto_borrow": False, "balances": {"BTC": -3.0, "ETH": 100.0}, **BUSY}
    before = accounts_of(busy, OTHER)
    plan = sg.convert_debts(market, sg.accrue_interest(before, market, 24, rules), rules)
    sg.write_accounts(plan.after, tmp_path / form)
    documents = []
    for name, accounts in (("before", before), ("read", sg.read_accounts(tmp_path / form)), ("direct", plan.after)):
        sg.write_accounts(accounts, tmp_path / f"{name}.json")
        documents.append(json.loads((tmp_path / f"{name}.json").read_text())["accounts"])
    (was, other), (now, other_now), direct = documents
    assert [now, other_now] == direct, "written and read back"
    assert other_now == other == OTHER
    balances, interest = now.pop("balances"), now.pop("accrued_interest")
    del was["balances"], was["accrued_interest"]
    assert now == was
    # Of BTC what is above the quota of 1 bears interest, the loss of the short included; SOL has no quota.
    debt = 3.001 + 2_000 * (1 / 49e3 - 1 / 50e3)
    owed = {"BTC": 0.001 + (debt - 1) * 0.00019992, "SOL": 0.5 * (1 + 0.00043728)}
    assert interest == pytest.approx(owed, rel=1e-12)
    steps = plan.steps.set_index("bought_currency")
    assert set(steps.sold_currency) == {"ETH"}
    assert balances == {
        "BTC": pytest.approx(-3.0 + steps.bought_amount["BTC"], rel=1e-12),
        "ETH": pytest.approx(100.0 - steps.sold_amount.sum(), rel=1e-12),
        "SOL": pytest.approx(owed["SOL"], rel=1e-9),
    }


def test_an_error_of_the_accounts_after_names_the_right_place(rules):
    """A currency added to the first account moves the rows of the others."""
    loss = [{"instrument": "BTC-USDT-SWAP", "quantity": 100, "average_price": 100e3}]
    accounts = accounts_of(
        {"id": "a", "balances": {"BTC": 10}, "positions": loss}, {"id": "b", "balances": {"DOT": 5, "SOL": 1}}
    )
    listed = (perpetual("BTC-USDT-SWAP", "BTC", "USDT", 0.01),)
    after = sg.accrue_interest(accounts, market_in(instruments=listed), 24, rules)
    without_dot = market_in({k: v for k, v in PRICES.items() if k != "DOT"}, listed)
    with pytest.raises(sg.InputError) as caught:
        sg.margin(without_dot, after, rules)
    assert caught.value.found == "'DOT'"
    assert caught.value.path == "balances[2].currency", "of the tables after, behind BTC and USDT of the first account"


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_more_hours_than_there_are_milliseconds(rules):
    with pytest.raises(sg.InputError, match="hours"):
        sg.accrue_interest(accounts_of(debtor({"BTC": -3})), market_in(), 1e303, rules)


def test_an_unknown_currency_of_a_borrow_limit_is_named_where_it_stands(rules):
    with pytest.raises(sg.InputError) as caught:
        sg.margin(market_in(), accounts_of(debtor({}, borrow_limits={"XYZ": 1})), rules)
    assert caught.value.path == "accounts[0].borrow_limits.XYZ"


def sell_btc(quantity):
    return [{"instrument": "BTC-USDT", "quantity": -quantity, "price": 50e3}]


@pytest.mark.parametrize(
    ("balances", "more"),
    [
        ({"BTC": 2}, {"orders": sell_btc(2)}),
        ({"BTC": 2, "USDT": 1e6}, {"orders": sell_btc(4), "auto_borrow": True, "borrow_limits": {"BTC": 2}}),
        ({"BTC": 2, "USDT": 1e6}, {"orders": sell_btc(4), "auto_borrow": True}),
        # Debts without orders are no matter of orders, however large.
        ({"BTC": -100}, {}),
    ],
)
def test_orders_up_to_the_edge_pass(rules, balances, more):
    sg.check_orders(market_in(), accounts_of(debtor(balances, **more)), rules)


@pytest.mark.parametrize(
    ("balances", "more", "expected", "found"),
    [
        ({"BTC": 2}, {"orders": sell_btc(2.001)}, "orders within the account's BTC, without auto-borrow", "0.001 BTC"),
        (
            {"BTC": 2, "USDT": 1e6},
            {"orders": sell_btc(4.001), "auto_borrow": True, "borrow_limits": {"BTC": 2}},
            "orders that borrow at most 2 BTC (borrow_limits)",
            "2.001 BTC",
        ),
        # Without auto-borrow a limit allows nothing.
        ({"BTC": 2}, {"orders": sell_btc(3), "borrow_limits": {"BTC": 9}}, "orders within the account's BTC", "1 BTC"),
        # 10 BTC of potential borrowing ask for 10 % of 500,000 USD.
        (
            {"USDT": 40e3},
            {"orders": sell_btc(10), "auto_borrow": True},
            "orders whose initial margin the adjusted equity of 40,000.00 USD covers",
            "50,000.00 USD",
        ),
    ],
)
def test_orders_beyond_the_edge_are_refused_at_their_account(rules, balances, more, expected, found):
    accounts = accounts_of({**debtor({"BTC": 1}), "id": "fine"}, debtor(balances, **more))
    with pytest.raises(sg.InputError) as caught:
        sg.check_orders(market_in(), accounts, rules)
    assert caught.value.path == "accounts[1].orders"
    assert caught.value.expected.startswith(expected)
    assert caught.value.found.startswith(found)


def test_of_several_refusals_the_first_account_is_named(rules):
    """Whatever its reason: what is short of equity may stand before what is short of a balance."""
    short_of_equity = debtor({"USDT": 40e3}, orders=sell_btc(10), auto_borrow=True)
    short_of_coins = {**debtor({"BTC": 1}, orders=sell_btc(3)), "id": "b"}
    for entries, reason in (
        ((short_of_equity, short_of_coins), "initial margin"),
        ((short_of_coins, short_of_equity), "without auto-borrow"),
    ):
        with pytest.raises(sg.InputError, match=rf"accounts\[0\].orders: expected orders .*{reason}"):
            sg.check_orders(market_in(), accounts_of(*entries), rules)

"""The twin's exact orders (CH D): the largest MMR over every subset of a unit's orders."""

from itertools import combinations

import pytest

from tests.reference.hand_markets import holding, market_of, option, par_index, swap
from tests.reference.okx import margin
from tests.reference.parameters import VERSIONS
from tests.reference.random_documents import random_market, random_order_accounts

NINE_DIGITS = {"rel": 1e-9, "abs": 1e-9}
SWAPS = (
    swap("BTC-USDT-SWAP", "BTC", "USDT", 0.01, 1e5),
    swap("BTC-USDC-SWAP", "BTC", "USDC", 0.01, 1e5),
    swap("ETH-USDT-SWAP", "ETH", "USDT", 0.1, 4e3),
)
MARKET = market_of(par_index(BTC=1e5, ETH=4e3), *SWAPS)


def order(name, quantity, price=1e5):
    return {"instrument": name, "quantity": quantity, "price": price}


def imr(account, orders="three_books", version="okx/v2-2025-01-15", market=MARKET):
    units = margin(market, account, VERSIONS[version], orders)["units"]
    return {name: unit["imr_usd"] for name, unit in units.items()}


def test_two_buy_orders_that_hedge_each_other():
    """Buy 10 BTC of the perpetual and 10 puts at 200,000 that end in an hour, each worth 100,000 whatever happens.

    Together flat: MR7 = 10 * (450 + 480) = 9,300. The puts alone: MR1 120,000, MR4 2,000 and
    MR5 = 2M / 8760 * (0.03 + 0.015 * (1 - 2 / 8760)) = 10.27 (rho = 10 * 100,000 * (K / F) * T).
    """
    put = option("P", "BTC", 0.01, ("put", 2e5, 1e5, 0.5), "2025-01-15T11:26:41.642Z")
    account = {"id": "a", "orders": [order("BTC-USDT-SWAP", 1000), order("P", 1000, 1.0)]}
    market = market_of(par_index(BTC=1e5), SWAPS[0], put)
    mr5 = 2e6 / 8760 * (0.03 + 0.015 * (1 - 2 / 8760))
    assert imr(account, market=market) == {"BTC": pytest.approx(1.3 * 9_300.0, **NINE_DIGITS)}
    assert imr(account, "every_subset", market=market) == {"BTC": pytest.approx(1.3 * (122_000.0 + mr5), **NINE_DIGITS)}


def test_spot_orders_take_part_in_the_subsets():
    """Buy 10 BTC of spot, sell 10 BTC of it and of the perpetual: the perpetual and the spot sale leave it naked.

    With 20 BTC the perpetual stays hedged whatever is filled: MR4 2 * 2,000, MR7 4,500.
    """
    account = {"id": "a", "balances": {"BTC": 10}}
    account["orders"] = [order("BTC-USDT-SWAP", -1000), order("BTC-USDT", -10), order("BTC-USDT", 10)]
    assert imr(account, "every_subset") == {"BTC": pytest.approx(1.3 * (120_000.0 + 2_000.0), **NINE_DIGITS)}
    account["balances"] = {"BTC": 20}
    assert imr(account, "every_subset") == {"BTC": pytest.approx(1.3 * 4_500.0, **NINE_DIGITS)}


def test_spot_orders_count_in_the_unit_that_the_mode_names():
    """Selling the hedge of a short perpetual: from June 2024 on, and only where the spot joins that unit."""
    account = holding({"BTC-USDT-SWAP": -1000, "BTC-USDC-SWAP": 1000}, balances={"BTC": 10}, spot_mode="spot_usdt")
    account["orders"] = [order("BTC-USDT", -10)]
    for orders in ("three_books", "every_subset"):
        naked, before = imr(account, orders, "okx/v1-2024-06-05"), imr(account, orders, "okx/v1-2024-05-11")
        assert naked == {"BTC-USDC": pytest.approx(195_000.0), "BTC-USDT": pytest.approx(195_000.0)}
        assert before == {"BTC-USDC": pytest.approx(195_000.0), "BTC-USDT": pytest.approx(1.3 * 4_500.0)}
        other = imr(account | {"spot_mode": "spot_coin"}, orders, "okx/v1-2024-06-05")
        assert other == {"BTC-USDC": pytest.approx(195_000.0), "BTC-USDT": pytest.approx(195_000.0)}


def test_borrowing_of_orders_stays():
    """Spot orders freeze what they sell, whether or not they change a unit (CH A, D)."""
    account = {"id": "a", "orders": [order("BTC-USDT", -1), order("BTC-USDT-SWAP", 1)]}
    for version in VERSIONS:
        rows = [margin(MARKET, account, VERSIONS[version], o)["account"] for o in ("three_books", "every_subset")]
        assert [row["borrow_imr_usd"] for row in rows] == [pytest.approx(10_000.0), pytest.approx(10_000.0)]


def test_too_many_orders():
    """At most 16 in a unit; those of another unit do not count."""
    orders = [order("BTC-USDT-SWAP", 1) for _ in range(17)]
    with pytest.raises(ValueError, match="17 orders"):
        imr({"id": "a", "orders": orders}, "every_subset")
    few = [order("ETH-USDT-SWAP", 1, 4e3) for _ in range(9)] + orders[:3]
    assert set(imr({"id": "a", "orders": few}, "every_subset")) == {"BTC", "ETH"}


def test_unknown_option():
    with pytest.raises(ValueError, match="every_subset"):
        imr({"id": "a", "orders": [order("BTC-USDT-SWAP", 1)]}, "two_books")


def filled(account, subset, derivatives):
    """The account after these orders are filled: derivatives without an average price, spot into the balances."""
    positions, balances = list(account["positions"]), dict(account["balances"])
    for o in subset:
        if o["instrument"] in derivatives:
            positions.append({"instrument": o["instrument"], "quantity": o["quantity"]})
            continue
        base, quote = o["instrument"].split("-")
        balances[base] = balances.get(base, 0.0) + o["quantity"]
        balances[quote] = balances.get(quote, 0.0) - o["quantity"] * o["price"]
    return account | {"positions": positions, "balances": balances, "orders": []}


@pytest.mark.parametrize("version", ["okx/v1-2024-06-05", "okx/v2-2024-12-30", "okx/v2-2025-12-04"])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_subset_by_filling_the_orders(version, seed):
    """1.3 times the largest MMR of the account with any subset of all its orders filled."""
    market, p = random_market(seed), VERSIONS[version]
    derivatives = {row["id"] for row in market["instruments"]}
    for account in random_order_accounts(market, seed, 12):
        largest: dict[str, float] = {}
        for size in range(len(account["orders"]) + 1):
            for subset in combinations(account["orders"], size):
                for name, unit in margin(market, filled(account, subset, derivatives), p)["units"].items():
                    largest[name] = max(largest.get(name, 0.0), unit["mmr_usd"])
        exact = imr(account, "every_subset", version, market)
        assert exact == {name: pytest.approx(1.3 * mmr, **NINE_DIGITS) for name, mmr in largest.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_subset_is_at_least_three_books(version):
    """And for some accounts more; everything but the IMR is the same."""
    market, p = random_market(4), VERSIONS[version]
    more = 0
    for account in random_order_accounts(market, 4, 40):
        books, exact = margin(market, account, p), margin(market, account, p, "every_subset")
        for name, unit in exact["units"].items():
            assert unit["imr_usd"] >= books["units"][name]["imr_usd"] * (1.0 - 1e-12)
            more += unit["imr_usd"] > books["units"][name]["imr_usd"] * (1.0 + 1e-6)
            assert unit | {"imr_usd": 0.0} == books["units"][name] | {"imr_usd": 0.0}
    assert more > 0


def test_random_order_accounts():
    """One to six orders, spot orders among them; the same for the same seed."""
    market = random_market(1)
    derivatives = {row["id"] for row in market["instruments"]}
    accounts = random_order_accounts(market, 1, 60)
    assert {len(account["orders"]) for account in accounts} == {1, 2, 3, 4, 5, 6}
    assert accounts == random_order_accounts(market, 1, 60)
    assert any(o["instrument"] not in derivatives for account in accounts for o in account["orders"])

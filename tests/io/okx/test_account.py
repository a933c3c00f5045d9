"""Private OKX payloads become one account."""

from __future__ import annotations

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.errors import InputError
from shockgrid.io.okx.account import read_okx_account
from shockgrid.io.okx.market import read_okx_market
from tests.io.okx.okx_documents import changed, folder_of, reply, written

POSITIONS = [
    {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "pos": "-10", "avgPx": "100000", "posSide": "net"},
    {"instId": "BTC-USD-250328", "instType": "FUTURES", "pos": "3", "avgPx": "98000", "posSide": "net"},
    {"instId": "BTC-USD-250328-100000-C", "instType": "OPTION", "pos": "1", "avgPx": "0.09", "posSide": "net"},
    {"instId": "BTC-USDT", "instType": "MARGIN", "pos": "0", "avgPx": "", "posSide": "net"},
]
POSITIONS = [row | {"mgnMode": "cross"} for row in POSITIONS]
DETAILS = [
    {"ccy": "USDT", "cashBal": "-5000.5", "interest": "0.25", "liab": "5000.5", "clSpotInUseAmt": ""},
    {"ccy": "BTC", "cashBal": "2", "interest": "", "liab": "", "clSpotInUseAmt": "1.5"},
]


def balance_of(details: list[dict]) -> dict:
    return reply({"totalEq": "1", "details": details})


def refused(place: str, expected: str, **payloads) -> InputError:
    with pytest.raises(InputError) as caught:
        read_okx_account(**payloads)
    assert caught.value.path == place
    assert expected in caught.value.expected
    return caught.value


def test_balances_and_positions():
    account = read_okx_account(balance=balance_of(DETAILS), positions=reply(*POSITIONS), id="desk")
    assert list(account.ids) == ["desk"]
    held, assets, limits = account.positions, account.balances, account.limits
    assert held.instrument.names == ("BTC-USDT-SWAP", "BTC-USD-250328", "BTC-USD-250328-100000-C")
    assert held.quantity.tolist() == [-10, 3, 1]
    assert held.average_price.tolist() == [100000, 98000, 0.09]
    assert assets.currency.names == ("USDT", "BTC")
    assert assets.amount.tolist() == [-5000.5, 2]
    assert assets.accrued_interest.tolist() == [0.25, 0]
    assert (limits.coin.names, limits.spot_limit.tolist()) == (("BTC",), [1.5])
    assert np.isnan(limits.borrow_limit).all()
    assert account.auto_borrow.tolist() == [True]


def test_margin_of_a_read_account(tmp_path, rules):
    market = read_okx_market(folder_of(tmp_path))
    account = read_okx_account(balance=balance_of(DETAILS), positions=reply(*POSITIONS), auto_borrow=False)
    assert sg.margin(market, account, rules).accounts["mmr_usd"].iloc[0] > 0


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"instType": "MARGIN"}, "instType", "SWAP, FUTURES or OPTION"),
        ({"instType": "EVENTS"}, "instType", "SWAP, FUTURES or OPTION"),
        ({"mgnMode": "isolated"}, "mgnMode", "cross"),
        ({"posSide": "long"}, "posSide", "net"),
        ({"posSide": None}, "posSide", "net"),
        ({"pos": ""}, "pos", "a number"),
        ({"avgPx": ""}, "avgPx", "a number"),
        ({"instId": ""}, "instId", "a non-empty string"),
    ],
)
def test_a_mistake_in_positions_is_named(changes, key, expected):
    rows = changed(POSITIONS, 1, **changes)
    error = refused(f"data[1].{key}", expected, positions=reply(*rows))
    assert error.file == "<positions>"


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"cashBal": ""}, "cashBal", "a number"),
        ({"ccy": None}, "ccy", "a non-empty string"),
        ({"interest": "x"}, "interest", "a number"),
    ],
)
def test_a_mistake_in_the_balance_is_named(changes, key, expected):
    refused(
        f"data[0].details[1].{key}", expected, balance=balance_of([DETAILS[0], *changed(DETAILS[1:], 0, **changes)])
    )


def test_what_accounts_refuse_names_the_payload(tmp_path):
    twice = written(tmp_path / "balance.json", balance_of([DETAILS[0], DETAILS[0]]))
    refused("balance.json data[0].details[1].ccy", "each currency once", balance=twice)
    held = written(tmp_path / "positions.json", reply(*changed(POSITIONS, 0, avgPx="-1")))
    error = refused("positions.json data[0].avgPx", "a finite price above 0", positions=held)
    assert error.file == str(tmp_path)
    owed = written(tmp_path / "balance.json", balance_of(changed(DETAILS, 0, interest="-1")))
    refused("balance.json data[0].details[0].interest", "0 or more", balance=owed)


def test_an_unknown_instrument_names_the_position(tmp_path, rules):
    market = read_okx_market(folder_of(tmp_path))
    held = written(tmp_path / "positions.json", reply(*changed(POSITIONS, 1, instId="BTC-USD-240101")))
    with pytest.raises(InputError, match=r"positions.json data\[1\].instId"):
        sg.margin(market, read_okx_account(positions=held), rules)


def test_nothing_to_read():
    refused("balance", "a balance or positions")


def test_shared_balance(shared):
    account = read_okx_account(balance=shared / "vectors" / "okx_examples" / "account_balance.json")
    assert account.balances.currency.names == ("USDT",)
    assert account.balances.amount.tolist() == [4850.435693622894]
    assert len(account.limits.coin) == 0


def test_shared_balance_detail_with_a_spot_limit(shared):
    path = shared / "vectors" / "okx_examples" / "balance_detail_spot_in_use_fields.json"
    assert read_okx_account(balance=path).limits.spot_limit.tolist() == [25]


def test_shared_margin_position_is_refused(shared):
    path = shared / "vectors" / "okx_examples" / "positions.json"
    refused("payload.data[0].instType", "SWAP, FUTURES or OPTION", positions=path)

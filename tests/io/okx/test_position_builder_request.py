"""Bodies of position-builder requests."""

from __future__ import annotations

import numpy as np
import pytest

from shockgrid.errors import InputError
from shockgrid.io.okx.position_builder import read_position_builder_request
from tests.io.okx.okx_documents import written

# First body of the example in OKX's API documents.
BODY = {
    "inclRealPosAndEq": False,
    "simPos": [
        {"pos": "-10", "instId": "BTC-USDT-SWAP", "avgPx": "100000"},
        {"pos": "10", "instId": "LTC-USDT-SWAP", "avgPx": "8000"},
    ],
    "simAsset": [{"ccy": "USDT", "amt": "100"}],
    "greeksType": "CASH",
}


def refused(body, place: str, expected: str, case: int = 0) -> InputError:
    with pytest.raises(InputError) as caught:
        read_position_builder_request(body, case)
    assert caught.value.path == place
    assert expected in caught.value.expected
    return caught.value


def test_a_body():
    request = read_position_builder_request(BODY | {"idxVol": "-0.05"})
    accounts = request.accounts
    assert list(accounts.ids) == ["position-builder"]
    assert (request.include_real, request.greeks_type, request.index_move) == (False, "CASH", -0.05)
    assert accounts.positions.instrument.names == ("BTC-USDT-SWAP", "LTC-USDT-SWAP")
    assert accounts.positions.quantity.tolist() == [-10, 10]
    assert accounts.positions.average_price.tolist() == [100000, 8000]
    assert accounts.balances.amount.tolist() == [100]
    assert request.derived == ()


def test_defaults():
    request = read_position_builder_request({"acctLv": "4", "simPos": [{"pos": "1", "instId": "X", "avgPx": ""}]})
    assert (request.include_real, request.greeks_type, request.index_move) == (True, "BS", 0)
    assert np.isnan(request.accounts.positions.average_price).all()


def test_simulated_assets_are_ignored_beside_real_ones():
    request = read_position_builder_request(BODY | {"inclRealPosAndEq": True})
    assert len(request.accounts.balances.amount) == 0
    assert len(request.accounts.positions.quantity) == 2
    assert "simAsset (1) left out" in request.derived[0]


def test_one_of_several_bodies(tmp_path):
    cases = [{"case": "a", "endpoint": "POST", "body": BODY}, {"case": "b", "body": BODY | {"greeksType": "PA"}}]
    path = written(tmp_path / "request.json", {"payload": cases})
    assert read_position_builder_request(path, case=1).greeks_type == "PA"
    refused(path, "case", "a case from 0 to 1", case=2)
    refused(BODY, "case", "case 0", case=1)
    refused({"payload": []}, "case", "not empty")


@pytest.mark.parametrize(
    ("changes", "place", "expected"),
    [
        ({"acctLv": "3"}, "acctLv", '"4" (portfolio margin), or no acctLv'),
        ({"mmrConfig": {"acctLv": "3", "lever": "1"}}, "mmrConfig.acctLv", '"4"'),
        ({"inclRealPosAndEq": "no"}, "inclRealPosAndEq", "true or false"),
        ({"greeksType": "USD"}, "greeksType", "one of BS, PA, CASH"),
        ({"idxVol": "1.5"}, "idxVol", "a move from -0.99 to 1"),
        ({"idxVol": "x"}, "idxVol", "a number"),
        ({"simPos": [{"instId": "X"}]}, "simPos[0].pos", "a number"),
        ({"simPos": [{"instId": "X", "pos": ""}]}, "simPos[0].pos", "a number"),
        ({"simPos": "X"}, "simPos", "a list of objects"),
        ({"simAsset": [{"ccy": "BTC", "amt": None}]}, "simAsset[0].amt", "a number"),
        ({"simAsset": [{"ccy": "BTC", "amt": "1"}] * 2}, "<position-builder> simAsset[1].ccy", "each currency once"),
    ],
)
def test_a_mistake_is_named(changes, place, expected):
    refused(BODY | changes, place, expected)


@pytest.mark.parametrize(("case", "include_real", "n_positions"), [(0, False, 2), (1, True, 0), (2, False, 2)])
def test_shared_bodies(shared, case, include_real, n_positions):
    path = shared / "vectors" / "okx_examples" / "position_builder_v2_request.json"
    request = read_position_builder_request(path, case)
    assert (request.include_real, len(request.accounts.positions.quantity)) == (include_real, n_positions)


def test_shared_bodies_of_multi_currency_margin(shared):
    examples = shared / "vectors" / "okx_examples"
    refused(examples / "position_builder_v2_request.json", "payload[3].body.acctLv", '"4"', case=3)
    refused(examples / "position_builder_graph_request.json", "payload.mmrConfig.acctLv", '"4"')

"""``debt_rates``: debts of any size keep the tiers of portfolio margin (section 10.2 of the rule text)."""

from __future__ import annotations

import numpy as np
import pytest

import shockgrid as sg
from shockgrid.builder.debt_rates import debt_rates
from tests.documents import accounts_of, market_of
from tests.reference import hand_markets

DEBTS = {("USDT", 100e3): 0.02, ("USDT", 3.5e6): 0.07, ("USDC", 150e3): 0.025, ("BTC", 36.0): 0.0625, ("SOL", 1e9): 0.1}


def test_debts_keep_the_tiers_of_portfolio_margin(rules):
    market = market_of(hand_markets.market_of(hand_markets.par_index(BTC=100e3, SOL=200.0)))
    report = sg.margin(market, accounts_of(), rules)
    currency = np.array([market.universe.currencies.index(name) for name, _ in DEBTS])
    mmr, imr = debt_rates(report, currency, np.array([amount for _, amount in DEBTS]))
    assert mmr == pytest.approx(list(DEBTS.values()), rel=1e-12, abs=0.0)
    assert (imr > mmr).all()

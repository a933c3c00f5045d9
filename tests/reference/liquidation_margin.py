"""The margin of an account in liquidation: as `okx.margin`, from per-contract figures that are computed once a market.

A liquidation margins one account thousands of times in a market that does not move (LP: price moves nothing). The
arithmetic is OC's; `test_liquidation_twin` compares it with `okx.margin`.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime

from tests.reference.basis import Bucket, largest_basis, matched_parts, mr4_v2
from tests.reference.borrowing import borrow_mmr, liability_usd
from tests.reference.contracts import Contract, cash_delta, decay_usd, denomination, pnl, rate_usd, read_contract, vega_usd
from tests.reference.depeg import hedged_volumes, mr9_charge, pair_price
from tests.reference.equity import adjusted_equity_usd, gross_equity_usd
from tests.reference.grid import shocked_vol
from tests.reference.liquidation_book import Book, equities, spot_equities
from tests.reference.minimum_charge import charge
from tests.reference.option_risks import by_expiry
from tests.reference.parameters import Parameters
from tests.reference.risk_units import RiskUnit, takes_spot, unit_of
from tests.reference.tables import interpolate, marginal
from tests.reference.units import component_sum, spot_in_use

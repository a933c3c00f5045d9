"""One risk unit: spot in use, MR1 to MR9, MMR and the component that decided it (OC sections 2 to 4)."""

import math

from tests.reference.basis import mr4
from tests.reference.contracts import cash_delta, decay_usd, gamma_usd, vega_usd
from tests.reference.depeg import mr9
from tests.reference.grid import Holdings, gross_usd, mr1_cells, mr6, worst_cell
from tests.reference.minimum_charge import mr7
from tests.reference.option_risks import mr2, mr3, mr5
from tests.reference.parameters import Parameters
from tests.reference.risk_units import RiskUnit

DOMINANCE_ORDER = ("mr1", "mr6", "mr2", "mr3", "mr4", "mr5", "mr9")


def spot_in_use(spot_equity: float, delta: float, limit: float) -> float:
    """X > 0, D < 0: min(X, -D, U); X < 0, D > 0: -min(-X, D, U); otherwise 0 (OC 2)."""
    if spot_equity > 0.0 and delta < 0.0:
        return min(spot_equity, -delta, limit)
    if spot_equity < 0.0 and delta > 0.0:
        return -min(-spot_equity, delta, limit)
    return 0.0


def components(
    unit: RiskUnit, holdings: Holdings, used: float, index: float, market: dict, p: Parameters
) -> tuple[dict, dict]:
    """({mr1 .. mr9 without mr8, worst cell}, {(price move, vol state): P&L}); v1 has no MR9 (OC 3)."""
    cells = mr1_cells(holdings, used, unit.coin, index, p)
    move, state = worst_cell(cells, gross_usd(holdings, used, index))
    row = {
        "mr1": max(0.0, -min(cells.values())),
        "mr2": mr2(holdings, p),
        "mr3": mr3(holdings, p),
        "mr4": mr4(holdings, used, unit, index, market, p),
        "mr5": mr5(holdings, p),
        "mr6": mr6(holdings, used, unit.coin, index, p),
        "mr7": mr7(holdings, unit.coin, p),
        "mr9": 0.0 if p.structure == "v1" else mr9(holdings, market, p),
        "worst_price_move": move,
        "worst_vol_state": state,
    }
    return row, cells


def component_sum(u: dict) -> float:
    """max(MR1, MR2, MR6) + MR3 + MR4 + MR5 + MR9, which is 0 in v1 (OC 4)."""
    return max(u["mr1"], u["mr2"], u["mr6"]) + u["mr3"] + u["mr4"] + u["mr5"] + u["mr9"]


def dominant(u: dict) -> str:
    """`mr7` if it exceeds the sum, else the largest component (within 1e-9 the earlier); `none` if the MMR is 0."""
    if u["mmr_usd"] == 0.0:
        return "none"
    if u["mr7"] > component_sum(u) * (1.0 + 1e-9):
        return "mr7"
    choice = DOMINANCE_ORDER[0]
    for name in DOMINANCE_ORDER[1:]:
        if u[name] > u[choice] * (1.0 + 1e-9):
            choice = name
    return choice


def evaluate(
    unit: RiskUnit, holdings: Holdings, spot_equity: float, limit: float, market: dict, p: Parameters
) -> tuple[dict, dict]:
    """All columns of one unit in one book except mr8, imr_usd and upl_usd; and its 21 cells."""
    index = market["index"][f"{unit.coin}-USD"]
    cash = math.fsum(q * cash_delta(c) for c, q in holdings)
    used = spot_in_use(spot_equity, cash / index, limit)
    row, cells = components(unit, holdings, used, index, market, p)
    row["mmr_usd"] = max(component_sum(row), row["mr7"])
    row["dominant"] = dominant(row)
    row["spot_in_use"] = used
    row["delta_coin"] = cash / index
    row["cash_delta_usd"] = cash
    row["gamma_usd"] = math.fsum(q * gamma_usd(c) for c, q in holdings)
    row["theta_usd"] = math.fsum(q * decay_usd(c, 1.0) for c, q in holdings)
    row["vega_usd"] = math.fsum(q * vega_usd(c) for c, q in holdings)
    return row, cells

"""The same accounts under many rule versions of one structure: one program, each distinct pricing done once."""

from __future__ import annotations

import jax

from shockgrid.accounts.row_plan import RowPlan
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.numerics.shapes import Array, Int
from shockgrid.scenarios.exposures import Exposures
from shockgrid.venues.okx.contract_exposures import contract_exposures
from shockgrid.venues.okx.margin import MarginResult, evaluation
from shockgrid.venues.okx.rule_tables import ContractRules, RuleTables


@jax.jit
def replay(
    contracts: Contracts,
    snapshot: Snapshot,
    pricings: ContractRules,
    tables: RuleTables,
    pricing_of_version: Int[Array, " version"],
    plan: RowPlan,
) -> tuple[Exposures, MarginResult]:
    """Exposures of every pricing, and the margin of all accounts of a plan under every version.

    Versions run one after the other: each is as large as a margin run, and memory does not grow with their number
    but for the results. Blocks of accounts each price anew, which costs less than a program of its own would.

    Args:
        contracts: Padded to size buckets.
        snapshot: Likewise, without leading axes.
        pricings: The distinct pricing rules, a leading axis before each number (``stacked``).
        tables: The rules of every version, likewise.
        pricing_of_version: Which of the pricings each version has.
        plan: The accounts under the risk units of the structure.

    Returns:
        Exposures with a leading pricing axis, results with a leading version axis.
    """
    exposures = jax.lax.map(lambda rules: contract_exposures(contracts, snapshot, rules), pricings)

    def one_version(version: tuple[RuleTables, Array]) -> MarginResult:
        rules, pricing = version
        return evaluation(contracts, snapshot, rules, plan, jax.tree.map(lambda x: x[pricing], exposures))

    return exposures, jax.lax.map(one_version, (tables, pricing_of_version))

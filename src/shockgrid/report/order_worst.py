"""The worst that open orders could do to each unit, over every subset of them."""

from __future__ import annotations

import jax
import numpy as np

from shockgrid.accounts.account_rows import AccountRows
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.order_subsets import order_subsets
from shockgrid.market.snapshot import Snapshot
from shockgrid.market.universe import Contracts
from shockgrid.scenarios.exposures import Exposures
from shockgrid.venues.okx.margin import book_margins
from shockgrid.venues.okx.rule_tables import RuleTables


def worst_of_subsets(
    accounts: Accounts,
    contracts: Contracts,
    snapshot: Snapshot,
    tables: RuleTables,
    rows: AccountRows,
    exposures: Exposures,
) -> np.ndarray:
    """Largest MMR of each unit row over the subsets of its orders, 0 for units without orders, padded like the rows.

    Raises:
        InputError: As for ``order_subsets``.
    """
    takes = np.asarray(tables.spot.joins) * np.asarray(tables.spot.orders) > 0
    worst = np.zeros(len(rows.plan.units.unit))
    for batch in order_subsets(accounts, rows, takes):
        mmr = np.asarray(
            jax.device_get(book_margins(contracts, snapshot, tables, rows.plan, exposures, batch.rows, batch.plan))
        )
        n = len(batch.unit_row) * batch.n_subsets
        worst[batch.unit_row] = mmr[:n].reshape(len(batch.unit_row), batch.n_subsets).max(axis=1)
    return worst

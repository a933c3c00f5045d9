"""The margin of any number of accounts, block by block, several blocks at a time.

A block goes all the way from holdings to figures while its arrays are in cache, and only figures are kept. Blocks are
padded to one shape, so that one compilation serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from threading import Lock
from typing import Any, TypeVar

import jax
import numpy as np

from shockgrid.accounts.account_rows import AccountRows, lay_rows, pack_rows
from shockgrid.accounts.holdings import Accounts
from shockgrid.accounts.market_holdings import BLOCK_ENTRIES, MarketHoldings, resolve_holdings
from shockgrid.accounts.risk_units import RiskUnits
from shockgrid.accounts.row_plan import PlanShape, RowPlan, pad_plan, plan_shape
from shockgrid.market.market import Market
from shockgrid.numerics.compiling import compiling_once
from shockgrid.numerics.devices import Device, device_slots, map_on_devices
from shockgrid.numerics.ragged import SLICE_ROWS
from shockgrid.venues.okx.margin import MarginResult

GPU_LANES = 1 << 14
"""Rows of a slice on a GPU, which has thousands of lanes to fill (an estimate, not yet measured)."""
GPU_BLOCK_ENTRIES = 1 << 24

T = TypeVar("T")


@dataclass(frozen=True)
class UnitKeys:
    """Account and risk unit of each unit row, as indices into the accounts' ids and the units of the market."""

    account: np.ndarray
    unit: np.ndarray


class CommonShape:
    """The shape that plans are padded to: grows when a plan does not fit, which costs a compilation.

    Attributes:
        current: The shape; None before the first plan.
    """

    def __init__(self, saved: dict[str, Any] | None = None, *, roomy: bool = True) -> None:
        """Begin with nothing, or with ``asdict`` of an earlier ``current``, as JSON keeps it.

        Args:
            saved: The earlier shape.
            roomy: Whether to grow further than needed, for plans that are still to come.
        """
        self.current: PlanShape | None = None if saved is None else PlanShape.of(saved)
        self._roomy, self._lock = roomy, Lock()

    def holding(self, shapes: Sequence[PlanShape]) -> PlanShape:
        """A shape that holds these and all before."""
        needed = reduce(or_, shapes)
        with self._lock:
            if self.current is None or (self.current | needed) != self.current:
                needed = needed.roomy() if self._roomy else needed
                self.current = needed if self.current is None else self.current | needed
            return self.current


def map_blocks(
    accounts: Accounts,
    market: Market,
    risk_units: RiskUnits,
    evaluate: Callable[[AccountRows, RowPlan, Device], T],
    *,
    program: Hashable,
    whole: bool = False,
    shape: CommonShape | None = None,
) -> list[T]:
    """Lay out the accounts block by block and evaluate each on a device, in account order.

    Args:
        accounts: The accounts.
        market: Where they trade.
        risk_units: How its contracts group.
        evaluate: ``(rows, padded plan, device) -> result``, on the host; runs in a thread of its own.
        program: What ``evaluate`` compiles, apart from the shape of the plan.
        whole: In one block.
        shape: Of earlier calls, which this one's blocks are padded to where they fit.

    Raises:
        InputError: As for ``resolve_holdings``.
    """
    devices = device_slots()
    on_gpu = devices[0].platform == "gpu"
    holdings = resolve_holdings(accounts, market)
    entries = GPU_BLOCK_ENTRIES if on_gpu else BLOCK_ENTRIES
    parts = [holdings] if whole else holdings.blocks(entries, least=len(devices))

    common = shape or CommonShape(roomy=len(parts) > 2)

    def lay(part: MarketHoldings, _: Device) -> tuple[AccountRows, RowPlan]:
        rows = lay_rows(part, market, risk_units)
        room = common.current.unit_plan.entries if common.current else 0
        return rows, pack_rows(rows, GPU_LANES if on_gpu else SLICE_ROWS, room)

    # Blocks are equal work: that with the most accounts has the most rows, that with the fewest the most entries.
    sizes = [len(part) for part in parts]
    probes = sorted({int(np.argmax(sizes)), int(np.argmin(sizes))})
    laid = dict(zip(probes, map_on_devices(lay, [parts[i] for i in probes], devices), strict=True))
    common.holding([plan_shape(plan) for _, plan in laid.values()])

    def work(i: int, device: Device) -> T:
        rows, plan = laid.pop(i) if i in laid else lay(parts[i], device)
        padded_to = common.holding([plan_shape(plan)])
        padded = pad_plan(plan, padded_to)
        return compiling_once((program, padded_to, device), lambda: evaluate(rows, padded, device))

    return map_on_devices(work, range(len(parts)), devices)


def keyed(result: MarginResult, rows: AccountRows) -> tuple[UnitKeys, MarginResult]:
    """The keys of a block's units, and its result as NumPy arrays without padding; a version axis in front stays."""
    result = jax.tree.map(np.asarray, jax.device_get(result))

    def cut(tree: T, n: int) -> T:
        return jax.tree.map(lambda x: x[..., :n], tree)

    n = len(rows.unit)
    return UnitKeys(rows.first + rows.unit_account, rows.unit), replace(
        result,
        units=cut(result.units, n),
        unit_imr_usd=cut(result.unit_imr_usd, n),
        unit_upl_usd=cut(result.unit_upl_usd, n),
        currencies=cut(result.currencies, len(rows.currency)),
        accounts=cut(result.accounts, rows.n_accounts),
    )


def joined(blocks: Sequence[tuple[UnitKeys, MarginResult]]) -> tuple[UnitKeys, MarginResult]:
    """Consecutive blocks as one; they share the moves of the market's units."""
    if len(blocks) == 1:
        return blocks[0]
    keys, results = zip(*blocks, strict=True)
    account, unit = (np.concatenate([getattr(k, name) for k in keys]) for name in ("account", "unit"))
    moves = {"price_moves": results[0].price_moves, "bucket_moves": results[0].bucket_moves}
    rows = [replace(r, **{name: getattr(r, name)[..., :0] for name in moves}) for r in results]
    whole = jax.tree.map(lambda *x: np.concatenate(x, axis=-1), *rows)
    return UnitKeys(account, unit), replace(whole, **moves)

"""Ours against the peers: the same accounts, the same exposures, the same run, answers compared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numba
import numpy as np
import scipy.sparse

import shockgrid as sg
from benchmarks.peers import account_loop, numba_fused, numpy_blocked, pandas_way, quantlib_book
from benchmarks.peers.book import Answer, Numbers, PeerBook, lay_out, market_numbers
from benchmarks.peers.compare import differences
from benchmarks.population import scattered_accounts
from benchmarks.protocol import seconds
from benchmarks.stages import RUNS, Case
from shockgrid.accounts.row_plan import RowPlan
from shockgrid.market.market import Market
from shockgrid.numerics.devices import Device, device_slots, map_on_devices
from shockgrid.numerics.ragged import RaggedPlan, map_ragged, ragged_sum
from shockgrid.venues.okx.rulebook import Rulebook

LOOP_ACCOUNTS, QUANTLIB_ACCOUNTS = 100, 200
THREADS = (1, 2)


def race(case: Case, measured: dict[str, dict[str, float]]) -> dict[str, object]:
    """Unit and account arrays from rows laid out beforehand, and with laying out."""
    report = sg.margin(case.market, case.accounts, case.rules)
    numbers = market_numbers(case.market, case.rules, report.exposures)
    book = lay_out(numbers, case.accounts)
    gross = np.asarray(report.exposures.gross.size)[: len(numbers.coin)]
    laying = seconds(lambda: lay_out(numbers, case.accounts) and None, RUNS)
    ours = {n: seconds(lambda n=n: case.kernels(n) and None, RUNS) for n in THREADS}
    found: dict[str, object] = {"peers_lay_out": laying}
    found |= {_named("shockgrid", n): times for n, times in ours.items()}
    for name, (compute, threads) in _peers(numbers, book).items():
        times = seconds(lambda compute=compute: compute() and None, RUNS)
        whole = times["median_s"] + laying["median_s"]
        found[name] = {
            **times,
            **_ratios(times, ours[2]),
            "ratio_on_as_many_threads": _ratios(times, ours[threads]),
            "ratio_with_laying_out": whole / measured["sg.margin"]["median_s"],
            "difference": differences(report, book, compute(), gross),
        }
    numpy_times = {name: t for name, t in found.items() if name.startswith("numpy")}
    found["better_numpy"] = min(numpy_times, key=lambda name: numpy_times[name]["median_s"])
    return found


def _named(name: str, threads: int) -> str:
    return f"{name}_{threads}_thread{'s' * (threads > 1)}"


def _peers(numbers: Numbers, book: PeerBook) -> dict[str, tuple[partial, int]]:
    """Each peer, and how many threads it runs on."""
    exposures, positions = pandas_way.exposure_frame(numbers), pandas_way.position_frame(book)
    return {
        **{_named("numpy_blocked", n): (partial(numpy_blocked.margin, numbers, book, n), n) for n in THREADS},
        "pandas": (partial(pandas_way.margin, numbers, book, exposures, positions), 1),
        **{_named("numba_fused", n): (partial(_on_threads, n, numbers, book), n) for n in THREADS},
    }


def _on_threads(threads: int, numbers: Numbers, book: PeerBook) -> Answer:
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    return numba_fused.margin(numbers, book)


def _ratios(peer: dict[str, float], ours: dict[str, float]) -> dict[str, float]:
    """How many times as long the peer takes."""
    return {"ratio": peer["median_s"] / ours["median_s"], "ratio_of_minima": peer["min_s"] / ours["min_s"]}


def sums_alone(case: Case) -> dict[str, object]:
    """The table's columns summed over the positions of every unit, block by block: XLA, SciPy, numba."""
    numbers = market_numbers(case.market, case.rules, case.exposures)
    table = numbers.table
    books = [_csr(rows) for rows in case.rows]
    with jax.enable_x64(True):
        on_device = jnp.asarray(table)
    times = {_named("xla", n): _xla_sums(case, on_device, n) for n in THREADS}
    times |= {_named("xla_consumed", n): _xla_sums(case, on_device, n, consumed) for n in THREADS}
    times["scipy_csr_1_thread"] = seconds(lambda: [_matrix(*book, len(table)) @ table is None for book in books], RUNS)
    for n in THREADS:
        numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))
        times[_named("numba", n)] = seconds(lambda: [_numba_sums(table, *book) is None for book in books], RUNS)
        times[_named("numba_consumed", n)] = seconds(lambda: [_numba_totals(table, *book) for book in books], RUNS)
    with jax.enable_x64(True):
        first = np.asarray(SUMMED(case.plans[0].unit_plan, on_device))[: len(case.rows[0].unit)]
    by_numba = _numba_sums(table, *books[0])
    return {
        "columns": table.shape[1],
        **times,
        **{f"xla_over_{n}": times[k]["median_s"] / times[n]["median_s"] for n, k in SUM_PEERS.items()},
        "largest_difference_xla_numba": float(np.abs(first - by_numba).max()),
        "largest_difference_scipy_numba": float(np.abs(_matrix(*books[0], len(table)) @ table - by_numba).max()),
    }


SUMMED = jax.jit(ragged_sum)
"""Written to memory, a row of columns for each unit."""


@jax.jit
def consumed(plan: RaggedPlan, table: jax.Array) -> jax.Array:
    """Read while in cache, as the engine's rules do, and one number a unit written."""

    def term(column: jax.Array, weight: jax.Array) -> jax.Array:
        return weight[:, None] * table[column]

    return map_ragged(plan, term, lambda sums, _: jnp.sum(sums, axis=1), None)


SUM_PEERS = {"scipy_csr_1_thread": "xla_1_thread", "numba_1_thread": "xla_1_thread", "numba_2_threads": "xla_2_threads"}
SUM_PEERS |= {f"numba_consumed_{n}": f"xla_consumed_{n}" for n in ("1_thread", "2_threads")}
"""What of XLA each is compared with."""


def _xla_sums(
    case: Case, table: jax.Array, threads: int, kernel: Callable[..., jax.Array] = SUMMED
) -> dict[str, float]:
    def run(plan: RowPlan, _: Device) -> None:
        jax.block_until_ready(kernel(plan.unit_plan, table))

    return seconds(lambda: map_on_devices(run, case.plans, device_slots()[:threads]), RUNS)


def _numba_totals(table: np.ndarray, start: np.ndarray, column: np.ndarray, weight: np.ndarray) -> None:
    numba_fused.row_totals(table, start, column, weight, np.empty(len(start) - 1))


def _numba_sums(table: np.ndarray, start: np.ndarray, column: np.ndarray, weight: np.ndarray) -> np.ndarray:
    out = np.empty((len(start) - 1, table.shape[1]))
    numba_fused.row_sums(table, start, column, weight, out)
    return out


def _csr(rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return rows.start.astype(np.int32), rows.book.instrument, np.ascontiguousarray(rows.book.quantity[0])


def _matrix(start: np.ndarray, column: np.ndarray, weight: np.ndarray, n: int) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array((weight, column, start), shape=(len(start) - 1, n))


def slow_race(market: Market, rules: Rulebook) -> dict[str, object]:
    """Peers that go account by account, on samples; accounts a second are extrapolated from them."""
    return {"account_loop": _loop(market, rules), "quantlib": _quantlib(market, rules)}


def _loop(market: Market, rules: Rulebook) -> dict[str, object]:
    accounts = scattered_accounts(market, LOOP_ACCOUNTS)
    report = sg.margin(market, accounts, rules)
    numbers = market_numbers(market, rules, report.exposures)
    book = lay_out(numbers, accounts)
    exposures, positions = pandas_way.exposure_frame(numbers), pandas_way.position_frame(book)
    times = seconds(lambda: account_loop.margin(numbers, book, exposures, positions) and None, RUNS)
    answer = account_loop.margin(numbers, book, exposures, positions)
    gross = np.asarray(report.exposures.gross.size)[: len(numbers.coin)]
    return {
        "sample": LOOP_ACCOUNTS,
        **times,
        "extrapolated_accounts_per_s": LOOP_ACCOUNTS / times["median_s"],
        "difference": differences(report, book, answer, gross),
    }


def _quantlib(market: Market, rules: Rulebook) -> dict[str, object]:
    """The price and volatility grid alone, without any other component."""
    accounts = scattered_accounts(market, QUANTLIB_ACCOUNTS)
    report = sg.margin(market, accounts, rules)
    numbers = market_numbers(market, rules, report.exposures)
    book = lay_out(numbers, accounts)
    vols = quantlib_book.shocked_vols(numbers, market)
    times = seconds(lambda: quantlib_book.unit_grids(numbers, book, market, vols) is None, RUNS)
    moves = numbers.moves[book.unit_coin]
    spot_usd = report.units["spot_in_use"].to_numpy() * numbers.index_usd[book.unit_coin]
    grids = quantlib_book.unit_grids(numbers, book, market, vols) + (spot_usd[:, None] * moves)[:, None, :]
    grids = np.take_along_axis(grids, np.argsort(moves, axis=1)[:, None, :], axis=2)
    error = np.abs(grids.ravel() - report.scenarios["pnl_usd"].to_numpy())
    return {
        "sample": QUANTLIB_ACCOUNTS,
        **times,
        "extrapolated_accounts_per_s": QUANTLIB_ACCOUNTS / times["median_s"],
        "largest_difference_of_a_cell_usd": float(error.max()),
    }

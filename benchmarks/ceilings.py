"""What this machine can do at most: bytes copied and multiply-adds a second, and the time that a margin needs at least.

The standard case reads every position once (column and weight), multiplies a table row with it, and writes what each
unit row and account keeps. The table stays in second-level cache. Layout, frames and the arithmetic of the rules come
on top; they are not in the floor.
"""

from __future__ import annotations

import json

import numba
import numpy as np

from benchmarks.protocol import seconds, write

COPY_BYTES = 1 << 28
TABLE_ROWS, ENTRIES = 1_024, 1 << 18
ENTRY_BYTES = 4 + 8
"""An index of 32 bits and a weight."""


@numba.njit(parallel=True)
def _copy(source, target):
    for i in numba.prange(len(source)):
        target[i] = source[i]


@numba.njit(parallel=True, fastmath={"contract"})
def _multiply_add(table, column, weight, out):
    """Weighted sums of table rows over long runs, eight entries at a time: nothing but loads and multiply-adds."""
    n, chunk = table.shape[1], len(column) // len(out)
    for part in numba.prange(len(out)):
        sums = out[part]
        for e in range(part * chunk, (part + 1) * chunk - 7, 8):
            a, b, c, d = table[column[e]], table[column[e + 1]], table[column[e + 2]], table[column[e + 3]]
            f, g, h, i = table[column[e + 4]], table[column[e + 5]], table[column[e + 6]], table[column[e + 7]]
            p, q, r, s = weight[e], weight[e + 1], weight[e + 2], weight[e + 3]
            t, u, v, w = weight[e + 4], weight[e + 5], weight[e + 6], weight[e + 7]
            for k in range(n):
                left = p * a[k] + q * b[k] + r * c[k] + s * d[k]
                sums[k] += left + t * f[k] + u * g[k] + v * h[k] + w * i[k]


def ceilings(columns: int) -> dict[str, object]:
    """Copy bandwidth (bytes read and written) and multiply-adds a second, on one thread and on all."""
    source = np.ones(COPY_BYTES // 8)
    target = np.zeros_like(source)
    rng = np.random.default_rng(0)
    table, column = rng.standard_normal((TABLE_ROWS, columns)), rng.integers(0, TABLE_ROWS, ENTRIES).astype(np.int32)
    weight, out = rng.standard_normal(ENTRIES), np.zeros((64, columns))
    found: dict[str, object] = {"table_bytes": table.nbytes, "columns": columns}
    for threads in sorted({1, numba.config.NUMBA_NUM_THREADS}):
        numba.set_num_threads(threads)
        copy = seconds(lambda: _copy(source, target))
        multiply = seconds(lambda: _multiply_add(table, column, weight, out))
        found[f"threads_{threads}"] = {
            "copy_gb_per_s": 2 * source.nbytes / copy["median_s"] / 1e9,
            "copy_best_gb_per_s": 2 * source.nbytes / copy["min_s"] / 1e9,
            "giga_multiply_adds_per_s": ENTRIES * columns / multiply["median_s"] / 1e9,
            "best_giga_multiply_adds_per_s": ENTRIES * columns / multiply["min_s"] / 1e9,
        }
    return found


def floor(machine: dict[str, object], entries: float, units: float, currencies: float, columns: int) -> dict:
    """Bytes and operations of one account, and the least time for them on all threads.

    Args:
        machine: From ``ceilings``.
        entries: Netted positions of an account, on average.
        units: Its unit rows.
        currencies: Its currency rows.
        columns: Of the table.
    """
    runs = [value for key, value in machine.items() if key.startswith("threads_")]
    best = {name: max(run[name] for run in runs) for name in runs[0]}
    unit_bytes, currency_bytes, account_bytes = 8 * 18, 8 * 6, 8 * 11
    read = entries * ENTRY_BYTES + units * 8 * 9 + currencies * 8 * 7
    written = units * unit_bytes + currencies * currency_bytes + account_bytes
    multiply_adds = entries * columns
    arithmetic = multiply_adds / (best["best_giga_multiply_adds_per_s"] * 1e9)
    transfer = (read + written) / (best["copy_best_gb_per_s"] * 1e9)
    return {
        "entries_per_account": entries,
        "multiply_adds_per_account": multiply_adds,
        "bytes_read_per_account": read,
        "bytes_written_per_account": written,
        "multiply_add_ns_per_account": arithmetic * 1e9,
        "transfer_ns_per_account": transfer * 1e9,
        "accounts_per_s_at_most": 1.0 / max(arithmetic, transfer),
        "bound_by": "multiply-adds" if arithmetic > transfer else "bytes",
    }


def main() -> None:
    """Measure, print and write ``results/ceilings.json``."""
    found = {"ceilings": ceilings(67)}
    print(json.dumps(found, indent=2))
    print("written to", write("ceilings", found))


if __name__ == "__main__":
    main()

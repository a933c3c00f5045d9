"""Ten million accounts from Parquet to Parquet: time, rate, and the most memory that the process ever had.

    python -m benchmarks.stream --accounts 10000000 --folder build/stream

The accounts are invented in pieces of 200,000 and written once; the run itself is a process of its own, so that its
peak memory is that of the run and not of the invention.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import shockgrid as sg
from benchmarks.protocol import write

PIECE = 200_000
MARKET = {"strikes_per_expiry": 20, "expiries": 10}
TABLES = ("settings", "positions", "balances", "orders", "limits")


def main() -> None:
    """Invent, run, check and write ``results/stream.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000_000)
    parser.add_argument("--positions", type=float, default=20.0)
    parser.add_argument("--folder", type=Path, default=Path("build/stream"))
    parser.add_argument("--run", action="store_true", help="only run, for the process whose memory is measured")
    arguments = parser.parse_args()
    source, out = arguments.folder / "accounts", arguments.folder / "out"
    if arguments.run:
        print(json.dumps(run(source, out)))
        return
    shutil.rmtree(out, ignore_errors=True)
    if not source.exists():
        invent(source, arguments.accounts, arguments.positions)
    command = [sys.executable, "-m", "benchmarks.stream", "--run", "--folder", str(arguments.folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    found["check"] = check(source, out)
    found["input_bytes"] = sum(path.stat().st_size for path in source.glob("*.parquet"))
    found["output_bytes"] = sum(path.stat().st_size for path in out.rglob("*.parquet"))
    print(json.dumps(found, indent=2))
    print("written to", write("stream", found))


def invent(folder: Path, count: int, positions: float) -> None:
    """Write a population piece by piece, ids made distinct by the piece."""
    market = sg.synthetic_market(**MARKET)
    folder.mkdir(parents=True)
    writers: dict[str, pq.ParquetWriter] = {}
    for k, first in enumerate(range(0, count, PIECE)):
        accounts = sg.synthetic_accounts(market, min(PIECE, count - first), seed=k, mean_positions=positions)
        accounts.ids[:] = np.char.add(f"{k:03d}-", accounts.ids.astype(str))
        piece = folder / "piece"
        sg.write_accounts(accounts, piece)
        for name in TABLES:
            table = pq.read_table(piece / f"{name}.parquet")
            if name not in writers:
                writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", table.schema)
            writers[name].write_table(table)
        shutil.rmtree(piece)
    for writer in writers.values():
        writer.close()


def run(source: Path, out: Path) -> dict[str, object]:
    """Margin the folder; peak memory of this process."""
    market, rules = sg.synthetic_market(**MARKET), sg.load_rulebook("okx")
    start = time.perf_counter()
    manifest = sg.margin_folder(market, source, rules, out)
    seconds = time.perf_counter() - start
    return {
        "accounts": manifest["accounts"],
        "units": manifest["units"],
        "positions": pq.ParquetFile(source / "positions.parquet").metadata.num_rows,
        "instruments": len(market.universe),
        "seconds": seconds,
        "accounts_per_s": manifest["accounts"] / seconds,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def check(source: Path, out: Path) -> dict[str, object]:
    """One piece margined by itself against the same accounts in the output."""
    market, rules = sg.synthetic_market(**MARKET), sg.load_rulebook("okx")
    found = pq.read_table(sorted((out / "accounts").glob("*.parquet"))[0]).to_pandas()
    count = pq.ParquetFile(source / "settings.parquet").metadata.num_rows
    mean = pq.ParquetFile(source / "positions.parquet").metadata.num_rows / count
    piece = sg.synthetic_accounts(market, min(PIECE, count), seed=0, mean_positions=round(mean, 0))
    ids = np.char.add("000-", piece.ids.astype(str))
    expected = sg.margin(market, piece, rules).accounts
    n = min(len(found), len(expected))
    same_ids = bool((found.account[:n].to_numpy() == ids[:n]).all())
    error = np.abs(found.mmr_usd[:n] - expected.mmr_usd[:n]) / np.maximum(expected.mmr_usd[:n], 1.0)
    return {"accounts": n, "same_ids": same_ids, "largest_relative_error_of_mmr": float(error.max())}


if __name__ == "__main__":
    main()

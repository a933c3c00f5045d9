"""A fresh process from Parquet files to the first frames, and where its time goes.

``python -m benchmarks.cold_start FOLDER LAUNCHED`` is that process: it prints its own times.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
COMPILE_EVENTS = ("jaxpr_trace_duration", "jaxpr_to_mlir_module_duration", "backend_compile_duration")


def cold_starts(market, accounts) -> dict[str, object]:
    """Medians over fresh processes, without a compilation cache on disk and with one that is filled."""
    import shockgrid as sg  # noqa: PLC0415 - the measured process imports it by the clock

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sg.write_market(market, folder / "market")
        sg.write_accounts(accounts, folder / "accounts")
        cached = {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache")}
        _process(folder, cached)
        return {
            "accounts": len(accounts),
            "without_cache": _medians([_process(folder, {}) for _ in range(RUNS)]),
            "with_compilation_cache": _medians([_process(folder, cached) for _ in range(RUNS)]),
        }


def _process(folder: Path, environment: dict[str, str]) -> dict[str, float]:
    launched = time.time()
    kept = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    command = [sys.executable, "-m", "benchmarks.cold_start", str(folder), repr(launched)]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=kept | environment, cwd=root)
    return json.loads(done.stdout) | {"whole_process_s": time.time() - launched}


def _medians(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    values = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: {"median_s": statistics.median(v), "min_s": min(v), "runs": len(v)} for name, v in values.items()}


def child(folder: Path, launched: float) -> dict[str, float]:
    """Run once and say how long each part took; a second margin shows what the first was without compiling."""
    clock = [time.time()]

    def lap() -> float:
        clock.append(time.time())
        return clock[-1] - clock[-2]

    found = {"interpreter_s": clock[0] - launched}
    import jax  # noqa: PLC0415

    import shockgrid as sg  # noqa: PLC0415

    names = sg.margin, sg.read_market, sg.read_accounts, sg.load_rulebook
    found["import_s"] = lap()
    market, accounts = sg.read_market(folder / "market"), sg.read_accounts(folder / "accounts")
    rules = sg.load_rulebook("okx")
    found["read_s"] = lap()
    compiled: dict[str, float] = dict.fromkeys(COMPILE_EVENTS, 0.0)
    jax.monitoring.register_event_duration_secs_listener(lambda event, s, **_: _add(compiled, event, s))
    report = sg.margin(market, accounts, rules)
    _ = report.accounts, report.units, names
    found["first_margin_s"] = lap()
    found["launch_to_frames_s"] = clock[-1] - launched
    found |= {f"of_it_{name.replace('_duration', '')}_s": seconds for name, seconds in compiled.items()}
    report = sg.margin(market, accounts, rules)
    _ = report.accounts, report.units
    return found | {"second_margin_s": lap()}


def _add(compiled: dict[str, float], event: str, seconds: float) -> None:
    name = event.rpartition("/")[2]
    if name in compiled:
        compiled[name] += seconds


if __name__ == "__main__":
    print(json.dumps(child(Path(sys.argv[1]), float(sys.argv[2]))))

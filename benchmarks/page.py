"""``docs/performance.md``, made from the results files.

python -m benchmarks.page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.protocol import RESULTS

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def main() -> None:
    """Read all results and write the page."""
    names = ("engine", "scaling", "pricing", "replay", "stream", "what_if", "liquidation", "paths")
    results = {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in names}
    engine = results["engine"]
    parts = (
        _head(engine),
        _engine(engine),
        _floor(engine),
        _peers(engine),
        _sum(engine["sum_alone"]),
        _single(engine["float32"]),
        _stream(results["stream"]),
        _scaling(results["scaling"]),
        _start(engine),
        _pricing(results["pricing"]),
        _replay(results["replay"]),
        _what_if(results["what_if"]),
        _liquidation(results["liquidation"]),
        _paths(results["paths"]),
        GPU,
    )
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n")
    print("written to", PAGE)


def _head(engine: dict[str, Any]) -> str:
    m = engine["machine"]
    return f"""# Performance

This page is made from `benchmarks/results/` (`make bench` measures and writes both). The machine: {m["cores"]} cores of
an {m["cpu"]}, Python {m["python"]}, JAX {m["jax"]}, NumPy {m["numpy"]}; float64 where nothing else is said. It is shared
and noisy, so ratios mean more than seconds, and the best of the runs stands beside the median. Warm figures are medians
of at least seven runs after one that is not counted; compilation is apart; answers are compared in the same run.
`shockgrid bench` measures your own machine."""


def _ms(stage: dict[str, float]) -> str:
    return f"{1e3 * stage['median_s']:,.3g} ({1e3 * stage['min_s']:,.3g})"


def _rate(count: int, stage: dict[str, float]) -> str:
    return f"{count / stage['median_s'] / 1e6:.2f} M ({count / stage['min_s'] / 1e6:.2f} M)"


def _engine(engine: dict[str, Any]) -> str:
    n, populations = engine["accounts"], engine["populations"]
    rows = {
        "resolve names": "names looked up, rows sorted by account",
        "lay rows, 1 thread": "net, lay out rows, one thread",
        "pack rows, 1 thread": "pack them for kernels, one thread",
        "lay out, 2 threads": "all of the above, two threads",
        "price contracts": "price all contracts under all scenarios",
        "kernels, float64, 1 thread": "sums, rules, accounts, one thread",
        "kernels, float64, 2 threads": "the same, two threads",
        "kernels, float32, 2 threads": "the same in float32",
        "join blocks": "join blocks",
        "accounts frame": "`.accounts`",
        "units frame": "`.units`",
        "sg.margin": "**`sg.margin`**, from loaded inputs",
        "sg.margin with frames": "**with both frames**",
    }
    stages = [populations[name]["stages"] for name in ("scattered", "archetypes")]
    lines = [f"| {text} | {_ms(stages[0][key])} | {_ms(stages[1][key])} |" for key, text in rows.items()]
    arrays, frames = "kernels, float64, 2 threads", "sg.margin with frames"
    lines += [
        f"| accounts a second, arrays | {_rate(n, stages[0][arrays])} | {_rate(n, stages[1][arrays])} |",
        f"| accounts a second, inputs to frames | {_rate(n, stages[0][frames])} | {_rate(n, stages[1][frames])} |",
    ]
    s, a = populations["scattered"], populations["archetypes"]
    return f"""## {n:,} accounts, {engine["instruments"]:,} instruments, full version 2

Two populations. *Scattered*: {s["positions"] / n:.1f} positions an account with a tail to 500, on {engine["coins"]} coins,
{s["units"] / n:.1f} risk units an account, instruments drawn at random, so that nothing is in order.
*Archetypes*: the generator's covered calls, strangles and carries, {a["positions"] / n:.1f} positions and
{a["units"] / n:.1f} units an account. Milliseconds, the best run in brackets:

| | scattered | archetypes |
| --- | ---: | ---: |
{chr(10).join(lines)}

Memory grows by {s["bytes_per_account"] / 1e3:.1f} kB an account at its peak. Pricing is done once, whatever the number of
accounts. What is left of an end-to-end run is mostly laying out rows on the host, which memory bandwidth keeps from
doubling on two cores."""


def _floor(engine: dict[str, Any]) -> str:
    floor, ceilings, n = engine["floor"], engine["ceilings"]["threads_2"], engine["accounts"]
    ours = engine["populations"]["scattered"]["stages"]["kernels, float64, 2 threads"]["min_s"]
    return f"""## The floor

An account of the scattered population is {floor["multiply_adds_per_account"]:,.0f} multiply-adds
({floor["entries_per_account"]:.1f} positions times {engine["sum_alone"]["columns"]} columns) from a table that fits in
L2, {floor["bytes_read_per_account"]:,.0f} bytes read and {floor["bytes_written_per_account"]:,.0f} written. Two cores did
{ceilings["giga_multiply_adds_per_s"]:.1f} G such multiply-adds a second and copied {ceilings["copy_gb_per_s"]:.0f} GB/s
here: at most {floor["accounts_per_s_at_most"] / 1e6:.1f} million accounts a second for the sum alone. The kernels, rules
included, reach {n / ours / 1e6:.2f} million, {n / ours / floor["accounts_per_s_at_most"]:.0%} of it. Where the rest goes:
slices are padded to their longest row (half as much again, with this tail of sizes); the rules cost about twice what the
sum does, because XLA compiles them to scalar loops over a unit's row; and figures of every unit are put back in order."""


def _peers(engine: dict[str, Any]) -> str:
    names = {
        "numpy_blocked_1_thread": "SciPy CSR and NumPy rules, in blocks, one thread",
        "numpy_blocked_2_threads": "the same, two threads",
        "pandas": "pandas, unblocked: merge, multiply, group",
        "numba_fused_1_thread": "numba, sum and rules fused, one thread (the ceiling)",
        "numba_fused_2_threads": "the same, two threads",
    }
    peers = [engine["populations"][p]["peers"] for p in ("scattered", "archetypes")]
    lines = [
        f"| shockgrid, two threads | {_ms(peers[0]['shockgrid_2_threads'])} | 1 | {_ms(peers[1]['shockgrid_2_threads'])} | 1 |"
    ]
    for key, text in names.items():
        cells = [f"{_ms(p[key])} | {p[key]['median_s'] / p['shockgrid_2_threads']['median_s']:.2f}" for p in peers]
        lines.append(f"| {text} | {cells[0]} | {cells[1]} |")
    slow = engine["slow_peers"]
    twin = engine["twin"]["scattered"]["ratio_twin_over_shockgrid_extrapolated"]
    return f"""## Peers, in the same run

The same books already laid out for each, MMR of every unit and account; times in ms, and over ours:

| | scattered | ratio | archetypes | ratio |
| --- | ---: | ---: | ---: | ---: |
{chr(10).join(lines)}

The peers leave out order books, Greeks and the worst cell, which ours compute. All agree: components within 1e-15 of a
unit's gross size, account figures within 1e-10. Extrapolated from samples: QuantLib's `blackFormula` for the price and
volatility grid of each position, {slow["quantlib"]["extrapolated_accounts_per_s"]:,.0f} accounts a second; a pandas
loop over accounts, {slow["account_loop"]["extrapolated_accounts_per_s"]:,.0f}; the slow twin of the tests takes
{twin:,.0f} times as long as ours.

![Seconds of each peer](images/performance-peers.svg)"""


def _sum(alone: dict[str, Any]) -> str:
    rows = {
        "consumed in cache, one thread": ("xla_consumed_1_thread", "numba_consumed_1_thread"),
        "consumed in cache, two threads": ("xla_consumed_2_threads", "numba_consumed_2_threads"),
        "written to memory, one thread": ("xla_1_thread", "numba_1_thread"),
        "written to memory, two threads": ("xla_2_threads", "numba_2_threads"),
    }
    consumed = [alone[x]["median_s"] / alone[n]["median_s"] for x, n in list(rows.values())[:2]]
    lines = [
        f"| {text} | {_ms(alone[x])} | {_ms(alone[n])} | {alone[x]['median_s'] / alone[n]['median_s']:.1f} |"
        for text, (x, n) in rows.items()
    ]
    return f"""## The sum alone, XLA against numba

{alone["columns"]} columns summed over the positions of every unit, ms. The engine consumes the sums in cache and never
writes them.

| | XLA | numba | ratio |
| --- | ---: | ---: | ---: |
{chr(10).join(lines)}

Consumed, as the engine does it, numba is {consumed[0]:.1f} times as fast on one thread and {consumed[1]:.1f} times on
two. To use it the sums would have to be written to memory for XLA's
rules to read, which gives most of that back; so there is one aggregation, XLA's, and the manifest of every report says
so (`aggregation`). Rules in numba as well would double the kernels' speed, but then they would stand in the code
twice."""


def _single(f: dict[str, Any]) -> str:
    def line(name: str, key: str, scale: str) -> str:
        e = f[key]
        return f"| {name} | {e['median']:.2g} | {e['p99']:.2g} | {e['max']:.2g} | {scale} |"

    return f"""## Single precision

`precision="float32"` on {f["books"]:,} delta-hedged option books of {f["gross_usd"]:,.0f} USD gross, against float64:

| error of | median | 99 % | largest | |
| --- | ---: | ---: | ---: | --- |
{line("MMR", "mmr_error_usd", "USD")}
{line("MMR", "mmr_error_of_gross", "of gross")}
{line("MMR", "mmr_error_of_mmr", "of the MMR")}
{line("a cell of the grid", "cell_error_usd", "USD")}

Prices, balances and equity stay in float64, and only *differences* of prices are rounded. The dominant component differed
in {f["dominant_differs"]} books. Kernels hold no matrix product, so TF32 cannot enter on a GPU either."""


def _stream(s: dict[str, Any]) -> str:
    return f"""## Ten million accounts, Parquet to Parquet

`make bench-stream`: {s["accounts"]:,} accounts with {s["positions"]:,} positions, {s["instruments"]:,} instruments,
{s["input_bytes"] / 1e9:.1f} GB read and {s["output_bytes"] / 1e9:.1f} GB written in {s["seconds"]:,.0f} s,
{s["accounts_per_s"]:,.0f} accounts a second, with {s["peak_gib"]:.1f} GiB of memory at the peak. Reading, decoding and
writing Parquet take most of it. A run that is killed goes on where it was (`tests/report/test_folder_run.py`)."""


def _scaling(s: dict[str, Any]) -> str:
    slope = {name: s[name]["log_log_slope"] for name in ("accounts", "positions_per_account", "instruments")}

    def first(name: str) -> float:
        points = s[name]["points"]
        return points[len(points) // 2][s[name]["axis"]]

    def last(name: str) -> float:
        return s[name]["points"][-1][s[name]["axis"]]

    smallest = s["accounts"]["points"][0]
    return f"""## How cost grows

Slopes of the logarithm of time **over the larger half of the points**, 1 being proportional: margin
{slope["accounts"]["margin"]:.2f} in accounts, from {first("accounts"):,} to {last("accounts"):,}, and
{slope["positions_per_account"]["margin"]:.2f} in positions an account, from {first("positions_per_account"):,.0f} to
{last("positions_per_account"):,.0f} (a unit's rules cost the same whatever it holds); pricing
{slope["accounts"]["pricing"]:.2f} in accounts and {slope["instruments"]["pricing"]:.2f} in instruments. Below that a call
is flat: {smallest["accounts"]:,} accounts take {1e3 * smallest["margin"]["median_s"]:.0f} ms.

![Seconds against accounts](images/performance-accounts.svg)
![Seconds against positions an account](images/performance-positions-per-account.svg)
![Seconds against instruments](images/performance-instruments.svg)"""


def _what_if(w: dict[str, Any]) -> str:
    m = w["marginal_margin"]
    return f"""## What-ifs

Marginal margin of all {m["positions"]:,} positions of {m["accounts"]:,} accounts takes {m["all"]["median_s"]:.2f} s;
one `what_if` a position takes {m["ratio_per_position"]:,.0f} times as long. `liquidation_price` takes
{1e3 * w["liquidation_price"]["per_account_and_coin_s"]:.0f} ms an account and coin."""


def _liquidation(results: dict[str, Any]) -> str:
    crash = results["shocks"]["crash"]
    return f"""## Liquidation

{results["accounts"]:,} accounts of 20 positions after BTC -15 %, ETH -20 %, volatility +10 points:
{crash["liquidated"]} are liquidated in {crash["steps"]:,} steps, frames included in
{crash["with_frames"]["median_s"]:.1f} s ({crash["steps_per_s"]:,.0f} steps a second, {results["peak_memory_gib"]:.1f} GiB);
the first call, with compilation, takes {crash["first_call_s"]:.0f} s."""


def _paths(results: dict[str, Any]) -> str:
    gbm, merton, heston = (results[name] for name in ("gbm", "merton", "heston"))
    ours = gbm["millions_a_second"]
    return f"""## Market paths

{results["paths"]:,} paths of {results["steps"]} steps in float32, every step stored, millions of path-steps a second:
geometric Brownian motion {ours["threefry4x32"]:.0f} by `threefry4x32` and {ours["philox4x32"]:.0f} by `philox4x32`; NumPy
(SFC64, float32, a thread a core) {gbm["numpy_millions_a_second"]:.0f}, numba {gbm["numba_millions_a_second"]:.0f}. With
jumps {merton["millions_a_second"]:.1f}, {merton["ratio"]:.1f} times QuantLib's diffusion without jumps; Heston
{heston["millions_a_second"]:.0f}, {heston["ratio"]:.0f} times QuantLib's, both by the quadratic-exponential scheme."""


def _start(engine: dict[str, Any]) -> str:
    cold, cached = engine["cold_start"]["without_cache"], engine["cold_start"]["with_compilation_cache"]

    def row(text: str, key: str) -> str:
        return f"| {text} | {cold[key]['median_s']:.2f} | {cached[key]['median_s']:.2f} |"

    compile_s = engine["compile"]
    return f"""## Cold start and compilation

A fresh process that reads {engine["cold_start"]["accounts"]:,} accounts from Parquet and makes both frames, seconds:

| | cold | with a compilation cache |
| --- | ---: | ---: |
{row("imports", "import_s")}
{row("reading", "read_s")}
{row("first margin", "first_margin_s")}
{row("of it tracing and lowering", "of_it_jaxpr_trace_s")}
{row("of it XLA", "of_it_backend_compile_s")}
{row("second margin", "second_margin_s")}
{row("whole process", "whole_process_s")}

Two programs compile, pricing ({compile_s["pricing_s"]:.1f} s) and evaluation ({compile_s["evaluation_s"]:.1f} s), once for
each structure, precision, device and size bucket; all blocks of a run share one (`tests/venues/okx/test_block_margin.py`
counts). JAX keeps compiled programs between processes where it is told to:

```console
$ export JAX_COMPILATION_CACHE_DIR=~/.cache/shockgrid JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
```"""


def _pricing(p: dict[str, Any]) -> str:
    grid, vol = p["grid"]["100000"], p["implied_vol"]["100000"]
    g, small, ratio = grid["million_per_s"], p["grid"]["1000"], grid["ratios_over_shockgrid_float64"]
    single = g["shockgrid float32"] / g["shockgrid float64"]
    single_small = small["million_per_s"]["shockgrid float32"] / small["million_per_s"]["shockgrid float64"]
    return f"""## Pricing kernels

The Black-76 grid of 100,000 options times 35 cells, million cells a second: float64 {g["shockgrid float64"]:.0f}, float32
{g["shockgrid float32"]:.0f}, NumPy with SciPy {g["numpy_scipy"]:.0f}, numba {g["numba"]:.0f}. So float64 is
{ratio["numpy_scipy"]:.1f} times NumPy with SciPy, {ratio["numba"]:.1f} times numba and
{grid["quantlib"]["ratio_over_shockgrid_float64"]:.0f} times QuantLib called from Python; float32 is {single:.1f} times
float64 ({single_small:.1f} times on 1,000 options, where fixed costs count). A cell shares its logarithm with the other
volatilities of its price move and has one exponential.

Implied volatility of 100,000 prices: {vol["million_per_s"]["shockgrid float64"]:.1f} million a second,
{vol["ratios_over_shockgrid_float64"]["scipy newton"]:.1f} times SciPy's vectorised Newton,
{vol["quantlib"]["ratio_over_shockgrid_float64"]:.0f} times QuantLib; largest relative error
{vol["largest_relative_error"]["shockgrid float64"]:.0e}."""


def _replay(r: dict[str, Any]) -> str:
    counts = r["accounts"]
    cells = " and ".join(
        f"{c['ratio_replay_over_single']:.1f} times one version ({int(n):,} accounts)" for n, c in counts.items()
    )
    return f"""## Eleven rule versions in one call

`sg.margin(..., rulebooks="all")` with frames takes {cells}. Two programs compile, one for each structure."""


GPU = """## GPU

The same code runs on an NVIDIA GPU with larger blocks and wider slices (`pip install 'shockgrid[cuda12]'`, then
`shockgrid bench 1000000`). **GPU figures are still to be measured**: sizes of blocks and slices there are estimates."""


if __name__ == "__main__":
    main()

"""Margin from a Parquet folder to a Parquet folder: the same figures, whatever interrupts the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import shockgrid as sg
from shockgrid.errors import InputError
from shockgrid.io import account_stream

CHUNK = 150
COUNT = 800


class StoppedError(Exception):
    """Stands for whatever ends a run."""


@pytest.fixture(scope="module")
def market():
    return sg.synthetic_market(strikes_per_expiry=4, expiries=3)


@pytest.fixture(scope="module")
def accounts(market):
    return sg.synthetic_accounts(market, COUNT)


@pytest.fixture(scope="module")
def folder(accounts, tmp_path_factory):
    path = tmp_path_factory.mktemp("accounts")
    sg.write_accounts(accounts, path / "in")
    return path / "in"


@pytest.fixture(scope="module")
def whole(market, folder, rules, tmp_path_factory):
    """Of a run that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole") / "out"
    manifest = sg.margin_folder(market, folder, rules, out, chunk_accounts=CHUNK)
    assert manifest["accounts"] == COUNT
    assert manifest["parts"] == -(-COUNT // CHUNK)
    return out


def parts(out) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.glob("*/part-*.parquet"))}


def copied(folder, to, **changed):
    """A copy of the accounts with some tables changed, as pandas frames."""
    to.mkdir()
    for path in folder.glob("*.parquet"):
        frame = pd.read_parquet(path)
        frame = changed[path.stem](frame) if path.stem in changed else frame
        frame.to_parquet(to / path.name, index=False)
    return to


def test_frames_are_those_of_one_call(market, accounts, rules, whole):
    report = sg.margin(market, accounts, rules)
    for name in ("accounts", "units"):
        pd.testing.assert_frame_equal(
            pd.read_parquet(whole / name), getattr(report, name), rtol=1e-12, atol=1e-6, check_exact=False
        )


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_an_interrupted_run_goes_on_and_ends_in_the_same_files(market, folder, rules, whole, tmp_path, chunks):
    def stop(done, total):
        assert total == COUNT
        if done >= chunks * CHUNK:
            raise StoppedError

    out = tmp_path / "out"
    with pytest.raises(StoppedError):
        sg.margin_folder(market, folder, rules, out, chunk_accounts=CHUNK, progress=stop)
    assert not (out / "manifest.json").exists()
    left = [path.name for path in sorted((out / "accounts").glob("*"))]
    assert left == [f"part-{k:05d}.parquet" for k in range(chunks)]
    done = []
    sg.margin_folder(market, folder, rules, out, chunk_accounts=CHUNK, progress=lambda n, _: done.append(n))
    assert done == [*range(chunks * CHUNK, COUNT, CHUNK), COUNT]
    assert parts(out) == parts(whole)


def test_a_part_that_was_written_and_not_yet_counted_is_written_again(market, folder, rules, whole, tmp_path):
    out = tmp_path / "out"
    sg.margin_folder(market, folder, rules, out, chunk_accounts=CHUNK)
    (out / "manifest.json").unlink()
    journal = json.loads((out / "progress.json").read_text())
    first = pq.ParquetFile(out / "accounts" / "part-00000.parquet")
    counted = {"parts": 0, "accounts": 0, "units": 0, "position": None}
    (out / "progress.json").write_text(json.dumps(journal | counted))
    assert first.metadata.num_rows == CHUNK
    sg.margin_folder(market, folder, rules, out, chunk_accounts=CHUNK)
    assert parts(out) == parts(whole)


def test_a_whole_run_is_not_run_again(market, folder, rules, whole):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.parquet")}
    manifest = sg.margin_folder(market, folder, rules, whole, chunk_accounts=CHUNK)
    assert manifest == json.loads((whole / "manifest.json").read_text())
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*.parquet")} == before


SCRIPT = """
import sys, shockgrid as sg
market = sg.synthetic_market(strikes_per_expiry=4, expiries=3)
sg.margin_folder(market, sys.argv[1], sg.load_rulebook("okx"), sys.argv[2], chunk_accounts=int(sys.argv[3]))
"""


@pytest.mark.long
def test_a_killed_process_loses_and_repeats_nothing(market, folder, rules, whole, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-c", SCRIPT, str(folder), str(out), str(CHUNK)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while not (out / "accounts" / "part-00001.parquet").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "manifest.json").exists()
    subprocess.run(command, check=True)
    assert parts(out) == parts(whole)


def refused(market, folder, rules, out, place, expected, **arguments):
    with pytest.raises(InputError) as error:
        sg.margin_folder(market, folder, rules, out, **{"chunk_accounts": CHUNK} | arguments)
    assert place in str(error.value)
    assert expected in str(error.value)


def test_rows_out_of_order_are_refused(market, folder, rules, tmp_path):
    def last_first(frame):
        return pd.concat([frame.iloc[-1:], frame.iloc[:-1]])

    broken = copied(folder, tmp_path / "in", positions=last_first)
    refused(
        market,
        broken,
        rules,
        tmp_path / "out",
        "positions.parquet row 1 column account",
        "in the order of the accounts",
    )


def test_a_row_that_comes_too_late_is_refused(market, folder, rules, tmp_path):
    def first_last(frame):
        return pd.concat([frame.iloc[1:], frame.iloc[:1]])

    broken = copied(folder, tmp_path / "in", balances=first_last)
    n = len(pd.read_parquet(folder / "balances.parquet"))
    refused(market, broken, rules, tmp_path / "out", f"balances.parquet row {n - 1} column account", "order")


def test_an_account_without_settings_is_refused(market, folder, rules, tmp_path):
    broken = copied(folder, tmp_path / "in", settings=lambda frame: frame.iloc[:-1])
    refused(market, broken, rules, tmp_path / "out", "column account", "an account of settings.parquet")


def test_an_account_that_settings_name_twice_is_refused(market, folder, rules, tmp_path):
    broken = copied(folder, tmp_path / "in", settings=lambda frame: pd.concat([frame, frame.iloc[:1]]))
    place = f"settings.parquet row {COUNT} column account"
    refused(market, broken, rules, tmp_path / "out", place, "each account once")


def test_settings_are_needed(market, folder, rules, tmp_path):
    broken = copied(folder, tmp_path / "in")
    (broken / "settings.parquet").unlink()
    refused(market, broken, rules, tmp_path / "out", "folder", "settings.parquet")


def test_a_bad_cell_is_named_by_its_row_in_the_file(market, folder, rules, tmp_path):
    row = len(pd.read_parquet(folder / "positions.parquet")) - 3

    def spoil(frame):
        frame.loc[row, "quantity"] = np.inf
        return frame

    broken = copied(folder, tmp_path / "in", positions=spoil)
    refused(market, broken, rules, tmp_path / "out", f"positions.parquet row {row} column quantity", "finite")


def test_results_of_something_else_are_not_touched(market, folder, rules, whole, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    refused(market, folder, rules, tmp_path, "folder", "an empty folder")
    other = sg.load_rulebook("okx/v2-2025-01-15")
    refused(market, folder, other, whole, "progress.json", "other rulebook")
    refused(market, folder, rules, whole, "progress.json", "other chunk_accounts", chunk_accounts=CHUNK + 1)
    refused(market, folder, rules, whole, "progress.json", "other precision", precision="float32")
    moved = sg.synthetic_market(8, strikes_per_expiry=4, expiries=3)
    refused(moved, folder, rules, whole, "progress.json", "other market")


def test_chunks_have_accounts(market, folder, rules, tmp_path):
    refused(market, folder, rules, tmp_path / "out", "chunk_accounts", "1 or more", chunk_accounts=0)


@pytest.mark.parametrize("table", ["settings", "positions"])
def test_a_damaged_file_is_named(market, folder, rules, tmp_path, table):
    broken = copied(folder, tmp_path / "in")
    (broken / f"{table}.parquet").write_bytes(b"PAR1 not much")
    refused(market, broken, rules, tmp_path / "out", f"{table}.parquet", "a readable Parquet file")


def test_a_stale_row_is_refused_before_anything_is_left_out(market, folder, rules, tmp_path, monkeypatch):
    """A row that comes too late stands where decoding stops, so that no later row of its chunk is seen beside it."""
    monkeypatch.setattr(account_stream, "BATCH_ROWS", 10)

    def late(frame):
        owner = frame.account.to_numpy()
        first_of_second = int(np.flatnonzero(owner == pd.read_parquet(folder / "settings.parquet").account[CHUNK])[0])
        cut = first_of_second // 10 * 10 + 19
        return pd.concat([frame.iloc[1:cut], frame.iloc[:1], frame.iloc[cut:]])

    broken = copied(folder, tmp_path / "in", balances=late)
    refused(market, broken, rules, tmp_path / "out", "balances.parquet", "in the order of")
    assert len(parts(tmp_path / "out")) <= 2


def test_several_times_are_a_history_and_refused(market, folder, rules, tmp_path):
    times = pd.to_datetime(["2025-06-20T12:00:00Z", "2025-06-21T12:00:00Z"])

    def dated(frame):
        return frame.assign(time=np.where(np.arange(len(frame)) < len(frame) - 1, *times))

    def one(frame):
        return frame.assign(time=times[0])

    broken = copied(folder, tmp_path / "in", positions=dated)
    row = len(pd.read_parquet(folder / "positions.parquet")) - 1
    refused(market, broken, rules, tmp_path / "out", f"positions.parquet row {row} column time", "one time")
    sg.margin_folder(market, copied(folder, tmp_path / "in2", positions=one), rules, tmp_path / "out2")


def test_a_journal_that_is_none_is_refused(market, folder, rules, tmp_path):
    (tmp_path / "progress.json").write_text("{")
    refused(market, folder, rules, tmp_path, "progress.json", "the journal of an earlier run")


def test_no_accounts_make_frames_without_rows(market, rules, tmp_path):
    sg.write_accounts(sg.synthetic_accounts(market, 0), tmp_path / "in")
    manifest = sg.margin_folder(market, tmp_path / "in", rules, tmp_path / "out")
    assert (manifest["accounts"], manifest["parts"]) == (0, 1)
    assert manifest["precision"] == "float64"
    assert list(pd.read_parquet(tmp_path / "out" / "units").columns)[:2] == ["account", "unit"]

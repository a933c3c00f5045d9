"""``sg.margin_folder``: accounts of any number, from a Parquet folder to a Parquet folder, a chunk at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from shockgrid.errors import InputError
from shockgrid.io.account_stream import AccountStream, StreamPosition
from shockgrid.market.market import Market
from shockgrid.report.fingerprint import file_mark, market_mark, rulebook_mark
from shockgrid.report.margin import OrderBooks, Precision, margin_report
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.block_margin import CommonShape
from shockgrid.venues.okx.rulebook import Rulebook

CHUNK_ACCOUNTS = 100_000
FRAMES = ("accounts", "units")
JOURNAL, MANIFEST = "progress.json", "manifest.json"

T = TypeVar("T")


def margin_folder(
    market: Market,
    accounts: str | os.PathLike[str],
    rules: Rulebook,
    out: str | os.PathLike[str],
    *,
    orders: OrderBooks = "three_books",
    precision: Precision = "float64",
    chunk_accounts: int = CHUNK_ACCOUNTS,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """Margin the accounts of a Parquet folder in bounded memory and write the frames as they come.

    ``out`` gets ``accounts/part-00000.parquet``, ``units/part-00000.parquet`` and so on, one pair a chunk, and at the
    end ``manifest.json``. A part is whole or absent. A run that was interrupted goes on after its last chunk when it
    is called again with the same arguments, and its files are then those of a run that was not.

    Args:
        market: From ``read_market``.
        accounts: A folder in the native layout. ``settings.parquet`` must name every account, and the rows of the
            other tables must stand in the order of its accounts.
        rules: From ``load_rulebook``.
        out: A folder, made if need be; empty, or of an earlier call with the same arguments.
        orders: As for ``margin``.
        precision: As for ``margin``.
        chunk_accounts: Accounts that are in memory at a time.
        progress: Called with the accounts done and the number of all, at the start and after every chunk.

    Returns:
        The manifest.

    Raises:
        InputError: As for ``read_accounts`` and ``margin``; rows out of order; a folder with other results.
        ShockError: As for ``margin``.
    """
    stream, folder = AccountStream(Path(accounts)), Path(out)
    if chunk_accounts < 1:
        raise InputError("margin_folder", "chunk_accounts", "1 or more", chunk_accounts)
    inputs = {
        "accounts": {path.name: file_mark(path) for path in sorted(Path(accounts).glob("*.parquet"))},
        "market": market_mark(market),
        "rulebook": rulebook_mark(rules),
        "orders": orders,
        "precision": precision,
        "chunk_accounts": chunk_accounts,
    }
    run = _Run(folder, inputs, stream.n_accounts, progress)
    if run.done is None:
        shape = CommonShape(run.shape)
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
            written: Future[None] | None = None
            for chunk, position in _ahead(reader, stream.chunks(chunk_accounts, run.position)):
                report = margin_report(market, chunk, rules, orders=orders, precision=precision, shape=shape)
                if written is not None:
                    written.result()
                written = writer.submit(run.save, report, position, shape)
            if written is not None:
                written.result()
        run.finish()
    return run.done or {}


def _ahead(reader: ThreadPoolExecutor, items: Iterator[T]) -> Iterator[T]:
    """The items, the next one being read while one is used."""
    end = object()
    coming: Future[Any] = reader.submit(next, items, end)
    while (item := coming.result()) is not end:
        coming = reader.submit(next, items, end)
        yield item


class _Run:
    """What a folder of results holds, and how it grows."""

    def __init__(
        self, folder: Path, inputs: dict[str, Any], n_accounts: int, progress: Callable[[int, int], object] | None
    ) -> None:
        self._folder, self._inputs, self._n_accounts, self._progress = folder, inputs, n_accounts, progress
        self.done: dict[str, Any] | None = None
        journal: dict[str, Any] = {"inputs": inputs, "parts": 0, "accounts": 0, "units": 0}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / JOURNAL).exists():
                journal = _read_journal(folder)
                self._require_same(journal["inputs"])
            elif any(folder.iterdir()):
                raise InputError(str(folder), "folder", "an empty folder, or one of an earlier run", "other files")
            for name in FRAMES:
                (folder / name).mkdir(exist_ok=True)
            _write_json(folder / JOURNAL, journal)
        except OSError as error:
            expected = "a folder that can be written, or a path where one can be made"
            raise InputError(str(folder), "file", expected, error.strerror or error) from None
        self._journal = journal
        if (folder / MANIFEST).exists():
            self.done = json.loads((folder / MANIFEST).read_text())
        self._tell()

    def _require_same(self, before: dict[str, Any]) -> None:
        changed = [name for name, value in self._inputs.items() if before.get(name) != value]
        if changed:
            expected = "a folder of a run with the same arguments, or an empty one"
            raise InputError(str(self._folder), JOURNAL, expected, "a run with other " + ", ".join(changed))

    @property
    def position(self) -> StreamPosition | None:
        """Where to go on."""
        return self._journal.get("position")

    @property
    def shape(self) -> dict[str, Any] | None:
        """What plans were padded to: rounding may depend on it."""
        return self._journal.get("shape")

    def save(self, report: MarginReport, position: StreamPosition, shape: CommonShape) -> None:
        """Write a chunk: its parts first, and then that they are there."""
        part = f"part-{self._journal['parts']:05d}.parquet"
        for name in FRAMES:
            frame: pd.DataFrame = getattr(report, name)
            path = self._folder / name / part
            frame.to_parquet(path.with_suffix(".partial"), index=False)
            os.replace(path.with_suffix(".partial"), path)
        self._journal = self._journal | {
            "parts": self._journal["parts"] + 1,
            "accounts": self._journal["accounts"] + len(report.accounts),
            "units": self._journal["units"] + len(report.units),
            "position": dict(position),
            "shape": asdict(shape.current) if shape.current else None,
            "report": report.manifest,
        }
        _write_json(self._folder / JOURNAL, self._journal)
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._journal["accounts"], self._n_accounts)

    def finish(self) -> None:
        """Write the manifest, that of a report with the sizes of the run: it says that the run is whole."""
        sizes = {name: self._journal[name] for name in ("accounts", "units", "parts", "inputs")}
        manifest: dict[str, Any] = self._journal["report"] | {"kind": "shockgrid.margin_folder/1"} | sizes
        _write_json(self._folder / MANIFEST, manifest)
        self.done = manifest


def _read_journal(folder: Path) -> dict[str, Any]:
    try:
        journal = json.loads((folder / JOURNAL).read_text())
        return journal if {"inputs", "parts", "accounts", "units"} <= journal.keys() else json.loads("")
    except (ValueError, AttributeError):
        raise InputError(str(folder), JOURNAL, "the journal of an earlier run", "something else") from None


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.with_suffix(".partial").write_text(json.dumps(document, indent=2) + "\n")
    os.replace(path.with_suffix(".partial"), path)

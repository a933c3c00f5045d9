"""Independent pieces of work on the devices of this machine, several at a time.

Every piece runs on one device, from one thread. A CPU has as many threads as cores: XLA runs a loop over blocks on one
core, so cores are kept busy with different pieces. Pieces share nothing, so what comes out does not depend on how
many devices or threads there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import cycle
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import jax
from jax.sharding import SingleDeviceSharding

if TYPE_CHECKING:
    from jaxlib._jax import Device
else:
    Device = jax.Device

T = TypeVar("T")
R = TypeVar("R")


def device_slots() -> list[Device]:
    """A device for each piece of work that can run at once; a CPU as often as it has cores to itself."""
    devices = jax.local_devices()
    if devices[0].platform != "cpu":
        return devices
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [device for _, device in zip(range(max(cores, len(devices))), cycle(devices), strict=False)]


def on_each_device(tree: T, devices: Sequence[Device]) -> dict[Device, T]:
    """Copies of arrays that every piece of work reads."""
    return {device: jax.device_put(tree, SingleDeviceSharding(device)) for device in dict.fromkeys(devices)}


def map_on_devices(
    work: Callable[[T, Device], R],
    pieces: Sequence[T],
    devices: Sequence[Device],
    done: Callable[[T], object] | None = None,
) -> list[R]:
    """``work(piece, device)`` of every piece, in float64 mode, in the order of the pieces.

    The first error, or an interrupt, ends the work that has not begun and is raised.

    Args:
        work: Runs in a thread of its own.
        pieces: What to do.
        devices: As from ``device_slots``; each is busy with one piece at a time.
        done: Called in this thread after every piece, in the order in which they end.
    """
    free: SimpleQueue[Device] = SimpleQueue()
    for device in devices:
        free.put(device)

    def run(piece: T) -> R:
        device = free.get()
        try:
            # The setting belongs to a thread, so every thread makes it.
            with jax.enable_x64(True), jax.default_device(device):
                return work(piece, device)
        finally:
            free.put(device)

    if len(pieces) <= 1:
        return [_finished(run(piece), piece, done) for piece in pieces]
    pool = ThreadPoolExecutor(min(len(devices), len(pieces)))
    try:
        futures: dict[Future[R], T] = {pool.submit(run, piece): piece for piece in pieces}
        for future in as_completed(futures):
            _finished(future.result(), futures[future], done)
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(result: R, piece: T, done: Callable[[T], object] | None) -> R:
    if done is not None:
        done(piece)
    return result

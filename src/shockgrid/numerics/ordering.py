"""Sorting whole numbers fast (NumPy, on the host)."""

from __future__ import annotations

import numpy as np

from shockgrid.numerics.shapes import Bool, Int

DIGIT_BITS = 16
"""NumPy sorts numbers of 16 bits by counting."""


def stable_order(key: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """``np.argsort(key, kind="stable")`` of whole numbers, 0 or more, digit by digit from the last."""
    if (key[1:] >= key[:-1]).all():
        return np.arange(len(key))
    order = np.argsort(_digit(key, 0), kind="stable")
    for shift in range(DIGIT_BITS, int(key.max()).bit_length(), DIGIT_BITS):
        order = order[np.argsort(_digit(key[order], shift), kind="stable")]
    return order


def _digit(key: Int[np.ndarray, " n"], shift: int) -> np.ndarray:
    return (key >> shift if shift else key).astype(np.uint16)  # what is above the digit falls away


def compact(largest: int) -> type[np.signedinteger]:
    """The shortest type that holds whole numbers up to this: half the memory is half the time."""
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64


def run_begins(ordered: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Whether each number begins a run of equal ones."""
    begins = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return begins


def places_in_order(names: np.ndarray) -> Int[np.ndarray, " n"]:
    """The place of each name if all were sorted, by code point."""
    return np.argsort(np.argsort(names.astype(str), kind="stable")).astype(np.int32)


def place_in_group(group: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The place of each row in its group, of groups in ascending order."""
    return np.arange(len(group)) - np.searchsorted(group, group)

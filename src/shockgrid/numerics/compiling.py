"""One compilation for all threads that need the same program."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar

import jax
import numpy as np

T = TypeVar("T")

_compiled: set[Hashable] = set()
_compiling = Lock()


def compiling_once(program: Hashable, call: Callable[[], T]) -> T:
    """Let no two threads compile one program at the same time, which JAX would do."""
    if program not in _compiled:
        with _compiling:
            if program not in _compiled:
                result = call()
                _compiled.add(program)
                return result
    return call()


def program_key(name: str, *inputs: object) -> Hashable:
    """What makes a compiled program: its name, and the structure and shapes of its inputs."""
    leaves, structure = jax.tree.flatten(inputs)
    return name, structure, tuple((np.shape(leaf), str(getattr(leaf, "dtype", type(leaf)))) for leaf in leaves)

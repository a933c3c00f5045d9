"""One shape for the arrays of all margin runs of a test module, so that each program compiles once.

Padding changes no figure (``tests/properties/test_padding.py``); without it every few accounts are a program of their
own, and figures of different programs may differ in their last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from shockgrid.venues.okx import block_margin

SHAPE: Mapping[str, Any] = {
    "units": 448,
    "unit_plan": (448, 2, 16384),
    "currencies": 320,
    "account_units": (256, 1, 16384),
    "account_currencies": (256, 1, 16384),
}
"""Room for some 400 units, which is more than the least that small books share; what is larger grows it."""


@contextmanager
def one_shape(saved: Mapping[str, Any] = SHAPE) -> Iterator[None]:
    shape = block_margin.CommonShape(dict(saved), roomy=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_margin, "CommonShape", lambda **_: shape)
        yield
    assert shape.current == block_margin.CommonShape(dict(saved)).current, "the shape grew: programs compiled twice"

"""Columns of names for frames, made without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

_STRINGS = pd.StringDtype("pyarrow", na_value=np.nan)  # what pandas calls ``str``


def names(vocabulary: Sequence[str] | np.ndarray, codes: np.ndarray | None = None) -> pd.Series:
    """A column of strings, of that type also when it is empty.

    Args:
        vocabulary: The names.
        codes: ``[row]`` which name stands in each row; by default all of them in order.
    """
    values = pa.array(vocabulary, pa.large_string())
    return pd.Series(_STRINGS.__from_arrow__(values if codes is None else values.take(pa.array(codes))))


def constant(name: str, n: int) -> pd.Series:
    """A column of one name."""
    return names([name], np.zeros(n, np.int8))

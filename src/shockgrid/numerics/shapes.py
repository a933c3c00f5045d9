"""Array annotations that need nothing at run time.

Shapes in signatures are jaxtyping's. The numerical core must also import where only jax and numpy are installed;
there the annotations mean nothing and cost nothing. ``Array`` stands in kernels; ``AnyArray`` in records, which hold
NumPy arrays on the host and JAX arrays inside kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jax import Array

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    AnyArray: TypeAlias = Any
else:
    AnyArray = Array | np.ndarray
    try:
        from jaxtyping import Bool, Float, Int
    except ImportError:

        class _Shapeless:
            def __class_getitem__(cls, _: object) -> object:
                return Any

        Bool = Float = Int = _Shapeless

__all__ = ["AnyArray", "Array", "Bool", "Float", "Int"]

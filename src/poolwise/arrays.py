"""One source for two array libraries: NumPy when serving (no dispatch cost), JAX when traced."""

from typing import Any

import numpy as np

Array = Any
"""A NumPy or a JAX array."""
_NUMPY = (np.ndarray, np.generic)


def namespace(array: Array) -> Any:
    """The library of `array`: NumPy, or `jax.numpy` for anything of JAX.

    >>> namespace(np.zeros(3)) is np
    True
    """
    if isinstance(array, _NUMPY):
        return np
    return array.__array_namespace__()

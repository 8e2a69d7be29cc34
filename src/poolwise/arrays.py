"""One source for two array libraries: NumPy where a process is too short to compile, JAX where a function is traced.

Axes are named by jaxtyping, `Float[Array, "project context arm"]`, where `...` stands for any axes and a single one
begins with a space. Type checkers read jaxtyping; a process, which would wait 35 ms for it, keeps what was written, and
`tests/test_arrays.py` checks records against that.

The few operations that the two spell differently stand here. On NumPy arrays `put` writes in place; under JAX it
returns a new value, whose buffer is the old one where the caller has donated it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

Array = Any
"""A NumPy or a JAX array."""

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
else:

    class _Kind(str):
        """A kind of numbers: `kind[array, axes]` is an annotation that keeps all three."""

        def __getitem__(self, shaped: tuple[Any, str]) -> Any:
            return Annotated[shaped[0], str(self), shaped[1]]

    Bool, Float, Int = map(_Kind, ("Bool", "Float", "Int"))

_NUMPY = (np.ndarray, np.generic, float, int)


def namespace(array: Array) -> Any:
    """The library of `array`: NumPy, or `jax.numpy` for anything of JAX.

    >>> namespace(np.zeros(3)) is np
    True
    """
    if isinstance(array, _NUMPY):
        return np
    return array.__array_namespace__()


def window(array: Array, start: tuple[Array, ...], size: tuple[int, ...]) -> Array:
    """The block of `array` of this size from `start` on; every index must lie inside."""
    if isinstance(array, np.ndarray):
        return array[tuple(slice(int(first), int(first) + width) for first, width in zip(start, size, strict=True))]
    from jax import lax

    return lax.dynamic_slice(array, _indices(start), size, allow_negative_indices=False)


def at(array: Array, *index: Array) -> Array:
    """`array[index]`, for leading indices that may be traced."""
    if isinstance(array, np.ndarray):
        return array[tuple(int(one) for one in index)]
    lead = len(index)
    rest = array.shape[lead:]
    return window(array, (*index, *(0 for _ in rest)), (1,) * lead + rest).reshape(rest)


def put(array: Array, value: Array, *index: Array) -> Array:
    """`array` with `value` at leading indices: NumPy arrays are written to, JAX arrays are not."""
    if isinstance(array, np.ndarray):
        array[tuple(int(one) for one in index)] = value
        return array
    from jax import lax

    lead = len(index)
    rest = array.shape[lead:]
    start = _indices((*index, *(0 for _ in rest)))
    return lax.dynamic_update_slice(array, value.reshape((1,) * lead + rest), start, allow_negative_indices=False)


def choose(condition: Array, yes: Callable[..., Any], no: Callable[..., Any], *operands: Any) -> Any:
    """`yes(*operands)` or `no(*operands)`; only one of the two is computed."""
    if isinstance(condition, bool | np.bool_):
        return (yes if condition else no)(*operands)
    from jax import lax

    return lax.cond(condition, yes, no, *operands)


def looked_up(table: tuple[int, ...], index: Array) -> Array:
    """`table[index]`, for an index that may be traced."""
    return table[index] if isinstance(index, int) else namespace(index).asarray(table)[index]


def whole(number: Array) -> Array:
    """A float that holds an index, as an index."""
    return int(number) if isinstance(number, _NUMPY) else number.astype("int32")


def _indices(start: tuple[Array, ...]) -> tuple[Array, ...]:
    from jax import numpy

    return tuple(numpy.asarray(index, "int32") for index in start)

"""Named arrays as one blob, bit for bit: a line that names them, then their bytes one after another."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from poolwise.errors import StoreDamaged


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """`name:dtype:shape` of every array, joined by blanks, a newline, then the data in C order.

    >>> unpack(pack({"x": np.array([1.0, 2.0])}))["x"]
    array([1., 2.])
    """
    header = _header(tuple(arrays), tuple([(value.dtype, value.shape) for value in arrays.values()]))
    return header + b"".join([value.tobytes() for value in arrays.values()])


@lru_cache(maxsize=256)
def _header(names: tuple[str, ...], forms: tuple[tuple[np.dtype, tuple[int, ...]], ...]) -> bytes:
    """The same for all views of one engine, and what took most of the time of packing one."""
    items = [f"{name}:{kind.str}:{','.join(map(str, shape))}" for name, (kind, shape) in zip(names, forms, strict=True)]
    return " ".join(items).encode() + b"\n"


def unpack(blob: bytes) -> dict[str, np.ndarray]:
    """The arrays that `pack` wrote. Raises StoreDamaged for anything else."""
    header, newline, data = blob.partition(b"\n")
    arrays, start = {}, 0
    try:
        for item in header.decode().split(" "):
            name, kind, sizes = item.split(":")
            shape = tuple(int(size) for size in sizes.split(",")) if sizes else ()
            count = int(np.prod(shape))
            arrays[name] = np.frombuffer(data, np.dtype(kind), count, start).reshape(shape).copy()
            start += count * np.dtype(kind).itemsize
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise StoreDamaged(f"a logged view cannot be read ({error}): restore the store from a backup") from error
    if not newline or start != len(data):
        raise StoreDamaged("a logged view has the wrong length: restore the store from a backup")
    return arrays

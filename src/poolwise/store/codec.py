"""Named arrays as one blob, bit for bit: a line that names them, then their bytes one after another."""

from collections.abc import Mapping

import numpy as np

from poolwise.errors import StoreDamaged


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """`name:dtype:shape` of every array, joined by blanks, a newline, then the data in C order.

    >>> unpack(pack({"x": np.array([1.0, 2.0])}))["x"]
    array([1., 2.])
    """
    parts = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    header = " ".join(f"{k}:{v.dtype.str}:{','.join(map(str, np.shape(arrays[k])))}" for k, v in parts.items())
    return b"".join([header.encode(), b"\n", *(value.tobytes() for value in parts.values())])


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

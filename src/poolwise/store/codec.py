"""Named arrays as a line that many of them share and the bytes of their numbers, bit for bit.

    line   `name:dtype:shape` of every array, joined by blanks
    body   one byte of width for every array, then the numbers of all, each array in C order

The width is the smallest in which every number of the array comes back exactly: 1, 2, 4 or 8 bytes of an integer, 2, 4
or 8 of floating point, and a byte for eight truth values.
"""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from poolwise.errors import StoreDamaged

_FLOATING = "efd"
"""NumPy's letters."""


def pack(arrays: Mapping[str, np.ndarray]) -> tuple[str, bytes]:
    """Line and body of arrays of bool, int64 and float64.

    >>> unpack(*pack({"x": np.array([1.0, 2.0])}))["x"]
    array([1., 2.])
    """
    values = list(arrays.values())
    kinds = [value.dtype.char for value in values]
    line = _line(tuple(arrays), tuple(kinds), tuple([value.shape for value in values]))
    floating = _floating([value for value, kind in zip(values, kinds, strict=True) if kind in _FLOATING])
    parts = [
        next(floating) if kind in _FLOATING else _whole(kind, value.tobytes())
        for value, kind in zip(values, kinds, strict=True)
    ]
    return line, bytes([width for width, _ in parts]) + b"".join([data for _, data in parts])


def unpack(line: str, body: bytes) -> dict[str, np.ndarray]:
    """The arrays that `pack` was given. Raises StoreDamaged for anything else."""
    arrays, items = {}, line.split(" ") if line else []
    start = len(items)
    try:
        for item, width in zip(items, body, strict=False):
            name, kind, shape = _parsed(item)
            count = math.prod(shape)
            if kind.kind == "b":
                used = -(-count // 8)
                flat = np.unpackbits(np.frombuffer(body, np.uint8, used, start), count=count).astype(kind)
            else:
                used = count * width
                flat = np.frombuffer(body, f"{kind.kind}{width}", count, start).astype(kind)
            arrays[name], start = flat.reshape(shape), start + used
    except (ValueError, TypeError, OverflowError) as error:
        raise StoreDamaged(f"a logged view cannot be read ({error}): restore the store from a backup") from error
    if start != len(body) or len(arrays) != len(items):
        raise StoreDamaged("a logged view has the wrong length: restore the store from a backup")
    return arrays


def unpack_first(blob: bytes) -> dict[str, np.ndarray]:
    """The arrays of a view of the first version: the line, a newline, and every array as it is."""
    line, _, data = blob.partition(b"\n")
    arrays, start = {}, 0
    try:
        for item in line.decode().split(" "):
            name, kind, shape = _parsed(item)
            arrays[name] = np.frombuffer(data, kind, count := math.prod(shape), start).reshape(shape).copy()
            start += count * kind.itemsize
    except (ValueError, TypeError) as error:
        raise StoreDamaged(f"a logged view cannot be read ({error}): restore the store from a backup") from error
    if start != len(data):
        raise StoreDamaged("a logged view has the wrong length: restore the store from a backup")
    return arrays


def _floating(values: list[np.ndarray]) -> Iterator[tuple[int, bytes]]:
    """Width and bytes of each, looked at together: most of the time is that of a call. Bits are compared, for 0 and -0
    are equal and NaN is not."""
    if not values:
        return
    every = np.concatenate(values, axis=None, dtype=np.float64)
    with np.errstate(over="ignore"):
        half, single = every.astype(np.float16), every.astype(np.float32)
    raw, short = every.tobytes(), (half.tobytes(), single.tobytes())
    back, start = [part.astype(np.float64).tobytes() for part in (half, single)], 0
    for value in values:
        end = start + value.size
        own = raw[8 * start : 8 * end]
        if back[0][8 * start : 8 * end] == own:
            yield 2, short[0][2 * start : 2 * end]
        elif back[1][8 * start : 8 * end] == own:
            yield 4, short[1][4 * start : 4 * end]
        else:
            yield 8, own
        start = end


@lru_cache(maxsize=1024)
def _whole(kind: str, data: bytes) -> tuple[int, bytes]:
    """Of truth values, eight a byte, and of integers: the same in most views of an engine."""
    value = np.frombuffer(data, kind)
    if value.dtype.kind == "b":
        return 1, np.packbits(value).tobytes()
    low, high = (int(value.min()), int(value.max())) if value.size else (0, 0)
    width = next(width for width in (1, 2, 4, 8) if -(1 << 8 * width - 1) <= low and high < 1 << 8 * width - 1)
    return width, value.astype(f"i{width}").tobytes()


@lru_cache(maxsize=256)
def _line(names: tuple[str, ...], kinds: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]) -> str:
    return " ".join(
        f"{name}:{np.dtype(kind).str}:{','.join(map(str, shape))}"
        for name, kind, shape in zip(names, kinds, shapes, strict=True)
    )


@lru_cache(maxsize=1024)
def _parsed(item: str) -> tuple[str, np.dtype, tuple[int, ...]]:
    name, kind, sizes = item.split(":")
    return name, np.dtype(kind), tuple(int(size) for size in sizes.split(",")) if sizes else ()

"""Room to grow for projects and contexts, in few sizes."""

MIN_SIZE = 4
"""Smallest room for projects and for contexts."""


def padded_size(size: int) -> int:
    """The next of 4, 8, 12, 16, 24, 32, 48, 64 ..: room to grow, in few enough sizes that code is compiled rarely.

    >>> [padded_size(size) for size in (1, 5, 9, 13)]
    [4, 8, 12, 16]
    """
    room = MIN_SIZE
    while room < size:
        room = room * 3 // 2 if room & (room - 1) == 0 and room > MIN_SIZE else 2 ** (room.bit_length() - 1) * 2
    return room

"""When the scales are estimated again: often at first, rarely later."""

EVERY = ((100, 10), (2_000, 50))
"""(up to this many outcomes, after so many new ones); later at every tenth more."""


def until(every: tuple[tuple[int, int], ...], outcomes: int, last: int) -> int:
    """After how many outcomes more they are `due` for the first time.

    >>> until(EVERY, 95, 90), until(EVERY, 100, 100), until(EVERY, 30_000, 29_900)
    (5, 50, 3222)
    """
    more = 1
    while not due(every, outcomes + more, last):
        more += 1
    return more


def due(every: tuple[tuple[int, int], ...], outcomes: int, last: int) -> bool:
    """Whether scales estimated from `last` outcomes are to be estimated again now that there are `outcomes`.

    >>> [due(EVERY, outcomes, 90) for outcomes in (99, 100)]
    [False, True]
    """
    step = next((step for limit, step in every if outcomes <= limit), max(outcomes // 10, 1))
    return outcomes - last >= step

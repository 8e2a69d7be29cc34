"""When the scales are estimated again: often at first, rarely later."""

EVERY = ((100, 10), (2_000, 50))
"""(up to this many outcomes, after so many new ones); later at every tenth more."""


def due(every: tuple[tuple[int, int], ...], outcomes: int, last: int) -> bool:
    """Whether scales estimated from `last` outcomes are to be estimated again now that there are `outcomes`.

    >>> [due(EVERY, outcomes, 90) for outcomes in (99, 100)]
    [False, True]
    """
    step = next((step for limit, step in every if outcomes <= limit), max(outcomes // 10, 1))
    return outcomes - last >= step

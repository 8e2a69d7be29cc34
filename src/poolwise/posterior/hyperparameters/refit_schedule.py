"""When the scales are estimated again: often at first, then whenever there is a fifth more to estimate them from.

So their number grows with the logarithm of that of the outcomes, and what they cost becomes an ever smaller share.
"""

EVERY = ((50, 10),)
"""(up to this many outcomes, after so many new ones); later at every fifth more."""


def until(every: tuple[tuple[int, int], ...], outcomes: int, last: int) -> int:
    """After how many outcomes more they are `due` for the first time.

    >>> until(EVERY, 45, 40), until(EVERY, 60, 60), until(EVERY, 30_000, 29_900)
    (5, 12, 5880)
    """
    more = 1
    while not due(every, outcomes + more, last):
        more += 1
    return more


def due(every: tuple[tuple[int, int], ...], outcomes: int, last: int) -> bool:
    """Whether scales estimated from `last` outcomes are to be estimated again now that there are `outcomes`.

    >>> [due(EVERY, outcomes, 40) for outcomes in (49, 50)]
    [False, True]
    """
    step = next((step for limit, step in every if outcomes <= limit), -(-outcomes // 6))
    return outcomes - last >= step

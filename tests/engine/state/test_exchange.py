"""A posterior made beside is caught up with, and taken, however fast outcomes come meanwhile."""

import pytest

from poolwise.engine.state.exchange import AT_ONCE, Exchange


class Learned(list):
    """A posterior that knows what it was told."""

    hyperparameters = prior = None

    def saved(self):
        return {}

    def resume(self, saved, learned):
        pass

    def ready(self):
        pass


def beside(exchange):
    return exchange.copied(lambda hyperparameters: Learned(), 0)(None)


@pytest.mark.parametrize("faster", [0.4, 1.0, 3.0])
def test_catching_up_ends_and_loses_nothing(faster):
    """faster: outcomes that come while one is caught up with."""
    exchange = Exchange(Learned())
    other = beside(exchange)
    come, told, rounds = 1_000, 0, 0
    while True:
        for _ in range(come):
            exchange.do(Learned.append, told)
            told += 1
        if exchange.close_by:
            break
        rounds += 1
        assert rounds < 20
        for method, arguments in (rest := exchange.rest()):
            method(other, *arguments)
        come = int(faster * len(rest))
    assert (come <= AT_ONCE) == (faster < 0.5)
    exchange.exchange(other)
    assert exchange.posterior == list(range(told))

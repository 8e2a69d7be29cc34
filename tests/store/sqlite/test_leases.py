"""One process of many holds a lease, and no process that is gone holds it for ever."""

from contextlib import closing

import pytest

from poolwise.store import open_store


@pytest.fixture
def stores(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with closing(open_store(url, seed=1)) as one, closing(open_store(url)) as other:
        yield one, other


def test_one_of_many_holds_a_lease_until_it_gives_it_back(stores):
    one, other = stores
    assert one.lease("estimate", 30)
    assert not other.lease("estimate", 30)
    assert other.lease("else", 30)
    other.release("estimate")
    assert one.lease("estimate", 30)
    assert not other.lease("estimate", 30)
    one.release("estimate")
    assert other.lease("estimate", 30)


def test_a_lease_that_nobody_gives_back_runs_out(stores):
    one, other = stores
    assert one.lease("estimate", 0)
    assert other.lease("estimate", 30)
    one.release("estimate")
    assert not one.lease("estimate", 30)


def test_a_clock_that_is_set_back_does_not_make_a_lease_longer(stores):
    one, other = stores
    assert one.lease("estimate", 1e6)
    assert other.lease("estimate", 30)

"""What a serving process tells the garbage collector."""

import gc

import pytest

from poolwise.service import collector


@pytest.fixture
def usual():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_is_set_aside_and_what_comes_later_is_still_collected(usual):
    paused = []
    collector.settle((1.0, 2.0), paused.append)
    assert paused == [1.0, 2.0]
    assert gc.get_threshold() == collector.THRESHOLDS
    assert gc.get_freeze_count() > 10_000
    loop: list = []
    loop.append(loop)
    del loop
    assert gc.collect() > 0

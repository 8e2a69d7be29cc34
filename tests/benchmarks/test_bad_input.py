"""A short version of `benchmarks/robustness/bad_input.py`, whose full one is in its results."""

import pytest

from benchmarks.robustness.bad_input import ROOMS, tried

COUNTS = {"configurations": 1_000, "construction": 1_000, "tables": 300, "prior_packs": 200, "functions": 300}


@pytest.mark.parametrize(("room", "count"), COUNTS.items())
def test_nothing_foreign_comes_out_and_nothing_changes(room, count):
    found = tried(room, range(count), seed=3)
    assert found.refused > count / 4
    assert not found.foreign, found.foreign[:3]
    assert not found.changed, found.changed[:3]


@pytest.mark.parametrize("room", ROOMS)
def test_an_input_is_the_same_from_its_number(room):
    told = [[], []]
    for lines in told:
        tried(room, range(2), seed=4, tell=lambda number, line, lines=lines: lines.append(line.splitlines()[0][:40]))
    assert told[0] == told[1] != []

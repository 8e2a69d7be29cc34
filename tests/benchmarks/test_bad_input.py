"""A short version of `benchmarks/robustness/bad_input.py`, whose full one is in its results."""

import pytest

from benchmarks.robustness.bad_input import ROOMS, tried


@pytest.mark.parametrize(
    ("room", "count"), [("configurations", 1_000), ("tables", 300), ("prior_packs", 200), ("functions", 300)]
)
def test_nothing_foreign_comes_out_and_nothing_changes(room, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = tried(ROOMS[room], count, seed=3)
    assert found.refused > count / 4
    assert not found.foreign, found.foreign[:3]
    assert not found.changed, found.changed[:3]

"""A short version of `benchmarks/robustness/bad_input.py`, whose full one is in its results."""

import pytest

from benchmarks.robustness import bad_rooms
from benchmarks.robustness.bad_input import tried


@pytest.mark.parametrize(("room", "count"), [("configurations", 1_000), ("tables", 300), ("prior_packs", 200)])
def test_nothing_foreign_comes_out_and_nothing_changes(room, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = tried(getattr(bad_rooms, room), count, seed=3)
    assert found.refused > count / 4
    assert not found.foreign, found.foreign[:3]
    assert not found.changed, found.changed[:3]

"""What would be read for ever is damage, said within seconds; what is long but has an end is read."""

from contextlib import closing

import pytest

from poolwise import errors
from poolwise.store import open_store

_COUNT = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT max(x) FROM n"


def test_a_chain_without_an_end_is_damage(tmp_path):
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}")) as store:
        for _ in range(3):  # Steps are counted call by call.
            assert store._file.one(_COUNT, 500_000) == (500_000,)
        with pytest.raises(errors.StoreDamaged, match="restore it from a backup"):
            store._file.one(_COUNT, 10**15)
        assert store.append_record("x", {}) == 1


def test_more_rows_than_the_file_has_room_for_are_damage(tmp_path):
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}")) as store:
        rows = _COUNT.replace("max(x)", "x")
        assert len(store._file.all(rows, 3_000)) == 3_000
        with pytest.raises(errors.StoreDamaged, match="restore it from a backup"):
            store._file.all(rows, 10**6)


def test_records_out_of_their_order_are_damage(tmp_path, monkeypatch):
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}")) as store:
        monkeypatch.setattr(store._file, "all", lambda *_: [(1, "{}"), (2, "{}"), (1, "{}")])
        with pytest.raises(errors.StoreDamaged, match="order"):
            store.records("x")

"""Histories of files: every table twice, folders read whole, and what is no table is refused."""

import pytest

from poolwise.errors import DataError
from poolwise.run.histories import of_tables
from tests.replay.tables import rows


def test_every_table_of_a_folder_is_there_as_it_is_and_varied(tmp_path):
    made = rows(40)
    made.assign(is_baseline=made["arm"] == "base").to_csv(tmp_path / "one.csv", index=False)
    (tmp_path / "notes.txt").write_text("no table")
    found = of_tables([tmp_path], seed=1)
    assert [one.name for one in found] == ["one", "one, varied 1"]
    assert {one.group for one in found} == {"one"}
    assert [one.known for one in of_tables([tmp_path / "one.csv"], seed=1)] == [one.known for one in found]


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no table"):
        of_tables([tmp_path], seed=0)


def test_a_table_without_a_baseline_is_refused(tmp_path):
    rows(4).to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(DataError, match="no baseline"):
        of_tables([tmp_path], seed=0)

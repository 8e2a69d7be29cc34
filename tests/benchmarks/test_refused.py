"""A table that is refused keeps no other from being measured."""

from typing import NamedTuple

from benchmarks.replay.tables import loaded
from poolwise.errors import DataError


class Source(NamedTuple):
    name: str

    def load(self):
        if self.name == "bad":
            raise DataError("bad.csv: no rows")
        return self.name


def test_the_others_are_measured(capsys):
    assert [table for _, table in loaded([Source("a"), Source("bad"), Source("b")])] == ["a", "b"]
    assert "bad is left out: bad.csv: no rows" in capsys.readouterr().err

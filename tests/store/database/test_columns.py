"""The names of columns that statements use are those of the schema."""

import pytest

from poolwise.store.database import columns
from poolwise.store.file.tables import metadata


@pytest.mark.parametrize("table", [name for name in metadata.tables if name != "counter"])
def test_columns_are_those_of_the_schema(table):
    assert getattr(columns, table.upper()) == tuple(metadata.tables[table].columns.keys())

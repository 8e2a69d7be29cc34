"""Makes `texts.json`, which is all that a store reads of its statements: SQLAlchemy takes longer to load than most
files to open, and longer to execute a statement than SQLite.

    python -m poolwise.store.sql.texts
"""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.dml import Insert

from poolwise.store.sql import definitions, maintenance
from poolwise.store.sql.tables import metadata

FILE = Path(__file__).with_suffix(".json")
_COUNTED = {
    "decision": "sequence",
    "outcome": "sequence",
    "record": "id",
    "policy": "id",
    "arm_list": "id",
    "layout": "id",
}
"""Columns that nobody gives a value for."""


def texts() -> dict[str, Any]:
    """By dialect and name; and the columns of every table, in their order."""
    dialects = {
        "sqlite": (sqlite.dialect(paramstyle="qmark"), sqlite.insert, False),
        "postgresql": (PGDialect_psycopg(paramstyle="format"), postgresql.insert, True),
    }
    return {
        **{
            label: {key: _text(one, dialect) for key, one in _every(insert, numbered).items()}
            for label, (dialect, insert, numbered) in dialects.items()
        },
        "columns": {table.name: list(table.columns.keys()) for table in metadata.sorted_tables},
        "keys": {table.name: [column.name for column in table.primary_key] for table in metadata.sorted_tables},
    }


def _every(insert: Any, numbered: bool) -> dict[str, Executable]:
    read = definitions.reads() | maintenance.removal() | maintenance.pruning() | maintenance.retention()
    return read | definitions.writes(insert, numbered)


def _text(statement: Any, dialect: Any) -> str:
    options: dict[str, Any] = {"dialect": dialect}
    if isinstance(statement, Insert) and isinstance(statement.table, Table) and statement.select is None:
        statement, table = statement.inline(), statement.table
        options["column_keys"] = [one.name for one in table.columns if one.name != _COUNTED.get(table.name)]
    compiled = statement.compile(**options)
    constants = [value for value in compiled.params.values() if type(value) in (int, float, str)]
    assert not constants, f"{compiled}: {constants} are not in the text"
    return " ".join(str(compiled).split())


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(texts(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

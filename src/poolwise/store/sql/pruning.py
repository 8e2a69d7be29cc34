"""Which of a store's first events `poolwise retention` has archived: what its newest record says, and, where that is
damaged or would refuse what is asked for, what the rows themselves show, whose sequences have no other gaps."""

from collections.abc import Mapping
from typing import Any

from poolwise.errors import StorePruned
from poolwise.store import rows
from poolwise.store.sql import statements
from poolwise.store.sql.database import Database

TABLES = ("outcome", "decision")


def cursors(database: Database) -> tuple[int, int]:
    """How many of the first outcomes and decisions were archived."""
    row = database.row(database.sql.NEWEST_RECORD, statements.PRUNED)
    if row is None:
        return 0, 0
    try:
        return checked(rows.record_of(row[0]))
    except (KeyError, ValueError):
        return _whole_from(database, "outcome"), _whole_from(database, "decision")


def checked(body: Mapping[str, Any]) -> tuple[int, int]:
    """What a record says. Raises KeyError or ValueError for one that says nothing."""
    found = body["outcomes"], body["decisions"]
    if not all(type(one) is int and one >= 0 for one in found):
        raise ValueError("its cursors are no numbers of events")
    return found


def first(database: Database, table: str, after: int | None) -> int:
    """After which event to read. None: all that is there. Raises StorePruned where some after `after` are not."""
    if after is None:
        return 0
    folded = cursors(database)[TABLES.index(table)]
    ends = database.one(getattr(database.sql, f"LAST_{table.upper()}"))[0]
    lacks = folded and after < ends and not database.row(getattr(database.sql, f"THERE_{table.upper()}"), after + 1)
    if (after < folded or lacks) and after < (gone := _whole_from(database, table)):
        raise StorePruned(
            f"the first {gone} events were archived by `poolwise retention`, and what they taught is in a "
            "checkpoint of other settings: use those, or restore a backup from before"
        )
    return after


def _whole_from(database: Database, table: str) -> int:
    """The smallest cursor after which no row is missing."""
    return int(database.one(getattr(database.sql, f"WHOLE_{table.upper()}"))[0])

"""The statements of the SQLite store. Inserts are compiled from the schema once: the driver alone executes them."""

from collections.abc import Sequence

from sqlalchemy import Table, insert
from sqlalchemy.dialects import sqlite

from poolwise.store import tables


def _insert(table: Table, *, skip: Sequence[str] = ()) -> str:
    """The statement with one positional mark per column, compiled once: executing it is the driver's work alone."""
    names = [column.name for column in table.columns if column.name not in skip]
    return str(insert(table).values(dict.fromkeys(names)).compile(dialect=sqlite.dialect(), column_keys=names))


DECISION, VIEW = _insert(tables.decision), _insert(tables.view)
NAME, RECORD = _insert(tables.name), _insert(tables.record, skip=["id"])
POLICY, ARMS = _insert(tables.policy, skip=["id"]), _insert(tables.arm_list, skip=["id"])
OUTCOME = _insert(tables.outcome, skip=["sequence"])
KNOWN_OUTCOME = (
    OUTCOME.partition(" VALUES")[0] + " SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM decision WHERE id = ?)"
    " ON CONFLICT DO NOTHING"
)
OUTCOMES = (
    "SELECT d.id, d.project, d.context, d.arm, d.job, o.status, o.utility, o.cost, o.baseline_cost, o.time"
    " FROM outcome o JOIN decision d ON d.id = o.decision WHERE o.sequence > ? ORDER BY o.sequence LIMIT ?"
)
OUTCOME_ROWS = "SELECT decision, status, utility, cost, baseline_cost, time FROM outcome"

"""The statements of the SQLite store; the driver alone executes them."""

import json
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from poolwise.schema import STATUSES
from poolwise.store.database import columns

_LAST = 2**63 - 1
_TOGETHER = 100
"""Rows of one statement: each costs more than the row. Less than 1,000 marks suit any build of SQLite."""


def _insert(table: str, columns: Sequence[str]) -> str:
    """A statement with a positional mark for every column."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


DECISION = _insert("decision", columns.DECISION[1:])
VIEW = _insert("view", columns.VIEW) + " ON CONFLICT DO NOTHING"
LAYOUT = _insert("layout", columns.LAYOUT[1:])
CHECKPOINT = _insert("checkpoint", columns.CHECKPOINT).replace("INSERT", "REPLACE", 1)
NAME, RECORD = _insert("name", columns.NAME), _insert("record", columns.RECORD[1:])
POLICY, ARMS = _insert("policy", columns.POLICY[1:]), _insert("arm_list", columns.ARM_LIST[1:])
OUTCOME = _insert("outcome", columns.OUTCOME[1:])
KNOWN_OUTCOME = (
    OUTCOME.partition(" VALUES")[0] + " SELECT ?, ?, ?, ?, ?, ?"
    " WHERE EXISTS (SELECT 1 FROM decision WHERE id = ? AND project >= 0)"
    " ON CONFLICT DO NOTHING"
)
WITHDRAWN = len(STATUSES)
"""Added to the status of an outcome that was taken back."""
PRUNED = "pruned"
"""Kind of the record that says up to which events a store was pruned, and which checkpoint holds them."""
MADE = "id, project, context, arm, probability, view, time, reason, job"
OUTCOMES = (
    "SELECT d.id, d.project, d.context, d.arm, d.job, o.status, o.utility, o.cost, o.baseline_cost, o.time"
    " FROM outcome o JOIN decision d ON d.id = o.decision WHERE o.sequence > ? AND o.sequence <= ?"
    f" AND o.status < {WITHDRAWN} ORDER BY o.sequence"
)
LOGGED = (
    "SELECT v.project, v.context, v.policy, v.snapshot, v.outcomes, v.arrays, a.arms, l.line FROM view v"
    " JOIN arm_list a ON a.id = v.arm_list LEFT JOIN layout l ON l.id = v.layout WHERE v.id = ?"
)
TAKEN = (
    "SELECT (SELECT count(*) FROM decision WHERE project < 0),"
    f" (SELECT count(*) FROM outcome WHERE status >= {WITHDRAWN})"
)
"""How many decisions were forgotten, and how many outcomes withdrawn, theirs included."""
OPEN = (
    "SELECT count(*) FROM decision d LEFT JOIN outcome o ON o.decision = d.id"
    " WHERE o.decision IS NULL AND d.project >= 0"
)
OUTCOME_ROWS = "SELECT decision, status, utility, cost, baseline_cost, time FROM outcome"


def places(first: int, limit: int | None) -> tuple[int, int]:
    """Of events, from the one after `first` on: values for `OUTCOMES`."""
    return first, _LAST if limit is None else first + limit


def insert_many(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in their order."""
    whole = len(rows) // _TOGETHER * _TOGETHER
    for first in range(0, whole, _TOGETHER):
        db.execute(_repeated(statement), list(chain.from_iterable(rows[first : first + _TOGETHER])))
    db.executemany(statement, rows[whole:])


@lru_cache
def _repeated(statement: str) -> str:
    """An insert with marks for so many rows."""
    head, _, marks = statement.partition(" VALUES ")
    return f"{head} VALUES {', '.join([marks] * _TOGETHER)}"


def among(ids: np.ndarray) -> tuple[str, tuple[Any, ...]]:
    """A condition that a column holds one of these numbers, and its values: a range where it holds few others, which
    are for the caller to leave out."""
    low, high = (int(ids.min()), int(ids.max())) if len(ids) else (0, 0)
    if high - low < 2 * len(ids):
        return "BETWEEN ? AND ?", (low, high)
    return "IN (SELECT value FROM json_each(?))", (json.dumps(ids.tolist()),)


_VIEWED = tuple(f"view_{name}" for name in columns.VIEW)
_MADE = columns.DECISION[1:]
_BOTH = _VIEWED + _MADE
TOGETHER = (
    f"CREATE TEMP VIEW IF NOT EXISTS viewed_decision AS SELECT {', '.join(f'0 AS {name}' for name in _BOTH)};"
    "CREATE TEMP TRIGGER IF NOT EXISTS viewed_decision_insert INSTEAD OF INSERT ON viewed_decision BEGIN"
    f" INSERT INTO view ({', '.join(columns.VIEW)}) SELECT {', '.join(f'new.{name}' for name in _VIEWED)}"
    " WHERE NOT EXISTS (SELECT 1 FROM view WHERE id = new.view_id);"
    f" INSERT INTO decision ({', '.join(_MADE)}) VALUES ({', '.join(f'new.{name}' for name in _MADE)}); END;"
)
"""Lets one statement store a decision with its view. In a transaction of several, other threads of the process take
their turn in between, each for as long as Python lets them, while every other process waits for the file."""
VIEWED_DECISION = f"INSERT INTO viewed_decision VALUES ({', '.join('?' * len(_BOTH))})"

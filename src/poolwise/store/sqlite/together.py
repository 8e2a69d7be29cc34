"""A decision and its view by one statement. In a transaction of several, other threads of the process take their turn
in between, each for as long as Python lets them, while every other process waits for the file."""

from poolwise.store.sql.statements import columns

_VIEW, _MADE = columns("view"), columns("decision")[1:]
_VIEWED = tuple(f"view_{name}" for name in _VIEW)
_BOTH = _VIEWED + _MADE
TOGETHER = (
    f"CREATE TEMP VIEW IF NOT EXISTS viewed_decision AS SELECT {', '.join(f'0 AS {name}' for name in _BOTH)};"
    "CREATE TEMP TRIGGER IF NOT EXISTS viewed_decision_insert INSTEAD OF INSERT ON viewed_decision BEGIN"
    f" INSERT INTO view ({', '.join(_VIEW)}) SELECT {', '.join(f'new.{name}' for name in _VIEWED)}"
    " WHERE NOT EXISTS (SELECT 1 FROM view WHERE id = new.view_id);"
    f" INSERT INTO decision ({', '.join(_MADE)}) VALUES ({', '.join(f'new.{name}' for name in _MADE)}); END;"
)
"""Of a connection, before it can execute `VIEWED_DECISION`."""
VIEWED_DECISION = f"INSERT INTO viewed_decision VALUES ({', '.join('?' * len(_BOTH))})"

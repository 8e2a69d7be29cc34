"""A workspace of the version before is read by this one, and takes what that could not."""

from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("psycopg", reason="pip install '.[postgresql]'")
from poolwise.errors import StoreReadOnly
from poolwise.store import open_store
from poolwise.store.postgresql.creation import pooled
from poolwise.store.sql.upgrade import upgrade

ROWS = (
    """INSERT INTO record (kind, body) VALUES ('store', '{"seed": 7}')""",
    *(f"INSERT INTO name VALUES ('{kind}', 0, 'a')" for kind in ("project", "context", "arm", "reason")),
    "INSERT INTO decision (sequence, id, project, context, arm, probability, view, time, reason, job) "
    "VALUES (1, 5, 0, 0, 0, 0.5, 0, 3.0, 0, -1)",
    "INSERT INTO counter VALUES ('decision', 8)",
)


def test_features_are_stored_in_a_workspace_that_had_no_room_for_them(workspace):
    engine = pooled(workspace)
    with engine.begin() as connection:
        upgrade(connection, "0002")
        for row in ROWS:
            connection.exec_driver_sql(row)
    engine.dispose()
    with pytest.raises(StoreReadOnly, match="older version"):
        open_store(workspace, look=True)
    with closing(open_store(workspace)) as store:
        assert store.seed == 7
        old = store.decision(5)
        assert (old.arm, old.features) == ("a", None)
        store.intern("feature", ["size"])
        store.append_decision(old._replace(id=store.reserve(1), features=(3.0,)))
        np.testing.assert_array_equal(store.features(store.decisions().id), [[np.nan], [3.0]])

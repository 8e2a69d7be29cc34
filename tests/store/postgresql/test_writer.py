"""One process writes; one that was replaced while it was away can never write again."""

import os
import signal
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from poolwise import errors
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import open_store
from poolwise.store.base import Removal
from poolwise.store.postgresql import writer
from tests.postgres import eventually

WAIT = 0.2


def made(store):
    return Decision(store.reserve(1), "p", "c", "f", {}, "f", 0.5, "explored", 1.0)


@pytest.fixture
def db(server):
    """What an operator sees."""
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(server.address, autocommit=True) as found:
        yield found


def sessions(db):
    rows = db.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted").fetchall()
    return [pid for (pid,) in rows]


def cut(db):
    """Let the server drop every writer."""
    for pid in sessions(db):
        db.execute("SELECT pg_terminate_backend(%s)", (pid,))
    eventually(lambda: not sessions(db))


def test_a_second_writer_is_refused_in_one_line_and_whoever_looks_is_not(workspace):
    with closing(open_store(workspace, seed=1)) as store:
        store.append_decision(made(store))
        with pytest.raises(errors.StoreLocked, match="has a writer already") as raised:
            open_store(workspace, lock_wait=WAIT)
        assert "\n" not in str(raised.value)
        with closing(open_store(workspace, look=True)) as other:
            assert (other.made(), other.seed) == (1, 1)
            store.append_decision(made(store))
            assert other.made() == 2
            with pytest.raises(errors.StoreReadOnly):
                other.append_decision(made(store))
    with closing(open_store(workspace, lock_wait=WAIT)) as after:
        assert after.made() == 2


def test_a_lost_connection_is_made_again_as_the_same_writer(workspace, db):
    with closing(open_store(workspace, lock_wait=5)) as store:
        for number in range(4):
            store.append_decision(made(store))
            cut(db)
            assert store.made() == number + 1
            cut(db)
        assert store.append_record("x", {}) == 1


def test_a_session_that_the_server_has_not_missed_is_ended(workspace, db):
    """As when the network was cut: the old connection still stands at the server, and holds the lock."""
    with closing(open_store(workspace, lock_wait=5)) as store:
        store.append_decision(made(store))
        session = store._file._session
        old, session._db = session._db, None
        store.append_decision(made(store))
        assert store.made() == 2
        assert old.info.backend_pid not in sessions(db)
        old.close()


def test_a_writer_that_was_replaced_is_refused_for_good(workspace, db):
    with closing(open_store(workspace, lock_wait=WAIT)) as store:
        store.append_decision(made(store))
        cut(db)
        other = open_store(workspace, lock_wait=WAIT)
        other.append_decision(made(other))
        for _ in range(2):
            with pytest.raises(errors.StoreTaken, match="another process has become the writer"):
                store.append_record("x", {})
        other.close()
        with pytest.raises(errors.StoreTaken):
            store.append_decision(made(store))
    with closing(open_store(workspace, look=True)) as found:
        assert (found.made(), found.records("x")) == (2, [])


def test_the_fence_holds_where_the_lock_does_not(workspace, db):
    """As behind a pooler of connections, where the old writer's next transaction runs in a session that still works."""
    with closing(open_store(workspace)) as store:
        store.append_decision(made(store))
        session = store._file._session
        other = session._opened()
        writer.begin(other)
        other.close()
        for write in (
            lambda: store.append_record("x", {}),
            lambda: store.append_decision(made(store)),
            lambda: store.reserve(10**6),
            lambda: store.append_decisions(store.decisions()._replace(id=store.decisions().id + 1)),
        ):
            with pytest.raises(errors.StoreTaken):
                write()
        assert (store.made(), store.records("x")) == (1, [])


WRITER = """
import sys
from poolwise import errors
from poolwise.schema import Decision
from poolwise.store import open_store
from poolwise.store.base import Removal
store = open_store(sys.argv[1], lock_wait=5)
print("open", flush=True)
for line in sys.stdin:
    try:
        store.append_decision(Decision(int(line), "p", "c", "f", {}, "f", 0.5, "explored", 1.0))
        print("stored", flush=True)
    except errors.StoreTaken:
        print("refused", flush=True)
"""


def test_a_process_that_was_suspended_while_another_took_over_cannot_commit(workspace, db):
    old = subprocess.Popen([sys.executable, "-c", WRITER, workspace], stdin=-1, stdout=-1, text=True)

    def ask(id):
        old.stdin.write(f"{id}\n")
        old.stdin.flush()

    try:
        assert old.stdout.readline() == "open\n"
        ask(10**6)
        assert old.stdout.readline() == "stored\n"
        os.kill(old.pid, signal.SIGSTOP)
        ask(10**6 + 1)
        cut(db)
        with closing(open_store(workspace, lock_wait=5)) as new:
            new.append_decision(made(new))
            os.kill(old.pid, signal.SIGCONT)
            assert old.stdout.readline() == "refused\n"
            new.append_decision(made(new))
            assert 10**6 + 1 not in new.decisions().id
            assert new.made() == 3
        ask(10**6 + 2)
        assert old.stdout.readline() == "refused\n"
    finally:
        old.kill()
        old.communicate()


@pytest.mark.parametrize("when", ["before", "after"])
def test_whether_a_commit_came_through_is_found_out(workspace, db, when, monkeypatch):
    """The connection is lost just before, or just after, the server has committed."""
    with closing(open_store(workspace, lock_wait=5)) as store:
        first = made(store)
        store.append_decision(first)
        store.reserve(5000)
        second = made(store)
        writes = {
            "decision": lambda: store.append_decision(second),
            "outcome": lambda: store.append_outcome(Outcome(first.id, "ok", 0.1, None, None, 2.0)),
            "several": lambda: store._file.whole(lambda tx: tx.execute(store._sql.RECORD, ("x", "{}")).rowcount),
            "count": lambda: store._file.count("x", 3),
        }
        answers = {"decision": None, "outcome": True, "several": 1, "count": 3}
        session = store._file._session
        for name, write in writes.items():
            with monkeypatch.context() as patch:
                losing(patch, session, when)
                assert write() == answers[name], name
        assert store.decisions().id.tolist() == [first.id, second.id]
        assert store.outcomes().decision.tolist() == [first.id]
        assert len(store.records("x")) == 1
        assert store._file.count("x", 0) == 3
        assert store.counts()["repeated"] == 0


def losing(patch, session, when):
    """Let the next transaction's last statement lose its connection."""
    import psycopg

    real, lost = psycopg.Connection.execute, []

    def execute(self, query, *arguments, **options):
        if "fence(" not in str(query) or lost:
            return real(self, query, *arguments, **options)
        lost.append(query)
        if when == "after":
            real(self, query, *arguments, **options)
        self.pgconn.finish()
        raise psycopg.OperationalError("the connection is lost")

    patch.setattr(psycopg.Connection, "execute", execute)


@pytest.mark.parametrize("count", [3, 70])
def test_a_view_is_stored_once_however_often_it_is_written(workspace, count):
    """As after a call that failed without anybody knowing whether it was carried out."""
    with closing(open_store(workspace, seed=1)) as store:
        for _ in range(count):
            store.append_view(LoggedView(0, "p", "c", 1, 0, 0, ("f",), {"mean": np.ones(3)}))
        pending = dict(store._views.pending)
        store.append_decision(made(store))
        store._views.pending |= pending
        store.append_view(LoggedView(0, "p", "c", 1, 0, 9, ("f",), {"mean": np.ones(3)}))
        store.append_decision(made(store))
        assert store._file.one("SELECT count(*), max(outcomes) FROM view") == (count + 1, 9)


def test_the_writer_knows_how_many_events_there_are(workspace, monkeypatch):
    with closing(open_store(workspace, seed=1)) as store:
        database = store._file

        def check():
            counts = [database.one(getattr(store._sql, f"LAST_{kind}"))[0] for kind in ("DECISION", "OUTCOME")]
            assert [store.made(), store.answered()] == counts

        check()
        ids = [made(store).id for _ in range(4)]
        for id in ids[:3]:
            store.append_decision(made(store)._replace(id=id))
            check()
        for id in (ids[0], ids[0], ids[1]):
            store.append_outcome(Outcome(id, "ok", 0.1, None, None, 2.0))
            check()
        for wrong in (Outcome(ids[0], "ok", 0.2, None, None, 2.0), Outcome(10**7, "ok", 0.2, None, None, 2.0)):
            with pytest.raises(errors.InputError):
                store.append_outcome(wrong)
            check()
        store.append_decisions(store.decisions()._replace(id=store.decisions().id + 10**6))
        check()
        heard = store.outcomes()
        store.append_outcomes(heard._replace(decision=np.array([ids[0], ids[2]])))
        check()
        with pytest.raises(errors.StoreError):
            store.append_decision(made(store)._replace(id=ids[0]))
        check()
        store.append_outcome(Outcome(ids[0], "ok", 0.1, None, None, 2.0))
        assert store.undone() == 0
        store.undo(Removal({}, decisions=(ids[0], ids[0])), 5.0)
        assert store.undone() == 1
        check()
        monkeypatch.setattr(database, "one", None)
        assert (store.made(), store.answered(), store.undone()) == (6, 3, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_nobody_waits_for_a_decision_that_nobody_was_told_of(workspace, monkeypatch, when):
    """The server is lost just before, or just after, it has committed, and does not come back in time."""
    with closing(open_store(workspace, lock_wait=WAIT)) as store:
        first, lost, third = made(store), made(store), made(store)
        store.append_decision(first)
        session = store._file._session
        with monkeypatch.context() as patch:
            losing(patch, session, when)
            patch.setattr(session, "_opened", _away)
            with pytest.raises(errors.StoreUnreachable):
                store.append_decision(lost)
        store.append_decision(third)
        stored = [first.id, lost.id, third.id] if when == "after" else [first.id, third.id]
        assert store.decisions().id.tolist() == stored
        assert store.open_decisions(99.0).tolist() == [first.id, third.id]
        assert store.outcome(lost.id) is None
        assert store.append_outcome(Outcome(first.id, "ok", 0.1, None, None, 2.0))
        assert store.outcomes().decision.tolist() == [first.id]
        assert store.answered() == len(stored) - 1
        counts = store.counts()
        assert (counts["outcomes"], counts["open"], counts.get("withdrawn", 0)) == (1, 1, len(stored) - 2)


def _away():
    raise errors.StoreUnreachable("the server is away")

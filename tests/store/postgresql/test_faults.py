"""Whatever happens to the server, a call is done or raises StoreError in time, and the next one works."""

import os
import random
import signal
import threading
import time
from contextlib import closing, suppress

import numpy as np
import pytest

from poolwise import errors
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import open_store
from poolwise.store.base import Removal
from tests import postgres
from tests.engine.test_faults import lived

WAIT = 0.3


def decide(store, id=None):
    arrays = {"mean": np.arange(8) / 7}
    view = store.append_view(LoggedView(0, "p", "c", store.add_policy("thompson", {}), 0, 0, ("f",), arrays))
    made = Decision(id or store.reserve(1), "p", "c", "f", {}, "f", 0.5, "explored", 1.0, None, view)
    store.append_decision(made)
    return made.id


@pytest.fixture(scope="module")
def durable():
    """A server that keeps what it has acknowledged."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.server() as found:
        yield found


def test_a_server_that_crashes_loses_nothing_it_acknowledged(durable):
    kept, faults, stop = [], [], threading.Event()
    with closing(open_store(durable.url("crash"), seed=1, lock_wait=WAIT)) as store:

        def stream():
            while not stop.is_set():
                try:
                    kept.append(decide(store))
                    store.append_outcome(Outcome(kept[-1], "ok", 0.1, None, None, 2.0))
                except errors.StoreUnreachable as error:
                    faults.append(error)

        writer = threading.Thread(target=stream)
        writer.start()
        try:
            postgres.eventually(lambda: len(kept) > 20)
            durable.stop("immediate")
            postgres.eventually(lambda: faults)
            durable.start()
            count = len(kept) + 20
            postgres.eventually(lambda: len(kept) > count)
        finally:
            stop.set()
            writer.join()
        made, heard = store.decisions().id.tolist(), store.outcomes().decision.tolist()
        assert set(kept) <= set(made)
        assert len(set(made)) == len(made) == store.made()
        assert len(set(heard)) == len(heard) == store.counts()["outcomes"]
        assert len(set(kept) - set(heard)) <= len(faults)
        assert "cannot be reached" in str(faults[0])


def test_decisions_go_on_while_the_server_is_away(durable):
    url = durable.url("away")
    engine, waiting = lived(url)
    durable.stop("immediate")
    try:
        began = time.monotonic()
        made = engine.decide("p", "new")
        assert time.monotonic() - began < 1.0
        assert made.id < 0
        assert made.reason.endswith("unlogged")
        with pytest.raises(errors.StoreUnreachable):
            engine.observe(waiting.id, utility=0.5)
        assert "store_fault" in engine.status() or engine.status()["store_faults"]
    finally:
        durable.start()
    assert engine.observe(waiting.id, utility=0.5)
    time.sleep(WAIT)
    assert engine.decide("p", "new").id > 0
    status = engine.status()
    assert (status["learned"], status["outcomes"]) == (31, 31)


def test_a_server_that_is_not_there(tmp_path):
    began = time.monotonic()
    for url in (f"postgresql:///x?host={tmp_path}", "postgresql://me:secret@127.0.0.1:1/x"):
        with pytest.raises(errors.StoreUnreachable, match="check the server") as raised:
            open_store(url, lock_wait=WAIT)
        assert "secret" not in str(raised.value)
        assert "\n" not in str(raised.value)
    assert time.monotonic() - began < 2.0


def test_a_role_that_may_not(server, workspace):
    open_store(workspace, seed=1).close()
    server.execute("DROP ROLE IF EXISTS visitor", "CREATE ROLE visitor LOGIN")
    schema = workspace.partition("workspace=")[2]
    server.execute(f"GRANT USAGE ON SCHEMA {schema} TO visitor")
    server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO visitor")
    url = workspace.replace("tester@", "visitor@")
    with pytest.raises(errors.StoreReadOnly, match="grant the role"):
        open_store(url)
    with pytest.raises(errors.StoreReadOnly, match="grant the role"):
        open_store(server.url("new").replace("tester@", "visitor@"))
    with closing(open_store(url, look=True)) as store:
        assert store.seed == 1
    server.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM visitor")


def test_events_cannot_be_changed(server, workspace):
    with closing(open_store(workspace, seed=1)) as store:
        decide(store)
    schema = workspace.partition("workspace=")[2]
    for statement in ("UPDATE {}.decision SET probability = 1", "DELETE FROM {}.view", "TRUNCATE {}.record"):
        with pytest.raises(Exception, match="append-only"):
            server.execute(statement.format(schema))


def test_what_is_not_ours_and_what_is_newer(server, workspaces):
    url = next(workspaces)
    schema = url.partition("workspace=")[2]
    server.execute(f"CREATE SCHEMA {schema}", f"CREATE TABLE {schema}.record (x int)")
    with pytest.raises(errors.StoreForeign, match="another workspace"):
        open_store(url)
    url = next(workspaces)
    schema = url.partition("workspace=")[2]
    open_store(url, seed=1).close()
    server.execute(f"UPDATE {schema}.alembic_version SET version_num = '9999'")
    with pytest.raises(errors.StoreNewer, match="upgrade Poolwise"):
        open_store(url)
    for options in ({"look": True}, {"create": False}):
        with pytest.raises(errors.InputError, match="there is no store"):
            open_store(next(workspaces), **options)


def test_a_schema_that_is_dropped_while_it_is_open(server, workspace):
    with closing(open_store(workspace, seed=1, lock_wait=WAIT)) as store:
        decide(store)
        server.execute(f"DROP SCHEMA {workspace.partition('workspace=')[2]} CASCADE")
        for call in (decide, lambda store: store.made()):
            with pytest.raises(errors.StoreGone, match="removed or changed"):
                call(store)


def test_a_closed_store_says_so(workspace):
    store = open_store(workspace, seed=1)
    store.close()
    for call in (decide, lambda store: store.made()):
        with pytest.raises(errors.StoreClosed, match="open it again"):
            call(store)
    store.close()


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning", "ignore:This process:DeprecationWarning")
def test_a_child_of_a_fork_is_told_to_open_its_own(workspace):
    with closing(open_store(workspace, seed=1)) as store:
        first = decide(store)
        if not (child := os.fork()):
            told = 0
            for call in (decide, lambda store: store.made(), lambda store: store.reserve(10**4)):
                with suppress(errors.StoreForked):
                    call(store)
                    told = -9
                told += 1
            store.close()
            os._exit(told)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        assert decide(store) == first + 1


def test_a_server_that_falls_silent_is_not_waited_for_for_ever(workspace, monkeypatch):
    monkeypatch.setattr("poolwise.store.postgresql.session.PATIENCE", 0.5)
    with closing(open_store(workspace, seed=1, lock_wait=WAIT)) as store:
        decide(store)
        (pid,) = store._file.one("SELECT pg_backend_pid()")
        try:
            os.kill(pid, signal.SIGSTOP)
        except PermissionError:
            pytest.skip("stopping a process of the server needs its user's rights")
        try:
            for call in (lambda: store.made(), lambda: store.append_record("x", {})):
                began = time.monotonic()
                with pytest.raises((errors.StoreUnreachable, errors.StoreLocked)):
                    call()
                assert time.monotonic() - began < 4.0
        finally:
            os.kill(pid, signal.SIGCONT)
        postgres.eventually(lambda: _answers(store))
        assert store.append_record("x", {}) == 1


def _answers(store):
    with suppress(errors.StoreError):
        return store.made() == 1


class Interrupt(BaseException):
    """What a signal handler raises."""


# One that was made when the signal came is closed by Python itself, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_an_exception_of_a_signal_handler_anywhere_neither_wedges_nor_loses(workspace):
    """A timer fires at random moments of 300 pairs."""

    def raising(*_):
        raise Interrupt

    before, chance = signal.signal(signal.SIGALRM, raising), random.Random(3)
    kept, interrupts = [], 0
    with closing(open_store(workspace, seed=1, lock_wait=5)) as store:
        decide(store)
        try:
            for _ in range(300):
                try:
                    signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 3e-3))
                    kept.append(decide(store))
                    store.append_outcome(Outcome(kept[-1], "ok", 0.1, None, None, 2.0))
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Interrupt:
                    interrupts += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert interrupts > 20
        ids, heard = store.decisions().id.tolist(), store.outcomes().decision.tolist()
        assert set(kept) <= set(ids)
        assert len(set(ids)) == len(ids) == store.made()
        assert len(set(heard)) == len(heard) == store.answered()
        assert decide(store) not in ids


def test_no_table_holds_a_name_that_was_forgotten(server, workspace):
    name = "a-name-that-is-nowhere-else"
    with closing(open_store(workspace, seed=1)) as store:
        for project in ("other", name):
            texts, job = (project, f"only of {project}", "f", {}, "f"), f"job of {project}"
            store.append_decision(Decision(store.reserve(1), *texts, 0.5, "explored", 1.0, job))
        server.execute("CHECKPOINT")
        assert found_in(server, name)
        store.undo(Removal({"project": "digest"}, forget=True, project=name), 5.0)
        server.execute("CHECKPOINT")
        assert found_in(server, name) == []
        assert store.counts()["forgotten"] == 1


def found_in(server, text):
    """Files of tables that hold it."""
    return [
        path
        for path in (server.folder / "data" / "base").rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]

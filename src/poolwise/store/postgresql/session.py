"""A connection that is made again when it was lost: as the same writer, or never more where there is another by now."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.types.numeric import Int8Dumper

from poolwise.errors import StoreError
from poolwise.store.postgresql import schema, writer
from poolwise.store.postgresql.faults import taken, translated
from poolwise.store.postgresql.patience import Patience
from poolwise.store.postgresql.place import Place

_PAUSE = 0.02
PATIENCE = 5.0
"""Seconds beyond `lock_wait` for which the server may be silent in the middle of a small call."""
_ALIVE = {"keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3"}
_OPTIONS = {"application_name": "poolwise", "client_encoding": "UTF8", **_ALIVE}
_SETTINGS = {"tcp_user_timeout": "10000", **{f"tcp_{name}": seconds for name, seconds in _ALIVE.items()}}
"""By which either side notices within seconds that the other has gone."""


class Session:
    """Used by one thread at a time. look: only to read, beside any writer."""

    def __init__(self, place: Place, seed: int | None, *, wait: float, create: bool, look: bool) -> None:
        self._place, self._wait, self._look = place, wait, look
        self._db: psycopg.Connection | None = None
        self._patience = Patience(wait + PATIENCE)
        self.epoch, self.mark, self.changed, self._over, self._pid = 0, 0, 0, False, 0
        with self._translated():
            self._db = self._opened()
            try:
                self._begin(self._db, seed, create)
            except BaseException:
                self.close()
                raise

    def connection(self) -> psycopg.Connection:
        """One that works as far as is known. Raises StoreUnreachable, StoreLocked and StoreTaken."""
        if self._over:
            raise taken(self._place.name)
        if self._db is None or self._db.closed:
            self._db = None
            self._db = self._again()
        return self._db

    @property
    def lost(self) -> bool:
        """Whether the last error has cost the connection."""
        return self._db is None or self._db.closed

    @contextmanager
    def briefly(self, db: psycopg.Connection) -> Iterator[None]:
        """For what is answered at once: where the server falls silent, the connection is lost."""
        with self._patience.with_(db):
            yield

    def close(self) -> None:
        """Give connection and lock back for good."""
        self._patience.close()
        self.drop()

    def drop(self) -> None:
        """Give connection and lock back; the next call makes another one."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(psycopg.Error):
                db.close()

    def committed(self, mark: int) -> bool:
        """Whether the transaction of this mark was committed whose connection was lost. Raises StoreError where that
        cannot be found out now; then the next transaction gets the same mark only if it was not."""
        try:
            self.connection()
        except StoreError:
            if not self._over:
                raise
        return self.mark >= mark

    def _begin(self, db: psycopg.Connection, seed: int | None, create: bool) -> None:
        if self._look or not create:
            schema.check_there(db, self._place, look=self._look)
        if self._look:
            return
        writer.lock(db, self._place, time.monotonic() + self._wait)
        schema.prepare(db, self._opened, self._place, seed)
        self.epoch, self._pid = writer.begin(db), db.info.backend_pid

    def _again(self) -> psycopg.Connection:
        """A new connection in place of one that was lost, once the server has let go of that."""
        deadline = time.monotonic() + self._wait
        while True:
            try:
                with self._translated():
                    return self._resumed(deadline)
            except StoreError:
                if self._over or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _resumed(self, deadline: float) -> psycopg.Connection:
        db = self._opened()
        try:
            if not self._look:
                with self.briefly(db):
                    self._resume(db, deadline)
        except BaseException:
            db.close()
            raise
        return db

    def _resume(self, db: psycopg.Connection, deadline: float) -> None:
        """Be the writer again. While another session holds the lock, it may be this one's own that the server has not
        missed yet, which is ended, or another writer's, whose epoch then says so."""
        found = writer.stand(db, self.epoch)
        if not found.over:
            writer.end(db, self._place, self._pid)
            writer.lock(db, self._place, deadline)
            found, self._pid = writer.stand(db, self.epoch), db.info.backend_pid
        self.mark, self.changed, self._over = found.mark, found.changed, found.over
        if found.over:
            raise taken(self._place.name)

    def _opened(self) -> psycopg.Connection:
        given = psycopg.conninfo.conninfo_to_dict(self._place.address)
        options = {key: value for key, value in _OPTIONS.items() if key not in given}
        if "connect_timeout" not in given:
            options["connect_timeout"] = str(max(2, round(self._wait)))
        if "tcp_user_timeout" not in given:
            options["tcp_user_timeout"] = str(max(2000, round(1000 * self._wait)))
        db = psycopg.connect(self._place.address, autocommit=True, **options)  # type: ignore[arg-type]
        try:
            db.adapters.register_dumper(int, Int8Dumper)  # One type for every size: one plan for every value.
            settings = {
                **_SETTINGS,
                "search_path": f'"{self._place.workspace}"',
                "lock_timeout": self._milliseconds(),
                "default_transaction_read_only": "on" if self._look else "off",
            }
            calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
            db.execute(f"SELECT {calls}", [part for pair in settings.items() for part in pair])
        except BaseException:
            db.close()
            raise
        return db

    def _milliseconds(self) -> str:
        return str(max(1, round(1000 * self._wait)))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise translated(error, self._place.name) from error

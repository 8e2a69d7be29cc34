"""Who may use a service, and what was done: keys and an audit log, in a small database of their own.

Of a key only the hash of its secret is kept: it is shown once. Rows of the audit log can be added and nothing else:
triggers of the database refuse to change or delete them.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from poolwise.errors import InputError, StoreError
from poolwise.extras import require
from poolwise.names import checked, shown
from poolwise.store.addresses import SERVER
from poolwise.store.sqlite.place import path_of

Role = Literal["observe", "decide", "operator", "admin"]
ROLES: tuple[Role, ...] = ("observe", "decide", "operator", "admin")
"""Each may do what those before it may."""
EVERY = "*"
"""Scope of a key for every workspace."""
_TABLES = sa.MetaData()
_KEY = sa.Table(
    "service_key",
    _TABLES,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("project", sa.Text),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("expires", sa.Double),
    sa.Column("revoked", sa.Double),
)
_AUDIT = sa.Table(
    "service_audit",
    _TABLES,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("key", sa.String(16), nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
_REFUSED = "the audit log is append-only"
for _verb in ("UPDATE", "DELETE"):
    sa.event.listen(
        _AUDIT,
        "after_create",
        sa.DDL(
            f"CREATE TRIGGER service_audit_{_verb.lower()} BEFORE {_verb} ON service_audit"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        ).execute_if(dialect="sqlite"),
    )
    sa.event.listen(
        _AUDIT,
        "after_create",
        sa.DDL(
            f"CREATE FUNCTION service_audit_{_verb.lower()}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE EXCEPTION '{_REFUSED}'; END $$; CREATE TRIGGER service_audit_{_verb.lower()} BEFORE {_verb}"
            f" ON service_audit FOR EACH ROW EXECUTE FUNCTION service_audit_{_verb.lower()}()"
        ).execute_if(dialect="postgresql"),
    )


class Key(NamedTuple):
    """What a caller may do."""

    id: str
    """Public part, by which it is named in logs."""
    hash: str
    """SHA-256 of the secret part, which is 256 random bits."""
    name: str
    """What it is for, in its owner's words."""
    role: Role
    workspace: str
    """`EVERY`, or one."""
    project: str | None
    """None: every project of the workspace."""
    created: float
    expires: float | None
    revoked: float | None

    def opens(self, secret: str, now: float) -> bool:
        """Whether the secret is its own, and it is in force."""
        return secrets.compare_digest(self.hash, _hash(secret)) and self.in_force(now)

    def in_force(self, now: float) -> bool:
        """Whether it has neither expired nor been revoked."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class Entry(NamedTuple):
    """One line of the audit log."""

    sequence: int
    time: float
    key: str
    """Id of the key that did it; empty: the server itself."""
    workspace: str
    action: str
    detail: dict[str, Any]


class Accounts:
    """Keys and audit log of one service; safe to call from several threads."""

    def __init__(self, url: str) -> None:
        """`sqlite:///file.db`, `postgresql://..` or `memory://`, created where it is not there. Raises StoreError."""
        self._engine = _engine(url)
        with _stored():
            _TABLES.create_all(self._engine)

    def add(
        self,
        name: str,
        role: Role,
        workspace: str = EVERY,
        *,
        project: str | None = None,
        expires: float | None = None,
        by: str = "",
    ) -> tuple[Key, str]:
        """A new key, and the text by which it is used, which is nowhere kept. expires: seconds since 1970.

        Raises InputError for a role that there is not, or a project of no single workspace.
        """
        if role not in ROLES:
            raise InputError(f"role {shown(role)} is unknown: use one of {', '.join(ROLES)}")
        if project is not None and workspace == EVERY:
            raise InputError("a key for one project names its workspace, too")
        secret = secrets.token_urlsafe(32)
        key = Key(
            secrets.token_hex(6),
            _hash(secret),
            checked("the key's name", name),
            role,
            checked("workspace", workspace),
            None if project is None else checked("project", project),
            time.time(),
            expires,
            None,
        )
        with self._writing() as db:
            db.execute(_KEY.insert(), [key._asdict()])
            detail = {"key": key.id, "name": name, "role": role, "project": project, "expires": expires}
            self._append(db, by, workspace, "key created", detail)
        return key, f"pw_{key.id}_{secret}"

    def revoke(self, id: str, *, by: str = "") -> None:
        """End a key; a second time changes nothing. Raises InputError for one that there is not."""
        with self._writing() as db:
            known = db.execute(sa.select(_KEY.c.workspace, _KEY.c.revoked).where(_KEY.c.id == id)).first()
            if known is None:
                raise InputError(f"there is no key {shown(id)}: list them with `poolwise keys`")
            if known.revoked is None:
                db.execute(_KEY.update().where(_KEY.c.id == id).values(revoked=time.time()))
                self._append(db, by, known.workspace, "key revoked", {"key": id})

    def every(self) -> list[Key]:
        """All that there ever were, in the order in which they came."""
        with _stored(), self._engine.connect() as db:
            return [Key(**row._mapping) for row in db.execute(_KEY.select().order_by(_KEY.c.created))]

    def append(self, key: str, workspace: str, action: str, detail: dict[str, Any]) -> None:
        """Note what a key did in a workspace; durable when it returns."""
        with self._writing() as db:
            self._append(db, key, workspace, action, detail)

    def audit(self, workspace: str | None = None, *, before: int | None = None, limit: int = 100) -> list[Entry]:
        """The newest entries first: of one workspace, or all; those before an entry."""
        chosen = _AUDIT.select().order_by(_AUDIT.c.sequence.desc()).limit(limit)
        chosen = chosen if workspace is None else chosen.where(_AUDIT.c.workspace == workspace)
        chosen = chosen if before is None else chosen.where(_AUDIT.c.sequence < before)
        with _stored(), self._engine.connect() as db:
            return [
                Entry(row.sequence, row.time, row.key, row.workspace, row.action, json.loads(row.detail))
                for row in db.execute(chosen)
            ]

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _stored(), self._engine.begin() as db:
            yield db

    @staticmethod
    def _append(db: sa.Connection, key: str, workspace: str, action: str, detail: dict[str, Any]) -> None:
        body = json.dumps(detail, sort_keys=True)
        row = {"time": time.time(), "key": key, "workspace": workspace, "action": action, "detail": body}
        db.execute(_AUDIT.insert(), [row])


def _engine(url: str) -> sa.Engine:
    if url == "memory://":
        return sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    if url.startswith(SERVER):
        require("psycopg")
        with _stored():
            made: sa.Engine = import_module("poolwise.store.postgresql.creation").pooled(url)
        return made
    path = path_of(url)
    if path is None:
        raise InputError("keys need a place: `sqlite:///service.db`, a PostgreSQL URL, or memory:// for a trial")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return sa.create_engine(sa.URL.create("sqlite", database=str(path)))


@contextmanager
def _stored() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"the database of keys cannot be used: {type(error).__name__}; check its place") from error


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

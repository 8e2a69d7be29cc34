"""Who may do what: a key, its role, its workspace and project, and how many requests it may make.

Whoever has no key for a workspace is told that it is not there, whether it is or not.
"""

import time
from typing import NamedTuple

from fastapi import Request

from poolwise.service.problems import Refused
from poolwise.store.accounts import EVERY, ROLES, Accounts, Key, Role

FRESH = 2.0
"""Seconds for which what is known of keys is taken for true: one that is revoked works no longer than that."""


class Rate(NamedTuple):
    """A token bucket: requests a second in the long run, and at once."""

    per_second: float = 5_000.0
    burst: float = 10_000.0


USUAL = Rate()


class Buckets:
    """A token bucket for every key."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._left: dict[str, tuple[float, float]] = {}

    def count(self, key: str) -> None:
        """Take one, by the id of a key. Raises Refused where none is left."""
        now = time.monotonic()
        left, since = self._left.get(key, (self._rate.burst, now))
        left = min(self._rate.burst, left + (now - since) * self._rate.per_second)
        if left < 1:
            wait = (1 - left) / self._rate.per_second
            raise Refused(
                429, f"this key makes too many requests: wait {wait:.2g} s", {"Retry-After": f"{int(wait) + 1}"}
            )
        self._left[key] = (left - 1, now)


class Access:
    """Keys in memory, read again from time to time."""

    def __init__(self, accounts: Accounts, rate: Rate = USUAL) -> None:
        self.accounts, self._buckets = accounts, Buckets(rate)
        self._keys: dict[str, Key] = {}
        self._read = -FRESH

    def of(self, header: str | None) -> Key:
        """The key of an `Authorization: Bearer` header. Raises Refused: 401, or 429 where it asks too often."""
        kind, _, token = (header or "").partition(" ")
        prefix, _, rest = token.partition("_")
        id, _, secret = rest.partition("_")
        key = self._known(id) if kind.lower() == "bearer" and prefix == "pw" else None
        if key is None or not key.opens(secret, time.time()):
            raise Refused(
                401, "send a key that is in force: `Authorization: Bearer pw_..`", {"WWW-Authenticate": "Bearer"}
            )
        self._buckets.count(key.id)
        return key

    def in_force(self, id: str) -> Key:
        """The key of a session that was begun with it. Raises Refused: 401 once it has ended, or 429."""
        key = self._known(id)
        if key is None or not key.in_force(time.time()):
            raise Refused(401, "the key of this session has ended: sign in with another one")
        self._buckets.count(key.id)
        return key

    def forget(self) -> None:
        """Read keys again with the next request."""
        self._read = -FRESH

    def _known(self, id: str) -> Key | None:
        now = time.monotonic()
        if now - self._read >= FRESH:
            self._keys, self._read = {key.id: key for key in self.accounts.every()}, now
        return self._keys.get(id)


def entered(request: Request, workspace: str, role: Role) -> Key:
    """The caller's key, if it has this role in this workspace. Raises Refused: 401, 403, 404, 429."""
    return granted(request, request.app.state.access.of(request.headers.get("authorization")), workspace, role)


def granted(request: Request, key: Key, workspace: str, role: Role) -> Key:
    """The key, if it has this role in this workspace. Raises Refused: 403, 404."""
    opens(key, workspace, role, there=workspace in request.app.state.workspaces)
    request.state.project = key.project
    return key


def opens(key: Key, workspace: str, role: Role, *, there: bool = True) -> None:
    """Raises Refused, 403 or 404, where a key does not have this role in this workspace, or that is not there."""
    if key.workspace not in (EVERY, workspace) or not there:
        raise Refused(404, "there is no such workspace for this key")
    if ROLES.index(key.role) < ROLES.index(role):
        raise Refused(403, f"this key may {key.role}: ask for one with the role {role}")


def of_project(key: Key, project: str | None) -> None:
    """Raises Refused where a key is for one project, and this is another, or all."""
    if key.project is not None and project != key.project:
        raise Refused(403, f"this key is for the project {key.project} alone")

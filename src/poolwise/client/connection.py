"""Requests to a service: tried again where that may help, and its problems as our own exceptions."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from poolwise.extras import named

try:
    import httpx
    import tenacity
except ModuleNotFoundError as missing:
    raise named(missing) from None
from poolwise.errors import (
    ConflictingOutcome,
    InputError,
    PoolwiseError,
    RefitError,
    StoreError,
    StorePruned,
    UnknownDecision,
)

AGAIN = {429, 502, 503, 504}
"""Statuses that a later try may change."""
KINDS: Mapping[int, type[PoolwiseError]] = {
    404: UnknownDecision,
    409: ConflictingOutcome,
    410: StorePruned,
    503: StoreError,
}
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds for which a service that did not answer is left alone: each time twice as long."""


class Away(StoreError):
    """The service does not answer, or says that it cannot now."""


class Patience(NamedTuple):
    """How long a call waits."""

    seconds: float = 5.0
    """In all, with every try."""
    attempts: int = 4


class Connection:
    """One service, one key; connections are kept open."""

    def __init__(self, url: str, key: str, patience: Patience, transport: httpx.BaseTransport | None = None) -> None:
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise InputError(f"the service's address is http://.. or https://.., got {url!r}")
        head = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=head, timeout=patience.seconds, transport=transport)
        self._pause, self._until = FIRST_PAUSE, 0.0
        self._retried = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Away),
            stop=tenacity.stop_after_attempt(patience.attempts) | tenacity.stop_after_delay(patience.seconds),
            wait=tenacity.wait_random_exponential(multiplier=0.05, max=1.0),
            reraise=True,
        )

    @property
    def resting(self) -> bool:
        """Whether the service did not answer a moment ago: it is not asked again yet."""
        return time.monotonic() < self._until

    def ask(self, verb: str, path: str, body: Any = None, **more: Any) -> Any:
        """What it answers. Raises Away where it does not, and what it says is wrong otherwise."""
        try:
            found = self._retried(self._once, verb, path, body, more)
        except Away:
            self._until, self._pause = time.monotonic() + self._pause, min(2 * self._pause, LONGEST_PAUSE)
            raise
        self._until, self._pause = 0.0, FIRST_PAUSE
        return found

    def _once(self, verb: str, path: str, body: Any, more: dict[str, Any]) -> Any:
        try:
            answer = self._http.request(verb, path, json=body, **more)
        except httpx.TransportError as error:
            raise Away(
                f"the service does not answer ({error or type(error).__name__}): is its address right?"
            ) from error
        if answer.status_code in AGAIN:
            raise Away(_detail(answer))
        if answer.is_error:
            raise _error(answer.status_code, path)(_detail(answer))
        return answer.json() if answer.content else None

    def close(self) -> None:
        self._http.close()


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the service answered {answer.status_code} {answer.reason_phrase}: is it Poolwise's?"


def _error(status: int, path: str) -> type[PoolwiseError]:
    if "/refits" in path and status == 409:
        return RefitError
    if status == 404 and not path.endswith("/observe") and "/decisions/" not in path:
        return InputError
    return KINDS.get(status, InputError if status < 500 else StoreError)

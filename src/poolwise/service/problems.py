"""Errors as problem details (RFC 9457): what is wrong, why, what to do instead, and by the status whose it is."""

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, StarletteHTTPException
from fastapi.responses import JSONResponse

from poolwise.errors import (
    ConflictingOutcome,
    InputError,
    PoolwiseError,
    RefitError,
    StoreError,
    StorePruned,
    UnknownDecision,
    escaped,
)
from poolwise.names import KNOWN
from poolwise.service.bodies import Problem
from poolwise.service.writer import Busy

STATUS: tuple[tuple[type[PoolwiseError], int], ...] = (
    (UnknownDecision, 404),
    (ConflictingOutcome, 409),
    (StorePruned, 410),
    (InputError, 422),
    (RefitError, 409),
    (Busy, 503),
    (StoreError, 503),
    (PoolwiseError, 500),
)
"""The first that fits."""
TITLES = {
    400: "malformed request",
    401: "no valid key",
    403: "not allowed",
    404: "not there",
    405: "method not allowed",
    408: "too slow",
    409: "conflict",
    410: "archived",
    413: "too large",
    415: "not JSON",
    422: "cannot be used",
    429: "too many requests",
    500: "our fault",
    503: "not now",
}
MEDIA = "application/problem+json"


class Refused(Exception):
    """A request that is answered with a status and a line."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(_body(status, detail), status, headers, MEDIA)


def problem_of(error: PoolwiseError) -> dict[str, Any]:
    """An error of ours as a problem's body."""
    return _body(_status(error), str(error))


def _body(status: int, detail: str) -> dict[str, Any]:
    title = TITLES.get(status, "refused")
    return {"type": "about:blank", "title": title, "status": status, "detail": escaped(detail)}


def _status(error: PoolwiseError) -> int:
    return next(status for kind, status in STATUS if isinstance(error, kind))


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI description: what may be answered beside success."""
    usual = (400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 500, 503)
    content = {MEDIA: {"schema": Problem.model_json_schema()}}
    return {status: {"description": TITLES[status], "content": content} for status in sorted({*usual, *statuses})}


def install(app: FastAPI) -> None:
    """Let every error leave the application as a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(PoolwiseError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(_: Request, error: Any) -> JSONResponse:
    return answer(error.status, error.detail, error.headers)


def told(request: Request, error: PoolwiseError) -> str:
    """What is wrong; to a key for one project no names that the store knows besides."""
    own = getattr(request.state, "project", None) is not None
    return str(error).partition(KNOWN)[0] if own else str(error)


async def _ours(request: Request, error: Any) -> JSONResponse:
    status = _status(error)
    return answer(status, told(request, error), {"Retry-After": "1"} if status == 503 else None)


async def _invalid(_: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return answer(400, f"the body is no JSON: {first['ctx']['error']}")
    where = ".".join(str(part) for part in first["loc"][1:])
    return answer(422, f"{where or 'body'}: {first['msg']}")


async def _http(request: Request, error: Any) -> JSONResponse:
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return answer(error.status_code, str(error.detail), headers)


def _methods(request: Request) -> list[str]:
    """All that are described for a path; a route knows its own alone."""
    found: set[str] = set()
    for path, verbs in request.app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path):
            found |= {verb.upper() for verb in verbs}
    return sorted(found)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    return answer(500, f"an error that should not be: {type(error).__name__}; the server's log has it")

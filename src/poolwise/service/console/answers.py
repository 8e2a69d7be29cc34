"""How the console answers: templates that escape what they are given, headers of safety, errors as pages."""

import logging
from collections.abc import Callable, Coroutine
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

import poolwise
from poolwise.errors import PoolwiseError, escaped
from poolwise.service.console.shown.words import FILTERS
from poolwise.service.problems import STATUS, TITLES, Refused, told

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing may run, be framed, or be loaded from elsewhere: there is no script at all."""
STATIC = {
    name: (files(__package__).joinpath("static", name).read_bytes(), media)
    for name, media in (("style.css", "text/css; charset=utf-8"), ("icon.svg", "image/svg+xml"))
}
"""What is served as it is, by its name."""
HOME = "/console"


class Page(APIRoute):
    """A route whose errors are pages, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                response = await inner(request)
            except Exception as error:
                response = _of_error(request, error)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answered


def page(template: str, *, status: int = 200, **variables: Any) -> HTMLResponse:
    """A template as an answer."""
    return HTMLResponse(TEMPLATES.get_template(template).render(**variables), status)


def go(path: str, **parameters: Any) -> RedirectResponse:
    """To another page, which is then asked for with GET."""
    return RedirectResponse(path + query(**parameters), 303)


def query(**parameters: Any) -> str:
    """`?name=value&..` of what is not None; empty where there is nothing."""
    known = {name: value for name, value in parameters.items() if value is not None}
    return f"?{urlencode(known)}" if known else ""


def message(title: str, text: str, *, status: int = 200, **variables: Any) -> HTMLResponse:
    """A page of a line or two."""
    return page("message.html", status=status, title=title, text=text, **variables)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.update(version=poolwise.__version__, home=HOME, query=query)
    return made


TEMPLATES = _environment()


async def form(request: Request) -> dict[str, str]:
    """Fields of a form that was sent; of one that stands there twice, the last. Raises Refused."""
    try:
        text = (await request.body()).decode("utf-8")
        return {name: value.strip() for name, value in parse_qsl(text, strict_parsing=bool(text), max_num_fields=50,
                                                                 errors="strict", keep_blank_values=True)}  # fmt: skip
    except ValueError as error:
        raise Refused(400, "the form could not be read: open its page again, and send it then") from error


def _of_error(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        if error.status == 401 and request.method == "GET":
            return go(f"{HOME}/sign-in", to=_asked(request))
        return _problem(error.status, error.detail, error.headers)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return _problem(422, f"{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}")
    if isinstance(error, PoolwiseError):
        return _problem(next(status for kind, status in STATUS if isinstance(error, kind)), told(request, error))
    logging.getLogger("poolwise").exception("a page of the console failed")
    return _problem(500, f"an error that should not be: {type(error).__name__}; the server's log has it")


def _problem(status: int, text: str, headers: dict[str, str] | None = None) -> HTMLResponse:
    found = message(TITLES.get(status, "refused").capitalize(), escaped(text), status=status)
    found.headers.update({name: value for name, value in (headers or {}).items() if name == "Retry-After"})
    return found


def _asked(request: Request) -> str | None:
    """The page that was asked for, if it is not the first."""
    path = quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    return path if path.startswith(f"{HOME}/") else None

"""Where a store lies: `postgresql://user@host:port/database?workspace=name`, and whatever else libpq understands."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from poolwise.errors import InputError

DEFAULT = "poolwise"
_WORKSPACE = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")


class Place(NamedTuple):
    """A workspace is a schema of its name."""

    address: str
    """For libpq. It may hold a password: never to be shown."""
    workspace: str
    name: str
    """For messages: without user and password."""


def place_of(url: str) -> Place:
    """Raises InputError, in whose text is nothing of an address that could not be read: that may be a password.

    >>> place_of("postgresql://me:secret@db.example:5433/jobs?workspace=mathlib&sslmode=require").name
    'postgresql://db.example:5433/jobs?workspace=mathlib'
    """
    try:
        parts = urlsplit(url)
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        workspace = dict(options).get("workspace", DEFAULT)
        rest = [(key, value) for key, value in options if key != "workspace"]
        address = f"{url.partition('?')[0]}{'?' if rest else ''}{urlencode(rest, quote_via=quote)}"
        found = conninfo_to_dict(address)
        if parts.fragment or not _plain(found):
            raise ValueError
    except (ValueError, psycopg.Error):
        raise InputError(
            "the address of the PostgreSQL store cannot be read: write postgresql://user@host:port/database?workspace="
            "name, special characters of names and passwords as %-codes (@ is %40), and only options that libpq knows"
        ) from None
    if not _WORKSPACE.fullmatch(workspace):
        raise InputError(
            f"workspace {workspace[:80]!r} can be no schema: use small letters, digits and _, at most 63, no digit "
            "first and not pg_"
        )
    return Place(address, workspace, _name(found, workspace))


def _plain(found: dict[str, str | int | None]) -> bool:
    """Whether host, port and database are such; else a part of the password was taken for one."""
    ports = str(found.get("port") or "").split(",")
    texts = [str(found.get(key) or "") for key in ("host", "dbname")]
    return all(not port or port.isdigit() for port in ports) and not any("@" in text for text in texts)


def _name(found: dict[str, str | int | None], workspace: str) -> str:
    host, port, database = (str(found.get(key) or "") for key in ("host", "port", "dbname"))
    if "dbname" not in found and "service" in found:
        database = f"service {found['service']}"
    return f"postgresql://{host}{':' if port else ''}{port}/{database}?workspace={workspace}"

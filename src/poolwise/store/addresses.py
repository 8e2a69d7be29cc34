"""Addresses of stores as text: what is shown of one, and one beside another."""

import hashlib
import re
from urllib.parse import parse_qsl, urlencode

SERVER = "postgresql://"
"""How the address of a store on a server begins."""
_FILE = ("sqlite:", "memory:")
_WORKSPACE = "workspace"
_SLUG = 32


def without_password(url: str) -> str:
    """An address as it may be shown: without user, password and options, however it is written.

    >>> without_password("postgresql://me:secret@db/jobs?workspace=a&password=secret")
    'postgresql://db/jobs?workspace=a'
    """
    if url.startswith(_FILE):
        return url
    kind, slashes, rest = url.partition("//")
    place, _, query = rest.rpartition("@")[2].partition("?")
    workspace = [pair for pair in parse_qsl(query) if pair[0] == _WORKSPACE]
    return f"{kind}{slashes}{place}{'?' if workspace else ''}{urlencode(workspace)}"


def beside(url: str, name: str) -> str:
    """The address of another store next to one: a file, or a workspace of the same database.

    >>> beside("sqlite:///z3.db", "algebra")
    'sqlite:///z3-algebra.db'
    >>> beside("postgresql://db/jobs?workspace=z3&sslmode=require", "algebra")
    'postgresql://db/jobs?workspace=z3_algebra&sslmode=require'
    """
    if url.startswith(SERVER):
        return _workspace_beside(url, name)
    folder, slash, file = url.rpartition("/")
    if not file:
        return url
    stem, dot, suffix = file.rpartition(".") if "." in file else (file, "", "")
    return f"{folder}{slash}{stem}-{name}{dot}{suffix}"


def _workspace_beside(url: str, name: str) -> str:
    """Names that make no schema are cut short, and told apart by a digest."""
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower())
    if slug != name or len(slug) > _SLUG:
        slug = f"{slug[:_SLUG]}_{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"
    head, _, query = url.partition("?")
    options = {_WORKSPACE: "poolwise", **dict(parse_qsl(query, keep_blank_values=True))}
    options[_WORKSPACE] += f"_{slug}"
    return f"{head}?{urlencode(options)}"

"""What a mistake in a configuration file is: one line that says where it stands and what was probably meant."""

import difflib
from typing import Any, get_args

from pydantic_core import ErrorDetails

from poolwise.config.tables import Config, Table
from poolwise.errors import nearest


def explained(error: ErrorDetails, source: str) -> str:
    """One line on what pydantic found in the file `source`."""
    *tables, name = [str(part) for part in error["loc"]]
    place = f"in [{'.'.join(tables)}] of {source}" if tables else f"in {source}"
    if error["type"] == "extra_forbidden":
        return f"unknown key {name!r} {place}{_suggestion(tables, name)}"
    if error["type"] == "missing":
        return f"key {name!r} is missing {place}: add it"
    return f"{name} = {error['input']!r} {place} is wrong: {error['msg'].lower()}"


def _suggestion(tables: list[str], name: str) -> str:
    """What could have been meant: a key of the same table, or else the table that has such a key."""
    here, top = _fields(tables), _fields([])
    if difflib.get_close_matches(name, here, n=1):
        return nearest(name, here)
    homes = [table for table in top if name in _fields([table])]
    if homes:
        return f": it belongs into [{homes[0]}]"
    return nearest(name, top if difflib.get_close_matches(name, top, n=1) else here)


def _fields(tables: list[str]) -> list[str]:
    """Keys of a table; a table of names that are free to choose has those of its entries."""
    model: Any = Config
    for name in tables:
        field = model.model_fields.get(name)
        inner = [kind for kind in _kinds(field.annotation) if issubclass(kind, Table)] if field else []
        model = inner[0] if inner else model
    return list(model.model_fields)


def _kinds(annotation: Any) -> list[type]:
    """The classes that a type is made of: of `dict[str, X] | None` dict, str, X and None's."""
    parts = [kind for part in get_args(annotation) for kind in _kinds(part)]
    return parts if parts else [annotation] if isinstance(annotation, type) else []

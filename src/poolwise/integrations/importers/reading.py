"""What all importers share: JSON that may be no JSON, folders of files, and how names are made."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from poolwise.errors import DataError
from poolwise.names import shown
from poolwise.space.family import arm_id
from poolwise.targets import description

ALL, OTHER = "all", "other"
"""The context where nothing tells jobs apart, and of a job that the expression does not fit."""


class Wishes(NamedTuple):
    """What a user says of a file; see `importers.read`."""

    project: str | None = None
    context: str | None = None
    jobs: tuple[str, ...] = ()
    family: str | None = None
    baseline: str | None = None


def any_json(path: Path) -> Any:
    """The JSON of a file; None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None


def files(path: Path, suffix: str = ".json") -> list[Path]:
    """Itself, or the files of a folder, by name."""
    return sorted(path.glob(f"*{suffix}")) if path.is_dir() else [path]


def need(body: Mapping[str, Any], key: str, kind: type | tuple[type, ...], source: Path, where: str) -> Any:
    """The value of a key. Raises DataError where it is missing or of another type."""
    found = body.get(key)
    if not isinstance(found, kind) or isinstance(found, bool):
        got = "is missing" if key not in body else f"is {shown(found)}"
        raise DataError(f"{description(source)}: {key!r} {got} in {where}; export the file again")
    return found


def value(text: Any) -> Any:
    """Text that is a number as a number, where that writes the same text.

    >>> value("9"), value("09"), value("0.5"), value("fast")
    (9, '09', 0.5, 'fast')
    """
    if not isinstance(text, str):
        return text if isinstance(text, int | float) else str(text)
    for kind in (int, float):
        try:
            if str(kind(text)) == text:
                return kind(text)
        except ValueError:
            continue
    return text


class Arm(NamedTuple):
    """What parameters say: how the job is done, and which job it is."""

    family: str
    id: str
    job: str
    """Values of the parameters that say which job it is, empty without any."""


def arm_of(params: Mapping[str, Any], wishes: Wishes, family: str, source: Path) -> Arm:
    """Parameters in three parts: jobs, the family's name, and the arm's own. Raises DataError for names that are none
    of them."""
    for name in (*wishes.jobs, *([wishes.family] if wishes.family else [])):
        if name not in params:
            raise DataError(
                f"{description(source)}: no parameter {name!r} in {shown(dict(params))}; name one that all of them have"
            )
    own = {name: value(one) for name, one in params.items() if name not in (*wishes.jobs, wishes.family)}
    home = str(params[wishes.family]) if wishes.family else family
    return Arm(home, arm_id(home, own), ",".join(str(params[name]) for name in wishes.jobs))


def unit_of(*parts: str) -> str:
    """One name of several parts, those that are empty left out."""
    return " ".join(part for part in parts if part) or "job"


def contexts(wishes: Wishes, units: Iterable[tuple[str, str]]) -> list[str]:
    """Of (unit, usual context). Raises DataError for what is no regular expression."""
    if wishes.context is None:
        return [usual for _, usual in units]
    try:
        pattern = re.compile(wishes.context)
    except re.error as error:
        raise DataError(f"context {shown(wishes.context)} is no regular expression: {error}") from error
    found = (pattern.search(unit) for unit, _ in units)
    return [OTHER if one is None else (one[1] if pattern.groups else one[0]) or OTHER for one in found]

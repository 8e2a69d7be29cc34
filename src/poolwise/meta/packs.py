"""A prior pack: what one community of projects learned, for stores that start from nothing. JSON, aggregated, checked.

    checksum = SHA-256 of the canonical JSON (sorted keys, no blanks) of everything else

It holds no event, no name of a project and no number that rests on fewer projects than its minimum. `schema` is raised
whenever a reader of today would misread a pack; packs of a higher number are refused.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import DataError

FORMAT, SCHEMA = "poolwise prior pack", 1
BLOCKS = ("level", "context", "project", "cell")
TIERS = ("arm", "family", "globe")
_TABLES = ("mean", "precision", "projects", "amount", "successes")


class Pack(NamedTuple):
    """Tables are float64 [context, arm]. Utilities are log(cost of `baseline` / cost)."""

    name: str
    contexts: tuple[str, ...]
    arms: tuple[str, ...]
    families: tuple[str, ...]
    """Of every arm."""
    baseline: str
    mean: np.ndarray
    """Utility that a project may expect; 0 where nothing is known."""
    precision: np.ndarray
    """1 / variance of `mean` as an estimate of what all projects share; 0 where nothing is known."""
    projects: np.ndarray
    """How many projects it rests on; 0 throughout in a private pack."""
    amount: np.ndarray
    """Evidence of success, each project's discounted: `posterior.bernoulli.Evidence.context`."""
    successes: np.ndarray
    whole: bool
    """`mean` is the utility of all outcomes, failures among them; otherwise of the successful ones."""
    scales: dict[str, tuple[float, float]]
    """`arm.level` .. `globe.cell`, `noise`: value, and standard deviation of its logarithm. Empty: none released."""
    concentrations: tuple[float, ...]
    """kappa of context and of cell, see `posterior.bernoulli`; empty: none released."""
    size: tuple[int, int]
    """Projects and outcomes it rests on; with noise where it is private."""
    minimum: int
    """No number rests on fewer projects."""
    promise: dict[str, Any] | None
    """What is promised to every single project (`meta.privacy`); None: nothing but the minimum."""
    card: dict[str, Any] | None
    """Of an exploration policy that was learned there."""


def to_dict(pack: Pack) -> dict[str, Any]:
    """As JSON has it, checksum included.

    >>> empty = np.zeros((0, 1))
    >>> pack = Pack("p", (), ("a",), ("a",), "a", *[empty] * 5, False, {}, (), (0, 0), 3, None, None)
    >>> from_dict(to_dict(pack)).name
    'p'
    """
    body = {**pack._asdict(), "format": FORMAT, "schema": SCHEMA}
    for name in _TABLES:
        body[name] = np.asarray(body[name]).tolist()
    body = json.loads(json.dumps(body, allow_nan=False))
    return {**body, "checksum": checksum(body)}


def checksum(body: dict[str, Any]) -> str:
    """Of everything in a pack but the checksum."""
    rest = {key: value for key, value in body.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def from_dict(body: Any, source: str = "this pack") -> Pack:
    """Raises DataError for what is no pack, comes from a newer version, was changed since, or holds no numbers."""
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise DataError(f"{source} is no prior pack: write one with `poolwise prior export FILE`")
    if not isinstance(body.get("schema"), int) or body["schema"] > SCHEMA:
        raise DataError(
            f"{source} has schema {body.get('schema')!r}, and this version of Poolwise reads up to {SCHEMA}: "
            "update Poolwise, or have it exported with this version"
        )
    if body.get("checksum") != checksum(body):
        raise DataError(f"{source} was changed since it was exported: its checksum does not fit; fetch it again")
    try:
        return _checked(_built(body), source)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{source} lacks or garbles {error}: export it again") from error


def _built(body: dict[str, Any]) -> Pack:
    fields = {name: body[name] for name in Pack._fields}
    shape = (len(fields["contexts"]), len(fields["arms"]))
    for name in _TABLES:
        fields[name] = np.array(fields[name], dtype=np.float64).reshape(shape)
    for name in ("contexts", "arms", "families", "concentrations", "size"):
        fields[name] = tuple(fields[name])
    fields["scales"] = {str(name): (float(value), float(sd)) for name, (value, sd) in fields["scales"].items()}
    return Pack(**fields)


def _checked(pack: Pack, source: str) -> Pack:
    for name in _TABLES:
        table = getattr(pack, name)
        if not np.isfinite(table).all() or (name != "mean" and (table < 0).any()):
            raise DataError(f"{source} holds a {name} that is no number or negative: export it again")
    numbers = [*(value for pair in pack.scales.values() for value in pair), *pack.concentrations]
    if not all(math.isfinite(value) and value >= 0 for value in numbers):
        raise DataError(f"{source} holds a scale that is no number or negative: export it again")
    if (pack.successes > pack.amount + 1e-9).any() or len(pack.families) != len(pack.arms):
        raise DataError(f"{source} contradicts itself (more successes than outcomes, or arms without family)")
    for names in (pack.contexts, pack.arms):
        if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
            raise DataError(f"{source} names a context or an arm twice, or not at all: export it again")
    return pack


def write(path: str | Path, pack: Pack) -> None:
    """Raises DataError where the file cannot be written."""
    try:
        Path(path).write_text(json.dumps(to_dict(pack), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write the pack {path}: {error.strerror or error}") from error


def read(path: str | Path) -> Pack:
    """Raises DataError for what `from_dict` refuses, and for files that cannot be read or are no JSON."""
    try:
        body = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise DataError(f"cannot read the pack {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path} is no prior pack, it cannot be read as JSON ({error}): export it again") from error
    return from_dict(body, str(path))


def read_card(path: str | Path) -> dict[str, Any]:
    """A JSON object that goes along with a pack. Raises DataError for anything else."""
    try:
        body = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the card {path}: {error}") from error
    if not isinstance(body, dict):
        raise DataError(f"{path} is no card: it must hold one JSON object")
    return body


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")

"""A prior pack: what one community of projects learned, for stores that start from nothing. JSON, aggregated, checked.

    checksum = SHA-256 of the canonical JSON (sorted keys, no blanks) of everything else

It holds no event, no name of a project and no number that rests on fewer projects than its minimum. `schema` is raised
whenever a reader of today would misread a pack; packs of a higher number are refused.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import DataError, InputError
from poolwise.meta import pack_slopes
from poolwise.meta.pack_slopes import PackSlopes
from poolwise.names import escaped, fault, iterable, shown
from poolwise.targets import description, target

FORMAT, SCHEMA = "poolwise prior pack", 1
BLOCKS = ("level", "context", "project", "cell")
TIERS = ("arm", "family", "globe")
LARGEST = 1e12
"""Of counts and scales."""
_TABLES = {"mean": 50.0, "precision": LARGEST, "projects": LARGEST, "amount": LARGEST, "successes": LARGEST}
"""The largest magnitude of each: a utility of 50 is a factor of 5e21, which no system runs faster."""
SCALES = {*(f"{tier}.{block}" for tier in TIERS for block in BLOCKS), "noise"}


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
    """Evidence of success, each project's discounted: `likelihoods.bernoulli.PseudoCounts.context`."""
    successes: np.ndarray
    whole: bool
    """`mean` is the utility of all outcomes, failures among them; otherwise of the successful ones."""
    scales: dict[str, tuple[float, float]]
    """`arm.level` .. `globe.cell`, `noise`: value, and standard deviation of its logarithm. Empty: none released."""
    concentrations: tuple[float, ...]
    """kappa of context and of cell, see `likelihoods.bernoulli`; empty: none released."""
    size: tuple[int, int]
    """Projects and outcomes it rests on; with noise where it is private."""
    minimum: int
    """No number rests on fewer projects."""
    promise: dict[str, Any] | None
    """What is promised to every single project (`meta.privacy`); None: nothing but the minimum."""
    card: dict[str, Any] | None
    """Of an exploration policy that was learned there."""
    slopes: PackSlopes | None = None
    """On features of jobs; None: none are known, or told."""


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
    if pack.slopes is None:
        del body["slopes"]
    else:
        body["slopes"] = pack_slopes.to_dict(pack.slopes)
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
    except DataError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(f"{source} lacks or garbles {escaped(str(error))}: export it again") from error


def usable(packs: Any) -> list[Pack]:
    """Packs that were read or made, checked as if they came from a file. Raises InputError for what is none."""
    if isinstance(packs, Pack | str | bytes | dict) or not iterable(packs):
        raise InputError(f"give a list of packs, as poolwise.meta.packs.read makes them, got {type(packs).__name__}")
    found = list(packs)
    if not found:
        raise InputError("no pack was given: give at least one")
    for pack in found:
        if not isinstance(pack, Pack):
            raise InputError(f"{shown(pack)} is no pack: read one with poolwise.meta.packs.read")
    return [from_dict(_body(pack), f"the pack {shown(pack.name)}") for pack in found]


def _body(pack: Pack) -> dict[str, Any]:
    try:
        return to_dict(pack)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DataError(f"a pack holds what is no JSON ({error}): use one that export or read has made") from error


def _built(body: dict[str, Any]) -> Pack:
    fields = {name: body[name] for name in Pack._fields if name != "slopes"}
    for name in ("contexts", "arms", "families", "concentrations", "size"):
        if not isinstance(fields[name], list):
            raise TypeError(name)
        fields[name] = tuple(fields[name])
    shape = (len(fields["contexts"]), len(fields["arms"]))
    for name in _TABLES:
        fields[name] = np.array(fields[name], dtype=np.float64).reshape(shape)
    fields["scales"] = {str(name): (float(value), float(sd)) for name, (value, sd) in fields["scales"].items()}
    fields["concentrations"] = tuple(map(float, fields["concentrations"]))
    return Pack(**fields, slopes=pack_slopes.from_dict(body.get("slopes"), shape[1]))


def _checked(pack: Pack, source: str) -> Pack:
    _check_names(pack, source)
    for name, most in _TABLES.items():
        table = getattr(pack, name)
        if not (np.abs(table) <= most).all() or (name != "mean" and (table < 0).any()):
            raise DataError(f"{source} holds a {name} that is no number within 0 and {most:g}: export it again")
    numbers = [*(value for pair in pack.scales.values() for value in pair), *pack.concentrations]
    if not all(0 <= value <= LARGEST for value in numbers):
        raise DataError(f"{source} holds a scale that is no number within 0 and {LARGEST:g}: export it again")
    strange = pack.scales.keys() ^ SCALES if pack.scales else set()
    if strange or len(pack.concentrations) not in (0, 2) or not isinstance(pack.whole, bool):
        raise DataError(
            f"{source} holds scales that mean nothing here, or lacks some ({shown(sorted(strange))}): export it again"
        )
    if (pack.successes > pack.amount + 1e-9).any() or len(pack.families) != len(pack.arms):
        raise DataError(f"{source} contradicts itself (more successes than outcomes, or arms without family)")
    for name, parts in (("size", pack.size), ("minimum", (pack.minimum,))):
        if len(parts) != (2 if name == "size" else 1) or not all(_count(part) for part in parts):
            raise DataError(f"{source}: its {name} is no count: export it again")
    for name, part in (("promise", pack.promise), ("card", pack.card)):
        if not isinstance(part, dict | None):
            raise DataError(f"{source}: its {name} is no table: export it again")
    return pack


def _check_names(pack: Pack, source: str) -> None:
    kinds = {"context": pack.contexts, "arm": pack.arms, "family": pack.families, "baseline": (pack.baseline,)}
    for kind, names in {**kinds, "name": (pack.name,)}.items():
        for name in names:
            if not isinstance(name, str) or (wrong := fault(name)):
                why = wrong if isinstance(name, str) else "is no text"
                raise DataError(f"{source}: the {kind} {shown(name)} {why}")
        if kind in ("context", "arm") and len(set(names)) < len(names):
            raise DataError(f"{source} names a {kind} twice: export it again")


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def write(path: str | Path, pack: Pack) -> None:
    """Raises DataError where the file cannot be written, or is none of JSON."""
    file = target(path, "pack", error=DataError)
    try:
        file.write_text(json.dumps(to_dict(pack), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write the pack {path}: {error.strerror or error}") from error


def read(path: str | Path) -> Pack:
    """Raises DataError for what `from_dict` refuses, and for files that cannot be read or are no JSON."""
    return from_dict(_json(path, "pack"), str(path))


def read_card(path: str | Path) -> dict[str, Any]:
    """A JSON object that goes along with a pack. Raises DataError for anything else."""
    return checked_card(_json(path, "card"), str(path))


def checked_card(body: Any, source: str = "the card") -> dict[str, Any]:
    """Raises DataError for what is no JSON object."""
    try:
        if not isinstance(body, dict):
            raise TypeError("no table")
        found: dict[str, Any] = json.loads(json.dumps(body, allow_nan=False))
        return found
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(f"{source} is no card: it must hold one JSON object ({error})") from error


def _json(path: str | Path, kind: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, TypeError) as error:
        raise DataError(
            f"cannot read the {kind} {description(path)}: {getattr(error, 'strerror', None) or error}"
        ) from error
    except (ValueError, RecursionError) as error:
        hint = (
            f"{description(path)} is no prior pack, it"
            if kind == "pack"
            else f"cannot read the card {description(path)}: it"
        )
        raise DataError(f"{hint} cannot be read as JSON ({error}): export it again") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")

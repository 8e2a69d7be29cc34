"""A refit that was interrupted: its settings and statistics, so that the same command goes on with the same problem.

Work lies in a folder of the caller's choice. What is deleted there, in the end or to start anew, is what a refit wrote:
files of the names below, next to a plan of its own. A folder with anything else in it is refused.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.errors import InputError, RefitError
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.refit.options import Options
from poolwise.refit.result import Values

SETTINGS = ("seed", "chains", "draws", "warmup", "steps", "source", "function")
"""What must be the same for a refit to be the same one."""
PLAN, PROBLEM = "plan.json", "problem.npz"
_CHAIN = re.compile(r"(utility|success)-\d+")
"""Folder of a chain."""
_FILE = re.compile(r"plan\.json|(problem|utility|success|state|\d{6})(\.new)?\.npz")
"""Files of a refit, drafts included."""


def resumed(problem: RefitData, options: Options, method: str) -> tuple[RefitData, Path | None]:
    """The problem that an interrupted refit of the same settings was about, or this one; and where its work lies.

    Outcomes that came since wait for the next refit: chains about different data could not be put together. Raises
    InputError for a folder that cannot be written, or that holds what no refit left there.
    """
    if options.folder is None:
        return problem, None
    folder, settings = Path(options.folder), _settings(problem, options, method)
    plan = _plan(folder)
    asked = {name: value for name, value in (plan or {}).items() if name != "made"}
    if not options.fresh and asked == settings and (folder / PROBLEM).is_file():
        return _restored(problem, load(folder / PROBLEM)), folder
    try:
        made = _prepared(folder, plan)
        (folder / PLAN).write_text(json.dumps({**settings, "made": made}, indent=1))
        _save(problem, folder / PROBLEM)
    except OSError as error:
        raise InputError(f"cannot keep unfinished work in {folder}: {error.strerror}; name another folder") from error
    return problem, folder


def _prepared(folder: Path, plan: dict[str, Any] | None) -> bool:
    """Empty the folder of what an earlier refit left, or make it. Returns whether refits made it."""
    if plan is not None:
        _clear(folder)
        return bool(plan.get("made"))
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"folder {folder} holds files that no refit left there: name a new or an empty folder")
    new = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return new


def save(folder: Path | None, name: str, make: Callable[[], Values]) -> Values:
    """What `make` gives, or gave before the interruption."""
    if folder is None:
        return make()
    file = folder / f"{name}.npz"
    if not file.exists():
        whole(file, make())
    return load(file)


def clear(folder: Path | None) -> None:
    """Nothing is left to be resumed."""
    if folder is None or (plan := _plan(folder)) is None:
        return
    _clear(folder)
    if plan.get("made"):
        with suppress(OSError):  # Somebody else's file lies in it.
            folder.rmdir()


def whole(path: Path, arrays: Values) -> None:
    """Write a file that appears whole or not at all."""
    draft = path.with_suffix(".new.npz")
    np.savez(draft, **arrays)  # type: ignore[arg-type]
    draft.replace(path)


def load(path: Path) -> Values:
    """The arrays of a file. Raises RefitError for one that is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RefitError(
            f"{path}, left by an interrupted refit, cannot be read: start anew, with fresh=True or --fresh"
        ) from error


def _clear(folder: Path) -> None:
    """Delete what refits wrote into a folder; what else lies there stays."""
    for chain in _own(folder, _CHAIN):
        if chain.is_dir():
            _unlink(chain)
            with suppress(OSError):  # Somebody else's file lies in it.
                chain.rmdir()
    _unlink(folder)


def _unlink(folder: Path) -> None:
    for file in _own(folder, _FILE):
        if file.is_file():
            file.unlink()


def _own(folder: Path, names: re.Pattern[str]) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if names.fullmatch(path.name) and not path.is_symlink())


def _plan(folder: Path) -> dict[str, Any] | None:
    """What a refit wrote about its work in a folder; None where none did."""
    try:
        found = json.loads((folder / PLAN).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {"method", "model", "arms", "room", *SETTINGS} <= set(found) else None


def _settings(problem: RefitData, options: Options, method: str) -> dict[str, Any]:
    model = "" if options.model is None else hashlib.sha256(Path(options.model).read_bytes()).hexdigest()
    given = {name: getattr(options, name) for name in SETTINGS}
    return {"method": method, "model": model, "arms": list(problem.arms), "room": list(problem.padded_shape), **given}


def _save(problem: RefitData, path: Path) -> None:
    arrays = {"count": problem.stats.count, "total": problem.stats.total, "squares": problem.stats.squares}
    names = {"projects": np.array(problem.projects), "contexts": np.array(problem.contexts)}
    counts = {"tried": problem.tried, "succeeded": problem.succeeded, "outcomes": np.array(problem.outcomes)}
    whole(path, {**arrays, **counts, **names})


def _restored(problem: RefitData, file: Values) -> RefitData:
    return problem._replace(
        projects=tuple(file["projects"].tolist()),
        contexts=tuple(file["contexts"].tolist()),
        stats=SufficientStatistics(file["count"], file["total"], file["squares"]),
        tried=file["tried"],
        succeeded=file["succeeded"],
        outcomes=int(file["outcomes"]),
        online=None,
    )

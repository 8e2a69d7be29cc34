"""A refit that was interrupted: its settings and statistics, so that the same command goes on with the same problem."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from poolwise.engine.refitting import Problem
from poolwise.errors import InputError
from poolwise.posterior.gaussian import Statistics
from poolwise.refit.found import Values
from poolwise.refit.options import Options

SETTINGS = ("seed", "chains", "draws", "warmup", "steps", "source", "function")
"""What must be the same for a refit to be the same one."""


def resumed(problem: Problem, options: Options, method: str) -> tuple[Problem, Path | None]:
    """The problem that an interrupted refit of the same settings was about, or this one; and where its work lies.

    Outcomes that came since wait for the next refit: chains about different data could not be put together.
    """
    if options.folder is None:
        return problem, None
    folder, settings = Path(options.folder), _settings(problem, options, method)
    if not options.fresh and _plan(folder) == settings:
        with np.load(folder / "problem.npz", allow_pickle=False) as file:
            return _restored(problem, file), folder
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"cannot keep unfinished work in {folder}: {error.strerror}; name another folder") from error
    arrays = {"count": problem.stats.count, "total": problem.stats.total, "squares": problem.stats.squares}
    names = {"projects": np.array(problem.projects), "contexts": np.array(problem.contexts)}
    counts = {"tried": problem.tried, "succeeded": problem.succeeded, "outcomes": np.array(problem.outcomes)}
    np.savez(folder / "problem.npz", **arrays, **counts, **names)  # type: ignore[arg-type]
    (folder / "plan.json").write_text(json.dumps(settings, indent=1))
    return problem, folder


def kept(folder: Path | None, name: str, make: Callable[[], Values]) -> Values:
    """What `make` gives, or gave before the interruption."""
    if folder is None:
        return make()
    file = folder / f"{name}.npz"
    if not file.exists():
        draft = file.with_suffix(".new.npz")
        np.savez(draft, **make())  # type: ignore[arg-type]
        draft.replace(file)
    with np.load(file) as found:
        return {key: found[key] for key in found.files}


def done(folder: Path | None) -> None:
    """Nothing is left to be resumed."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _plan(folder: Path) -> Any:
    try:
        return json.loads((folder / "plan.json").read_text())
    except (OSError, json.JSONDecodeError):
        return None


def _settings(problem: Problem, options: Options, method: str) -> dict[str, Any]:
    model = "" if options.model is None else hashlib.sha256(Path(options.model).read_bytes()).hexdigest()
    given = {name: getattr(options, name) for name in SETTINGS}
    return {"method": method, "model": model, "arms": list(problem.arms), "room": list(problem.room), **given}


def _restored(problem: Problem, file: Any) -> Problem:
    return problem._replace(
        projects=tuple(file["projects"].tolist()),
        contexts=tuple(file["contexts"].tolist()),
        stats=Statistics(file["count"], file["total"], file["squares"]),
        tried=file["tried"],
        succeeded=file["succeeded"],
        outcomes=int(file["outcomes"]),
        online=None,
    )

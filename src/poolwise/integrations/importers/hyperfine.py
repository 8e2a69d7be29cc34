"""hyperfine's `--export-json`: `results` with `command`, `times` in seconds, `exit_codes` and `parameters`.

A parameter scan (`-L level 1,6,9 'gzip -{level} {file}'`) gives arms `gzip(level=6)`; those named as jobs say which
job it is. Commands without parameters are arms themselves. In a folder every file is a job.
Source: hyperfine's README, "Export results".
"""

import shlex
from pathlib import Path
from typing import Any

from poolwise.integrations.importers.reading import ALL, Arm, Wishes, any_json, arm_of, contexts, files, need, unit_of
from poolwise.integrations.importers.tidy import Imported, tidy

TITLE = "file that hyperfine exported (--export-json)"


def recognises(path: Path) -> bool:
    """Whether every file has `results` with commands."""
    found = [any_json(file) for file in files(path)]
    return bool(found) and all(map(_ours, found))


def _ours(body: Any) -> bool:
    results = body.get("results") if isinstance(body, dict) else None
    return bool(
        isinstance(results, list) and results and all(isinstance(one, dict) and "command" in one for one in results)
    )


def read(path: Path, wishes: Wishes) -> Imported:
    """The first command is the baseline."""
    rows: list[dict[str, Any]] = []
    for file in files(path):
        for number, result in enumerate(any_json(file)["results"]):
            rows += _rows(result, f"result {number}", file, path, wishes)
    for row, context in zip(rows, contexts(wishes, [(row["unit"], ALL) for row in rows]), strict=True):
        row["context"] = context
    return tidy(rows, str(path), wishes.baseline, "s")


def _rows(result: dict[str, Any], where: str, file: Path, path: Path, wishes: Wishes) -> list[dict[str, Any]]:
    command = need(result, "command", str, file, where)
    arm = _arm(command, result.get("parameters") or {}, wishes, file)
    times = result.get("times") or [need(result, "mean", int | float, file, where)]  # type: ignore[arg-type]
    codes = result.get("exit_codes") or [0] * len(times)
    about = {
        "unit": unit_of(file.stem if path.is_dir() else "", arm.job),
        "project": wishes.project or path.stem,
        "family": arm.family,
        "arm": arm.id,
    }
    return [
        {**about, "cost": seconds, "status": "failed" if code else "ok", "repetition": run}
        for run, (seconds, code) in enumerate(zip(times, codes, strict=False))
    ]


def _arm(command: str, params: dict[str, Any], wishes: Wishes, file: Path) -> Arm:
    """By its parameters; a command whose parameters all say which job it is, or that has none, is named by its text."""
    try:
        program = Path(shlex.split(command)[0]).name
    except (ValueError, IndexError):
        program = command.strip() or "command"
    if params and set(params) - set(wishes.jobs):
        return arm_of(params, wishes, program, file)
    job = arm_of(params, wishes, program, file).job if params or wishes.jobs or wishes.family else ""
    for name in wishes.jobs:
        command = command.replace(str(params[name]), f"{{{name}}}")
    return Arm(program, command, job)

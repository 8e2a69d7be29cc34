"""Kernel Tuner's cache files, and its results in the T4 form of the auto-tuning schema.

A cache has `cache`, with the parameters and `time` of every configuration; T4 has `results`, each with
`configuration`, `invalidity` and `measurements`. A T1 file, which describes the space, may lie beside them in a
folder: the `Default` values of its parameters are the baseline. Unit and project: the device, or the file. Measures
per second (`GFLOP/s`) enter as their reciprocal. Source: Kernel Tuner's schemas, cache 1.1.0 and T1, T4 1.0.0.
"""

import json
from pathlib import Path
from typing import Any

from poolwise.errors import DataError
from poolwise.integrations.importers.reading import Wishes, any_json, arm_of, contexts, files, need
from poolwise.integrations.importers.tidy import Imported, tidy
from poolwise.targets import description

TITLE = "cache or T4 file of Kernel Tuner"
PENALTY = 1e20
"""What old caches write for a configuration that failed."""


def parsed(path: Path) -> Any:
    """The JSON of a file; that of a cache which was not closed ends early, and is read so far as it goes."""
    found = any_json(path)
    if found is not None or not path.is_file():
        return found
    try:
        return json.loads(path.read_text(encoding="utf-8").rstrip().rstrip(",") + "}}")
    except (OSError, ValueError, RecursionError):
        return None


def recognises(path: Path) -> bool:
    """Whether every file is one of the three, and one of them has results."""
    found = [_form(parsed(file)) for file in files(path)]
    return bool(found) and all(found) and any(form != "T1" for form in found)


def _form(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    results = body.get("results")
    if isinstance(body.get("cache"), dict) and "tune_params_keys" in body:
        return "cache"
    if (
        isinstance(results, list)
        and results
        and all(isinstance(one, dict) and "configuration" in one for one in results)
    ):
        return "T4"
    return "T1" if "ConfigurationSpace" in body else ""


def read(path: Path, wishes: Wishes) -> Imported:
    """Context: the kernel. The baseline is T1's default, or the first configuration that every file has."""
    bodies = {file: parsed(file) for file in files(path)}
    rows: list[dict[str, Any]] = []
    home, kernel = wishes.baseline, path.stem
    for file, body in bodies.items():
        if _form(body) == "T1":
            kernel = str((body.get("KernelSpecification") or {}).get("KernelName") or kernel)
            home = home or _default(body, kernel, wishes, file)
    for file, body in bodies.items():
        if _form(body) != "T1":
            rows += (_of_cache if _form(body) == "cache" else _of_t4)(body, file, kernel, wishes)
    if len({row["kernel"] for row in rows}) > 1:
        raise DataError(f"{description(path)}: files of several kernels, whose spaces differ; import each by itself")
    for row, context in zip(rows, contexts(wishes, [(row["unit"], row["kernel"]) for row in rows]), strict=True):
        row["context"] = context
        del row["kernel"]
    return tidy(rows, str(path), home, "ms")


def _of_cache(body: dict[str, Any], file: Path, _: str, wishes: Wishes) -> list[dict[str, Any]]:
    keys = need(body, "tune_params_keys", list, file, "the cache")
    objective, kernel = body.get("objective", "time"), str(body.get("kernel_name") or file.stem)
    rows = []
    for name, entry in body["cache"].items():
        if missing := [key for key in keys if key not in entry]:
            raise DataError(f"{description(file)}: {name!r} has no parameter {missing[0]!r}; tune it again")
        runs = entry.get("times") if objective == "time" else None
        params = {key: entry[key] for key in keys}
        device = str(body.get("device_name") or file.stem)
        rows += _rows(params, runs or [entry.get(objective)], objective, device, kernel, file, wishes)
    return rows


def _of_t4(body: dict[str, Any], file: Path, kernel: str, wishes: Wishes) -> list[dict[str, Any]]:
    rows = []
    for number, result in enumerate(body["results"]):
        objective = (result.get("objectives") or ["time"])[0]
        measured = {one.get("name"): one.get("value") for one in result.get("measurements") or []}
        runs = (result.get("times") or {}).get("runtimes") if objective == "time" else None
        params = need(result, "configuration", dict, file, f"result {number}")
        good = result.get("invalidity", "correct") == "correct"
        values = (runs or [measured.get(objective)]) if good else [None]
        rows += _rows(params, values, objective, file.stem, kernel, file, wishes)
    return rows


def _rows(
    params: dict[str, Any], values: list[Any], objective: str, device: str, kernel: str, file: Path, wishes: Wishes
) -> list[dict[str, Any]]:
    """One for every launch; a configuration without a time failed."""
    arm = arm_of(params, wishes._replace(jobs=()), kernel, file)
    about = {"unit": device, "project": wishes.project or device, "kernel": kernel, "family": arm.family, "arm": arm.id}
    good = [float(one) for one in values if isinstance(one, int | float) and 0 < one < PENALTY]
    costs = [1.0 / one if "/s" in objective else one for one in good]
    return [
        {**about, "cost": cost, "status": "failed" if cost is None else "ok", "repetition": run}
        for run, cost in enumerate(costs or [None] * len(values))
    ]


def _default(body: dict[str, Any], kernel: str, wishes: Wishes, file: Path) -> str | None:
    """The arm of the default values, where every parameter has one."""
    parameters = (body.get("ConfigurationSpace") or {}).get("TuningParameters") or []
    if not parameters or not all("Default" in one for one in parameters):
        return None
    return arm_of({one["Name"]: one["Default"] for one in parameters}, wishes, kernel, file).id

"""pytest-benchmark's `--benchmark-json`: `benchmarks` with `group`, `name`, `params` and `stats` in seconds.

What is compared is what pytest-benchmark compares: the tests of one group, or the parameters of one test. Parameters
named as jobs say which job it is; `stats.data` is there after `--benchmark-save-data`.
Source: pytest-benchmark's documentation, "Usage" and "Comparing past runs".
"""

from pathlib import Path
from typing import Any

from poolwise.integrations.importers.reading import Wishes, any_json, arm_of, contexts, files, need, unit_of
from poolwise.integrations.importers.tidy import Imported, tidy

TITLE = "file of pytest-benchmark (--benchmark-json)"


def recognises(path: Path) -> bool:
    """Whether every file has `benchmarks` with `stats`."""
    found = [any_json(file) for file in files(path)]
    return bool(found) and all(map(_ours, found))


def _ours(body: Any) -> bool:
    tests = body.get("benchmarks") if isinstance(body, dict) else None
    return isinstance(tests, list) and bool(tests) and all(isinstance(one, dict) and "stats" in one for one in tests)


def read(path: Path, wishes: Wishes) -> Imported:
    """Project: the machine; the first test is the baseline."""
    rows: list[dict[str, Any]] = []
    for file in files(path):
        body = any_json(file)
        machine = (body.get("machine_info") or {}).get("node") or path.stem
        for number, test in enumerate(body["benchmarks"]):
            rows += _rows(test, f"benchmark {number}", file, wishes.project or str(machine), wishes)
    usual = [(row["unit"], row["kind"]) for row in rows]
    for row, context in zip(rows, contexts(wishes, usual), strict=True):
        row["context"] = context
        del row["kind"]
    return tidy(rows, str(path), wishes.baseline, "s")


def _rows(test: dict[str, Any], where: str, file: Path, project: str, wishes: Wishes) -> list[dict[str, Any]]:
    function = need(test, "name", str, file, where).partition("[")[0]
    group = test.get("group")
    arm = arm_of(test.get("params") or {}, wishes, function, file)
    stats = need(test, "stats", dict, file, where)
    times = stats.get("data") or [need(stats, "mean", int | float, file, where)]  # type: ignore[arg-type]
    kind = group or function
    about = {"unit": unit_of(kind, arm.job), "project": project, "kind": kind, "family": arm.family, "arm": arm.id}
    return [{**about, "cost": seconds, "status": "ok", "repetition": run} for run, seconds in enumerate(times)]

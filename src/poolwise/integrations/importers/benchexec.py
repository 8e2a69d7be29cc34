"""Tables of BenchExec's table-generator as CSV: lines `tool` and `run set`, a line of columns, and a line per task.

Tabs separate; columns of a tool are `status`, perhaps `category`, and `cputime (s)` or `walltime (s)`. Names of tasks
stand in the first columns, which no tool has. A run counts as solved where its category is `correct`, or, without
categories, where its status starts with true, false, sat, unsat or done. Whatever is not solved costs ten times the
longest run (PAR10).
Source: BenchExec's documentation, "table-generator".
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poolwise.errors import DataError
from poolwise.integrations.importers.reading import ALL, Wishes, contexts, unit_of
from poolwise.integrations.importers.tidy import Imported, tidy
from poolwise.space.family import arm_id
from poolwise.targets import description

TITLE = "CSV table of BenchExec's table-generator"
PENALTY = 10.0
COSTS = ("cputime", "cpu time", "walltime", "wall time")
SOLVED = ("true", "false", "sat", "unsat", "done")


def recognises(path: Path) -> bool:
    """Whether its first two lines begin with `tool` and `run set`."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            heads = [file.readline(100_000).split("\t")[0].strip() for _ in range(2)]
    except (OSError, ValueError):
        return False
    return heads == ["tool", "run set"]


def read(path: Path, wishes: Wishes) -> Imported:
    """Project: the file's name; context: the folder of a task; the first tool is the baseline."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [line for line in csv.reader(file, delimiter="\t") if line]
    if len(lines) < 4 or len({*map(len, lines)}) != 1:
        raise DataError(
            f"{description(path)}: three lines of names and tasks of the same width are needed; export it again"
        )
    tools, sets, names, *tasks = lines
    first = next((column for column in range(1, len(tools)) if tools[column]), len(tools))
    columns = list(_columns(tools, sets, names, first, path))
    limit = max((_seconds(task[one["cost"]]) or 0.0 for task in tasks for one in columns), default=0.0)
    rows = [_row(task, one, first, path, wishes) for task in tasks for one in columns if task[one["status"]]]
    usual = [(row["unit"], str(Path(row["unit"]).parent)) for row in rows]
    usual = [(unit, ALL if folder == "." else folder) for unit, folder in usual]
    for row, context in zip(rows, contexts(wishes, usual), strict=True):
        row["context"] = context
    return tidy(rows, str(path), wishes.baseline, "s", unsolved=PENALTY * limit)


def _columns(tools: list[str], sets: list[str], names: list[str], first: int, path: Path) -> Iterator[dict[str, Any]]:
    """Of every (tool, run set): its arm, and where status, category and cost stand."""
    keys = list(zip(tools, sets, strict=True))
    for tool, run in dict.fromkeys(keys[first:]):
        mine = [column for column in range(first, len(keys)) if keys[column] == (tool, run)]
        at = {names[column].partition("(")[0].strip().lower(): column for column in reversed(mine)}
        cost = next((at[name] for name in COSTS if name in at), None)
        if "status" not in at or cost is None:
            raise DataError(
                f"{description(path)}: {tool!r}, {run!r} has no column status or none of cputime and walltime"
            )
        several = len({other for name, other in keys[first:] if name == tool}) > 1
        arm = arm_id(tool, {"run_set": run}) if several else tool
        yield {"family": tool, "arm": arm, "status": at["status"], "category": at.get("category"), "cost": cost}


def _row(task: list[str], one: dict[str, Any], first: int, path: Path, wishes: Wishes) -> dict[str, Any]:
    status = task[one["status"]].lower()
    solved = status.startswith(SOLVED) if one["category"] is None else task[one["category"]] == "correct"
    return {
        "unit": unit_of(*task[:first]),
        "project": wishes.project or path.name.partition(".")[0],
        "family": one["family"],
        "arm": one["arm"],
        "cost": _seconds(task[one["cost"]]),
        "status": "ok" if solved else "timeout" if status.startswith("timeout") else "failed",
    }


def _seconds(text: str) -> float | None:
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        return None

"""A folder of ASlib, the algorithm selection library: `description.txt`, `algorithm_runs.arff` and, for features of
jobs, `feature_values.arff`.

Runs that do not end with `ok` within the cutoff cost ten times the cutoff (PAR10); where the scenario maximises, the
measure is the reward. The baseline is the single best algorithm. Source: Bischl and others (2016), ASlib, format
version 5.
"""

import csv
import math
from pathlib import Path
from typing import Any

from poolwise.errors import DataError
from poolwise.integrations.importers.reading import ALL, Wishes, contexts
from poolwise.integrations.importers.tidy import Imported, tidy
from poolwise.names import shown
from poolwise.targets import description

TITLE = "folder of an ASlib scenario (description.txt, algorithm_runs.arff)"
PENALTY = 10.0
UNKNOWN = -512.0
"""What feature extractors write for a number that they did not come to."""
NEEDED = ("instance_id", "repetition", "algorithm", "runstatus")


def recognises(path: Path) -> bool:
    """Whether the two files are there."""
    return all((path / name).is_file() for name in ("description.txt", "algorithm_runs.arff"))


def read(path: Path, wishes: Wishes) -> Imported:
    """Project: the scenario. Algorithms are their own families."""
    about = described(path / "description.txt")
    names, runs = arff(path / "algorithm_runs.arff")
    if missing := [name for name in NEEDED if name not in names]:
        raise DataError(
            f"{description(path)}/algorithm_runs.arff: no attribute {missing[0]!r}; found {', '.join(names)}"
        )
    measure = next(name for name in names if name not in NEEDED)
    cutoff = _number(about.get("algorithm_cutoff_time", "?"))
    best = about.get("maximize", "false").lower() == "true"
    project = wishes.project or about.get("scenario_id") or path.name
    rows = [_row(dict(zip(names, run, strict=True)), measure, best, cutoff, project) for run in runs]
    for row, context in zip(rows, contexts(wishes, [(row["unit"], ALL) for row in rows]), strict=True):
        row["context"] = context
    features = _features(path / "feature_values.arff")
    rows = [row | features.get(row["unit"], {}) for row in rows]
    unsolved = None if cutoff is None else PENALTY * cutoff
    home = wishes.baseline or _single_best(rows, best, unsolved)
    return tidy(rows, str(path), home, "s", unsolved=unsolved)


def described(path: Path) -> dict[str, str]:
    """Keys of the file that have a single value; a list of one counts as one, quotes are left out.

    The file is YAML of which scenarios use no more than this.
    """
    found: dict[str, str] = {}
    key = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.strip()
        if text.startswith("- ") and key and key not in found:
            found[key] = text[2:].strip().strip("'\"")
        elif ":" in text and not line[:1].isspace():
            key, _, text = (part.strip() for part in text.partition(":"))
            if text:
                found[key] = text.strip("'\"")
    return found


def arff(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the attributes, and the rows. Raises DataError for a row of another width."""
    names: list[str] = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    start = next((k for k, line in enumerate(lines) if line.strip().lower() == "@data"), len(lines))
    for line in lines[:start]:
        word, _, rest = line.strip().partition(" ")
        if word.lower() == "@attribute":
            names.append(next(csv.reader([rest.strip()], delimiter=" ", quotechar="'"))[0].strip('"').lower())
    body = [line for line in lines[start + 1 :] if line.strip() and not line.startswith("%")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(body, quotechar="'", skipinitialspace=True)]
    bad = next((k for k, row in enumerate(rows) if len(row) != len(names)), None)
    if bad is not None or not rows:
        what = "there are no rows" if bad is None else f"row {bad} has {len(rows[bad])} values, {shown(body[bad])}"
        raise DataError(f"{description(path)}: {what}, where there are {len(names)} attributes")
    return names, rows


def _row(run: dict[str, str], measure: str, best: bool, cutoff: float | None, project: str) -> dict[str, Any]:
    worth, ended = _number(run[measure]), run["runstatus"].lower() == "ok"
    late = cutoff is not None and worth is not None and not best and worth >= cutoff
    status = "ok" if ended and worth is not None and not late else "failed"
    if late or run["runstatus"].lower() == "timeout":
        status = "timeout"
    about = {"unit": run["instance_id"], "project": project, "family": run["algorithm"], "arm": run["algorithm"]}
    return {**about, "reward" if best else "cost": worth, "status": status, "repetition": run["repetition"]}


def _features(path: Path) -> dict[str, dict[str, float]]:
    """Of every instance, columns `f_NAME`, the first repetition's; empty where there is no such file."""
    if not path.is_file():
        return {}
    names, values = arff(path)
    if "instance_id" not in names:
        raise DataError(f"{description(path)}: no attribute 'instance_id'; found {', '.join(names)}")
    found: dict[str, dict[str, float]] = {}
    for row in values:
        job = dict(zip(names, row, strict=True))
        numbers = {f"f_{name}": _known(job[name]) for name in names if name not in ("instance_id", "repetition")}
        found.setdefault(job["instance_id"], numbers)
    return found


def _known(text: str) -> float:
    """NaN where it is not known."""
    number = _number(text)
    return math.nan if number is None or number == UNKNOWN or math.isinf(number) else number


def _single_best(rows: list[dict[str, Any]], best: bool, unsolved: float | None) -> str:
    """The algorithm with the best mean over all runs."""
    sums: dict[str, list[float]] = {}
    for row in rows:
        worth = row["reward"] if best else -(row["cost"] if row["status"] == "ok" else unsolved or 0.0)
        sums.setdefault(row["arm"], []).append(worth or 0.0)
    return max(sums, key=lambda arm: sum(sums[arm]) / len(sums[arm]))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

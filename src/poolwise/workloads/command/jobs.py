"""The inputs of a command: files of a pattern or rows of a table, each with a project and a context by rule."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from poolwise import names
from poolwise.errors import ConfigError
from poolwise.workloads.base import Job
from poolwise.workloads.command.template import FILE, check, filled, placeholders

SIZE = "job.size"


class Rules(NamedTuple):
    """How labels are made from an input; each a text with placeholders."""

    context: str
    project: str
    pattern: str | None = None
    """A regular expression that is searched for in the path; its named groups are placeholders too."""
    features: Mapping[str, str] = {}
    """What is known of an input, by name; `{job.size}` is the size of its file in bytes."""


Inputs = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Values of the placeholders, by project and by name of the job."""


def read(folder: str, files: Any, table: Any, rules: Rules) -> tuple[Inputs, list[Job]]:
    """All inputs, and each as a job, sorted by name. Raises ConfigError where there are none, or a rule fits not."""
    rows = list(_rows(folder, files, table))
    if not rows:
        raise ConfigError(f"no job was found for {table or files!r} in {folder}: name files that are there")
    inputs: dict[str, dict[str, Mapping[str, str]]] = {}
    jobs = []
    for row in rows:
        values = {**_parts(row["job"]), **row, **_groups(rules.pattern, row["job"])}
        job = _job(values, rules, Path(folder))
        if job.name in inputs.setdefault(job.project, {}):
            raise ConfigError(f"the job {job.name!r} is listed twice: give each input once")
        inputs[job.project][job.name] = values
        jobs.append(job)
    return inputs, sorted(jobs, key=lambda job: job.name)


def stream(jobs: Sequence[Job], seed: int, projects: Sequence[str]) -> Iterator[Job]:
    """Every job of these projects once, in random order, and again in another."""
    own = [job for job in jobs if job.project in projects]
    rng = Random(f"jobs/{seed}/{'/'.join(projects)}")
    while own:
        yield from rng.sample(own, len(own))


def _rows(folder: str, files: Any, table: Any) -> Iterator[dict[str, str]]:
    if (files is None) == (table is None):
        raise ConfigError('[workload] needs jobs = "FILES/**/*.txt" or table = "jobs.csv": give one of the two')
    if table is not None:
        yield from _table(Path(folder) / table)
        return
    patterns = [files] if isinstance(files, str) else files
    if not isinstance(patterns, Sequence) or not all(isinstance(one, str) for one in patterns):
        raise ConfigError(f"jobs in [workload] is {files!r}: give a pattern of files, or a list of patterns")
    found = {path for one in patterns for path in glob(one, root_dir=folder, recursive=True)}
    yield from ({"job": path} for path in sorted(found) if (Path(folder) / path).is_file())


def _table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeError, csv.Error) as error:
        raise ConfigError(f"cannot read the table of jobs {path}: {error}") from error
    if rows and (not rows[0].get("job") or any(None in row or None in row.values() for row in rows)):
        raise ConfigError(
            f"the table of jobs {path} must have a column `job` and as many values as columns in each row"
        )
    return rows


def _job(values: Mapping[str, str], rules: Rules, folder: Path) -> Job:
    for place, text in (("context", rules.context), ("project", rules.project)):
        check(f"{place} in [workload]", text, values)
    labels = [filled(rules.project, values), filled(rules.context, values), values["job"]]
    for kind, label in zip(("project", "context", "job"), labels, strict=True):
        if (wrong := names.fault(label)) is not None:
            raise ConfigError(f"the {kind} of {values['job']!r} {wrong}: change the rule in [workload]")
    project, context, name = labels
    return Job(project, context, name, _features(values, rules.features, folder))


def _features(values: Mapping[str, str], texts: Mapping[str, str], folder: Path) -> Mapping[str, str] | None:
    if not texts:
        return None
    if any(SIZE in placeholders(text) for text in texts.values()):
        values = {**values, SIZE: _size(folder / values["job"])}
    for name, text in texts.items():
        check(f"features.{name} in [workload]", text, values)
    return {name: filled(text, values) for name, text in texts.items()}


def _size(path: Path) -> str:
    try:
        return str(path.stat().st_size)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{{{SIZE}}} in [workload] is the size of a file, and {path} is none: {error}") from error


def _parts(name: str) -> dict[str, str]:
    path = Path(name)
    parts = (name, path.name, path.stem, path.suffix.lstrip("."), str(path.parent), path.parent.name or ".")
    return dict(zip(FILE, parts, strict=True))


def _groups(pattern: str | None, name: str) -> dict[str, str]:
    if pattern is None:
        return {}
    try:
        found = re.search(pattern, name)
    except (re.error, TypeError) as error:
        raise ConfigError(f"pattern = {pattern!r} in [workload] is no regular expression: {error}") from error
    if found is None:
        raise ConfigError(f"pattern = {pattern!r} in [workload] does not fit the job {name!r}: make it fit every job")
    return {key: value or "" for key, value in found.groupdict().items()}

"""Files of other tools -> the tidy table that `replay`, `evaluate` and `refit --from` read.

found = importers.read("hyperfine", "packing.json", jobs=("file",))
found.frame.to_parquet("packing.parquet")
"""

from collections.abc import Sequence
from pathlib import Path

from poolwise.errors import DataError, nearest
from poolwise.integrations.importers import aslib, benchexec, dsjson, hyperfine, kernel_tuner, pytest_benchmark
from poolwise.integrations.importers.reading import Wishes
from poolwise.integrations.importers.tidy import Imported
from poolwise.names import checked
from poolwise.targets import description

KINDS = {
    "hyperfine": hyperfine,
    "pytest-benchmark": pytest_benchmark,
    "benchexec": benchexec,
    "aslib": aslib,
    "kernel-tuner": kernel_tuner,
    "dsjson": dsjson,
}
"""Modules by kind: `TITLE`, `recognises(path)` and `read(path, wishes)`."""


def read(
    kind: str,
    path: str | Path,
    *,
    project: str | None = None,
    context: str | None = None,
    jobs: Sequence[str] = (),
    family: str | None = None,
    baseline: str | None = None,
) -> Imported:
    """The rows of a file, or of a folder of such files, as a tidy table, with what was left out or repaired.

    project: a name for all rows, instead of the kind's own. context: a regular expression; its first group, searched
    for in the unit's name, is the context (dsjson: a dotted key of the shared features). jobs: parameters that say
    which job it is, not how it is done. family: the parameter that names the family (dsjson: a key of every action).
    baseline: an arm; otherwise the kind's own. Raises DataError in one line, for a file of another tool with the kind
    that it is.
    """
    if kind not in KINDS:
        raise DataError(f"unknown kind {kind!r}{nearest(str(kind), KINDS)}")
    path, tool = Path(path), KINDS[kind]
    if not path.exists():
        raise DataError(f"{description(path)}: there is no such file or folder")
    if not tool.recognises(path):
        raise DataError(f"{description(path)} is no {tool.TITLE}{_hint(path)}")
    if project is not None:
        checked("project", project)
    return tool.read(path, Wishes(project, context, tuple(jobs), family, baseline))


def _hint(path: Path) -> str:
    other = next((kind for kind, tool in KINDS.items() if tool.recognises(path)), None)
    if other is not None:
        return f": it looks like {other}, so try `poolwise import {other} {description(path)}`"
    return f": give a file of that tool, or another kind ({', '.join(KINDS)})"


__all__ = ["KINDS", "Imported", "read"]

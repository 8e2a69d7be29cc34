"""A benchmark's command line, its figures beside their aims, and the file that keeps them."""

import argparse
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.machine import about

RESULTS = Path(__file__).resolve().parents[1] / "results"


class Figure(NamedTuple):
    """One measured number; `target` is None where none was set."""

    what: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    """The target is a lower bound; otherwise an upper one."""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return bool(self.value >= self.target if self.at_least else self.value <= self.target)


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A command line that explains itself, with `--json FILE`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result here")
    return parser


def save(path: Path | None, body: dict[str, Any]) -> None:
    """Command, commit, machine, versions and `body`, which holds the seeds; nothing where no file is asked for.

    Numbers have five digits.
    """
    if path is not None:
        path.write_text(dumps({**about(), **body}))


def dumps(body: dict[str, Any]) -> str:
    """JSON whose innermost lists and objects stand on one line, an object of one such list with it, so that differences
    between two results can be read."""
    text = json.dumps(_short(body), indent=1)
    text = re.sub(r"[\[{][^\[\]{}]*[\]}]", lambda found: re.sub(r"\n\s*", " ", found.group()), text)
    return re.sub(r"\{\n\s*(\"[^\"]*\": \[[^\[\]{}\n]*\])\n\s*\}", r"{ \1 }", text) + "\n"


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _short(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_short(one) for one in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def percentiles(times: list[float] | np.ndarray) -> dict[str, float]:
    """Minimum, median, 90th and 99th percentile, and how many there were."""
    low, middle, high, extreme = np.percentile(times, [0, 50, 90, 99]).tolist()
    return {"minimum": low, "p50": middle, "p90": high, "p99": extreme, "n": len(times)}


def table(figures: list[Figure]) -> str:
    """One line per figure: measured, target, whether it is met."""
    lines = []
    for one in figures:
        sign = ">=" if one.at_least else "<="
        target = "" if one.target is None else f"{sign} {one.target:<9,.6g} {'met' if one.met else 'MISSED'}"
        lines.append(f"{one.what:<72} {one.value:>11,.4g} {one.unit:<8} {target}".rstrip())
    return "\n".join(lines)


def rows(figures: list[Figure]) -> list[dict[str, object]]:
    """The same for JSON; where no target was set, nothing is said of one."""
    short = lambda one: {"what": one.what, "value": one.value, "unit": one.unit}
    return [short(one) if one.target is None else {**one._asdict(), "met": one.met} for one in figures]

"""What the files in `benchmarks/results` hold, figure by figure, and how it is written."""

import json
from functools import cache
from typing import Any

from benchmarks.harness.result import RESULTS


@cache
def result(file: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{file}.json").read_text())


def at(file: str, *path: str) -> Any:
    """What stands at a path of keys."""
    found = result(file)
    for key in path:
        found = found[key]
    return found


def figure(file: str, what: str) -> float:
    """The figure whose name begins with `what`; the first of them."""
    return next(float(one["value"]) for one in at(file, "figures") if one["what"].startswith(what))


def runs(key: str, *names: str) -> list[float]:
    """Of the simulated prover."""
    return [at("prover_simulation", "runs", name, key) for name in names]


def of_kernels(name: str, what: str, trials: int = 200) -> Any:
    """What a searcher of GPU kernels came to in sessions of so many trials; None where none were so long."""
    return at("kernels", "searchers", name).get(str(trials), {}).get(what)


def joined(numbers: list[float], form: str) -> str:
    return " / ".join(format(number, form) for number in numbers)


def dashed(numbers: list[float | None], form: str) -> str:
    return " / ".join("-" if number is None else format(number, form) for number in numbers)

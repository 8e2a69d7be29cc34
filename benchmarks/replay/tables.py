"""Poolwise and its peers over every public table of real outcomes: one table, one plot, regret exact.

    python -m benchmarks.replay.tables --data ../shared/data --seeds 10 --peers --json benchmarks/results/replay.json

Regret is measured per decision against the best fixed arm of every (project, context) in hindsight; the best arm per
context, the single best and the virtual best stand beside it. The ratio of a data set is Poolwise's regret over that of
the best learner there, chosen in hindsight among all peers and both forms of reward. Parameter spaces: `kernels.py`.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import arguments, save
from benchmarks.replay import learners
from benchmarks.replay.report import plot, print_table, summary
from poolwise.errors import DataError
from poolwise.table import Table


def job_sets(options: argparse.Namespace) -> dict[str, Any]:
    """Data sets of single jobs: name -> sizes, references and every learner's result."""
    found: dict[str, Any] = {}
    pieces = []
    seeds, vowpal = seeds_of(options), find_spec("vowpalwabbit") is not None
    for source, table in loaded(chosen(replay_sets(options.data), options.only)):
        data = learners.fingerprint(table)
        found[source.name] = {**learners.about(table), "learners": {}}
        for learner, form in learners.learners(options.peers, options.policy, vowpal):
            task = learners.Task(options.data, source.name, learner, form, options.order, seeds, options.policy)
            mark = f"{source.name}|{learners.label(task)}|{options.order}|{seeds}|{data}"
            pieces.append(Work(learners.run, task, None if learner == "Poolwise" else mark))
    if options.recorded:
        recorded(options, found)
    pieces.sort(key=lambda piece: -found[piece.task.data_set]["units"])
    for piece, result in results(pieces, options.cache, options.jobs):
        found[piece.task.data_set]["learners"][learners.label(piece.task)] = result
    return found


def recorded(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Adds the peers' results of an earlier run over the same units and order, and over these seeds or more."""
    before = json.loads(options.recorded.read_text())
    same = (before.get("first", 0), before["order"]) == (options.first, options.order)
    if not same or before["seeds"] < options.seeds:
        raise SystemExit(
            f"{options.recorded} has {before['seeds']} seeds, order {before['order']}: run the peers again"
        )
    for name, entry in found.items():
        then = before["sets"].get(name)
        if then and same_table(then, entry):
            peers = {name: one for name, one in then["learners"].items() if name != "Poolwise"}
            entry["learners"].update({k: {**v, "utility": v["utility"][: options.seeds]} for k, v in peers.items()})


def same_table(then: dict[str, Any], now: dict[str, Any]) -> bool:
    """Of the same sizes and the same utilities in hindsight, which a file keeps to six digits."""
    sizes = all(then[key] == now[key] for key in ("units", "arms"))
    known, found = then["references"], now["references"]
    return sizes and known.keys() == found.keys() and np.allclose([*known.values()], [*found.values()], rtol=1e-5)


def loaded(sources: list[Any]) -> Iterator[tuple[Any, Table]]:
    """Every source with its table; one that is refused is said, and keeps no other from being measured."""
    for source in sources:
        try:
            table = source.load()
        except DataError as error:
            print(f"{source.name} is left out: {error}", file=sys.stderr)
            continue
        yield source, table


def chosen(sources: list[Any], only: str | None) -> list[Any]:
    """The sources whose name contains `only`."""
    return [source for source in sources if not only or only in source.name]


def seeds_of(options: argparse.Namespace) -> tuple[int, ...]:
    return tuple(range(options.first, options.first + options.seeds))


def three_digits(values: Any) -> Any:
    """Of a number, or of every number of a list."""
    return [three_digits(one) for one in values] if isinstance(values, list) else float(f"{values:.3g}")


def kept(learners: dict[str, Any], by_seed: bool) -> dict[str, Any]:
    """What is written of every learner: its mean over seeds; by seed, what `--recorded` compares later runs with."""
    mean = three_digits if by_seed else lambda values: float(np.mean(values))
    return {name: {"utility": mean(one["utility"])} for name, one in learners.items()}


def without_recorded(report: dict[str, Any]) -> dict[str, Any]:
    """What the file of the peers' results does not hold already."""
    own = lambda entry: {name: one for name, one in entry["learners"].items() if name == "Poolwise"}
    return {**report, "sets": {name: {**entry, "learners": own(entry)} for name, entry in report["sets"].items()}}


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first seed")
    parser.add_argument("--plot", type=Path, help="write the plot here (png or svg)")
    parser.add_argument("--only", help="only data sets whose name contains this")
    parser.add_argument("--peers", action="store_true", help="run the peers as well")
    parser.add_argument("--recorded", type=Path, help="take the peers' results from this earlier --json of theirs")
    parser.add_argument("--cache", type=Path, help="file that keeps the peers' results between runs")
    parser.add_argument("--order", choices=("shuffled", "time", "project"), default="shuffled")
    parser.add_argument("--policy", default="poolwise.replay:run_poolwise", help="module:function, or none")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    options = stated()
    started = perf_counter()
    jobs = job_sets(options)
    report = {
        "seeds": options.seeds,
        "first": options.first,
        "order": options.order,
        "seconds": round(perf_counter() - started, 1),
        "peers": f"recorded in {options.recorded.name}" if options.recorded else "run here",
        "summary": summary(jobs),
        "sets": {name: {**one, "learners": kept(one["learners"], options.peers)} for name, one in jobs.items()},
    }
    print_table(report)
    if options.json:
        save(options.json, without_recorded(report) if options.recorded else report)
    if options.plot:
        plot(report, options.plot)


if __name__ == "__main__":
    main()

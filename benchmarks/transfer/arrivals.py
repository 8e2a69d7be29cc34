"""What later projects gain from earlier ones, and a new season from the one before.

    python -m benchmarks.transfer.arrivals --seeds 5 --json benchmarks/results/transfer_projects.json

Projects one after another, in every table with four or more; see `transfer/projects.py`. Seasons: the units of one
year after those of the year before, and from nothing; see `transfer_seasons`.

    python -m benchmarks.transfer.arrivals --machines --seeds 3 --json benchmarks/results/transfer.json

With --machines instead: GPUs one after another, each with the own trials of those before it; see
`transfer/machines.py`. ASlib's ratios come from the results of `benchmarks/transfer/factors.py --data`, with
`--learned` and with `--alone`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets, spaces
from benchmarks.harness.pieces import Work, computed, results
from benchmarks.harness.result import RESULTS, Figure, arguments, rows, save
from benchmarks.harness.result import table as shown
from benchmarks.replay.learners import PEERS, Task
from benchmarks.transfer.machines import Arrivals, figures, in_turn
from benchmarks.transfer.projects import LEAST, geometric, projects
from benchmarks.transfer.seasons import season, seasons

SOLVERS = {
    "learned policy and factors over pooling alone": "factors_replay.json",
    "each project over from nothing": "factors_alone.json",
}
LEARNERS = {"Poolwise": "", "LinUCB": "differenced", "Thompson per context": "differenced"}


def pieces(options: argparse.Namespace) -> list[Work]:
    """All work: sets with enough projects, and pairs of seasons."""
    sources = replay_sets(options.data)
    many = [source.name for source in sources if len(source.load().projects) >= LEAST]
    work = [(projects, name) for name in many]
    work += [(season, name) for name in seasons([source.name for source in sources])]
    seeds = tuple(range(options.seeds))
    learners = {name: form for name, form in LEARNERS.items() if name in PEERS or options.policy != "none"}
    return [
        Work(function, Task(options.data, name, learner, form, "project", seeds, options.policy), None)
        for function, name in work
        for learner, form in learners.items()
        if not options.only or options.only in name
    ]


def solver_ratios(file: Path) -> dict[str, float]:
    """Ratio of every ASlib set in a result of `benchmarks/transfer/factors.py`."""
    sets = json.loads(file.read_text())["worlds"]
    return {name: one["ratio"] for name, one in sets.items() if name.startswith("aslib/")}


def machines(options: argparse.Namespace) -> dict[str, Any]:
    """The report of machines that arrive one after another."""
    tasks = [
        Arrivals(options.data, source.name, seed)
        for source in spaces(options.data)
        for seed in range(options.seeds)
        if not options.only or options.only in source.name
    ]
    found: dict[str, list[Any]] = {task.space: [None] * options.seeds for task in tasks}
    for piece, line in computed([Work(in_turn, task, None) for task in tasks], options.jobs):
        found[piece.task.space][piece.task.seed] = line
        print(piece.task.space, piece.task.seed, json.dumps(line), flush=True)
    solvers = {against: solver_ratios(RESULTS / file) for against, file in SOLVERS.items()}
    made = figures(found, solvers)
    print(shown(made))
    about = {"seeds": list(range(options.seeds))}
    return {**about, "figures": rows(made), "solvers": solvers}


def ratio(parts: dict[str, Any]) -> dict[str, float]:
    """Part of a table -> regret after earlier projects over alone."""
    return {part: round(one["ratio"], 4) for part, one in parts.items()}


def arriving(options: argparse.Namespace) -> dict[str, Any]:
    """The report of projects and seasons."""
    found: dict[str, dict[str, Any]] = {"projects": {}, "seasons": {}}
    for piece, result in results(pieces(options), None, options.jobs):
        kind = "projects" if piece.function is projects else "seasons"
        found[kind].setdefault(piece.task.data_set, {})[piece.task.learner] = result
        print(piece.task.data_set, piece.task.learner, json.dumps(result), flush=True)
    made = [
        Figure(f"{learner}, {part}: regret after earlier projects over alone", value, "")
        for learner, part, value in geometric(found["projects"])
    ]
    made += [
        Figure(
            f"{learner}, {name.rpartition('/')[2]}, {part}: regret after the season before over alone", one["ratio"], ""
        )
        for name, learners in found["seasons"].items()
        for learner, parts in learners.items()
        for part, one in parts.items()
    ]
    print(shown(made))
    about = {"seeds": list(range(options.seeds))}
    ratios = {name: {who: ratio(one) for who, one in learners.items()} for name, learners in found["projects"].items()}
    return {**about, "figures": rows(made), "projects": ratios}


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--policy", default="poolwise.replay:run_poolwise", help="module:function, or none")
    parser.add_argument("--only", help="only data sets whose name contains this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--machines", action="store_true", help="GPUs one after another instead")
    options = parser.parse_args()
    report = machines(options) if options.machines else arriving(options)
    save(options.json, report)


if __name__ == "__main__":
    main()

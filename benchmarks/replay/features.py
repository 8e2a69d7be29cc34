"""Features of jobs: Poolwise with and without them, with noise among them, and peers with the same features.

    python -m benchmarks.replay.features --seeds 10 --cache runs/features.json --json benchmarks/results/features.json

Nine ASlib scenarios, one solver tried per instance, in ten shuffled orders that all learners share. Regret is against
the best solver of every instance, in log PAR10 (the accuracy of OPENML as it is); beside it the share of PAR10's gap
between the single best solver and the best of every instance that is closed. Peers get favours that no user has (see
`benchmarks.peers.features.problem`), and their knobs are chosen in hindsight: per scenario, and once for all.

Every run is kept in the file of `--cache`, and is not made again while its learner's code and the data are the same: a
long measurement can be split by `--sets`, by `--seeds` and `--first`, by `--poolwise` and `--peers`.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import arguments, rows, save, table
from benchmarks.peers.features.settings import PEERS, settings
from benchmarks.replay.features_report import figures, kept, print_sets
from benchmarks.replay.features_run import POOLWISE, VARIANTS, Task, loaded, mark, run

Found = dict[str, dict[tuple[str, str], dict[int, dict[str, Any]]]]
"""Data set -> (learner, value) -> seed -> what `run` gives."""


def measured(options: argparse.Namespace) -> Found:
    """All runs that are asked for."""
    learners = [(POOLWISE, value) for value in options.poolwise]
    learners += [one for one in settings() if one[0] in options.peers]
    found: Found = {name: {learner: {} for learner in learners} for name in data_sets(options)}
    tasks = [
        Task(options.data, name, *learner, seed)
        for name in found
        for seed in range(options.first, options.first + options.seeds)
        for learner in learners
    ]
    pieces = [Work(run, task, mark(task)) for task in tasks]
    for piece, result in results(pieces, options.cache, options.jobs):
        task = piece.task
        found[task.data_set][task.learner, task.value][task.seed] = result
    return found


def data_sets(options: argparse.Namespace) -> list[str]:
    """ASlib scenarios with features whose names contain one of `--sets`, the longest first."""
    names = [one.name for one in replay_sets(options.data, features=True) if one.name.startswith("aslib/")]
    wanted = [name for name in names if any(part in name for part in options.sets)]
    tables = {name: loaded(options.data, name) for name in wanted}
    return sorted((name for name in wanted if tables[name].features is not None), key=lambda n: -len(tables[n].units))


def several(known: tuple[str, ...]) -> Any:
    """A list with commas of known names; `none` for none of them."""

    def read(text: str) -> tuple[str, ...]:
        names = () if text == "none" else tuple(text.split(","))
        if wrong := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{wrong[0]} is unknown: use {', '.join(known)}, or none")
        return names

    return read


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--sets", type=lambda text: text.split(","), default=[""], help="parts of names, with commas")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first seed")
    parser.add_argument("--poolwise", type=several(VARIANTS), default=VARIANTS, help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--peers", type=several(tuple(PEERS)), default=tuple(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--cache", type=Path, help="file that keeps every run")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=2, help="processes")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    options = stated()
    if options.cache:
        options.cache.parent.mkdir(parents=True, exist_ok=True)
    found = measured(options)
    print_sets(found)
    judged = figures(found)
    print(table(judged))
    save(options.json, {"seeds": options.seeds, "first": options.first, "figures": rows(judged), **kept(found)})


if __name__ == "__main__":
    main()

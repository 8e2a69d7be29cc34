"""GPUs one after another through the engine: one engine for all of them over a new one for each.

    python -m benchmarks.transfer.engine --seeds 3 --json benchmarks/results/transfer_engine.json

Every parameter space has an engine, in memory, set as in `benchmarks/replay/engine_search.py`: a GPU is a project, the
kernel the context, 200 decisions each, one launch a trial; orders and regret as in `transfer/machines.py`. Twice: with
the number of all decisions known, and without, as the engine is by default. Where it is known the first GPU may pay for
those that follow, so that totals over all GPUs stand beside the ratios of those after the first. ASlib's ratios are
those of `benchmarks/transfer/factors.py --data`, with `--learned` and with `--alone`, by the engine too.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.replay.engine_search import Tuned
from benchmarks.replay.searches import TRIALS
from benchmarks.transfer.arrivals import RESULTS, SOLVERS, solver_ratios
from benchmarks.transfer.machines import WAYS, arrivals, geometric, ratios
from poolwise.table import Table

HORIZONS = {"horizon known": True, "horizon unknown": False}


class Task(NamedTuple):
    """All GPUs of one space in one order."""

    root: Path
    space: str
    seed: int
    horizon: str
    """A name in HORIZONS."""


def run(task: Task) -> list[dict[str, Any]]:
    """See `in_turn`."""
    known = next(source for source in spaces(task.root) if source.name == task.space).load()
    return in_turn(known, TRIALS, task.seed, known=HORIZONS[task.horizon])


def in_turn(machines: Table, trials: int, seed: int, *, known: bool) -> list[dict[str, Any]]:
    """Per GPU in the order of arrival: its name, and its cumulative regret in each of the WAYS."""

    def tuner(number: int) -> Tuned:
        return Tuned(machines, trials, seed, number * trials if known else None)

    return arrivals(machines, trials, seed, tuner)


def figures(horizon: str, found: dict[str, list[list[dict[str, Any]]]]) -> list[Figure]:
    """Geometric means over the GPUs after the first, by space too, and with ASlib's sets, every set counted once;
    totals over all GPUs; the losses."""
    own, simple = (ratios(found, way) for way in (WAYS[0], WAYS[2]))
    values = [r for *_, r in own]
    made = [Figure(f"{horizon}: GPUs after the first, regret over from nothing", geometric(values), "", 0.9)]
    by_space = {space: geometric([r for where, *_, r in own if where == space]) for space in found}
    made += [Figure(f"{horizon}: {space}", value, "") for space, value in by_space.items()]
    for against, file in SOLVERS.items():
        both = geometric([*by_space.values(), *solver_ratios(RESULTS / file).values()])
        made.append(Figure(f"{horizon}: every kernel and ASlib set, {against}", both, "", 0.9))
    totals = [
        sum(one[WAYS[0]] for one in line) / sum(one[WAYS[1]] for one in line) for s in found.values() for line in s
    ]
    made.append(Figure(f"{horizon}: all GPUs of a kernel together", geometric(totals), ""))
    made.append(
        Figure(f"{horizon}: earlier GPUs' best configurations, then the best", geometric([r for *_, r in simple]), "")
    )
    losses = [r for r in values if r > 1]
    made.append(Figure(f"{horizon}: searches of {len(values)} that lose", len(losses), ""))
    space, rank, machine, worst = max(own, key=lambda one: one[-1])
    made.append(Figure(f"{horizon}: worst, {space}, {machine}, number {rank}", worst, ""))
    return made


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    names = [source.name for source in spaces(options.data) if options.only in source.name]
    seeds = range(options.seeds)
    tasks = [Task(options.data, name, seed, horizon) for horizon in HORIZONS for name in names for seed in seeds]
    found: dict[str, dict[str, list[Any]]] = {
        horizon: {name: [None] * options.seeds for name in names} for horizon in HORIZONS
    }
    for piece, line in computed([Work(run, task, None) for task in tasks], options.jobs):
        found[piece.task.horizon][piece.task.space][piece.task.seed] = line
        print(piece.task.horizon, piece.task.space, piece.task.seed, json.dumps(line), flush=True)
    made = [one for horizon, spaces_ in found.items() for one in figures(horizon, spaces_)]
    print(table(made))
    about = {"seeds": list(seeds)}
    save(options.json, {**about, "figures": rows(made)})


if __name__ == "__main__":
    main()

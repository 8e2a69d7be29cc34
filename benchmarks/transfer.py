"""What later projects gain from earlier ones, and what a new season costs.

    python benchmarks/transfer.py --data ../shared/data --seeds 5 --json benchmarks/results/transfer_projects.json

Projects one after another: regret of the first decisions of the k-th project, in the order of arrival, against the best
fixed arm of every (project, context). Seasons: the units of one year after those of the year before, against the same
units of the later year from nothing.

    python benchmarks/transfer.py --machines --seeds 3 --json benchmarks/results/transfer.json

With --machines instead: GPUs one after another, each with the own trials of those before it; see `transfer_machines`.
ASlib's ratios come from the results of `benchmarks/factors.py --data`, with `--learned` and with `--alone`.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from data import DEFAULT_ROOT, replay_sets, spaces
from machine import described, rows
from machine import table as shown
from peers import references
from poolwise.table import ABSENT, Table, take, utility
from replay_run import PEERS, Task, orders, play
from runner import Work, computed, results, versions
from transfer_machines import Arrivals, figures, in_turn

FIRST = 20
"""Decisions of a project that count as its beginning."""
RANKS = {"1st": (0, 1), "2nd and 3rd": (1, 3), "4th to 7th": (3, 7), "8th and later": (7, 10**9)}
RESULTS = Path(__file__).parent / "results"
SOLVERS = {
    "learned policy and factors over pooling alone": "factors_replay.json",
    "each project over from nothing": "factors_alone.json",
}
LEARNERS = {"Poolwise": "", "LinUCB": "differenced", "Thompson per context": "differenced"}


def gap(table: Table) -> np.ndarray:
    """(units, arms) regret of every choice against the best fixed arm of its project and context."""
    gain = utility(table)
    best = references(table)["best per project and context"]
    return gain[np.arange(len(best)), best][:, None] - gain


def by_rank(task: Task) -> dict[str, float]:
    """Mean regret of the first decisions of a project, by the project's rank of arrival."""
    table = next(source for source in replay_sets(task.root) if source.name == task.data_set).load()
    order = orders(table, task.order, task.seeds)
    lost = gap(table)[order, play(task, table, order)]
    found: dict[str, list[float]] = {name: [] for name in RANKS}
    for line, regrets in zip(table.project[order], lost, strict=True):
        starts = np.flatnonzero(np.diff(line, prepend=-1))
        for rank, start in enumerate(starts):
            end = starts[rank + 1] if rank + 1 < len(starts) else len(line)
            name = next(name for name, (low, high) in RANKS.items() if low <= rank < high)
            found[name].append(float(regrets[start : min(start + FIRST, end)].mean()))
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def stack(first: Table, second: Table, name: str) -> Table:
    """The units of both tables, the first table's before the second's; arms and names are united."""
    codes: dict[str, dict[str, int]] = {}
    for key in ("projects", "contexts", "families", "arms"):
        united = dict.fromkeys((*getattr(first, key), *getattr(second, key)))
        codes[key] = {item: place for place, item in enumerate(united)}
    family = {t.arms[a]: codes["families"][t.families[f]] for t in (second, first) for a, f in enumerate(t.family)}
    params = {arm: values for t in (second, first) for arm, values in zip(t.arms, t.params, strict=True)}
    return Table(
        name=name,
        measure=first.measure,
        units=(*(f"first {unit}" for unit in first.units), *(f"second {unit}" for unit in second.units)),
        projects=tuple(codes["projects"]),
        contexts=tuple(codes["contexts"]),
        families=tuple(codes["families"]),
        arms=tuple(codes["arms"]),
        params=tuple(params[arm] for arm in codes["arms"]),
        project=np.concatenate([recoded(t.project, t.projects, codes["projects"]) for t in (first, second)]),
        context=np.concatenate([recoded(t.context, t.contexts, codes["contexts"]) for t in (first, second)]),
        importance=np.concatenate([first.importance, second.importance]),
        family=np.array([family[arm] for arm in codes["arms"]]),
        reward=np.vstack([widened(t.reward, t.arms, codes["arms"], np.nan) for t in (first, second)]),
        status=np.vstack([widened(t.status, t.arms, codes["arms"], ABSENT) for t in (first, second)]),
        baseline=codes["arms"][first.arms[first.baseline]],
        cutoff=first.cutoff,
    )


def recoded(codes: np.ndarray, names: tuple[str, ...], united: dict[str, int]) -> np.ndarray:
    """Codes in the united names."""
    return np.array([united[name] for name in names])[codes]


def widened(matrix: np.ndarray, arms: tuple[str, ...], united: dict[str, int], fill: float) -> np.ndarray:
    """(units, united arms) matrix; `fill` where a table lacks an arm."""
    wide = np.full((len(matrix), len(united)), fill, matrix.dtype)
    wide[:, [united[arm] for arm in arms]] = matrix
    return wide


def season(task: Task) -> dict[str, float]:
    """Regret in the later season, after the earlier one and from nothing: first tenth and all of it.

    `task.data_set` names both tables, joined by ` -> `.
    """
    names = task.data_set.split(" -> ")
    first, second = (next(s for s in replay_sets(task.root) if s.name == name).load() for name in names)
    both = stack(first, second, task.data_set)
    later = take(both, np.arange(len(first.units), len(both.units)))
    before = orders(first, "shuffled", task.seeds)
    after = orders(second, "shuffled", task.seeds)
    joined = np.hstack([before, len(before[0]) + after])
    lost = gap(later)
    found = {}
    for name, table, order in (("after the season before", both, joined), ("from nothing", later, after)):
        chosen = play(task, table, order)[:, -after.shape[1] :]
        regrets = lost[after, chosen]
        found[f"{name}, first tenth"] = float(regrets[:, : regrets.shape[1] // 10].mean())
        found[name] = float(regrets.mean())
    return found


def seasons(names: list[str]) -> Iterator[str]:
    """`A-2022 -> A-2023` for every two consecutive years of one source."""
    dated = sorted(name for name in names if name[-4:].isdigit() and name[-5:-4] == "-")
    for first, second in pairwise(dated):
        if first[:-4] == second[:-4]:
            yield f"{first} -> {second}"


def pieces(options: argparse.Namespace) -> list[Work]:
    """All work: sets with 8 projects or more, and pairs of seasons."""
    sources = replay_sets(options.data)
    many = [source.name for source in sources if len(source.load().projects) >= 8]
    work = [(by_rank, name, "project") for name in many]
    work += [(season, name, "shuffled") for name in seasons([source.name for source in sources])]
    seeds = tuple(range(options.seeds))
    learners = {name: form for name, form in LEARNERS.items() if name in PEERS or options.policy != "none"}
    return [
        Work(function, Task(options.data, name, learner, form, order, seeds, options.policy), None)
        for function, name, order in work
        for learner, form in learners.items()
    ]


def solver_ratios(file: Path) -> dict[str, float]:
    """Ratio of every ASlib set in a result of `benchmarks/factors.py`."""
    sets = json.loads(file.read_text())["worlds"]
    return {name: one["ratio"] for name, one in sets.items() if name.startswith("aslib/")}


def machines(options: argparse.Namespace) -> dict[str, Any]:
    """The report of machines that arrive one after another."""
    tasks = [
        Arrivals(options.data, source.name, seed) for source in spaces(options.data) for seed in range(options.seeds)
    ]
    found: dict[str, list[Any]] = {task.space: [None] * options.seeds for task in tasks}
    for piece, line in computed([Work(in_turn, task, None) for task in tasks], options.jobs):
        found[piece.task.space][piece.task.seed] = line
        print(piece.task.space, piece.task.seed, json.dumps(line), flush=True)
    solvers = {against: solver_ratios(RESULTS / file) for against, file in SOLVERS.items()}
    made = figures(found, solvers)
    print(shown(made))
    about = {"machine": described(("poolwise", "numpy", "scipy")), "seeds": list(range(options.seeds))}
    return {**about, "figures": rows(made), "machines": found, "solvers": solvers}


def arriving(options: argparse.Namespace) -> dict[str, Any]:
    """The report of projects and seasons."""
    found: dict[str, Any] = {}
    for piece, result in results(pieces(options), None, options.jobs):
        found.setdefault(piece.task.data_set, {})[piece.task.learner] = result
    for name, learners in found.items():
        print(name)
        for learner, values in learners.items():
            print(f"  {learner:22}", {key: round(value, 4) for key, value in values.items()})
    return {"versions": versions(("poolwise", "numpy", "jax")), "seeds": options.seeds, "regret": found}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--policy", default="poolwise.replay:run_poolwise", help="module:function, or none")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--machines", action="store_true", help="GPUs one after another instead")
    options = parser.parse_args()
    report = machines(options) if options.machines else arriving(options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Total cost where what is optimised is the total, beside the mean log ratio and the peers, on heavy-tailed tables.

    python -m benchmarks.replay.total --data ../shared/data --seeds 10 --json benchmarks/results/total.json

Every learner meets the same jobs in the same orders. Peers learn savings, baseline cost - cost, the same arithmetic
utility (and its raw form, -cost), scaled as `tables` does; the better of both forms counts for a peer. The figure is
the mean cost per job; differences are paired by seed. The other ASlib scenarios that are measured in time stand beside,
on seeds of their own: the constants of `retransformation` were chosen on them.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import Figure, arguments, rows, save
from benchmarks.harness.result import table as shown
from benchmarks.peers.tabular import scaled_reward
from benchmarks.replay.learners import PEERS, learners
from poolwise.objective import OBJECTIVES
from poolwise.replay import orders, run_poolwise_many
from poolwise.table import Table, total

HEAVY = ("TSP-LION2015", "SAT12-INDU", "MAXSAT-PMS-2016")
OTHERS = ("SAT11-HAND", "QBF-2016", "ASP-POTASSCO", "CSP-Minizinc-Time-2016", "MIP-2016", "BNSL-2016")
FIRST = 100
"""Number of the first seed of the others."""


class Piece(NamedTuple):
    """One learner on one table."""

    root: Path
    name: str
    learner: str
    """An objective, or a peer."""
    form: str
    seeds: tuple[int, ...]


def load(root: Path, name: str) -> Table:
    """An ASlib scenario."""
    return next(source for source in replay_sets(root) if source.name == f"aslib/{name}").load()


def run(piece: Piece) -> list[float]:
    """Mean cost per job of every seed."""
    table = load(piece.root, piece.name)
    order, seeds = orders(table, "shuffled", piece.seeds), list(piece.seeds)
    if piece.learner in OBJECTIVES:
        chosen = run_poolwise_many(table, order, seeds, piece.learner)
    else:
        reward = scaled_reward(total(table), piece.form or "raw")
        chosen = PEERS[piece.learner](total(table), reward, order, seeds, piece.learner)
    return table.cost[order, chosen].mean(axis=1).tolist()


def pieces(options: argparse.Namespace) -> list[Work]:
    """Of all tables and learners."""
    made = []
    for name in (*HEAVY, *(OTHERS if options.others else ())):
        seeds = tuple(range(options.seeds) if name in HEAVY else range(FIRST, FIRST + options.seeds))
        peers = learners(True, "none", find_spec("vowpalwabbit") is not None) if name in HEAVY else []
        made += [
            Work(run, Piece(options.data, name, *one, seeds), None) for one in [(o, "") for o in OBJECTIVES] + peers
        ]
    return made


def compared(costs: dict[str, list[float]], baseline: float) -> dict[str, Any]:
    """Means with standard errors, and the paired differences that are aimed at."""
    peers = {name: one for name, one in costs.items() if name not in OBJECTIVES}
    best = min(peers, key=lambda name: float(np.mean(peers[name])), default=None)
    against = {"ratio": costs["ratio"], **({} if best is None else {best: peers[best]})}
    difference = {name: spread(np.subtract(costs["total"], one)) for name, one in against.items()}
    return {
        "baseline": baseline,
        "costs": {name: spread(np.array(one)) for name, one in costs.items()},
        "total less": difference,
    }


def spread(values: np.ndarray) -> list[float]:
    """Mean and its standard error."""
    return [float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)]


def figures(found: dict[str, Any]) -> list[Figure]:
    """Costs of the total as parts of those of the others."""
    made = []
    for name in (name for name in found if name in HEAVY):
        costs = found[name]["costs"]
        for other in found[name]["total less"]:
            made.append(Figure(f"{name}: total cost, of that of {other}", costs["total"][0] / costs[other][0], "", 1.0))
    return made


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--others", action="store_true", help="the other scenarios, too, without peers")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    options = stated()
    costs: dict[str, dict[str, list[float]]] = {}
    for piece, result in results(pieces(options), None, options.jobs):
        task = piece.task
        label = f"{task.learner} ({task.form})" if task.form else task.learner
        costs.setdefault(task.name, {})[label] = result
        print(f"{task.name:<24} {label:<36} {np.mean(result):10.1f}", flush=True)
    found = {}
    for name, one in costs.items():
        table = load(options.data, name)
        found[name] = compared(one, float(table.cost[:, table.baseline].mean()))
    report = figures(found)
    print(shown(report))
    for name, one in found.items():
        print(name, {other: f"{mean:.0f} +- {error:.0f}" for other, (mean, error) in one["total less"].items()})
    save(options.json, {"seeds": options.seeds, "first of the others": FIRST, "sets": found, "figures": rows(report)})


if __name__ == "__main__":
    main()

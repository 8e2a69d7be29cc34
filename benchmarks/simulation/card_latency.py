"""What a card costs a decision: engines with and without one, by turns in one run.

    python -m benchmarks.simulation.card_latency --card runs/card.json --json benchmarks/results/card_latency.json

Projects as in `simulation/projects_learned.py`, scales estimated beside, as in a service. The first decision of every
project, in which the card is asked, is told apart from the others. Several seeds, for what is believed comes to differ,
and with it what a decision takes: project factors, where they are found, are not compiled at once. The card is learned,
in some minutes, where its file is not there.
"""

import time
from pathlib import Path

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.simulation import other_systems
from benchmarks.simulation.projects import GIVEN, NOTHING, SHIPPED
from benchmarks.simulation.projects_world import COMPILATIONS, outcome, world
from benchmarks.simulation.prover import engine_of
from benchmarks.simulation.world import Problem, read
from poolwise import policy as policies
from poolwise.config import from_tables
from poolwise.meta import policy_card as cards
from poolwise.run import recommending

NAMES = ("default", "card")


def measured(problem: Problem, card: Path, projects: int, seed: int) -> dict[str, np.ndarray]:
    """(projects, compilations) seconds of `decide`, by variant; the engines take turns at being first."""
    engines = {name: engine_of(problem, seed, {**NOTHING, "estimate": "beside"}) for name in NAMES}
    config = from_tables({"run": {"store": "memory://"}, "policy": {"learned": str(card)}})
    recommending.attach(engines["card"], policies.default(), config)
    made = world(problem, range(seed, seed + 1), 0.15)
    found = {name: np.zeros((projects, COMPILATIONS)) for name in NAMES}
    for p, t in np.ndindex(projects, COMPILATIONS):
        for name in NAMES if t % 2 else NAMES[::-1]:
            before = time.perf_counter()
            decision = engines[name].decide(f"project {p}", problem.contexts[made.context[0, p, t]])
            found[name][p, t] = time.perf_counter() - before
            arm = np.array([problem.arms.index(decision.family)])
            speed, fine = (part[0] for part in outcome(problem, made, p, t, arm))
            engines[name].observe(decision.id, cost=1 / speed, baseline_cost=1.0, status="ok" if fine else "failed")
    for engine in engines.values():
        engine.close()
    return found


def figures(found: dict[str, np.ndarray]) -> list[Figure]:
    """found: (seeds, projects, compilations), without the first project, in which calls are compiled."""
    shown = []
    for what, part in (("first decision of a project", np.s_[:, 1:, 0]), ("any other decision", np.s_[:, 1:, 1:])):
        median, tail = ({name: float(np.quantile(found[name][part], q)) for name in NAMES} for q in (0.5, 0.99))
        shown += [Figure(f"{what}, {name}, median", 1e3 * median[name], "ms") for name in NAMES]
        goal = 1.3 if what.startswith("any") else None
        shown.append(Figure(f"{what}, card over default, medians", median["card"] / median["default"], "", goal))
        shown.append(Figure(f"{what}, card over default, 99th percentiles", tail["card"] / tail["default"], ""))
    return shown


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--card", type=Path, default=Path("runs/card.json"))
    parser.add_argument("--projects", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--workload", type=Path, default=GIVEN if GIVEN.exists() else SHIPPED)
    options = parser.parse_args()
    problem, seeds = read(options.workload), range(1_000, 1_000 + options.seeds)
    print("\n".join(cards.sentences(other_systems.kept(options.card, problem))), flush=True)
    runs = [measured(problem, options.card, options.projects, seed) for seed in seeds]
    shown = figures({name: np.stack([one[name] for one in runs]) for name in NAMES})
    print(table(shown))
    save(options.json, {"case": {"projects": options.projects, "seeds": options.seeds}, "figures": rows(shown)})


if __name__ == "__main__":
    main()

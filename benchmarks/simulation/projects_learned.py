"""Twenty projects that explore as was learned: on simulated systems, or from the projects before them.

    python -m benchmarks.simulation.projects_learned --json benchmarks/results/projects_learned.json

The projects of `simulation/projects.py`, played by an `Engine` as a configuration opens it, nobody told how many
decisions there will be: with the default; with `[policy] learned`, a card of simulated systems
(`simulation/other_systems.py`); with `[policy] learn = "projects"`, on the first `--own` seeds, whose races play every
setting RACED times each, so that no figure depends on a machine's speed; and with CONSTANTS for all. `over default`:
regret over the default's, `later`: from the fourth project on, the first that can learn from others; ratios of means
with their standard errors, paired by seed. `to level`: decisions until the value of what is chosen, as a share of the
best's, a mean over seeds and WINDOW decisions, comes within NEAR of the default's in its last five projects; beside it
the default's, over the same seeds.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.kept import kept
from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.peers import projects as peers
from benchmarks.simulation import other_systems
from benchmarks.simulation.projects import DEVIATIONS, GIVEN, NOTHING, SHIPPED, TUNED
from benchmarks.simulation.projects_world import COMPILATIONS, World, outcome, regret, world
from benchmarks.simulation.prover import engine_of
from benchmarks.simulation.world import Problem, read
from poolwise import policy as policies
from poolwise.config import from_tables
from poolwise.engine import Engine
from poolwise.meta import policy_card as cards
from poolwise.meta.histories import AS_SERVED
from poolwise.run import recommending

CONSTANTS = {"nothing shared, more chance": {"shared": 0.0, "temperature": 0.3}, "in hindsight": TUNED}
"""Of the default policy: one of the settings that race over own projects, and what was chosen on this very table."""
VARIANTS = ("default", "card", "own projects", *CONSTANTS)
THOMPSON = {"flat Thompson": peers.flat, "hierarchical Thompson": peers.hierarchical}
FROM = 3
"""The first project that has three before it."""
RACED, SECONDS = 3, 1e6
WINDOW, NEAR, LAST = COMPILATIONS, 0.05, 5 * COMPILATIONS


class Task(NamedTuple):
    """One seed of one variant."""

    problem: Problem
    seed: int
    deviation: float
    variant: str
    card: str
    raw: Path | None


def arms_of(task: Task) -> np.ndarray:
    """`played`, or what was kept of it."""
    name = f"{task.variant.replace(' ', '_')}-{task.deviation}-{task.seed}"
    return kept(task.raw, name, lambda: played(task).astype(np.int8)).astype(int)


def played(task: Task) -> np.ndarray:
    """(projects, compilations) arms."""
    problem, engine = task.problem, opened(task)
    made = world(problem, range(task.seed, task.seed + 1), task.deviation)
    arms = np.zeros(made.context.shape[1:], dtype=int)
    for p, t in np.ndindex(arms.shape):
        decision = engine.decide(f"project {p}", problem.contexts[made.context[0, p, t]])
        arms[p, t] = problem.arms.index(decision.family)
        speed, fine = (part[0] for part in outcome(problem, made, p, t, arms[None, p, t]))
        engine.observe(decision.id, cost=1 / speed, baseline_cost=1.0, status="ok" if fine else "failed")
    engine.close()
    return arms


def opened(task: Task) -> Engine:
    """The variant's engine, which asks for recommendations where it learns."""
    usual, change = policies.default(), dict(NOTHING)
    if task.variant in CONSTANTS:
        change |= {"policy": usual.spec, "constants": {**usual.params, **CONSTANTS[task.variant]}}
    engine = engine_of(task.problem, task.seed, change)
    learns = {"card": {"learned": task.card}, "own projects": {"learn": "projects", "learn_seconds": SECONDS}}
    if task.variant in learns:
        run = {"store": "memory://", "seed": task.seed}
        config = from_tables({"run": run, "policy": learns[task.variant]})
        recommending.attach(engine, usual, config, RACED, AS_SERVED)
    return engine


def compared(ours: np.ndarray, theirs: np.ndarray) -> list[float]:
    """Ratio of mean regrets and its standard error, paired by seed; ours: of the first seeds."""
    theirs = theirs[: len(ours)]
    ratio = ours.mean() / theirs.mean()
    error = (ours - ratio * theirs).std(ddof=1) / theirs.mean() / len(ours) ** 0.5
    return [round(float(ratio), 3), round(float(error), 3)]


def level(made: World, arms: np.ndarray) -> np.ndarray:
    """(decisions,) mean over seeds of the expected value of what was chosen, as a share of the best's."""
    every, project = np.arange(len(arms))[:, None, None], np.arange(arms.shape[1])[:, None]
    value = made.value[every, project, made.context]
    share = np.take_along_axis(value, arms[..., None], axis=-1)[..., 0] / value.max(axis=-1)
    return share.reshape(len(arms), -1).mean(axis=0)


def arrival(ours: np.ndarray, final: float) -> int:
    """Decisions until the mean of a window is there; all where it never is."""
    smooth = np.convolve(ours, np.ones(WINDOW) / WINDOW, mode="valid")
    there = np.flatnonzero(smooth >= (1 - NEAR) * final)
    return int(there[0]) + WINDOW if len(there) else len(ours)


def judged(made: World, found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Of one deviation; found: (seeds, projects, compilations) arms by variant."""
    those = {name: World(*(part[: len(arms)] for part in made)) for name, arms in found.items()}
    lost = {name: regret(those[name], arms) for name, arms in found.items()}
    share = {name: level(those[name], arms) for name, arms in found.items()}
    final, body = float(share["default"][-LAST:].mean()), dict[str, Any]()
    for name, arms in found.items():
        body[name] = {"regret": round(float(lost[name].sum(axis=1).mean()), 1)}
        if name not in ("default", *THOMPSON):
            usual = level(those[name], found["default"][: len(arms)])
            body[name] |= {
                "over default": compared(lost[name].sum(axis=1), lost["default"].sum(axis=1)),
                "later": compared(lost[name][:, FROM:].sum(axis=1), lost["default"][:, FROM:].sum(axis=1)),
                "to level": [arrival(share[name], final), arrival(usual, final)],
            }
    return body


def geometric(ratios: list[float]) -> float:
    return float(np.exp(np.log(ratios).mean()))


def figures(result: dict[str, dict[str, Any]]) -> list[Figure]:
    """Of all deviations: ratios as geometric means, decisions to level in all."""
    runs = list(result.values())
    names = [name for name in VARIANTS[1:] if all(name in one for one in runs)]
    shown = [
        Figure(f"card of simulated systems over the default, d = {d}", one["card"]["over default"][0], "", 0.95)
        for d, one in result.items()
        if "card" in names
    ]
    for name in names:
        for part in ("over default", "later"):
            shown.append(Figure(f"{name}, regret {part}", geometric([one[name][part][0] for one in runs]), ""))
    for name in ("default", *(one for one in names if one == "card")):
        for other in THOMPSON:
            ratio = geometric([one[name]["regret"] / one[other]["regret"] for one in runs])
            shown.append(Figure(f"{name}, regret over {other}", ratio, "", 0.7))
    for name in names:
        ratio = sum(one[name]["to level"][0] for one in runs) / sum(one[name]["to level"][1] for one in runs)
        shown.append(
            Figure(f"{name} over the default, decisions to level", ratio, "", 0.75 if name == "card" else None)
        )
    return shown


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--first", type=int, default=1_000, help="number of the first seed")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--workload", type=Path, default=GIVEN if GIVEN.exists() else SHIPPED)
    parser.add_argument("--card", type=Path, default=Path("runs/card.json"), help="learned where it is not there")
    parser.add_argument("--own", type=int, default=2, help="seeds of own projects")
    parser.add_argument("--raw", type=Path, help="folder that keeps runs")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    problem, seeds = read(options.workload), range(options.first, options.first + options.seeds)
    path, card = options.card, other_systems.kept(options.card, problem)
    print("\n".join(cards.sentences(card)), flush=True)
    result: dict[str, dict[str, Any]] = {}
    for d in DEVIATIONS:
        made, found = world(problem, seeds, d), {}
        for name in ("default", *(one for one in options.variants if one != "default")):
            chosen = seeds[: options.own] if name == "own projects" else seeds
            tasks = [Task(problem, seed, d, name, str(path), options.raw) for seed in chosen]
            pieces = [Work(arms_of, task, f"{task.seed:09d}") for task in tasks]
            runs = sorted(((w.key, arms) for w, arms in computed(pieces, options.workers)), key=lambda one: one[0])
            found[name] = np.stack([arms for _, arms in runs])
        found |= {name: peers.run(problem, made, begin, options.first, 1.0) for name, begin in THOMPSON.items()}
        result[f"{d:.2f}"] = judged(made, found)
        for name, one in result[f"{d:.2f}"].items():
            print(f"{d:.2f} {name:<22}", one, flush=True)
    shown = figures(result)
    print(table(shown))
    case = {"seeds": options.seeds, "first": options.first, "own": options.own, "raced": RACED}
    learned = {
        "held out": {k: v for k, v in card["held_out"].items() if k != "settings"},
        "systems": other_systems.SYSTEMS,
    }
    save(options.json, {"case": case, "card": learned, "runs": result, "figures": rows(shown)})


if __name__ == "__main__":
    main()

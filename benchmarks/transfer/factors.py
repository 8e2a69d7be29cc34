"""Projects in clusters: regret of a new project after 10 others, with project factors against without.

    python -m benchmarks.transfer.factors --seeds 60 --json benchmarks/results/factors.json

Contexts and arms have effects of their own; in the world with two clusters a project belongs to one of two kinds that
differ by +- a vector over all (context, arm), in the world without structure projects differ by independent noise of
the same variance. The engine decides and learns as it would live, with its default policy; one store per seed; 10
projects of 60 decisions each, then the new one. Regret in utility against the best arm of each context of the project.

    python -m benchmarks.transfer.factors --data ../shared/data --seeds 3 --json benchmarks/results/factors_replay.json

With --data instead: the engine on replay sets of at least 6 projects and at most 40 arms, project after project, the
first 40 decisions of each of up to 20 projects; regret against the best fixed arm of every project and context, with
factors over without. `--alone` measures what pooling gives: every project after the first, by one engine for all over
an engine of its own for each.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.roots import replay_sets
from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.transfer.engine_run import run_engine
from benchmarks.transfer.projects import gap
from poolwise import ArmSpace, Engine, Family
from poolwise.engine import Settings
from poolwise.replay import orders
from poolwise.table import Table

EACH, LONGEST = 40, 20
"""Replay: decisions of each project, and projects."""
CONTEXTS, ARMS, OTHERS, ROUNDS = 6, 8, 10, 60
SHARED, APART, OWN, NOISE = 0.3, 0.4, 0.1, 0.25
"""Standard deviations: of (context, arm); between the clusters; of a project's own part; of one outcome."""


def world(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Utilities [project, context, arm] of 11 projects; arm 0 is the baseline."""
    shape = (OTHERS + 1, CONTEXTS, ARMS)
    shared = rng.normal(0, SHARED, shape[1:])
    if kind == "clusters":
        side = rng.permutation(np.arange(shape[0]) % 2) * 2 - 1
        apart = side[:, None, None] * rng.normal(0, APART, shape[1:])
    else:
        apart = rng.normal(0, APART, shape) if kind == "independent" else np.zeros(shape)
    found = shared + apart + rng.normal(0, OWN, shape)
    found[:, :, 0] = 0.0
    return found


def one(task: tuple[str, int, int]) -> dict[str, float]:
    """Regret of the new project, and the rank that served at its end."""
    kind, seed, most = task
    rng = np.random.default_rng([seed, 83])
    truth = world(kind, rng)
    names = [f"arm-{a}" for a in range(ARMS)]
    settings = Settings(log_views=False, estimate="inline", project_factors=most)
    space = ArmSpace([Family(name) for name in names], names[0])
    engine = Engine.open("memory://", space, settings=settings, seed=seed)
    lost = 0.0
    for p in range(OTHERS + 1):
        for _ in range(ROUNDS):
            c = int(rng.integers(CONTEXTS))
            decision = engine.decide(f"project-{p}", f"context-{c}")
            a = names.index(decision.arm)
            engine.observe(decision.id, utility=float(truth[p, c, a] + NOISE * rng.standard_normal()))
            lost += float(truth[p, c].max() - truth[p, c, a]) * (p == OTHERS)
    served = engine.serving.belief.posterior.hyperparameters.factors
    return {"regret": lost, "rank": served.rank if served else 0}


def compared(kind: str, seeds: int, workers: int) -> dict[str, Any]:
    """Mean regret of both, their ratio with its standard error, and how often which rank served."""
    work = [Work(one, (kind, seed, most), f"{most}") for seed in range(seeds) for most in (0, 2)]
    found: dict[str, dict[int, dict[str, float]]] = {"0": {}, "2": {}}
    for piece, result in computed(work, workers):
        found[str(piece.key)][piece.task[1]] = result
    without, with_ = (np.array([found[key][seed]["regret"] for seed in range(seeds)]) for key in ("0", "2"))
    ratio = with_.mean() / without.mean()
    error = (with_ - ratio * without).std(ddof=1) / np.sqrt(seeds) / without.mean()
    ranks = np.bincount([int(found["2"][seed]["rank"]) for seed in range(seeds)], minlength=3)
    return {
        "without": float(without.mean()),
        "with": float(with_.mean()),
        "ratio": float(ratio),
        "standard error": float(error),
        "ranks": ranks.tolist(),
    }


def beginnings(found: Table, seed: int) -> list[np.ndarray]:
    """Rows of the first EACH decisions of every project, in the order of arrival, of LONGEST projects at most."""
    order = orders(found, "project", (seed,))[0]
    line = found.project[order]
    starts = np.flatnonzero(np.diff(line, prepend=-1))[:LONGEST]
    return [order[s + np.flatnonzero(line[s : s + EACH] == line[s])] for s in starts]


def pooled(task: tuple[Path, str, int]) -> dict[str, float]:
    """Mean regret of all projects after the first: with the earlier ones' own trials, and each from nothing."""
    root, name, seed = task
    found = next(source for source in replay_sets(root) if source.name == name).load()
    parts, lost = beginnings(found, seed), gap(found)
    every, first = np.concatenate(parts), len(parts[0])
    alone = [lost[part, run_engine(found, part, seed)] for part in parts[1:]]
    together = lost[every, run_engine(found, every, seed)][first:]
    return {"without": float(np.concatenate(alone).mean()), "with": float(together.mean())}


def replayed(task: tuple[Path, str, int, int]) -> float:
    """Mean regret of one seed's decisions on a table."""
    root, name, seed, most = task
    found = next(source for source in replay_sets(root) if source.name == name).load()
    rows_ = np.concatenate(beginnings(found, seed))
    arms = run_engine(found, rows_, seed, Settings(project_factors=most, estimate="inline"))
    return float(gap(found)[rows_, arms].mean())


def replay_ratios(root: Path, seeds: int, workers: int, only: list[str]) -> tuple[dict[str, Any], float]:
    """Per table: regret with and without, and their ratio; the geometric mean of the ratios."""
    names = projects_sets(root, only)
    work = [
        Work(replayed, (root, name, seed, most), None) for name in names for seed in range(seeds) for most in (0, 2)
    ]
    made: dict[tuple[str, int], list[float]] = {}
    for piece, regret in computed(work, workers):
        _, name, seed, most = piece.task
        made.setdefault((name, most), []).append(regret)
        print(f"{name}, seed {seed}, at most {most} factors: regret {regret:.4f}", flush=True)
    return compared_sets({name: {"without": made[name, 0], "with": made[name, 2]} for name in names})


def pooled_ratios(root: Path, seeds: int, workers: int, only: list[str]) -> tuple[dict[str, Any], float]:
    """As `replay_ratios`: one engine for all projects over one for each."""
    names = projects_sets(root, only)
    made: dict[str, dict[str, list[float]]] = {name: {"without": [], "with": []} for name in names}
    work = [Work(pooled, (root, name, seed), None) for name in names for seed in range(seeds)]
    for piece, regrets in computed(work, workers):
        for way, regret in regrets.items():
            made[piece.task[1]][way].append(regret)
    return compared_sets(made)


def projects_sets(root: Path, only: list[str]) -> list[str]:
    """Names of the tables with at least 6 projects and at most 40 arms; of those that `only` names, if any."""
    sources = [(source.name, source.load()) for source in replay_sets(root)]
    names = [name for name, found in sources if len(found.projects) >= 6 and len(found.arms) <= 40]
    return [name for name in names if not only or any(part in name for part in only)]


def compared_sets(made: dict[str, dict[str, list[float]]]) -> tuple[dict[str, Any], float]:
    """Per table: means over seeds and their ratio; the geometric mean of the ratios."""
    sets: dict[str, Any] = {}
    for name, ways in made.items():
        without, with_ = float(np.mean(ways["without"])), float(np.mean(ways["with"]))
        sets[name] = {"without": without, "with": with_, "ratio": with_ / max(without, 1e-12)}
    return sets, float(np.exp(np.mean([np.log(one["ratio"]) for one in sets.values()])))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--data", type=Path, help="the folder of the replay sets: these instead")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of tables")
    parser.add_argument("--alone", action="store_true", help="with --data: against an engine for each project")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    if options.data is not None and options.alone:
        found, ratio = pooled_ratios(options.data, options.seeds, options.workers, options.only)
        shown = [Figure("replay in order of projects, one engine over one for each, geometric mean", ratio, "")]
    elif options.data is not None:
        sets, ratio = replay_ratios(options.data, options.seeds, options.workers, options.only)
        found, shown = sets, [Figure("replay in order of projects, with over without, geometric mean", ratio, "")]
    else:
        limits = {"clusters": 0.8, "independent": 1.02, "alike": 1.02}
        found = {kind: compared(kind, options.seeds, options.workers) for kind in limits}
        print(json.dumps(found, indent=1))
        shown = [
            Figure(f"regret of a new project with factors over without, {kind}", found[kind]["ratio"], "", limit)
            for kind, limit in limits.items()
        ]
    print(table(shown))
    case = {"seeds": options.seeds, "contexts": CONTEXTS, "arms": ARMS, "others": OTHERS, "rounds": ROUNDS}
    body = {"case": case, "worlds": found}
    save(options.json, {**body, "figures": rows(shown)})


if __name__ == "__main__":
    main()

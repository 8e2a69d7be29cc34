"""Projects in clusters: regret of a new project after 10 others, with project factors against without.

    python benchmarks/factors.py --seeds 60 --json benchmarks/results/factors.json

Contexts and arms have effects of their own; in the world with two clusters a project belongs to one of two kinds that
differ by +- a vector over all (context, arm), in the world without structure projects differ by independent noise of
the same variance. The engine decides and learns as it would live, with its default policy; one store per seed; 10
projects of 60 decisions each, then the new one. Regret in utility against the best arm of each context of the project.

    python benchmarks/factors.py --data ../shared/data --seeds 3 --json benchmarks/results/factors_replay.json

With --data instead: the engine on replay sets of at least 6 projects and at most 40 arms, project after project, the
first 40 decisions of each of up to 20 projects; regret against the best fixed arm of every project and context, with
factors over without. `--learned` lets factors go with the constants that `benchmarks/learning.py` found for the middle
of what it trained on, against neither.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from data import replay_sets
from machine import Figure, described, rows, table
from poolwise import ArmSpace, Engine, Family, policy
from poolwise.engine import Settings
from replay_engine import run_engine
from replay_run import orders
from runner import Work, computed
from transfer import gap

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
    settings = Settings(log_views=False, project_factors=most)
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
    served = engine._live.joint.scales.factors
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


def replayed(task: tuple[Path, str, int, int, dict[str, float]]) -> float:
    """Mean regret of one seed's decisions on a table, by the default policy with these constants."""
    root, name, seed, most, constants = task
    found = next(source for source in replay_sets(root) if source.name == name).load()
    order = orders(found, "project", (seed,))[0]
    line = found.project[order]
    starts = np.flatnonzero(np.diff(line, prepend=-1))[:LONGEST]
    kept = np.concatenate([s + np.flatnonzero(line[s : s + EACH] == line[s]) for s in starts])
    rows_ = order[kept]
    settings, chosen = Settings(project_factors=most), policy.parse(policy.default().spec, constants)
    arms = run_engine(found, rows_, seed, settings, chosen)
    return float(gap(found)[rows_, arms].mean())


def replay_ratios(
    root: Path, seeds: int, workers: int, only: list[str], learned: dict[str, float]
) -> tuple[dict[str, Any], float]:
    """Per table: regret with and without, and their ratio; the geometric mean of the ratios."""
    sources = [(source.name, source.load()) for source in replay_sets(root)]
    names = [name for name, found in sources if len(found.projects) >= 6 and len(found.arms) <= 40]
    names = [name for name in names if not only or any(part in name for part in only)]
    ways: tuple[tuple[int, dict[str, float]], ...] = ((0, {}), (2, learned))
    work = [Work(replayed, (root, name, seed, *way), None) for name in names for seed in range(seeds) for way in ways]
    made: dict[tuple[str, int], list[float]] = {}
    for piece, regret in computed(work, workers):
        _, name, seed, most, _ = piece.task
        made.setdefault((name, most), []).append(regret)
        print(f"{name}, seed {seed}, at most {most} factors: regret {regret:.4f}", flush=True)
    sets = {
        name: {
            "without": float(np.mean(made[name, 0])),
            "with": float(np.mean(made[name, 2])),
            "ratio": float(np.mean(made[name, 2]) / max(np.mean(made[name, 0]), 1e-12)),
        }
        for name in names
    }
    return sets, float(np.exp(np.mean([np.log(one["ratio"]) for one in sets.values()])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--data", type=Path, help="the folder of the replay sets: these instead")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of tables")
    parser.add_argument("--learned", type=Path, help="what benchmarks/learning.py wrote")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.data is not None:
        learned = json.loads(options.learned.read_text())["constants"] if options.learned else {}
        sets, ratio = replay_ratios(options.data, options.seeds, options.workers, options.only, learned)
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
    if options.json:
        case = {"seeds": options.seeds, "contexts": CONTEXTS, "arms": ARMS, "others": OTHERS, "rounds": ROUNDS}
        body = {"machine": described(("poolwise", "numpy", "scipy")), "case": case, "worlds": found}
        options.json.write_text(json.dumps({**body, "figures": rows(shown)}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A simulated theorem prover, 300 compilations from nothing: Poolwise beside the usual bandits, over many seeds.

    python -m benchmarks.simulation.prover --seeds 400 --json benchmarks/results/prover_simulation.json

Any table of the same form may be given with --workload, a configuration in TOML or JSON with the same keys; nothing
here knows names or numbers of this one. Context, failure and luck of every decision are drawn once per seed, the same
for all policies. Regret is in speed-up units against the best strategy of each context, a failure counting what the
table says; `best arm found` is the share of contexts whose favourite at the end is truly the best. Poolwise is the
engine itself with its default policy and the table's failure value, number of rounds and domain priors; the lines
below it leave something out, or wrap the policy.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.machine import ROOT
from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.peers.simulated import PEERS, oracle, run
from benchmarks.simulation.world import Luck, Problem, Run, figures, luck, outcome, read
from poolwise import ArmSpace, Engine, Family, policy
from poolwise.engine import Settings

SHIPPED = ROOT / "configs" / "prover_simulation.toml"
TARGETS = {"speed_up": 1.53, "success": 0.75, "safe": 0.85, "regret": 30.0, "found": 0.8}
KNOWN = {
    "uniform": (1.135, 0.514, 0.685, 148.7, 0.78),
    "Beta-Thompson": (1.281, 0.699, 0.794, 105.1, 0.75),
    "UCB1": (1.327, 0.604, 0.732, 90.9, 0.82),
    "epsilon-greedy 0.1, every arm first": (1.488, 0.722, 0.830, 42.8, 0.82),
    "flat Gaussian Thompson": (1.503, 0.716, 0.807, 38.6, 0.76),
    "oracle": (1.631, 0.781, 0.891, 0.0, 1.0),
}
"""Published figures of the references on the shipped table, in the order of `TARGETS`."""
VARIANTS: dict[str, dict[str, Any]] = {
    "Poolwise": {},
    "Poolwise, no domain priors": {"domain_priors": ()},
    "Poolwise, number of rounds unknown": {"horizon": None},
    "Poolwise, Thompson": {"policy": "thompson"},
    "Poolwise, curious and covered": {"policy": "covered(curious(knowledge_gradient))"},
    "Poolwise, adaptive": {"policy": "adaptive"},
}
CHUNK = 25
"""Seeds of one piece of work."""


def engine_of(problem: Problem, seed: int, change: dict[str, Any]) -> Engine:
    """As a user would open it; `change` replaces settings, or the policy by its name and constants."""
    space = ArmSpace([Family(arm) for arm in problem.arms], problem.arms[problem.baseline])
    stated = {
        "failure_utility": math.log(problem.failed),
        "horizon": float(problem.rounds),
        "domain_priors": problem.priors,
        "log_views": False,
        "estimate": "inline",  # one seed, one answer
        **{name: value for name, value in change.items() if name not in ("policy", "constants")},
    }
    chosen = policy.parse(change["policy"], change.get("constants")) if "policy" in change else policy.default()
    return Engine.open("memory://", space, policy=chosen, settings=Settings(**stated), seed=seed)


def poolwise_run(
    problem: Problem, seeds: range, change: dict[str, Any], weights: np.ndarray | None = None
) -> tuple[Luck, Run]:
    """One engine per seed, one project from nothing. weights: (contexts,) seconds of the baseline on a job."""
    chance, made = luck(problem, seeds), []
    seconds = np.ones(len(problem.contexts)) if weights is None else weights
    for row, seed in enumerate(seeds):
        made.append(_single(problem, Luck(*(part[row : row + 1] for part in chance)), seed, change, seconds))
    return chance, Run(*(np.array(part) for part in zip(*made, strict=True)))


def _single(
    problem: Problem, chance: Luck, seed: int, change: dict[str, Any], seconds: np.ndarray
) -> tuple[list[int], list[float], list]:
    engine, arms, speeds = engine_of(problem, seed, change), [], []
    for t, context in enumerate(chance.context[0].tolist()):
        decision = engine.decide("project", problem.contexts[context])
        arm, base = problem.arms.index(decision.family), float(seconds[context])
        speed, fine = (part[0] for part in outcome(problem, chance, t, context, arm))
        engine.observe(decision.id, cost=base / speed, baseline_cost=base, status="ok" if fine else "failed")
        arms.append(arm)
        speeds.append(float(speed))
    beliefs = engine.beliefs()
    best = beliefs.loc[beliefs.groupby("context")["mean"].idxmax()].set_index("context")["family"]
    favourite = [problem.arms.index(best.get(name, problem.arms[problem.baseline])) for name in problem.contexts]
    engine.close()
    return arms, speeds, favourite


def chunk(task: tuple[Problem, range, dict[str, Any]]) -> Run:
    return poolwise_run(*task)[1]


def ours(problem: Problem, seeds: int, names: list[str], workers: int) -> dict[str, Run]:
    """Runs of the named variants over all seeds."""
    starts = range(0, seeds, CHUNK)
    pieces = [
        Work(chunk, (problem, range(start, min(start + CHUNK, seeds)), VARIANTS[name]), f"{name}/{start:06d}")
        for name in names
        for start in starts
    ]
    found = {piece.key: made for piece, made in computed(pieces, workers)}
    return {
        name: Run(*(np.concatenate(parts) for parts in zip(*(found[f"{name}/{s:06d}"] for s in starts), strict=True)))
        for name in names
    }


def line(name: str, found: dict[str, float]) -> str:
    parts = (f"{found['speed_up']:9.3f}", f"{found['success']:9.1%}", f"{found['safe']:8.1%}")
    return f"{name:<40}{''.join(parts)}{found['regret']:8.1f} +-{found['regret_se']:4.1f}{found['found']:10.1%}"


def targets(found: dict[str, float]) -> list[Figure]:
    return [Figure(name, found[name], "", goal, name != "regret") for name, goal in TARGETS.items()]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--workload", type=Path, default=SHIPPED)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    problem = read(options.workload)
    chance = luck(problem, range(options.seeds))
    print(f"{'':<40}{'speed-up':>9}{'success':>9}{'safe':>8}{'regret':>8}{'':>6}{'best found':>11}")
    result = {}
    for name, peer in PEERS.items():
        result[name] = figures(problem, chance, run(problem, chance, peer, options.seeds))
        print(line(name, result[name]), flush=True)
    result["oracle"] = figures(problem, chance, oracle(problem, chance))
    print(line("oracle", result["oracle"]), flush=True)
    shown: list[Figure] = []
    for name in options.variants:
        made = ours(problem, options.seeds, [name], options.workers)[name]
        result[name] = figures(problem, chance, made)
        print(line(name, result[name]), flush=True)
        shown = targets(result["Poolwise"]) if "Poolwise" in result else []
        if options.json:  # after every line: a run takes long
            case = {"seeds": options.seeds, "workload": options.workload.name, "rounds": problem.rounds}
            known = {name: dict(zip(TARGETS, values, strict=True)) for name, values in KNOWN.items()}
            body = {"case": case, "runs": result, "published": known, "figures": rows(shown)}
            save(options.json, body)
    print(table(shown))


if __name__ == "__main__":
    main()

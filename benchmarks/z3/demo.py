"""The demo judged: against the best fixed arms in hindsight, and against the same run without sharing.

    python -m benchmarks.z3.truth --raw runs/z3_truth                      (every arm on every goal once, some minutes)
    python -m benchmarks.z3.demo --raw runs/z3_truth --store runs/demo.db --json benchmarks/results/z3_demo.json

`--store` is that of a finished `make demo`: its own figures. Over several seeds, the same stream of jobs is replayed on
the measured outcomes: at each decision a goal of its cell is drawn, and the chosen arm's outcome on it is reported. On
these the best fixed arms are known exactly. Without sharing, every project has an engine of its own.
"""

from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.z3.truth import load as load_truth
from poolwise.config import load as load_config
from poolwise.engine import Engine, Settings
from poolwise.engine.insight.trials import SAFE, trials
from poolwise.run.jobs import stream
from poolwise.run.setup import plan
from poolwise.store import open_store
from poolwise.workloads.z3.arms import space

WINDOW, NEAR = 60, np.log(0.9)
"""Decisions that a level is the mean of; a level this close to the final one has arrived."""


class Measured:
    """Outcomes of all arms on all goals, by (project, context): status, costs and gains, (goals, arms)."""

    def __init__(self, truth: pd.DataFrame) -> None:
        self.arms = [arm.id for arm in space().arms]
        wide = lambda rows, column: rows.pivot(index="number", columns="arm", values=column)[self.arms].to_numpy()
        names = ("status", "cost", "baseline_cost", "effort_gain", "wall_gain")
        cells = truth.groupby(["project", "context"])
        self.cell = {key: {name: wide(rows, name) for name in names} for key, rows in cells}

    def gain(self, key: tuple[str, str]) -> np.ndarray:
        """(arms,): mean log speed-up of every arm, by effort."""
        return self.cell[key]["effort_gain"].mean(0)


def replay(
    measured: Measured, jobs: list[tuple[str, str]], settings: Settings, seed: int, sharing: bool
) -> pd.DataFrame:
    """One run over the stream with the demo's own settings, by decision: project, gain in effort and in wall time, what
    the chosen arm's gain is on average over the goals of the cell, and that of the best arm there."""
    random, engines, found = np.random.default_rng(seed), {}, []
    lengths = Counter(project for project, _ in jobs)
    for project, context in jobs:
        key = "all" if sharing else project
        if key not in engines:
            horizon = float(len(jobs) if sharing else lengths[project])
            its = settings._replace(horizon=horizon, log_views=False)
            engines[key] = Engine.open("memory://", space(), seed=seed, settings=its)
        decision, cell = engines[key].decide(project, context), measured.cell[project, context]
        at = (int(random.integers(len(cell["cost"]))), measured.arms.index(decision.arm))
        costs = {"cost": float(cell["cost"][at]), "baseline_cost": float(cell["baseline_cost"][at])}
        engines[key].observe(decision.id, **costs, status=str(cell["status"][at]))
        gain = measured.gain((project, context))
        found.append((project, cell["effort_gain"][at], cell["wall_gain"][at], gain[at[1]], gain.max()))
    return pd.DataFrame(found, columns=["project", "effort", "wall", "expected", "best"])


def judged(run: pd.DataFrame, jobs: list[tuple[str, str]], measured: Measured) -> dict[str, float]:
    """The demo's figures of one replayed run."""
    third = len(run) // 3
    last, later = run.iloc[-third:], run.iloc[third:]
    single = np.mean([measured.gain(key) for key in jobs[-third:]], axis=0).max()
    return {
        "effort": float(np.exp(last["effort"].mean())),
        "wall": float(np.exp(last["wall"].mean())),
        "unsafe": float((later["effort"] < SAFE).mean()),
        "to the best single arm": float(np.exp(last["effort"].mean() - single)),
        "to the best arms": float(np.exp(last["effort"].mean() - last["best"].mean())),
    }


def arrival(runs: list[pd.DataFrame], project: str, final: float) -> int:
    """Decisions of a project until the mean level over the runs comes within 10 % of `final`; all where it does not.

    The level is the expected gain of the chosen arms below that of the best: neither the luck of goals nor the mix of
    contexts moves it."""
    levels = np.mean([own(run, project) for run in runs], axis=0)
    smooth = np.convolve(levels, np.ones(WINDOW) / WINDOW, mode="valid")
    there = np.flatnonzero(smooth >= final + NEAR)
    return int(there[0]) if len(there) else len(levels)


def own(run: pd.DataFrame, project: str) -> np.ndarray:
    rows = run[run["project"] == project]
    return (rows["expected"] - rows["best"]).to_numpy()


def live(path: Path) -> dict[str, float]:
    """The figures of a finished run on the real solver."""
    store = open_store(f"sqlite:///{path}")
    run = trials(store)
    store.close()
    third = len(run) // 3
    return {
        "decisions": len(run),
        "seconds": float(run["time"].max() - run["time"].min()),
        "effort": float(np.exp(run["gain"].iloc[-third:].mean())),
        "wall": float(np.exp(run["wall"].iloc[-third:].mean())),
        "unsafe": float((~run["safe"].iloc[third:]).mean()),
    }


def figures(shown: dict[str, float] | None, mean: dict[str, float], shares: dict[str, float]) -> list[Figure]:
    found = []
    if shown:
        found += [
            Figure("live: decisions", shown["decisions"], "", 1_200, True),
            Figure("live: seconds", shown["seconds"], "s", 120),
            Figure("live: speed-up by effort, last third", shown["effort"], "", 2.0, True),
            Figure("live: speed-up by wall time, last third", shown["wall"], "", 1.7, True),
            Figure("live: share below 0.95 of the baseline, last two thirds", shown["unsafe"], "", 0.08),
        ]
    found += [
        Figure("replayed: speed-up by effort, last third", mean["effort"], "", 2.0, True),
        Figure("replayed: speed-up by wall time, last third", mean["wall"], "", 1.7, True),
        Figure("replayed: share below 0.95 of the baseline, last two thirds", mean["unsafe"], "", 0.08),
        Figure("replayed: over the best single arm in hindsight", mean["to the best single arm"], "", 1.15, True),
        Figure("replayed: over the best arm per (project, context)", mean["to the best arms"], "", 0.85, True),
    ]
    return found + [
        Figure(f"replayed: {project}, decisions to level, sharing / alone", share, "", 1 / 3)
        for project, share in shares.items()
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--raw", type=Path, default=Path("runs/z3_truth"))
    parser.add_argument("--store", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    demo = plan(load_config(Path("configs/z3.toml")))
    demo.workload.close()
    jobs = [(j.project, j.context) for j in islice(stream(demo.workload, demo.seed, demo.arrivals), demo.decisions)]
    measured = Measured(load_truth(options.raw))
    runs = {s: [replay(measured, jobs, demo.settings, seed, s) for seed in range(options.seeds)] for s in (True, False)}
    scores = pd.DataFrame([judged(run, jobs, measured) for run in runs[True]])
    later, arrivals = [p for p, first in demo.arrivals.items() if first > 0], {}
    for project in later:
        tails = {
            s: np.mean([own(run, project)[-len(own(run, project)) // 3 :].mean() for run in runs[s]]) for s in runs
        }
        arrivals[project] = [arrival(runs[s], project, max(tails.values())) for s in (True, False)]
    shares = {project: a / max(b, 1) for project, (a, b) in arrivals.items()}
    shown = live(options.store) if options.store else None
    result = figures(shown, scores.mean().to_dict(), shares)
    print(table(result))
    error = (scores.std() / np.sqrt(options.seeds)).to_dict()
    print("standard errors: " + ", ".join(f"{name} {value:.3f}" for name, value in error.items()))
    print(f"decisions to the final level, [sharing, alone]: {arrivals}")
    body = {"seeds": options.seeds, "figures": rows(result), "standard errors": error}
    save(options.json, {**body, "decisions to level": arrivals, "live": shown})


if __name__ == "__main__":
    main()

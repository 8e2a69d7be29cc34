"""Can the log of the policy that an engine starts with judge others, and what does the floor cost that lets it?

    python -m benchmarks.replay.judged --data ../shared/data --json benchmarks/results/judged.json

Judged: 2,000 decisions on each of three tables, jobs drawn with replacement, by the default policy; then what a user
would ask (`QUESTIONS`, fixed with the tables before any of these logs was made): what would there be without Poolwise,
without exploring, and with the usual ways to explore? The truth is exact, since every arm of every job was measured:
what the asked policy would have earned on these jobs, knowing at each what the log had shown. The answer is DR's
interval. `MORE` is asked as well: any fixed arm, and arms at random, which no floor of this price answers.

Cost: the floor against none, utility gained over the baseline and regret to the best arm of every (project, context),
2,000 decisions on every ASlib table. `direct` is what the decisions moved by the floor earned less, seen in the same
run; the difference of two runs also has what the floor teaches, and the chance of two courses of learning.
"""

from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.datasets.roots import DEFAULT_ROOT, replay_sets
from benchmarks.harness.machine import about
from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import arguments, save
from poolwise import ope, policy
from poolwise.ope import files
from poolwise.policy import Policy
from poolwise.replay import references, run
from poolwise.replay.api import frame
from poolwise.replay.replay_posterior import LIMIT
from poolwise.table import Table, utility

TABLES = ("aslib/SAT12-INDU", "aslib/QBF-2016", "software/xz-time")
DECISIONS = 2000
QUESTIONS = ("baseline", "greedy", "thompson", "ucb", "epsilon_greedy")
MORE = ("best single arm", "uniform")
EPSILON = 0.1
ESTIMATOR, LEVELS = "DR", (0.9, 0.95)
DEFAULT = policy.default()
FLOORS = {"floor": DEFAULT, "none": policy.parse(DEFAULT.spec, {**DEFAULT.params, "floor": 0.0})}


class Task(NamedTuple):
    root: Path
    table: str
    seed: int


def loaded(task: Task) -> tuple[Table, np.ndarray]:
    """The table and (DECISIONS,) rows of it."""
    table = next(source for source in replay_sets(task.root) if source.name == task.table).load()
    return table, np.random.default_rng([task.seed, 11]).integers(len(table.units), size=DECISIONS)


def asked(table: Table, question: str) -> Any:
    """What `ope.target_policy` is asked for."""
    if question == "baseline":
        return table.arms[table.baseline]
    if question == "best single arm":
        return table.arms[int(references(table)["single best"][0])]
    return policy.parse(question, {"epsilon": EPSILON}) if question == "epsilon_greedy" else question


def judged(task: Task) -> list[dict[str, Any]]:
    """One log by the default policy, and the answer to every question."""
    table, order = loaded(task)
    log = frame(table, run(table, order, DEFAULT, task.seed), task.seed)
    truth = pd.DataFrame(np.clip(np.nan_to_num(utility(table)), -LIMIT, LIMIT)[order], columns=table.arms)
    return [answered(table, log, truth, question) for question in (*QUESTIONS, *MORE)]


def answered(table: Table, log: pd.DataFrame, truth: pd.DataFrame, question: str) -> dict[str, Any]:
    """As `poolwise evaluate LOG --policy .. --baseline ..` answers."""
    home = table.arms[table.baseline]
    chances = ope.target_policy(log, asked(table, question), home)
    made, _ = ope.from_frame(log, chances, behaviour=files.behaviour(log), baseline=home)
    found = [ope.evaluate(made, level) for level in LEVELS]
    value = float((chances * truth[chances.columns]).sum(axis=1).mean())
    about, said = found[0].diagnosis, [one.estimates.get(ESTIMATOR) for one in found]
    intervals = [None if one is None else [one.low, one.high] for one in said]
    covered = [None if one is None else bool(one[0] - 1e-9 <= value <= one[1] + 1e-9) for one in intervals]
    return {
        "question": question,
        "veto": about.veto,
        "effective": about.effective,
        "truth": value,
        "logged": found[0].logged_value.value,
        "value": None if said[0] is None else said[0].value,
        **{f"{level:.0%}": one for level, one in zip(LEVELS, intervals, strict=True)},
        **{f"{level:.0%} covers": one for level, one in zip(LEVELS, covered, strict=True)},
    }


def cost(task: Task) -> dict[str, float]:
    """Mean utility with and without the floor, of the best arms, and what the floor's decisions earned less."""
    table, order = loaded(task)
    gain = np.nan_to_num(utility(table))
    seen: list[np.ndarray] = []

    def noted(params: policy.Params, view: policy.View) -> np.ndarray:
        seen.append(np.asarray(FLOORS["none"].probabilities(FLOORS["none"].params, view)))
        return np.asarray(FLOORS["floor"].probabilities(params, view))

    floor = run(table, order, Policy(noted, DEFAULT.params), task.seed)
    plain = run(table, order, FLOORS["none"], task.seed)
    best = references(table)["best per project and context"]
    earned = {
        name: float((one.chances * gain[order]).sum(axis=1).mean())
        for name, one in zip(FLOORS, (floor, plain), strict=True)
    }
    direct = float(((np.array(seen) - floor.chances) * gain[order]).sum(axis=1).mean())
    moved = float(0.5 * np.abs(np.array(seen) - floor.chances).sum(axis=1).mean())
    return {**earned, "best": float(gain[order, best[order]].mean()), "direct": direct, "moved": moved}


def shares(rows: np.ndarray) -> dict[str, list[float]]:
    """(seeds, [floor, none, best, direct, moved]) -> percent and standard errors over seeds of ratios of means."""
    floor, none, best, direct, moved = rows.T
    ratio = lambda top, bottom: [100 * float(part) for part in of_means(top, bottom)]
    return {
        "gained": [float(none.mean()), float(none.std(ddof=1) / np.sqrt(len(none)))],
        "direct, % of gained": ratio(direct, floor),
        "direct, % of regret": ratio(direct, best - floor),
        "runs, % of gained": ratio(none - floor, none),
        "runs, % of regret": ratio(none - floor, best - none),
        "moved, %": ratio(moved, np.ones_like(moved)),
    }


def of_means(top: np.ndarray, bottom: np.ndarray) -> tuple[float, float]:
    """A ratio of means and its standard error (delta method)."""
    found = top.mean() / bottom.mean()
    return found, float(np.std(top - found * bottom, ddof=1) / np.sqrt(len(top)) / abs(bottom.mean()))


def costs(root: Path, seeds: int, jobs: int) -> dict[str, Any]:
    """By table, and of all tables together."""
    names = [source.name for source in replay_sets(root) if source.name.startswith("aslib/")]
    found: dict[str, dict[int, list[float]]] = {name: {} for name in names}
    pieces = [Work(cost, Task(root, name, seed), None) for name in names for seed in range(seeds)]
    for piece, one in computed(pieces, jobs):
        found[piece.task.table][piece.task.seed] = list(one.values())
    rows = {name: np.array([found[name][seed] for seed in range(seeds)]) for name in names}
    return {"all": shares(np.mean(list(rows.values()), axis=0)), **{name: shares(part) for name, part in rows.items()}}


def judgements(root: Path, seeds: int, jobs: int) -> dict[str, Any]:
    """The first seed's fifteen answers in full, and how many of all seeds' were vetoed and covered."""
    pieces = [Work(judged, Task(root, name, seed), None) for name in TABLES for seed in range(seeds)]
    found = {(piece.task.table, piece.task.seed): rows for piece, rows in computed(pieces, jobs)}
    every = [(seed, row) for (_, seed), rows in found.items() for row in rows]
    counts = {
        "first seed": counted([row for seed, row in every if not seed]),
        "all": counted([row for _, row in every]),
    }
    return {"counts": counts, "first seed": {name: found[name, 0] for name in TABLES}}


def counted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the questions, and of every one of `MORE`."""
    parts = {"questions": [row for row in rows if row["question"] in QUESTIONS]}
    parts |= {name: [row for row in rows if row["question"] == name] for name in (*QUESTIONS, *MORE)}
    return {
        name: {
            "asked": len(part),
            "vetoed": sum(row["veto"] is not None for row in part),
            **{key: sum(bool(row[key]) for row in part) for key in (f"{level:.0%} covers" for level in LEVELS)},
        }
        for name, part in parts.items()
    }


def show(report: dict[str, Any]) -> None:
    """Plain tables."""
    for table, rows in report["judged"]["first seed"].items():
        print(table)
        for row in rows:
            if row["veto"]:
                print(f"  {row['question']:16} truth {row['truth']:8.4f}  VETO: {row['veto']}")
                continue
            low, high = row["95%"]
            print(
                f"  {row['question']:16} truth {row['truth']:8.4f}  {row['value']:8.4f} [{low:.4f}, {high:.4f}]"
                f"  {'covered' if row['95% covers'] else 'MISSED'}  effective {row['effective']:.0f}"
            )
    for which, counts in report["judged"]["counts"].items():
        print(which, counts)
    for name, row in report.get("cost", {}).items():
        print(f"{name:26}", {key: f"{value:.3f} +- {error:.3f}" for key, (value, error) in row.items()})


def brief(report: dict[str, Any]) -> dict[str, Any]:
    """What is written: counts over questions, and costs of all tables together."""
    counts = {
        which: {name: one[name] for name in ("questions", *MORE) if name in one}
        for which, one in report["judged"]["counts"].items()
    }
    found = {name: report[name] for name in ("policy", "logs", "seeds")}
    versions = {name: about()["versions"].get(name) for name in ("python", "poolwise", "numpy", "jax")}
    return {"versions": versions, **found, "judged": counts, "cost": report.get("cost", {}).get("all", {})}


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--logs", type=int, default=5, help="seeds of the logs that judge")
    parser.add_argument("--seeds", type=int, default=10, help="seeds of the cost; 0 leaves it out")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    started = perf_counter()
    report: dict[str, Any] = {
        "policy": {"spec": DEFAULT.spec, **DEFAULT.params},
        "decisions": DECISIONS,
        "logs": options.logs,
        "seeds": options.seeds,
        "judged": judgements(options.data, options.logs, options.jobs),
    }
    if options.seeds:
        report["cost"] = costs(options.data, options.seeds, options.jobs)
    report["seconds"] = round(perf_counter() - started, 1)
    show(report)
    save(options.json, brief(report))


if __name__ == "__main__":
    main()

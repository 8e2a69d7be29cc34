"""Every arm on every goal once: what a learner could reach at best on the Z3 workload.

    python -m benchmarks.z3.truth --raw runs/z3_truth --json benchmarks/results/z3_truth.json
    python -m benchmarks.z3.truth --raw runs/z3_calibration --goals 8 --multiple 6 --calibrate

The raw tables (one line a goal, two worker processes) can be continued after an interruption. `--calibrate` fits
seconds = start + rate * count for every family and shape of goals and writes them into the package.
"""

import json
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness.machine import ROOT
from benchmarks.harness.result import arguments, save
from poolwise import compute
from poolwise.workloads.z3.arms import space
from poolwise.workloads.z3.projects import CONTEXTS, PROJECTS, SHAPES
from poolwise.workloads.z3.workload import Limits, Z3Workload

RATES = ROOT / "src/poolwise/workloads/z3/rates.json"
TOO_SLOW = 0.95
ENOUGH = 3
"""Runs that a fit needs; a family with fewer of a kind is given its overall line."""
START = 0.004
"""Most seconds a solver set-up takes on the smallest goals."""


def _measure_share(task: tuple[Path, int, int, int, float]) -> None:
    measure_share(*task)


def measure_share(folder: Path, goals: int, part: int, parts: int, multiple: float) -> None:
    """Measure every `parts`-th goal with all arms, appending one line a goal to this part's table."""
    path = folder / f"part{part}.jsonl"
    done = {(r["project"], r["context"], r["number"]) for table in folder.glob("*.jsonl") for r in read_lines(table)}
    todo = [(p, c, n) for n in range(goals) for p in PROJECTS for c in CONTEXTS][part::parts]
    with (
        Z3Workload(limits=Limits(multiple=multiple), keep=folder / "contradictions") as workload,
        path.open("a") as out,
    ):
        for project, context, number in todo:
            if (project, context, number) not in done:
                arms = measure_goal(workload, project, context, number)
                shape = workload.goal(workload.job(project, context, number)).shape
                row = {"project": project, "context": context, "number": number, "shape": shape, "arms": arms}
                out.write(json.dumps(row) + "\n")
                out.flush()


def measure_goal(workload: Z3Workload, project: str, context: str, number: int) -> dict[str, list]:
    """By arm: status, cost, wall, own resource count and processor seconds, baseline's cost and wall, verdict."""
    job = workload.job(project, context, number)
    base, rows = workload.baseline(job), {}
    for arm in workload.space.arms:
        run = workload.solve(job, arm.family, arm.params)
        m = workload.compare(job, arm.id, run, base)
        own = [run.answer.resources, run.answer.cpu, m.baseline_cost, m.baseline_wall, run.answer.verdict]
        rows[arm.id] = [m.status, m.cost, m.wall, *own]
    return rows


def read_lines(path: Path) -> list[dict]:
    """All whole lines; one cut off by an interruption is measured again."""
    lines = path.read_text().split("\n")
    if lines[-1]:
        path.write_text("\n".join(lines[:-1]) + "\n")
    return [json.loads(line) for line in lines[:-1] if line]


def load(folder: Path) -> pd.DataFrame:
    """The raw tables as one row per (goal, arm)."""
    names = ["status", "cost", "wall", "count", "seconds", "baseline_cost", "baseline_wall", "verdict"]
    rows = [
        {
            **{name: r[name] for name in ("project", "context", "number", "shape")},
            "arm": arm,
            **dict(zip(names, row, strict=True)),
        }
        for path in sorted(folder.glob("*.jsonl"))
        for r in read_lines(path)
        for arm, row in r["arms"].items()
    ]
    table = pd.DataFrame(rows)
    table["family"] = table["arm"].map({arm.id: arm.family for arm in space().arms})
    table["effort_gain"] = np.log(table["baseline_cost"] / table["cost"])
    table["wall_gain"] = np.log(table["baseline_wall"] / table["wall"])
    return table


def calibrate(table: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    """seconds = start + rate * count for every family and shape of goals, over the runs that decided their goal."""
    decided = table[table["verdict"].isin(["sat", "unsat"])]
    rates: dict[str, dict[str, list[float]]] = {}
    for family in dict.fromkeys(table["family"]):
        own = decided[decided["family"] == family]
        general = fit_line(own if len(own) >= ENOUGH else decided)
        cells = {shape: own[own["shape"] == shape] for shape in SHAPES}
        rates[family] = {shape: fit_line(rows) if len(rows) >= ENOUGH else general for shape, rows in cells.items()}
    return rates


def fit_line(rows: pd.DataFrame) -> list[float]:
    """(start, rate) that minimise the mean absolute log error; 0 <= start <= START."""
    seconds, count = rows["seconds"].to_numpy(), np.maximum(rows["count"].to_numpy(), 1)
    best = (np.inf, 0.0, 0.0)
    for start in np.linspace(0, min(START, 0.8 * seconds.min()), 16):
        rate = float(np.exp(np.median(np.log((seconds - start) / count))))
        error = float(np.mean(np.abs(np.log((start + rate * count) / seconds))))
        best = min(best, (error, float(start), rate))
    return [float(f"{best[1]:.4g}"), float(f"{best[2]:.4g}")]


def summarise(table: pd.DataFrame) -> dict:
    """The figures a learner is to be compared with; geometric means weigh every (project, context) alike."""
    cells = table.groupby(["project", "context", "arm"])[["effort_gain", "wall_gain"]].mean()
    weights = pd.Series(
        {(p, c): project.weights[c] / len(PROJECTS) for p, project in PROJECTS.items() for c in CONTEXTS}
    )
    result: dict = {"goals": len(table.groupby(["project", "context", "number"])), "arms": table["arm"].nunique()}
    for name, share in (("alike", weights * 0 + 1 / len(weights)), ("by_frequency", weights)):
        result[name] = {kind: best_arms(cells[f"{kind}_gain"].unstack("arm"), share) for kind in ("effort", "wall")}
    result |= correlations(cells["effort_gain"].unstack("arm"))
    gains = table[table["arm"] != space().baseline]
    spread = table.groupby(["project", "context", "arm"])["effort_gain"].std()
    result["median_noise"] = float(spread[spread > 0].median())
    result["share_below_0.95"] = float((gains["effort_gain"] < np.log(TOO_SLOW)).mean())
    result["distinct_arms"] = len(set(table.groupby("arm")["count"].agg(tuple)))
    result["status"] = table["status"].value_counts(normalize=True).round(4).to_dict()
    result["contradictions"] = contradictions(table)
    result["seconds_per_solve"] = float(table["seconds"].mean())
    result["baseline_seconds"] = table.groupby("context")["baseline_wall"].median().round(4).to_dict()
    return result


def best_arms(gain: pd.DataFrame, weights: pd.Series) -> dict:
    """Geometric-mean speed-up of the best fixed arm overall, per context, per (project, context), with the winners."""
    weights = weights.reindex(gain.index)
    total = gain.mul(weights, axis=0).sum()
    by_context = gain.mul(weights, axis=0).groupby("context").sum()
    return {
        "best_single": [total.idxmax(), float(np.exp(total.max()))],
        "per_context": float(np.exp(by_context.max(axis=1).sum())),
        "per_project_context": float(np.exp((gain.max(axis=1) * weights).sum())),
        "context_winners": by_context.idxmax(axis=1).to_dict(),
        "cells": {
            f"{p}/{c}": [gain.loc[p, c].idxmax(), round(float(np.exp(gain.loc[p, c].max())), 2)] for p, c in gain.index
        },
    }


def correlations(gain: pd.DataFrame) -> dict:
    """Rank correlations of the arms' mean gains, between contexts and between the projects within a context."""
    contexts = gain.groupby("context").mean().T.corr(method="spearman").to_numpy()
    between = contexts[np.triu_indices(len(contexts), 1)]
    within = [
        np.median(part[np.triu_indices(len(part), 1)])
        for _, rows in gain.groupby("context")
        for part in [rows.T.corr(method="spearman").to_numpy()]
    ]
    return {"rank_correlation_contexts": span(between), "rank_correlation_projects": span(within)}


def span(values: Sequence[float]) -> list[float]:
    """Smallest and largest."""
    return [round(float(min(values)), 2), round(float(max(values)), 2)]


def contradictions(table: pd.DataFrame) -> int:
    """Goals on which two arms gave opposite verdicts."""
    decided = table[table["verdict"].isin(["sat", "unsat"])]
    return int((decided.groupby(["project", "context", "number"])["verdict"].nunique() > 1).sum())


def show(result: dict) -> None:
    for key, value in result.items():
        if isinstance(value, dict) and key in ("alike", "by_frequency"):
            for kind, found in value.items():
                arm, gain = found["best_single"]
                print(
                    f"{key:13s} {kind:7s} best single {gain:.2f} ({arm})  per context {found['per_context']:.2f}  "
                    f"per project and context {found['per_project_context']:.2f}"
                )
        elif key != "versions":
            print(f"{key:26s} {value}")
    for cell, (arm, gain) in result["by_frequency"]["effort"]["cells"].items():
        print(f"  {cell:28s} {gain:6.2f}  {arm}")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the raw tables; continued if it has some")
    parser.add_argument("--goals", type=int, default=12, help="goals per (project, context)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--multiple", type=float, default=Limits().multiple, help="limit in multiples of the baseline")
    parser.add_argument("--calibrate", action="store_true", help="write the fitted rates into the package")
    options = parser.parse_args()
    options.raw.mkdir(parents=True, exist_ok=True)
    shares = [
        (options.raw, options.goals, part, options.processes, options.multiple) for part in range(options.processes)
    ]
    with compute.opened(workers=options.processes) as pool:
        compute.mapped(pool, _measure_share, shares)
    table = load(options.raw)
    if options.calibrate:
        RATES.write_text(json.dumps({"z3": metadata.version("z3-solver"), "rates": calibrate(table)}, indent=1) + "\n")
    result = summarise(table)
    show(result)
    save(options.json, result)


if __name__ == "__main__":
    main()

"""The pictures of docs/exploration.md: a run of the simulated prover, and what the conservative guarantee costs.

    python -m benchmarks.simulation.pictures --out docs

Runs configs/prover_simulation.toml in memory, and reads benchmarks/results/safety.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmarks.harness.result import RESULTS
from benchmarks.simulation.prover import SHIPPED
from poolwise.config import load
from poolwise.engine.insight.trials import trials
from poolwise.run import distinct, open_engines, plan, run

SAFETY = RESULTS / "safety.json"
WINDOW = 40
"""Decisions that a curve is the mean of."""
MUTED, FIRST, SECOND, THIRD = "#767676", "#0b6e99", "#c2571a", "#3c8a4e"


def simulated() -> pd.DataFrame:
    """Trials of the shipped simulation."""
    config = load(SHIPPED)
    config = config.model_copy(update={"run": config.run.model_copy(update={"store": "memory://"})})
    made = plan(config)
    engines = open_engines(made)
    for _ in run(made, engines):
        pass
    return trials(distinct(engines)[0].store)


def drawn_run(table: pd.DataFrame) -> Figure:
    """Running mean speed-up, and shares of jobs that explored and that were not safe."""
    made = Figure(figsize=(8.0, 4.6), layout="constrained")
    upper, lower = made.subplots(2, sharex=True)
    smooth = {"window": WINDOW, "min_periods": 10}
    upper.plot(table.index + 1, np.exp(table["gain"]).rolling(**smooth).mean(), color=FIRST, linewidth=2)
    upper.axhline(1, color=MUTED, linewidth=1, linestyle="--")
    upper.set(ylabel="speed-up")
    for name, column, colour in (("explored", table["explored"], FIRST), ("below 0.95", ~table["safe"], SECOND)):
        lower.plot(
            table.index + 1, column.astype(float).rolling(**smooth).mean(), color=colour, linewidth=2, label=name
        )
    lower.yaxis.set_major_formatter(PercentFormatter(1.0))
    lower.set_ylim(0, 1)
    lower.set(xlabel="compilations", ylabel=f"of the last {WINDOW}")
    lower.legend(frameon=False)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    return made


def drawn_guarantee(found: dict[str, dict[str, dict[str, float]]]) -> Figure:
    """Regret and violations per world, without the guarantee and with it."""
    made = Figure(figsize=(8.0, 4.2), layout="constrained")
    left, right = made.subplots(1, 2, sharey=True)
    names = list(next(iter(found.values())))
    place = np.arange(len(found))
    for k, (name, colour) in enumerate(zip(names, (MUTED, FIRST, THIRD), strict=True)):
        at = place + 0.26 * (k - 1)
        left.barh(at, [row[name]["regret"] for row in found.values()], 0.24, color=colour, label=name)
        right.barh(at, [row[name]["broken"] for row in found.values()], 0.24, color=colour)
    right.axvline(0.05, color=SECOND, linewidth=1, linestyle="--")
    right.xaxis.set_major_formatter(PercentFormatter(1.0))
    left.set_yticks(place, list(found))
    left.invert_yaxis()
    left.set(xlabel="regret of 300 decisions")
    right.set(xlabel="runs below 0.9 of the baseline at any time")
    made.legend(loc="outside lower center", ncols=3, frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=SHIPPED.parents[1] / "docs")
    options = parser.parse_args()
    drawn_run(simulated()).savefig(options.out / "exploration_run.png", dpi=110)
    found = json.loads(SAFETY.read_text())["guarantee"]
    drawn_guarantee(found).savefig(options.out / "exploration_guarantee.png", dpi=110)


if __name__ == "__main__":
    main()

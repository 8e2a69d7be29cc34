"""The README's picture: the demo replayed on measured outcomes, with and without sharing, beside hindsight.

Speeds are shown relative to the best arm of each (project, context) in hindsight, so that it does not matter which jobs
happened to come when.

    python -m benchmarks.z3.picture --raw runs/z3_truth --seeds 20 --out benchmarks/results/z3_demo.png

Reads what `z3/truth.py` measured; `z3/demo.py` says how a replay is made.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmarks.z3.demo import Measured, load_truth, replay
from poolwise.config import load as load_config
from poolwise.run.jobs import stream
from poolwise.run.setup import plan
from poolwise.workloads.z3.arms import space

WINDOW = 120
"""Decisions that a curve is the mean of."""
INK, MUTED, SHARED, ALONE = "#1a1a1a", "#767676", "#0b6e99", "#c2571a"


def curve(behind: np.ndarray) -> pd.Series:
    """Share of the best arms' speed over the last decisions, from the mean log speed-up behind them."""
    return np.exp(pd.Series(behind).rolling(WINDOW, min_periods=30).mean())


def drawn(curves: dict[str, np.ndarray], arrivals: dict[str, int], seeds: int) -> Figure:
    """curves: label -> (decisions,) mean log speed-up behind the best arm of the cell."""
    styles = {"Poolwise": (SHARED, 2.2, "-"), "every project alone": (ALONE, 1.8, "-")}
    made = Figure(figsize=(8.4, 4.0), layout="constrained")
    axes = made.subplots()
    for label, gains in curves.items():
        colour, width, line = styles.get(label, (MUTED, 1.1, "--" if "arm" in label else ":"))
        shown = curve(gains)
        axes.plot(shown.index + 1, shown, line, color=colour, linewidth=width, label=label)
    together: dict[int, list[str]] = {}
    for project, first in arrivals.items():
        together.setdefault(first, []).append(project)
    for number, (first, names) in enumerate(together.items()):
        axes.axvline(first, color="#dddddd", linewidth=1, zorder=0)
        place = (first, 1.01 + 0.04 * (number % 2))
        axes.annotate(", ".join(names), place, xycoords=("data", "axes fraction"), fontsize=8, color=MUTED)
    axes.axhline(1, color=INK, linewidth=0.8)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(0.2, 1.04)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.2), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="decisions", ylabel=f"share of the best speed (mean of {seeds} runs)")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, default=Path("runs/z3_truth"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    demo = plan(load_config(Path("configs/z3.toml")))
    demo.workload.close()
    jobs = [(j.project, j.context) for j in islice(stream(demo.workload, demo.seed, demo.arrivals), demo.decisions)]
    measured = Measured(load_truth(options.raw))
    mean = lambda sharing: np.mean(
        [replay(measured, jobs, demo.settings, seed, sharing)["effort"].to_numpy() for seed in range(options.seeds)],
        axis=0,
    )
    gains = np.array([measured.gain(key) for key in jobs])
    best, single = gains.max(1), gains[:, gains.mean(0).argmax()]
    default = gains[:, [arm.id for arm in space().arms].index(space().baseline)]
    curves = {
        "Poolwise": mean(True) - best,
        "every project alone": mean(False) - best,
        "best single arm, known in hindsight": single - best,
        "Z3's default": default - best,
    }
    drawn(curves, demo.arrivals, options.seeds).savefig(options.out, dpi=130)


if __name__ == "__main__":
    main()

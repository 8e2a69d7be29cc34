"""Gaussian core: error against dense conditioning, and time of a fit with all beliefs, warm and in a new process.

    python -m benchmarks.serving.posterior --json benchmarks/results/posterior.json

The reference conditions the joint Gaussian of all outcomes and all cells (`tests/posterior/oracle.py`). Errors are
relative: of a mean to the larger of its size and its standard deviation, since a mean may be 0. Times are of one core;
a fit starts from its default start unless said otherwise, and nothing is kept between fits. New processes are timed
from outside: start of Python, imports, a fit, all beliefs. That nothing is compiled on the way shows in the last two.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise.posterior.crossed import batch, collapsed
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.crossed.solve import solve, solve_reduced
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales
from tests.posterior import oracle

SEED = 7
SHAPES = ((4, 3, 5), (2, 6, 3), (6, 2, 4), (1, 4, 6), (5, 5, 2))
LARGE = (100, 20, 8)
OUTCOMES = 100_000
FORMS = ("families", "arms", "projects integrated out")
COLD = """
import sys
import numpy as np
from poolwise.posterior.crossed import batch
stats = batch.SufficientStatistics(*np.load(sys.argv[1]))
batch.marginals(batch.fit(stats), stats)
"""


def scales(random: np.random.Generator, form: str, shape: tuple[int, int, int]) -> GaussianHyperparameters:
    """Any scales that the form of the model has: without families, what a cell has to itself belongs to the arm."""
    arm, family, globe = (TierScales(*random.uniform(0.05, 0.8, 4)) for _ in range(3))
    if form != "families":
        family, globe = TierScales(0.0, 0.0, 0.0), globe._replace(cell=0.0)
    if form == "projects integrated out":
        globe = globe._replace(project=0.0)
    return GaussianHyperparameters(
        arm, family, globe, random.uniform(0.1, 0.4, shape[2]), random.uniform(0.5, 2, shape[1]), mean=0.1
    )


def errors(seed: int, form: str) -> tuple[float, float, float]:
    """Largest relative errors of a mean and of a standard deviation in any cell, and that of the log evidence."""
    random, shape = np.random.default_rng(seed), SHAPES[seed % len(SHAPES)]
    truth, n = scales(random, form, shape), int(random.integers(1, 120))
    outcomes = tuple(random.integers(0, size, n) for size in shape)
    y = random.normal(0.2, 0.6, n)
    index = np.arange(shape[2]) // 2 if form == "families" else np.arange(shape[2])
    families, reduced = (int(index[-1]) + 1 if form == "families" else 0), form == FORMS[2]
    stats = SufficientStatistics.of(*outcomes, y, shape=shape)
    belief = batch.marginals(Fit(truth, index, families, reduced, 0.0, 0, True, np.zeros(1)), stats)
    density, mean, scale = oracle.posterior(shape, index, truth, outcomes, y)
    data = batch.cells(stats)
    tree = solve_reduced(data, truth)[0] if reduced else solve(data, truth, index, families)
    off = np.abs(belief.mean - mean) / np.maximum(np.abs(mean), scale)
    return float(off.max()), float(np.abs(belief.scale / scale - 1).max()), abs(float(tree.evidence) / density - 1)


def accuracy(cases: int) -> list[Figure]:
    """One figure per form of the model and quantity."""
    found = []
    for form in FORMS:
        worst = np.max([errors(seed, form) for seed in range(cases)], axis=0)
        for what, value in zip(("mean", "standard deviation", "log evidence"), worst, strict=True):
            found.append(Figure(f"largest error of {what}, {form}", float(value), "relative", 1e-8))
    return found


def large_case() -> SufficientStatistics:
    """Outcomes drawn from the model: level, context, project and cell effects of the arm, noise 0.25."""
    random = np.random.default_rng(SEED)
    projects, contexts, arms = LARGE
    sizes = {0.3: (1, 1, arms), 0.35: (1, contexts, arms), 0.15: (projects, 1, arms), 0.1: LARGE}
    theta = sum(scale * random.standard_normal(size) for scale, size in sizes.items())
    outcomes = tuple(random.integers(0, size, OUTCOMES) for size in LARGE)
    y = theta[outcomes] + 0.25 * random.standard_normal(OUTCOMES)
    return SufficientStatistics.of(*outcomes, y, shape=LARGE)


def timed(call: Callable[[], object], repeats: int) -> dict[str, float]:
    """Milliseconds of a call, after two that are not counted."""
    times = []
    for _ in range(repeats + 2):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return percentiles(times[2:])


def warm(stats: SufficientStatistics) -> list[tuple[Figure, dict[str, float]]]:
    """Fit and all beliefs, for one family per arm, for four families, and in the form that serves large systems."""
    family = np.arange(LARGE[2]) // 2

    def both(families: np.ndarray | None, start: np.ndarray | None) -> None:
        batch.marginals(batch.fit(stats, families, start=start), stats)

    earlier, of_families = batch.fit(stats).coordinates, batch.fit(stats, family).coordinates
    calls = {
        "fit and all beliefs, warm": (lambda: both(None, None), 60.0),
        "same, from an earlier fit": (lambda: both(None, earlier), None),
        "same, arms in four families": (lambda: both(family, None), None),
        "same, arms in four families, from an earlier fit": (lambda: both(family, of_families), None),
        "same, as the engine serves systems of this size": (lambda: collapsed.init(collapsed.fit(stats), stats), None),
    }
    found = []
    for what, (call, target) in calls.items():
        times = timed(call, 25)
        found.append((Figure(f"{what}, p50", times["p50"], "ms", target), times))
    return found


def cold(stats: SufficientStatistics, repeats: int = 7) -> list[tuple[Figure, dict[str, float]]]:
    """Whole processes, imports included. Nothing is compiled, so there is no cache that could be filled."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "statistics.npy"
        np.save(saved, np.stack(stats))
        call = [sys.executable, "-c", COLD, str(saved)]
        times = {name: value / 1e3 for name, value in timed(lambda: subprocess.run(call, check=True), repeats).items()}
    return [(Figure("fit and all beliefs, new process, p50", times["p50"], "s", 2.0), times | {"n": repeats})]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--cases", type=int, default=100)
    options = parser.parse_args()
    stay_on_one_core()
    stats = large_case()
    times = warm(stats) + cold(stats)
    figures = accuracy(options.cases) + [figure for figure, _ in times]
    case = {"shape": LARGE, "outcomes": OUTCOMES, "seed": SEED, "cases": options.cases, "case_seeds": "0, 1, 2, ..."}
    result = {"case": case, "figures": rows(figures), "times": {f.what: t for f, t in times}}
    print(table(figures))
    save(options.json, result)


if __name__ == "__main__":
    main()

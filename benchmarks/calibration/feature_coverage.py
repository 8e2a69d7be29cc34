"""Calibration with features: how often the true utility of an arm, at a job never seen, lies inside the 90 % interval.

    python -m benchmarks.calibration.feature_coverage --json benchmarks/results/feature_coverage.json

Every data set draws scales and effects as `calibration.coverage` does (eight arms in four families, here 3 projects x 4
contexts), and gives jobs five features: two that may matter, one that resembles the first, two of noise, each shown
through a monotone function. What the first two add to an arm's utility is

    linear     z b, with b ~ Normal(0, tau^2) for all arms, for each family and for each arm
    smooth     f(z) b, with f from a Gaussian process, squared exponential of length 1 and variance 1
    wavy       sqrt(2) sin(1.5 z + phase) b, so that the best arm changes more than once
    nothing    0

Outcomes fall on arms and cells at random. The belief that serves learns them in one pass and estimates its scales; then
it is asked for jobs with new features. The standard error is taken over data sets.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from benchmarks.calibration.coverage import ARMS, FAILED, FAMILIES, FAMILY, WIDTH, drawn_scales, effects
from benchmarks.harness.result import Figure, arguments, save, table
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.hyperparameters.gaussian import noise_scale
from poolwise.posterior.posterior import Posterior

TRUTHS = ("linear", "smooth", "wavy", "nothing")
OUTCOMES = (100, 300, 1_000)
PROJECTS, CONTEXTS, FEATURES, NEW, FREQUENCIES = 3, 4, 5, 60, 100
SHOWN = (np.exp, np.sinh, lambda z: z, np.arctan, lambda z: np.floor(3 * z))
"""What a user sees of every feature."""


class Drawn(NamedTuple):
    """One data set: jobs with an outcome, then new ones."""

    raw: np.ndarray
    """(jobs, FEATURES)"""
    place: np.ndarray
    """(2, jobs) project and context."""
    truth: np.ndarray
    """(jobs, ARMS)"""
    arm: np.ndarray
    """(outcomes,)"""
    utility: np.ndarray
    """(outcomes,)"""


def drawn(seed: int, truth: str, outcomes: int) -> Drawn:
    random = np.random.default_rng([seed, outcomes, TRUTHS.index(truth)])
    scales, jobs = drawn_scales(random, CONTEXTS), outcomes + NEW
    place = np.stack([random.integers(PROJECTS, size=jobs), random.integers(CONTEXTS, size=jobs)])
    z = random.standard_normal((jobs, FEATURES))
    z[:, 2] = 0.8 * z[:, 0] + 0.6 * z[:, 2]
    theta = effects(random, scales, PROJECTS, CONTEXTS)[place[0], place[1]] + added(random, z[:, :2], truth)
    arm = random.integers(ARMS, size=outcomes)
    noise = np.broadcast_to(noise_scale(scales, CONTEXTS), (CONTEXTS, ARMS))[place[1, :outcomes], arm]
    utility = theta[np.arange(outcomes), arm] + noise * random.standard_normal(outcomes)
    raw = np.stack([show(column) for show, column in zip(SHOWN, z.T, strict=True)], axis=1)
    return Drawn(raw, place, theta, arm, utility)


def added(random: np.random.Generator, z: np.ndarray, truth: str) -> np.ndarray:
    """(jobs, ARMS) what features add."""
    tiers = (np.zeros(ARMS, int), FAMILY, np.arange(ARMS))
    scale = 0.3 * np.exp(0.5 * random.standard_normal((len(tiers), z.shape[1])))
    slope = np.zeros((z.shape[1], ARMS))
    for width, group in zip(scale, tiers, strict=True):
        slope += (width[:, None] * random.standard_normal((z.shape[1], FAMILIES * 2)))[:, group]
    if truth == "nothing":
        return np.zeros((len(z), ARMS))
    return (z if truth == "linear" else waves(random, z, truth == "wavy")) @ slope


def waves(random: np.random.Generator, z: np.ndarray, single: bool) -> np.ndarray:
    """(jobs, 2) of variance 1: one wave, or as many as make a Gaussian process (Rahimi and Recht, 2007)."""
    count = 1 if single else FREQUENCIES
    frequency = np.full((2, 1), 1.5) if single else random.standard_normal((2, count))
    phase = random.uniform(0, 2 * np.pi, (2, count))
    return math.sqrt(2 / count) * np.sin(z[:, :, None] * frequency + phase).sum(axis=2)


def inside(seed: int, truth: str, outcomes: int, features: bool = True) -> tuple[float, float]:
    """Share of true utilities inside the intervals; mean half width of these."""
    data = drawn(seed, truth, outcomes)
    success = np.tile((1e6, 1e-3), (ARMS, 1))
    belief = Posterior(
        init_hyperparameters(FAMILY, success),
        FAILED,
        projects=PROJECTS,
        contexts=CONTEXTS,
        features=FEATURES if features else 0,
    )
    given = {"raw": data.raw[:outcomes]} if features else {}
    done = np.ones(outcomes, bool)
    belief.update_many(*data.place[:, :outcomes], data.arm, data.utility, done, ~done, **given)
    belief.reestimate()
    found, widths = [], []
    for job in range(outcomes, outcomes + NEW):
        known = {"raw": data.raw[job]} if features else {}
        look = belief.predict(*data.place[:, job].tolist(), **known)
        found.append(np.abs(data.truth[job] - look.mean) < WIDTH * look.scale)
        widths.append(WIDTH * look.scale)
    return float(np.mean(found)), float(np.mean(widths))


def coverage(truth: str, outcomes: int, sets: int, first: int, features: bool) -> dict[str, Any]:
    """Mean over data sets, in per cent, with its standard error."""
    found = np.array([inside(first + number, truth, outcomes, features) for number in range(sets)])
    return {
        "truth": truth,
        "outcomes": outcomes,
        "coverage": round(100 * float(found[:, 0].mean()), 2),
        "standard error": round(100 * float(found[:, 0].std(ddof=1)) / math.sqrt(sets), 2),
        "half width": round(float(found[:, 1].mean()), 3),
    }


def figures(entries: list[dict[str, Any]]) -> list[Figure]:
    """How far every entry is from 90 %."""
    return [
        Figure(
            f"{one['truth']}, {one['outcomes']} outcomes: {one['coverage']:.1f} % inside at new jobs, off by",
            abs(one["coverage"] - 90),
            "points",
            2.0,
        )
        for one in entries
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sets", type=int, default=50, help="data sets of one entry")
    parser.add_argument("--first", type=int, default=0, help="number of the first data set")
    parser.add_argument("--truths", nargs="*", default=list(TRUTHS), choices=TRUTHS)
    parser.add_argument("--outcomes", nargs="*", type=int, default=list(OUTCOMES))
    parser.add_argument("--without", action="store_true", help="leave the features out")
    options = parser.parse_args()
    entries = []
    for truth in options.truths:
        for outcomes in options.outcomes:
            entries.append(coverage(truth, outcomes, options.sets, options.first, not options.without))
            print(table(figures(entries[-1:])), f"(standard error {entries[-1]['standard error']:.2f})", flush=True)
    seeds = "number of the data set, outcomes, number of the truth"
    save(options.json, {"seeds": seeds, "data sets": options.sets, "first": options.first, "entries": entries})


if __name__ == "__main__":
    main()

"""Calibration: how often the true utility of an arm lies inside the 90 % interval that is believed.

    python -m benchmarks.calibration.coverage --json benchmarks/results/coverage.json

Every data set draws its scales from the hyperprior (`gaussian.HYPERPRIOR`), all effects and outcomes from the
model in full (eight arms in four families), and for every cell whether it is never seen, rare (1 or 2 outcomes) or
well seen (8 to 20). The belief that serves, `posterior.posterior.Posterior`, learns the outcomes in one pass and
estimates its scales. So the figures tell what a calibrated belief should do, and where the fast core's approximations
cost something: scales that are estimated, large systems without a tier of families, censoring by moments. The harder
regimes change one thing each, at 20 projects x 10 contexts:

    failures   one outcome in five fails: Beta(8, 2) per arm, deviations around it; the interval is the utility's
    censored   outcomes are cut off at a bound below which a fifth of all of them lies
    heavy      noise is Student-t(3) of the same scale
    drift      what an arm's cells have to themselves wanders as outcomes come; the end counts; half-life 700
    drift, learned    the same, the half-life chosen by how well it predicts

Data sets are drawn until the standard error is at most the stated one. It is taken over data sets, as cells of one data
set share effects and scales. Entries that are not measured this time stay as they are in the file. Exits with 1 where
one of the file is too far off. With --plug-in beliefs rest on
the modes of the scales, as if these were known (`hyperparameters.laplace` says what is done instead).
"""

import json
import math
import sys
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.result import Figure as Measured
from benchmarks.harness.result import arguments, rows, save, table
from poolwise.posterior.hyperparameters import laplace
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, GaussianHyperparameters, noise_scale
from poolwise.posterior.hyperparameters.parametrisation import from_coordinates, length, widths
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.posterior import Posterior

FAMILY = np.array([0, 0, 1, 1, 2, 2, 3, 3])
ARMS, FAMILIES = len(FAMILY), 4
SIZES = ((3, 5), (20, 10), (200, 20), (1_000, 100))
KINDS = ("unseen", "rare", "well seen")
REGIMES = ("plain", "failures", "censored", "heavy", "drift", "drift, learned")
HARDER = (20, 10)
WIDTH, FAILED = 1.6448536269514722, -1.0
LONG = 500
"""Sizes with more projects come last."""
MINIMUM = 5
"""Data sets of an entry, however sure it is."""


class Drawn(NamedTuple):
    """One data set."""

    kind: np.ndarray
    """[project, context, arm]: index into `KINDS`."""
    rows: tuple[np.ndarray, ...]
    """Project, context, arm of every outcome, in their order."""
    utility: np.ndarray
    ok: np.ndarray
    cut: np.ndarray
    truth: np.ndarray
    """[project, context, arm] true utility at the end."""


def drawn_scales(random: np.random.Generator, contexts: int) -> GaussianHyperparameters:
    """A draw from the hyperprior."""
    size = length(FAMILIES, contexts)
    return from_coordinates(
        random.standard_normal(size) * widths(size, HYPERPRIOR, FAMILIES), FAMILY, HYPERPRIOR, groups=FAMILIES
    )


def effects(random: np.random.Generator, scales: GaussianHyperparameters, projects: int, contexts: int) -> np.ndarray:
    """theta of every cell: level, context, project and cell effects of globe, families and arms."""
    theta = np.full((projects, contexts, ARMS), float(scales.mean))
    groups = ((scales.globe, np.zeros(ARMS, int)), (scales.family, FAMILY), (scales.arm, np.arange(ARMS)))
    for tier, group in groups:
        n = int(group.max()) + 1
        shapes = ((1, 1, n), (1, contexts, n), (projects, 1, n), (projects, contexts, n))
        for scale, shape in zip(tier, shapes, strict=True):
            theta += (scale * random.standard_normal(shape))[..., group]
    return theta


def drawn(seed: int, projects: int, contexts: int, regime: str) -> Drawn:
    random = np.random.default_rng([seed, projects, REGIMES.index(regime)])
    shape = (projects, contexts, ARMS)
    scales = drawn_scales(random, contexts)
    still = scales._replace(arm=scales.arm._replace(cell=0.0)) if regime.startswith("drift") else scales
    theta = effects(random, still, projects, contexts)
    kind = random.choice(3, p=(0.4, 0.3, 0.3), size=shape)
    count = np.select([kind == 1, kind == 2], [random.integers(1, 3, shape), random.integers(8, 21, shape)], 0)
    cells = random.permutation(np.repeat(np.arange(count.size), count.ravel()))
    rows = np.unravel_index(cells, shape)
    noise = np.broadcast_to(noise_scale(scales, contexts), shape[1:])[rows[1], rows[2]]
    luck = random.standard_t(3, len(cells)) if regime == "heavy" else random.standard_normal(len(cells))
    y = theta[rows] + noise * luck
    ok, cut = np.ones(len(y), bool), np.zeros(len(y), bool)
    if regime == "failures":
        chance = chances(random, shape)
        ok = random.random(len(y)) < chance[rows]
        y, theta = np.where(ok, y, FAILED), chance * theta + (1 - chance) * FAILED
    elif regime == "censored":
        bound = np.quantile(y, 0.2)
        y, cut = np.maximum(y, bound), y < bound
    elif regime.startswith("drift"):
        now, theta = wandered(random, theta, cells, float(scales.arm.cell))
        y = now + noise * luck
    return Drawn(kind, rows, y, ok, cut, theta)


def chances(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Of success: Beta around the arm's in every context, and around that in every cell."""
    arm = random.beta(8.0, 2.0, shape[2])
    context = np.clip(random.beta(20 * arm, 20 * (1 - arm), shape[1:]), 1e-3, 1 - 1e-3)
    return random.beta(20 * context, 20 * (1 - context), shape)


def wandered(
    random: np.random.Generator, fixed: np.ndarray, cells: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """theta at every outcome, and at the end: what cells have to themselves is an Ornstein-Uhlenbeck process whose
    correlation falls to 1/e in the time of all outcomes, so that a cell changes by 1.1 of its scale from end to end."""
    own, seen = scale * random.standard_normal(fixed.size), np.zeros(fixed.size)
    at = np.empty(len(cells))
    for time, cell in enumerate(cells.tolist()):
        own[cell] = moved(random, own[cell], scale, (time - seen[cell]) / len(cells))
        seen[cell], at[time] = time, own[cell]
    own = moved(random, own, scale, (len(cells) - seen) / len(cells))
    return fixed.ravel()[cells] + at, fixed + own.reshape(fixed.shape)


def moved(random: np.random.Generator, own: Any, scale: float, time: Any) -> Any:
    kept = np.exp(-time)
    return kept * own + scale * np.sqrt(1 - kept**2) * random.standard_normal(np.shape(own))


def inside(seed: int, projects: int, contexts: int, regime: str) -> np.ndarray:
    """(kinds,) share of true utilities inside the intervals, in one data set; NaN where there is no such cell."""
    data = drawn(seed, projects, contexts, regime)
    success = np.tile((8.0, 2.0) if regime == "failures" else (1e6, 1e-3), (ARMS, 1))
    options = ObservationModel(half_life={"drift": 700, "drift, learned": "learned"}.get(regime))
    belief = Posterior(
        init_hyperparameters(FAMILY, success), FAILED, projects=projects, contexts=contexts, options=options
    )
    belief.update_many(*data.rows, data.utility, data.ok, data.cut)
    belief.reestimate()
    off = np.empty(data.truth.shape)
    for p, c in np.ndindex(projects, contexts):
        look = belief.predict(p, c)
        off[p, c] = np.abs(data.truth[p, c] - look.mean) / look.scale
    return np.array([(off[data.kind == kind] < WIDTH).mean() for kind in range(len(KINDS))])


def coverage(projects: int, contexts: int, regime: str, most: int, error: float, first: int = 0) -> dict[str, Any]:
    """Mean and standard error over data sets, of as many as it takes, in per cent."""
    found: list[np.ndarray] = []
    while len(found) < most and (len(found) < min(MINIMUM, most) or standard_error(found).max() > error):
        found.append(100 * inside(first + len(found), projects, contexts, regime))
    return {
        "projects": projects,
        "contexts": contexts,
        "regime": regime,
        "data sets": len(found),
        "coverage": dict(zip(KINDS, np.nanmean(found, axis=0).round(3).tolist(), strict=True)),
        "standard error": dict(zip(KINDS, standard_error(found).round(3).tolist(), strict=True)),
    }


def standard_error(found: list[np.ndarray]) -> np.ndarray:
    return np.asarray(np.nanstd(found, axis=0, ddof=1) / math.sqrt(len(found)))


def figures(entries: list[dict[str, Any]]) -> list[Measured]:
    """How far every entry is from 90 %, beside how far it may be."""
    found = []
    for entry in entries:
        limit = 2.0 if entry["regime"] == "plain" else 3.0
        for kind in KINDS:
            case = f"{entry['projects']} x {entry['contexts']}, {entry['regime']}, {kind}"
            what = f"{case}: {entry['coverage'][kind]:.1f} % inside, off by"
            found.append(Measured(what, abs(entry["coverage"][kind] - 90), "points", limit))
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--regimes", nargs="*", default=list(REGIMES), choices=REGIMES)
    parser.add_argument("--sizes", nargs="*", type=int, default=list(range(len(SIZES))), help="0 to 3: which sizes")
    parser.add_argument("--most", type=int, default=2_000, help="most data sets of one entry")
    parser.add_argument("--error", type=float, default=0.5, help="standard error to reach, in points")
    parser.add_argument("--plug-in", action="store_true", help="take the scales for known")
    options = parser.parse_args()
    if options.plug_in:
        laplace._LARGEST = 0.0
    cases = [(*HARDER, regime) for regime in options.regimes if regime != "plain"]
    cases = [(*SIZES[size], "plain") for size in options.sizes if "plain" in options.regimes] + cases
    known = json.loads(options.json.read_text())["entries"] if options.json and options.json.exists() else []
    found = {_case(entry): entry for entry in known}
    for projects, contexts, regime in sorted(cases, key=lambda case: case[0] > LONG):
        entry = coverage(projects, contexts, regime, options.most, options.error)
        found[_case(entry)] = entry
        print(table(figures([entry])), f"  ({entry['data sets']} data sets)", flush=True)
        save(options.json, written(sorted(found.values(), key=_case)))
    sys.exit(not all(figure.met for figure in figures(list(found.values()))))


def _case(entry: dict[str, Any]) -> tuple[int, int, int]:
    """What an entry is of, in the order of the table."""
    return REGIMES.index(entry["regime"]), entry["projects"], entry["contexts"]


def written(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "seeds": "number of the data set, projects, number of the regime",
        "figures": rows(figures(entries)),
        "entries": entries,
    }


if __name__ == "__main__":
    main()

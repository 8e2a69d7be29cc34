"""Fast core against NumPyro's NUTS on the same statistics: beliefs of every cell, and time, in one run.

    python -m benchmarks.calibration.refit --json benchmarks/results/refit.json

16,000 cells (100 projects, 20 contexts, 8 arms of a family each), 100,000 outcomes drawn from the model. NUTS samples
`poolwise.models.gaussian` with all its effects and scales, through sufficient statistics, partially centred; the fast
core estimates the scales and solves the rest. What is compared is theta of every cell, of which NUTS's moments are
those of theta given its drawn effects and scales (the law of total variance): the Monte-Carlo noise that is left is
that of the effects. `--draws` per chain; the gap of the means is of the first 500 draws, the ratio of the standard
deviations, whose noise is larger, of all. Time of NUTS: one chain, warm-up and 500 draws, compilation not counted.
"""

import time
from typing import Any

import jax
import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters import gaussian
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.types import Marginals
from poolwise.refit.draws import serving_marginals
from poolwise.refit.draws.convergence import mixing
from poolwise.refit.methods import chain, closed_form, nuts
from poolwise.refit.methods.device import on
from poolwise.refit.methods.submodels import Submodel, parts
from poolwise.refit.options import Options

SEED = 7
SHAPE = (100, 20, 8)
OUTCOMES = 100_000
COMPARED = 500


def problem_of(shape: tuple[int, int, int], outcomes: int) -> RefitData:
    """Outcomes drawn from crossed effects of levels, contexts, projects and cells, noise 0.25."""
    random = np.random.default_rng(SEED)
    projects, contexts, arms = shape
    sizes = {0.3: (1, 1, arms), 0.35: (1, contexts, arms), 0.15: (projects, 1, arms), 0.1: shape}
    theta = sum(scale * random.standard_normal(size) for scale, size in sizes.items())
    at = tuple(random.integers(0, size, outcomes) for size in shape)
    stats = SufficientStatistics.of(*at, theta[at] + 0.25 * random.standard_normal(outcomes), shape=shape)
    names = [tuple(f"{kind}{i}" for i in range(size)) for kind, size in zip("pca", shape, strict=True)]
    return RefitData(
        *names,
        families=names[2],
        stats=stats,
        tried=stats.count,
        succeeded=stats.count,
        hyperparameters=init_hyperparameters(np.arange(arms), np.full((arms, 2), 1.0)),
        prior=gaussian.HYPERPRIOR,
        padded_shape=shape[:2],
        outcomes=outcomes,
        baseline="a0",
        limit=5.0,
    )


def fast_core(problem: RefitData, repeats: int = 7) -> tuple[Marginals, float]:
    """Beliefs of every cell, and the median time of scales and beliefs together."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        fit = batch.fit(problem.stats)
        belief = batch.marginals(fit, problem.stats)
        times.append(time.perf_counter() - began)
    return belief, float(np.median(times[1:]))


def moments(part: Submodel, problem: RefitData, sites: dict[str, np.ndarray]) -> Marginals:
    """Of theta [project, context, arm], from draws (draws, ...) of effects and scales: total mean and variance."""
    count, mean = problem.stats.count, part.data.mean
    total, squares, inside = 0.0, 0.0, 0.0
    for effect, tau, sigma, spread in zip(
        *(sites[name] for name in ("effect", "tau_cell", "sigma", "spread")), strict=True
    ):
        noise = (spread[:, None] * sigma) ** 2
        rest = noise / (noise + count * tau**2)
        centre = rest * effect + (1 - rest) * mean
        total, squares, inside = total + centre, squares + centre**2, inside + rest * tau**2
    n = len(sites["effect"])
    middle = total / n
    return Marginals(middle, np.sqrt((squares / n - middle**2) * n / (n - 1) + inside / n))


def sampled(problem: RefitData, options: Options) -> tuple[Submodel, dict[str, np.ndarray], dict[str, Any]]:
    """Draws (chain, draw, ...) of the utility's part, and how long one chain took."""
    near = closed_form.estimate(problem)
    part = parts(problem, options, near)[0]
    made = chain.sampler(part, options.warmup, lambda key: nuts.jittered(nuts.usual(near), key))
    chains, times, steps = [], [], []
    for number in range(options.chains):
        key = jax.random.fold_in(jax.random.PRNGKey(options.seed), number)
        if not number:
            jax.block_until_ready(made.advance(made.start(key)))
        began, drawn = time.perf_counter(), []
        for done, block in chain.blocks(made, key, options.warmup, options.draws, None):
            if block is not None:
                drawn.append((jax.tree.map(np.asarray, made.constrained(block[0])), block[1]))
            if done == options.warmup + COMPARED:
                times.append(time.perf_counter() - began)
            print(f"chain {number + 1}: {done} steps, {time.perf_counter() - began:.0f} s", flush=True)
        chains.append({name: np.concatenate([one[name] for one, _ in drawn]) for name in drawn[0][0]})
        steps.append(np.concatenate([fields["num_steps"] for _, fields in drawn]))
        diverging = sum(int(fields["diverging"].sum()) for _, fields in drawn)
        print(f"  {steps[-1].mean():.0f} leapfrog steps per draw, {diverging} divergences", flush=True)
    joined = {name: np.stack([one[name] for one in chains]) for name in chains[0] if not name.endswith("_decentered")}
    return part, joined, {"seconds": times, "steps_per_draw": float(np.mean(steps))}


def figures(problem: RefitData, options: Options) -> tuple[list[Figure], dict[str, Any]]:
    """What the issue asks, and what is needed to trust it."""
    belief, seconds = fast_core(problem)
    part, sites, about = sampled(problem, options)
    first = moments(part, problem, {name: value[0, :COMPARED] for name, value in sites.items()})
    flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in sites.items()}
    whole = moments(part, problem, flat)
    small = {name: value for name, value in sites.items() if name != "effect"}
    mixed = {name: mixing(value.reshape(*value.shape[:2], -1)) for name, value in small.items()}
    gap, ratio = np.abs(belief.mean - first.mean) / first.scale, belief.scale / whole.scale
    agreed = np.abs(belief.mean - whole.mean) / whole.scale
    cells, ratio_low, ratio_high = problem.tried.size, *np.quantile(ratio, [0.0, 1.0])
    speed = float(np.median(about["seconds"])) / seconds
    made = [
        Figure(f"largest gap of a mean over {cells} cells, first {COMPARED} draws", float(gap.max()), "sd", 0.2),
        Figure("largest gap of a mean, all draws", float(agreed.max()), "sd", 0.2),
        Figure("smallest ratio of standard deviations, all draws", float(ratio_low), "", 0.95, at_least=True),
        Figure("largest ratio of standard deviations, all draws", float(ratio_high), "", 1.05),
        Figure("NUTS, one chain of 500 draws, over fast fit and beliefs", speed, "times", 500.0, at_least=True),
        Figure("fast fit and all beliefs, p50", seconds * 1e3, "ms"),
        Figure("NUTS, one chain of 500 draws", float(np.median(about["seconds"])), "s"),
        Figure("largest R-hat of scales and effects", max(float(np.nanmax(one.r_hat)) for one in mixed.values()), ""),
        Figure("smallest bulk ESS", min(float(np.nanmin(one.bulk)) for one in mixed.values()), "draws"),
        Figure("leapfrog steps per draw", about["steps_per_draw"], "steps"),
    ]
    return made, about


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--warmup", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shape", type=int, nargs=3, default=SHAPE)
    parser.add_argument("--outcomes", type=int, default=OUTCOMES)
    asked = parser.parse_args()
    options = Options(chains=asked.chains, draws=asked.draws, warmup=asked.warmup, seed=asked.seed)
    problem = problem_of(tuple(asked.shape), asked.outcomes)
    with on("cpu"):
        found, about = figures(problem, options)
    print(table(found))
    case = {"shape": asked.shape, "outcomes": asked.outcomes, "data_seed": SEED, "seed": asked.seed}
    case |= {
        "chains": asked.chains,
        "draws": asked.draws,
        "warmup": asked.warmup,
        "shared_cells": serving_marginals.shares_cells(problem),
    }
    result = {"case": case, "about": about}
    save(asked.json, result | {"figures": rows(found)})


if __name__ == "__main__":
    main()

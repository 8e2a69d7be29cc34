"""The fast core beside samplers and a mixed-model package on the same data: time, accuracy, coverage.

    pip install blackjax nutpie statsmodels
    python -m benchmarks.calibration.samplers --json benchmarks/results/samplers.json

Crossed effects of arms in projects and contexts, drawn from the model with known scales. The samplers (NUTS of NumPyro,
BlackJAX and nutpie) get one log density in JAX, float64, over effects and log scales, cells integrated out: what helps
one helps all. The reference is the exact posterior at the true scales; an error is the distance of a cell's mean from
it in its standard deviations, Monte-Carlo noise included. Coverage: share of true values inside 90 % intervals, over
all cells. Times: everything from statistics to the belief about all cells, compilation apart. Who cannot do the larger
system is named with the reason. Nutpie compiles PyMC and Stan models; here it gets the density as a Python function.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness.result import arguments, save
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales

SEED = 17
SYSTEMS = {"288 cells": ((12, 6, 4), 1_500), "16,000 cells": ((100, 20, 8), 100_000)}
TRUTH = GaussianHyperparameters(
    TierScales(0.3, 0.35, 0.15, 0.1), TierScales(0.0, 0.0, 0.0), TierScales(0.5, 1e-6, 1e-6), np.array(0.25)
)
NORMAL_95 = 1.6448536269514722
_DENSE = 4_000
"""Random effects beyond which MixedLM's matrices do not fit: crossed effects are one group of all rows to it."""


class Problem(NamedTuple):
    """Data, true values of all cells, and the exact belief at the true scales."""

    rows: tuple[np.ndarray, ...]
    """Project, context, arm of every outcome."""
    y: np.ndarray
    cells: CellMoments
    theta: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


class Found(NamedTuple):
    """Belief about all cells [project, context, arm]; seconds of the work, and of compilation before it."""

    mean: np.ndarray
    scale: np.ndarray
    seconds: float
    compiling: float = 0.0
    draws: int = 0


def problem(shape: tuple[int, int, int], outcomes: int) -> Problem:
    random = np.random.default_rng(SEED)
    projects, contexts, arms = shape
    level, context, project, cell = TRUTH.arm
    theta = np.hypot(level, 0.5) * random.standard_normal((1, 1, arms))
    for scale, size in ((context, (1, contexts, arms)), (project, (projects, 1, arms)), (cell, shape)):
        theta = theta + scale * random.standard_normal(size)
    at = tuple(random.integers(0, size, outcomes) for size in shape)
    y = theta[at] + 0.25 * random.standard_normal(outcomes)
    cells = batch.cells(SufficientStatistics.of(*at, y, shape=shape))
    free = TRUTH._replace(
        arm=TRUTH.arm._replace(level=np.hypot(level, 0.5)),
        globe=TierScales(1e-6, 1e-6, 0.0),
        noise=np.full(arms, 0.25),
    )
    exact = batch.marginals_reduced(cells, free)[0]
    return Problem(at, y, cells, theta, exact.mean, exact.scale)


def effects_at(flat: Any, shape: tuple[int, int, int]) -> tuple[Any, Any, Any, Any]:
    """Scales (5,), level, context and project effects from one vector."""
    projects, contexts, arms = shape
    parts = jnp.split(flat, np.cumsum([5, arms, contexts * arms]))
    return jnp.exp(parts[0]), parts[1], parts[2].reshape(contexts, arms), parts[3].reshape(projects, arms)


def log_density(data: Problem) -> Callable[[Any], Any]:
    """Of log scales (level, context, project, cell, noise) ~ Normal(log 0.25, 1) and all effects."""
    count, mean = (jnp.asarray(part) for part in data.cells[:2])
    total, squares = float(data.cells.count.sum()), float(data.cells.deviation.sum())
    seen = jnp.asarray(data.cells.count > 0)

    def density(flat: Any) -> Any:
        scales, level, context, project = effects_at(flat, data.cells.count.shape)
        spread = count * scales[3] ** 2 + scales[4] ** 2
        gap = mean - (level + context + project[:, None])
        within = -(total - seen.sum()) * flat[4] - 0.5 * squares / scales[4] ** 2
        between = -0.5 * jnp.where(seen, jnp.log(spread) + count / spread * gap**2, 0.0).sum()
        drawn = sum(
            -0.5 * (part**2).sum() / scale**2 - part.size * jnp.log(scale)
            for part, scale in zip((level, context, project), scales, strict=False)
        )
        return within + between + drawn - 0.5 * ((flat[:5] - np.log(0.25)) ** 2).sum()

    return density


def summary(draws: np.ndarray, data: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Belief about cells from draws of everything else: mean and variance given a draw are known exactly."""
    shape, (count, mean, _) = data.cells.count.shape, data.cells
    first, second, within = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for flat in draws:
        scales, level, context, project = map(np.asarray, effects_at(flat, shape))
        rest = scales[4] ** 2 / (count * scales[3] ** 2 + scales[4] ** 2)
        here = rest * (level + context + project[:, None]) + (1 - rest) * mean
        first, second, within = first + here, second + here**2, within + rest * scales[3] ** 2
    first = first / len(draws)
    return first, np.sqrt(np.maximum(second / len(draws) - first**2, 0) + within / len(draws))


def begin(data: Problem) -> np.ndarray:
    projects, contexts, arms = data.cells.count.shape
    return np.concatenate([np.full(5, np.log(0.25)), np.zeros(arms * (1 + contexts + projects))])


def poolwise(data: Problem, draws: int) -> Found:
    stats = SufficientStatistics.of(*data.rows, data.y, shape=data.cells.count.shape)
    began = time.perf_counter()
    belief = batch.marginals(batch.fit(stats), stats)
    return Found(belief.mean, belief.scale, time.perf_counter() - began)


def numpyro(data: Problem, draws: int) -> Found:
    from numpyro.infer import MCMC, NUTS

    density = log_density(data)
    kernel = NUTS(potential_fn=lambda flat: -density(flat))
    chain = MCMC(kernel, num_warmup=draws, num_samples=draws, progress_bar=False)
    start, key = jnp.asarray(begin(data)), jax.random.PRNGKey(SEED)
    began = time.perf_counter()
    MCMC(kernel, num_warmup=1, num_samples=1, progress_bar=False).run(key, init_params=start)
    compiling = time.perf_counter() - began
    began = time.perf_counter()
    chain.run(key, init_params=start)
    return Found(*summary(np.asarray(chain.get_samples()), data), time.perf_counter() - began, compiling, draws)


def blackjax(data: Problem, draws: int) -> Found:
    import blackjax as library

    density, start = log_density(data), jnp.asarray(begin(data))

    @jax.jit
    def run(key: Any) -> Any:
        first, then = jax.random.split(key)
        (state, parameters), _ = library.window_adaptation(library.nuts, density).run(first, start, num_steps=draws)
        step = library.nuts(density, **parameters).step
        one = lambda state, key: (lambda new: (new, new.position))(step(key, state)[0])
        return jax.lax.scan(one, state, jax.random.split(then, draws))[1]

    key = jax.random.PRNGKey(SEED)
    began = time.perf_counter()
    compiled = run.lower(key).compile()
    compiling = time.perf_counter() - began
    began = time.perf_counter()
    positions = np.asarray(jax.block_until_ready(compiled(key)))
    return Found(*summary(positions, data), time.perf_counter() - began, compiling, draws)


def nutpie(data: Problem, draws: int) -> Found:
    import nutpie as library
    from nutpie.compiled_pyfunc import from_pyfunc

    start = begin(data)
    gradient = jax.jit(jax.value_and_grad(log_density(data)))
    began = time.perf_counter()
    jax.block_until_ready(gradient(jnp.asarray(start)))
    compiling = time.perf_counter() - began

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = gradient(flat)
        return float(value), np.asarray(slope)

    model = from_pyfunc(
        len(start),
        lambda: value_and_slope,
        lambda *_: lambda flat: {"flat": np.asarray(flat)},
        [np.dtype("float64")],
        [(len(start),)],
        ["flat"],
        make_initial_point_fn=lambda _: start,
    )
    began = time.perf_counter()
    trace = library.sample(model, draws=draws, tune=draws, chains=1, cores=1, seed=SEED, progress_bar=False)
    positions = trace.posterior["flat"].values[0]
    return Found(*summary(positions, data), time.perf_counter() - began, compiling, draws)


def mixed_model(data: Problem, draws: int) -> Found:
    """REML; best linear unbiased predictions of every effect, and their joint covariance, as the belief."""
    import pandas as pd
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    shape = data.cells.count.shape
    p, c, a = data.rows
    index = {
        "level": a,
        "context": np.ravel_multi_index((c, a), shape[1:]),
        "project": np.ravel_multi_index((p, a), (shape[0], shape[2])),
        "cell": np.ravel_multi_index(data.rows, shape),
    }
    sizes = {"level": shape[2], "context": shape[1] * shape[2], "project": shape[0] * shape[2], "cell": np.prod(shape)}
    effects = int(sum(sizes.values()))
    if effects > _DENSE:
        need = len(data.y) * effects * 8 / 1e9
        raise NotImplementedError(
            f"crossed effects are one group to MixedLM, with dense matrices of {len(data.y):,} rows by {effects:,} "
            f"effects, {need:.0f} GB each"
        )
    began = time.perf_counter()
    designs = {name: np.eye(int(sizes[name]))[at] for name, at in index.items()}
    names = [[[f"{name}{i}" for i in range(int(sizes[name]))]] for name in designs]
    spec = VCSpec(list(designs), names, [[design] for design in designs.values()])
    fit = MixedLM(pd.Series(data.y), np.ones((len(data.y), 1)), np.zeros(len(data.y)), exog_vc=spec).fit()
    variance = np.concatenate([np.full(int(sizes[name]), v) for name, v in zip(designs, fit.vcomp, strict=True)])
    # With the estimated scales, effects and intercept are one Gaussian: statsmodels gives its pieces without the rest.
    whole = np.concatenate([*designs.values(), np.ones((len(data.y), 1))], 1)
    precision = whole.T @ whole / fit.scale + np.diag(np.concatenate([1 / np.maximum(variance, 1e-12), [1e-9]]))
    covariance = np.linalg.inv(precision)
    mean = covariance @ (whole.T @ data.y) / fit.scale
    cell = np.stack(np.indices(shape)).reshape(3, -1)
    at = (cell[2], np.ravel_multi_index(cell[1:], shape[1:]), np.ravel_multi_index(cell[[0, 2]], (shape[0], shape[2])))
    member = np.concatenate(
        [np.eye(int(sizes[n]))[i] for n, i in zip(designs, (*at, np.arange(cell.shape[1])), strict=True)], 1
    )
    member = np.concatenate([member, np.ones((len(member), 1))], 1)
    scale = np.sqrt(np.einsum("ij,jk,ik->i", member, covariance, member))
    return Found((member @ mean).reshape(shape), scale.reshape(shape), time.perf_counter() - began)


PEERS = {
    "poolwise": poolwise,
    "NumPyro NUTS": numpyro,
    "BlackJAX NUTS": blackjax,
    "nutpie": nutpie,
    "statsmodels MixedLM": mixed_model,
}


def judged(name: str, data: Problem, draws: int) -> dict[str, Any]:
    """One row of the table; where a peer cannot, the reason."""
    try:
        PEERS[name](data, draws) if name == "poolwise" else None
        found = PEERS[name](data, draws)
    except NotImplementedError as reason:
        return {"peer": name, "cannot": str(reason)}
    error = np.abs(found.mean - data.mean) / data.scale
    ratio = found.scale / data.scale
    inside = np.abs(data.theta - found.mean) < NORMAL_95 * found.scale
    return {
        "peer": name,
        "seconds": found.seconds,
        "compiling": found.compiling,
        "draws": found.draws,
        "mean error, sd": float(error.mean()),
        "largest error, sd": float(error.max()),
        "sd ratio": [float(ratio.min()), float(np.median(ratio)), float(ratio.max())],
        "coverage of 90 % intervals": float(inside.mean()),
    }


def line(row: dict[str, Any], fast: float) -> str:
    if "cannot" in row:
        return f"{row['peer']:<22} cannot: {row['cannot']}"
    low, middle, high = row["sd ratio"]
    return (
        f"{row['peer']:<22} {row['seconds']:>9.3f} s ({row['seconds'] / fast:>7,.0f} x)"
        f" + {row['compiling']:>5.1f} s compiling"
        f"   error {row['mean error, sd']:.3f}, at most {row['largest error, sd']:.2f} sd"
        f"   sd ratio {low:.2f} {middle:.2f} {high:.2f}   coverage {row['coverage of 90 % intervals']:.1%}"
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--draws", type=int, default=400, help="after as many steps of warm-up; one chain")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--systems", nargs="*", choices=list(SYSTEMS), default=list(SYSTEMS))
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    body: dict[str, Any] = {
        "seed": SEED,
        "draws": options.draws,
    }
    for system in options.systems:
        shape, outcomes = SYSTEMS[system]
        data, found = problem(shape, outcomes), []
        print(f"{system}, {outcomes:,} outcomes", flush=True)
        for name in options.peers:
            found.append(judged(name, data, options.draws))
            print(line(found[-1], found[0].get("seconds", 1.0)), flush=True)
        body[system] = {"shape": shape, "outcomes": outcomes, "table": found}
    save(options.json, body)


if __name__ == "__main__":
    main()

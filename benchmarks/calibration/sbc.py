"""Simulation-based calibration of every NumPyro model: the rank of the truth among posterior draws is uniform.

    python -m benchmarks.calibration.sbc --json benchmarks/results/sbc.json

For every simulation: parameters from the prior, data from them, NUTS on the data, and the rank of each parameter among
99 thinned draws (Talts and others 2018). Uniformity is tested by chi-square over 20 bins, or fewer where simulations
are few; with all quantities of all models together the chance of a false alarm is `FALSE_ALARM`. Half an hour of one
core. Models that are left out stay as they are in the file. Exits with 1 where a quantity fails.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.handlers import reparam
from numpyro.infer import MCMC, NUTS, Predictive
from poolwise.models.bernoulli import bernoulli
from poolwise.models.censored import censored, observe
from poolwise.models.effects import NON_CENTRED
from poolwise.models.factors import factors
from poolwise.models.gaussian import Summary, gaussian, gaussian_rows
from poolwise.models.heavy_tailed import heavy_tailed
from poolwise.models.utility import Design, Outcomes, utility
from scipy.stats import chi2

from benchmarks.harness.result import arguments, save

FALSE_ALARM = 0.01
BINS, FILLED, DRAWS = (20, 10, 5), 5, 99
"""As many bins as have so many simulations each."""
WARMUP, THIN = 400, 8
SHAPE, FAMILY = (3, 2, 4), np.array([0, 0, 1, 1])
COUNT = np.random.default_rng(5).integers(0, 5, SHAPE)
"""Some cells never seen, some seen once."""
ROWS = tuple(np.repeat(np.indices(SHAPE).reshape(3, -1), COUNT.reshape(-1), axis=1))
LIMIT = np.full(len(ROWS[0]), 0.3)
PSEUDO = np.array([[3.0, 1.0], [3.0, 1.0], [2.0, 2.0], [2.0, 2.0]])


class Case(NamedTuple):
    """A model with its design: data None simulates. `condition` picks its data from a simulation."""

    model: Callable[..., Any]
    condition: Callable[[dict[str, Any]], Any]
    quantities: tuple[str, ...]
    """Sites whose ranks are taken: scalars, or the first few entries of arrays."""
    collapsed: bool = False
    """The cells are integrated out when fitting and drawn exactly afterwards."""


_TAUS = ("tau_arm_level", "tau_arm_context", "tau_arm_project", "tau_family_level", "tau_global_context", "tau_cell")


def _summary(draw: dict[str, Any]) -> Summary:
    return Summary(draw["mean"], draw["within"])


CASES = {
    "gaussian": Case(
        partial(gaussian, COUNT, FAMILY), _summary, (*_TAUS, "sigma", "effect", "arm_effects", "theta"), True
    ),
    "gaussian_shared": Case(
        partial(gaussian, COUNT, FAMILY, shared=True, by_context=True),
        _summary,
        ("tau_family_cell", "tau_global_cell", "tau_cell", "spread", "sigma", "effect", "theta"),
        True,
    ),
    "gaussian_rows": Case(
        partial(gaussian_rows, SHAPE, ROWS, FAMILY), lambda draw: draw["y"], (*_TAUS, "sigma", "theta")
    ),
    "bernoulli": Case(
        partial(bernoulli, COUNT, PSEUDO),
        lambda draw: draw["successes"],
        ("kappa_context", "kappa_cell", "chance_arm", "chance_context", "chance"),
        True,
    ),
    "utility": Case(
        partial(utility, Design(COUNT, COUNT), PSEUDO, -2.0, FAMILY),
        lambda draw: Outcomes(draw["successes"], _summary(draw)),
        ("tau_cell", "kappa_cell", "chance", "theta", "utility"),
        True,
    ),
    "censored": Case(
        partial(censored, SHAPE, ROWS, LIMIT, FAMILY),
        lambda draw: observe(draw["y"], LIMIT),
        (*_TAUS, "sigma", "theta"),
    ),
    "heavy_tailed": Case(
        partial(heavy_tailed, SHAPE, ROWS, FAMILY), lambda draw: draw["y"], (*_TAUS, "sigma", "nu", "theta")
    ),
    "factors": Case(
        partial(factors, COUNT, 2, FAMILY),
        _summary,
        ("tau_level", "tau_context", "tau_factor", "tau_cell", "sigma", "effect", "theta"),
        True,
    ),
}
ENTRIES = 4


def picked(sites: dict[str, Any], quantities: tuple[str, ...], batch: int) -> Any:
    """The quantities side by side, (..., k); `batch` leading axes are kept."""
    columns = [jnp.reshape(sites[name], (*jnp.shape(sites[name])[:batch], -1))[..., :ENTRIES] for name in quantities]
    return jnp.concatenate(columns, axis=-1)


def simulated(case: Case, key: Any) -> dict[str, Any]:
    """All sites of one draw from the prior, data included."""
    model = partial(case.model, cells=True) if case.collapsed else case.model
    return {name: value[0] for name, value in Predictive(model, num_samples=1)(key).items()}


def names(case: Case) -> list[str]:
    """Names of the columns of `picked`."""
    sites = simulated(case, jax.random.key(0))
    widths = {name: min(int(np.prod(sites[name].shape)), ENTRIES) for name in case.quantities}
    return [f"{name}[{i}]" if width > 1 else name for name, width in widths.items() for i in range(width)]


def ranks(case: Case, key: Any) -> tuple[Any, Any]:
    """Rank (k,) of one simulated truth among the draws, and the number of divergences."""
    simulation, sampling, completion = jax.random.split(key, 3)
    truth = simulated(case, simulation)
    data = case.condition(truth)
    fitted = partial(case.model, data=data, **({"cells": False} if case.collapsed else {}))
    kernel = NUTS(reparam(fitted, NON_CENTRED), target_accept_prob=0.95, max_tree_depth=8)
    chain = MCMC(kernel, num_warmup=WARMUP, num_samples=DRAWS * THIN, thinning=THIN, progress_bar=False)
    chain.run(sampling, extra_fields=("diverging",))
    draws = chain.get_samples()
    if case.collapsed:
        draws |= Predictive(partial(case.model, data=data, cells=True), draws)(completion)
    below = (picked(draws, case.quantities, 1) < picked(truth, case.quantities, 0)).sum(0)
    return below, chain.get_extra_fields()["diverging"].sum()


def calibrate(name: str, simulations: int, seed: int, done: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Ranks of all simulations of a model as histograms, with the p value of each quantity."""
    case = CASES[name]
    with jax.enable_x64(True):
        columns, one = names(case), jax.jit(partial(ranks, case))
        found, diverging = [], 0
        for number, key in enumerate(jax.random.split(jax.random.key(seed), simulations)):
            below, divergent = one(key)
            found.append(np.asarray(below))
            diverging += int(divergent)
            done(number)
    table, size = np.array(found), bins(simulations)
    histograms = [np.bincount(column * size // (DRAWS + 1), minlength=size) for column in table.T]
    pvalues = [uniformity(histogram) for histogram in histograms]
    quantities = {
        column: {"p": p, "histogram": histogram.tolist()}
        for column, p, histogram in zip(columns, pvalues, histograms, strict=True)
    }
    return {"simulations": simulations, "seed": seed, "divergences": diverging, "quantities": quantities}


def bins(simulations: int) -> int:
    return next((size for size in BINS if simulations >= FILLED * size), BINS[-1])


def uniformity(histogram: np.ndarray) -> float:
    """p value of a uniform histogram, chi-square with one degree of freedom less than bins."""
    expected = histogram.sum() / len(histogram)
    return float(chi2.sf(((histogram - expected) ** 2).sum() / expected, len(histogram) - 1))


def threshold(models: int = len(CASES)) -> float:
    """p value below which a quantity counts as miscalibrated: Bonferroni over all quantities of all models."""
    return FALSE_ALARM / (models * 20)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--simulations", type=int, default=50)
    parser.add_argument("--models", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    known = json.loads(options.json.read_text())["models"] if options.json and options.json.exists() else {}
    results: dict[str, Any] = {name: found for name, found in known.items() if name in CASES}
    for name in options.models:
        start = time.process_time()
        results[name] = calibrate(name, options.simulations, options.seed)
        worst = min(results[name]["quantities"].items(), key=lambda item: item[1]["p"])
        seconds = time.process_time() - start
        print(f"{name:16} smallest p {worst[1]['p']:.4f} ({worst[0]}), {seconds:.0f} s of processor time, ", end="")
        print(f"{results[name]['divergences']} divergences", flush=True)
        save(options.json, written(results))
    sys.exit(bool(failed(results)))


def failed(results: dict[str, Any]) -> list[str]:
    """Quantities that are not calibrated, as model: quantity."""
    return [f"{name}: {quantity}" for name, found in results.items()
            for quantity, one in found["quantities"].items() if one["p"] < threshold()]  # fmt: skip


def written(results: dict[str, Any]) -> dict[str, Any]:
    stated = {"false_alarm": FALSE_ALARM, "threshold": threshold(), "draws": DRAWS, "failed": failed(results)}
    return {**stated, "models": results}


if __name__ == "__main__":
    main()

"""The closed form: scales by maximum marginal likelihood, draws from the exact posterior that serves.

Every group of the file for ArviZ is filled from the same densities as the NumPyro models': with effect e, own cell t
and noise s, the mean y of n outcomes of a cell is Normal(e, t^2 + s^2 / n), and its successes are beta-binomial.
"""

import time

import numpy as np
from scipy.stats import betabinom, norm

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.gp.bernoulli_kernel import aggregate
from poolwise.posterior.hyperparameters.estimation import (
    Hyperparameters,
    estimate_hyperparameters,
    init_hyperparameters,
)
from poolwise.posterior.hyperparameters.gaussian import TierScales
from poolwise.posterior.likelihoods.bernoulli import cavity, marginals, parent_counts
from poolwise.refit.draws import exact_sampling, serving_marginals
from poolwise.refit.options import Options
from poolwise.refit.result import Draws, RefitResult, Values, thinning


def run(problem: RefitData, options: Options) -> RefitResult:
    """Scales from all statistics; draws of everything they imply."""
    began = time.perf_counter()
    large = options.device == "gpu" or problem.stats.count.size >= COMPILED
    hyperparameters = estimate(problem, options.device if large else None)
    fit = hyperparameters.gaussian
    found = bool(np.isfinite(fit.log_evidence))
    notes = {
        "log_evidence": fit.log_evidence if found else None,
        "iterations": fit.iterations,
        "converged": bool(fit.converged),
        "seconds": time.perf_counter() - began,
    }
    return RefitResult(
        hyperparameters, drawn(problem, hyperparameters, options) if found else EMPTY, None, None, notes, chains={}
    )


def estimate(problem: RefitData, device: str | None = None) -> Hyperparameters:
    """Scales by maximum marginal likelihood; device: see `estimate_hyperparameters`."""
    tried, succeeded = serving_marginals.padded_tally(problem)
    stats = serving_marginals.padded(problem)
    return estimate_hyperparameters(
        problem.hyperparameters, stats, tried, succeeded, problem.prior, full=True, device=device
    )


COMPILED = 2_000_000
"""Cells from which compiling the likelihood on the CPU pays. Systems so large are served by NumPy, so that no other
compiled call runs beside."""
CHECKED = 50
"""Draws per chain where they only serve the gate."""
EMPTY = Draws({}, {}, {}, {}, {}, {}, {})


def drawn(problem: RefitData, hyperparameters: Hyperparameters, options: Options) -> Draws:
    """Draws from posterior and prior, and what they predict."""
    random = np.random.default_rng(options.seed)
    cells, wanted = int(np.prod(problem.shape)), options.draws if options.save else min(options.draws, CHECKED)
    each = max(wanted // thinning(options.chains, wanted, cells), 4)
    theta = exact_sampling.draws(problem, hyperparameters, random, options.chains * each)
    chance = _beta(random, *_pseudo_counts(problem, hyperparameters), options.chains * each)
    before = _before(problem)
    prior = exact_sampling.prior_draws(before, random, each)
    prior_chance = _beta(random, *_pseudo_counts(before, before.hyperparameters), each)
    shaped = {name: _by_chain(values, options.chains) for name, values in (theta | {"chance": chance}).items()}
    return Draws(
        posterior=shaped,
        sample_stats={"lp": log_likelihood(problem, hyperparameters, theta).sum(-1).reshape(options.chains, each)},
        prior={name: values[None] for name, values in (prior | {"chance": prior_chance}).items()},
        prior_predictive={
            name: v[None] for name, v in _replicated(problem, before.hyperparameters, prior, prior_chance, random)
        },
        posterior_predictive={
            name: _by_chain(v, options.chains)
            for name, v in _replicated(problem, hyperparameters, theta, chance, random)
        },
        log_likelihood={
            "mean": _by_chain(log_likelihood(problem, hyperparameters, theta), options.chains),
            "successes": np.broadcast_to(
                _success_likelihood(problem, hyperparameters), (options.chains, each, _tried(problem))
            ),
        },
        constant_data=_scales(hyperparameters),
    )


def log_likelihood(problem: RefitData, hyperparameters: Hyperparameters, drawn: Values) -> np.ndarray:
    """(draws, seen cells): log density of the mean outcome of every cell, its own deviation integrated out where the
    effects are known."""
    seen = problem.stats.count > 0
    count = problem.stats.count[seen]
    own = exact_sampling.own(problem, hyperparameters) if "effect" in drawn else 0.0
    deviation = np.sqrt(own**2 + serving_marginals.noise(problem, hyperparameters)[seen] ** 2 / count)
    centre = drawn.get("effect", drawn["theta"])[:, seen]
    return np.asarray(norm.logpdf(problem.stats.total[seen] / count, centre, deviation))


def _replicated(
    problem: RefitData, hyperparameters: Hyperparameters, drawn: Values, chance: np.ndarray, random: np.random.Generator
) -> list[tuple[str, np.ndarray]]:
    """Mean outcomes and successes of new outcomes, as many as were seen; NaN and 0 where none were. What a cell has of
    its own is drawn anew around its effects, as in `log_likelihood`."""
    count, centre = problem.stats.count, drawn.get("effect", drawn["theta"])
    own = exact_sampling.own(problem, hyperparameters) if "effect" in drawn else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.where(
            count > 0, np.sqrt(own**2 + serving_marginals.noise(problem, hyperparameters) ** 2 / count), np.nan
        )
    mean = centre + deviation * random.standard_normal(centre.shape)
    successes = random.binomial(np.round(problem.tried).astype(np.int64), chance)
    return [("mean", mean), ("successes", successes)]


def _success_likelihood(problem: RefitData, hyperparameters: Hyperparameters) -> np.ndarray:
    """Log probability of the successes of every tried cell, given all other cells."""
    pseudo_counts = aggregate(hyperparameters.gaussian, hyperparameters.success, problem.tried, problem.succeeded)
    prior = cavity(
        hyperparameters.success, pseudo_counts.cell, pseudo_counts.context[:, None], parent_counts(pseudo_counts)
    )
    tried = problem.tried > 0
    n, k = (np.round(part[tried]) for part in (problem.tried, problem.succeeded))
    a, b = (prior.mean * prior.size)[tried], ((1 - prior.mean) * prior.size)[tried]
    return np.asarray(betabinom.logpmf(k, n, a, b))


def _tried(problem: RefitData) -> int:
    return int((problem.tried > 0).sum())


def _pseudo_counts(problem: RefitData, hyperparameters: Hyperparameters) -> tuple[np.ndarray, np.ndarray]:
    found = marginals(
        hyperparameters.success,
        aggregate(hyperparameters.gaussian, hyperparameters.success, problem.tried, problem.succeeded),
    )
    return found.mean * found.size, (1 - found.mean) * found.size


def _beta(random: np.random.Generator, a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    return random.beta(a, b, (count, *a.shape))


def _before(problem: RefitData) -> RefitData:
    """The same names before any outcome, with the hyperprior's medians as scales."""
    empty = problem._replace(
        stats=type(problem.stats)(*(np.zeros_like(part) for part in problem.stats)),
        tried=np.zeros_like(problem.tried),
        succeeded=np.zeros_like(problem.succeeded),
    )
    gaussian, success = problem.hyperparameters[:2]
    index = gaussian.family if gaussian.families else np.arange(problem.shape[2])
    elicited, ground = problem.hyperparameters.expert, gaussian.ground
    return empty._replace(
        hyperparameters=init_hyperparameters(index, success.prior, problem.prior, elicited=elicited, ground=ground)
    )


def _scales(hyperparameters: Hyperparameters) -> Values:
    """Scales that were estimated and not drawn, by the names of the models' sites."""
    scales = hyperparameters.gaussian.scales
    tiers = {"arm": scales.arm, "family": scales.family, "global": scales.globe}
    named = {f"tau_{tier}_{block}": np.asarray(getattr(values, block), dtype=float) for tier, values in tiers.items()
             for block in TierScales._fields}  # fmt: skip
    kappa = {
        name: np.asarray(getattr(hyperparameters.success, name), dtype=float)
        for name in ("kappa_context", "kappa_cell")
    }
    return named | {"noise": np.asarray(scales.noise, dtype=float)} | kappa


def _by_chain(values: np.ndarray, chains: int) -> np.ndarray:
    return values.reshape(chains, len(values) // chains, *values.shape[1:])

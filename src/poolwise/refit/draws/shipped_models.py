"""What `poolwise.models.gaussian` and `bernoulli` say of cells, given draws of their parameters: in NumPy.

The densities are those of the models; compiling these took half a minute, which is more than sampling them collapsed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.crossed.batch import cells
from poolwise.refit.draws.derived_quantities import CHUNK, Groups
from poolwise.refit.draws.serving_marginals import is_wide, shares_cells
from poolwise.refit.methods.submodels import prior_of
from poolwise.refit.result import Values

_EDGE = 1e-6
"""Where the model of success holds chances."""
_LOG_2PI = 1.8378770664093453


def completed(problem: RefitData, part: str, drawn: Mapping[str, np.ndarray], random: Any) -> Iterator[Groups]:
    """As `draws.completed`, for draws (draws, ...) of the sites of `utility` or `success`."""
    count = len(next(iter(drawn.values())))
    for at in range(0, count, CHUNK):
        chunk = {name: values[at : at + CHUNK] for name, values in drawn.items()}
        yield (_utility if part == "utility" else _success)(problem, chunk, random)


def simulated(problem: RefitData, part: str, count: int, random: Any) -> Values:
    """As `draws.simulated`: so many draws from the prior, data included, each (count, ...)."""
    if part == "success":
        sites = _prior_success(problem, count, random)
        a, b = _around(sites["chance_context"], sites["kappa_cell"])
        chance = random.beta(a[:, None], b[:, None], (count, *problem.shape))
        return sites | {"chance": chance, "successes": random.binomial(_whole(problem.tried), chance)}
    sites = _prior_utility(problem, count, random)
    effect = _effect(problem, sites)
    theta = effect + _wide(sites["tau_cell"]) * random.standard_normal(effect.shape)
    return sites | {"effect": effect, "theta": theta} | _replicated(problem, sites, effect, random)


def _utility(problem: RefitData, sites: Values, random: Any) -> Groups:
    effect, seen = _effect(problem, sites), problem.stats.count > 0
    tau, variance, mean = _wide(sites["tau_cell"]), _variance(problem, sites), cells(problem.stats).mean
    shrinkage = np.where(seen, variance / (variance + tau**2), 1.0)
    theta = mean + shrinkage * (effect - mean) + tau * shrinkage**0.5 * random.standard_normal(effect.shape)
    total = tau**2 + variance
    likelihood = -0.5 * ((mean - effect) ** 2 / total + np.log(total) + _LOG_2PI)
    return {
        "cells": {"effect": effect, "theta": theta},
        "predicted": _replicated(problem, sites, effect, random),
        "likelihood": {"mean": np.where(seen, likelihood, 0.0)},
    }


def _replicated(problem: RefitData, sites: Values, effect: np.ndarray, random: Any) -> Values:
    """Means of new outcomes, as many as were seen, and squared deviations around the cells' means."""
    deviation = np.sqrt(_wide(sites["tau_cell"]) ** 2 + _variance(problem, sites))
    freedom = np.maximum(problem.stats.count - 1, 0).sum(0)
    noise = _noise(problem, sites)
    within = noise**2 * random.chisquare(np.maximum(freedom, 1), noise.shape)
    return {"mean": effect + deviation * random.standard_normal(effect.shape), "within": within}


def _effect(problem: RefitData, sites: Values) -> np.ndarray:
    """(draws, projects, contexts, arms)."""
    (projects, contexts, _), v = problem.shape, sites["arm_effects"]
    size = 1 + contexts + projects
    effect = v[:, :, 0, None, None] + v[:, :, 1 + contexts :, None] + v[:, :, None, 1 : 1 + contexts]
    if shares_cells(problem):
        families = problem.hyperparameters.gaussian.family
        above = sites["family_effects"][:, families] if "family_effects" in sites else sites["global_effects"][:, None]
        effect = effect + above[..., size:].reshape(len(v), -1, projects, contexts)
    return np.moveaxis(effect, 1, 3)


def _noise(problem: RefitData, sites: Values) -> np.ndarray:
    """(draws, contexts, arms)."""
    fit, sigma = problem.hyperparameters.gaussian, sites["sigma"]
    own = sigma if sigma.shape[1] == problem.shape[2] else sigma[:, fit.family]
    spread = sites["spread"] if "spread" in sites else np.ones((len(own), problem.shape[1]))
    return np.asarray(spread[:, :, None] * own[:, None])


def _variance(problem: RefitData, sites: Values) -> np.ndarray:
    """Of the mean outcome of every cell given its theta."""
    return np.asarray(_noise(problem, sites)[:, None] ** 2 / np.maximum(problem.stats.count, 1))


def _success(problem: RefitData, sites: Values, random: Any) -> Groups:
    tried, succeeded = _whole(problem.tried), _whole(problem.succeeded)
    a, b = (part[:, None] for part in _around(sites["chance_context"], sites["kappa_cell"]))
    ways = gammaln(tried + 1) - gammaln(succeeded + 1) - gammaln(tried - succeeded + 1)
    likelihood = ways + betaln(a + succeeded, b + tried - succeeded) - betaln(a, b)
    again = random.beta(a, b, (len(a), *problem.shape))
    return {
        "cells": {"chance": random.beta(a + succeeded, b + tried - succeeded)},
        "predicted": {"successes": random.binomial(tried, again)},
        "likelihood": {"successes": likelihood},
    }


def _prior_success(problem: RefitData, count: int, random: Any) -> Values:
    pseudo, (_, contexts, arms) = problem.hyperparameters.success.prior, problem.shape
    kappa = {name: np.exp(np.log(20.0) + random.standard_normal(count)) for name in ("kappa_context", "kappa_cell")}
    arm = random.beta(pseudo[:, 0], pseudo[:, 1], (count, arms))
    a, b = _around(arm, kappa["kappa_context"])
    context = random.beta(a[:, None], b[:, None], (count, contexts, arms))
    return kappa | {"chance_arm": arm, "chance_context": context}


def _prior_utility(problem: RefitData, count: int, random: Any) -> Values:
    prior, fit, (projects, contexts, arms) = prior_of(problem), problem.hyperparameters.gaussian, problem.shape
    families = 0 if is_wide(problem) else fit.families
    drawn = lambda median, width, *size: median * np.exp(width * random.standard_normal((count, *size)))
    sites: Values = {"tau_cell": drawn(prior.cell, prior.width), "sigma_common": drawn(prior.noise, prior.noise_width)}
    sites["sigma"] = sites["sigma_common"][:, None] * drawn(1.0, prior.width, families or arms)
    if not is_wide(problem):
        sites["spread"] = drawn(1.0, prior.spread_width, contexts)
    sizes = (1, contexts, projects, projects * contexts)
    shared, above = shares_cells(problem), prior.mean * (np.arange(1) == 0)
    for tier, members, medians, cell in (
        ("global", 1, prior.globe, prior.global_cell),
        *([("family", families, prior.family, prior.family_cell)] if families else []),
        ("arm", arms, prior.arm, None),
    ):
        blocks = [*medians, *([cell] if shared and cell is not None else [])]
        scales = [drawn(median, prior.width) for median in blocks]
        if tier == "global":
            scales[0] = np.full(count, blocks[0])
        names = ("level", "context", "project", "cell")[: len(scales)]
        sites |= {f"tau_{tier}_{name}": scale for name, scale in zip(names, scales, strict=True)}
        deviation = np.concatenate([np.repeat(s[:, None], n, 1) for s, n in zip(scales, sizes, strict=False)], 1)
        own = deviation[:, None] * random.standard_normal((count, members, deviation.shape[1]))
        start = np.pad(above, (0, own.shape[2] - 1)) if tier == "global" else above[..., : own.shape[2]]
        above = start + own
        sites[f"{tier}_effects"] = above[:, 0] if tier == "global" else above
        above = above[:, fit.family] if tier == "family" else above
    sites.pop("tau_global_level")
    return sites


def _around(mean: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pseudo-counts (draws, ...) around chances (draws, ...)."""
    size, inside = kappa.reshape(-1, *(1,) * (mean.ndim - 1)), np.clip(mean, _EDGE, 1 - _EDGE)
    return size * inside, size * (1 - inside)


def _wide(scale: np.ndarray) -> np.ndarray:
    """(draws,) for arrays of cells."""
    return scale[:, None, None, None]


def _whole(counts: np.ndarray) -> np.ndarray:
    """Evidence that a change let fade leaves parts of outcomes: a binomial wants whole ones."""
    return np.round(counts).astype(np.int64)

"""What NumPyro is to sample: the utility given success and the success, which share no parameter and go apart.

The utility is `poolwise.models.gaussian`, or a model file of the user's own in its place; success is
`poolwise.models.bernoulli`. Both are given sufficient statistics, so that their cost depends on the cells alone.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpyro.infer.reparam import LocScaleReparam

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.errors import RefitError
from poolwise.models.bernoulli import bernoulli
from poolwise.models.effects import Hyperprior
from poolwise.models.gaussian import Summary, gaussian
from poolwise.posterior.crossed import canonical_form
from poolwise.posterior.crossed.batch import cells
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import EffectLayout, TierScales, cell_scale, noise_scale
from poolwise.refit.draws.serving_marginals import is_wide, shares_cells, success_prior
from poolwise.refit.options import Options
from poolwise.refit.user_models import read_model


class Submodel(NamedTuple):
    """A model with its data."""

    name: str
    model: Callable[..., Any]
    """(data=None, cells=False): simulated without data; `cells` adds the sites of every cell."""
    data: Any
    centring: dict[str, Any]
    """For `numpyro.handlers.reparam`: how far each effect is sampled around its mean, 1, or standardised, 0."""


def parts(problem: RefitData, options: Options, hyperparameters: Hyperparameters) -> list[Submodel]:
    """hyperparameters: near those that will be found; they choose the parametrisation and nothing else."""
    if problem.outcomes == 0 or not problem.tried.any():
        raise RefitError("there is no outcome to sample from: use method 'fast', or observe some outcomes first")
    if problem.hyperparameters.gaussian.scales.pooled is not None or problem.hyperparameters.success.pooled is not None:
        raise RefitError("this store borrows from others, which only the closed form can: use method 'fast'")
    if problem.hyperparameters.expert is not None:
        raise RefitError("utility_priors are known to the closed form alone: use method 'fast', or leave them out")
    made = [utility(problem, options, hyperparameters)] if problem.stats.count.any() else []
    # Evidence that a change let fade leaves parts of outcomes: a binomial wants whole ones.
    tried, succeeded = (np.round(part).astype(np.int64) for part in (problem.tried, problem.succeeded))
    success = partial(bernoulli, tried, success_prior(problem))
    return [*made, Submodel("success", success, succeeded, {})]


def utility(problem: RefitData, options: Options, hyperparameters: Hyperparameters) -> Submodel:
    """The model of the utility given success, conditioned on the statistics."""
    index = (
        problem.hyperparameters.gaussian.family
        if problem.hyperparameters.gaussian.families and not is_wide(problem)
        else None
    )
    function = gaussian if options.model is None else read_model(options.model, options.function)
    taken = inspect.signature(function).parameters
    free = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values())
    wanted = {"shared": shares_cells(problem), "by_context": not is_wide(problem), "prior": prior_of(problem)}
    given = {name: value for name, value in wanted.items() if free or name in taken}
    model = partial(function, problem.stats.count, index, **given)
    return Submodel(
        "utility", model, summary(problem, bool(given.get("by_context"))), centring(problem, hyperparameters, index)
    )


def summary(problem: RefitData, by_context: bool) -> Summary:
    """Mean outcome of every cell (0 where unseen), and squared deviations of every arm, or context and arm."""
    found = cells(problem.stats)
    return Summary(found.mean, found.deviation.sum(0 if by_context else (0, 1)))


def prior_of(problem: RefitData) -> Hyperprior:
    """The hyperprior of the fast core in the terms of the models."""
    prior, median = problem.prior, problem.prior.median
    tiers = {name: tuple(map(float, getattr(median, name)[:3])) for name in ("arm", "family", "globe")}
    shared = shares_cells(problem)
    return Hyperprior(
        **tiers,
        cell=float(median.arm.cell if shared else np.asarray(cell_scale(median, False))),
        family_cell=float(median.family.cell),
        global_cell=float(median.globe.cell),
        noise=float(np.asarray(median.noise).mean()),
        mean=float(np.asarray(median.mean)),
        width=prior.width,
        noise_width=prior.noise_width,
        spread_width=prior.spread_width,
    )


def centring(problem: RefitData, hyperparameters: Hyperparameters, family: Any) -> dict[str, Any]:
    """The share of every effect's information that comes from its data, tier by tier: the best partial centring
    (Papaspiliopoulos, Roberts and Skoeld 2007). Sites that a model does not have are no matter."""
    found, form = (
        hyperparameters.gaussian.scales,
        EffectLayout(problem.shape[1], problem.shape[0], shares_cells(problem)),
    )
    cell, noise = cell_scale(found, form.cells), noise_scale(found, form.contexts)
    potential = canonical_form.canonical_form(*cells(problem.stats), cell, noise, cells=form.cells)
    arms = np.diagonal(potential.precision, axis1=1, axis2=2)
    member = np.eye(1 + int(family.max()))[family] if family is not None else np.ones((len(arms), 1))
    shares, below = {}, arms
    for name, tier in (("arm", found.arm), ("family", found.family), ("global", found.globe)):
        if name == "family" and family is None:
            continue
        if name == "global":
            member = np.ones((len(below), 1))
        if name != "arm":
            below = member.T @ below
        variance = np.maximum(form.variances(TierScales(*map(float, tier)), np), 1e-12)
        share = variance * below / (1 + variance * below)
        shares[name] = share[:, : 1 + sum(problem.shape[:2])] if name == "arm" else share
        below = below / (1 + variance * below)
    shares["global"] = shares["global"][0]
    return {f"{name}_effects": LocScaleReparam(np.clip(share, 0.0, 1.0)) for name, share in shares.items()}

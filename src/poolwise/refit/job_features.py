"""Refits where jobs have features: methods and gate know the hierarchy alone, and slopes are estimated on top of it.

What the gate checks is the belief about the average job. A fast refit estimates the slopes from all outcomes that are
kept; other methods, and refits of events from elsewhere, take those that serve as known.
"""

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, estimate_hyperparameters
from poolwise.refit.draws import serving_marginals


def without(problem: RefitData) -> RefitData:
    """The problem as methods know it: with the scales that would serve without features, on the same statistics."""
    if problem.rows is None and problem.hyperparameters.features is None:
        return problem
    return problem._replace(hyperparameters=_estimated(problem, slopes=False), online=None)


def with_slopes(problem: RefitData, found: Hyperparameters, *, again: bool) -> Hyperparameters:
    """What a method found, with slopes. again: they are estimated, together with all other scales."""
    if problem.rows is not None and again:
        return _estimated(problem, slopes=True)
    return found._replace(features=problem.hyperparameters.features)


def _estimated(problem: RefitData, *, slopes: bool) -> Hyperparameters:
    stats, (tried, succeeded) = serving_marginals.padded(problem), serving_marginals.padded_tally(problem)
    known, rows = problem.hyperparameters, problem.rows if slopes else None
    return estimate_hyperparameters(known, stats, tried, succeeded, problem.prior, rows, full=slopes)

"""From draws of a model's scales to the one set of scales that serves.

A belief is a mean and a standard deviation, so scales of effects serve by their mean square: by the law of total
variance the variance of what was never seen is then the full posterior's.

    tau serves as sqrt(E[tau^2 | y]),  noise as exp(E[log noise | y])

Noise is well known where there are outcomes, but only as the product of a family's and a context's: each alone is as
vague as its hyperprior. Mean logarithms add up to that of the product; mean squares would count what is vague in both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales, cell_scale
from poolwise.refit.draws.serving_marginals import is_wide, shares_cells

ABSENT = 1e-3
"""Of its median: the scale of effects that a model does not have."""


def point_estimates(problem: RefitData, sites: Mapping[str, np.ndarray]) -> Hyperparameters:
    """Scales that serve, from draws (chain, draw, ...) of the sites of the models; sites that lack keep what served."""
    success = problem.hyperparameters.success
    kappa: dict[str, Any] = {
        name: float(geometric_mean(sites[name])) for name in ("kappa_context", "kappa_cell") if name in sites
    }
    found = problem.hyperparameters._replace(success=success._replace(**kappa))
    if "tau_cell" not in sites:
        return found
    spreads = {name: values for name, values in sites.items() if name.startswith("tau_")}
    usual = {name: geometric_mean(sites[name]) for name in (*spreads, "sigma", "spread") if name in sites}
    serves = _scales(problem, usual | {name: root_mean_square(values) for name, values in spreads.items()})
    fit = problem.hyperparameters.gaussian._replace(
        scales=serves, coordinates=coordinates(problem, _scales(problem, usual))
    )
    return found._replace(gaussian=fit)


def geometric_mean(draws: np.ndarray) -> np.ndarray:
    """Of draws (chain, draw, ...): exp of the mean logarithm."""
    return np.asarray(np.exp(np.log(draws).mean((0, 1))))


def root_mean_square(draws: np.ndarray) -> np.ndarray:
    """Of draws (chain, draw, ...)."""
    return np.asarray(np.sqrt(np.square(draws).mean((0, 1))))


def _scales(problem: RefitData, scales: Mapping[str, np.ndarray]) -> GaussianHyperparameters:
    median = problem.prior.median
    tiers = {
        name: TierScales(*(float(scales.get(f"tau_{name}_{block}", ABSENT * float(usual)))
                     for block, usual in zip(TierScales._fields, tier, strict=True)))
        for name, tier in (("arm", median.arm), ("family", median.family), ("global", median.globe))
    }  # fmt: skip
    arm, family = tiers["arm"], tiers["family"]
    globe = tiers["global"]._replace(level=float(median.globe.level))
    own = float(scales["tau_cell"])
    if shares_cells(problem):
        arm = arm._replace(cell=own)
    else:
        # One deviation of a cell; its parts by tier are known no better than before.
        share = own / float(np.asarray(cell_scale(median, False)))
        arm, family, globe = (
            tier._replace(cell=share * float(usual.cell))
            for tier, usual in ((arm, median.arm), (family, median.family), (globe, median.globe))
        )
    if is_wide(problem):
        arm, family = arm._replace(cell=float(np.hypot(arm.cell, family.cell))), TierScales(0.0, 0.0, 0.0)
    index = problem.hyperparameters.gaussian.family
    sigma = np.atleast_1d(scales["sigma"])
    noise = sigma if len(sigma) == len(index) else sigma[index]
    return GaussianHyperparameters(
        arm, family, globe, noise, scales.get("spread", np.zeros(0)), median.mean, median.pooled
    )


def coordinates(problem: RefitData, scales: GaussianHyperparameters) -> np.ndarray:
    """Where these scales lie for the search of `hyperparameters.optimize`: a warm start for the next fast refit."""
    prior, index = problem.prior, problem.hyperparameters.gaussian.family
    median = prior.median
    with np.errstate(divide="ignore"):
        tiers = [
            np.log(np.asarray(scale, dtype=float) / float(usual))
            for tier, known in ((scales.arm, median.arm), (scales.family, median.family), (scales.globe, median.globe))
            for scale, usual in zip(tier, known, strict=True)
        ]
    first = np.unique(index, return_index=True)[1]
    own = np.log(np.asarray(scales.noise)[first])
    common = own.mean()
    usual = float(np.log(np.asarray(median.noise).mean()))
    noise = [common - usual, *(own - common)]
    return np.clip(np.concatenate([tiers, noise, np.log(scales.spread)]), -6.0, 6.0)

"""What an expert expects of the utility of families, discounted as far as outcomes contradict it.

Under a stated mean m_f and standard deviation s_f the arms of family f lie around m_f instead of 0, and the level of
the family was measured there with an error of s_f. Believed with weight w_f that counts as

    level_f around w_f m_f,    measured with variance (s_f^2 + (1 - w_f) V) / w_f

V being the usual variance of a level, so that before any outcome mean and variance go straight from what is usual to
what was said as w_f goes from 0 to 1. The weight is that of `conflict`, with

    B_f = p(outcomes | what was said of f) / p(outcomes | what is usual)

the marginal likelihoods of the closed form, one family at a time. Where families have no tier of their own, each of
their arms takes an equal share of the measurement.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Bool, Float, Int
from poolwise.posterior.crossed import collapsed
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.crossed.solve import solve
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, ElicitedOffset
from poolwise.posterior.transfer.prior_data_conflict import CONFLICT_THRESHOLD, posterior_weight

_USUAL = HYPERPRIOR.median.family.level**2 + HYPERPRIOR.median.globe.level**2
_BEFORE = 0.5
"""Weight before any outcome."""


class ElicitedPrior(NamedTuple):
    """What was said, and how far it is believed, of every arm's family."""

    mean: Float[np.ndarray, " arm"]
    """Utility over the baseline, given success."""
    scale: Float[np.ndarray, " arm"]
    """Its standard deviation; infinite where nothing was said."""
    family: Int[np.ndarray, " arm"]
    """Index."""
    weight: Float[np.ndarray, " arm"]

    @property
    def contradicted(self) -> Bool[np.ndarray, " arm"]:
        """Whether what was said is reported as wrong."""
        return self.weight < CONFLICT_THRESHOLD


def elicit(mean: np.ndarray, scale: np.ndarray, family: np.ndarray) -> ElicitedPrior | None:
    """Before any outcome; None where nothing was said."""
    has_prior = np.isfinite(scale)
    return ElicitedPrior(mean, scale, family, np.where(has_prior, _BEFORE, 1.0)) if has_prior.any() else None


def as_measurement(expert: ElicitedPrior) -> ElicitedOffset:
    """As the tree takes it."""
    has_prior, sharers = np.isfinite(expert.scale), np.bincount(expert.family)[expert.family]
    precision = expert.weight / (expert.scale**2 + (1 - expert.weight) * _USUAL) / sharers
    return ElicitedOffset(np.where(has_prior, expert.weight * expert.mean, 0.0), precision)


def reweight(expert: ElicitedPrior, fit: Fit, stats: SufficientStatistics) -> ElicitedPrior:
    """The same, believed as far as all outcomes speak for it. stats [project, context, arm]."""
    has_prior, likelier = np.isfinite(expert.scale), np.zeros(len(expert.scale))
    usual = _log_probability(fit, stats, None)
    for family in np.unique(expert.family[has_prior]).tolist():
        own = expert.family == family
        alone = expert._replace(scale=np.where(own, expert.scale, np.inf), weight=np.ones(len(own)))
        likelier[own] = _log_probability(fit, stats, as_measurement(alone)) - usual
    return expert._replace(weight=posterior_weight(likelier, expert.family, has_prior))


def _log_probability(fit: Fit, stats: SufficientStatistics, measurement: ElicitedOffset | None) -> float:
    """Of all outcomes, given what was said."""
    fit = fit._replace(scales=fit.scales._replace(elicited=measurement))
    projects, contexts, arms = stats.count.shape
    nothing = SufficientStatistics(*np.zeros((3, 1, 1, arms)))
    if collapsed.exceeds_dense_budget(arms, projects, contexts):
        return collapsed.log_evidence(fit, stats) - collapsed.log_evidence(fit, nothing)
    both = [solve(cells(data), fit.scales, fit.family, fit.families).evidence for data in (stats, nothing)]
    return float(both[0] - both[1])

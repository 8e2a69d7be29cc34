"""Domain priors that the outcomes contradict: detected by how well they predict, and discounted.

An expert's Beta(a_f, b_f) for the success of family f is one part of a mixture, the usual Beta(a_0, b_0) the other:

    p_f ~ trust Beta(a_f, b_f) + (1 - trust) Beta(a_0, b_0),    trust ~ Uniform(0, 1), one for all families

With B_f = P(outcomes of f | Beta(a_f, b_f)) / P(outcomes of f | Beta(a_0, b_0)), both beta-binomial, the expert is
right about f with probability

    w_f = E[trust B_f / (trust B_f + 1 - trust)],    p(trust | outcomes) proportional to prod_f (trust B_f + 1 - trust)

and the prior that counts is w_f (a_f, b_f) + (1 - w_f) (a_0, b_0). So an expert who was wrong about some families is
believed less about all of them. Source: Schmidli et al., robust mixture priors (2014); Evans and Moshonov (2006).
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.lazy import special

_TRUST = (np.arange(20.0) + 0.5)[:, None] / 20.0
"""Midpoints on which the integral over trust is taken."""
CONFLICT_THRESHOLD = 0.25
"""Weight below which a prior is reported as contradicted; before any outcome it is 1/2."""


class ElicitedBeta(NamedTuple):
    """What was said before any outcome."""

    prior: Float[np.ndarray, "arm 2"]
    """Pseudo-counts of success and failure of every arm's family."""
    usual: Float[np.ndarray, "2"]
    """The same where nothing is said."""
    family: Int[np.ndarray, " arm"]
    """Index of the family."""


class DiscountedPrior(NamedTuple):
    """What is left of it."""

    prior: Float[np.ndarray, "arm 2"]
    """Pseudo-counts that count."""
    weight: Float[np.ndarray, " arm"]
    """Probability that what was said of the arm's family is right."""

    @property
    def contradicted(self) -> np.ndarray:
        """(arms,) bool."""
        return self.weight < CONFLICT_THRESHOLD


def discount_prior(elicited: ElicitedBeta, outcomes: np.ndarray, successes: np.ndarray) -> DiscountedPrior:
    """outcomes, successes: (arms,) counts. Families of which nothing special was said keep the usual prior."""
    informative = (elicited.prior != elicited.usual).any(axis=1)
    families = int(elicited.family.max()) + 1
    won = np.bincount(elicited.family, successes, families)[elicited.family]
    lost = np.bincount(elicited.family, outcomes - successes, families)[elicited.family]
    expert, usual = (_log_probability(prior, won, lost) for prior in (elicited.prior.T, elicited.usual))
    weight = posterior_weight(expert - usual, elicited.family, informative)
    return DiscountedPrior(weight[:, None] * elicited.prior + (1 - weight[:, None]) * elicited.usual, weight)


def posterior_weight(log_factor: np.ndarray, family: np.ndarray, informative: np.ndarray) -> np.ndarray:
    """(arms,) w_f of every arm's family, 1 where nothing was said. log_factor: (arms,) log B_f of the same."""
    first = np.unique(family, return_index=True)[1]
    odds = log_factor + np.log(_TRUST / (1 - _TRUST))
    # Of each family once, however many arms it has.
    likelihood = (np.logaddexp(0.0, odds) + np.log1p(-_TRUST))[:, first[informative[first]]].sum(axis=1)
    chance = np.exp(likelihood - likelihood.max())
    return np.where(informative, chance @ special.expit(odds) / chance.sum(), 1.0)


def _log_probability(prior: np.ndarray, won: np.ndarray, lost: np.ndarray) -> np.ndarray:
    a, b = prior
    return np.asarray(special.betaln(a + won, b + lost) - special.betaln(a, b))

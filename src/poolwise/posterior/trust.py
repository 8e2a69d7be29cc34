"""Guard against negative transfer: how far a project is believed to be like the others is learned from its outcomes.

Two beliefs predict every outcome of a young project before it is learned: the pooled one, and one that has seen this
project alone, under the scales that all projects taught. With running predictive log densities l and the prior trust w0
in pooling,

    weight = w0 exp(l_pooled) / (w0 exp(l_pooled) + (1 - w0) exp(l_alone))

and what is believed is their mixture, by its mean and variance. By the mixture's own log score, trusting wrongly costs
at most log(1 / (1 - w0)) in all. The densities are Student's t with few degrees of freedom, so that no single outcome
decides. A limit: only chosen arms are predicted, so a project in which an arm is better than the pooled belief
lets anyone try is not found out; `benchmarks/projects.py --outlier` measures it. Source: Schmidli et al., robust
mixture priors (2014); Dawid, prequential analysis (1984).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, gammaln

from poolwise.posterior.joint import Joint, Look

TRUST = 0.9
"""Prior probability that a project is like the others."""
YOUNG = 200
"""Outcomes of a project after which its own evidence has decided, and it is looked at once again."""
_FREEDOM = 4.0


class _Apprentice(NamedTuple):
    """A belief of one project alone, and how its predictions compare."""

    joint: Joint
    state: np.ndarray
    """(2,): log odds for pooling from the outcomes, and how many there were."""


class Trusting:
    """A `Joint` that every young project may distrust; `look` and `learn` as there. `joint` is the pooled belief."""

    def __init__(self, joint: Joint, failure_utility: float) -> None:
        self.joint, self._failure = joint, failure_utility
        self._alone: dict[int, _Apprentice] = {}

    @property
    def outcomes(self) -> int:
        """How many outcomes the belief rests on."""
        return self.joint.outcomes

    def weight(self, project: int) -> float:
        """Probability that the project is like the others."""
        if project not in self._alone:
            return TRUST if project else 1.0
        return float(expit(np.log(TRUST / (1 - TRUST)) + self._alone[project].state[0]))

    def look(self, project: int, context: int) -> Look:
        """What is believed now; see `Joint.look`. The wider beliefs are the pooled ones."""
        pooled = self.joint.look(project, context)
        if not self._watched(project):
            return pooled
        return mixed(pooled, self._apprentice(project).joint.look(0, context), self.weight(project))

    def learn(self, project: int, context: int, arm: int, utility: float, ok: bool) -> None:
        """One outcome: predicted by both beliefs, then learned by both."""
        if self._watched(project):
            one = self._apprentice(project)
            pooled, alone = self.joint.look(project, context), one.joint.look(0, context)
            odds = log_density(pooled, arm, utility) - log_density(alone, arm, utility)
            one.joint.learn(0, context, arm, utility, ok)
            one.state[:] += odds, 1.0
        self.joint.learn(project, context, arm, utility, ok)

    def reestimate(self) -> None:
        """The scales of the pooled belief."""
        self.joint.reestimate()

    def _watched(self, project: int) -> bool:
        """The first project has nothing to distrust; an old one has enough outcomes of its own to stand on, unless it
        was found to be different."""
        if project == 0:
            return False
        known = self._alone.get(project)
        return known is None or known.state[1] < YOUNG or self.weight(project) < 0.5

    def _apprentice(self, project: int) -> _Apprentice:
        if project not in self._alone:
            scales = self.joint.scales._replace(factors=None)
            self._alone[project] = _Apprentice(Joint(scales, self._failure), np.zeros(2))
        return self._alone[project]


def mixed(pooled: Look, alone: Look, weight: float) -> Look:
    """Mean and standard deviation of the mixture of two beliefs."""
    mean = weight * pooled.mean + (1 - weight) * alone.mean
    within = weight * pooled.scale**2 + (1 - weight) * alone.scale**2
    between = weight * (1 - weight) * (pooled.mean - alone.mean) ** 2
    noise = weight * pooled.noise + (1 - weight) * alone.noise
    return pooled._replace(mean=mean, scale=np.sqrt(within + between), noise=noise)


def log_density(seen: Look, arm: int, utility: float) -> float:
    """Of one outcome before it is learned: Student's t around the mean, as wide as belief and noise together."""
    width = float(np.hypot(seen.scale[arm], seen.noise[arm]))
    score = (utility - float(seen.mean[arm])) / width
    constant = gammaln(0.5 * (_FREEDOM + 1)) - gammaln(0.5 * _FREEDOM) - 0.5 * np.log(_FREEDOM * np.pi)
    return float(constant - np.log(width) - 0.5 * (_FREEDOM + 1) * np.log1p(score**2 / _FREEDOM))

"""Guard against negative transfer: whether a project is like the others is learned from its own outcomes.

With probability `trust` its effects are what the tree makes of them given the other projects, otherwise a draw of its
own from the same scales, of which no other project tells anything. With y[p] the outcomes of the project,

    log odds = log trust / (1 - trust) + log p(y[p] | y of the others) - log p(y[p])

where log p(y[p] | y of the others) = log p(y) - log p(y of the others), all in closed form; while outcomes arrive one
by one it grows by the difference of the two predictive log densities, which is the same by the chain rule. What is
believed is the mixture of both, by its mean and covariance. By the mixture's own log score, trusting wrongly costs at
most log(1 / (1 - trust)) in all. Effects given success alone: chances of success stay pooled. Source: Schmidli et al.,
robust mixture priors (2014); Dawid, prequential analysis (1984).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from poolwise.posterior import online
from poolwise.posterior.crossed import Cells, solve
from poolwise.posterior.gaussian import Fit, Statistics
from poolwise.posterior.online import Seen

_CERTAIN = 9.0
"""Log odds from which on the others alone are believed, until everything is estimated again."""


class Alone(NamedTuple):
    """What one project says by itself, changed in place."""

    state: online.State
    """Of this project, as number 0."""
    odds: np.ndarray
    """(1,): log p(outcomes | others) - log p(outcomes)."""


def begun(fit: Fit, every: Cells, project: int) -> Alone | None:
    """From all statistics [project, context, arm]; None where nobody else tells anything."""
    others = every.count.copy()
    others[project] = 0.0
    if fit.hyper.pooled is None and not others.any():
        return None
    by_itself = fit._replace(hyper=fit.hyper._replace(pooled=None))
    own = Cells(*(part[project : project + 1] for part in every))
    state = online.start(
        by_itself, Statistics(own.count, own.count * own.mean, own.deviation + own.count * own.mean**2)
    )
    if not own.count.any():
        return Alone(state, np.zeros(1))
    told = _evidence(every, fit) - _evidence(every._replace(count=others), fit)
    return Alone(state, np.array([told - _evidence(own, by_itself)]))


def _evidence(data: Cells, fit: Fit) -> float:
    known = data.count > 0
    data = data._replace(mean=data.mean * known, deviation=data.deviation * known)
    return float(solve(data, fit.hyper, fit.family, fit.families).evidence)


def learn(one: Alone, pooled: Seen, context: int, arm: int, y: float, weight: float = 1.0) -> None:
    """One success of utility y, which the others' belief `pooled` has not learned yet; weight: what it counts as."""
    mine = online.look(one.state, 0, context)
    noise = float(one.state.noise[context, arm])
    one.odds[0] += weight * (_log_density(pooled, arm, y, noise) - _log_density(mine, arm, y, noise))
    absorb(one, context, arm, y, weight)


def absorb(one: Alone, context: int, arm: int, y: float, weight: float) -> None:
    """The same where nothing is predicted."""
    online.absorb(one.state, 0, context, arm, y, weight)


def _log_density(seen: Seen, arm: int, y: float, noise: float) -> float:
    variance = float(seen.scale[0, arm]) ** 2 + noise**2
    return -0.5 * (np.log(variance) + (y - float(seen.mean[0, arm])) ** 2 / variance)


def settled(one: Alone, trust: float) -> bool:
    """Whether the project is like the others for certain."""
    return bool(logit(trust) + one.odds[0] > _CERTAIN)


def believed(one: Alone, pooled: Seen, context: int, trust: float) -> Seen:
    """The mixture, as `online.look`. What this context shares with other projects is theirs, and changes only as far as
    this project is like them."""
    return mixed(pooled, online.look(one.state, 0, context), float(expit(logit(trust) + float(one.odds[0]))))


def mixed(pooled: Seen, alone: Seen, weight: float) -> Seen:
    """Means, standard deviations and covariances of the mixture with so much weight on the first."""
    gap = pooled.mean - alone.mean
    mean, scale = pooled.mean.copy(), pooled.scale.copy()
    mean[:2] -= (1 - weight) * gap[:2]
    within = weight * pooled.scale[:2] ** 2 + (1 - weight) * alone.scale[:2] ** 2
    scale[:2] = np.sqrt(within + weight * (1 - weight) * gap[:2] ** 2)
    if pooled.share is None or alone.share is None:
        return Seen(mean, scale, None)
    along = weight * pooled.share * pooled.scale[0] ** 2
    along[0] += (1 - weight) * (alone.share[0] * alone.scale[0] ** 2 + weight * gap[0] * gap[1])
    return Seen(mean, scale, along / scale[0] ** 2)

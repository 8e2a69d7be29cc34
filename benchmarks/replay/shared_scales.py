"""A hyperprior in which effects that outcomes cannot tell apart share the scale of one of them.

Where there is one project, its effects and the levels are known only by their sum, and so are its cells' and the
contexts'; where there is one context, levels and contexts, projects and cells; where every context has one project,
contexts and cells. In such a group, of which the first in the order of `TierScales` is b,

    median'_i = median_i median_b / sqrt(sum_j median_j^2)

so that the sum is believed to vary as b alone would. How it is split is left as it was: it says how much a project or
context to come will borrow.
"""

import numpy as np

from poolwise.posterior.hyperparameters.gaussian import Hyperprior, TierScales


def identified(prior: Hyperprior, count: np.ndarray) -> Hyperprior:
    """The hyperprior for outcomes of which there are so many, [project, context, arm]."""
    groups = _groups(count.sum(axis=2) > 0)
    arm, family, globe = (_shared(tier, groups) for tier in prior.median[:3])
    return prior._replace(median=prior.median._replace(arm=arm, family=family, globe=globe))


def _groups(seen: np.ndarray) -> np.ndarray:
    """(4,) of level, context, project and cell: the first block that each cannot be told from; seen: cells."""
    sizes = np.maximum([1, seen.any(axis=0).sum(), seen.any(axis=1).sum(), seen.sum()], 1)
    alike = np.where(sizes == 1, 0, np.where(sizes == sizes[3], 3, np.arange(4)))
    return np.array([np.flatnonzero(alike == one)[0] for one in alike])


def _shared(tier: TierScales, groups: np.ndarray) -> TierScales:
    medians = np.array([float(scale) for scale in tier])
    together = np.bincount(groups, medians**2, 4)[groups]
    return TierScales(*(medians * medians[groups] / np.sqrt(together)).tolist())
